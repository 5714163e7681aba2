//! What `powerlogger status` says is not as it should be, with the true binary.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

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

#[test]
fn a_meter_that_falls_silent_is_missed_until_it_counts_again() {
    let dir = tempfile::tempdir().unwrap();
    let simulate = |from: &str, length: &str| {
        ask(
            &dir,
            &["run", "--simulate", from, "--for", length, "--speed", "max"],
        );
    };
    // Five days, and nothing since yesterday.
    simulate("--from=-150h", "120h");
    assert!(silent(&dir).contains(&"Import".to_owned()));
    let said = ask(&dir, &["status"]);
    assert!(
        said.contains("⚠          Import: no pulse for longer than usual"),
        "{said}"
    );
    // By day the sun, by night the house: whatever the hour, each has been silent for as long before.
    simulate("--from=-26h", "26h");
    assert!(silent(&dir).is_empty());
}

#[test]
fn a_journal_of_a_day_knows_no_habits() {
    let dir = tempfile::tempdir().unwrap();
    let day = [
        "run",
        "--simulate",
        "--from=-40h",
        "--for",
        "24h",
        "--speed",
        "max",
    ];
    ask(&dir, &day);
    assert!(silent(&dir).is_empty());
}
