//! The server's raw bucket and views become equal to the journal without a hand: after two days
//! without a server, after a backup was put back, after buckets were lost; with tasks and without. Each
//! against the fake and a real InfluxDB 2.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "real servers need real time; a test that cannot go on may panic"
)]

mod support;
mod support_daemon;

use std::fs;
use std::process::Command;
use std::time::Duration;

use powerlogger::journal::reader::Reader;
use powerlogger::rollup::View;
use serde_json::{Value, json};
use support::fake_influx::{FakeInflux, Store};
use support::influxd::Influxd;
use support::remote::{OPERATOR, ORG, Remote, of_fake, on_both, start_fake};
use support::wait::wait_until;
use support_daemon::Daemon;

/// Simulated pulses are delivered only to buckets that are named for them.
const SIMULATED: &str = "RAW_BUCKET=simulated_raw
B1M_BUCKET=simulated_1m
B5M_BUCKET=simulated_5m
B1H_BUCKET=simulated_1h
";

/// Everything quick, so that a test takes seconds.
const QUICK: &str = "
[journal]
sync_interval_ms = 20
[deliver]
flush_ms = 10
replay_interval_ms = 100
[influx]
timeout_ms = 5000
";

fn dotenv(server: &Remote) -> String {
    format!(
        "INFLUX_HOST={}\nINFLUX_ORG={ORG}\nINFLUX_TOKEN={OPERATOR}\n{SIMULATED}",
        server.url()
    )
}

/// A directory in which `setup` has been run.
fn set_up(server: &Remote, config: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(".env"), dotenv(server)).unwrap();
    fs::write(dir.path().join("powerlogger.toml"), config).unwrap();
    let said = powerlogger(&dir, &["setup"]);
    assert_eq!(said.0, 0, "{}", said.1);
    dir
}

fn powerlogger(dir: &tempfile::TempDir, args: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_powerlogger"))
        .args(["--queue-dir", "queue"])
        .args(args)
        .current_dir(dir.path())
        .env_clear()
        .output()
        .unwrap();
    let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    (output.status.code().unwrap(), said.concat())
}

/// A simulated day that began so many hours ago, as fast as it goes, delivered or not.
fn day(dir: &tempfile::TempDir, hours_ago: u32) {
    let from = format!("--from=-{hours_ago}h");
    let args = ["run", "--simulate", &from, "--for", "24h", "--speed", "max"];
    let (code, said) = powerlogger(dir, &args);
    assert_eq!(code, 0, "{said}");
}

