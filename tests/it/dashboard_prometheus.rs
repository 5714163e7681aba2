//! Every query of the Grafana dashboard for Prometheus on a real one, over blocks with known data: what Grafana would show
//! is right. What the queries name is what the true binary exports.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::support::daemon::Daemon;
use crate::support::grafana::{Dashboard, folder, queries};
use crate::support::port::Port;
use crate::support::program::{find, outcome, skip};
use crate::support::prometheus::{Prometheus, client};
use crate::support::wait::{PATIENCE, wait_for};
use serde_json::Value;

/// Meters that never change: seconds between two pulses, all of 1000 imp/kWh.
const METERS: [(&str, i64, f64); 3] = [
    ("Import", 5, 720.0),
    ("Generate", 5, 720.0),
    ("Export", 10, 360.0),
];

const INSTANCE: &str = "pi.example:8077";

const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 86_400;

/// Prometheus asks so often.
const SCRAPE_S: i64 = 60;

/// The first scrape, and the last one: 2026-03-26T00:00:00Z, four days.
const FIRST_S: i64 = 1_774_483_200;
const LAST_S: i64 = FIRST_S + 4 * DAY_S;

/// A moment with data around it, on no scrape.
const NOW_S: i64 = LAST_S - 5 * HOUR_S + 7;

fn kwh(meter: &str, seconds: i64) -> f64 {
    let (_, apart_s, _) = METERS.iter().find(|of| of.0 == meter).unwrap();
    #[expect(clippy::cast_precision_loss, reason = "some days of seconds")]
    let pulses = (seconds / apart_s) as f64;
    pulses / 1_000.0
}

/// All that a daemon with these meters exports, at each scrape, and Prometheus's own `up`.
fn scraped() -> String {
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, series: &[(String, &dyn Fn(i64) -> f64)]| {
        let bare = name.trim_end_matches("_total");
        let _ = writeln!(text, "# TYPE {bare} {kind}");
        for (labels, value) in series {
            for at_s in (FIRST_S..=LAST_S).step_by(60) {
                let comma = if labels.is_empty() { "" } else { "," };
                let value = value(at_s);
                let _ = writeln!(
                    text,
                    "{name}{{instance=\"{INSTANCE}\",job=\"powerlogger\"{comma}{labels}}} {value} {at_s}"
                );
            }
        }
    };
    let meter = |name: &str| format!("meter=\"{name}\"");
    let [import, generate, export] = METERS.map(|(name, ..)| meter(name));
    let joules = |name: &'static str| move |at_s| 3.6e6 * (500.0 + kwh(name, at_s - FIRST_S));
    family(
        "powerlogger_energy_joules_total",
        "counter",
        &[
            (import.clone(), &joules("Import")),
            (generate.clone(), &joules("Generate")),
            (export.clone(), &joules("Export")),
        ],
    );
    family(
        "powerlogger_power_watts",
        "gauge",
        &[
            (import.clone(), &|_| METERS[0].2),
            (generate, &|_| METERS[1].2),
            (export, &|_| METERS[2].2),
        ],
    );
    let of_import = |labels: &str| format!("{import},{labels}");
    for (name, kind, labels, value) in [
        (
            "powerlogger_register_kwh",
            "gauge",
            import.clone(),
            88_123.4,
        ),
        (
            "powerlogger_pulses_lost_total",
            "counter",
            of_import("cause=\"overflow\""),
            3.0,
        ),
        (
            "powerlogger_edges_rejected_total",
            "counter",
            of_import("cause=\"bounce\""),
            9.0,
        ),
        (
            "powerlogger_delivery_backlog_pulses",
            "gauge",
            String::new(),
            17.0,
        ),
        (
            "powerlogger_delivery_lag_seconds",
            "gauge",
            String::new(),
            2.5,
        ),
        (
            "powerlogger_journal_size_bytes",
            "gauge",
            String::new(),
            1e6,
        ),
        (
            "powerlogger_build_info",
            "gauge",
            "version=\"0.1.0\"".to_owned(),
            1.0,
        ),
        ("up", "gauge", String::new(), 1.0),
    ] {
        family(name, kind, &[(labels, &|_| value)]);
    }
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
    let last_pulse = |at_s: i64| (at_s - at_s % 5) as f64;
    family(
        "powerlogger_last_pulse_timestamp_seconds",
        "gauge",
        &[(import, &last_pulse)],
    );
    let condition = |word: &str| format!("condition=\"{word}\",severity=\"warning\"");
    family(
        "powerlogger_condition",
        "gauge",
        &[
            (condition("backlog_old"), &|_| 1.0),
            (condition("clock"), &|_| 0.0),
        ],
    );
    text + "# EOF\n"
}

/// The dashboard on a server.
struct Shown<'a> {
    server: &'a Prometheus,
    board: &'a Dashboard,
}

