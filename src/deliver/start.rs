//! What delivery needs to begin.

use std::sync::Arc;

use super::sink::Sink;
use crate::clock::Clock;
use crate::config::DeliverSettings;
use crate::journal::{Outbox, Reader};

/// What a [`super::Deliverer`] needs to begin.
#[derive(Debug)]
pub struct DelivererParts {
    /// A connection of its own.
    pub reader: Reader,
    /// Where batches go.
    pub sink: Box<dyn Sink>,
    /// Where the writer finds what is to be kept.
    pub outbox: Arc<Outbox>,
    /// Real time: pauses are the machine's, whatever clock the pulses stand on.
    pub clock: Arc<dyn Clock>,
    /// How to send.
    pub settings: DeliverSettings,
    /// The raw bucket's retention, in days.
    pub retention_d: u32,
    /// The measurement of the points.
    pub measurement: String,
    /// The destination's row in the journal.
    pub destination: i64,
}
