//! The vocabulary of the house: edges, pulses, meters. Pure data, no I/O.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A stamp of `CLOCK_MONOTONIC` (or of a simulated clock in its place), in nanoseconds.
pub type MonoNs = i64;

/// A stamp of wall time: nanoseconds since 1970-01-01T00:00:00Z, without leap seconds.
pub type WallNs = i64;

/// Nanoseconds in one second.
pub const NS_PER_S: i64 = 1_000_000_000;

/// Nanoseconds in one millisecond.
pub const NS_PER_MS: i64 = 1_000_000;

/// A meter, by its position in the configuration. Valid within one run of the program;
/// the journal keeps meters by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeterId(pub u16);

impl MeterId {
    /// The position of this meter in the configuration's list.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The level of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Low, inactive as the wire has it.
    Low,
    /// High.
    High,
}

impl Level {
    /// The other level.
    pub fn inverted(self) -> Level {
        match self {
            Level::Low => Level::High,
            Level::High => Level::Low,
        }
    }
}

/// The direction of a physical transition of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeKind {
    /// From low to high.
    Rising,
    /// From high to low.
    Falling,
}

impl EdgeKind {
    /// The level the line has after this edge.
    pub fn level_after(self) -> Level {
        match self {
            EdgeKind::Rising => Level::High,
            EdgeKind::Falling => Level::Low,
        }
    }

    /// The edge that leads to `level`.
    pub fn towards(level: Level) -> EdgeKind {
        match level {
            Level::High => EdgeKind::Rising,
            Level::Low => EdgeKind::Falling,
        }
    }
}

/// One transition of a line, as the kernel stamped it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The meter whose line it is.
    pub meter: MeterId,
    /// Its direction.
    pub kind: EdgeKind,
    /// The kernel's stamp, taken in the interrupt.
    pub mono_ns: MonoNs,
    /// The kernel's count of edges on this line since its request, from 1; wraps at 2^32.
    /// A gap in it is the kernel's only word about events it had to drop.
    pub line_seqno: u32,
}

/// One transition that counts: it has passed the filter and is worth 1 / imp_per_kwh kWh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// The meter it belongs to.
    pub meter: MeterId,
    /// The clock segment that ties its stamp to wall time.
    pub segment: SegmentNo,
    /// The stamp of its edge; strictly increasing within (meter, segment).
    pub mono_ns: MonoNs,
    /// The number is known but the stamp is not: it was put back between its neighbours.
    pub estimated: bool,
}

/// A clock segment of this run of the program, counted from 0. The journal has its own
/// row ids for segments and maps these to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentNo(pub u32);

/// Which physical transitions of a line count as a pulse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedEdge {
    /// Low to high.
    Rising,
    /// High to low.
    Falling,
    /// Each of the two is a pulse (meters with an equal mark-space output).
    Both,
}

impl CountedEdge {
    /// Whether `kind` is among the transitions that count.
    pub fn counts(self, kind: EdgeKind) -> bool {
        matches!(
            (self, kind),
            (CountedEdge::Both, _)
                | (CountedEdge::Rising, EdgeKind::Rising)
                | (CountedEdge::Falling, EdgeKind::Falling)
        )
    }

    /// The word used in configuration and output.
    pub fn as_str(self) -> &'static str {
        match self {
            CountedEdge::Rising => "rising",
            CountedEdge::Falling => "falling",
            CountedEdge::Both => "both",
        }
    }
}

/// The resistor that the chip puts on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bias {
    /// Pulled up: the meter's output pulls the line low while it is active.
    Up,
    /// Pulled down: the meter's output pulls the line high while it is active.
    Down,
    /// None: the wiring has its own resistor.
    None,
}

impl Bias {
    /// The word used in configuration and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Bias::Up => "up",
            Bias::Down => "down",
            Bias::None => "none",
        }
    }
}

/// Why a pulse, or an edge that might have been one, is not among those delivered.
/// Used alike as ledger key, log field and metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LossCause {
    /// Rejected by the filter: the level did not stay for the bounce time.
    Bounce,
    /// Rejected by the filter: the active phase was shorter than the minimum width.
    Width,
    /// Rejected by the filter: the active phase was longer than the maximum width.
    Long,
    /// Rejected by the filter: too soon after the pulse before.
    Interval,
    /// Two equal transitions in a row: the chip merged two edges into one interrupt.
    Merged,
    /// Not lost: the edges were missed (the kernel's buffer of 1024 was full), and their pulses put
    /// back by number, with stamps spread evenly over the gap.
    Restored,
    /// The queue in memory was full because the journal could not write.
    MemoryFull,
    /// Given up because the journal had reached its disk bound.
    DiskBound,
    /// The server refused the point for good; kept in quarantine.
    Refused,
    /// Not lost: the point is older than the raw bucket keeps; its windows have it.
    Retention,
}

impl LossCause {
    /// All causes, in the order in which they are shown.
    pub const ALL: [LossCause; 10] = [
        LossCause::Bounce,
        LossCause::Width,
        LossCause::Long,
        LossCause::Interval,
        LossCause::Merged,
        LossCause::Restored,
        LossCause::MemoryFull,
        LossCause::DiskBound,
        LossCause::Refused,
        LossCause::Retention,
    ];

    /// The machine word: ledger key, log field, metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            LossCause::Bounce => "bounce",
            LossCause::Width => "width",
            LossCause::Long => "long",
            LossCause::Interval => "interval",
            LossCause::Merged => "merged",
            LossCause::Restored => "restored",
            LossCause::MemoryFull => "memory_full",
            LossCause::DiskBound => "disk_bound",
            LossCause::Refused => "refused",
            LossCause::Retention => "retention",
        }
    }

    /// The cause with this machine word.
    pub fn from_word(word: &str) -> Option<LossCause> {
        LossCause::ALL
            .into_iter()
            .find(|cause| cause.as_str() == word)
    }

    /// Whether a pulse has gone missing: neither rejected on purpose, nor put back, nor delivered in windows.
    pub fn is_loss(self) -> bool {
        !self.is_filter() && !matches!(self, LossCause::Restored | LossCause::Retention)
    }

    /// Whether this is a filter doing its work rather than a pulse gone missing.
    pub fn is_filter(self) -> bool {
        matches!(
            self,
            LossCause::Bounce
                | LossCause::Width
                | LossCause::Long
                | LossCause::Interval
                | LossCause::Merged
        )
    }
}

/// What the filter of a line made lately of what looks like pulses. Older judgements count less. What is rejected counts
/// by cause where it is as long as what was there before: a meter's pulses are alike, interference is not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FilterTally {
    /// Pulses.
    pub pulses: u32,
    /// Rejected because the level did not stay for the bounce time.
    pub bounce: u32,
    /// Rejected because the active phase was too short.
    pub width: u32,
    /// Rejected because the active phase was too long.
    pub long: u32,
    /// Rejected because they came too soon after the pulse before.
    pub interval: u32,
    /// Too short for the chip to see.
    pub merged: u32,
    /// Rejected for any cause, and now of this length, now of that.
    pub varied: u32,
    /// The power in watts that the latest pulses mean, where it is more than can flow through the meter.
    pub excess_w: Option<u32>,
}

impl fmt::Display for LossCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
