//! How close pulses come.

use super::*;
use crate::model::{Level, NS_PER_MS};

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
    let mut meter = MeterSettings::plain("Import");
    meter.line.kernel_debounce_us = debounce_ms * 1_000;
    MeterSettings {
        filter,
        pulses_per_unit: imp_per_kwh,
        ..meter
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
        (meter.countable_rate().map(f64::round), meter.bounding_key())
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
    assert_eq!(meter(rising(5, 0, 30), None, 0).countable_rate(), None);
    assert_eq!(
        meter(rising(0, 0, 0), Some(1_000.0), 0).countable_rate(),
        None
    );
}
