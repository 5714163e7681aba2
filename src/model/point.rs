//! The names of a point on the server.

/// The tag that names the meter.
pub const TAG: &str = "PulseType";

/// The field that counts pulses.
pub const FIELD: &str = "Pulse";

/// The extra field with the energy of the pulses, in Wh.
pub const ENERGY_FIELD: &str = "energy_wh";

/// The extra field with the mean power of a window, in W.
pub const POWER_FIELD: &str = "power_w";

/// Which fields points have beside the pulses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExtraFields {
    /// [`ENERGY_FIELD`], in raw and in the views.
    pub energy: bool,
    /// [`POWER_FIELD`], in the views.
    pub power: bool,
}
