//! Waves as meters, contacts and bad wires make them: the recommendation is right for each, and with it the count is.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use proptest::prelude::*;

use super::finding::Finding;
use super::wave::{Wave, of_lengths};
use super::*;
use crate::capture::recorded::Recording;
use crate::config::MeterSettings;
use crate::model::{Bias, CountedEdge, Level, MeterId, NS_PER_MS, Quantity};

/// What the configuration has by default.
fn meter() -> MeterSettings {
    let mut meter = MeterSettings::plain("Import");
    meter.filter.bounce_ns = 5 * NS_PER_MS;
    meter.filter.min_interval_ns = 30 * NS_PER_MS;
    meter
}

fn look(wave: &Wave, meter: &MeterSettings) -> LineReport {
    diagnose(
        wave,
        Subject {
            meter,
            is_debounced: false,
            evidence: None,
        },
    )
}

/// What the recommended settings count.
fn counts(report: &LineReport) -> u64 {
    let better = report.recommended.as_ref();
    better
        .unwrap_or_else(|| panic!("nothing is recommended: {:?}", report.findings))
        .counted
        .pulses
}

fn words(report: &LineReport) -> Vec<&'static str> {
    report.findings.iter().map(Finding::word).collect()
}

fn changed(report: &LineReport) -> Vec<String> {
    let changes = report.recommended.iter().flat_map(|better| &better.changes);
    changes
        .map(|change| format!("{} = {}", change.key, change.to))
        .collect()
}

/// Lengths in milliseconds, from the level of rest on.
fn wave(first: Level, lengths_ms: &[f64]) -> Wave {
    #[expect(clippy::cast_possible_truncation, reason = "short lengths")]
    let ns = |ms: &f64| (ms * 1e6) as i64;
    of_lengths(first, lengths_ms.iter().map(ns))
}

/// A number between 0 and 1 that looks random and is the same each time.
fn chance(seed: usize) -> f64 {
    let mixed = (seed as u64)
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}

/// Pulses of a width, with so many bounces at each of their ends.
fn pulses(count: usize, width_ms: f64, rest_ms: f64, bounces: usize, bounce_ms: f64) -> Vec<f64> {
    let mut lengths = vec![rest_ms];
    for n in 0..count {
        for end_ms in [width_ms, rest_ms] {
            for at in 0..2 * bounces {
                lengths.push(0.1 + (bounce_ms - 0.1) * chance(n * 1_000 + at));
            }
            lengths.push(end_ms);
        }
    }
    lengths
}

fn recording(name: &str) -> Wave {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/waveforms");
    let file = File::open(dir.join(name)).unwrap();
    let recording = Recording::read(BufReader::new(file)).unwrap();
    assert_eq!(recording.meters, ["Import"]);
    Wave::of_signals(&recording.signals, MeterId(0))
}

#[test]
fn a_sensor_that_hovers_needs_a_bounce_time_and_no_interval() {
    let mut meter = meter();
    (meter.line.bias, meter.filter.active) = (Bias::Down, Level::High);
    let report = look(&recording("hovering.txt"), &meter);
    assert_eq!(counts(&report), 11, "{:?}", changed(&report));
    assert_eq!(report.counted.pulses, 159);
    assert!(words(&report).contains(&"hovering"), "{:?}", words(&report));
    let changes = changed(&report);
    assert!(
        changes.iter().all(|change| change.starts_with("bounce_ms")),
        "{changes:?}"
    );
    assert!(
        report.others.iter().any(|other| other.pulses > 11),
        "an interval does not help"
    );
}

#[test]
fn flashes_of_two_milliseconds_need_a_short_bounce_time() {
    let mut meter = meter();
    meter.pulses_per_unit = Some(10_000.0);
    let report = look(&recording("2ms-flashes.txt"), &meter);
    assert_eq!((report.counted.pulses, counts(&report)), (0, 200));
    assert_eq!(words(&report), ["shorter_than_bounce"]);
    assert_eq!(
        changed(&report),
        ["bounce_ms = 0.5", "min_interval_ms = 15"]
    );
}

