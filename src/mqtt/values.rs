//! The topics of the values and what stands on them: plain numbers that every consumer takes. Pure.

use serde_json::{Map, Value, json};

use super::outgoing::{Cadence, Messages, Rank, TopicValue};
use super::picture::{MeterPicture, Picture, pulses_per_shown};
use super::talk::ONLINE;
use super::units::shown_unit;
use crate::model::WallNs;

/// What is said of a value that is not known: Home Assistant shows it as unknown, and takes no other word for it.
const UNKNOWN: &str = "None";

/// No more decimals than a pulse of the finest meter needs.
const DECIMALS_MAX: usize = 7;

/// The names of a meter's values; each is a level of its topic and a part of ids.
pub(super) mod leaf {
    /// What it has counted, of energy,
    pub(in crate::mqtt) const ENERGY: &str = "energy";
    /// or of anything else.
    pub(in crate::mqtt) const VOLUME: &str = "volume";
    /// What flows, of energy,
    pub(in crate::mqtt) const POWER: &str = "power";
    /// or of anything else.
    pub(in crate::mqtt) const FLOW: &str = "flow";
    /// What its face shows.
    pub(in crate::mqtt) const REGISTER: &str = "register";
    /// Pulses ever counted.
    pub(in crate::mqtt) const PULSES: &str = "pulses";
    /// When the last one came.
    pub(in crate::mqtt) const LAST_PULSE: &str = "last_pulse";
    /// Pulses lost for good.
    pub(in crate::mqtt) const LOST: &str = "lost";
}

/// A value as it is published.
struct OneValue {
    leaf: &'static str,
    payload: String,
    pace: Cadence,
}

/// All topics of the values. `prefix`: what they begin with.
pub(super) fn messages(picture: &Picture, prefix: &str) -> Messages {
    let mut all = Messages::new();
    let mut put = |topic: &str, payload: String, pace| {
        let rank = Rank::Value;
        all.insert(
            format!("{prefix}/{topic}"),
            TopicValue {
                payload,
                pace,
                rank,
            },
        );
    };
    let mut state = Map::new();
    for meter in &picture.meters {
        let values = of_meter(meter);
        let json = values
            .iter()
            .map(|value| (value.leaf.to_owned(), as_json(&value.payload)));
        state.insert(meter.slug.clone(), Value::Object(json.collect()));
        for value in values {
            put(
                &format!("{}/{}", meter.slug, value.leaf),
                value.payload,
                value.pace,
            );
        }
    }
    let mut site = Map::new();
    for (name, power) in site_power(picture) {
        let payload = number(power, 1);
        site.insert(name.to_owned(), as_json(&payload));
        put(&format!("site/{name}"), payload, Cadence::Steady);
    }
    state.insert("site".to_owned(), Value::Object(site));
    if let Some(backlog) = picture.backlog {
        state.insert("backlog".to_owned(), json!(backlog));
        put("backlog", backlog.to_string(), Cadence::Changed);
    }
    let problem = u8::from(picture.has_problem());
    state.insert("problem".to_owned(), json!(problem));
    put("problem", problem.to_string(), Cadence::AtOnce);
    let conditions = json!({ "conditions": picture.conditions });
    put("conditions", conditions.to_string(), Cadence::AtOnce);
    put("state", Value::Object(state).to_string(), Cadence::Changed);
    let online = TopicValue {
        payload: ONLINE.to_owned(),
        pace: Cadence::AtOnce,
        rank: Rank::Status,
    };
    all.insert(format!("{prefix}/status"), online);
    all
}

/// Power of the house, by its names; those that the meters can tell.
pub(super) fn site_power(picture: &Picture) -> Vec<(&'static str, Option<f64>)> {
    let site = picture.site;
    let all = [
        ("grid_power", site.grid_w),
        ("house_power", site.house_w),
        ("self_power", site.self_w),
    ];
    all.into_iter()
        .filter_map(|(name, power)| Some((name, power?)))
        .collect()
}