impl Shown<'_> {
    /// The queries of a panel as Grafana sends them, where the range and a point are so wide.
    fn sent(&self, title: &str, range_s: i64, interval_s: i64) -> Vec<String> {
        let (range, interval) = (range_s.to_string(), format!("{interval_s}s"));
        let rate = format!("{}s", (interval_s + SCRAPE_S).max(4 * SCRAPE_S));
        let each = self.board.queries(title).into_iter().map(|query| {
            let query = query
                .replace("${__range_s}", &range)
                .replace("$__rate_interval", &rate)
                .replace("$__interval", &interval)
                .replace("$instance", INSTANCE)
                .replace("$price_import", "0.30")
                .replace("$price_export", "0.08");
            assert!(!query.contains('$'), "{query}");
            query
        });
        each.collect()
    }

    /// What a panel of single numbers shows at [`NOW_S`], by its legend.
    fn singles(&self, title: &str, range_s: i64) -> BTreeMap<String, f64> {
        let mut shown = BTreeMap::new();
        for (query, legend) in self
            .sent(title, range_s, 60)
            .iter()
            .zip(self.legends(title))
        {
            for (labels, value) in self.server.asked(query, Some(NOW_S)) {
                let before = shown.insert(named(&legend, &labels), value);
                assert_eq!(before, None, "{title}: {legend} twice");
            }
        }
        shown
    }

    fn legends(&self, title: &str) -> Vec<String> {
        let panel = self
            .board
            .panels()
            .iter()
            .find(|panel| panel["title"] == title);
        let targets = panel.unwrap()["targets"].as_array().unwrap().iter();
        let legend = |target: &Value| target["legendFormat"].as_str().unwrap().to_owned();
        targets.map(legend).collect()
    }
}

/// A legend with its labels put in.
fn named(legend: &str, labels: &Value) -> String {
    let mut name = legend.to_owned();
    for (label, value) in labels.as_object().unwrap() {
        name = name.replace(&format!("{{{{{label}}}}}"), value.as_str().unwrap());
    }
    assert!(!name.contains("{{"), "{legend}: {labels}");
    name
}

fn assert_shows(shown: &BTreeMap<String, f64>, want: &[(&str, f64)]) {
    let want: BTreeMap<&str, f64> = want.iter().copied().collect();
    let names: Vec<&str> = shown.keys().map(String::as_str).collect();
    assert_eq!(names, want.keys().copied().collect::<Vec<_>>());
    for (name, got) in shown {
        let want = want[name.as_str()];
        assert!((got - want).abs() < 1e-9, "{name}: {want}, not {got}");
    }
}

fn single_numbers_are_right(shown: &Shown<'_>) {
    assert_shows(
        &shown.singles("Power now", 60),
        &[
            ("Import", 720.0),
            ("Generate", 720.0),
            ("Export", 360.0),
            ("House", 1_080.0),
        ],
    );
    // What is known at this moment is that of the last scrape; a range that begins before the first one, from there on.
    let last_s = NOW_S - NOW_S % SCRAPE_S;
    for (title, range_s) in [
        ("Today", 19 * HOUR_S + 7),
        ("This week", 3 * DAY_S),
        ("This month", 25 * DAY_S),
        ("This year", 88 * DAY_S),
    ] {
        let begin_s = (NOW_S - range_s).max(FIRST_S);
        let seconds = last_s - (begin_s - begin_s.rem_euclid(SCRAPE_S));
        let want = METERS.map(|(meter, ..)| (meter, kwh(meter, seconds)));
        assert_shows(&shown.singles(title, range_s), &want);
        if title == "Today" {
            let [import, generate, export] = want.map(|(_, kwh)| kwh);
            let (house, own) = (import + generate - export, generate - export);
            assert_shows(
                &shown.singles("House today", range_s),
                &[
                    ("House", house),
                    ("Own use", own),
                    ("Self-consumption", own / generate),
                    ("Autarky", own / house),
                ],
            );
        }
        if title == "This month" {
            assert_shows(
                &shown.singles("Cost this month", range_s),
                &[("Import", want[0].1 * 0.30), ("Export", want[2].1 * -0.08)],
            );
        }
    }
}

