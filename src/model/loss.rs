//! What is rejected, restored or lost, and why.

use std::collections::BTreeMap;
use std::fmt;

use super::meter::MeterId;
use super::time::WallNs;

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

impl fmt::Display for LossCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many pulses of one meter were lost (or rejected) for one cause, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// How many.
    pub pulses: u64,
    /// The first of them.
    pub first_ns: WallNs,
    /// The last of them.
    pub last_ns: WallNs,
}

impl Loss {
    /// `pulses` of them at one time.
    pub fn at(pulses: u64, wall_ns: WallNs) -> Loss {
        Loss {
            pulses,
            first_ns: wall_ns,
            last_ns: wall_ns,
        }
    }

    /// Both.
    pub fn merge(&mut self, other: Loss) {
        self.pulses += other.pulses;
        self.first_ns = self.first_ns.min(other.first_ns);
        self.last_ns = self.last_ns.max(other.last_ns);
    }
}

/// Losses by meter and cause.
pub type Losses = BTreeMap<(MeterId, LossCause), Loss>;
