//! House, self-consumption, autarky: hand-calculated, each trap a test.

use proptest::prelude::*;

use super::derived::{
    BOTH_FLOW_HINT_S, Balance, DisagreementKind, LivePower, Reason, SPAN_MIN_NS, both_flow_s,
    common_span_ns, live_power, shown, uncertainty_w, window_min_s,
};
use super::power::{PulseRate, SPAN_MAX_NS};
use crate::model::{NS_PER_S, Role};
use crate::model::{PulseWorth, Quantity};

fn kwh(pulses_per_unit: f64) -> PulseWorth {
    PulseWorth {
        quantity: Quantity::KilowattHours,
        pulses_per_unit,
    }
}

/// Pulses each `apart_s` up to `until_s`.
fn meter(worth: PulseWorth, apart_s: f64, until_s: f64) -> PulseRate {
    let mut meter = PulseRate::new(worth, 0, 0);
    let mut s = apart_s;
    while s <= until_s {
        #[expect(clippy::cast_possible_truncation, reason = "some hours")]
        meter.pulse((s * 1e9).round() as i64);
        s += apart_s;
    }
    meter
}

/// Of import, export and generation at 1,000 imp/kWh.
fn balance(import: i64, export: i64, generation: i64) -> Balance {
    let mut balance = Balance::default();
    balance.add(Role::Import, import, kwh(1_000.0));
    balance.add(Role::Export, export, kwh(1_000.0));
    balance.add(Role::Generation, generation, kwh(1_000.0));
    balance
}

fn near(one: Option<f64>, other: f64) -> bool {
    one.is_some_and(|one| (one - other).abs() < 1e-9)
}

#[test]
fn a_day_by_hand() {
    // 4.2 kWh from the grid, 11.5 generated, 7.3 fed in: the house used 8.4, 4.2 of its own; 36.5 % and half.
    let day = balance(4_200, 7_300, 11_500);
    assert!(near(day.house_kwh(), 8.4));
    assert!(near(day.self_consumption_kwh(), 4.2));
    assert!(near(day.self_consumption_rate(), 4.2 / 11.5));
    assert!(near(day.autarky(), 0.5));
    assert_eq!(day.disagreement(), None);
}

#[test]
fn what_no_meter_counts_is_not_known() {
    let mut only = Balance::default();
    assert_eq!((only.house_kwh(), only.autarky()), (None, None));
    only.add(Role::Import, 1_500, kwh(1_000.0));
    assert!(near(only.house_kwh(), 1.5), "a flat without a generator");
    assert_eq!((only.self_consumption_kwh(), only.autarky()), (None, None));
    only.add(Role::Generation, 600, kwh(1_000.0));
    assert_eq!(only.house_kwh(), None, "what was fed in is missing");
    assert_eq!((only.autarky(), only.disagreement()), (None, None));
    // Gas is no load of the house.
    let gas = PulseWorth {
        quantity: Quantity::CubicMetres,
        pulses_per_unit: 100.0,
    };
    only.add(Role::Export, 600, gas);
    assert_eq!(only.kwh(Role::Export), None);
    // Watt-hours are.
    let wh = PulseWorth {
        quantity: Quantity::WattHours,
        pulses_per_unit: 1.0,
    };
    only.add(Role::Export, 100, wh);
    assert!(near(only.house_kwh(), 1.5 + 0.6 - 0.1));
}

#[test]
fn a_pulse_more_or_less_is_so_many_watts() {
    let three = [kwh(1_000.0); 3];
    let over = |worths: &[PulseWorth], s: i64| uncertainty_w(worths, s * NS_PER_S);
    assert!((over(&three[..1], 60) - 60.0).abs() < 1e-9);
    assert!((over(&three[..1], 300) - 12.0).abs() < 1e-9);
    assert!((over(&three[..1], 900) - 4.0).abs() < 1e-9);
    assert!((over(&three, 60) - 180.0).abs() < 1e-9);
    assert_eq!(window_min_s(&three), 300);
    assert_eq!(window_min_s(&[kwh(10_000.0), kwh(12_000.0)]), 60);
    assert_eq!(window_min_s(&[kwh(10_000.0), kwh(1_000.0)]), 300);
}

