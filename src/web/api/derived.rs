//! Sums of several meters, and what is derived of them: signed, ratios of sums, nothing where a meter is lacking. Pure.

use serde::Serialize;

use crate::answers::overview::HouseEnergy;
use crate::answers::present::{Present, PresentMeter};
use crate::energy::derived::Balance;
use crate::model::{Quantity, Role};
use crate::web::worth_sums::WorthSums;

/// Pulses, and what they mean: in watt-hours where that is electric energy, and in the meter's unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Count {
    /// None: not known.
    pub(super) pulses: Option<i64>,
    pub(super) energy_wh: Option<f64>,
    pub(super) amount: Option<f64>,
    pub(super) watched_s: i64,
}

impl Count {
    /// It is not known how many.
    pub(super) fn unknown() -> Count {
        Count {
            pulses: None,
            energy_wh: None,
            amount: None,
            watched_s: 0,
        }
    }

    /// Of the pulses of a meter of this unit.
    pub(super) fn of(sums: &WorthSums, unit: Quantity, watched_s: i64) -> Count {
        Count {
            pulses: Some(sums.pulses()),
            energy_wh: sums.energy_wh(),
            amount: sums.amount(unit),
            watched_s,
        }
    }
}

/// What is derived of the sums of a span.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Derived {
    #[serde(flatten)]
    house: HouseEnergy,
    meters_disagree: bool,
    why: Option<&'static str>,
}

impl Derived {
    /// Nothing is known of the span.
    pub(super) fn unknown(why: Option<&'static str>) -> Derived {
        Derived {
            house: HouseEnergy::default(),
            meters_disagree: false,
            why: why.or(Some(NOT_WATCHED)),
        }
    }

    /// Of what all meters have counted; `why`: why there are no sums of several meters.
    pub(super) fn of(balance: &Balance, why: Option<&'static str>) -> Derived {
        if why == Some(WORTH_UNKNOWN) {
            return Derived::unknown(why);
        }
        Derived {
            house: HouseEnergy::of(balance),
            meters_disagree: balance.disagreement().is_some(),
            why,
        }
    }
}

/// What a span has counted is not known.
pub(super) const NOT_WATCHED: &str = "not_watched";

/// Of a meter of the house it is not known what a pulse is worth: without it the house would be another one.
pub(super) const WORTH_UNKNOWN: &str = "pulse_worth_unknown";

/// Why there are no sums of these meters; None: there are.
pub(super) fn why_of(present: &Present) -> Option<&'static str> {
    let is_unknown = |meter: &PresentMeter| meter.role.is_some() && meter.worth.is_none();
    let unknown = present.meters.iter().any(is_unknown);
    match why(&present.roles()) {
        None | Some("one_meter") if unknown => Some(WORTH_UNKNOWN),
        why => why,
    }
}

/// The same by what they are to the house alone.
fn why(roles: &[Role]) -> Option<&'static str> {
    let has = |role| roles.contains(&role);
    match (has(Role::Import), has(Role::Export), has(Role::Generation)) {
        (true, true, true) => None,
        (true, false, false) => Some("one_meter"),
        (false, ..) => Some("no_import_meter"),
        (_, false, _) => Some("no_export_meter"),
        (.., false) => Some("no_generation_meter"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_that_lacks_is_named() {
        use Role::{Export, Generation, Import};
        assert_eq!(why(&[Import, Export, Generation]), None);
        assert_eq!(why(&[Import]), Some("one_meter"));
        assert_eq!(why(&[Import, Generation]), Some("no_export_meter"));
        assert_eq!(why(&[Import, Export]), Some("no_generation_meter"));
        assert_eq!(why(&[Generation]), Some("no_import_meter"));
    }
}
