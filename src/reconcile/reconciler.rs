//! The reconciler itself: what it depends on, its settings, how it stands.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::lane::Lane;
use super::server::Server;
use crate::clock::Clock;
use crate::config::Downsampling;
use crate::journal::{JournalError, Outbox, Reader};
use crate::live::ServerPart;
use crate::model::{DestinationRow, MeterRow, MonoNs, Tier};
use crate::server::reminder::Reminder;
use crate::server::{Dependencies, Extras, RetryPolicy};

/// Which of the server's buckets are compared, and who writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writers {
    /// Who writes young windows.
    pub downsampling: Downsampling,
    /// Whether delivery sends pulses.
    pub raw: bool,
}

/// What decides whether there is something to compare: while it is the same nothing is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ComparedAt {
    pub(super) commits: u64,
    pub(super) closed_s: i64,
    /// The minute of the wall clock: windows settle, and what is held comes up again, by the minute.
    pub(super) minute_s: i64,
}

/// The stage.
#[derive(Debug)]
pub struct Reconciler {
    // Dependencies.
    pub(super) reader: Reader,
    pub(super) server: Box<dyn Server>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) board: ServerPart,
    // Settings.
    pub(super) backoff: RetryPolicy,
    pub(super) retention_d: u32,
    pub(super) measurement: String,
    pub(super) extras: Extras,
    pub(super) destination: DestinationRow,
    pub(super) downsampling: Downsampling,
    // State.
    pub(super) lanes: Vec<Lane>,
    pub(super) names: BTreeMap<MeterRow, String>,
    /// The server answers queries; known false only where the daemon writes all windows anyway, and until
    /// the next look.
    pub(super) readable: bool,
    /// When the last look began; None: none yet.
    pub(super) looked_ns: Option<MonoNs>,
    pub(super) saw_failing: bool,
    /// What there was to compare with when there was nothing left to do; None: there may be something.
    pub(super) nothing_left: Option<ComparedAt>,
    pub(super) condition: Reminder,
    pub(super) random: fastrand::Rng,
}

impl Reconciler {
    /// Takes up where the journal says the last run stopped.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn begin(
        start: Dependencies,
        server: Box<dyn Server>,
        writers: Writers,
    ) -> Result<Reconciler, JournalError> {
        let views = writers.downsampling != Downsampling::Off;
        let mut lanes = Vec::new();
        for level in Tier::ALL {
            if if level == Tier::Raw {
                writers.raw
            } else {
                views
            } {
                let known = start.reader.compared(start.destination, level)?;
                lanes.push(Lane::new(level, known, start.settings.batch_lines_max));
            }
        }
        let backoff = RetryPolicy {
            retries_max: start.settings.retries_max,
            interval: Duration::from_millis(start.settings.replay_interval_ms),
        };
        Ok(Reconciler {
            names: start.reader.meter_names()?,
            looked_ns: None,
            reader: start.reader,
            server,
            outbox: start.outbox,
            clock: start.clock,
            board: start.shown_on,
            backoff,
            retention_d: start.retention_d,
            measurement: start.measurement,
            extras: start.extras,
            destination: start.destination,
            downsampling: writers.downsampling,
            lanes,
            readable: true,
            saw_failing: false,
            nothing_left: None,
            condition: Reminder::default(),
            random: fastrand::Rng::new(),
        })
    }
}