#[test]
fn all_meters_are_taken_over_one_span() {
    // Import 90 W (each 40 s), generation 2,000 W, export 1,500 W (each 1.8 s, 2.4 s), at 1,000 imp/kWh.
    let import = meter(kwh(1_000.0), 40.0, 600.0);
    let generation = meter(kwh(1_000.0), 1.8, 610.0);
    let export = meter(kwh(1_000.0), 2.4, 610.0);
    let meters = [
        (Role::Import, &import),
        (Role::Generation, &generation),
        (Role::Export, &export),
    ];
    let live = live_power(&meters, 610 * NS_PER_S);
    assert_eq!(live.span_ns, 40 * NS_PER_S, "mean of 40 s");
    let house = live.house.unwrap();
    assert!((house.w - 590.0).abs() < 0.1, "{live:?}");
    assert!((house.uncertainty_w - 3.0 * 90.0).abs() < 1e-6, "{live:?}");
    let own = live.self_consumption.unwrap();
    assert!((own.w - 500.0).abs() < 0.1, "{live:?}");
}

#[test]
fn the_span_is_the_longest_usual_gap_within_bounds() {
    let fast = meter(kwh(1_000.0), 2.0, 1_000.0);
    let slow = meter(kwh(1_000.0), 120.0, 1_000.0);
    let slower = meter(kwh(1_000.0), 480.0, 1_000.0);
    let rested = meter(kwh(1_000.0), 100.0, 200.0);
    let now_ns = 1_000 * NS_PER_S;
    assert_eq!(common_span_ns([&fast], now_ns), SPAN_MIN_NS);
    assert_eq!(common_span_ns([&fast, &slow], now_ns), 120 * NS_PER_S);
    assert_eq!(common_span_ns([&slow, &slower], now_ns), SPAN_MAX_NS);
    // The sun has set: its last gaps do not hold up the others.
    assert_eq!(common_span_ns([&fast, &rested], now_ns), SPAN_MIN_NS);
    assert_eq!(common_span_ns([], now_ns), SPAN_MIN_NS);
}

#[test]
fn a_meter_that_is_silent_counts_at_most_what_its_silence_allows() {
    // 2,000 W of generation until 600 s, then none: after 72 s at most 50 W.
    let import = meter(kwh(1_000.0), 3.6, 672.0);
    let generation = meter(kwh(1_000.0), 1.8, 600.0);
    let export = meter(kwh(1_000.0), 7.2, 600.0);
    let meters = [
        (Role::Import, &import),
        (Role::Generation, &generation),
        (Role::Export, &export),
    ];
    let live = live_power(&meters, 672 * NS_PER_S);
    let generation = live.generation.unwrap().w;
    assert!(generation <= 3_600.0 / 71.0, "{generation}");
    assert!((live.import.unwrap().w - 1_000.0).abs() < 20.0, "{live:?}");
}

#[test]
fn the_night_after_a_restart_has_a_house() {
    let import = meter(kwh(1_000.0), 9.0, 900.0);
    let silent = PulseRate::new(kwh(1_000.0), 0, 0);
    let of = |now_s: i64| {
        let meters = [
            (Role::Import, &import),
            (Role::Generation, &silent),
            (Role::Export, &silent),
        ];
        live_power(&meters, now_s * NS_PER_S)
    };
    assert_eq!(of(20).house, None, "not known in the first seconds");
    let house = of(900).house.unwrap();
    assert!(
        (house.w - 400.0).abs() < 0.1 && house.uncertainty_w > 120.0,
        "{house:?}"
    );
    let LivePower {
        self_consumption, ..
    } = of(900);
    assert_eq!(self_consumption.unwrap().w, 0.0);
}

#[test]
fn what_is_shown_is_clamped_and_what_is_summed_is_not() {
    // Minutes that are alternately a pulse short and a pulse ahead: the house uses nothing but 6 W.
    let minutes: Vec<Balance> = (0..60)
        .map(|n| balance(0, 2 - (n % 2) * 2, if n % 10 == 0 { 2 } else { 1 }))
        .collect();
    let mut hour = Balance::default();
    minutes.iter().for_each(|minute| hour.merge(minute));
    assert!(near(hour.house_kwh(), 0.006), "{hour:?}");
    let clamped: f64 = minutes
        .iter()
        .map(|minute| minute.house_kwh().unwrap().max(0.0))
        .sum();
    assert!(clamped > 0.025, "a sum of clamped minutes is {clamped}");
    assert_eq!(shown(-0.002, 3_600), 0.0);
    assert_eq!(shown(-60.0, 60), -60.0, "a minute tells of pulses to come");
    assert_eq!(shown(7.0, 3_600), 7.0);
}