/// The names of the amount and of the rate of a meter; None: what a pulse is worth is not known.
pub(super) fn leaves(meter: &MeterPicture) -> Option<(&'static str, &'static str)> {
    let is_electric = meter.quantity()?.is_electric();
    Some(if is_electric {
        (leaf::ENERGY, leaf::POWER)
    } else {
        (leaf::VOLUME, leaf::FLOW)
    })
}

fn of_meter(meter: &MeterPicture) -> Vec<OneValue> {
    let mut all = Vec::new();
    let mut put = |leaf, payload, pace| {
        all.push(OneValue {
            leaf,
            payload,
            pace,
        })
    };
    if let Some(((amount_leaf, rate_leaf), worth)) = leaves(meter).zip(meter.worth) {
        let unit = shown_unit(worth.quantity);
        let decimals = decimals(pulses_per_shown(worth));
        put(
            amount_leaf,
            number(meter.amount, decimals),
            Cadence::Changed,
        );
        let rate = meter.rate.map(|rate| rate * unit.rate_factor);
        let decimals = if worth.quantity.is_electric() { 1 } else { 3 };
        put(rate_leaf, number(rate, decimals), Cadence::Steady);
        put(leaf::REGISTER, number(meter.register, 3), Cadence::Changed);
    }
    put(leaf::PULSES, meter.pulses.to_string(), Cadence::Changed);
    let last_pulse = meter.last_pulse_ns.map(rfc3339);
    let last_pulse = last_pulse.unwrap_or_else(|| UNKNOWN.to_owned());
    put(leaf::LAST_PULSE, last_pulse, Cadence::Changed);
    put(leaf::LOST, meter.lost.to_string(), Cadence::Changed);
    all
}

/// So many decimals that one pulse more shows exactly, if its worth has an end: 3 for 1,000 pulses a unit, 5 for 800.
fn decimals(pulses_per_unit: f64) -> usize {
    let exact = (3..=DECIMALS_MAX).find(|places| {
        let places = i32::try_from(*places).unwrap_or(0);
        let worth = 10_f64.powi(places) / pulses_per_unit;
        worth >= 1.0 - 1e-9 && (worth - worth.round()).abs() < 1e-9
    });
    exact.unwrap_or_else(|| {
        // Without an end: a tenth of a pulse.
        let coarse = (1..=DECIMALS_MAX).find(|places| {
            let places = i32::try_from(*places).unwrap_or(0);
            10_f64.powi(places) >= pulses_per_unit
        });
        coarse.map_or(DECIMALS_MAX, |places| (places + 1).max(3))
    })
}

fn number(value: Option<f64>, decimals: usize) -> String {
    let shown = value.filter(|value| value.is_finite());
    let shown = shown.map(|value| format!("{value:.decimals$}"));
    match shown.as_deref() {
        None => UNKNOWN.to_owned(),
        // Of a number below half of the last place.
        Some(zero) if zero.starts_with("-0") && zero.trim_matches(['-', '0', '.']).is_empty() => {
            zero.trim_start_matches('-').to_owned()
        }
        Some(shown) => shown.to_owned(),
    }
}

/// A payload as a value of JSON: a number where it is one, null where it is not known.
fn as_json(payload: &str) -> Value {
    if payload == UNKNOWN {
        return Value::Null;
    }
    let number = payload.parse::<i64>().ok().map(Value::from);
    let number = number.or_else(|| payload.parse::<f64>().ok().map(Value::from));
    number.unwrap_or_else(|| Value::from(payload))
}

/// A stamp as RFC 3339 in UTC, to the nanosecond.
fn rfc3339(at_ns: WallNs) -> String {
    let at = jiff::Timestamp::from_nanosecond(i128::from(at_ns.0)).unwrap_or_default();
    format!("{at:.9}")
}

#[cfg(test)]
#[path = "values_tests.rs"]
pub(in crate::mqtt) mod tests;