#[test]
fn a_fast_meter_needs_a_short_interval() {
    let mut meter = meter();
    let report = look(&recording("10000-imp-16kW.txt"), &meter);
    assert_eq!((report.counted.pulses, counts(&report)), (200, 400));
    assert_eq!(words(&report), ["too_close"]);
    assert_eq!(changed(&report), ["min_interval_ms = 10"]);
    // A smaller one where the number on its face says that it can come faster.
    meter.pulses_per_unit = Some(10_000.0);
    meter.max_rate = 44_000.0;
    let report = look(&recording("10000-imp-16kW.txt"), &meter);
    assert!(report.recommended.unwrap().countable_w.unwrap() >= 24_000.0);
}

#[test]
fn a_gas_reed_on_a_long_cable_is_counted_right() {
    let report = look(&recording("gas-reed-long-cable.txt"), &meter());
    assert_eq!((report.counted.pulses, counts(&report)), (112, 16));
    let words = words(&report);
    assert!(
        words.contains(&"bounce") && words.contains(&"spikes"),
        "{words:?}"
    );
    let settings = report.recommended.unwrap().settings;
    let bounce_ms = settings.filter.bounce_ns / NS_PER_MS;
    assert!((50..=500).contains(&bounce_ms), "{bounce_ms}");
}

#[test]
fn the_end_of_steady_light_is_no_pulse() {
    let report = look(&recording("steady-led.txt"), &meter());
    assert_eq!((report.counted.pulses, counts(&report)), (41, 40));
    assert_eq!(words(&report), ["steady_light"]);
    assert_eq!(changed(&report), ["max_width_ms = 400"]);
}

#[test]
fn clean_pulses_of_every_width_are_counted_and_nothing_is_changed_needlessly() {
    for width_ms in [2.0, 4.0, 10.0, 30.0, 40.0, 80.0, 120.0, 200.0, 500.0] {
        let wave = wave(Level::High, &pulses(50, width_ms, 1_800.0, 0, 0.0));
        let report = look(&wave, &meter());
        assert_eq!(counts(&report), 50, "{width_ms}: {:?}", changed(&report));
        if width_ms >= 10.0 {
            assert!(
                changed(&report).is_empty(),
                "{width_ms}: {:?}",
                changed(&report)
            );
            assert_eq!(words(&report), ["clean"], "{width_ms}");
        } else {
            let bounce_ns = report.recommended.unwrap().settings.filter.bounce_ns;
            assert!(
                2.0 * bounce_ns as f64 <= width_ms * 1e6,
                "{width_ms}: {bounce_ns}"
            );
        }
    }
}

#[test]
fn contacts_that_bounce_are_counted_once() {
    for (bounces, bounce_ms) in [(1, 1.0), (3, 3.0), (9, 1.0), (10, 4.0), (8, 20.0)] {
        let wave = wave(Level::High, &pulses(40, 200.0, 1_800.0, bounces, bounce_ms));
        let report = look(&wave, &meter());
        assert_eq!(
            counts(&report),
            40,
            "{bounces} of {bounce_ms}: {:?}",
            changed(&report)
        );
        assert!(words(&report).contains(&"bounce"), "{:?}", words(&report));
        if bounce_ms < 4.0 {
            assert!(
                changed(&report).is_empty(),
                "5 ms do: {:?}",
                changed(&report)
            );
        }
    }
}

#[test]
fn a_reed_that_bounces_for_300_ms_is_counted_once() {
    let wave = wave(Level::High, &pulses(20, 3_000.0, 9_000.0, 10, 25.0));
    let report = look(&wave, &meter());
    assert_eq!(counts(&report), 20, "{:?}", changed(&report));
    assert!(report.counted.pulses > 60);
}

