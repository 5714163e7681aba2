//! A pulse that comes from elsewhere. It keeps the wall time it has there, to the nanosecond;
//! docs/development/import.md tells why and how.

use crate::model::WallNs;

/// A pulse from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    /// Its wall time.
    pub wall_ns: WallNs,
    /// Its meter, by position in the list of names that the journal was opened with.
    pub meter: u16,
    /// The stamp is a guess.
    pub estimated: bool,
    /// Its wall time here if it was captured here, too, and its segment was settled to another offset.
    pub here_ns: WallNs,
}

impl Arrival {
    /// One that has but one stamp.
    pub fn new(meter: u16, wall_ns: WallNs, estimated: bool) -> Arrival {
        Arrival {
            wall_ns,
            meter,
            estimated,
            here_ns: wall_ns,
        }
    }
}
