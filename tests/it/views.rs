//! The server's raw bucket and views become equal to the journal without a hand: after two days
//! without a server, after a backup was put back, after buckets were lost; with tasks and without. Each
//! against the fake and a real InfluxDB 2.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "real servers need real time; a test that cannot go on may panic"
)]

use crate::support::daemon::Daemon;
use crate::support::remote::{OPERATOR, ORG, Remote, on_both};
use crate::support::views::{
    Machine, QUICK, audit, day, dotenv, empty_buckets, equal, on_both_machines, powerlogger,
    set_up, wait_until_equal,
};
use powerlogger::model::View;
use serde_json::json;

#[test]
fn two_days_without_a_server_and_one_from_a_backup() {
    on_both_machines("two_days_without_a_server_and_one_from_a_backup", two_days);
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
    // What a day comes to is the weather's: of a clear one it may be as much as of three dull ones.
    assert!(third > first + 10_000, "{first} {third}");

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
    empty_buckets(server, "2000-01-01T00:00:00Z");
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
    daemon.wait_for("a window of each view", |daemon| {
        daemon.status().is_some_and(|status| {
            let until = &status["delivery"]["views"]["until_s"];
            View::ALL.iter().all(|view| until[view.as_str()].is_i64())
        })
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

#[test]
fn what_was_never_delivered_is_not_taken_for_lost() {
    on_both_machines(
        "what_was_never_delivered_is_not_taken_for_lost",
        never_delivered,
    );
}

fn never_delivered(machine: &mut Machine, server: &Remote) {
    let dir = set_up(server, QUICK);
    machine.stop();
    day(&dir, 4 * 24);
    machine.restart();
    let repair = || powerlogger(&dir, &["audit", "--since=-10 days", "--repair"]);
    let (code, said) = repair();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("raw 0:"), "{said}");
    let counted = equal(&audit(&dir)).expect("all of it was sent again");
    assert!(counted > 1_000, "{counted}");

    // Raw vouches for what it holds: it has lost nothing.
    let hour_s = View::Hour.floor_s(jiff::Timestamp::now().as_second()) - 84 * 3_600;
    let high = format!(
        "PowerPulse,PulseType=Import Pulse=100000i {}\n",
        hour_s * 1_000_000_000
    );
    let client = server.client(Some(OPERATOR));
    client
        .write("simulated_1h", high.as_bytes(), false)
        .unwrap();
    let (code, said) = repair();
    assert_eq!(code, 0, "{said}");
    assert_eq!(equal(&audit(&dir)), Some(counted));
}
