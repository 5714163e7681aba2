//! A reading of a meter's register.

use serde::{Deserialize, Serialize};

use super::WallNs;

/// What stood on a meter's face at a time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// When it was taken.
    pub at_ns: WallNs,
    /// The meter's pulses in the journal by then.
    pub pulses: i64,
    /// What the meter's face showed, in kWh.
    pub kwh: f64,
    /// Pulses for one kWh, as configured then.
    pub imp_per_kwh: f64,
    /// The register is counted from it; else it is but a note.
    pub adopted: bool,
}
