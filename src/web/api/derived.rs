//! Sums of several meters, and what is derived of them: signed, ratios of sums, nothing where a meter is lacking. Pure.

use serde::Serialize;

use super::part_sums::WorthSums;
use crate::answers::factors::energy_wh;
use crate::answers::overview::HouseEnergy;
use crate::energy::derived::Balance;
use crate::model::Role;

/// Pulses, and the energy that they mean.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Count {
    pub(super) pulses: i64,
    energy_wh: Option<f64>,
    pub(super) watched_s: i64,
}

impl Count {
    pub(super) fn of(pulses: i64, imp_per_kwh: Option<f64>, watched_s: i64) -> Count {
        Count {
            pulses,
            energy_wh: energy_wh(pulses, imp_per_kwh),
            watched_s,
        }
    }

    /// Of pulses that were not all worth the same.
    pub(super) fn of_sums(sums: &WorthSums, watched_s: i64) -> Count {
        Count {
            pulses: sums.pulses(),
            energy_wh: sums.energy_wh(),
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
    pub(super) fn of(balance: &Balance, roles: &[Role]) -> Derived {
        Derived {
            house: HouseEnergy::of(balance),
            meters_disagree: balance.disagreement().is_some(),
            why: why(roles),
        }
    }
}

/// Why there are no sums of several meters; None: there are.
pub(super) fn why(roles: &[Role]) -> Option<&'static str> {
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

    #[test]
    fn energy_is_known_where_a_pulse_is_worth_something() {
        assert_eq!(energy_wh(1_500, Some(2_000.0)), Some(750.0));
        assert_eq!(energy_wh(1, None), None);
    }
}
