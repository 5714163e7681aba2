//! The true binary delivers to a server over real HTTP, whatever the server does: a fake with every
//! kind of fault, a real InfluxDB 2. Real time, real sockets, short pauses.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on may panic; figures are printed"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::support::daemon::Daemon;
use crate::support::fake_influx::Fault;
use crate::support::influxd::Influxd;
use crate::support::remote::{self, ORG, start_fake_with_raw};
use crate::support::wait::{PATIENCE, wait_until};
use powerlogger::journal::Reader;
use powerlogger::model::{IdRange, LossCause};

const BUCKET: &str = "simulated_raw";
const METERS: [&str; 3] = ["Import", "Export", "Generate"];

/// Everything quick, so that a test takes seconds.
const QUICK: &str = "
[journal]
sync_interval_ms = 20
[deliver]
flush_ms = 10
batch_lines_max = 400
replay_interval_ms = 60
[influx]
timeout_ms = 400
";

fn dotenv(url: &str, token: &str) -> String {
    // Simulated pulses are delivered only to buckets that are named for them.
    format!(
        "INFLUX_HOST={url}\nINFLUX_ORG={ORG}\nINFLUX_TOKEN={token}\nRAW_BUCKET={BUCKET}\n\
         B1M_BUCKET=simulated_1m\nB5M_BUCKET=simulated_5m\nB1H_BUCKET=simulated_1h\n"
    )
}

fn wait_for(what: &str, holds: impl FnMut() -> bool) {
    wait_until(what, PATIENCE, holds);
}

/// The stamps of a meter in the journal.
fn here(daemon: &Daemon, meter: &str) -> BTreeSet<i64> {
    let mut reader = Reader::open(daemon.dir()).unwrap();
    let names = reader.meter_names().unwrap();
    let page = reader.page(IdRange::ALL, usize::MAX).unwrap();
    let of_meter = page
        .entries
        .iter()
        .filter(|entry| names[&entry.meter] == meter);
    of_meter.map(|entry| entry.wall_ns.0).collect()
}

fn refused(daemon: &Daemon) -> u64 {
    let ledger = Reader::open(daemon.dir()).unwrap().ledger().unwrap();
    let refused = ledger
        .iter()
        .filter(|(_, cause, _)| *cause == LossCause::Refused);
    refused.map(|(_, _, loss)| loss.pulses).sum()
}

#[test]
fn every_fault_ends_with_every_pulse_delivered_once() {
    let mut server = start_fake_with_raw(BUCKET);
    let args = ["--simulate", "--speed", "3000", "--from", "-20 days"];
    let mut daemon = Daemon::start_with_env(QUICK, &dotenv(&server.url(), "writer"), &args);
    for fault in [
        Fault::LoseRequest,
        Fault::LoseReply,
        Fault::TooMany { retry_after_s: 1 },
        Fault::Unavailable {
            retry_after_s: None,
        },
        Fault::Unavailable {
            retry_after_s: Some(1),
        },
        Fault::Poison {
            contains: "77".to_owned(),
        },
        Fault::Unauthorized,
        Fault::TooLarge {
            body_bytes_max: 300,
        },
        Fault::Stall,
        Fault::CloseMidBody,
        Fault::HtmlPage200,
        Fault::CorruptGzip,
    ] {
        let (before, arrived) = (server.writes_seen(), server.store().count(BUCKET));
        server.set_fault(Some(fault.clone()));
        wait_for(&format!("three requests that meet {fault:?}"), || {
            server.writes_seen() >= before + 3
        });
        // A reply that comes late is none: the fault lasts until one was read.
        let told = match fault {
            Fault::Poison { .. } => Some("quarantine"),
            Fault::Unauthorized => Some("unauthorized"),
            Fault::HtmlPage200 => Some("INFLUX_HOST"),
            _ => None,
        };
        if let Some(word) = told {
            daemon.wait_for(word, |daemon| daemon.log().contains(word));
        }
        server.set_fault(None);
        let more = || server.store().count(BUCKET) > arrived;
        wait_for(&format!("points after {fault:?}"), more);
    }
    daemon.wait_for("delivery to work", |daemon| {
        daemon.log().contains("delivery works")
    });
    // One that was stored before its reply was lost may be refused when it is sent again.
    daemon.stop_when("all but the quarantine delivered", |daemon| {
        let absent: usize = METERS
            .iter()
            .map(|meter| {
                let (here, there) = (here(daemon, meter), remote::stamps(&server, BUCKET, meter));
                let strange = there.difference(&here).count();
                assert_eq!(strange, 0, "{meter}: nothing that is not here");
                here.difference(&there).count()
            })
            .sum();
        absent as u64 <= refused(daemon)
    });
    assert!(daemon.pulses() > 300, "{} pulses", daemon.pulses());
    assert!(refused(&daemon) > 0, "the poison was found");
}

