//! `powerlogger register` with the true binary: readings entered while the daemon counts, and what is left
//! of them after it was killed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::gpio::{at_other_hours, test_path};
use crate::support::program::{Program, outcome};
use crate::support::wait::{PATIENCE, wait_until};
use rustix::process::Signal;
use serde_json::Value;

const CONFIG: &str = "
[journal]
sync_interval_ms = 20
[[meter]]
name = \"Flat\"
line = 20
imp_per_kwh = 1000
[[meter]]
name = \"Generate\"
line = 21
[web]
listen = \"off\"
";

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("powerlogger.toml"), CONFIG).unwrap();
        Home(dir)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_powerlogger"));
        command
            .args(["--queue-dir", "queue"])
            .args(args)
            .current_dir(self.0.path())
            .env_clear();
        command
    }

    /// Its exit code and what it said.
    fn ask(&self, args: &[&str]) -> (i32, String) {
        outcome(&mut self.command(args))
    }

    fn set(&self, args: &[&str]) -> String {
        let (code, said) = self.ask(&[&["register", "set"], args].concat());
        assert_eq!(code, 0, "{said}");
        said
    }

    /// The answer for programs; None: there is no journal yet. That the daemon does not answer in time is told beside it.
    fn registers(&self) -> Option<Value> {
        let output = self.command(&["register", "--json"]).output().unwrap();
        let answer = output.status.success().then_some(output.stdout)?;
        Some(serde_json::from_slice(&answer).unwrap())
    }

    /// The flat's pulses and register, in kWh.
    fn flat(&self) -> (i64, Option<f64>) {
        let Some(all) = self.registers() else {
            return (0, None);
        };
        let pulses = all[0]["pulses"].as_i64().unwrap_or(0);
        (pulses, all[0]["kwh"].as_f64())
    }

    /// The flat's pulses, when its register is that of the last reading and of the pulses counted since, by one answer.
    fn flat_since_reading(&self) -> (i64, f64) {
        let all = self.registers().unwrap();
        let flat = &all[0];
        let reading = flat["readings"].as_array().unwrap().last().unwrap();
        let pulses = flat["pulses"].as_i64().unwrap();
        let since = pulses - reading["pulses"].as_i64().unwrap();
        let want_kwh = reading["kwh"].as_f64().unwrap() + since as f64 / 1_000.0;
        let kwh = flat["kwh"].as_f64().unwrap();
        assert!(since >= 0 && (kwh - want_kwh).abs() < 1e-6, "{flat:#}");
        (pulses, kwh)
    }

    /// The daemon on a flat that lives a minute a quarter of a second.
    fn run(&self) -> Program {
        let log: PathBuf = self.0.path().join("log");
        let mut run = self.command(&["run", "--simulate", "--from=-30h", "--speed", "240"]);
        Program::start(run.env("NO_COLOR", "1"), &log)
    }

    fn wait_for_pulses(&self, pulses: i64) {
        wait_until("pulses", PATIENCE, || self.flat().0 >= pulses);
    }
}

#[test]
fn readings_are_kept_beside_the_daemon_and_survive_its_death() {
    let home = Home::new();
    let daemon = home.run();
    home.wait_for_pulses(10);
    let known = home.flat().0;
    let said = home.set(&["Flat", "12345.6"]);
    assert!(
        said.contains("12345.6 kWh, and counted from here on"),
        "{said}"
    );
    let (base, kwh) = home.flat_since_reading();
    let counted_kwh = (base - known) as f64 / 1_000.0;
    assert!(
        (12_345.6 - 1e-6..=12_345.6 + counted_kwh + 1e-6).contains(&kwh),
        "the reading was not taken now: {kwh}, {counted_kwh} kWh counted meanwhile"
    );
    home.wait_for_pulses(base + 50);
    let (later, grown) = home.flat_since_reading();
    let counted_kwh = (later - base) as f64 / 1_000.0;
    assert!((grown - kwh - counted_kwh).abs() < 1e-6, "{kwh} {grown}");
    daemon.end(Signal::KILL, PATIENCE);
    let (killed_at, before) = home.flat();
    let daemon = home.run();
    home.wait_for_pulses(killed_at + 50);
    daemon.end(Signal::TERM, PATIENCE);
    let (pulses, after) = home.flat();
    let grown_kwh = after.unwrap() - before.unwrap();
    let counted_kwh = (pulses - killed_at) as f64 / 1_000.0;
    assert!((grown_kwh - counted_kwh).abs() < 1e-6, "exact over a kill");

    // The meter shows two hundred pulses more than were counted.
    let on_face = format!("{:.3}", after.unwrap() + 0.2);
    let said = home.set(&["Flat", &on_face]);
    assert!(said.contains("(200 pulses missed"), "{said}");
    assert!(said.contains("Kept as a note"), "{said}");
    assert_eq!(home.flat().1, after, "a note changes nothing");
    let said = home.set(&["Flat", &on_face, "--adopt"]);
    assert!(said.contains("counted from this reading on"), "{said}");
    let adopted = home.flat().1.unwrap();
    assert!((adopted - after.unwrap() - 0.2).abs() < 1e-6, "{adopted}");
    let (_, history) = home.ask(&["register"]);
    assert_eq!(history.matches("read 20").count(), 2, "{history}");
    assert_eq!(history.matches("noted 20").count(), 1, "{history}");
    let (_, status) = home.ask(&["status"]);
    assert!(status.contains(&format!("{adopted:.3} kWh")), "{status}");
}

