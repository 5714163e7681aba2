//! The reconciler itself: what it depends on, its settings, how it stands.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::lane::Lane;
use super::server::Server;
use crate::clock::Clock;
use crate::config::{DeliverSettings, Downsampling};
use crate::deliver::stats::DeliverStats;
use crate::journal::{JournalError, Outbox, Reader};
use crate::model::{MonoNs, Tier};
use crate::server::backoff::Backoff;
use crate::server::reminder::Reminder;

/// What the reconciler needs to begin.
#[derive(Debug)]
pub struct ReconcilerParts {
    /// A connection of its own.
    pub reader: Reader,
    /// The server.
    pub server: Box<dyn Server>,
    /// Where the writer finds what is to be kept.
    pub outbox: Arc<Outbox>,
    /// Real time.
    pub clock: Arc<dyn Clock>,
    /// How to retry.
    pub settings: DeliverSettings,
    /// The raw bucket's retention, in days.
    pub retention_d: u32,
    /// The measurement of the points.
    pub measurement: String,
    /// The destination's row in the journal.
    pub destination: i64,
    /// Who writes young windows.
    pub downsampling: Downsampling,
    /// Whether pulses are sent.
    pub raw: bool,
    /// How delivery stands.
    pub delivery: Option<Arc<DeliverStats>>,
}

/// The stage.
#[derive(Debug)]
pub struct Reconciler {
    // Dependencies.
    pub(super) reader: Reader,
    pub(super) server: Box<dyn Server>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) delivery: Option<Arc<DeliverStats>>,
    // Settings.
    pub(super) backoff: Backoff,
    pub(super) retention_d: u32,
    pub(super) measurement: String,
    pub(super) destination: i64,
    pub(super) downsampling: Downsampling,
    // State.
    pub(super) lanes: Vec<Lane>,
    pub(super) names: BTreeMap<i64, String>,
    /// The server answers queries; known false only where the daemon writes all windows anyway, and until
    /// the next look.
    pub(super) readable: bool,
    /// When the last look began; None: none yet.
    pub(super) looked_ns: Option<MonoNs>,
    pub(super) saw_failing: bool,
    pub(super) condition: Reminder,
    pub(super) random: fastrand::Rng,
}

impl Reconciler {
    /// Takes up where the journal says the last run stopped.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn begin(start: ReconcilerParts) -> Result<Reconciler, JournalError> {
        let views = start.downsampling != Downsampling::Off;
        let mut lanes = Vec::new();
        for level in Tier::ALL {
            if if level == Tier::Raw { start.raw } else { views } {
                let known = start.reader.compared(start.destination, level)?;
                lanes.push(Lane::new(level, known, start.settings.batch_lines_max));
            }
        }
        let backoff = Backoff {
            retries_max: start.settings.retries_max,
            interval: Duration::from_millis(start.settings.replay_interval_ms),
        };
        Ok(Reconciler {
            names: start.reader.meter_names()?,
            looked_ns: None,
            reader: start.reader,
            server: start.server,
            outbox: start.outbox,
            clock: start.clock,
            delivery: start.delivery,
            backoff,
            retention_d: start.retention_d,
            measurement: start.measurement,
            destination: start.destination,
            downsampling: start.downsampling,
            lanes,
            readable: true,
            saw_failing: false,
            condition: Reminder::default(),
            random: fastrand::Rng::new(),
        })
    }
}
