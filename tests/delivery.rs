//! The true binary delivers to a server over real HTTP, whatever the server does: a fake with every
//! kind of fault, a real InfluxDB 2, a VictoriaMetrics. Real time, real sockets, short pauses.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "real servers need real time; figures are printed"
)]

mod support;
mod support_daemon;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use powerlogger::influx::{Client, ClientSettings};
use powerlogger::journal::reader::Reader;
use powerlogger::pulse::LossCause;
use support::fake_influx::{Fault, Server, Store};
use support::influxd::{Influxd, ORG};
use support::{skip, wait_for};
use support_daemon::Daemon;

const BUCKET: &str = "PowerLogger_raw";
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
    format!("INFLUX_HOST={url}\nINFLUX_ORG={ORG}\nINFLUX_TOKEN={token}\n")
}

fn fake() -> Server {
    let mut store = Store::default();
    store.add_org(ORG);
    store.add_bucket(BUCKET, None);
    store.add_token("writer", &[BUCKET]);
    Server::start(store)
}

/// The stamps of a meter at the fake.
fn there(server: &Server, meter: &str) -> BTreeSet<i64> {
    let points = server.store.lock().unwrap().points(BUCKET);
    let times = points.get(&format!("PowerPulse,PulseType={meter} Pulse"));
    times
        .map(|times| times.keys().copied().collect())
        .unwrap_or_default()
}

/// The stamps of a meter in the journal.
fn here(daemon: &Daemon, meter: &str) -> BTreeSet<i64> {
    let mut reader = Reader::open(daemon.dir()).unwrap();
    let names = reader.meter_names().unwrap();
    let page = reader.page(1, i64::MAX, usize::MAX).unwrap();
    let of_meter = page
        .entries
        .iter()
        .filter(|entry| names[&entry.meter] == meter);
    of_meter.map(|entry| entry.wall_ns).collect()
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
    let server = fake();
    let args = ["--simulate", "--speed", "3000", "--from", "-20 days"];
    let mut daemon = Daemon::start_with_env(QUICK, &dotenv(&server.url(), "writer"), &args);
    let requests = || *server.requests.lock().unwrap();
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
        let (before, arrived) = (requests(), server.store.lock().unwrap().count(BUCKET));
        server.set_fault(Some(fault.clone()));
        wait_for(&format!("three requests that meet {fault:?}"), || {
            requests() >= before + 3
        });
        if matches!(fault, Fault::Poison { .. }) {
            daemon.wait_for("a line in quarantine", |d| d.log().contains("quarantine"));
        }
        server.set_fault(None);
        let more = || server.store.lock().unwrap().count(BUCKET) > arrived;
        wait_for(&format!("points after {fault:?}"), more);
    }
    daemon.stop();
    let refused = refused(&daemon);
    let (mut absent, mut pulses) = (0, 0);
    for meter in METERS {
        let (here, there) = (here(&daemon, meter), there(&server, meter));
        pulses += here.len();
        assert_eq!(
            there.difference(&here).count(),
            0,
            "{meter}: nothing that is not here"
        );
        absent += here.difference(&there).count();
    }
    assert!(pulses > 300, "{pulses} pulses");
    assert!(refused > 0, "the poison was found");
    // One that was stored before its reply was lost may be refused when it is sent again.
    assert!(
        absent as u64 <= refused,
        "{absent} did not arrive, {refused} in quarantine"
    );
    let log = daemon.log();
    for word in [
        "unauthorized",
        "quarantine",
        "INFLUX_HOST",
        "delivery works",
    ] {
        assert!(log.contains(word), "the log tells of {word}\n{log}");
    }
}

