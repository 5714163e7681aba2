//! Honest power: right values at chosen moments, and what holds for any pulses.

use proptest::prelude::*;

use super::power::{PulseRate, SPAN_MAX_NS, steps};
use crate::model::{MonoNs, NS_PER_MS, NS_PER_S, WallNs};
use crate::model::{PulseWorth, Quantity};

fn kwh(pulses_per_unit: f64) -> PulseWorth {
    PulseWorth {
        quantity: Quantity::KilowattHours,
        pulses_per_unit,
    }
}

fn meter(imp_per_kwh: f64, stamps_s: &[f64]) -> PulseRate {
    let mut meter = PulseRate::new(kwh(imp_per_kwh), 0, 0);
    for s in stamps_s {
        meter.pulse(ns(*s));
    }
    meter
}

#[expect(clippy::cast_possible_truncation, reason = "a few hours")]
fn ns(s: f64) -> MonoNs {
    (s * 1e9).round() as MonoNs
}

fn shown(meter: &PulseRate, at_s: f64) -> f64 {
    meter.at(ns(at_s)).shown.unwrap()
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-6 * other.abs().max(1e-9)
}

/// Pulses from `from_s` to `to_s` at a steady power, the first one interval after `from_s`.
fn steady(imp_per_kwh: f64, power_w: f64, from_s: f64, to_s: f64) -> Vec<f64> {
    let apart_s = 3.6e6 / (imp_per_kwh * power_w);
    (1..)
        .map(|n| from_s + f64::from(n) * apart_s)
        .take_while(|s| *s <= to_s + 1e-9)
        .collect()
}

#[test]
fn five_watts_never_show_more_and_fall_with_the_silence() {
    // 5 W at 2,000 imp/kWh: a pulse each 360 s.
    let mut meter = PulseRate::new(kwh(2_000.0), 0, 0);
    for n in 0..20 {
        meter.pulse(n * 360 * NS_PER_S);
        for s in (0..360).step_by(7) {
            let rate = meter.at((n * 360 + s) * NS_PER_S);
            if n == 0 {
                assert_eq!(rate.shown, None, "one pulse says nothing");
            } else {
                assert!(near(rate.shown.unwrap(), 5.0), "{rate:?} after {s} s");
            }
        }
    }
    let last_s = 19.0 * 360.0;
    assert!(near(shown(&meter, last_s + 360.0), 5.0));
    assert!(near(shown(&meter, last_s + 450.0), 4.0));
    assert!(near(shown(&meter, last_s + 720.0), 2.5));
    assert!(near(shown(&meter, last_s + 86_400.0), 1_800.0 / 86_400.0));
}

#[test]
fn a_step_of_load_above_a_pulse_a_second_is_neither_halved_nor_stuck() {
    // 2,000 W, then 2,222 W, at 2,000 imp/kWh: pulses each 0.9 s, then each 0.81 s.
    let before = steady(2_000.0, 2_000.0, 0.0, 90.0);
    let after = steady(2_000.0, 2_222.0, 90.0, 150.0);
    let mut meter = meter(2_000.0, &[]);
    for (n, s) in before.iter().enumerate() {
        meter.pulse(ns(*s));
        assert!(n == 0 || near(shown(&meter, s + 0.4), 2_000.0), "{n}");
    }
    for (n, s) in after.iter().enumerate() {
        meter.pulse(ns(*s));
        let now = shown(&meter, s + 0.1);
        match n {
            0 => assert!((2_000.0..2_222.1).contains(&now), "{now}"),
            _ => assert!((now - 2_222.0).abs() < 1e-3, "{n}: {now}"),
        }
    }
}

#[test]
fn a_kettle_shows_with_its_second_pulse_and_is_gone_with_its_silence() {
    // Standby, a pulse each 300 s at 1,000 imp/kWh: 12 W. A kettle of 2,400 W: each 1.5 s; at 10,000 each 0.15 s.
    let mut slow = meter(1_000.0, &[0.0, 300.0, 600.0, 601.5]);
    assert!(near(shown(&slow, 601.5), 2_400.0));
    slow.pulse(ns(603.0));
    assert!(near(shown(&slow, 604.0), 2_400.0));
    assert!(near(shown(&slow, 603.0 + 36.0), 100.0), "100 W at most");
    let fast = meter(10_000.0, &[0.0, 30.0, 60.0, 60.15, 60.3]);
    assert!(near(shown(&fast, 60.3), 2_400.0), "not averaged with 30 s");
    assert!(near(shown(&fast, 60.3 + 3.6), 100.0));
}

