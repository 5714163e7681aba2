//! Simulated pulses and those of recordings never mix with real ones: with the true binary, in journals and buckets.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test that cannot go on may panic"
)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::fake_influx::{FakeInflux, Store};
use crate::support::gpio::without_chips;
use crate::support::remote::ORG;
use crate::support::wait::{PATIENCE, wait_until};
use serde_json::Value;

const CSV: &str = "time,meter\n2024-03-01T12:00:00Z,Import\n2024-03-01T12:00:01Z,Import\n2024-03-01T12:00:02Z,Export\n";

const SIMULATE: [&str; 7] = [
    "run",
    "--simulate",
    "--speed",
    "max",
    "--from=-3h",
    "--for",
    "2h",
];

struct Home(tempfile::TempDir);

impl Home {
    fn new(dotenv: &str) -> Home {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".env"), dotenv).unwrap();
        fs::write(dir.path().join("pulses.csv"), CSV).unwrap();
        Home(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn ask(&self, args: &[&str]) -> (i32, String, String) {
        let _lines = without_chips();
        let output = Command::new(env!("CARGO_BIN_EXE_powerlogger"))
            .args(args)
            .current_dir(self.0.path())
            .env_clear()
            .env("QUEUE_DIR", "queue")
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        let [out, err] =
            [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        (output.status.code().unwrap(), out, err)
    }

    fn good(&self, args: &[&str]) -> String {
        let (code, out, err) = self.ask(args);
        assert_eq!(code, 0, "{args:?}: {out}{err}");
        out
    }

    fn status(&self, more: &[&str]) -> Value {
        let said = self.good(&[&["status", "--json"], more].concat());
        serde_json::from_str(&said).unwrap()
    }
}

#[test]
fn ages_of_made_up_pulses_are_told_by_their_own_time() {
    let home = Home::new("");
    let house = [
        "run",
        "--simulate",
        "--speed",
        "max",
        "--from=2026-03-01T10:00:00Z",
        "--for",
        "2h",
    ];
    home.good(&house);
    let shown = home.good(&["status"]);
    assert!(
        !shown.contains(" d ago") && !shown.contains(" d "),
        "{shown}"
    );
    assert!(shown.contains(" ago)"), "{shown}");
}

#[test]
fn a_journal_with_real_pulses_refuses_made_up_ones() {
    let home = Home::new("");
    home.good(&["import", "pulses.csv"]);
    let recording = home.path("edges.txt");
    home.good(&[
        "--queue-dir",
        "other",
        "run",
        "--simulate",
        "--for",
        "1h",
        "--speed",
        "max",
        "--record",
        "edges.txt",
    ]);
    assert!(recording.exists());
    let before = home.good(&["export", "--format", "csv"]);
    for args in [
        &SIMULATE[..],
        &["run", "--replay", "edges.txt", "--speed", "max"],
    ] {
        let (code, out, err) = home.ask(args);
        assert_eq!(code, 78, "{args:?}: {out}{err}");
        assert!(
            err.contains("holds real pulses") && err.contains("--simulated"),
            "{err}"
        );
        assert_eq!(home.good(&["export", "--format", "csv"]), before);
        // In a journal of its own the same is welcome.
        home.good(&[args, &["--simulated"]].concat());
        assert!(home.path("queue/simulated/journal.sqlite").exists());
    }
    assert_eq!(home.good(&["export", "--format", "csv"]), before);
    let (real, made_up) = (home.status(&[]), home.status(&["--simulated"]));
    assert_eq!(
        (&real["simulated"], &real["journal_pulses"]),
        (&false.into(), &3.into())
    );
    assert_eq!(made_up["simulated"], true);
    assert!(made_up["journal_pulses"].as_i64().unwrap() > 3);
    // Neither is brought among the real ones by an import, nor by way of a file.
    let makes_up = Home::new("");
    makes_up.good(&SIMULATE);
    let made_up = makes_up.status(&[]);
    let mut files = vec![makes_up.path("queue/journal.sqlite")];
    for (format, name) in [("csv", "made-up.csv"), ("lp", "made-up.lp")] {
        makes_up.good(&["export", "--format", format, "-o", name]);
        files.push(makes_up.path(name));
    }
    for file in &files {
        let file = file.to_str().unwrap();
        let (code, out, err) = home.ask(&["import", file]);
        assert!(code == 1 && err.contains("SIMULATED"), "{code} {out}{err}");
        let (code, _, err) = home.ask(&["import", "pulses.csv", file]);
        assert!(code == 1 && err.contains("SIMULATED"), "{err}");
        // Where nothing is yet it makes the journal one of its kind, with the same pulses.
        let other = Home::new("");
        other.good(&["import", file]);
        let there = other.status(&[]);
        assert_eq!(there["simulated"], true, "{there:#}");
        assert_eq!(there["journal_pulses"], made_up["journal_pulses"]);
    }
    assert_eq!(home.good(&["export", "--format", "csv"]), before);
    let (code, _, err) = home.ask(&["run", "--simulated"]);
    assert!(code != 0 && err.contains("leave --simulated out"), "{err}");
}

#[test]
fn simulated_pulses_are_called_so_wherever_they_are_shown() {
    let home = Home::new("");
    let (code, out, log) = home.ask(&SIMULATE);
    assert_eq!(code, 0, "{out}{log}");
    assert!(log.contains("SIMULATED"), "{log}");
    for command in [
        &["status"][..],
        &["losses"],
        &["register"],
        &["verify", "--local"],
        &["export", "-o", "out.lp"],
    ] {
        let (_, out, _) = home.ask(command);
        assert!(out.contains("SIMULATED"), "{command:?}: {out}");
    }
    for command in ["losses", "register"] {
        let said: Value = serde_json::from_str(&home.good(&[command, "--json"])).unwrap();
        let simulated = said
            .get("simulated")
            .unwrap_or_else(|| &said[0]["simulated"]);
        assert_eq!(*simulated, true, "{said}");
    }
    // Whoever imports real pulses there is told what becomes of them.
    for (args, told) in [
        (&["import", "--dry-run", "pulses.csv"][..], true),
        (&["import", "pulses.csv"], true),
        (&["--simulated", "import", "--dry-run", "pulses.csv"], false),
    ] {
        let said = home.good(args);
        assert_eq!(said.contains("moves it aside"), told, "{args:?}: {said}");
    }
    // Nothing of it is said of real ones.
    let real = Home::new("");
    real.good(&["import", "pulses.csv"]);
    for command in [
        &["status"][..],
        &["losses"],
        &["register"],
        &["export"],
        &["import", "pulses.csv"],
    ] {
        let (_, out, err) = real.ask(command);
        assert!(
            !format!("{out}{err}").to_lowercase().contains("simulated"),
            "{out}{err}"
        );
    }
}

/// Some more of it.
const LATER: [&str; 7] = [
    "run",
    "--simulate",
    "--speed",
    "max",
    "--from=-1h",
    "--for",
    "10min",
];

/// With buckets of these names: how many points arrive in raw, and what `status` and `audit` say. `is_taken`: some do.
fn delivered(names: [&str; 4], is_taken: bool) -> (usize, String, String) {
    let mut store = Store::new(ORG);
    let ids = names.map(|name| store.create_bucket(ORG, name, 0));
    store.add_token("writer", &ids.each_ref().map(String::as_str));
    let server = FakeInflux::start(store);
    let [raw, b1m, b5m, b1h] = names;
    let home = Home::new(&format!(
        "INFLUX_HOST={}\nINFLUX_ORG={ORG}\nINFLUX_TOKEN=writer\nRAW_BUCKET={raw}\nB1M_BUCKET={b1m}\n\
         B5M_BUCKET={b5m}\nB1H_BUCKET={b1h}\n",
        server.url()
    ));
    home.good(&SIMULATE);
    // An end waits some seconds for the server, and a busy machine may take longer: the next run sends it.
    if is_taken {
        wait_until("points", PATIENCE, || {
            let is_there = server.store().count(raw) > 0;
            if !is_there {
                home.good(&LATER);
            }
            is_there
        });
    }
    let status = home.good(&["status"]);
    let (_, out, err) = home.ask(&["audit", "--repair"]);
    (server.store().count(raw), status, format!("{out}{err}"))
}

#[test]
fn simulated_pulses_go_only_to_buckets_that_are_named_for_them() {
    let named = [
        "My Simulated raw",
        "SIMULATED_1m",
        "simulated 5m",
        "house-simulated",
    ];
    let (points, status, _) = delivered(named, true);
    assert!(points > 0, "{status}");
    for one in 0..4 {
        let mut names = named;
        names[one] = "PowerLogger_real";
        let (points, status, audit) = delivered(names, false);
        assert_eq!(points, 0, "{names:?}: {status}");
        assert!(status.contains("PowerLogger_real"), "{status}");
        assert!(audit.contains("PowerLogger_real"), "{audit}");
    }
}

#[test]
fn a_past_is_counted_first_and_is_the_same_house() {
    let home = Home::new("");
    let since = "2026-06-20T16:30:00Z";
    let alone = [
        "--simulate",
        "--since",
        "2026-06-19T10:30:00Z",
        "--for",
        "30h",
    ];
    let queue = |name| ["--queue-dir", name, "run"];
    home.good(&[&queue("alone")[..], &alone, &["--speed", "max"]].concat());
    let with_past = ["--simulate", "--since", since, "--past", "30h"];
    let then = ["--for", "2min", "--speed", "60"];
    home.good(&[&queue("past")[..], &with_past, &then].concat());
    let exported = |name| {
        home.good(&[
            "--queue-dir",
            name,
            "export",
            "--format",
            "csv",
            "--until",
            since,
        ])
    };
    let (alone, past) = (exported("alone"), exported("past"));
    assert!(alone.lines().count() > 10_000);
    assert_eq!(past, alone, "the same pulses, to the nanosecond");
    let status = home.good(&["--queue-dir", "past", "status", "--json"]);
    let status: Value = serde_json::from_str(&status).unwrap();
    let (overview, pulses) = (
        &status["overview"],
        status["journal_pulses"].as_i64().unwrap(),
    );
    let counted: i64 = overview["meters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|meter| meter["month"]["pulses"].as_i64().unwrap())
        .sum();
    assert_eq!(
        counted, pulses,
        "all is in windows or about to be: {overview:#}"
    );
    for period in ["yesterday", "month"] {
        assert_eq!(
            overview["meters"][0][period]["complete"], true,
            "{overview:#}"
        );
    }
}