#[test]
fn a_few_spikes_on_the_cable_are_no_pulses() {
    let mut lengths = vec![1_000.0];
    for n in 0..60 {
        lengths.extend([80.0, 1_000.0]);
        if n % 15 == 0 {
            lengths.extend([1.0 + 5.0 * chance(n), 400.0]);
        }
    }
    let report = look(&wave(Level::High, &lengths), &meter());
    assert_eq!(counts(&report), 60, "{:?}", changed(&report));
    assert_eq!(words(&report), ["spikes"]);
}

#[test]
fn mains_hum_is_called_so_and_nothing_is_recommended() {
    for (hz, half_ms) in [(50, 10.0), (60, 8.333)] {
        let lengths: Vec<f64> = (0..600)
            .map(|n| half_ms + 0.1 * (chance(n) - 0.5))
            .collect();
        let report = look(&wave(Level::High, &lengths), &meter());
        assert_eq!(words(&report), ["hum"], "{hz}");
        assert!(report.findings[0].what().contains(&format!("{hz} Hz")));
        assert!(report.recommended.is_none());
    }
}

#[test]
fn an_open_wire_has_no_rhythm() {
    let lengths: Vec<f64> = (0..2_000)
        .map(|n| 0.1 - 20.0 * chance(n).max(1e-6).ln())
        .collect();
    let mut open = meter();
    open.line.bias = Bias::None;
    let report = look(&wave(Level::High, &lengths), &open);
    assert_eq!(words(&report), ["open_wire"]);
    assert!(report.findings[0].remedy().contains("bias"));
    assert!(report.recommended.is_none());
}

#[test]
fn a_line_on_which_nothing_comes_is_told_by_its_level() {
    let at_rest = look(&wave(Level::High, &[60_000.0]), &meter());
    assert!(at_rest.findings[0].what().contains("at rest"));
    let active = look(&wave(Level::Low, &[60_000.0]), &meter());
    assert!(active.findings[0].what().contains("active level"));
    for report in [at_rest, active] {
        assert_eq!(words(&report), ["silent"]);
        assert!(report.recommended.is_none());
    }
    let few = look(&wave(Level::High, &[60_000.0, 80.0, 60_000.0]), &meter());
    assert_eq!(words(&few), ["too_few"]);
}

#[test]
fn pulses_the_other_way_round_are_said_to_be_so() {
    let wave = wave(Level::Low, &pulses(40, 80.0, 1_800.0, 0, 0.0));
    let report = look(&wave, &meter());
    assert_eq!((words(&report), counts(&report)), (vec!["inverted"], 40));
    assert!(
        changed(&report).is_empty(),
        "each is counted once all the same"
    );
    let mut free = meter();
    free.line.bias = Bias::None;
    let report = look(&wave, &free);
    assert_eq!(
        (changed(&report), counts(&report)),
        (vec!["active = \"high\"".to_owned()], 40)
    );
}

#[test]
fn steady_light_of_an_output_that_is_high_while_lit_needs_the_level() {
    let mut lengths = pulses(20, 40.0, 3_000.0, 0, 0.0);
    lengths.push(9_000_000.0);
    lengths.extend(pulses(20, 40.0, 3_000.0, 0, 0.0));
    let report = look(&wave(Level::Low, &lengths), &meter());
    assert_eq!(counts(&report), 40, "{:?}", changed(&report));
    let changes = changed(&report);
    assert!(
        changes.contains(&"active = \"high\"".to_owned()),
        "{changes:?}"
    );
    assert!(
        changes.contains(&"bias = \"none\"".to_owned()),
        "{changes:?}"
    );
}

fn equal_mark_space() -> Wave {
    let mut lengths = vec![1_000.0];
    for half_ms in [400.0, 900.0, 120.0, 3_000.0] {
        lengths.extend([half_ms; 30]);
    }
    lengths.push(1_000.0);
    wave(Level::High, &lengths)
}

