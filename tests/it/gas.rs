//! A gas meter of 0.01 m³ a pulse through a reed contact that bounces, beside an electric one, with the true binary on a
//! recording: cubic metres and flow wherever watt-hours and power are, and no part of the house.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test that cannot go on may panic"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::daemon::Daemon;
use crate::support::port::Port;
use crate::support::wait::{PATIENCE, wait_for};
use crate::web::{get, over_tcp};

/// Pulses of the gas meter: one each 36 s is 1 m³/h.
const PULSES: i64 = 240;
const APART_MS: i64 = 36_000;

fn config(port: u16) -> String {
    format!(
        "[[meter]]\nname = \"Gas\"\nline = 16\nunit = \"m3\"\npulses_per_unit = 100\nedge = \"falling\"\nbounce_ms = 20\n\
         [[meter]]\nname = \"Import\"\nline = 20\nimp_per_kwh = 1000\n[site]\ntime_zone = \"UTC\"\n\
         [web]\nlisten = \"127.0.0.1:{port}\"\n"
    )
}

/// A line that is pulled up. The magnet closes the contact for a third of a turn, and the contact bounces for some milliseconds
/// when it closes and when it opens. The electric meter gives a pulse each 3.6 s: 1 kW.
fn recording() -> String {
    let mut text = "# powerlogger edges 1\n# offset_ns 1781956799000000000\n".to_owned();
    text += "# meter 0 Gas\n# meter 1 Import\nup 1000000000 0 high 1\nup 1000000000 1 high 2\n";
    let mut edges: Vec<(i64, u8, i64, char)> = Vec::new();
    let mut seqno = 0;
    let mut gas = |at_us: i64, kind: char| {
        seqno += 1;
        edges.push((at_us, 0, seqno, kind));
    };
    for n in 1..=PULSES {
        for begin_ms in [n * APART_MS, n * APART_MS + APART_MS / 3] {
            let kinds = if begin_ms % APART_MS == 0 {
                "frfrf"
            } else {
                "rfrfr"
            };
            for (bounce, kind) in (0..).zip(kinds.chars()) {
                gas(begin_ms * 1_000 + bounce * 1_300, kind);
            }
        }
    }
    for n in 1..=PULSES * APART_MS / 3_600 {
        let at_us = n * 3_600_000 + 700;
        edges.push((at_us, 1, 2 * n - 1, 'f'));
        edges.push((at_us + 40_000, 1, 2 * n, 'r'));
    }
    edges.sort_unstable();
    for (at_us, meter, seqno, kind) in edges {
        let at_ns = 1_000_000_000 + at_us * 1_000;
        let _ = writeln!(text, "{at_ns} {meter} {kind} {seqno}");
    }
    text
}

fn recorded(dir: &Path) -> String {
    let file = dir.join("edges");
    fs::write(&file, recording()).unwrap();
    file.to_str().unwrap().to_owned()
}

/// What `ask` answers once it is `steady`: on a busy machine pulses are read late, and until then no more is shown than the
/// silence allows.
fn while_pulses_come<T>(what: &str, ask: impl Fn() -> T, steady: impl Fn(&T) -> bool) -> T {
    wait_for(what, PATIENCE, || Some(ask()).filter(&steady))
}

fn near(found: &Value, want: f64) -> bool {
    found
        .as_f64()
        .is_some_and(|found| (found - want).abs() < 1e-6)
}