#[test]
fn before_two_pulses_only_the_bound_is_known() {
    let mut meter = PulseRate::new(kwh(1_000.0), 0, 1_000 * NS_PER_S);
    let rate = meter.at(1_036 * NS_PER_S);
    assert_eq!((rate.shown, rate.age_ns), (None, 36 * NS_PER_S));
    assert!(near(rate.at_most.unwrap(), 100.0));
    assert_eq!(meter.at(1_000 * NS_PER_S).at_most, None);
    assert_eq!(meter.mean(1_036 * NS_PER_S, SPAN_MAX_NS), None);
    meter.pulse(1_040 * NS_PER_S);
    assert_eq!(meter.at(1_041 * NS_PER_S).shown, None);
    meter.pulse(1_043 * NS_PER_S);
    assert!(near(shown(&meter, 1_043.0), 1_200.0));
    // The line is lost for ten minutes: the pulse after it ends no interval.
    meter.interrupted(1_643 * NS_PER_S);
    assert_eq!(meter.at(1_650 * NS_PER_S).shown, None);
    assert_eq!(meter.usual_gap_ns(1_650 * NS_PER_S), None);
    meter.pulse(1_660 * NS_PER_S);
    assert_eq!(meter.at(1_661 * NS_PER_S).shown, None);
    // So is one of a clock that begins again.
    meter.pulse(10 * NS_PER_S);
    assert_eq!(meter.at(11 * NS_PER_S).shown, None);
}

#[test]
fn what_was_known_before_a_short_gap_stands_until_two_pulses() {
    let mut gone = meter(1_000.0, &[100.0, 102.0, 104.0]);
    gone.resumed(ns(106.0));
    assert!(near(shown(&gone, 107.0), 1_800.0));
    assert!(near(gone.mean(ns(107.0), SPAN_MAX_NS).unwrap(), 1_800.0));
    assert!(
        near(shown(&gone, 116.0), 360.0),
        "by the silence since then"
    );
    gone.pulse(ns(107.0));
    assert!(near(shown(&gone, 107.5), 1_800.0), "one says nothing new");
    gone.pulse(ns(111.0));
    assert!(near(shown(&gone, 111.5), 900.0));
    gone.interrupted(ns(120.0));
    assert_eq!(gone.at(ns(121.0)).shown, None);
}

#[test]
fn a_meter_that_is_silent_for_long_rests() {
    let mut silent = PulseRate::new(kwh(1_000.0), 0, 0);
    silent.presume_rest(SPAN_MAX_NS - 1);
    assert_eq!(silent.at(SPAN_MAX_NS).shown, None);
    silent.presume_rest(SPAN_MAX_NS);
    let rate = silent.at(ns(301.0));
    assert_eq!(rate.shown, Some(0.0));
    assert!(
        near(rate.at_most.unwrap(), 3_600.0 / 301.0),
        "it may be a little"
    );
    assert_eq!(silent.mean(ns(600.0), SPAN_MAX_NS), Some(0.0));
    // Of a meter whose pulses are far apart that is said later.
    let mut coarse = PulseRate::new(kwh(100.0), 0, 0);
    coarse.presume_rest(2_999 * NS_PER_S);
    assert_eq!(coarse.at(2_999 * NS_PER_S).shown, None);
    coarse.presume_rest(3_000 * NS_PER_S);
    assert_eq!(coarse.at(3_000 * NS_PER_S).shown, Some(0.0));
}

#[test]
fn nothing_is_shown_that_the_filter_cannot_pass() {
    // 30 ms at 10,000 imp/kWh end at 12 kW.
    let mut meter = PulseRate::new(kwh(10_000.0), 30 * NS_PER_MS, 0);
    // Pulses that were put back may stand closer.
    for n in 1..200 {
        meter.pulse(n * 10 * NS_PER_MS);
    }
    let rate = meter.at(1_990 * NS_PER_MS);
    assert!(near(rate.shown.unwrap(), 12_000.0), "{rate:?}");
    assert!(near(rate.at_most.unwrap(), 12_000.0), "{rate:?}");
    let mean = meter.mean(1_990 * NS_PER_MS, SPAN_MAX_NS).unwrap();
    assert!(near(mean, 12_000.0), "{mean}");
    // An instant that was taken before the last pulse.
    assert_eq!(meter.at(0).age_ns, 0);
}

#[test]
fn faster_than_the_stamps_reach_is_still_right() {
    // 44 kW at 10,000 imp/kWh: 122 pulses a second.
    let stamps = steady(10_000.0, 44_000.0, 0.0, 600.0);
    let meter = meter(10_000.0, &stamps);
    assert!((shown(&meter, 600.0) - 44_000.0).abs() < 1e-2);
    for span_s in [1, 30, 300] {
        let mean = meter.mean(600 * NS_PER_S, span_s * NS_PER_S).unwrap();
        assert!((mean - 44_000.0).abs() < 1e-2, "{mean} over {span_s} s");
    }
}

