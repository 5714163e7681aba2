//! `watch` and `tune` with the true binary: on recordings, on free lines of a simulated chip, and beside a daemon that has
//! the line and loses nothing.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "edges are paced by sleeping, all else waits on conditions with deadlines"
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use gpiocdev::Request;
use gpiocdev::chip::Chip;
use powerlogger::clock::{Clock, SystemClock};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::daemon::Daemon;
use crate::support::gpio::{Hand, Place, SimChip, ground, test_path};
use crate::support::program::{good, said};
use crate::support::wait::{PATIENCE, wait_for};

mod waves;

/// A meter whose output is high for a pulse, without a filter that could hide anything.
const METER: &str = "# The house.\n[[meter]]\nname = \"Import\" # the grid\nline = 20\nbias = \"down\"\n\
    bounce_ms = 0\nmin_interval_ms = 0\n\n[web]\nlisten = \"off\"\n";

fn waveform(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/waveforms");
    dir.join(name)
}

/// The words of what a report has found.
fn findings(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| finding["finding"].as_str().unwrap())
        .collect()
}

/// A directory with a configuration, and commands on it.
struct Home(tempfile::TempDir);

impl Home {
    fn new(config: &str) -> Home {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("powerlogger.toml"), config).unwrap();
        Home(dir)
    }

    fn command(&self, args: &[&str]) -> Command {
        command(self.0.path(), self.0.path(), args)
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn config(&self) -> String {
        fs::read_to_string(self.0.path().join("powerlogger.toml")).unwrap()
    }
}

fn command(config: &Path, queue: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_powerlogger"));
    command
        .args(args)
        .arg("--config-dir")
        .arg(config)
        .arg("--queue-dir")
        .arg(queue)
        .env_clear()
        .env("TZ", "UTC0")
        .stdin(Stdio::null());
    command
}

/// A command that runs on, and what it writes.
struct Running {
    child: Child,
    out: PathBuf,
}

impl Running {
    fn start(mut command: Command, out: &Path) -> Running {
        let file = File::create(out).unwrap();
        let child = command.stdout(file).spawn().unwrap();
        let out = out.to_owned();
        Running { child, out }
    }