#[test]
fn equal_mark_and_space_leave_the_choice_to_the_face() {
    let wave = equal_mark_space();
    let report = look(&wave, &meter());
    assert_eq!(words(&report), ["equal_mark_space"]);
    assert_eq!(counts(&report), 60, "as configured");
    let mut both = meter();
    both.filter.counted = CountedEdge::Both;
    let report = look(&wave, &both);
    assert_eq!(counts(&report), 121, "as configured");
    // 121 edges; the face went on by 0.12 kWh.
    for (configured, imp_per_kwh, want) in [
        (CountedEdge::Rising, 1_000.0, 121),
        (CountedEdge::Both, 1_000.0, 121),
        (CountedEdge::Rising, 500.0, 60),
        (CountedEdge::Both, 500.0, 60),
    ] {
        let mut meter = meter();
        meter.filter.counted = configured;
        meter.pulses_per_unit = Some(imp_per_kwh);
        let evidence = Some(Evidence::Readings {
            kwh: 0.12,
            step_kwh: 0.001,
        });
        let report = diagnose(
            &wave,
            Subject {
                meter: &meter,
                is_debounced: false,
                evidence,
            },
        );
        assert_eq!(counts(&report), want, "{configured:?} {imp_per_kwh}");
        assert!(
            report.worth.unwrap().may_be(imp_per_kwh),
            "{:?}",
            report.worth
        );
    }
}

#[test]
fn what_a_pulse_is_worth_is_compared_in_the_unit_that_the_face_shows() {
    let wave = equal_mark_space();
    let known = |unit: Quantity, factor: f64, evidence| {
        let mut meter = meter();
        (meter.unit, meter.pulses_per_unit) = (unit, Some(factor));
        let subject = Subject {
            meter: &meter,
            is_debounced: false,
            evidence: Some(evidence),
        };
        diagnose(&wave, subject)
    };
    let face = Evidence::Readings {
        kwh: 0.12,
        step_kwh: 0.001,
    };
    for (unit, factor, want) in [
        (Quantity::WattHours, 1.0, 121),
        (Quantity::WattHours, 0.5, 60),
        (Quantity::CubicMetres, 1_000.0, 121),
    ] {
        let report = known(unit, factor, face);
        assert_eq!(counts(&report), want, "{unit:?} {factor}");
        let said = text::render(&report);
        let of = if unit.is_electric() {
            " imp/kWh by"
        } else {
            " imp/m³ by"
        };
        assert!(said.contains(of), "{said}");
        assert!(!said.contains("The configuration says"), "{said}");
    }
    // Watts say nothing of gas.
    let load = Evidence::Load { w: 2_000.0 };
    assert!(known(Quantity::WattHours, 1.0, load).worth.is_some());
    assert_eq!(known(Quantity::CubicMetres, 100.0, load).worth, None);
}

#[test]
fn both_edges_of_plain_pulses_count_them_twice() {
    let mut meter = meter();
    meter.filter.counted = CountedEdge::Both;
    let wave = wave(Level::High, &pulses(30, 80.0, 900.0, 0, 0.0));
    let report = look(&wave, &meter);
    assert_eq!((report.counted.pulses, counts(&report)), (60, 30));
    assert_eq!(words(&report), ["counted_twice"]);
}

#[test]
fn widths_that_are_configured_wrong_are_mended() {
    let wave = wave(Level::High, &pulses(30, 40.0, 900.0, 0, 0.0));
    let mut narrow = meter();
    narrow.filter.min_width_ns = 60 * NS_PER_MS;
    let report = look(&wave, &narrow);
    assert_eq!((report.counted.pulses, counts(&report)), (0, 30));
    assert_eq!(words(&report), ["narrow"]);
    let mut wide = meter();
    wide.filter.max_width_ns = 30 * NS_PER_MS;
    let report = look(&wave, &wide);
    assert_eq!((report.counted.pulses, counts(&report)), (0, 30));
    assert_eq!(words(&report), ["wide"]);
}

