//! Honest power with the true binary: what `/api/v1/now` shows of meters from a recording, at every moment that it is asked.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test that cannot go on may panic"
)]

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs;

use jiff::Timestamp;
use serde_json::Value;

use crate::support::daemon::Daemon;
use crate::support::port::Port;
use crate::web::{get, over_tcp};

const CONFIG: &str = "[[meter]]\nname = \"Slow\"\nline = 20\nimp_per_kwh = 2000\n\
    [[meter]]\nname = \"Step\"\nline = 21\nimp_per_kwh = 2000\n\
    [[meter]]\nname = \"Hum\"\nline = 22\nimp_per_kwh = 1000\nbounce_ms = 0\nmin_interval_ms = 0\n\
    [[meter]]\nname = \"Fast\"\nline = 23\nimp_per_kwh = 10000\n[site]\ntime_zone = \"UTC\"\n";

/// 5 W at 2000 imp/kWh: a pulse each 360 s.
const SLOW_MS: i64 = 360_000;
/// When the last of them comes, and when the load of the other meter changes.
const SILENT_MS: i64 = 5 * SLOW_MS;
const STEP_MS: i64 = 1_500_000;
/// Long after all that is waited for.
const END_MS: i64 = 9_000_000;
/// Pulses that the mains make: fifty a second.
const HUM: i64 = 3_000;

/// All pulses, in milliseconds.
fn pulses() -> [Vec<f64>; 4] {
    let each = |apart_ms: f64, from_ms: f64, to_ms: f64| {
        let mut all = Vec::new();
        let mut at_ms = from_ms + apart_ms;
        while at_ms <= to_ms {
            all.push(at_ms);
            at_ms += apart_ms;
        }
        all
    };
    let slow = (1..=5).map(|n| (n * SLOW_MS) as f64).collect();
    // 2000 W are a pulse each 900 ms, 2222 W one each 810 ms.
    let mut step = each(900.0, 0.0, STEP_MS as f64);
    let last = step.last().copied().unwrap();
    step.extend(each(810.0, last, END_MS as f64));
    // More than the filter passes: 40 pulses a second at 10000 imp/kWh would be 14.4 kW.
    [
        slow,
        step,
        each(20.0, 0.0, (HUM * 20) as f64),
        each(25.0, 0.0, 60_000.0),
    ]
}

fn recording() -> String {
    let mut text = "# powerlogger edges 1\n# offset_ns 1781956799000000000\n".to_owned();
    for (meter, name) in ["Slow", "Step", "Hum", "Fast"].into_iter().enumerate() {
        let _ = writeln!(text, "# meter {meter} {name}");
    }
    let mut edges = Vec::new();
    for (meter, stamps) in pulses().into_iter().enumerate() {
        let _ = writeln!(text, "up 1000000000 {meter} high {}", meter + 1);
        for (n, at_ms) in (0..).zip(stamps) {
            #[expect(clippy::cast_possible_truncation, reason = "an hour")]
            let at_ns = 1_000_000_000 + (at_ms * 1e6) as i64;
            edges.push((at_ns - 8_000_000, meter, 2 * n + 1, 'f'));
            edges.push((at_ns, meter, 2 * n + 2, 'r'));
        }
    }
    edges.sort_unstable();
    for (at_ns, meter, seqno, kind) in edges {
        let _ = writeln!(text, "{at_ns} {meter} {kind} {seqno}");
    }
    text
}

fn seconds(text: &Value) -> f64 {
    let at: Timestamp = text.as_str().unwrap().parse().unwrap();
    at.as_nanosecond() as f64 / 1e9
}

#[test]
fn no_more_is_shown_than_the_silence_allows_and_a_step_is_shown_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let edges = dir.path().join("edges");
    fs::write(&edges, recording()).unwrap();
    let kept = Port::keep();
    let port = kept.number();
    let config = format!("{CONFIG}[web]\nlisten = \"127.0.0.1:{port}\"\n");
    let args = ["--replay", edges.to_str().unwrap(), "--speed", "100"];
    let mut daemon = Daemon::start(&config, &args);
    daemon.wait_for_door(port);

    let begin_s = 1_781_956_800.0;
    let (fell, steps) = (Cell::new(f64::MAX), [Cell::new(0), Cell::new(0)]);
    daemon.wait_for("720 s of silence", |_| {
        let now = over_tcp(port, &get("/api/v1/now")).json();
        let meter = |n: usize| &now["meters"][n];
        let now_s = seconds(&now["as_of"]) - begin_s;
        // The last one that is committed.
        let last_s = |n: usize| {
            let last = &meter(n)["last_pulse"];
            last.is_string().then(|| seconds(last) - begin_s)
        };
        if let Some(slow_w) = meter(0)["power_w"].as_f64() {
            assert!(slow_w <= 5.0, "{now:#}");
            // One pulse of 0.5 Wh over the silence, rounded to a tenth; on a busy machine it was computed some time before.
            let silent_s = now_s - SILENT_MS as f64 / 1e3;
            let allowed_w = 1_800.0 / (silent_s - 300.0).max(0.001);
            assert!(slow_w <= allowed_w + 0.051, "{slow_w} W after {silent_s} s");
            fell.set(fell.get().min(slow_w));
        }
        if let Some(step_w) = meter(1)["power_w"].as_f64() {
            // By which load the last pulses were made, once both intervals of a second are of it.
            let step_s = STEP_MS as f64 / 1e3;
            let is_at = |want_w: f64| (step_w - want_w).abs() < 0.2 || meter(1)["is_bound"] == true;
            if now_s < step_s {
                assert!(is_at(2_000.0), "{now:#}");
                steps[0].set(steps[0].get() + 1);
            } else if last_s(1).is_some_and(|last_s| last_s > step_s + 3.0) {
                assert!(is_at(3.6e6 / (2_000.0 * 0.81)), "{now:#}");
                steps[1].set(steps[1].get() + 1);
            }
        }
        if let Some(fast_w) = meter(3)["power_w"].as_f64() {
            assert!(fast_w <= 12_000.1, "30 ms let no more through: {now:#}");
        }
        let is_silent = now_s > (SILENT_MS as f64 + 720_000.0) / 1e3;
        is_silent && fell.get() <= 2.5 && steps[1].get() > 0
    });
    assert!(steps[0].get() > 0, "{steps:?}");

    // The hum is said to be none of a meter's, with its likely cause, and what was counted stays counted.
    let status = over_tcp(port, &get("/api/v1/status")).json();
    let conditions = status["conditions"].as_array().unwrap();
    let of_hum = conditions.iter().find(|one| one["meter"] == "Hum").unwrap();
    assert_eq!(of_hum["word"], "power_implausible", "{conditions:?}");
    for words in ["hum", "bounces", "imp_per_kwh"] {
        assert!(
            of_hum["remedy"].as_str().unwrap().contains(words),
            "{of_hum}"
        );
    }
    assert_eq!(status["meters"][2]["pulses"], HUM, "{status:#}");
    let of_fast = conditions
        .iter()
        .find(|one| one["meter"] == "Fast")
        .unwrap();
    assert_eq!(of_fast["word"], "rejected_interval", "{conditions:?}");
    assert!(
        of_fast["remedy"]
            .as_str()
            .unwrap()
            .contains("min_interval_ms"),
        "{of_fast}"
    );
}
