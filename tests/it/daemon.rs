//! The true binary and what is around it: its log, its terminal, other commands at the same time. No line and no
//! server is needed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::daemon::Daemon;
use powerlogger::journal::Reader;
use rustix::process::{Pid, Signal, kill_process};

const CONFIG: &str = "[[meter]]\nname = \"Flat 2\"\nline = 20\n";

/// A simulated summer day, as fast as it goes: the same pulses each time.
const DAY: [&str; 8] = [
    "--simulate",
    "--from=2026-06-21T04:00:00Z",
    "--for",
    "14h",
    "--speed",
    "max",
    "--seed",
    "7",
];

/// Counts [`DAY`] with its log going to `log`; its exit code, and the pulses that are in the journal then.
fn day_with_log_to(log: Stdio) -> (Option<i32>, i64) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("powerlogger.toml"), CONFIG).unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_powerlogger"))
        .env_clear()
        // Each edge is logged: more than any pipe holds.
        .env("GPIO_LOG_EDGES", "true")
        .args(["--queue-dir", "queue", "run"])
        .args(DAY)
        .current_dir(dir.path())
        .stderr(log)
        .status()
        .unwrap();
    (status.code(), pulses(&dir.path().join("queue")))
}

fn pulses(queue: &Path) -> i64 {
    let totals = Reader::open(queue).unwrap().totals().unwrap();
    totals.iter().map(|meter| meter.pulses).sum()
}

#[test]
fn a_log_that_cannot_be_written_costs_no_pulse() {
    let all = day_with_log_to(Stdio::null());
    assert!(all.1 > 3_000, "{all:?}");
    let full = File::options().write(true).open("/dev/full").unwrap();
    assert_eq!(day_with_log_to(full.into()), all, "no room");
    let (read, write) = rustix::pipe::pipe().unwrap();
    drop(read);
    assert_eq!(day_with_log_to(write.into()), all, "nobody reads");
    let (read, write) = rustix::pipe::pipe().unwrap();
    assert_eq!(day_with_log_to(write.into()), all, "the reader hangs");
    drop(read);
}

fn signal(daemon: &Daemon, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(daemon.pid()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

#[test]
fn a_terminal_that_is_closed_ends_it_in_order() {
    let mut daemon = Daemon::start(CONFIG, &["--simulate", "--speed", "500"]);
    daemon.wait_for_pulses(10);
    signal(&daemon, Signal::HUP);
    assert_eq!(daemon.wait_for_exit(), Some(0), "{}", daemon.log());
    assert!(
        daemon.log().contains("everything is kept"),
        "{}",
        daemon.log()
    );
}

#[test]
fn a_start_is_not_kept_off_by_commands_that_look() {
    let mut daemon = Daemon::start(CONFIG, &["--simulate", "--speed", "500"]);
    daemon.wait_for_pulses(10);
    let done = &std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let queue = daemon.dir().to_owned();
        for _ in 0..3 {
            let queue = queue.clone();
            scope.spawn(move || {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    powerlogger::journal::is_locked(&queue);
                }
            });
        }
        for _ in 0..5 {
            daemon.stop();
            daemon.start_again();
            daemon.wait_for("an open journal", |daemon| {
                daemon.log().contains("journal open")
            });
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    daemon.stop();
}