#[test]
fn a_server_that_is_away_is_waited_for() {
    let mut server = fake();
    server.stop();
    let args = ["--simulate", "--speed", "3000", "--from", "-20 days"];
    let mut daemon = Daemon::start_with_env(QUICK, &dotenv(&server.url(), "writer"), &args);
    daemon.wait_for_pulses(300);
    let status = daemon.ask(&["status"]);
    assert!(status.contains("powerlogger is running"), "{status}");
    assert!(status.contains("FAILS (unreachable)"), "{status}");
    // Killed and started again, it still knows what is not delivered.
    daemon.kill();
    daemon.start_again();
    server.start_again();
    wait_for("points", || {
        server.store.lock().unwrap().count(BUCKET) > 300
    });
    daemon.stop();
    for meter in METERS {
        assert_eq!(here(&daemon, meter), there(&server, meter), "{meter}");
    }
    let status: serde_json::Value =
        serde_json::from_str(&daemon.ask(&["status", "--json"])).unwrap();
    assert_eq!(status["running"], false);
    assert_eq!(status["delivery"]["backlog"], 0, "{status:#}");
    assert_eq!(status["delivery"]["state"], "ok");
}

#[test]
fn new_pulses_do_not_wait_behind_a_backlog() {
    let server = fake();
    server.set_fault(Some(Fault::Unavailable {
        retry_after_s: None,
    }));
    let config = QUICK.replace("batch_lines_max = 400", "batch_lines_max = 5");
    let args = ["--simulate", "--speed", "30000", "--from", "-20 days"];
    let mut daemon = Daemon::start_with_env(&config, &dotenv(&server.url(), "writer"), &args);
    daemon.wait_for_pulses(10_000);
    let oldest_live = *here(&daemon, "Import").last().unwrap();
    server.set_fault(None);
    // A small request carries little: the newest are there long before the oldest are done.
    wait_for("new pulses", || {
        there(&server, "Import")
            .last()
            .is_some_and(|t| *t > oldest_live)
    });
    let arrived: usize = METERS.iter().map(|meter| there(&server, meter).len()).sum();
    assert!(arrived < 9_000, "they overtook: {arrived} had arrived");
    daemon.kill();
}

#[test]
fn a_day_arrives_at_a_real_influxdb_whatever_happens_to_it() {
    let name = "a_day_arrives_at_a_real_influxdb_whatever_happens_to_it";
    let Some(mut server) = Influxd::start() else {
        return skip(name, "no INFLUXD, no influxd on PATH");
    };
    let bucket = server.add_bucket(BUCKET, 30 * 86_400);
    let (id, token) = server.add_token(&bucket, "write");
    // A day in 24 s, and then it ends by itself.
    let args = [
        "--simulate",
        "--speed",
        "3600",
        "--from",
        "-25 hours",
        "--for",
        "24 hours",
    ];
    let config = QUICK.replace("timeout_ms = 400", "timeout_ms = 5000");
    let mut daemon = Daemon::start_with_env(&config, &dotenv(&server.url(), &token), &args);
    let arrived = |server: &Influxd| {
        server
            .count(BUCKET)
            .iter()
            .map(|(_, points)| points)
            .sum::<u64>()
    };
    wait_for("points", || arrived(&server) > 100);

    server.kill();
    daemon.wait_for("the outage in the log", |d| {
        d.log().contains("kind=\"unreachable\"")
    });
    server.start_again();
    let before = arrived(&server);
    wait_for("points after the outage", || {
        arrived(&server) > before + 100
    });

    // The bucket is deleted with all that is in it, and made again: the token names the old one.
    server.delete_bucket(&bucket);
    daemon.wait_for("the missing bucket in the log", |d| {
        d.log().contains("kind=\"not_found\"")
    });
    let bucket = server.add_bucket(BUCKET, 30 * 86_400);
    daemon.wait_for("the refusal in the log", |d| {
        d.log().contains("kind=\"forbidden\"")
    });
    let (new_id, token) = server.add_token(&bucket, "write");
    fs::write(daemon.dir().join(".env"), dotenv(&server.url(), &token)).unwrap();
    wait_for("the day so far, sent again", || arrived(&server) > before);
    server.delete_token(&id);

    // The token is revoked.
    server.delete_token(&new_id);
    daemon.wait_for("the revocation in the log", |d| {
        d.log().contains("kind=\"unauthorized\"")
    });
    let (_, token) = server.add_token(&bucket, "write");
    fs::write(daemon.dir().join(".env"), dotenv(&server.url(), &token)).unwrap();

    assert_eq!(daemon.wait_for_exit(), Some(0), "{}", daemon.log());
    let mut kept: Vec<(String, u64)> = METERS
        .iter()
        .map(|m| ((*m).to_owned(), here(&daemon, m).len() as u64))
        .collect();
    kept.sort();
    assert_eq!(server.count(BUCKET), kept, "every pulse once");
    assert_eq!(server.sum(BUCKET), kept, "and each is worth one");
    assert!(kept.iter().all(|(_, pulses)| *pulses > 100), "{kept:?}");
    let exported = daemon.ask(&["export", "--format", "lp"]);
    assert_eq!(
        exported.lines().count() as u64,
        kept.iter().map(|(_, n)| n).sum::<u64>()
    );
    eprintln!("a day: {kept:?}");
}

