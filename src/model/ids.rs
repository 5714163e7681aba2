//! What the journal's rows are called by: meters, destinations, clock segments and pulses are all numbers there, and
//! a type each keeps one from standing in for another.

use std::fmt;
use std::ops::{Add, Sub};

/// The row of a meter in a journal. It belongs to that file alone: another journal, or a takeover, has its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeterRow(pub i64);

/// The row of a destination in a journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationRow(pub i64);

/// The row of a clock segment in a journal; [`super::SegmentNo`] is its number within one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentRow(pub i64);

/// A pulse's place in the journal's order: given once, from 1 on, without gaps. As a mark (the newest, the newest
/// durable one) 0, the default, stands for none yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PulseId(pub i64);

impl PulseId {
    /// The first that a journal gives.
    pub const FIRST: PulseId = PulseId(1);

    /// The one that is given after this one.
    pub fn next(self) -> PulseId {
        self + 1
    }

    /// The one that was given before this one.
    pub fn previous(self) -> PulseId {
        self - 1
    }
}

impl Add<i64> for PulseId {
    type Output = PulseId;

    /// So many pulses later; the last id there can be, rather than one that wraps.
    fn add(self, pulses: i64) -> PulseId {
        PulseId(self.0.saturating_add(pulses))
    }
}

impl Sub<i64> for PulseId {
    type Output = PulseId;

    fn sub(self, pulses: i64) -> PulseId {
        PulseId(self.0.saturating_sub(pulses))
    }
}

impl Sub for PulseId {
    type Output = i64;

    /// How many pulses later `self` was given than `earlier`.
    fn sub(self, earlier: PulseId) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for PulseId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// The ids from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdRange {
    /// The first id.
    pub first: PulseId,
    /// The last one.
    pub last: PulseId,
}

impl IdRange {
    /// Every id that a journal will ever give.
    pub const ALL: IdRange = IdRange {
        first: PulseId::FIRST,
        last: PulseId(i64::MAX / 2),
    };

    /// No id.
    pub const NONE: IdRange = IdRange {
        first: PulseId::FIRST,
        last: PulseId(0),
    };

    /// The same by numbers.
    #[cfg(test)]
    pub(crate) fn of(first: i64, last: i64) -> IdRange {
        IdRange::new(PulseId(first), PulseId(last))
    }

    /// From `first` to `last`; empty where that is before.
    pub fn new(first: PulseId, last: PulseId) -> IdRange {
        IdRange { first, last }
    }

    /// One id alone.
    pub fn one(id: PulseId) -> IdRange {
        IdRange::new(id, id)
    }

    /// All ids that have been given when `newest` is the newest of them.
    pub fn up_to(newest: PulseId) -> IdRange {
        IdRange::new(PulseId::FIRST, newest)
    }

    /// How many ids there are.
    pub fn len(self) -> i64 {
        (self.last - self.first).saturating_add(1).max(0)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.first > self.last
    }

    /// What the two have in common.
    pub fn within(self, other: IdRange) -> IdRange {
        IdRange::new(self.first.max(other.first), self.last.min(other.last))
    }

    /// Whether `id` is one of them.
    pub fn contains(self, id: PulseId) -> bool {
        (self.first..=self.last).contains(&id)
    }
}
