//! How close to each other the filter lets pulses come, and what power that is. Pure.

use super::{FilterSettings, MeterSettings};
use crate::model::CountedEdge;

/// One kilowatt-hour in joules, and a second in nanoseconds: what one pulse a nanosecond would be in watts
/// at one pulse a kilowatt-hour.
const W_NS_PER_PULSE: f64 = 3.6e6 * 1e9;

/// The default of `max_power_kw`, in watts: three phases of 63 A. Few meters see so much.
pub const MAX_POWER_W: f64 = 44_000.0;

/// What a house draws with three phases of 35 A, in watts.
const HOUSE_W: f64 = 24_000.0;

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
    /// The most power that can be counted with the meter's filter, in watts; None: any, or nothing is known
    /// of what a pulse is worth.
    pub fn countable_w(&self) -> Option<f64> {
        let mean_ns = self.spacing_ns();
        self.imp_per_kwh
            .filter(|_| mean_ns > 0)
            .map(|imp| power_w(imp, mean_ns))
    }

    /// The shortest mean time between two pulses that are counted, in nanoseconds; 0: any.
    pub fn spacing_ns(&self) -> i64 {
        let mean_ns = self.filter.spacing_of_phases(self.phase_ns()).mean_ns();
        // A filter without times counts whatever the kernel can stamp.
        if mean_ns > 1_000 { mean_ns } else { 0 }
    }

    /// The power that its filter should let through, in watts: a house's, or what the configuration says.
    pub fn plausible_w(&self) -> f64 {
        if self.max_power_w == MAX_POWER_W {
            HOUSE_W
        } else {
            self.max_power_w
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

/// The power that pulses each `apart_ns` are, in watts.
pub fn power_w(imp_per_kwh: f64, apart_ns: i64) -> f64 {
    W_NS_PER_PULSE / (imp_per_kwh * apart_ns as f64)
}

/// The time between two pulses at so much power, in nanoseconds.
pub fn apart_ns(imp_per_kwh: f64, power_w: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float is cut at the largest"
    )]
    let apart_ns = (W_NS_PER_PULSE / (imp_per_kwh * power_w)) as i64;
    apart_ns.max(1)
}

#[cfg(test)]
#[path = "spacing_tests.rs"]
mod tests;