#[test]
fn ratios_are_of_sums_and_of_nothing_they_are_none() {
    // A dark day at 20 %, a bright one at 90 %: together far from the mean of the two.
    let (dark, bright) = (balance(8_000, 0, 2_000), balance(1_000, 21_000, 30_000));
    assert!(near(dark.autarky(), 0.2) && near(bright.autarky(), 0.9));
    let mut both = dark;
    both.merge(&bright);
    assert!(near(both.autarky(), 11.0 / 20.0));
    assert!(near(both.self_consumption_rate(), 11.0 / 32.0));
    let least = balance(10, 9, 49);
    assert_eq!(
        (least.self_consumption_rate(), least.autarky().is_some()),
        (None, true)
    );
    assert_eq!(balance(30, 40, 50).autarky(), None, "40 Wh used");
    assert!(near(balance(30, 10, 50).self_consumption_rate(), 0.8));
}

#[test]
fn import_and_export_of_the_same_minute_stay_apart() {
    let minute = balance(9, 7, 20);
    let all: Vec<_> = [Role::Import, Role::Export, Role::Generation]
        .map(|role| minute.kwh(role).unwrap())
        .into();
    assert_eq!(all, [0.009, 0.007, 0.02]);
}

#[test]
fn meters_that_disagree_are_told_with_reasons() {
    // Nine pulses are let pass: three of each meter.
    assert_eq!(balance(0, 1_009, 1_000).disagreement(), None);
    let found = balance(60, 1_060, 1_000).disagreement().unwrap();
    assert_eq!(found.kind, DisagreementKind::ExportAboveGeneration);
    assert!((found.by_kwh - 0.06).abs() < 1e-9 && (found.tolerance_kwh - 0.009).abs() < 1e-12);
    // Import and export exchanged on a sunny day: 1 kWh drawn, 20 fed in, 25 generated, read as 20 drawn and 1 fed in,
    // shows nothing. In the winter it does: 20 drawn, 1 of 3 fed in.
    assert_eq!(balance(20_000, 1_000, 25_000).disagreement(), None);
    let found = balance(1_000, 20_000, 3_000).disagreement().unwrap();
    assert_eq!(found.kind, DisagreementKind::HouseBelowZero);
    assert!((found.by_kwh - 16.0).abs() < 1e-9);
    assert_eq!(found.reasons[0], Reason::ImportAndExportSwapped);
    // Exchanged it would fit no better: pulses are missed, or worth another amount.
    let found = balance(9_000, 20_000, 3_000).disagreement().unwrap();
    let reasons = [
        Reason::GenerationMissesPulses,
        Reason::WrongImpPerKwh,
        Reason::UncountedSource,
    ];
    assert_eq!(found.reasons, reasons);
    // Such a day has no ratios that could be believed.
    let wrong = balance(1_000, 20_000, 3_000);
    assert_eq!(
        (wrong.autarky(), wrong.self_consumption_rate()),
        (None, Some(0.0))
    );
}

#[test]
fn both_ways_for_hours_is_a_hint_and_clouds_are_none() {
    let phase = [(20, 15); 36];
    assert_eq!(both_flow_s(phase, 300), BOTH_FLOW_HINT_S);
    let mut clouds = [(20, 15); 70];
    clouds[30] = (20, 0);
    clouds[50] = (1, 30);
    assert_eq!(both_flow_s(clouds, 300), 30 * 300);
    assert_eq!(both_flow_s([], 300), 0);
}

proptest! {
    #[test]
    fn ratios_are_between_none_and_all(import in 0i64..50_000, export in 0i64..50_000, generation in 0i64..50_000) {
        let period = balance(import, export, generation);
        for ratio in [period.autarky(), period.self_consumption_rate()].into_iter().flatten() {
            prop_assert!((0.0..=1.0).contains(&ratio));
        }
        // Without a battery both ways to autarky agree.
        let (house, own) = (period.house_kwh().unwrap(), period.self_consumption_kwh().unwrap());
        if own >= 0.0 && house >= 0.05 {
            prop_assert!(near(period.autarky(), own / house));
        }
        prop_assert!(house >= -0.009 - 1e-9 || period.disagreement().is_some());
    }

    #[test]
    fn parts_add_up_to_the_period(parts in prop::collection::vec((0i64..900, 0i64..900, 0i64..900), 1..50)) {
        let mut sum = Balance::default();
        for (import, export, generation) in &parts {
            sum.merge(&balance(*import, *export, *generation));
        }
        let total = |of: fn(&(i64, i64, i64)) -> i64| parts.iter().map(of).sum::<i64>();
        let whole = balance(total(|p| p.0), total(|p| p.1), total(|p| p.2));
        prop_assert!(near(sum.house_kwh(), whole.house_kwh().unwrap()));
        prop_assert!(near(sum.self_consumption_kwh(), whole.self_consumption_kwh().unwrap()));
    }
}
