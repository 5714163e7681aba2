//! `powerlogger` alone says how it stands on this machine, and what comes next; `make demo` shows the program, and leaves
//! nothing but its directory.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::daemon::Daemon;
use crate::support::program::said;
use crate::support::wait::{PATIENCE, wait_for};

const METERS: &str = "[[meter]]\nname = \"Import\"\nline = 20\n[[meter]]\nname = \"Flat\"\nline = 21\n[web]\nlisten = \"off\"\n";

/// What it says alone, with the exit code of a command line without a command.
fn alone(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in ["Usage: powerlogger", "powerlogger --help", "\nNext:\n"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    said
}

fn in_directory(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_powerlogger"));
    command
        .current_dir(dir)
        .env_clear()
        .env("QUEUE_DIR", "queue");
    command
}

#[test]
fn alone_it_says_what_comes_next() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("powerlogger.toml");
    // A mistake is what comes first.
    fs::write(&config, "[[meter]]\nname = \"Flat\"\nlin = 20\n").unwrap();
    let said = alone(&mut in_directory(dir.path()));
    assert!(said.contains("2 mistakes in "), "{said}");
    assert!(said.contains("powerlogger config check"), "{said}");
    // Loopback: the way to a phone is told.
    fs::write(&config, "[[meter]]\nname = \"Flat\"\nline = 20\n").unwrap();
    let said = alone(&mut in_directory(dir.path()));
    for part in [
        "powerlogger.toml in ",
        ": 1 meter\n",
        "does not run: nothing is counted",
        "none: pulses are counted and kept on this machine",
        "powerlogger setup",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let name = rustix::system::uname();
    if name.nodename().to_string_lossy() != "localhost" {
        assert!(said.contains("listen = \"lan\" below [web] in "), "{said}");
    }
}

#[test]
fn alone_it_sees_the_daemon_that_runs() {
    let daemon = Daemon::start(METERS, &["--simulate"]);
    let said = wait_for("a daemon that is seen", PATIENCE, || {
        let said = alone(&mut daemon.command(&[]));
        let is_seen = said.contains("counts 2 of 2 meters, SIMULATED\n");
        is_seen.then_some(said)
    });
    assert!(said.contains("powerlogger status --watch"), "{said}");
    assert!(!said.contains("start counting"), "{said}");
}

#[test]
fn the_demo_leaves_nothing_but_its_directory() {
    let place = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/demo.sh");
    let mut demo = Command::new("sh");
    demo.arg(script)
        .env("PROGRAM", env!("CARGO_BIN_EXE_powerlogger"))
        .env("TMPDIR", place.path())
        .envs([
            ("DEMO_PAST", "40h"),
            ("DEMO_SPAN", "5min"),
            ("DEMO_SPEED", "100"),
        ])
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .stdin(Stdio::null());
    let output = demo.output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for part in [
        "SIMULATED",
        "The page:  http://127.0.0.1:80",
        "what is past has been counted",
        "The demo has ended. All it leaves is ",
        // Both days are there, and the registers as they were read on the evening.
        "2026-06-21 18:3",
        "autarky",
    ] {
        let part = part.replace("2026", &midsummer_year(&said));
        assert!(said.contains(&part), "{part}: {said}");
    }
    let left: Vec<_> = fs::read_dir(place.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let dir = left[0].as_ref().unwrap().path();
    assert!(said.contains(dir.to_str().unwrap()), "{said}");
    // Nothing of it runs any more.
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let of_demo = processes.filter(|process| {
        let words = fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(dir.to_str().unwrap())
    });
    assert_eq!(of_demo.count(), 0);
}

/// The year that the demo is in.
fn midsummer_year(said: &str) -> String {
    let (before, _) = said.split_once("-06-21, ").unwrap();
    before[before.len() - 4..].to_owned()
}
