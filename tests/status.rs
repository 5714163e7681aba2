//! What `powerlogger status` says is not as it should be, with the true binary.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod support_gpio;

use std::process::Command;

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
    support_gpio::at_other_hours(
        "the_hour_does_not_matter",
        &[
            "a_meter_that_falls_silent_is_missed_until_it_counts_again",
            "a_journal_of_a_day_knows_no_habits",
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
