//! Healing that others stand in the way of: a server that comes late, another writer. Against the fake and a real InfluxDB 2.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "real servers need real time; a test that cannot go on may panic"
)]

use std::fs;

use crate::support::remote::{OPERATOR, ORG, Remote, on_both};
use crate::support::views::{QUICK, audit, day, powerlogger, set_up, start, wait_until_equal};
use crate::support::wait::{PATIENCE, wait_until};
use powerlogger::influx::flux::time_s;
use powerlogger::model::View;
use serde_json::{Value, json};

#[test]
fn a_server_that_comes_hours_after_counting_began_is_equal_at_once() {
    on_both(
        "a_server_that_comes_hours_after_counting_began_is_equal_at_once",
        check_a_server_that_comes_late,
    );
}

fn check_a_server_that_comes_late(server: &Remote) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("powerlogger.toml"), QUICK).unwrap();
    let args = ["run", "--simulate", "--from=-5h", "--for", "299 min"];
    let (code, said) = powerlogger(&dir, &[&args[..], &["--speed", "max"]].concat());
    assert_eq!(code, 0, "{said}");
    fs::write(
        dir.path().join(".env"),
        crate::support::views::dotenv(server),
    )
    .unwrap();
    let (code, said) = powerlogger(&dir, &["setup"]);
    assert_eq!(code, 0, "{said}");
    let daemon = start(&dir);
    wait_until("the audit to be content", PATIENCE, || {
        let audit = audit(&dir);
        let levels = audit["levels"].as_array().unwrap();
        let pulses = |level: &Value| {
            let totals = level["totals"].as_object().unwrap().values();
            totals.map(|t| t["server"].as_i64().unwrap()).sum::<i64>()
        };
        audit["left"] == 0 && levels[..3].iter().all(|level| pulses(level) > 0)
    });
    drop(daemon);
}

/// Pulses of another writer in each of its hours.
const ANOTHERS: i64 = 40;

/// Raw loses points, which the journal sends again: raw holds no more than the journal then, and says nothing about what
/// another writer, who may be no more, has in the views.
#[test]
fn windows_of_another_writer_survive_a_hole_in_raw() {
    on_both(
        "windows_of_another_writer_survive_a_hole_in_raw",
        check_a_hole_in_raw_lowers_nothing,
    );
}

fn check_a_hole_in_raw_lowers_nothing(server: &Remote) {
    let dir = set_up(server, QUICK);
    day(&dir, 40);
    wait_until_equal(&dir, "a day to be equal");
    // Hours of that day with as many pulses more in raw and in the hours.
    let from_s = View::Hour.floor_s(jiff::Timestamp::now().as_second()) - 36 * 3_600;
    let hours: Vec<i64> = (0..12).map(|n| from_s + n * 3_600).collect();
    let ours = |start_s: i64| -> i64 {
        let (since, until) = (time_s(start_s), time_s(start_s + 3_600));
        let args = ["audit", "--since", &since, "--until", &until, "--json"];
        let (_, said) = powerlogger(&dir, &[&args[..], &["--level", "1h"]].concat());
        let answer: Value = serde_json::from_str(&said).unwrap();
        answer["levels"][0]["totals"]["Import"]["journal"]
            .as_i64()
            .unwrap_or(0)
    };
    let client = server.client(Some(OPERATOR));
    for start_s in &hours {
        let ns = |s: i64| s * 1_000_000_000;
        let pulses = (0..ANOTHERS).map(|n| {
            format!(
                "PowerPulse,PulseType=Import Pulse=1i {}\n",
                ns(start_s + 7 + n * 80) + 3
            )
        });
        let pulses: String = pulses.collect();
        client
            .write("simulated_raw", pulses.as_bytes(), false)
            .unwrap();
        let sum = ours(*start_s) + ANOTHERS;
        let hour = format!(
            "PowerPulse,PulseType=Import Pulse={sum}i {}\n",
            ns(*start_s)
        );
        client
            .write("simulated_1h", hour.as_bytes(), false)
            .unwrap();
    }
    let more = || -> i64 {
        let levels = audit(&dir)["levels"].clone();
        let hours = &levels.as_array().unwrap()[3]["totals"]["Import"];
        hours["server"].as_i64().unwrap() - hours["journal"].as_i64().unwrap()
    };
    let all = 12 * ANOTHERS;
    assert_eq!(more(), all);
    let lose = |from: usize, to: usize| {
        let times = json!({ "start": time_s(hours[from]), "stop": time_s(hours[to]) });
        let path = format!("/api/v2/delete?org={ORG}&bucket=simulated_raw");
        server.call("POST", &path, Some(&times));
    };
    let raw_lacks = || {
        let levels = audit(&dir)["levels"].clone();
        let differences = levels[0]["differences"].as_array().unwrap().clone();
        differences.iter().any(|one| one["action"] == "resend")
    };

    // By hand, once while raw lacks them and once when it does not.
    lose(1, 5);
    assert!(raw_lacks());
    for _ in 0..2 {
        let (code, said) = powerlogger(&dir, &["audit", "--since=-10 days", "--repair"]);
        assert_eq!(code, 1, "{said}");
        assert!(!raw_lacks());
        assert_eq!(more(), all, "{said}");
    }

    // By the daemon, and by the next one.
    lose(7, 11);
    assert!(raw_lacks());
    for _ in 0..2 {
        let daemon = start(&dir);
        wait_until("raw to be whole, and all to be looked at", PATIENCE, || {
            let (_, said) = powerlogger(&dir, &["status", "--json"]);
            let status: Value = serde_json::from_str(&said).unwrap_or_default();
            let levels = &status["delivery"]["views"]["levels"];
            let is_done = |level: &str| {
                levels[level]["to_s"].is_i64() && levels[level]["to_look_from_s"].is_null()
            };
            !raw_lacks() && ["raw", "1m", "5m", "1h"].into_iter().all(is_done)
        });
        drop(daemon);
        assert_eq!(more(), all);
    }
}