#[test]
fn other_quantities_flow_per_hour() {
    // A reed of 0.01 m³ a pulse: one each 18 s is 2 m³/h.
    let worth = PulseWorth {
        quantity: Quantity::CubicMetres,
        pulses_per_unit: 100.0,
    };
    let mut gas = PulseRate::new(worth, 0, 0);
    gas.pulse(NS_PER_S);
    gas.pulse(19 * NS_PER_S);
    assert!(near(shown(&gas, 19.0), 2.0));
    assert!(near(shown(&gas, 19.0 + 360.0), 0.1));
    assert_eq!(gas.worth(), worth);
}

#[test]
fn the_mean_of_a_span_spreads_each_interval_over_itself() {
    // 1,000 imp/kWh, a pulse each 36 s (100 W) for ten minutes.
    let mut meter = meter(1_000.0, &steady(1_000.0, 100.0, 0.0, 612.0));
    for at_s in [612, 620, 640, 648] {
        for span_s in [30, 60, 145, 300] {
            let mean = meter.mean(at_s * NS_PER_S, span_s * NS_PER_S).unwrap();
            assert!(near(mean, 100.0), "{mean} at {at_s} over {span_s} s");
        }
    }
    // 72 s of silence allow 50 W, whatever was before.
    assert!(near(
        meter.mean(684 * NS_PER_S, 300 * NS_PER_S).unwrap(),
        50.0
    ));
    // A kettle ends the silence: 1,000 W for 36 s, ten pulses each 3.6 s. Of the minute then ended 36 s are the kettle's,
    // 24 s of an interval of 72 s: (10 + 24 / 72) pulses of 3,600 J in 60 s.
    for n in 0..=10 {
        meter.pulse(684 * NS_PER_S + n * 3_600 * NS_PER_MS);
    }
    let mean = meter.mean(720 * NS_PER_S, 60 * NS_PER_S).unwrap();
    assert!(near(mean, (10.0 + 24.0 / 72.0) * 60.0), "{mean}");
}

#[test]
fn a_burst_and_the_silence_after_it_are_no_slow_flow() {
    // Forty pulses within 4 s, then nothing for 100 s, then one: the silence has one pulse.
    let burst: Vec<f64> = (0..40).map(|n| 10.0 + f64::from(n) * 0.1).collect();
    let mut meter = meter(1_000.0, &burst);
    meter.pulse(ns(113.9));
    let mean = meter.mean(ns(113.9), 50 * NS_PER_S).unwrap();
    assert!(near(mean, 3_600.0 / 100.0), "{mean}");
}

#[test]
fn a_meter_that_rests_has_no_usual_gap() {
    let meter = meter(1_000.0, &[0.0, 5_000.0, 5_040.0, 5_080.0, 5_120.0]);
    assert_eq!(meter.usual_gap_ns(ns(5_120.0)), Some(40 * NS_PER_S));
    assert_eq!(meter.usual_gap_ns(ns(5_420.0)), Some(40 * NS_PER_S));
    assert_eq!(meter.usual_gap_ns(ns(5_421.0)), None);
}

/// Gaps of a load that comes and goes, in nanoseconds.
fn gaps() -> impl Strategy<Value = Vec<i64>> {
    let fast = NS_PER_MS..NS_PER_S;
    let slow = NS_PER_S..900 * NS_PER_S;
    prop::collection::vec(prop_oneof![3 => fast, 1 => slow], 1..400)
}