#[test]
fn cubic_metres_are_counted_and_shown_where_watt_hours_would_be() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Port::keep();
    let port = kept.number();
    let args = ["--replay", &recorded(dir.path()), "--speed", "60"];
    let mut daemon = Daemon::start(&config(port), &args);
    daemon.wait_for_door(port);
    let now = || over_tcp(port, &get("/api/v1/now")).json();
    daemon.wait_for("twenty pulses of gas", |_| {
        now()["meters"][0]["today"]["pulses"].as_i64() >= Some(20)
    });

    let told = while_pulses_come("gas and electricity as they flow", now, |told| {
        let (gas, import) = (&told["meters"][0], &told["meters"][1]);
        // The house is that of the electric meter alone.
        near(&gas["rate"], 1.0)
            && near(&import["power_w"], 1_000.0)
            && near(&import["rate"], 1_000.0)
            && near(&told["flow"]["house_w"], 1_000.0)
    });
    let gas = &told["meters"][0];
    assert_eq!(
        (&gas["unit"], &gas["rate_unit"]),
        (&"m3".into(), &"m³/h".into()),
        "{gas:#}"
    );
    assert_eq!(gas["role"], "other");
    for name in ["imp_per_kwh", "power_w"] {
        assert_eq!(gas[name], Value::Null, "{name}");
    }
    assert_eq!(gas["today"]["energy_wh"], Value::Null);
    let pulses = gas["today"]["pulses"].as_f64().unwrap();
    assert!(near(&gas["today"]["amount"], pulses / 100.0), "{gas:#}");
    assert_eq!(told["flow"]["why"], "one_meter");

    let ask = |path: &'static str| move || over_tcp(port, &get(path)).json();
    let of_day = ask("/api/v1/energy?period=day&date=2026-06-20");
    let day = while_pulses_come("the flow of windows", of_day, |day| {
        near(&day["meters"][0]["max_rate"], 1.0)
    });
    let gas = &day["meters"][0];
    let total = &gas["total"];
    assert!(
        near(&total["amount"], total["pulses"].as_f64().unwrap() / 100.0),
        "{total}"
    );
    assert!(gas["max_w"].is_null(), "{gas:#}");
    let sheet = over_tcp(port, &get("/api/v1/energy.csv?period=day&date=2026-06-20")).text();
    assert!(
        sheet.contains("Gas m³") && sheet.contains("Import Wh"),
        "{sheet}"
    );
    let history = "/api/v1/history?from=2026-06-20T12:00:00Z&to=2026-06-20T12:20:00Z&window=5m";
    let history = while_pulses_come("the flow of five minutes", ask(history), |history| {
        near(&history["meters"][0]["max_rate"][1], 1.0)
    });
    let gas = &history["meters"][0];
    assert!(gas["mean_w"].is_null(), "{gas:#}");

    let of_gas = |metrics: &str, name: &str| {
        let start = format!("powerlogger_{name}{{meter=\"Gas\"}} ");
        let mut lines = metrics.lines();
        let value = lines.find_map(|line| line.strip_prefix(&start)?.parse::<f64>().ok());
        value.unwrap_or_else(|| panic!("{name}: {metrics}"))
    };
    let ask = || over_tcp(port, &get("/metrics")).text();
    let metrics = while_pulses_come("the flow among the metrics", ask, |metrics| {
        let flow = of_gas(metrics, "flow_cubic_meters_per_second");
        (flow * 3_600.0 - 1.0).abs() < 1e-6
    });
    let series = |name| of_gas(&metrics, name);
    let volume = series("volume_cubic_meters_total");
    assert!(
        (volume - series("pulses_total") / 100.0).abs() < 1e-9,
        "{volume}"
    );
    assert!((series("meter_impulses_per_cubic_meter") - 100.0).abs() < 1e-9);
    assert!(
        !metrics.contains("energy_joules_total{meter=\"Gas\""),
        "{metrics}"
    );

    let said = daemon.ask(&["register", "set", "Gas", "4321.50"]);
    assert!(said.contains("4321.5 m³"), "{said}");
    let said: Value = serde_json::from_str(&daemon.ask(&["register", "--json", "Gas"])).unwrap();
    assert_eq!(
        (&said[0]["unit"], &said[0]["kwh"]),
        (&"m3".into(), &Value::Null),
        "{said:#}"
    );
    assert!(said[0]["shown"].as_f64().unwrap() >= 4_321.5, "{said:#}");
    let said = || daemon.ask(&["status"]);
    while_pulses_come("both in the status", said, |said| {
        ["1.000 m³/h", " m³ ", "1,000 W"]
            .iter()
            .all(|words| said.contains(words))
    });
}

#[test]
fn every_turn_of_the_magnet_is_one_pulse() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("powerlogger.toml"),
        config(1).replace("127.0.0.1:1", "off"),
    )
    .unwrap();
    let edges = recorded(dir.path());
    let ask = |args: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_powerlogger"))
            .args(args)
            .current_dir(dir.path())
            .env_clear()
            .env("QUEUE_DIR", "queue")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{args:?}: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        said
    };
    ask(&["run", "--replay", &edges, "--speed", "max"]);
    let status: Value = serde_json::from_str(&ask(&["status", "--json"])).unwrap();
    assert_eq!(status["meters"][0]["pulses"], PULSES, "{status:#}");
    let windows = ask(&[
        "export", "--view", "1h", "--format", "csv", "--meter", "Gas",
    ]);
    let amounts = windows.lines().filter_map(|line| line.strip_suffix(",m3"));
    let amounts = amounts.map(|line| line.rsplit(',').next().unwrap().parse::<f64>().unwrap());
    assert!((amounts.sum::<f64>() - 2.4).abs() < 1e-9, "{windows}");
    assert!(
        ask(&["config", "check"]).contains("Gas on GPIO16, counts up to"),
        "of flow"
    );
}
