//! The rules of Prometheus's own linter (promlint), and what a name with quotes becomes.

use std::collections::BTreeSet;

use super::*;
use crate::journal::CarriedAmount;
use crate::live::Snapshot;
use crate::model::{Loss, LossCause, WallNs};
use crate::web::amounts::{CountedMeter, Counters};

const WITHOUT: &str = "W\"\u{e4}rme\\x";

fn state() -> (Status, Present) {
    let mut now = Snapshot::default();
    let meters = std::sync::Arc::make_mut(&mut now.meters);
    let meter = meters.entry(WITHOUT);
    (meter.pulses, meter.last_pulse_ns) = (1_500, Some(WallNs(1_792_936_992_250_000_000)));
    meter.lose(LossCause::Bounce, Loss::at(3, WallNs(1)));
    meter.lose(LossCause::Refused, Loss::at(2, WallNs(1)));
    let status = Status::from_board(&now, WallNs(1_792_936_993_000_000_000));
    (status, Present::of(&now, &[], 0))
}

fn text(form: Form) -> String {
    let served = Served {
        started_s: 1.5,
        answers: vec![(200, 7)],
    };
    let (status, present) = state();
    let totals = MeterAmounts::default();
    rendered((&status, &present, &totals), &served, form)
}

#[test]
fn promlint_has_nothing_to_say() {
    let text = text(Form::Text);
    let mut helped = BTreeSet::new();
    let mut kinds = std::collections::BTreeMap::new();
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty() && helped.insert(name.to_owned()), "{line}");
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(helped.contains(name), "{line}");
            kinds.insert(name.to_owned(), kind.to_owned());
            let is_counter = kind == "counter";
            assert_eq!(is_counter, name.ends_with("_total"), "{line}");
            for wrong in [
                "hours", "kilo", "milli", "_count", "_gauge", "_counter", "_ms", "_ns",
            ] {
                assert!(!name.contains(wrong), "{line}");
            }
            assert!(
                name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
                "{line}"
            );
            continue;
        }
        assert!(!line.starts_with('#'), "{line}");
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        assert!(kinds.contains_key(name), "{line}");
        assert!(value.parse::<f64>().unwrap().is_finite(), "{line}");
        assert!(seen.insert(series.to_owned()), "twice: {line}");
    }
    assert!(text.ends_with('\n'));
}

#[test]
fn names_are_escaped_and_numbers_exact() {
    let text = text(Form::Text);
    assert!(
        text.contains("powerlogger_pulses_total{meter=\"W\\\"ärme\\\\x\"} 1500\n"),
        "{text}"
    );
    assert!(text.contains("cause=\"refused\"} 2\n") && text.contains("cause=\"bounce\"} 3\n"));
    assert!(text.contains("timestamp_seconds{meter=\"W\\\"ärme\\\\x\"} 1792936992.25\n"));
    assert!(
        !text.contains("powerlogger_energy_joules_total{"),
        "the factor is not known"
    );
    assert!(text.contains("powerlogger_requests_total{status=\"200\"} 7\n"));
}

#[test]
fn counters_of_losses_begin_at_zero_for_each_configured_meter_and_cause() {
    let mut now = Snapshot::default();
    let meters = std::sync::Arc::make_mut(&mut now.meters);
    for name in ["Import", "Export"] {
        meters.entry(name).is_configured = true;
    }
    meters
        .entry("Gone")
        .lose(LossCause::Bounce, Loss::at(3, WallNs(1)));
    let meter = meters.entry("Import");
    meter.lose(LossCause::DiskBound, Loss::at(2, WallNs(1)));
    meter.lose(LossCause::Restored, Loss::at(9, WallNs(1)));
    let status = Status::from_board(&now, WallNs(2));
    let mut lines = Lines {
        text: String::new(),
        form: Form::Text,
    };
    of_losses(&mut lines, &status);
    let samples = lines.text.lines().filter(|line| !line.starts_with('#'));
    let samples: BTreeSet<String> = samples
        .map(|line| line.replace("powerlogger_", ""))
        .collect();
    let mut want =
        BTreeSet::from(["edges_rejected_total{meter=\"Gone\",cause=\"bounce\"} 3".to_owned()]);
    for meter in ["Import", "Export"] {
        for cause in ["memory_full", "disk_bound", "refused"] {
            let pulses = if (meter, cause) == ("Import", "disk_bound") {
                2
            } else {
                0
            };
            let name = "pulses_lost_total";
            want.insert(format!(
                "{name}{{meter=\"{meter}\",cause=\"{cause}\"}} {pulses}"
            ));
        }
        for cause in ["bounce", "width", "long", "interval", "merged"] {
            let name = "edges_rejected_total";
            want.insert(format!("{name}{{meter=\"{meter}\",cause=\"{cause}\"}} 0"));
        }
    }
    assert_eq!(samples, want);
}

#[test]
fn sums_have_no_binary_dust() {
    let mut now = Snapshot::default();
    std::sync::Arc::make_mut(&mut now.meters)
        .entry("Import")
        .pulses = 16_653;
    let status = Status::from_board(&now, WallNs(2));
    let meters = [CountedMeter {
        name: "Import".to_owned(),
        pulses: 16_653,
        earlier: 0,
    }];
    let carried = CarriedAmount {
        pulses: 0,
        amount: 0.0,
        unit: Quantity::KilowattHours,
        pulses_per_unit: 1_000.0,
    };
    let mut counters = Counters::default();
    let carried = [("Import".to_owned(), carried)].into();
    counters.take(carried, &meters, WallNs(1), Default::default());
    let totals = counters.tell(&meters);
    let mut lines = Lines {
        text: String::new(),
        form: Form::Text,
    };
    of_amounts(&mut lines, &status, &totals);
    let sample = "powerlogger_energy_joules_total{meter=\"Import\"} 59950800\n";
    assert!(lines.text.ends_with(sample), "{}", lines.text);
}

#[test]
fn openmetrics_names_families_without_total_and_ends() {
    let text = text(Form::OpenMetrics);
    assert!(text.contains("# TYPE powerlogger_pulses counter\n"));
    assert!(text.contains("# UNIT powerlogger_energy_joules joules\n"));
    assert!(text.contains("\npowerlogger_pulses_total{") && text.ends_with("# EOF\n"));
}

#[test]
fn every_condition_may_be_told_by_an_alarm() {
    use std::collections::BTreeSet;

    use crate::model::{ALARM_WORDS, PULSES_LOST};

    let conditions: BTreeSet<&str> = CONDITIONS.iter().map(|(word, _)| *word).collect();
    let mut told = BTreeSet::from(ALARM_WORDS);
    assert!(told.remove(PULSES_LOST), "it is an event, and no condition");
    assert_eq!(told, conditions);
}
