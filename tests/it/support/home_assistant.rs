//! A true Home Assistant, which `scripts/home-assistant.sh` installs, with a clock of its own and a client that asks it what
//! its own page does.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::port::Port;
use super::program::{Program, find, said, skip};
use super::wait::{PATIENCE, wait_for, wait_until};

/// It compiles statistics of so many seconds, at their end; at its start those that it has missed.
const STATISTICS_S: u32 = 300;

/// Asks as its page does: runs with the Python that runs it.
const CLIENT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/home_assistant/client.py"
);

/// What it says of us is said by these parts of it,
const PARTS: [&str; 4] = ["mqtt", "sensor", "binary_sensor", "energy"];

/// but for these: of a broker that is slow to answer; of a machine that is slow; and, by 2024.3 alone, of a time that is not
/// known, or is taken away with its meter, which it shows as it is to.
const NOT_OF_US: [&str; 3] = [
    "[homeassistant.components.mqtt.client]",
    " is taking over ",
    "/last_pulse'",
];

/// A Home Assistant, its port and its directory.
pub(crate) struct HomeAssistant {
    hass: PathBuf,
    python: PathBuf,
    /// The library that makes its clock another one.
    faketime: String,
    port: Port,
    dir: tempfile::TempDir,
    /// Its clock is ahead by so much.
    ahead_s: u32,
    starts: u32,
    token: String,
    running: Option<Program>,
}

impl HomeAssistant {
    /// A fresh one that does not run yet; None: there is none on this machine, and `test` is skipped.
    pub(crate) fn prepare(test: &str) -> Option<HomeAssistant> {
        let Some(hass) = find(Some("HOME_ASSISTANT"), "hass") else {
            skip(
                test,
                "no hass in HOME_ASSISTANT or on PATH: see scripts/home-assistant.sh",
            );
            return None;
        };
        let python = hass.with_file_name("python3");
        if !python.is_file() {
            skip(test, "no python3 beside hass");
            return None;
        }
        // The command itself would stand between us and what it starts.
        let library = Command::new("faketime")
            .args(["-f", "+0s", "printenv", "LD_PRELOAD"])
            .output();
        let Ok(library) = library else {
            skip(test, "no faketime");
            return None;
        };
        let home = HomeAssistant {
            hass,
            python,
            faketime: String::from_utf8(library.stdout).unwrap().trim().to_owned(),
            port: Port::keep(),
            dir: tempfile::tempdir().unwrap(),
            ahead_s: 0,
            starts: 0,
            token: String::new(),
            running: None,
        };
        let port = home.port.number();
        let config = format!(
            "http:\n  server_host: 127.0.0.1\n  server_port: {port}\nrecorder:\n  commit_interval: 1\nhistory:\nenergy:\n"
        );
        fs::write(home.dir.path().join("configuration.yaml"), config).unwrap();
        Some(home)
    }

    /// Its version.
    pub(crate) fn version(&self) -> String {
        let config = &self.ask(&[json!({ "type": "get_config" })])[0];
        config["version"].as_str().unwrap().to_owned()
    }

    /// Its first start, with a user and this broker.
    pub(crate) fn begin(&mut self, broker_port: u16) {
        self.spawn();
        let port = broker_port.to_string();
        self.token = self.client(&["onboard", &port]).unwrap();
        self.wait_for_run();
    }

    /// Starts it.
    pub(crate) fn go(&mut self) {
        self.spawn();
        self.wait_for_run();
    }

    /// Ends it, as a service is ended.
    pub(crate) fn stop(&mut self) {
        let running = self.running.take().unwrap();
        let status = running.end(Signal::TERM, PATIENCE);
        assert!(status.success(), "{status}\n{}", self.log());
    }

    /// Its next start is later by its clock: what was seen until now is in statistics then.
    pub(crate) fn let_time_pass(&mut self) {
        assert!(self.running.is_none());
        self.ahead_s += STATISTICS_S;
    }