#[test]
fn what_cannot_be_entered_is_said_with_the_remedy() {
    let home = Home::new();
    let refused = |args: &[&str], code: i32, words: &str| {
        let (got, said) = home.ask(&[&["register", "set"], args].concat());
        assert_eq!(got, code, "{said}");
        assert!(said.contains(words), "{said}");
    };
    refused(&["Flat", "1"], 1, "`powerlogger run` makes one");
    let (code, said) = home.ask(&[
        "run",
        "--simulate",
        "--from=-3h",
        "--for",
        "2h",
        "--speed",
        "max",
    ]);
    assert_eq!(code, 0, "{said}");
    refused(&["Nobody", "1"], 1, "there are Flat, Generate");
    refused(&["Generate", "1"], 1, "set imp_per_kwh");
    refused(&["Flat", "1e5"], 2, "such as 12345.6");
    refused(&["Flat", "-5"], 2, "such as 12345.6");
    refused(&["Flat", "1", "--at=2100-01-01"], 1, "in the future");
    home.set(&["fLAT", "5"]);
    refused(&["Flat", "4", "--at=-1h"], 1, "there is a later reading");
}

#[test]
fn a_slip_is_asked_about_and_can_be_taken_back() {
    let home = Home::new();
    let config = CONFIG.replace("Generate", "Heat pump");
    fs::write(home.0.path().join("powerlogger.toml"), config).unwrap();
    let (code, said) = home.ask(&[
        "run",
        "--simulate",
        "--since=-3h",
        "--for",
        "2h",
        "--speed",
        "max",
    ]);
    assert_eq!(code, 0, "{said}");
    let (_, all) = home.ask(&["register"]);
    assert!(
        all.contains("`powerlogger register set 'Heat pump' 12345.6`"),
        "{all}"
    );
    home.set(&["Flat", "12345.6"]);
    let before = home.flat();
    let (code, said) = home.ask(&["register", "set", "Flat", "5", "--adopt"]);
    assert!(
        code == 1 && said.contains("nothing was kept") && said.contains("--yes"),
        "{said}"
    );
    assert_eq!(home.flat(), before);
    let said = home.set(&["Flat", "5", "--adopt", "--yes"]);
    assert!(said.contains("`powerlogger register undo Flat`"), "{said}");
    assert_eq!(home.flat().1, Some(5.0));
    let (code, said) = home.ask(&["register", "undo", "flat"]);
    assert!(code == 0 && said.contains("5 kWh, is taken back"), "{said}");
    assert_eq!(home.flat(), before);

    // One meter alone, however it is written; one that is not there.
    let (code, said) = home.ask(&["register", "FLAT"]);
    assert!(
        code == 0 && said.contains("12345.6") && !said.contains("Heat pump"),
        "{said}"
    );
    let (code, said) = home.ask(&["register", "Cellar"]);
    assert!(
        code == 1 && said.contains("it has Flat, Heat pump"),
        "{said}"
    );
    let (code, said) = home.ask(&["register", "undo", "heat pump"]);
    assert!(
        code == 1 && said.contains("no reading of \"Heat pump\""),
        "{said}"
    );
}

#[test]
fn the_hour_does_not_matter() {
    at_other_hours(
        test_path!("the_hour_does_not_matter"),
        &[test_path!("what_cannot_be_entered_is_said_with_the_remedy")],
    );
}
