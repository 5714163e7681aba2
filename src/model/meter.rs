//! Meters.

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

/// Pulses for one kilowatt-hour of a simulated meter where the configuration does not say: the most usual one.
pub const SIMULATED_IMP_PER_KWH: f64 = 1000.0;
