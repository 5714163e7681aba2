//! What `powerlogger status` says is not as it should be, with the true binary.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::fmt::Write as _;
use std::process::Command;

use crate::support::gpio::{at_other_hours, test_path};
use serde_json::Value;

fn ask(dir: &tempfile::TempDir, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_powerlogger"))
        .args(["--queue-dir", "queue"])
        .args(args)
        .current_dir(dir.path())
        .env_clear()
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The meters that are silent for longer than usual, by `status`.
fn silent(dir: &tempfile::TempDir) -> Vec<String> {
    let status: Value = serde_json::from_str(&ask(dir, &["status", "--json"])).unwrap();
    let conditions = status["conditions"].as_array().unwrap().iter();
    conditions
        .filter(|condition| condition["word"] == "meter_silent")
        .map(|condition| condition["meter"].as_str().unwrap().to_owned())
        .collect()
}

/// A flat that uses something at every hour.
fn flat() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let config = "[[meter]]\nname = \"Flat 2\"\nline = 20\n";
    std::fs::write(dir.path().join("powerlogger.toml"), config).unwrap();
    dir
}

fn simulate(dir: &tempfile::TempDir, from: &str, length: &str) {
    let run = ["run", "--simulate", from, "--for", length, "--speed", "max"];
    ask(dir, &run);
}

#[test]
fn a_meter_that_falls_silent_is_missed_until_it_counts_again() {
    let dir = flat();
    // Five days, and nothing since yesterday.
    simulate(&dir, "--from=-150h", "120h");
    assert_eq!(silent(&dir), ["Flat 2"]);
    let said = ask(&dir, &["status"]);
    assert!(
        said.contains("⚠          Flat 2: no pulse for longer than usual"),
        "{said}"
    );
    simulate(&dir, "--from=-26h", "26h");
    assert!(silent(&dir).is_empty());
}

#[test]
fn a_journal_of_a_day_knows_no_habits() {
    let dir = flat();
    simulate(&dir, "--from=-40h", "24h");
    assert!(silent(&dir).is_empty());
}

#[test]
fn the_hour_does_not_matter() {
    at_other_hours(
        test_path!("the_hour_does_not_matter"),
        &[
            test_path!("a_meter_that_falls_silent_is_missed_until_it_counts_again"),
            test_path!("a_journal_of_a_day_knows_no_habits"),
        ],
    );
}

#[test]
fn a_meter_that_was_renamed_is_not_silent() {
    let dir = flat();
    simulate(&dir, "--from=-150h", "120h");
    let config = "[[meter]]\nname = \"Flat 2, new\"\nline = 20\n";
    std::fs::write(dir.path().join("powerlogger.toml"), config).unwrap();
    assert!(silent(&dir).is_empty());
    let said = ask(&dir, &["status"]);
    assert!(said.contains("no longer configured"), "{said}");
}

/// A recording of one line, pulled up: it falls and rises again so long after the last edge, in microseconds.
fn recording(phases_us: impl IntoIterator<Item = (u64, u64)>) -> String {
    let head = "# powerlogger edges 1\n# offset_ns 1781956799000000000\n# meter 0 Import\nup 1000000000 0 high 1\n";
    let (mut at_us, mut text) = (1_000_000, head.to_owned());
    for (n, (high_us, low_us)) in (0..).zip(phases_us) {
        let falls_us = at_us + high_us;
        at_us = falls_us + low_us;
        let (falls, rises) = (2 * n + 1, 2 * n + 2);
        let _ = writeln!(text, "{falls_us}000 0 f {falls}\n{at_us}000 0 r {rises}");
    }
    text
}

/// What a replay of it with these keys has counted, and the conditions that speak of rejected pulses.
fn replayed(recording: &str, keys: &str) -> (i64, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let config = format!("[[meter]]\nname = \"Import\"\nline = 20\n{keys}\n");
    std::fs::write(dir.path().join("powerlogger.toml"), config).unwrap();
    std::fs::write(dir.path().join("edges"), recording).unwrap();
    ask(&dir, &["run", "--replay", "edges", "--speed", "max"]);
    let status: Value = serde_json::from_str(&ask(&dir, &["status", "--json"])).unwrap();
    let words = status["conditions"].as_array().unwrap().iter();
    let words = words.map(|condition| condition["word"].as_str().unwrap().to_owned());
    let words = words.filter(|word| word.starts_with("rejected")).collect();
    (status["meters"][0]["pulses"].as_i64().unwrap(), words)
}

