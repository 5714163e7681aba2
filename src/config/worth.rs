//! What a meter counts, and what one of its pulses is worth.

use super::dated_factors::{self, DatedFactor};
use super::given::Given;
use super::key::key;
use super::problem::Origin;
use super::section::Section;
use super::spacing::usual_max_rate;
use crate::model::{Quantity, Role};

const UNITS: &[(&str, Quantity)] = &[
    ("kWh", Quantity::KilowattHours),
    ("Wh", Quantity::WattHours),
    ("m3", Quantity::CubicMetres),
    ("l", Quantity::Litres),
];

/// What the configuration says of a meter's pulses.
#[derive(Debug)]
pub(super) struct MeterWorth {
    pub(super) unit: Quantity,
    /// None: not known.
    pub(super) pulses_per_unit: Option<f64>,
    pub(super) since: Vec<DatedFactor>,
    /// In the unit of the rate.
    pub(super) max_rate: f64,
}

/// Reads it.
pub(super) fn read(s: &mut Section<'_>) -> MeterWorth {
    let unit = s.choice(key("unit", "what the meter counts"), UNITS);
    let of_kwh = s.number_if_set(
        key("imp_per_kwh", "pulses for one kWh, as printed on the meter"),
        dated_factors::FACTORS,
    );
    let since_kwh = s.list(
        key(
            "imp_per_kwh_since",
            "from when on imp_per_kwh was which, the last one now",
        ),
        "",
    );
    let of_unit = s.number_if_set(
        key("pulses_per_unit", "pulses for one of unit"),
        dated_factors::FACTORS,
    );
    let since_unit = s.list(
        key(
            "pulses_per_unit_since",
            "from when on pulses_per_unit was which, the last one now",
        ),
        "",
    );
    let is_kwh = unit == Quantity::KilowattHours;
    refuse_other_factor(s, unit, of_kwh.is_some());
    let (known, since, name) = match (is_kwh, of_unit) {
        (true, None) => (of_kwh, since_kwh, "imp_per_kwh"),
        _ => (of_unit, since_unit, "pulses_per_unit"),
    };
    MeterWorth {
        unit,
        pulses_per_unit: known,
        since: dated_factors::checked(s, since.as_ref(), (name, known)),
        max_rate: max_rate(s, unit),
    }
}

/// A meter's number of pulses has one name: that of kWh, or that of all units.
fn refuse_other_factor(s: &mut Section<'_>, unit: Quantity, has_imp_per_kwh: bool) {
    if unit != Quantity::KilowattHours {
        for (name, instead) in [
            ("imp_per_kwh", "pulses_per_unit"),
            ("imp_per_kwh_since", "pulses_per_unit_since"),
        ] {
            let why = format!("with unit = \"{}\" it is {instead}", unit.as_str());
            refuse(s, name, &why);
        }
    } else if has_imp_per_kwh {
        for name in ["pulses_per_unit", "pulses_per_unit_since"] {
            let why = "imp_per_kwh says the same: leave one of them out";
            refuse(s, name, why);
        }
    }
}

/// The most that can flow, in the unit of the rate.
fn max_rate(s: &mut Section<'_>, unit: Quantity) -> f64 {
    let max_power_kw = s.number(
        key(
            "max_power_kw",
            "more power than this is reported as interference",
        ),
        usual_max_rate(Quantity::KilowattHours) / 1_000.0,
        0.1..=1_000_000.0,
    );
    let max_flow = s.number_if_set(
        key(
            "max_flow_per_h",
            "more of unit in an hour than this is reported as interference; unless set: 25 m3, 25000 l",
        ),
        0.001..=1_000_000_000.0,
    );
    if unit.is_electric() {
        let why = "it is of gas and water; max_power_kw is of electric meters";
        refuse(s, "max_flow_per_h", why);
        return max_power_kw * 1_000.0;
    }
    let why = "it is of electric meters; max_flow_per_h is of gas and water";
    refuse(s, "max_power_kw", why);
    max_flow.unwrap_or_else(|| usual_max_rate(unit))
}

/// What a meter is to the house: one of gas or water is nothing to it, whatever it is called.
pub(super) fn checked_role(
    s: &mut Section<'_>,
    unit: Quantity,
    role: Option<Role>,
) -> Option<Role> {
    if unit.is_electric() {
        return role;
    }
    let said = s.given("role").filter(|said| said.text != "none");
    if let Some(said) = said {
        let message = format!(
            "a meter of unit = \"{}\" is no part of the house's electricity: role = \"none\", or leave it out",
            unit.as_str()
        );
        s.complain(&said, message);
    }
    None
}

/// A key that is written and has no meaning here.
fn refuse(s: &mut Section<'_>, name: &'static str, why: &str) {
    let written: Option<Given> = s
        .given(name)
        .filter(|given| given.origin != Origin::Default);
    if let Some(given) = written {
        s.complain(&given, why);
    }
}

#[cfg(test)]
#[path = "worth_tests.rs"]
mod tests;
