//! Publishing by MQTT, as the rest of the daemon sees it.

use std::io;
use std::sync::Arc;

use super::client;
use super::shared::{MqttInUse, MqttShared};
use crate::clock::Clock;
use crate::live::{Board, Subscription};
use crate::system::signals::Shutdown;

/// The thread that publishes, and what it is told. Clones share it.
#[derive(Debug, Clone)]
pub struct Publishing {
    shared: Arc<MqttShared>,
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
}

impl Publishing {
    /// What `board` shows, by the clock that stamps the pulses; nothing yet.
    ///
    /// # Errors
    /// When the process may open no more descriptors.
    pub fn new(board: Arc<Board>, clock: Arc<dyn Clock>) -> io::Result<Publishing> {
        Ok(Publishing {
            shared: Arc::new(MqttShared::new()?),
            board,
            clock,
        })
    }

    /// With these settings from here on; None: nothing is published. Certificates and names are looked up again.
    pub fn use_settings(&self, in_use: Option<MqttInUse>) {
        self.shared.use_settings(in_use);
    }

    /// Ends what the thread waits for, so that it sees the end.
    pub fn wake(&self) {
        self.shared.nudge.wake();
    }

    /// Publishes until the end: the work of a thread.
    pub fn run(&self, shutdown: &Shutdown) {
        let _subscription = self.subscribe();
        client::run(&self.shared, &self.board, &*self.clock, shutdown);
    }

    fn subscribe(&self) -> Subscription {
        let shared = Arc::clone(&self.shared);
        self.board.subscribe(move || shared.nudge.board_changed())
    }
}
