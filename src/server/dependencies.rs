//! What a stage that speaks with the server needs, besides the server itself.

use std::sync::Arc;

use super::extras::Extras;
use crate::clock::Clock;
use crate::config::DeliverSettings;
use crate::journal::Outbox;
use crate::journal::Reader;
use crate::live::ServerPart;
use crate::model::DestinationRow;

/// What delivery and the reconciler need to begin, each its own.
#[derive(Debug)]
pub struct Dependencies {
    /// A connection of its own.
    pub reader: Reader,
    /// Where the writer finds what is to be kept.
    pub outbox: Arc<Outbox>,
    /// Where the stage shows how it stands.
    pub shown_on: ServerPart,
    /// Real time: pauses are the machine's, whatever clock the pulses stand on.
    pub clock: Arc<dyn Clock>,
    /// How to send and to retry.
    pub settings: DeliverSettings,
    /// The raw bucket's retention, in days.
    pub retention_d: u32,
    /// The measurement of the points.
    pub measurement: String,
    /// What they have beside the pulses.
    pub extras: Extras,
    /// The destination's row in the journal.
    pub destination: DestinationRow,
}
