//! What one look at the clocks shows, and how far it can be relied on.

use crate::model::{MonoNs, WallNs};

/// How far a segment's offset can be relied on; a later one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// Not yet: its pulses are kept but not delivered.
    Provisional,
    /// Taken for right because nothing better came in time.
    Assumed,
    /// A battery-backed clock of the machine set it.
    Rtc,
    /// The kernel has reported in this boot that the clock is synchronised.
    Synchronised,
}

impl Trust {
    /// Whether pulses of such a segment may leave.
    pub fn is_final(self) -> bool {
        self != Trust::Provisional
    }

    /// The number kept in the journal.
    pub fn as_code(self) -> i64 {
        match self {
            Trust::Provisional => 0,
            Trust::Assumed => 1,
            Trust::Rtc => 2,
            Trust::Synchronised => 3,
        }
    }

    /// From the number kept in the journal.
    pub fn from_code(code: i64) -> Trust {
        match code {
            1 => Trust::Assumed,
            2 => Trust::Rtc,
            3 => Trust::Synchronised,
            _ => Trust::Provisional,
        }
    }

    /// The word for it in JSON and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Trust::Provisional => "provisional",
            Trust::Assumed => "assumed",
            Trust::Rtc => "rtc",
            Trust::Synchronised => "synchronised",
        }
    }
}

/// One look at the clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockLook {
    /// The monotonic clock.
    pub mono_ns: MonoNs,
    /// Wall minus monotonic time.
    pub offset_ns: i64,
    /// How long the machine has been suspended in this boot.
    pub slept_ns: i64,
    /// The kernel says that the wall clock is synchronised.
    pub synchronised: bool,
}

impl ClockLook {
    /// The wall clock.
    pub fn wall_ns(&self) -> WallNs {
        WallNs(self.mono_ns.saturating_add(self.offset_ns))
    }

    /// When the boot began, by the wall clock: setting the clock changes it, sleep does not.
    pub fn boot_wall_ns(&self) -> WallNs {
        WallNs(self.offset_ns.saturating_sub(self.slept_ns))
    }
}