/// The audit of the last ten days.
fn audit(dir: &tempfile::TempDir) -> Value {
    let (_, said) = powerlogger(dir, &["audit", "--since=-10 days", "--json"]);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// How many pulses the audit counted, if both sides are equal.
fn equal(audit: &Value) -> Option<i64> {
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
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the daemon (its house adds a pulse now and then, which is pending) until the two are equal.
fn wait_until_equal(dir: &tempfile::TempDir, what: &str) -> i64 {
    let child = Command::new(env!("CARGO_BIN_EXE_powerlogger"))
        .args(["--queue-dir", "queue", "run", "--simulate"])
        .current_dir(dir.path())
        .env_clear()
        .stderr(fs::File::create(dir.path().join("log")).unwrap())
        .spawn()
        .unwrap();
    let running = Running(child);
    let mut counted = None;
    wait_until(what, Duration::from_secs(90), || {
        counted = equal(&audit(dir));
        counted.is_some()
    });
    drop(running);
    counted.unwrap()
}

/// A server that can be stopped and given other files.
enum Machine {
    Fake(FakeInflux),
    Real(Box<Influxd>),
}

/// A copy of its files.
enum Backup {
    Fake(Store),
    Real(tempfile::TempDir),
}

impl Machine {
    fn stop(&mut self) {
        match self {
            Machine::Fake(fake) => fake.stop(),
            Machine::Real(influxd) => drop(influxd.kill()),
        }
    }

    fn restart(&mut self) {
        match self {
            Machine::Fake(fake) => fake.start_again(),
            Machine::Real(influxd) => influxd.restart(),
        }
    }

    fn backup(&self) -> Backup {
        match self {
            Machine::Fake(fake) => Backup::Fake(fake.store().clone()),
            Machine::Real(influxd) => Backup::Real(influxd.backup()),
        }
    }

    fn restore(&self, backup: &Backup) {
        match (self, backup) {
            (Machine::Fake(fake), Backup::Fake(store)) => *fake.store() = store.clone(),
            (Machine::Real(influxd), Backup::Real(files)) => influxd.restore(files),
            _ => panic!("files of another kind"),
        }
    }
}

#[test]
fn two_days_without_a_server_and_one_from_a_backup() {
    let fake = start_fake();
    let remote = of_fake(&fake);
    two_days(&mut Machine::Fake(fake), &remote);
    if let Some(influxd) = Influxd::start("two_days_without_a_server_and_one_from_a_backup") {
        let remote = Remote::clone(&influxd);
        two_days(&mut Machine::Real(Box::new(influxd)), &remote);
    }
}

fn two_days(machine: &mut Machine, server: &Remote) {
    let dir = set_up(server, QUICK);
    day(&dir, 6 * 24);
    let first = wait_until_equal(&dir, "the first day to be equal");
    assert!(first > 5_000, "{first}");
    machine.stop();
    let three_days_old = machine.backup();

    // Two days of stamps without a server, in two runs.
    day(&dir, 5 * 24);
    day(&dir, 4 * 24);
    machine.restart();
    let third = wait_until_equal(&dir, "the days without a server to be equal");
    assert!(third > 2 * first, "{third}");

    day(&dir, 3 * 24);
    let fourth = wait_until_equal(&dir, "the fourth day to be equal");
    machine.stop();
    machine.restore(&three_days_old);
    machine.restart();
    assert_eq!(equal(&audit(&dir)), None, "the backup lacks three days");
    let again = wait_until_equal(&dir, "what the backup lacks to be there again");
    assert_eq!(again, fourth);
}

#[test]
fn lost_buckets_fill_again() {
    on_both("lost_buckets_fill_again", check_lost_buckets_fill_again);
}

fn check_lost_buckets_fill_again(server: &Remote) {
    let dir = set_up(server, QUICK);
    day(&dir, 4 * 24);
    day(&dir, 3 * 24);
    let counted = wait_until_equal(&dir, "two days to be equal");
    for bucket in [
        "simulated_raw",
        "simulated_1m",
        "simulated_5m",
        "simulated_1h",
    ] {
        let all = json!({ "start": "2000-01-01T00:00:00Z", "stop": "2100-01-01T00:00:00Z" });
        server.call(
            "POST",
            &format!("/api/v2/delete?org={ORG}&bucket={bucket}"),
            Some(&all),
        );
    }
    assert_eq!(equal(&audit(&dir)), None);
    assert_eq!(
        wait_until_equal(&dir, "everything to be there again"),
        counted
    );
}

#[test]
fn without_tasks_the_daemon_writes_the_windows() {
    on_both(
        "without_tasks_the_daemon_writes_the_windows",
        check_without_tasks_the_daemon_writes_the_windows,
    );
}

fn check_without_tasks_the_daemon_writes_the_windows(server: &Remote) {
    let config = QUICK.replace(
        "[influx]",
        "[influx]\ndownsampling = \"client\"\nraw = true",
    );
    let dir = set_up(server, &config);
    assert!(
        server.call("GET", &format!("/api/v2/tasks?org={ORG}"), None)["tasks"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    day(&dir, 3 * 24);
    wait_until_equal(&dir, "a day to be equal");

    // A minute is there a moment after its end: a live one, at five times the pace of life.
    let mut daemon = Daemon::start_with_env(
        &config,
        &dotenv(server),
        &["--simulate", "--from", "-2 days", "--speed", "600"],
    );
    daemon.wait_for("a journal", |daemon| Reader::open(daemon.dir()).is_ok());
    daemon.wait_for("a window of each view", |daemon| {
        let status: Value = serde_json::from_str(&daemon.ask(&["status", "--json"])).unwrap();
        let until = &status["delivery"]["views"]["until_s"];
        View::ALL.iter().all(|view| until[view.as_str()].is_i64())
    });
}

#[test]
fn audit_tells_what_differs_and_repairs_it() {
    on_both(
        "audit_tells_what_differs_and_repairs_it",
        check_audit_tells_what_differs_and_repairs_it,
    );
}

fn check_audit_tells_what_differs_and_repairs_it(server: &Remote) {
    let dir = set_up(server, QUICK);
    day(&dir, 4 * 24);
    let (code, said) = powerlogger(&dir, &["audit", "--since=-10 days"]);
    assert_eq!(
        code, 1,
        "no task has ever run, no daemon has compared: {said}"
    );
    assert!(said.contains("--repair writes"), "{said}");
    let (code, said) = powerlogger(&dir, &["audit", "--since=-10 days", "--repair"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("all are put right"), "{said}");
    let counted = equal(&audit(&dir)).expect("both are equal");
    let (code, said) = powerlogger(&dir, &["audit", "--since=-10 days"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("✓ journal and server agree"), "{said}");

    // Somebody lowers an hour, somebody deletes some raw points, somebody else writes more.
    let client = server.client(Some(OPERATOR));
    let noon_s = View::Hour.floor_s(jiff::Timestamp::now().as_second()) - 84 * 3_600;
    let window = |hours: i64, pulses: i64| {
        let ns = (noon_s + hours * 3_600) * 1_000_000_000;
        format!("PowerPulse,PulseType=Import Pulse={pulses}i {ns}\n")
    };
    let body = window(0, 1) + &window(1, 100_000);
    client
        .write("simulated_1h", body.as_bytes(), false)
        .unwrap();
    let (start, stop) = (noon_s + 7_200, noon_s + 9_000);
    let times = json!({
        "start": powerlogger::influx::flux::time_s(start),
        "stop": powerlogger::influx::flux::time_s(stop),
    });
    server.call(
        "POST",
        &format!("/api/v2/delete?org={ORG}&bucket=simulated_raw"),
        Some(&times),
    );
    let (code, said) = powerlogger(&dir, &["audit", "--since=-10 days"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("--repair sends them again"), "{said}");
    let (code, said) = powerlogger(&dir, &["audit", "--since=-10 days", "--repair"]);
    assert_eq!(
        code, 0,
        "the journal has watched all of these hours: {said}"
    );
    assert_eq!(equal(&audit(&dir)), Some(counted));

    // More in raw than the journal knows is reported, and left.
    let strange = format!(
        "PowerPulse,PulseType=Import Pulse=1i {}\n",
        noon_s * 1_000_000_000 + 77
    );
    client
        .write("simulated_raw", strange.as_bytes(), false)
        .unwrap();
    let (code, said) = powerlogger(
        &dir,
        &["audit", "--since=-10 days", "--repair", "--level", "raw"],
    );
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("more than the journal knows"), "{said}");
}
