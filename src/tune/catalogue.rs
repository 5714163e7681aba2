//! The meters that are known, from `catalogue.toml` with its sources; those that a wave may come from. Pure.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::signs::Widths;
use crate::model::{NS_PER_MS, PulseWorth, Quantity};

/// A width is that of a meter within this factor.
const WIDTH_WITHIN: f64 = 1.25;

/// So many are named.
const NAMED_MAX: usize = 4;

/// What tells a meter's pulses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PulseOutput {
    /// Two terminals, an optocoupler or transistor that closes.
    S0,
    /// A light on its face.
    Led,
    /// A contact, or a magnet that closes one.
    Reed,
}

/// A meter of the catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueMeter {
    /// Maker and model.
    pub name: String,
    /// What tells its pulses.
    pub output: PulseOutput,
    /// Pulses for one kilowatt-hour; several where it can be set or ordered. Empty: it counts something else.
    #[serde(default)]
    pub imp_per_kwh: Vec<f64>,
    /// Pulses for one cubic metre, of meters for gas and water.
    #[serde(default)]
    pub imp_per_m3: Vec<f64>,
    /// How wide a pulse is, in milliseconds: one number, the ones that can be set, or none that is known.
    #[serde(default)]
    pub width_ms: Vec<f64>,
    /// The width is at least the first number.
    #[serde(default)]
    pub is_least_width: bool,
    /// What else is to be known.
    #[serde(default)]
    pub note: String,
    /// Where this is said.
    pub source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    meter: Vec<CatalogueMeter>,
}

/// All meters of the catalogue.
pub fn catalogue() -> &'static [CatalogueMeter] {
    static METERS: LazyLock<Vec<CatalogueMeter>> = LazyLock::new(|| {
        let read: Catalogue =
            toml::from_str(include_str!("catalogue.toml")).expect("a test reads the catalogue");
        read.meter
    });
    &METERS
}

impl CatalogueMeter {
    /// Whether it makes such pulses, as far as its width is known.
    fn makes(&self, widths: &Widths) -> bool {
        let median_ms = widths.median_ns as f64 / NS_PER_MS as f64;
        let is_near = |width_ms: &f64| {
            let ratio = median_ms / width_ms;
            (1.0 / WIDTH_WITHIN..=WIDTH_WITHIN).contains(&ratio)
                || (self.is_least_width && ratio > 1.0 && ratio < 4.0)
        };
        self.width_ms.iter().any(is_near)
    }

    /// Whether it may be worth this.
    fn bears(&self, worth: PulseWorth) -> bool {
        let (numbers, unit) = match worth.quantity.is_electric() {
            true => (&self.imp_per_kwh, Quantity::KilowattHours),
            false => (&self.imp_per_m3, Quantity::CubicMetres),
        };
        let is_near = |own: &f64| {
            let factor = worth.pulses_per(unit);
            factor.is_some_and(|factor| (own / factor - 1.0).abs() < 0.01)
        };
        numbers.iter().any(is_near)
    }
}

/// The meters whose pulses are as wide as these, a few of them; with the number on the face where that is known.
pub fn likely(widths: &Widths, worth: Option<PulseWorth>) -> Vec<&'static CatalogueMeter> {
    if !widths.is_fixed {
        return Vec::new();
    }
    let meters = catalogue().iter().filter(|meter| meter.makes(widths));
    let fits = |meter: &&CatalogueMeter| worth.is_none_or(|worth| meter.bears(worth));
    meters.filter(fits).take(NAMED_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_width(ms: i64, is_fixed: bool) -> Widths {
        Widths {
            median_ns: ms * NS_PER_MS,
            is_fixed,
            ..Widths::default()
        }
    }

    #[test]
    fn every_meter_has_a_number_and_a_source() {
        let all = catalogue();
        assert!(all.len() >= 8, "{}", all.len());
        for meter in all {
            let has_number = !meter.imp_per_kwh.is_empty() || !meter.imp_per_m3.is_empty();
            assert!(has_number, "{}", meter.name);
            assert!(meter.source.starts_with("http"), "{}", meter.name);
            let numbers = [&meter.imp_per_kwh, &meter.imp_per_m3, &meter.width_ms];
            assert!(numbers.into_iter().flatten().all(|number| *number > 0.0));
        }
    }

    #[test]
    fn only_meters_with_such_pulses_are_likely() {
        for width_ms in [2, 40, 80] {
            for meter in likely(&of_width(width_ms, true), None) {
                assert!(meter.makes(&of_width(width_ms, true)), "{meter:?}");
            }
        }
        assert!(
            likely(&of_width(80, false), None).is_empty(),
            "not its own width"
        );
        assert!(likely(&of_width(80, true), Some(PulseWorth::of_kwh(7.0))).is_empty());
    }
}
