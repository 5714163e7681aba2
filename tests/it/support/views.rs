//! The true binary and a server whose views it heals: what the tests of views share.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "waits have deadlines"
)]

use std::fs;
use std::process::Command;

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

use super::fake_influx::{FakeInflux, Store};
use super::influxd::Influxd;
use super::program::outcome;
use super::remote::{OPERATOR, ORG, Remote, of_fake, start_fake};
use super::wait::{PATIENCE, wait_until};

/// Simulated pulses are delivered only to buckets that are named for them.
pub(crate) const SIMULATED: &str = "RAW_BUCKET=simulated_raw
B1M_BUCKET=simulated_1m
B5M_BUCKET=simulated_5m
B1H_BUCKET=simulated_1h
";

/// The same.
pub(crate) const BUCKETS: [&str; 4] = [
    "simulated_raw",
    "simulated_1m",
    "simulated_5m",
    "simulated_1h",
];

/// Everything quick, so that a test takes seconds.
pub(crate) const QUICK: &str = "
[web]
listen = \"off\"
[journal]
sync_interval_ms = 20
[deliver]
flush_ms = 10
replay_interval_ms = 100
[influx]
timeout_ms = 60000
";

pub(crate) fn dotenv(server: &Remote) -> String {
    format!(
        "INFLUX_HOST={}\nINFLUX_ORG={ORG}\nINFLUX_TOKEN={OPERATOR}\n{SIMULATED}",
        server.url()
    )
}

/// A directory in which `setup` has been run.
pub(crate) fn set_up(server: &Remote, config: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(".env"), dotenv(server)).unwrap();
    fs::write(dir.path().join("powerlogger.toml"), config).unwrap();
    let said = powerlogger(&dir, &["setup"]);
    assert_eq!(said.0, 0, "{}", said.1);
    dir
}

pub(crate) fn powerlogger(dir: &tempfile::TempDir, args: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_powerlogger"));
    command
        .args(["--queue-dir", "queue"])
        .args(args)
        .current_dir(dir.path())
        .env_clear();
    outcome(&mut command)
}

/// A simulated day that began so many hours ago, as fast as it goes, delivered or not.
pub(crate) fn day(dir: &tempfile::TempDir, hours_ago: u32) {
    let from = format!("--from=-{hours_ago}h");
    let args = ["run", "--simulate", &from, "--for", "24h", "--speed", "max"];
    let (code, said) = powerlogger(dir, &args);
    assert_eq!(code, 0, "{said}");
}

/// The audit of the last ten days.
pub(crate) fn audit(dir: &tempfile::TempDir) -> Value {
    let (_, said) = powerlogger(dir, &["audit", "--since=-10 days", "--json"]);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// How many pulses the audit counted, if both sides are equal.
pub(crate) fn equal(audit: &Value) -> Option<i64> {
    let mut sums = Vec::new();
    for level in audit["levels"].as_array().unwrap() {
        let totals = level["totals"].as_object().unwrap().values();
        let sum = |side: &str| {
            totals
                .clone()
                .map(|meter| meter[side].as_i64().unwrap())
                .sum::<i64>()
        };
        if !level["differences"].as_array().unwrap().is_empty() || sum("journal") != sum("server") {
            return None;
        }
        sums.push(sum("journal"));
    }
    // The youngest hour may be settled on one level and pending on another: nothing is simulated there.
    sums.windows(2)
        .all(|pair| pair[0] == pair[1])
        .then(|| sums[0])
}

/// A daemon that does not outlive its test.
pub(crate) struct Running(std::process::Child);

impl Running {
    /// Ends it: what was delivered is kept, and nothing is sent once more by the next one.
    fn end(mut self) {
        let pid = Pid::from_child(&self.0);
        rustix::process::kill_process(pid, Signal::TERM).unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the daemon. Its house adds a pulse now and then, which is pending.
pub(crate) fn start(dir: &tempfile::TempDir) -> Running {
    start_with(dir, &[])
}

/// The same with these options.
pub(crate) fn start_with(dir: &tempfile::TempDir, options: &[&str]) -> Running {
    let child = Command::new(env!("CARGO_BIN_EXE_powerlogger"))
        .args(["--queue-dir", "queue", "run", "--simulate"])
        .args(options)
        .current_dir(dir.path())
        .env_clear()
        .stderr(fs::File::create(dir.path().join("log")).unwrap())
        .spawn()
        .unwrap();
    Running(child)
}

/// Runs the daemon until the two are equal.
pub(crate) fn wait_until_equal(dir: &tempfile::TempDir, what: &str) -> i64 {
    let running = start(dir);
    let mut counted = None;
    wait_until(what, PATIENCE, || {
        counted = equal(&audit(dir));
        counted.is_some()
    });
    running.end();
    counted.unwrap()
}

/// A server that can be stopped and given other files.
pub(crate) enum Machine {
    Fake(FakeInflux),
    Real(Box<Influxd>),
}

/// Runs `check` on the fake, and on a real InfluxDB 2 where there is one.
pub(crate) fn on_both_machines(test: &str, check: fn(&mut Machine, &Remote)) {
    let fake = start_fake();
    let remote = of_fake(&fake);
    check(&mut Machine::Fake(fake), &remote);
    if let Some(influxd) = Influxd::start(test) {
        let remote = Remote::clone(&influxd);
        check(&mut Machine::Real(Box::new(influxd)), &remote);
    }
}

/// A copy of its files.
pub(crate) enum Backup {
    Fake(Store),
    Real(tempfile::TempDir),
}

impl Machine {
    pub(crate) fn stop(&mut self) {
        match self {
            Machine::Fake(fake) => fake.stop(),
            Machine::Real(influxd) => drop(influxd.kill()),
        }
    }

    pub(crate) fn restart(&mut self) {
        match self {
            Machine::Fake(fake) => fake.start_again(),
            Machine::Real(influxd) => influxd.restart(),
        }
    }

    pub(crate) fn backup(&self) -> Backup {
        match self {
            Machine::Fake(fake) => Backup::Fake(fake.store().clone()),
            Machine::Real(influxd) => Backup::Real(influxd.backup()),
        }
    }

    pub(crate) fn restore(&self, backup: &Backup) {
        match (self, backup) {
            (Machine::Fake(fake), Backup::Fake(store)) => *fake.store() = store.clone(),
            (Machine::Real(influxd), Backup::Real(files)) => influxd.restore(files),
            _ => panic!("files of another kind"),
        }
    }
}

/// Deletes what is in the four buckets, from `from` on.
pub(crate) fn empty_buckets(server: &Remote, from: &str) {
    let all = json!({ "start": from, "stop": "2100-01-01T00:00:00Z" });
    for bucket in BUCKETS {
        let path = format!("/api/v2/delete?org={ORG}&bucket={bucket}");
        server.call("POST", &path, Some(&all));
    }
}
