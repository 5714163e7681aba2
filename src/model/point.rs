//! The names of a point on the server.

/// The tag that names the meter.
pub const TAG: &str = "PulseType";

/// The field that counts pulses.
pub const FIELD: &str = "Pulse";

/// The extra field with the energy of the pulses, in Wh.
pub const ENERGY_FIELD: &str = "energy_wh";

/// The extra field with the mean power of a window, in W.
pub const POWER_FIELD: &str = "power_w";

/// The extra field with what the energy of the pulses costs, in the configured currency; less than nothing where it earns.
pub const COST_FIELD: &str = "cost";

/// Which fields points have beside the pulses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExtraFields {
    /// [`ENERGY_FIELD`], in raw and in the views.
    pub energy: bool,
    /// [`POWER_FIELD`], in the views.
    pub power: bool,
    /// [`COST_FIELD`], in raw and in the views.
    pub cost: bool,
}

impl ExtraFields {
    /// Their names.
    pub const NAMES: [&str; 3] = [ENERGY_FIELD, POWER_FIELD, COST_FIELD];

    /// The names of those that are chosen.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let chosen = [self.energy, self.power, self.cost];
        let all = Self::NAMES.into_iter().zip(chosen);
        all.filter_map(|(name, is_chosen)| is_chosen.then_some(name))
    }
}
