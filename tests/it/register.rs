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
fn a_face_goes_round_and_a_meter_is_exchanged() {
    let home = Home::new();
    let config = |more: &str| {
        let toml = CONFIG.replace(
            "imp_per_kwh = 1000\n",
            &format!("{more}\nregister_digits = 5.1\n"),
        );
        fs::write(home.0.path().join("powerlogger.toml"), toml).unwrap();
    };
    let simulate = |from: &str, span: &str| {
        let args = ["run", "--simulate", from, "--for", span, "--speed", "max"];
        let (code, said) = home.ask(&args);
        assert_eq!(code, 0, "{said}");
    };
    config("imp_per_kwh = 1000");
    simulate("--from=-9h", "10m");
    let (code, said) = home.ask(&["register", "set", "Flat", "100000.0"]);
    assert!(
        code == 1 && said.contains("a face with 5.1 digits"),
        "{said}"
    );
    home.set(&["Flat", "99999.9", "--at=-8h"]);
    simulate("--from=-7h", "2h");
    let (pulses, kwh) = home.flat();
    let kwh = kwh.unwrap();
    assert!(kwh < 1_000.0, "it has gone round: {kwh}");
    let (_, shown) = home.ask(&["register"]);
    let whole = format!("{:05}", kwh.floor());
    assert!(shown.contains(&whole), "{whole}: {shown}");
    let said = home.set(&[
        "Flat",
        &format!("{:.1}", (kwh * 10.0).floor() / 10.0),
        "--at=-4h",
    ]);
    assert!(said.contains("to the last digit"), "{said}");

    // Another meter, with half the pulses a kWh.
    let far = [
        "register", "exchange", "Flat", "--old", "50000", "--new", "3.4",
    ];
    let (code, said) = home.ask(&far);
    assert!(code == 1 && said.contains("nothing was kept"), "{said}");
    let old = format!("{:.1}", kwh + 0.2);
    let exchange = [
        "register",
        "exchange",
        "flat",
        "--old",
        &old,
        "--new",
        "3.4",
        "--at=-3h",
        "--serial",
        "1EMH0012345678",
        "--imp-per-kwh",
        "500",
    ];
    let (code, said) = home.ask(&exchange);
    assert_eq!(code, 0, "{said}");
    for words in [
        "began at 3.4 kWh (500 imp/kWh, number 1EMH0012345678)",
        "write imp_per_kwh = 500",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(
        home.flat(),
        (pulses, Some(3.4)),
        "the new one has counted nothing"
    );
    let (_, shown) = home.ask(&["register"]);
    for words in [
        "00003.4 kWh (meter 1EMH0012345678)",
        "old meter 20",
        "new meter 20",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    // Started again before somebody has edited the file.
    simulate("--from=-150m", "10m");
    config("imp_per_kwh = 500");
    simulate("--from=-2h", "1h");
    let (more, kwh) = home.flat();
    assert!(more > pulses, "{more}");
    assert!(
        (kwh.unwrap() - 3.4 - (more - pulses) as f64 / 500.0).abs() < 1e-6,
        "{kwh:?}"
    );
    // The history goes on: each pulse is worth what it was.
    let (_, windows) = home.ask(&[
        "export", "--view", "1m", "--format", "csv", "--meter", "Flat",
    ]);
    let mut energy = [0.0; 2];
    let mut counted = [0; 2];
    for line in windows
        .lines()
        .skip_while(|line| !line.starts_with("start"))
        .skip(1)
    {
        let cells: Vec<&str> = line.split(',').collect();
        let is_new = counted[0] >= pulses;
        counted[usize::from(is_new)] += cells[3].parse::<i64>().unwrap();
        energy[usize::from(is_new)] += cells[4].parse::<f64>().unwrap();
    }
    // The last ones of a run may not be in their window yet.
    assert_eq!(counted[0], pulses, "{windows}");
    assert!((1..=more - pulses).contains(&counted[1]), "{windows}");
    let want = [pulses as f64 / 1_000.0, counted[1] as f64 / 500.0];
    for (energy, want) in energy.into_iter().zip(want) {
        assert!((energy - want).abs() < 1e-3, "{energy} {want}");
    }
    let (code, said) = home.ask(&["register", "undo", "Flat"]);
    assert!(code == 0 && said.contains("the exchange of"), "{said}");
    let (_, shown) = home.ask(&["register"]);
    assert!(!shown.contains("meter 20"), "{shown}");
}

#[test]
fn the_hour_does_not_matter() {
    at_other_hours(
        test_path!("the_hour_does_not_matter"),
        &[
            test_path!("what_cannot_be_entered_is_said_with_the_remedy"),
            test_path!("a_face_goes_round_and_a_meter_is_exchanged"),
        ],
    );
}