/// A VictoriaMetrics of Debian's package, with its data directory.
struct Victoria {
    child: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Victoria {
    fn start() -> Option<Victoria> {
        let path = std::env::var_os("PATH")?;
        let program = std::env::split_paths(&path)
            .map(|d| d.join("victoria-metrics"))
            .find(|f| f.exists())?;
        let dir = tempfile::tempdir().unwrap();
        // It does not tell which port it took; the chance that another takes this one is small,
        // and then it does not start and the test says so.
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = Command::new(program)
            .arg(format!("-storageDataPath={}", dir.path().display()))
            .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
            .arg("-retentionPeriod=100y")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Victoria {
            child,
            port,
            _dir: dir,
        })
    }

    fn client(&self) -> Client {
        Client::new(&ClientSettings {
            host: format!("http://127.0.0.1:{}", self.port),
            org: ORG.to_owned(),
            token: None,
            ca_file: None,
            timeout: Duration::from_secs(10),
        })
        .unwrap()
    }

    fn get(&self, path: &str) -> Option<String> {
        let answer = self.client().request("GET", path, &[], b"").ok()?;
        (answer.status == 200).then_some(answer.body)
    }
}

impl Drop for Victoria {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_same_lines_arrive_at_victoria_metrics() {
    let name = "the_same_lines_arrive_at_victoria_metrics";
    let Some(server) = Victoria::start() else {
        return skip(name, "no victoria-metrics on PATH");
    };
    wait_for("a VictoriaMetrics that answers", || {
        server.get("/health").is_some()
    });
    let url = format!("http://127.0.0.1:{}", server.port);
    let args = [
        "--simulate",
        "--speed",
        "max",
        "--from",
        "-25 hours",
        "--for",
        "24 hours",
    ];
    let mut daemon = Daemon::start_with_env(QUICK, &dotenv(&url, "any"), &args);
    assert_eq!(daemon.wait_for_exit(), Some(0), "{}", daemon.log());
    for meter in METERS {
        // It keeps milliseconds: stamps are compared without what is below.
        let kept: BTreeSet<i64> = here(&daemon, meter)
            .iter()
            .map(|ns| ns / 1_000_000)
            .collect();
        let query = format!("/api/v1/export?match[]={{PulseType=\"{meter}\"}}");
        let query = query
            .replace('{', "%7B")
            .replace('}', "%7D")
            .replace('"', "%22");
        let mut arrived = BTreeSet::new();
        wait_for(&format!("{} pulses of {meter}", kept.len()), || {
            server.get("/internal/force_flush");
            let body = server.get(&query).unwrap_or_default();
            arrived = body.lines().flat_map(stamps_of).collect();
            arrived.len() >= kept.len()
        });
        assert_eq!(arrived, kept, "{meter}");
    }
    let _ = std::io::stderr().flush();
}

fn stamps_of(line: &str) -> Vec<i64> {
    let series: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(series["metric"]["__name__"], "PowerPulse_Pulse");
    series["timestamps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t.as_i64().unwrap())
        .collect()
}
