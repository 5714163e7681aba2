//! A meter is counted with another imp_per_kwh after a restart: today's energy and the counters of `/metrics` keep what pulses
//! were worth, and never fall. With the true binary on a simulated house.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test that cannot go on may panic"
)]

use std::cell::Cell;
use std::fs;

use crate::support::daemon::Daemon;
use crate::support::port::Port;
use crate::web::{get, over_tcp};

/// It begins so that no local day ends while it runs.
const SIMULATE: [&str; 4] = [
    "--simulate",
    "--from=2026-06-20T06:00:00Z",
    "--speed",
    "200",
];

fn config(port: u16, imp_per_kwh: u32) -> String {
    format!(
        "[[meter]]\nname = \"Generate\"\nline = 21\nimp_per_kwh = {imp_per_kwh}\n[site]\ntime_zone = \"UTC\"\n\
         [web]\nlisten = \"127.0.0.1:{port}\"\n"
    )
}

/// Pulses and joules that `/metrics` counts.
fn counted(port: u16) -> Option<(f64, f64)> {
    let metrics = over_tcp(port, &get("/metrics")).text();
    let series = |name: &str| {
        let start = format!("powerlogger_{name}{{meter=\"Generate\"}} ");
        let mut lines = metrics.lines();
        lines.find_map(|line| line.strip_prefix(&start)?.parse::<f64>().ok())
    };
    series("pulses_total").zip(series("energy_joules_total"))
}

#[test]
fn pulses_keep_their_energy_over_a_change_of_the_factor() {
    let kept = Port::keep();
    let port = kept.number();
    let mut daemon = Daemon::start(&config(port, 1_000), &SIMULATE);
    daemon.wait_for_door(port);
    let told = Cell::new((0.0, 0.0));
    daemon.wait_for("pulses of the old factor", |_| {
        let (pulses, joules) = counted(port).unwrap_or_default();
        assert!(
            (joules - pulses * 3_600.0).abs() < 1e-3,
            "{pulses} {joules}"
        );
        told.set((pulses, joules));
        pulses >= 200.0
    });
    let told_before = told.get();
    daemon.stop();
    // With those that came until the end.
    let before = daemon.pulses() as f64;
    let before = (before, before * 3_600.0);
    assert!(before.0 >= told_before.0, "{before:?} {told_before:?}");
    let file = daemon.dir().join("powerlogger.toml");
    fs::write(file, config(port, 500)).unwrap();
    let later = [
        "--simulate",
        "--from=2026-06-20T12:00:00Z",
        "--speed",
        "200",
    ];
    daemon.start_again_with(&later);
    daemon.wait_for_door(port);
    let told = Cell::new(told_before);
    daemon.wait_for("as many of the new one", |_| {
        let last = told.get();
        let now = counted(port).unwrap_or(last);
        assert!(
            now.0 >= last.0 && now.1 >= last.1 - 1e-6,
            "{last:?} {now:?}"
        );
        told.set(now);
        now.0 >= before.0 * 2.0 + 400.0
    });
    let last = told.get();
    let (pulses, joules) = last;
    // Some of the quarter in which the factor changed are still worth what they were.
    assert!(joules > pulses * 3_600.0 * 1.2, "{last:?}");
    assert!(
        joules <= before.0 * 3_600.0 + (pulses - before.0) * 7_200.0 + 1e-3,
        "{last:?} {before:?}"
    );
    let day = over_tcp(port, &get("/api/v1/energy?period=day&date=2026-06-20")).json();
    let now = over_tcp(port, &get("/api/v1/now")).json();
    let today = &now["meters"][0]["today"];
    let (pulses, energy_wh) = (
        today["pulses"].as_f64().unwrap(),
        today["energy_wh"].as_f64().unwrap(),
    );
    assert!(
        energy_wh > pulses * 1.2 && energy_wh < pulses * 2.0,
        "{today}"
    );
    // The day's parts say the same, but for what has come since they were asked for.
    let total = &day["meters"][0]["total"];
    let later = pulses - total["pulses"].as_f64().unwrap();
    let difference_wh = energy_wh - total["energy_wh"].as_f64().unwrap();
    assert!(
        (difference_wh - later * 2.0).abs() < 1e-6,
        "{total} {today}"
    );
}

#[test]
fn no_counter_falls_when_the_past_is_said_to_have_been_worth_less() {
    let kept = Port::keep();
    let port = kept.number();
    let mut daemon = Daemon::start(&config(port, 1_000), &SIMULATE);
    let told = Cell::new((0.0, 0.0));
    // Counts on by the factor of the file, and is killed; what was told last must be told on.
    let counts_on = |daemon: &mut Daemon, imp_per_kwh: f64| {
        let first = told.get();
        daemon.wait_for_door(port);
        daemon.wait_for("pulses", |_| {
            let last = told.get();
            let now = counted(port).unwrap_or(last);
            // Those of before are worth what they were, none of the others more than one is now.
            let most = now.0 * 3.6e6 / 1_000.0;
            assert!(
                now.0 >= last.0 && now.1 >= last.1 && now.1 <= most + 1e-3,
                "{last:?} {now:?}"
            );
            let new = (now.0 - last.0) * 3.6e6 / imp_per_kwh;
            // Those that came between two runs are worth either, and at first the energy stands still: which factor holds is not
            // known before the clock is.
            let is_begun = last.0 >= first.0 + 50.0;
            assert!(
                !is_begun || (now.1 - last.1 - new).abs() < 1e-3,
                "{last:?} {now:?}"
            );
            told.set(now);
            now.0 >= first.0 + 300.0
        });
        daemon.kill();
    };
    counts_on(&mut daemon, 1_000.0);
    let register = |daemon: &Daemon, line: &str| daemon.ask(&line.split(' ').collect::<Vec<_>>());
    register(
        &daemon,
        "register set Generate 1000 --at 2026-06-20T06:00:01Z",
    );
    register(
        &daemon,
        "register exchange Generate --old 1000 --new 0 --at 2026-06-20T06:00:02Z --imp-per-kwh 2000 -y",
    );
    let file = daemon.dir().join("powerlogger.toml");
    fs::write(&file, config(port, 2_000)).unwrap();
    let from = |hour: u32| format!("--from=2026-06-20T{hour:02}:00:00Z");
    let again = |daemon: &mut Daemon, hour: u32| {
        daemon.start_again_with(&["--simulate", &from(hour), "--speed", "200"]);
    };
    again(&mut daemon, 10);
    counts_on(&mut daemon, 2_000.0);
    let since = "imp_per_kwh = 4000\nimp_per_kwh_since = [\"1970-01-01 4000\"]";
    let other = config(port, 4_000).replace("imp_per_kwh = 4000", since);
    fs::write(&file, other).unwrap();
    again(&mut daemon, 14);
    counts_on(&mut daemon, 4_000.0);
    let (pulses, joules) = told.get();
    let by_present = pulses * 3.6e6 / 4_000.0;
    assert!(joules > by_present * 1.5, "{joules} {by_present}");
}
