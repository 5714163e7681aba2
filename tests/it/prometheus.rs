//! A true Prometheus (Debian's `prometheus`) scrapes `/metrics` of the true binary, and the queries that
//! `docs/usage/page.md` recommends give what flows: three meters at constant power, from a recording.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test that cannot go on may panic; waits have deadlines"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::daemon::Daemon;
use crate::support::port::Port;
use crate::support::program::{find, skip};
use crate::support::prometheus::{Prometheus, client};
use crate::support::wait::{PATIENCE, wait_for};
use powerlogger::influx::Client;

/// How often a query is asked again: a scrape comes once a second.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The recording is longer than all waits together.
const RECORDED_S: u64 = 1_800;

/// A meter: its name, pulses a kWh, microseconds from pulse to pulse, and the watts that this means.
const METERS: [(&str, u64, u64, f64); 3] = [
    ("Fast \"\u{fc}\"", 10_000, 100_000, 3_600.0),
    ("Steady", 1_000, 500_000, 7_200.0),
    ("Slow", 1_000, 5_000_000, 720.0),
];

fn config(port: u16) -> String {
    let mut text = String::new();
    for (line, (name, imp_per_kwh, ..)) in (20..).zip(METERS) {
        let _ = writeln!(
            text,
            "[[meter]]\nname = '{name}'\nline = {line}\nimp_per_kwh = {imp_per_kwh}\nbounce_ms = 1\nmin_interval_ms = 20"
        );
    }
    text + &format!("[web]\nlisten = \"127.0.0.1:{port}\"\n")
}

/// Lines that are pulled up, and fall for 30 ms at each pulse.
fn recording() -> String {
    let mut text = "# powerlogger edges 1\n# offset_ns 1781956799000000000\n".to_owned();
    for (id, (name, ..)) in METERS.iter().enumerate() {
        let _ = writeln!(text, "# meter {id} {name}");
    }
    for id in 0..METERS.len() {
        let _ = writeln!(text, "up 1000000000 {id} high {}", id + 1);
    }
    let mut edges = Vec::new();
    for (id, (_, _, apart_us, _)) in METERS.iter().enumerate() {
        for n in 1..=RECORDED_S * 1_000_000 / apart_us {
            let at_us = 1_000_000 + n * apart_us;
            edges.push((at_us, id, 'f', 2 * n - 1));
            edges.push((at_us + 30_000, id, 'r', 2 * n));
        }
    }
    edges.sort_unstable();
    for (at_us, id, kind, number) in edges {
        let _ = writeln!(text, "{at_us}000 {id} {kind} {number}");
    }
    text
}

/// A daemon that counts the recording, at this port.
fn counting(recording: &Path, port: u16) -> Daemon {
    let args = ["--replay", recording.to_str().unwrap()];
    let mut daemon = Daemon::start(&config(port), &args);
    daemon.wait_for_door(port);
    daemon
}

/// The queries, by meter.
trait ByMeter {
    /// What a query gives by meter, now.
    fn query(&self, query: &str) -> BTreeMap<String, f64>;

    /// Waits until a query gives the wanted value for each meter, give or take its share of it.
    fn wait_until(&self, query: &str, wanted: [(f64, f64); 3]);
}

impl ByMeter for Prometheus {
    fn query(&self, query: &str) -> BTreeMap<String, f64> {
        let result = self.asked(query, None).into_iter();
        let by_meter = result.map(|(labels, value)| {
            let meter = labels["meter"].as_str().unwrap_or_default();
            (meter.to_owned(), value)
        });
        by_meter.collect()
    }

    fn wait_until(&self, query: &str, wanted: [(f64, f64); 3]) {
        let is_right = |found: &BTreeMap<String, f64>| {
            let mut all = METERS.iter().zip(wanted);
            let is_near = |found: f64, value: f64, give: f64| (found - value).abs() <= give * value;
            found.len() == METERS.len()
                && all.all(|((name, ..), (value, give))| {
                    found
                        .get(*name)
                        .is_some_and(|found| is_near(*found, value, give))
                })
        };
        let started = Instant::now();
        loop {
            let found = self.query(query);
            if is_right(&found) {
                return;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{query} is {found:?}, and is to be {wanted:?}"
            );
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

#[test]
fn a_true_prometheus_gives_what_flows() {
    let test = "a_true_prometheus_gives_what_flows";
    let Some((prometheus, promtool)) = find(None, "prometheus").zip(find(None, "promtool")) else {
        return skip(test, "no prometheus and promtool on PATH");
    };
    let dir = tempfile::tempdir().unwrap();
    let edges = dir.path().join("edges");
    fs::write(&edges, recording()).unwrap();
    let kept = Port::keep();
    let port = kept.number();
    let mut daemon = counting(&edges, port);
    daemon.wait_for_pulses(50);
    lints(&promtool, &client(port));

    let prometheus = Prometheus::scraping(&prometheus, port);
    let watts = METERS.map(|(.., watts)| watts);
    let each = |gives: [f64; 3]| [0, 1, 2].map(|n| (watts[n], gives[n]));
    // By the stamps of the pulses, whatever the machine does meanwhile.
    prometheus.wait_until("powerlogger_power_watts", each([0.01; 3]));
    // A pulse more or less in the window is a share of it.
    let by_rate = [0.06, 0.06, 0.3];
    for query in [
        "rate(powerlogger_pulses_total[30s]) * 3.6e6 / powerlogger_meter_impulses_per_kwh",
        "rate(powerlogger_energy_joules_total[30s])",
        "increase(powerlogger_energy_joules_total[30s]) / 3.6e6 * 120000",
        "(powerlogger_energy_joules_total - powerlogger_energy_joules_total offset 30s) / 30",
    ] {
        prometheus.wait_until(query, each(by_rate));
    }
    // Exact, at each moment: a pulse is worth what the configuration says.
    for (query, value) in [
        (
            "powerlogger_energy_joules_total * powerlogger_meter_impulses_per_kwh / powerlogger_pulses_total",
            3.6e6,
        ),
        (
            "round((powerlogger_energy_joules_total - powerlogger_energy_joules_total offset 10s) / 3.6e6 \
             * powerlogger_meter_impulses_per_kwh, 0.001) \
             - (powerlogger_pulses_total - powerlogger_pulses_total offset 10s) + 1",
            1.0,
        ),
        ("resets(powerlogger_pulses_total[30s]) + 1", 1.0),
    ] {
        prometheus.wait_until(query, [(value, 1e-9); 3]);
    }
    // After a scrape that took too long there is nothing, until the next one.
    let sum = |query| {
        wait_for(query, PATIENCE, || {
            prometheus.query(query).into_values().next()
        })
    };
    let conditions = sum("count(powerlogger_condition)");
    assert!(conditions > 5.0, "{conditions}");
    // Counted ones are those of the journal.
    let counted = sum("sum(powerlogger_pulses_total)");
    assert!(counted > 0.0 && counted <= daemon.pulses() as f64);
}

/// What Prometheus's own linter says of the true output: nothing.
fn lints(promtool: &Path, daemon: &Client) {
    let metrics = daemon.request("GET", "/metrics", &[], b"").unwrap();
    assert_eq!(metrics.status, 200);
    assert!(metrics.body.contains("powerlogger_power_watts{"));
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, metrics.body.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = crate::support::program::good(&output);
    assert_eq!(said, "", "promtool has something to say");
}
