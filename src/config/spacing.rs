//! How close to each other the filter lets pulses come, and what power or flow that is. Pure.

use super::{FilterSettings, MeterSettings};
use crate::model::{CountedEdge, Quantity};

/// The most that flows through any but a few meters, and what a household's should let through: three phases of 63 A and of
/// 35 A; a gas meter G16 and G4 (EN 1359); litres the same.
const RATES: [(Quantity, f64, f64); 4] = [
    (Quantity::KilowattHours, 44_000.0, 24_000.0),
    (Quantity::WattHours, 44_000.0, 24_000.0),
    (Quantity::CubicMetres, 25.0, 6.0),
    (Quantity::Litres, 25_000.0, 6_000.0),
];

/// Those of a quantity, in the unit of its rate.
fn rates_of(unit: Quantity) -> (f64, f64) {
    let mut rates = RATES.into_iter();
    let found = rates.find(|(quantity, ..)| *quantity == unit);
    found.map_or((f64::MAX, f64::MAX), |(_, most, house)| (most, house))
}

/// The most that flows through any but a few meters of this quantity, in the unit of its rate: where the configuration says
/// nothing.
pub fn usual_max_rate(unit: Quantity) -> f64 {
    rates_of(unit).0
}

/// Pulses follow each other after these two times in turn at the closest, in nanoseconds. They differ
/// where both edges count: one follows after the active phase, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spacing {
    /// The shorter one.
    pub near_ns: i64,
    /// The longer one.
    pub far_ns: i64,
}

impl Spacing {
    /// The most pulses that can stand in `span_ns`, both ends included.
    pub fn most_within(self, span_ns: i64) -> u32 {
        let span_ns = span_ns.max(0);
        let pair_ns = self.near_ns + self.far_ns;
        let odd = i64::from(span_ns % pair_ns >= self.near_ns);
        u32::try_from(1 + 2 * (span_ns / pair_ns) + odd).unwrap_or(u32::MAX)
    }

    /// The shortest mean time between pulses, in nanoseconds.
    pub fn mean_ns(self) -> i64 {
        (self.near_ns + self.far_ns) / 2
    }
}

impl FilterSettings {
    /// How close the filter lets pulses come.
    pub fn spacing(&self) -> Spacing {
        self.spacing_of_phases(self.bounce_ns)
    }

    /// The same where no phase shorter than `phase_ns` is seen.
    fn spacing_of_phases(&self, phase_ns: i64) -> Spacing {
        let (active_ns, rest_ns) = (self.min_width_ns.max(phase_ns), phase_ns);
        let apart = |ns: i64| ns.max(self.min_interval_ns).max(1);
        let (one, other) = match self.counted {
            CountedEdge::Both => (apart(active_ns), apart(rest_ns)),
            _ => (apart(active_ns + rest_ns), apart(active_ns + rest_ns)),
        };
        Spacing {
            near_ns: one.min(other),
            far_ns: one.max(other),
        }
    }
}

impl MeterSettings {
    /// The most that can be counted with the meter's filter, in the unit of its rate (watts, m³/h); None: any, or nothing is
    /// known of what a pulse is worth.
    pub fn countable_rate(&self) -> Option<f64> {
        let mean_ns = self.spacing_ns();
        let worth = self.worth().filter(|_| mean_ns > 0)?;
        Some(worth.rate(1.0, mean_ns as f64))
    }

    /// The shortest mean time between two pulses that are counted, in nanoseconds; 0: any.
    pub fn spacing_ns(&self) -> i64 {
        let mean_ns = self.filter.spacing_of_phases(self.phase_ns()).mean_ns();
        // A filter without times counts whatever the kernel can stamp.
        if mean_ns > 1_000 { mean_ns } else { 0 }
    }

    /// What its filter should let through, in the unit of its rate: what flows in a house, or what the configuration says.
    pub fn plausible_rate(&self) -> f64 {
        let (most, house) = rates_of(self.unit);
        if self.max_rate == most {
            house
        } else {
            self.max_rate
        }
    }

    /// No shorter phase is seen: the kernel or the filter takes it for bounce.
    fn phase_ns(&self) -> i64 {
        let kernel_ns = i64::from(self.line.kernel_debounce_us) * 1_000;
        self.filter.bounce_ns.max(kernel_ns)
    }

    /// Which of the filter's keys bounds that power.
    pub fn bounding_key(&self) -> &'static str {
        let without = FilterSettings {
            min_interval_ns: 0,
            ..self.filter
        };
        let narrow = FilterSettings {
            min_width_ns: 0,
            ..self.filter
        };
        let phase_ns = self.phase_ns();
        let mean_ns = |filter: FilterSettings| filter.spacing_of_phases(phase_ns).mean_ns();
        if mean_ns(without) < mean_ns(self.filter) {
            "min_interval_ms"
        } else if mean_ns(narrow) < mean_ns(self.filter) {
            "min_width_ms"
        } else if phase_ns > self.filter.bounce_ns {
            "kernel_debounce_ms"
        } else {
            "bounce_ms"
        }
    }
}

#[cfg(test)]
#[path = "spacing_tests.rs"]
mod tests;