#[test]
fn a_server_that_is_away_is_waited_for() {
    let mut server = start_fake_with_raw(BUCKET);
    server.stop();
    let args = ["--simulate", "--speed", "3000", "--from", "-20 days"];
    let mut daemon = Daemon::start_with_env(QUICK, &dotenv(&server.url(), "writer"), &args);
    daemon.wait_for_pulses(300);
    daemon.wait_for("the outage in the status", |daemon| {
        let status = daemon.ask(&["status"]);
        assert!(status.contains("powerlogger is running"), "{status}");
        status.contains("FAILS (unreachable)")
    });
    // Killed and started again, it still knows what is not delivered.
    daemon.kill();
    daemon.start_again();
    server.start_again();
    wait_for("points", || server.store().count(BUCKET) > 300);
    let status = |daemon: &Daemon| -> serde_json::Value {
        serde_json::from_str(&daemon.answer(&["status", "--json"]).1).unwrap()
    };
    // Also by what the journal knows: where the last reply came late, the next run has it again.
    daemon.stop_when("each pulse delivered", |daemon| {
        let is_there = |meter| here(daemon, meter) == remote::stamps(&server, BUCKET, meter);
        METERS.into_iter().all(is_there)
            && status(daemon)["delivery"]["backlog"] == 0
            && status(daemon)["delivery"]["state"] == "ok"
    });
    assert_eq!(status(&daemon)["running"], false);
}

#[test]
fn new_pulses_do_not_wait_behind_a_backlog() {
    let mut server = start_fake_with_raw(BUCKET);
    server.set_fault(Some(Fault::Unavailable {
        retry_after_s: None,
    }));
    let config = QUICK.replace("batch_lines_max = 400", "batch_lines_max = 1");
    let args = ["--simulate", "--speed", "30000", "--from", "-20 days"];
    let mut daemon = Daemon::start_with_env(&config, &dotenv(&server.url(), "writer"), &args);
    daemon.wait_for_pulses(10_000);
    // A summer's day begins with those of the roof alone.
    daemon.wait_for("pulses of the grid", |daemon| {
        !here(daemon, "Import").is_empty()
    });
    let oldest_live = *here(&daemon, "Import").last().unwrap();
    // A request carries one pulse. The server takes fewer than wait, then none: a newer one is among them only if it
    // overtook others.
    server.queue(vec![None; 9_000]);
    wait_for("new pulses", || {
        remote::stamps(&server, BUCKET, "Import")
            .last()
            .is_some_and(|t| *t > oldest_live)
    });
    let arrived = server.store().count(BUCKET);
    assert!(arrived <= 9_000, "they overtook: {arrived} had arrived");
    eprintln!("measured: {arrived} had arrived, of 10,000 and more");
    daemon.kill();
}

#[test]
fn a_day_arrives_at_a_real_influxdb_whatever_happens_to_it() {
    let name = "a_day_arrives_at_a_real_influxdb_whatever_happens_to_it";
    let Some(mut server) = Influxd::start(name) else {
        return;
    };
    let bucket = server.create_bucket(BUCKET, 30 * 86_400);
    let first = server.create_authorization(&["write"], &[bucket.as_str()]);
    // A day in 24 s.
    let args = ["--simulate", "--speed", "3600", "--from", "-20 days"];
    let config = QUICK.replace("timeout_ms = 400", "timeout_ms = 60000");
    let mut daemon = Daemon::start_with_env(&config, &dotenv(&server.url(), &first.token), &args);
    let arrived = |server: &Influxd| count(server).values().sum::<usize>();
    wait_for("points", || arrived(&server) > 100);

    server.kill();
    daemon.wait_for("the outage in the log", |d| {
        d.log().contains("kind=\"unreachable\"")
    });
    server.restart();
    let before = arrived(&server);
    wait_for("points after the outage", || {
        arrived(&server) > before + 100
    });

    // The bucket is deleted with all that is in it, and made again: the token names the old one.
    server.delete_bucket(&bucket);
    daemon.wait_for("the missing bucket in the log", |d| {
        d.log().contains("kind=\"not_found\"")
    });
    let bucket = server.create_bucket(BUCKET, 30 * 86_400);
    daemon.wait_for("the refusal in the log", |d| {
        d.log().contains("kind=\"forbidden\"")
    });
    let second = server.create_authorization(&["write"], &[bucket.as_str()]);
    fs::write(
        daemon.dir().join(".env"),
        dotenv(&server.url(), &second.token),
    )
    .unwrap();
    wait_for("all so far, sent again", || arrived(&server) > before);
    server.delete_authorization(&first);

    // The token is revoked.
    server.delete_authorization(&second);
    daemon.wait_for("the revocation in the log", |d| {
        d.log().contains("kind=\"unauthorized\"")
    });
    let third = server.create_authorization(&["write"], &[bucket.as_str()]);
    fs::write(
        daemon.dir().join(".env"),
        dotenv(&server.url(), &third.token),
    )
    .unwrap();

    let kept = |daemon: &Daemon| {
        let kept = METERS.map(|meter| (meter.to_owned(), here(daemon, meter).len()));
        BTreeMap::from(kept)
    };
    daemon.wait_for("a day of all meters", |daemon| {
        daemon.pulses() > 10_000 && kept(daemon).values().all(|pulses| *pulses > 100)
    });
    daemon.stop_when("every pulse once", |daemon| count(&server) == kept(daemon));
    let kept = kept(&daemon);
    let exported = daemon.ask(&["export", "--format", "lp"]);
    assert_eq!(exported.lines().count(), kept.values().sum::<usize>());
    eprintln!("a day: {kept:?}");
}

/// Points at the server by meter.
fn count(server: &Influxd) -> BTreeMap<String, usize> {
    server.count_by(BUCKET, "Pulse", "PulseType")
}
