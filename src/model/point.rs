//! The names of a point on the server.

/// The tag that names the meter.
pub const TAG: &str = "PulseType";

/// The field that counts pulses.
pub const FIELD: &str = "Pulse";