fn curves_and_bars_are_right(shown: &Shown<'_>) {
    let board = shown.board;
    let begin_s = FIRST_S + HOUR_S;
    for (interval_s, step) in [(30, 30), (600, 600), (2 * HOUR_S, 2 * HOUR_S)] {
        let mut seen = BTreeSet::new();
        for (query, legend) in shown
            .sent("Power", HOUR_S, interval_s)
            .iter()
            .zip(shown.legends("Power"))
        {
            for (labels, points) in shown.server.over(query, (begin_s, NOW_S), step) {
                let name = named(&legend, &labels);
                let known = METERS.iter().find(|meter| meter.0 == name);
                let want = known.map_or(1_080.0, |meter| meter.2);
                assert!(points.len() > 10, "{name}");
                assert!(
                    points.iter().all(|(_, watts)| (watts - want).abs() < 1e-9),
                    "{name}"
                );
                seen.insert(name);
            }
        }
        assert_eq!(seen.len(), 4, "{seen:?}");
    }
    for (title, width_s) in [
        ("Energy by hour", HOUR_S),
        ("Energy by hour", 3 * HOUR_S),
        ("Energy by day", DAY_S),
    ] {
        let [query] = &shown.sent(title, DAY_S, width_s)[..] else {
            panic!("one query: {title}");
        };
        let bars = shown.server.over(query, (FIRST_S, LAST_S), width_s);
        assert_eq!(bars.len(), METERS.len());
        for (labels, points) in bars {
            let want = kwh(labels["meter"].as_str().unwrap(), width_s);
            // A bar whose end has not come is not drawn.
            let whole = usize::try_from((LAST_S - FIRST_S) / width_s).unwrap();
            assert_eq!(points.len(), whole, "{title}");
            assert!(
                points.iter().all(|(_, kwh)| (kwh - want).abs() < 1e-6),
                "{title}"
            );
        }
    }
    assert_eq!(board.queries("Delivery").len(), 2);
}

fn health_is_told(shown: &Shown<'_>) {
    for (title, want) in [
        ("Register", &[("Import", 88_123.4)][..]),
        // A scrape of seven seconds ago told it.
        ("Last pulse", &[("Import", 7.0)]),
        ("Conditions", &[("backlog_old (warning)", 1.0)]),
        ("Reached", &[(INSTANCE, 1.0)]),
        ("Lost pulses", &[("Import: overflow", 3.0)]),
        ("Delivery", &[("Backlog", 17.0), ("Lag", 2.5)]),
        ("Rejected edges a minute", &[("Import: bounce", 0.0)]),
        ("Program", &[("0.1.0", 1.0), ("Journal", 1e6)]),
    ] {
        assert_shows(&shown.singles(title, HOUR_S), want);
    }
}

#[test]
fn every_panel_for_prometheus_shows_what_is_so() {
    let test = "every_panel_for_prometheus_shows_what_is_so";
    let Some((prometheus, promtool)) = find(None, "prometheus").zip(find(None, "promtool")) else {
        return skip(test, "no prometheus and promtool on PATH");
    };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scraped");
    fs::write(&file, scraped()).unwrap();
    let (code, said) = outcome(
        Command::new(&promtool)
            .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"])
            .args([&file, &dir.path().join("data")]),
    );
    assert_eq!(code, 0, "{said}");
    let server = Prometheus::start(&prometheus, "scrape_configs: []\n", dir);
    let board = Dashboard::read(&folder().join("powerlogger-prometheus.json"));
    let shown = Shown {
        server: &server,
        board: &board,
    };
    single_numbers_are_right(&shown);
    curves_and_bars_are_right(&shown);
    health_is_told(&shown);
    assert_eq!(board.unseen(), Vec::<&str>::new(), "panels without a test");
}

/// Names of our metrics in a text.
fn metrics(text: &str) -> BTreeSet<String> {
    let of_a_name = |letter: &char| letter.is_ascii_lowercase() || *letter == '_';
    let starts = text.match_indices("powerlogger_");
    let name = |(at, _): (usize, &str)| text[at..].chars().take_while(of_a_name).collect();
    starts.map(name).collect()
}

#[test]
fn the_dashboard_for_prometheus_asks_for_what_is_exported() {
    let kept = Port::keep();
    let port = kept.number();
    let config = format!("[web]\nlisten = \"127.0.0.1:{port}\"\n");
    let nowhere = "INFLUX_HOST=http://127.0.0.1:9\nINFLUX_ORG=o\nINFLUX_TOKEN=t\nRAW_BUCKET=simulated\n\
                   B1M_BUCKET=simulated_1m\nB5M_BUCKET=simulated_5m\nB1H_BUCKET=simulated_1h\n";
    let mut daemon = Daemon::start_with_env(&config, nowhere, &["--simulate"]);
    daemon.wait_for_door(port);
    // Delivery tells something once it has begun.
    let exported = wait_for("metrics of all stages", PATIENCE, || {
        let answer = client(port).request("GET", "/metrics", &[], b"").ok()?;
        let told = answer.body.contains("powerlogger_delivery_backlog_pulses");
        told.then(|| metrics(&answer.body))
    });

    let board = Dashboard::read(&folder().join("powerlogger-prometheus.json"));
    let asked: BTreeSet<String> = board
        .panels()
        .iter()
        .flat_map(queries)
        .flat_map(|query| metrics(&query))
        .collect();
    assert!(asked.len() > 9, "{asked:?}");
    let missing: Vec<&String> = asked.difference(&exported).collect();
    assert_eq!(missing, Vec::<&String>::new());
}