    /// The objects that it has written so far, a line each.
    fn events(&self, event: &str) -> Vec<Value> {
        let text = fs::read_to_string(&self.out).unwrap();
        let whole = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        let all = whole.map(|line| serde_json::from_str::<Value>(line).unwrap());
        all.filter(|value| value["event"] == event).collect()
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn end(self) -> String {
        let (code, text) = self.ended();
        assert_eq!(code, Some(0));
        text
    }

    /// Its exit code, and what it has written.
    fn ended(mut self) -> (Option<i32>, String) {
        let status = wait_for("the end of the command", PATIENCE, || {
            self.child.try_wait().unwrap()
        });
        (status.code(), fs::read_to_string(&self.out).unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_recording_is_judged_and_the_settings_written_between_the_comments() {
    let config = "# The house.\n[[meter]]\nname = \"Import\" # the grid\nline = 20\nbounce_ms = 5 # S0\n\
        imp_per_kwh = 10000\n\n[web]\nlisten = \"off\" # none\n";
    let home = Home::new(config);
    let recording = waveform("2ms-flashes.txt");
    let recording = recording.to_str().unwrap();
    let html = home.0.path().join("report.html");
    let asked = ["tune", "import", "--recording", recording];
    let report = home.run(&[&asked[..], &["--json"]].concat());
    let report: Value = serde_json::from_str(&good(&report)).unwrap();
    assert_eq!(report["counted"]["pulses"], 0);
    assert_eq!(report["recommended"]["counted"]["pulses"], 200);

    let unsure = home.run(&[&asked[..], &["--write", "--html", html.to_str().unwrap()]].concat());
    assert!(
        said(&unsure).contains("nothing was written: there is no terminal"),
        "{}",
        said(&unsure)
    );
    assert_eq!(
        (unsure.status.code(), home.config()),
        (Some(1), config.to_owned())
    );
    assert!(
        fs::read_to_string(html)
            .unwrap()
            .contains("bounce_ms = 0.5")
    );

    let written = good(&home.run(&[&asked[..], &["--write", "--yes"]].concat()));
    assert!(
        written.contains("- bounce_ms = 5 # S0") && written.contains("+ bounce_ms = 0.5 # S0"),
        "{written}"
    );
    let wanted = config.replace("bounce_ms = 5", "bounce_ms = 0.5").replace(
        "imp_per_kwh = 10000\n",
        "imp_per_kwh = 10000\nmin_interval_ms = 15\n",
    );
    assert_eq!(home.config(), wanted);
    good(&home.run(&["config", "check"]));
    let again = good(&home.run(&asked));
    assert!(
        again.contains("The present settings fit: they count 200 pulses."),
        "{again}"
    );
    // Counted by them, the recording gives as many.
    let ran = home.run(&["run", "--replay", recording, "--speed", "max"]);
    assert!(ran.status.success(), "{}", said(&ran));
    let status = good(&home.run(&["status"]));
    assert!(status.contains("200 pulses"), "{status}");
}

#[test]
fn what_cannot_be_judged_is_said_with_its_reason() {
    let home = Home::new(METER);
    let recording = waveform("steady-led.txt");
    let recording = recording.to_str().unwrap();
    for (args, says) in [
        (
            &["tune", "Cellar", "--recording", recording][..],
            "there are Import",
        ),
        (&["tune", "Import", "--recording", "none.txt"], "none.txt"),
        (
            &["tune", "Import", "--recording", recording, "--load-w", "0"],
            "positive",
        ),
        (
            &[
                "tune",
                "Import",
                "--recording",
                recording,
                "--from-kwh",
                "5",
                "--to-kwh",
                "5",
            ],
            "has not gone on",
        ),
        (&["watch", "--lines", "9-2"], "runs backwards"),
    ] {
        let output = home.run(args);
        assert!(!output.status.success(), "{args:?}");
        assert!(said(&output).contains(says), "{args:?}: {}", said(&output));
    }
}

#[test]
fn a_daemon_of_made_up_pulses_is_watched_and_tuned_through_its_socket() {
    let meters = "[[meter]]\nname = \"Import\"\nline = 20\n[[meter]]\nname = \"Generate\"\nline = 21\n\
        [web]\nlisten = \"off\"\n";
    // At noon there is sun.
    let noon = [
        "--simulate",
        "--since",
        "2024-06-21T11:00:00Z",
        "--speed",
        "20",
    ];
    let mut daemon = Daemon::start(meters, &noon);
    daemon.wait_for_pulses(20);
    daemon.wait_for("an open door", |daemon| {
        std::os::unix::net::UnixStream::connect(daemon.dir().join("api.sock")).is_ok()
    });
    // On a machine that gives the daemon no turn there may be no edges for so long: it is watched again then.
    let totals = wait_for("watched edges", PATIENCE, || {
        let watched = daemon.output(&["watch", "--json", "--for", "3s"]);
        let totals: Vec<Value> = String::from_utf8_lossy(&watched.stdout)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|value: &Value| value["event"] == "total")
            .collect();
        assert_eq!(totals.len(), 2);
        let edges = totals.iter().map(|total| total["edges"].as_u64().unwrap());
        let is_whole = |total: &Value| total["source"] == "daemon" && total["missed"] == 0;
        (edges.sum::<u64>() > 10 && totals.iter().all(is_whole)).then_some(totals)
    });
    let meter = if totals[0]["edges"].as_u64() > totals[1]["edges"].as_u64() {
        "Import"
    } else {
        "Generate"
    };
    let report = wait_for("edges to tune by", PATIENCE, || {
        let output = daemon.output(&["tune", meter, "--for", "4s", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).ok()?;
        (report["edges"].as_u64()? > 20 && report["missed"] == 0).then_some(report)
    });
    assert_eq!(report["findings"][0]["finding"], "clean", "{report:#}");
}

/// The name under which a line is requested.
fn consumer(chip: &SimChip, line: u32) -> Option<String> {
    let info = Chip::from_path(chip.device())
        .unwrap()
        .line_info(line)
        .unwrap();
    info.used.then_some(info.consumer)
}

#[test]
fn free_lines_are_watched_edge_by_edge_and_others_are_named() {
    let name = test_path!("free_lines_are_watched_edge_by_edge_and_others_are_named");
    let Some(ground) = ground(name, Place::TIME_TRAVEL) else {
        return;
    };
    let chip = ground.chip("pinctrl-bcm2711", 32);
    let _other = Request::builder()
        .on_chip(chip.device())
        .with_consumer("lirc")
        .with_line(7)
        .as_input()
        .request()
        .unwrap();
    let home = Home::new(METER);
    let args = [
        "watch",
        "--lines",
        "5-9,GPIO20",
        "--bias",
        "down",
        "--json",
        "--for",
        "20s",
    ];
    let watch = Running::start(home.command(&args), &home.0.path().join("watch"));
    let told = wait_for("its lines", PATIENCE, || {
        let told = watch.events("line");
        (told.len() == 6).then_some(told)
    });
    assert_eq!(told[2]["why"], "in use by lirc");
    assert_eq!(
        (&told[5]["meter"], &told[5]["source"]),
        (&"Import".into(), &"line".into())
    );
    let mut hands = [5, 20].map(|line| Hand::on(&chip, line));
    for _ in 0..40 {
        for hand in &mut hands {
            hand.toggles(1, Duration::from_millis(3));
        }
    }
    let edges = wait_for("its edges", PATIENCE, || {
        let edges = watch.events("edge");
        (edges.len() >= 80).then_some(edges)
    });
    assert_eq!(edges.len(), 80);
    for (line, hand) in [("GPIO5", &hands[0]), ("GPIO20", &hands[1])] {
        let of_line: Vec<&Value> = edges.iter().filter(|edge| edge["line"] == line).collect();
        assert_eq!(of_line.len(), hand.done.len(), "{line}");
        for (edge, done) in of_line.iter().zip(&hand.done) {
            assert!(
                done.is_at(edge["mono_ns"].as_i64().unwrap()),
                "{edge} {done:?}"
            );
        }
    }
    let totals = watch.end();
    assert!(totals.contains("\"edges\":40"), "{totals}");
    assert_eq!(consumer(&chip, 5), None, "released");
}

#[test]
fn tune_counts_a_free_line_right_while_its_contact_bounces() {
    let name = test_path!("tune_counts_a_free_line_right_while_its_contact_bounces");
    let Some(ground) = ground(name, Place::TIME_TRAVEL) else {
        return;
    };
    let chip = ground.chip("pinctrl-bcm2711", 32);
    let home = Home::new(METER);
    let args = ["tune", "Import", "--for", "10m", "--json"];
    let tune = Running::start(home.command(&args), &home.0.path().join("tune"));
    wait_for("its request", PATIENCE, || {
        (consumer(&chip, 20).as_deref() == Some("powerlogger tune")).then_some(())
    });
    let mut hand = Hand::on(&chip, 20);
    for _ in 0..25 {
        // Bounces of a millisecond at both ends of 60 ms.
        for pause_ms in [1, 1, 60, 1, 1, 140] {
            hand.toggles(1, Duration::from_millis(pause_ms));
        }
    }
    // What has come by then is judged.
    tune.signal(Signal::INT);
    let report: Value = serde_json::from_str(&tune.end()).unwrap();
    assert_eq!(report["recommended"]["counted"]["pulses"], 25, "{report:#}");
    let found = findings(&report);
    assert!(found.contains(&"bounce"), "{found:?}");
}

#[test]
fn beside_a_daemon_both_see_all_edges_and_it_loses_nothing() {
    let name = test_path!("beside_a_daemon_both_see_all_edges_and_it_loses_nothing");
    let Some(ground) = ground(name, Place::TIME_TRAVEL) else {
        return;
    };
    let chip = ground.chip("pinctrl-bcm2711", 32);
    let mut daemon = Daemon::start(METER, &[]);
    daemon.wait_for_lines(1);
    let held = consumer(&chip, 20).unwrap();
    let dir = daemon.dir().to_owned();
    let begin =
        |args: &[&str], out: &str| Running::start(command(&dir, &dir, args), &dir.join(out));
    let mut watch = begin(&["watch", "--json", "--for", "6s"], "watch");
    let mut tune = begin(&["tune", "Import", "--json", "--for", "6s"], "tune");
    wait_for("the watched line", PATIENCE, || {
        let told = watch.events("line");
        (told.len() == 1 && told[0]["source"] == "daemon").then_some(())
    });
    let mut hand = Hand::on(&chip, 20);
    let began_ns = SystemClock.mono_ns();
    while !(watch.has_ended() && tune.has_ended()) {
        hand.toggles(1, Duration::from_millis(40));
        hand.toggles(1, Duration::from_millis(60));
        assert!(
            SystemClock.mono_ns() - began_ns < 120_000_000_000,
            "they do not end"
        );
    }
    let edges = watch.events("edge");
    assert!(edges.len() > 20, "{} edges", edges.len());
    // All from the first on, none twice.
    for (edge, done) in edges.iter().zip(&hand.done) {
        assert!(
            done.is_at(edge["mono_ns"].as_i64().unwrap()),
            "{edge} {done:?}"
        );
    }
    let total = &watch.events("total")[0];
    assert_eq!(
        (total["missed"].as_u64(), total["edges"].as_u64()),
        (Some(0), Some(edges.len() as u64))
    );
    let report: Value = serde_json::from_str(&tune.end()).unwrap();
    assert_eq!(report["missed"], 0, "{report:#}");
    assert!(report["edges"].as_u64().unwrap() > 20, "{report:#}");
    assert_eq!(report["findings"][0]["finding"], "clean", "{report:#}");
    assert_eq!(
        consumer(&chip, 20),
        Some(held),
        "the same request all the time"
    );
    daemon.wait_for_pulses(i64::try_from(hand.rising().len()).unwrap());
    let status: Value = serde_json::from_str(&daemon.answer(&["status", "--json"]).1).unwrap();
    assert_eq!(status["meters"][0]["pulses"], hand.rising().len());
    daemon.stop();
}
