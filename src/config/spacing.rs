//! How close to each other the filter lets pulses come, and what power that is. Pure.

use super::{FilterSettings, MeterSettings};
use crate::model::CountedEdge;

/// One kilowatt-hour in joules, and a second in nanoseconds: what one pulse a nanosecond would be in watts
/// at one pulse a kilowatt-hour.
const W_NS_PER_PULSE: f64 = 3.6e6 * 1e9;

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
        let kernel_ns = i64::from(self.line.kernel_debounce_us) * 1_000;
        let phase_ns = self.filter.bounce_ns.max(kernel_ns);
        let mean_ns = self.filter.spacing_of_phases(phase_ns).mean_ns();
        // A filter without times counts whatever the kernel can stamp.
        let filters = mean_ns > 1_000;
        self.imp_per_kwh
            .filter(|_| filters)
            .map(|imp| power_w(imp, mean_ns))
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
        let kernel_ns = i64::from(self.line.kernel_debounce_us) * 1_000;
        let phase_ns = self.filter.bounce_ns.max(kernel_ns);
        let mean_ns = |filter: FilterSettings| filter.spacing_of_phases(phase_ns).mean_ns();
        if mean_ns(without) < mean_ns(self.filter) {
            "min_interval_ms"
        } else if mean_ns(narrow) < mean_ns(self.filter) {
            "min_width_ms"
        } else if kernel_ns > self.filter.bounce_ns {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LineName, LineSettings};
    use crate::model::{Bias, Level, NS_PER_MS};

    fn filter(counted: CountedEdge, bounce: i64, width: i64, interval: i64) -> FilterSettings {
        FilterSettings {
            counted,
            active: Level::Low,
            bounce_ns: bounce * NS_PER_MS,
            min_width_ns: width * NS_PER_MS,
            max_width_ns: 0,
            min_interval_ns: interval * NS_PER_MS,
        }
    }

    fn meter(filter: FilterSettings, imp_per_kwh: Option<f64>, debounce_ms: u32) -> MeterSettings {
        MeterSettings {
            name: "Import".to_owned(),
            line: LineSettings {
                chip: None,
                line: LineName::Number(20),
                bias: Bias::Up,
                kernel_debounce_us: debounce_ms * 1_000,
            },
            filter,
            imp_per_kwh,
            max_power_w: 44_000.0,
        }
    }

    #[test]
    fn one_edge_of_a_period_is_a_period_apart() {
        let most = |bounce, width, interval, span_ms: i64| {
            let spacing = filter(CountedEdge::Rising, bounce, width, interval).spacing();
            spacing.most_within(span_ms * NS_PER_MS)
        };
        assert_eq!(most(5, 0, 0, 100), 11);
        assert_eq!(most(5, 45, 0, 100), 3);
        assert_eq!(most(5, 0, 30, 100), 4);
        assert_eq!(most(5, 0, 30, -1), 1, "a stamp that runs backwards");
        assert_eq!(most(0, 0, 0, 0), 1);
    }

    #[test]
    fn both_edges_of_a_period_are_two() {
        let most = |bounce, width, interval, span_ms: i64| {
            let spacing = filter(CountedEdge::Both, bounce, width, interval).spacing();
            spacing.most_within(span_ms * NS_PER_MS)
        };
        assert_eq!(most(5, 0, 0, 100), 21);
        assert_eq!(most(10, 50, 0, 60), 3);
        assert_eq!(most(10, 50, 0, 69), 3);
        assert_eq!(most(10, 50, 0, 70), 4);
        assert_eq!(
            most(10, 50, 30, 80),
            3,
            "the rest lasts 30 ms for the interval"
        );
    }

    #[test]
    fn the_power_that_can_be_counted_is_that_of_the_closest_pulses() {
        let rising = |bounce, width, interval| filter(CountedEdge::Rising, bounce, width, interval);
        let of = |filter, imp, debounce| {
            let meter = meter(filter, Some(imp), debounce);
            (meter.countable_w().map(f64::round), meter.bounding_key())
        };
        assert_eq!(
            of(rising(5, 0, 30), 10_000.0, 0),
            (Some(12_000.0), "min_interval_ms")
        );
        assert_eq!(
            of(rising(5, 0, 0), 10_000.0, 0),
            (Some(36_000.0), "bounce_ms")
        );
        assert_eq!(
            of(rising(5, 35, 30), 1_000.0, 0),
            (Some(90_000.0), "min_width_ms")
        );
        assert_eq!(
            of(rising(5, 0, 30), 1_000.0, 40),
            (Some(45_000.0), "kernel_debounce_ms")
        );
        let both = filter(CountedEdge::Both, 5, 0, 20);
        assert_eq!(of(both, 6_000.0, 0), (Some(30_000.0), "min_interval_ms"));
        assert_eq!(meter(rising(5, 0, 30), None, 0).countable_w(), None);
        assert_eq!(meter(rising(0, 0, 0), Some(1_000.0), 0).countable_w(), None);
    }
}
