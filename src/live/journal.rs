//! The journal's part: what is committed and durable, how the disk does, on which clock pulses stand.

use crate::model::{IdRange, MonoNs, PulseId};

/// Whether pulses can be committed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum JournalPhase {
    /// What earlier runs have left is still being read.
    #[default]
    Learning,
    /// It is being opened.
    Opening {
        /// Since when, by the monotonic clock.
        since_ns: MonoNs,
        /// How the last try failed, as a kind; None: it has not ended yet.
        refused: Option<&'static str>,
    },
    /// It is open.
    Open,
}

/// What the writer, the durable thread and the main thread publish of the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalLive {
    /// Whether it is open.
    pub phase: JournalPhase,
    /// What tells it from all others; None: nothing does, or none was open yet.
    pub id: Option<String>,
    /// The newest id that survives the death of the process.
    pub committed: PulseId,
    /// The newest id that survives a power cut.
    pub durable: PulseId,
    /// The oldest and the newest id that are there; None: no pulse at all.
    pub bounds: Option<IdRange>,
    /// How commits fail now, as a kind; None: they do not.
    pub failing: Option<&'static str>,
    /// How making them durable fails now; None: it does not.
    pub unsyncable: Option<&'static str>,
    /// Since when the disk has not answered, by the monotonic clock; None: it does.
    pub stalled_since_ns: Option<MonoNs>,
    /// Bytes that hold data, at the last look (once a minute).
    pub bytes: u64,
    /// How often it was opened for writing: once a start, and whenever other settings ask for it.
    pub opened: u64,
    /// Grows when the file was found to be written to, by the daemon or beside it (looked at every 5 s).
    pub writes_seen: u64,
    /// The pulses are made up: by the simulated household, or from a recording.
    pub simulated: bool,
    /// The clock of the newest pulses; None: there are none.
    pub clock: Option<ClockLive>,
}

/// The clock of the newest pulses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockLive {
    /// `synchronised`, `rtc`, `assumed`, or `provisional`.
    pub trust: &'static str,
    /// Whether pulses are held, not delivered, until their time is known.
    pub holding: bool,
}
