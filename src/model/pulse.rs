//! Pulses.

use super::meter::MeterId;
use super::time::MonoNs;

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
