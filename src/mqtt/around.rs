//! What the MQTT thread works with, whatever connection it has.

use tracing::warn;

use super::nudge::Nudge;
use super::shared::MqttShared;
use super::trouble::BrokerTrouble;
use crate::clock::Clock;
use crate::live::Board;
use crate::system::signals::Shutdown;

/// The board, the clock, the end, and what is told of the broker.
#[derive(Debug)]
pub(super) struct MqttAround<'a> {
    // Dependencies.
    pub(super) shared: &'a MqttShared,
    pub(super) board: &'a Board,
    /// Stamps the pulses.
    pub(super) clock: &'a dyn Clock,
    pub(super) shutdown: &'a Shutdown,
    // State.
    pub(super) trouble: BrokerTrouble,
    /// What was logged last: a steady failure is logged once.
    logged: String,
}

impl<'a> MqttAround<'a> {
    /// Of a thread that begins.
    pub(super) fn new(
        shared: &'a MqttShared,
        board: &'a Board,
        clock: &'a dyn Clock,
        shutdown: &'a Shutdown,
    ) -> MqttAround<'a> {
        MqttAround {
            shared,
            board,
            clock,
            shutdown,
            trouble: BrokerTrouble::default(),
            logged: String::new(),
        }
    }

    /// What ends a wait.
    pub(super) fn nudge(&self) -> &'a Nudge {
        &self.shared.nudge
    }

    /// Whether what is done with these settings is to end.
    pub(super) fn is_over(&self, generation: u64) -> bool {
        self.shutdown.is_requested() || self.shared.generation() != generation
    }

    /// Shows on the board what is to be told.
    pub(super) fn tell(&self) {
        self.board.set_broker(self.trouble.told());
    }

    /// Logs a failure, once as long as it stays the same.
    pub(super) fn log(&mut self, text: &str) {
        if self.logged != text {
            warn!("{text}");
            text.clone_into(&mut self.logged);
        }
    }

    /// What fails from here on is logged again.
    pub(super) fn log_again(&mut self) {
        self.logged.clear();
    }
}