proptest! {
    #[test]
    fn the_integral_of_the_steps_is_the_energy(gaps in gaps(), imp_per_kwh in 1.0f64..20_000.0) {
        let stamps: Vec<i64> = gaps.iter().scan(7, |at, gap| { *at += gap; Some(*at) }).collect();
        let worth = kwh(imp_per_kwh);
        let mut end_ns = stamps[0];
        let mut joules = 0.0;
        for step in steps(worth, stamps.iter().copied().map(WallNs)) {
            prop_assert_eq!(step.from_ns, WallNs(end_ns), "no hole");
            end_ns = step.to_ns.0;
            joules += step.rate * (step.to_ns - step.from_ns) as f64 / 1e9;
        }
        prop_assert_eq!(end_ns, stamps[stamps.len() - 1]);
        let pulses = i64::try_from(stamps.len()).unwrap() - 1;
        let want = worth.amount(pulses) * 3.6e6;
        prop_assert!((joules - want).abs() <= want * 1e-9, "{} for {}", joules, want);
    }

    #[test]
    fn in_silence_power_falls_and_never_exceeds_what_it_allows(
        gaps in gaps(), spacing_ms in 0i64..2_000, probes in prop::collection::vec(0i64..3_600_000, 1..20),
    ) {
        let mut meter = PulseRate::new(kwh(1_000.0), spacing_ms * NS_PER_MS, 0);
        let mut now = 0;
        for gap in &gaps {
            now += gap;
            meter.pulse(now);
        }
        let mut probes = probes;
        probes.sort_unstable();
        let mut before = f64::INFINITY;
        for ms in probes {
            let rate = meter.at(now + ms * NS_PER_MS);
            let mean = meter.mean(now + ms * NS_PER_MS, 60 * NS_PER_S);
            let Some(shown) = rate.shown else {
                prop_assert_eq!(gaps.len(), 1);
                continue;
            };
            prop_assert!(shown > 0.0 && shown <= before, "{} after {}", shown, before);
            before = shown;
            for most in rate.at_most.into_iter() {
                prop_assert!(shown <= most);
                prop_assert!(mean.unwrap() <= most);
            }
            if spacing_ms > 0 {
                prop_assert!(shown <= 3.6e6 / spacing_ms as f64 * (1.0 + 1e-9));
            }
        }
    }

    #[test]
    fn the_rate_lies_between_the_intervals_it_is_taken_of(gaps in gaps()) {
        let mut meter = PulseRate::new(kwh(1_000.0), 0, 0);
        let mut now = 0;
        for (n, gap) in gaps.iter().enumerate() {
            now += gap;
            meter.pulse(now);
            if n == 0 {
                continue;
            }
            // Of the last second, or the last interval where that is longer.
            let mut taken = vec![];
            for gap in gaps[1..=n].iter().rev() {
                if !taken.is_empty() && (*gap >= NS_PER_S || taken.iter().sum::<i64>() >= NS_PER_S) {
                    break;
                }
                taken.push(*gap);
            }
            let watts = |gap: i64| 3.6e12 / gap as f64;
            let least = taken.iter().map(|gap| watts(*gap)).fold(f64::INFINITY, f64::min);
            let most = taken.iter().map(|gap| watts(*gap)).fold(0.0, f64::max);
            let shown = meter.at(now).shown.unwrap();
            prop_assert!(shown >= least * (1.0 - 1e-9) && shown <= most * (1.0 + 1e-9));
        }
    }

    #[test]
    fn a_steady_load_is_shown_as_it_is(power_w in 1.0f64..44_000.0, imp in 100.0f64..10_000.0, part in 0.0f64..1.0) {
        let apart_s = 3.6e6 / (imp * power_w);
        let stamps = steady(imp, power_w, 0.0, (apart_s * 30.0).min(400.0).max(apart_s * 4.0));
        let meter = meter(imp, &stamps);
        let now_s = stamps[stamps.len() - 1] + apart_s * part;
        // Stamps are whole nanoseconds.
        let near = |rate: f64| (rate - power_w).abs() <= power_w * 1e-4;
        prop_assert!(near(shown(&meter, now_s)), "{} for {}", shown(&meter, now_s), power_w);
        for span_s in [30, 60, 300] {
            let mean = meter.mean(ns(now_s), span_s * NS_PER_S).unwrap();
            prop_assert!(near(mean), "{} for {} over {} s", mean, power_w, span_s);
        }
    }

    #[test]
    fn the_mean_times_the_span_is_the_energy(gaps in gaps(), back in 1usize..400) {
        let mut meter = PulseRate::new(kwh(1_000.0), 0, 0);
        let mut stamps = vec![];
        let mut now = 0;
        for gap in &gaps {
            now += gap;
            meter.pulse(now);
            stamps.push(now);
        }
        // From a pulse at either end of a gap of five seconds, where the count is known to the pulse.
        let found = (0..stamps.len() - 1).rev().skip(back % stamps.len()).find(|n| {
            gaps[n + 1] >= 5 * NS_PER_S && now - stamps[*n] <= SPAN_MAX_NS
        });
        if let Some(n) = found {
            let mean = meter.mean(now, now - stamps[n]).unwrap();
            let pulses = (stamps.len() - 1 - n) as f64;
            let joules = mean * (now - stamps[n]) as f64 / 1e9;
            prop_assert!((joules - pulses * 3_600.0).abs() < 1e-3, "{} for {} pulses", joules, pulses);
        }
    }
}