    /// Asks commands of its WebSocket API; their results.
    pub(crate) fn ask(&self, questions: &[Value]) -> Vec<Value> {
        self.try_ask(questions)
            .unwrap_or_else(|error| panic!("{error}\n{}", self.log()))
    }

    /// An entity's state; None: there is no such entity.
    pub(crate) fn state(&self, entity: &str) -> Option<Value> {
        let all = self.ask(&[json!({ "type": "get_states" })]).remove(0);
        let mut all = all.as_array().unwrap().iter();
        all.find(|state| state["entity_id"] == entity).cloned()
    }

    /// Waits until an entity's state is as it is to be.
    pub(crate) fn wait_for_state(&self, entity: &str, is: impl Fn(&str) -> bool) {
        let mut seen = Value::Null;
        wait_until(entity, PATIENCE, || {
            let state = self.state(entity);
            seen = state.map_or(Value::Null, |state| state["state"].clone());
            seen.as_str().is_some_and(&is)
        });
    }

    /// The sums of an entity's statistics, the oldest first.
    pub(crate) fn sums(&self, entity: &str) -> Vec<f64> {
        let question = json!({
            "type": "recorder/statistics_during_period",
            "start_time": "2020-01-01T00:00:00+00:00",
            "statistic_ids": [entity],
            "period": "5minute",
            "types": ["sum"],
        });
        let rows = self.ask(&[question]).remove(0);
        let rows = rows[entity].as_array().cloned().unwrap_or_default();
        rows.iter()
            .map(|row| row["sum"].as_f64().unwrap())
            .collect()
    }

    /// What it has said of us that is worse than information, since it is there.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.log();
        let is_complaint = |line: &str| {
            let is_bad = line.contains(" WARNING ") || line.contains(" ERROR ");
            let is_ours = |part| line.contains(&format!("[homeassistant.components.{part}"));
            is_bad
                && PARTS.into_iter().any(is_ours)
                && !NOT_OF_US.iter().any(|part| line.contains(part))
        };
        let lines = log.lines().filter(|line| is_complaint(line));
        lines.map(str::to_owned).collect()
    }

    /// What it has said in all its runs.
    fn log(&self) -> String {
        let mut all = String::new();
        for start in 1..=self.starts {
            let log = fs::read(self.dir.path().join(format!("log-{start}")));
            let _ = writeln!(all, "{}", String::from_utf8_lossy(&log.unwrap_or_default()));
        }
        all
    }

    fn spawn(&mut self) {
        let mut command = Command::new(&self.hass);
        // What it needs was installed with it.
        command
            .arg("--config")
            .arg(self.dir.path())
            .arg("--skip-pip");
        command
            .env("LD_PRELOAD", &self.faketime)
            .env("FAKETIME", format!("+{}s", self.ahead_s))
            // The wall clock alone: waits go by the other.
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1");
        self.starts += 1;
        let log = self.dir.path().join(format!("log-{}", self.starts));
        self.running = Some(Program::start(&mut command, &log));
        wait_until("Home Assistant to listen", PATIENCE, || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port.number())).is_ok()
        });
    }

    fn wait_for_run(&self) {
        wait_for("Home Assistant to run", PATIENCE, || {
            let answer = self.try_ask(&[json!({ "type": "get_config" })]).ok()?;
            (answer[0]["state"] == "RUNNING").then_some(())
        });
    }

    fn try_ask(&self, questions: &[Value]) -> Result<Vec<Value>, String> {
        let questions = Value::from(questions).to_string();
        let answer = self.client(&["ask", &self.token, &questions])?;
        Ok(serde_json::from_str(&answer).unwrap())
    }

    /// What the client prints, or why it cannot.
    fn client(&self, words: &[&str]) -> Result<String, String> {
        let url = format!("http://127.0.0.1:{}", self.port.number());
        let mut command = Command::new(&self.python);
        let output = command.arg(CLIENT).arg(url).args(words).output().unwrap();
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
        } else {
            Err(said(&output))
        }
    }
}
