//! What each answer says of a meter first: its name, what it is to the house, what it counts.

use serde::Serialize;

use crate::answers::present::{PresentMeter, role_word};
use crate::model::{PulseWorth, Quantity, Role};

/// It.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct MeterHead {
    pub(super) meter: String,
    pub(super) role: &'static str,
    pub(super) unit: Quantity,
    pub(super) rate_unit: &'static str,
    pub(super) imp_per_kwh: Option<f64>,
    pub(super) pulses_per_unit: Option<f64>,
}

impl MeterHead {
    /// Of a meter with this name, role and unit. `worth`: what a pulse is worth; None: not known.
    pub(super) fn new(
        meter: String,
        role: Option<Role>,
        (unit, worth): (Quantity, Option<PulseWorth>),
    ) -> MeterHead {
        MeterHead {
            meter,
            role: role_word(role),
            unit,
            rate_unit: unit.rate_unit(),
            imp_per_kwh: worth.and_then(|worth| worth.imp_per_kwh()),
            pulses_per_unit: worth.map(|worth| worth.pulses_per_unit),
        }
    }

    /// Of a configured one.
    pub(super) fn of(meter: &PresentMeter) -> MeterHead {
        let worth = (meter.unit, meter.worth);
        MeterHead::new(meter.name.clone(), meter.role, worth)
    }
}