/// Lengths that chance makes.
fn chance(from_us: u64, to_us: u64) -> impl FnMut() -> u64 {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        from_us + state % (to_us - from_us)
    }
}

#[test]
fn a_meter_whose_pulses_are_rejected_is_told_from_a_wire_that_catches_interference() {
    let none: Vec<String> = Vec::new();
    // Flashes of 2 ms, at a load that changes.
    let flashes = recording((0..300).map(|n| (120_000 + n % 7 * 40_000, 1_900 + n % 3 * 100)));
    assert_eq!(
        replayed(&flashes, ""),
        (0, vec!["rejected_bounce".to_owned()])
    );
    assert_eq!(replayed(&flashes, "bounce_ms = 0.5"), (300, none.clone()));
    // 10000 imp/kWh at 16 kW.
    let fast = recording((0..400).map(|_| (12_500, 10_000)));
    assert_eq!(
        replayed(&fast, ""),
        (200, vec!["rejected_interval".to_owned()])
    );
    assert_eq!(replayed(&fast, "min_interval_ms = 5"), (400, none.clone()));
    let (counted, words) = replayed(&fast, "bounce_ms = 50");
    assert_eq!(
        (counted, words.as_slice()),
        (0, &["rejected_bounce".to_owned()][..])
    );
    // An S0 output of 40 ms.
    let s0 = recording((0..100).map(|n| (2_000_000 + n * 9_000, 40_000)));
    assert_eq!(
        replayed(&s0, "min_width_ms = 60"),
        (0, vec!["rejected_width".to_owned()])
    );
    assert_eq!(
        replayed(&s0, "max_width_ms = 30"),
        (0, vec!["rejected_long".to_owned()])
    );
    // A reed on a long cable: interference of all lengths between closings of a second.
    let mut spike = chance(800, 8_000);
    let cable = recording((0..64).map(|n| match n % 4 {
        0 => (1_300_000, 1_000_000),
        _ => (1_294_000, spike()),
    }));
    for keys in [
        "bounce_ms = 50",
        "min_width_ms = 500\nmin_interval_ms = 2000",
    ] {
        assert_eq!(replayed(&cable, keys), (16, none.clone()), "{keys}");
    }
    // A sensor at the edge of its mark: it hovers for a minute between eleven passes.
    let mut hovers = chance(20_000, 400_000);
    let hovering = recording((0..311).map(|n| match n {
        6..306 => (hovers(), hovers()),
        306 => (2_000_000, 1_500_000),
        _ => (10_000_000, 1_500_000),
    }));
    let (counted, words) = replayed(&hovering, "bounce_ms = 500");
    assert_eq!((counted, words), (11, none));
}

#[test]
fn no_good_news_while_no_daemon_runs() {
    let dir = flat();
    let answer = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_powerlogger"))
            .args(["--queue-dir", "queue"])
            .args(args)
            .current_dir(dir.path())
            .env_clear()
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    // A journal of true pulses that no daemon counts into.
    std::fs::write(
        dir.path().join("old.csv"),
        "time,meter\n2024-03-01T12:00:00Z,Flat 2\n",
    )
    .unwrap();
    let (code, said) = answer(&["import", "old.csv"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = answer(&["status"]);
    assert_eq!(code, Some(0), "that none runs is an answer: {said}");
    assert!(said.starts_with("powerlogger is not running\n"), "{said}");
    assert!(
        said.contains("⚠          NOT COUNTED: powerlogger is not running"),
        "{said}"
    );
    assert!(!said.contains("lost       0"), "{said}");
    let (code, json) = answer(&["status", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(json["conditions"][0]["word"], "not_running");
    assert_eq!(json["meters"][0]["line"]["is_read"], false);
    let (_, losses) = answer(&["losses"]);
    assert!(
        losses.contains("until now: powerlogger is not running"),
        "{losses}"
    );
    assert!(!losses.contains("0 lost"), "{losses}");
}