#[test]
fn load_that_changes_is_no_interference() {
    let mut lengths = vec![1_000.0];
    for rest_ms in [3_000.0, 460.0, 20_000.0, 1_200.0, 260.0, 700.0] {
        for n in 0..30 {
            lengths.extend([40.0, rest_ms * (0.9 + 0.2 * chance(n))]);
        }
    }
    let report = look(&wave(Level::High, &lengths), &meter());
    assert_eq!((counts(&report), words(&report)), (180, vec!["clean"]));
}

#[test]
fn a_gap_in_the_numbers_is_told_and_parts_the_wave() {
    let mut torn = wave(Level::High, &pulses(20, 80.0, 900.0, 0, 0.0));
    let mut last = *torn.edges().last().unwrap();
    for n in 1..=40 {
        last.line_seqno += if n == 1 { 101 } else { 1 };
        last.mono_ns += if n % 2 == 1 { 900 } else { 80 } * NS_PER_MS;
        last.kind = crate::model::EdgeKind::towards(last.kind.level_after().inverted());
        torn.edge(last);
    }
    torn.end(last.mono_ns + 1_000 * NS_PER_MS);
    let report = look(&torn, &meter());
    assert_eq!((report.missed, counts(&report)), (100, 40));
    assert!(words(&report).contains(&"missed"));
}

#[test]
fn the_report_is_one_file_and_says_all_of_it() {
    let mut meter = meter();
    meter.name = "<b>Ölheizung</b>".to_owned();
    let report = look(&recording("steady-led.txt"), &meter);
    let page = html::render(&report, "today");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert!(page.contains("max_width_ms = 400") && page.contains("&lt;b&gt;Ölheizung&lt;/b&gt;"));
    for foreign in ["http", "<script", "<link", "<img", "url(", "<b>"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    let text = text::render(&report);
    assert!(text.contains("max_width_ms"), "{text}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["recommended"]["counted"]["pulses"], 40);
    assert_eq!(json["findings"][0]["finding"], "steady_light");
}

proptest! {
    /// Whatever comes, it is judged, and what is recommended counts what it says.
    #[test]
    fn any_wave_is_judged(
        high in any::<bool>(),
        lengths in prop::collection::vec(1i64..3_000_000_000, 0..60),
        bounce_ms in 0i64..600,
        both in any::<bool>(),
    ) {
        let mut meter = meter();
        meter.filter.bounce_ns = bounce_ms * NS_PER_MS;
        if both {
            meter.filter.counted = CountedEdge::Both;
        }
        let first = if high { Level::High } else { Level::Low };
        let wave = of_lengths(first, lengths);
        let report = look(&wave, &meter);
        prop_assert!(!report.findings.is_empty());
        if let Some(better) = &report.recommended {
            prop_assert_eq!(&count(&wave, better.settings.filter), &better.counted);
            for change in &better.changes {
                prop_assert!(change.from != change.to);
            }
            let filter = better.settings.filter;
            prop_assert!(filter.bounce_ns >= 0 && filter.min_interval_ns >= 0);
            let longest_ns = filter.max_width_ns;
            prop_assert!(longest_ns == 0 || longest_ns > filter.bounce_ns.max(filter.min_width_ns));
        }
        text::render(&report);
        html::render(&report, "");
    }

    /// Pulses of any width at any load that a meter can have, with contacts that bounce for less than the rest: right, and
    /// stable, because what is recommended is recommended again.
    #[test]
    fn pulses_are_counted_right(
        width_ms in 8.0f64..400.0,
        duty in 3usize..40,
        bounces in 0usize..6,
        part in 0.02f64..0.12,
        count in 8usize..60,
    ) {
        let rest_ms = width_ms * duty as f64;
        let lengths = pulses(count, width_ms, rest_ms, bounces, width_ms * part);
        let wave = wave(Level::High, &lengths);
        let mut meter = meter();
        let report = look(&wave, &meter);
        prop_assert_eq!(counts(&report), count as u64, "{:?} {:?}", changed(&report), words(&report));
        meter.filter = report.recommended.unwrap().settings.filter;
        let again = look(&wave, &meter);
        prop_assert!(changed(&again).is_empty(), "{:?}", changed(&again));
    }
}
