//! The daemon's HTTP server with the true binary on a simulated house: over the unix socket and over TCP, for programs,
//! browsers, and those who mean ill.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test that cannot go on may panic; waits have deadlines"
)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Output;
use std::time::Instant;

use crate::support::daemon::Daemon;
use crate::support::gpio::{at_other_hours, test_path};
use crate::support::port::Port;
use crate::support::program::skip;
use crate::support::wait::{PATIENCE, wait_for};
use powerlogger::clock::{Clock, SystemClock};
use powerlogger::journal::Reader;
use serde_json::Value;

const METERS: &str = "[[meter]]\nname = \"Import\"\nline = 20\nimp_per_kwh = 1000\n\
    [[meter]]\nname = \"Generate\"\nline = 21\nimp_per_kwh = 1000\n";

/// A day that has passed in a moment, and goes on.
pub(crate) const HOUSE: [&str; 3] = ["--simulate", "--speed", "50"];

fn socket(daemon: &Daemon) -> PathBuf {
    daemon.dir().join("api.sock")
}

/// A configuration that serves at this port.
fn listening(port: u16) -> String {
    format!("{METERS}[web]\nlisten = \"127.0.0.1:{port}\"\n")
}

/// A daemon that counts and serves at a port of its own.
pub(crate) struct House {
    pub(crate) daemon: Daemon,
    pub(crate) port: u16,
    _kept: Port,
}

/// So many pulses a house has told when a test begins.
const COUNTED: i64 = 20;

/// What a status tells of all meters.
fn told_pulses(status: &Value) -> i64 {
    let meters = status["meters"].as_array().into_iter().flatten();
    meters
        .map(|meter| meter["pulses"].as_i64().unwrap_or(0))
        .sum()
}

/// Thirty hours, counted in a moment; from then on its time runs as fast as the machine's.
fn house_of_two_days() -> House {
    let mut house = house_with("", &["--simulate", "--past", "30h"]);
    house.daemon.wait_for_past();
    // More than there are points, widths and rows in any answer that is asked for.
    house.daemon.wait_for_pulses(3_000);
    // Until then what is past may grow, and is not kept by those who ask; early in the morning that is the day before yesterday, too.
    house.daemon.wait_for("windows of what is past", |daemon| {
        let quarter_ago_s = SystemClock.wall_ns().s() - 900;
        let mut reader = Reader::open(daemon.dir()).unwrap();
        let version = reader.span_version(0, quarter_ago_s).unwrap();
        // What was watched, and since when it is, is kept after them.
        let watched = reader.watched_until_s().unwrap();
        let mut until_s = watched.values();
        version.is_some() && !watched.is_empty() && until_s.all(|until_s| *until_s >= quarter_ago_s)
    });
    house
}

pub(crate) fn house() -> House {
    house_with("", &HOUSE)
}

/// With more lines in the table `[web]`, counting in this way.
pub(crate) fn house_with(web: &str, args: &[&str]) -> House {
    let kept = Port::keep();
    let port = kept.number();
    let mut daemon = Daemon::start(&format!("{}{web}", listening(port)), args);
    daemon.wait_for_pulses(COUNTED);
    wait_for_doors(&mut daemon);
    // What is committed is told a moment later, and then what else there is to say of it.
    daemon.wait_for("what is counted to be told", |daemon| {
        let status = over_unix(daemon, &get("/api/v1/status")).json();
        told_pulses(&status) >= COUNTED && status["clock"].is_object()
    });
    House {
        daemon,
        port,
        _kept: kept,
    }
}

/// Waits until both doors are open.
fn wait_for_doors(daemon: &mut Daemon) {
    daemon.wait_for("an open door", |daemon| {
        let log = daemon.log();
        log.contains("the page and the API are served")
            && UnixStream::connect(socket(daemon)).is_ok()
    });
}

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    body: Vec<u8>,
}

impl Answer {
    /// None: the connection was closed before.
    fn to(stream: &mut (impl Read + Write), request: &str) -> Option<Answer> {
        stream.write_all(request.as_bytes()).ok()?;
        let mut all = Vec::new();
        // What has come before the connection breaks counts.
        let _ = stream.read_to_end(&mut all);
        (!all.is_empty()).then(|| Answer::of(all))
    }

    fn of(mut all: Vec<u8>) -> Answer {
        let end = all.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head: {:?}", String::from_utf8_lossy(&all)));
        let head = String::from_utf8(all[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = all.split_off(end + 4);
        Answer {
            status,
            head: head.to_ascii_lowercase(),
            body,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1);
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }

    /// The end of a problem's address.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.head
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert!(!problem["remedy"].as_str().unwrap().is_empty(), "{problem}");
        let word = problem["type"].as_str().unwrap();
        word.strip_prefix("/problems/").unwrap().to_owned()
    }
}

/// What is answered, asked for again while the daemon has no turn for the question, or has not waited for one who is late: nothing
/// was done then.
fn answered(ask: impl Fn() -> Option<Answer>) -> Answer {
    wait_for("a turn", PATIENCE, || {
        let answer = ask()?;
        let is_busy = answer.status == 503 && answer.text().contains("\"/problems/busy\"");
        (!is_busy).then_some(answer)
    })
}

pub(crate) fn over_tcp(port: u16, request: &str) -> Answer {
    answered(|| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Answer::to(&mut stream, request)
    })
}

/// The same, if it is answered: one who comes while there is no room, and late, finds the connection closed.
fn tried_over_tcp(port: u16, request: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).ok()?;
    let mut all = Vec::new();
    // What has come before the connection breaks counts.
    let _ = stream.read_to_end(&mut all);
    let is_whole = all.windows(4).any(|four| four == b"\r\n\r\n");
    is_whole.then(|| Answer::of(all))
}

pub(crate) fn over_unix(daemon: &Daemon, request: &str) -> Answer {
    answered(|| {
        // It is there some time after the first pulse, and again after a restart.
        let mut stream = wait_for("the socket", PATIENCE, || {
            UnixStream::connect(socket(daemon)).ok()
        });
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Answer::to(&mut stream, request)
    })
}

pub(crate) fn get(path: &str) -> String {
    asked("GET", path, "localhost", "")
}

pub(crate) fn asked(method: &str, path: &str, host: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n")
}

#[test]
fn both_doors_give_what_the_commands_print() {
    let House {
        mut daemon, port, ..
    } = house();
    let of = |answer: Answer| {
        assert_eq!(answer.status, 200, "{}", answer.head);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        answer.json()
    };
    let status = of(over_tcp(port, &get("/api/v1/status")));
    assert_eq!(
        (&status["simulated"], &status["running"]),
        (&Value::from(true), &Value::from(true))
    );
    assert_eq!(status["journal_dir"], daemon.dir().to_str().unwrap());
    assert!(told_pulses(&status) >= COUNTED, "{status}");
    for path in [
        "/api/v1/status",
        "/api/v1/losses",
        "/api/v1/registers",
        "/api/v1/conditions",
        "/livez",
    ] {
        assert_eq!(over_unix(&daemon, &get(path)).status, 200, "{path}");
    }
    // A machine that gives the writer no turn for seconds is not well meanwhile.
    daemon.wait_for("health", |daemon| {
        over_unix(daemon, &get("/healthz")).status == 200
    });
    // What a command prints while the daemon runs has the very keys that it prints when it has ended.
    let commands: [&[&str]; 3] = [
        &["status", "--json"],
        &["losses", "--json"],
        &["register", "--json"],
    ];
    let said =
        || commands.map(|command| serde_json::from_str::<Value>(&daemon.ask(command)).unwrap());
    let asked = said();
    assert_eq!(asked[0]["running"], true);
    let mut printed = asked.clone();
    // The command puts it together from other answers, so that the status asks no disk.
    let overview = printed[0].as_object_mut().unwrap().remove("overview");
    assert_eq!(overview.unwrap()["meters"][1]["meter"], "Generate");
    for (path, command) in ["status", "losses", "registers"].iter().zip(&printed) {
        let answer = of(over_unix(&daemon, &get(&format!("/api/v1/{path}"))));
        assert_eq!(keys(&answer), keys(command), "{path}");
    }
    daemon.stop();
    assert!(!socket(&daemon).exists());
    let read = commands.map(|command| serde_json::from_str::<Value>(&daemon.ask(command)).unwrap());
    for (asked, read) in asked.iter().zip(&read) {
        assert_eq!(keys(asked), keys(read));
    }
}

/// The keys of the JSON, however deep, of the first of each list; what is null or a number is the same.
fn keys(value: &Value) -> Vec<String> {
    match value {
        Value::Object(all) => {
            let below = all.iter().flat_map(|(key, value)| {
                let deeper = keys(value);
                let named = deeper
                    .into_iter()
                    .map(move |below| format!("{key}.{below}"));
                named.chain([key.clone()]).collect::<Vec<_>>()
            });
            // A condition, or a line's state, may have come or gone in between.
            below
                .filter(|key| {
                    !key.starts_with("conditions.")
                        && !key.contains("line.")
                        && !key.contains("filter.")
                })
                .collect()
        }
        Value::Array(all) => all.first().map(keys).unwrap_or_default(),
        _ => Vec::new(),
    }
}

#[test]
fn only_its_user_and_group_may_use_the_socket() {
    let House { daemon, .. } = house();
    let mode = std::fs::metadata(socket(&daemon))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o660);
}

#[test]
fn a_dead_daemons_socket_is_replaced_and_a_living_ones_is_not() {
    let House { mut daemon, .. } = house();
    // A second one ends, and the first one is asked as before.
    let (code, _) = daemon.answer(&["run", "--simulate"]);
    assert_eq!(code, Some(75));
    assert_eq!(over_unix(&daemon, &get("/livez")).status, 200);
    daemon.kill();
    assert!(UnixStream::connect(socket(&daemon)).is_err());
    daemon.start_again();
    daemon.wait_for("a new socket", |daemon| {
        UnixStream::connect(socket(daemon)).is_ok()
    });
    assert_eq!(over_unix(&daemon, &get("/livez")).status, 200);
}

#[test]
fn a_port_in_use_is_told_and_counting_goes_on() {
    let kept = Port::keep();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, kept.number())).unwrap();
    let mut daemon = Daemon::start(&listening(kept.number()), &HOUSE);
    daemon.wait_for_pulses(20);
    daemon.wait_for("the complaint", |daemon| {
        daemon.log().contains("another program has the port")
    });
    daemon.wait_for("the door of the commands", |daemon| {
        UnixStream::connect(socket(daemon)).is_ok()
    });
    daemon.wait_for("the condition", |daemon| {
        let conditions = over_unix(daemon, &get("/api/v1/conditions")).json();
        let mut words = conditions["conditions"].as_array().unwrap().iter();
        words.any(|wrong| wrong["word"] == "page_not_reachable")
    });
    drop(taken);
    wait_for_doors(&mut daemon);
    let so_far = daemon.pulses();
    daemon.wait_for_pulses(so_far + 10);
}

#[test]
fn a_daemon_that_stands_still_holds_up_no_command() {
    let House { mut daemon, .. } = house();
    daemon.freeze();
    let started = Instant::now();
    // It would wait for ever: nothing thaws the daemon before it has ended.
    let output = daemon.output(&["register"]);
    eprintln!(
        "measured: {:?} beside a daemon that stands still",
        started.elapsed()
    );
    let others = [&[][..], &["verify"]].map(|args| daemon.output(args));
    daemon.thaw();
    // Without a command it is a mistake, and told as one.
    let told = |output: Output| [output.stdout, output.stderr].concat();
    let others = others.map(|output| String::from_utf8(told(output)).unwrap());
    assert!(others[0].contains("DOES NOT ANSWER"), "{}", others[0]);
    let silent = "daemon: holds the journal, and does not answer within 2 s";
    assert!(others[1].contains(silent), "{}", others[1]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("Import"), "{said}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("does not answer within 2 s"), "{told}");
}

#[test]
fn a_daemon_with_other_settings_is_not_asked() {
    let House { daemon, .. } = house();
    let answer = over_unix(
        &daemon,
        &asked("GET", "/api/v1/status", "x", "If-Match: \"00\"\r\n"),
    );
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (412, "other-settings")
    );
}

#[test]
fn whatever_is_refused_says_what_to_do() {
    let House {
        daemon: _daemon,
        port,
        ..
    } = house();
    let of = |request: &str| {
        let answer = over_tcp(port, request);
        (answer.status, answer.problem())
    };
    let refused = |status: u16, word: &str| (status, word.to_owned());
    assert_eq!(of(&get("/api/v1/nothing")), refused(404, "not-found"));
    assert_eq!(
        of(&get("/api/v1/status?x=1")),
        refused(400, "unknown-parameter")
    );
    assert_eq!(
        of(&get("/api/v1/registers?meter=x")),
        refused(404, "no-meter")
    );
    assert_eq!(
        of(&asked("GET", "/", "evil.example", "")),
        refused(421, "wrong-host")
    );
    assert_eq!(
        of(&asked("DELETE", "/api/v1/status", "localhost", "")),
        refused(405, "method-not-allowed")
    );
    assert_eq!(
        of(&asked(
            "POST",
            "/api/v1/status",
            "localhost",
            "Content-Length: 0\r\n"
        )),
        refused(405, "method-not-allowed")
    );
    let origin = "Origin: http://evil.example\r\n";
    assert_eq!(
        of(&asked("GET", "/api/v1/status", "localhost", origin)),
        refused(403, "cross-site")
    );
    let page = over_tcp(
        port,
        &asked("GET", "/x", "<b>.example", "Accept: text/html\r\n"),
    );
    assert_eq!(page.status, 421);
    let page = over_tcp(
        port,
        &asked("GET", "/", "evil.example", "Accept: text/html\r\n"),
    );
    let text = String::from_utf8(page.body.clone()).unwrap();
    assert!(
        page.status == 421 && text.contains("hosts = &quot;evil.example&quot;"),
        "{text}"
    );
    let about = over_tcp(port, &get("/problems/wrong-host"));
    assert_eq!(
        about.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(
        over_tcp(port, &asked("HEAD", "/api/v1/status", "localhost", "")).body,
        b""
    );
    for answer in [
        over_tcp(port, &get("/livez")),
        over_tcp(port, &get("/api/v1/nothing")),
    ] {
        assert!(
            answer
                .header("content-security-policy")
                .unwrap()
                .starts_with("default-src 'none'")
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(!answer.head.contains("access-control"));
    }
}

#[test]
fn heads_that_are_too_large_or_no_http_end_the_connection_alone() {
    let House { daemon, port, .. } = house();
    let long = "x".repeat(20_000);
    let heads = [
        format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n"),
        "\0\u{1}\u{2}\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "GET  / HTTP/1.1\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
    ];
    for head in heads {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // It may be closed before all is sent.
        let _ = stream.write_all(head.as_bytes());
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        let said = String::from_utf8_lossy(&said);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    }
    assert_eq!(over_unix(&daemon, &get("/livez")).status, 200);
}

#[test]
fn connections_that_do_nothing_lock_nobody_out_for_long() {
    let House {
        mut daemon, port, ..
    } = house();
    let mut idle: Vec<TcpStream> = Vec::new();
    // Who comes late finds a connection closed, his own or those that did nothing: then all are opened again.
    let refused = wait_for("a refusal", PATIENCE, || {
        idle.drain(..idle.len().saturating_sub(128));
        for n in 0..128 {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
            // Half of them have sent half a head.
            if n % 2 == 0 {
                let _ = stream.write_all(b"GET / HTTP/1.1\r\nHo");
            }
            idle.push(stream);
        }
        tried_over_tcp(port, &get("/livez")).filter(|answer| answer.status == 503)
    });
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    // The commands' door is another one.
    assert_eq!(over_unix(&daemon, &get("/livez")).status, 200);
    let so_far = daemon.pulses();
    daemon.wait_for_pulses(so_far + 10);
    // Heads must be there within seconds; then there is room again.
    daemon.wait_for("room", |_| {
        tried_over_tcp(port, &get("/livez")).is_some_and(|answer| answer.status == 200)
    });
    drop(idle);
}

#[test]
fn a_hanging_server_is_no_daemon() {
    // Something else listens where the socket would be, and says nothing.
    let dir = tempfile::tempdir().unwrap();
    let _listens = UnixListener::bind(dir.path().join("api.sock")).unwrap();
    std::fs::write(dir.path().join("powerlogger.toml"), METERS).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_powerlogger"))
        .env_clear()
        .args(["--queue-dir", ".", "status"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("does not answer within 2 s"), "{stderr}");
    assert!(stderr.contains("no journal"), "{stderr}");
}

/// Reads from a stream until `found` finds something in it.
fn read_until(stream: &mut TcpStream, found: impl Fn(&str) -> bool) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut all, mut some) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if found(&text) {
            return text;
        }
        match stream.read(&mut some).unwrap() {
            0 => panic!("it ended: {text}"),
            read => all.extend(&some[..read]),
        }
    }
}

/// What a stream still tells before it ends.
fn read_to_end(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut all = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn the_page_is_served_compressed_and_kept() {
    let House {
        daemon: _daemon,
        port,
        ..
    } = house();
    for view in [
        "/",
        "/energy/day/2026-10-25",
        "/history?from=1",
        "/meters",
        "/health",
    ] {
        let plain = over_tcp(port, &get(view));
        assert_eq!(plain.header("cache-control"), Some("no-cache"), "{view}");
        assert!(
            String::from_utf8(plain.body)
                .unwrap()
                .starts_with("<!doctype html>")
        );
    }
    let gzip = over_tcp(
        port,
        &asked("GET", "/", "localhost", "Accept-Encoding: gzip\r\n"),
    );
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    assert_eq!(gzip.body[..2], [0x1f, 0x8b]);
    let etag = gzip.header("etag").unwrap();
    let again = over_tcp(
        port,
        &asked(
            "GET",
            "/",
            "localhost",
            &format!("If-None-Match: {etag}\r\n"),
        ),
    );
    assert_eq!((again.status, again.body.len()), (304, 0));
    let index = String::from_utf8(over_tcp(port, &get("/")).body).unwrap();
    let (_, style) = index.split_once("rel=\"stylesheet\" href=\"").unwrap();
    let style = over_tcp(port, &get(style.split('"').next().unwrap()));
    assert_eq!(
        style.header("content-type"),
        Some("text/css; charset=utf-8")
    );
    assert!(
        style
            .header("cache-control")
            .unwrap()
            .ends_with("immutable")
    );
    assert_eq!(
        over_tcp(port, &get("/assets/0/page.css")).problem(),
        "not-found"
    );
    let description = over_tcp(port, &get("/api/v1/openapi.json")).json();
    assert!(description["paths"]["/api/v1/now"].is_object());
}

#[test]
fn metrics_are_clean_and_count_what_the_journal_counts() {
    let House { daemon, port, .. } = house();
    let answer = over_tcp(port, &get("/metrics"));
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    let text = String::from_utf8(answer.body).unwrap();
    let of = |meter: &str| {
        let series = format!("powerlogger_pulses_total{{meter=\"{meter}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&series));
        line.unwrap_or_else(|| panic!("{text}"))
            .parse::<i64>()
            .unwrap()
    };
    let seen = of("Import") + of("Generate");
    assert!(seen >= COUNTED && seen <= daemon.pulses(), "{seen}");
    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n";
    let answer = over_tcp(port, &asked("GET", "/metrics", "localhost", accept));
    assert!(answer.body.ends_with(b"# EOF\n"));
    let promtool = std::process::Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .spawn();
    match promtool {
        Ok(mut child) => {
            child
                .stdin
                .take()
                .unwrap()
                .write_all(text.as_bytes())
                .unwrap();
            assert!(child.wait().unwrap().success());
        }
        Err(_) => skip(
            "metrics_are_clean_and_count_what_the_journal_counts",
            "promtool check metrics: no promtool",
        ),
    }
}

#[test]
fn now_is_what_the_meters_do() {
    let House {
        daemon: _daemon,
        port,
        ..
    } = house();
    // The house may use nothing for a while, and a day of its may have just begun.
    let now = wait_for("power, and pulses of today", PATIENCE, || {
        let now = over_tcp(port, &get("/api/v1/now")).json();
        let mut meters = now["meters"].as_array().unwrap().iter();
        let has_power = meters.clone().any(|meter| {
            let power_w = meter["power_w"].as_f64();
            power_w.is_some_and(|power_w| power_w > 0.0)
        });
        let has_pulses = meters.any(|meter| meter["today"]["pulses"].as_i64().unwrap() > 0);
        (has_power && has_pulses).then_some(now)
    });
    assert_eq!(now["simulated"], true);
    let meters = now["meters"].as_array().unwrap();
    let roles: Vec<&str> = meters
        .iter()
        .map(|meter| meter["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["import", "generation"]);
    assert_eq!(now["today"]["derived"]["why"], "no_export_meter");
    assert!(now["health"]["sentence"].is_string() && now["today"]["date"].is_string());
}

#[test]
fn streams_tell_each_change_and_no_more_than_64_are_open() {
    let House {
        mut daemon, port, ..
    } = house();
    let open = |_| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let request = "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    let mut streams: Vec<TcpStream> = (0..64).map(open).collect();
    for stream in &mut streams {
        let begun = read_until(stream, |text| text.contains("\"health\""));
        let head = begun.to_lowercase();
        assert!(
            head.contains("content-type: text/event-stream; charset=utf-8")
                && head.contains("x-accel-buffering: no")
        );
        assert!(begun.contains("retry: 2000") && begun.contains("event: now"));
    }
    let one_more = over_tcp(port, &get("/api/v1/events"));
    assert_eq!(
        (one_more.status, one_more.problem().as_str()),
        (503, "too-many-streams")
    );
    assert!(one_more.header("retry-after").is_some());
    // 63 of them read nothing any more; the last one hears of every change, and counting goes on.
    let so_far = daemon.pulses();
    for _ in 0..3 {
        read_until(&mut streams[0], |text| text.contains("event: now"));
    }
    daemon.wait_for_pulses(so_far + 10);
    // Where a busy machine gives no turn for it, a stream ends without a word.
    let end = wait_for("an end that is told", PATIENCE, || {
        let mut stream = streams.remove(0);
        let ending = std::thread::spawn(move || read_to_end(&mut stream));
        daemon.stop();
        let end = ending.join().unwrap();
        let is_told = end.contains("event: bye");
        if !is_told {
            daemon.start_again();
            wait_for_doors(&mut daemon);
            streams.insert(0, open(0));
            read_until(&mut streams[0], |text| text.contains("event: now"));
        }
        is_told.then_some(end)
    });
    assert!(end.contains("\"retry_ms\":400"), "{end}");
}

#[test]
fn a_day_is_the_sum_of_its_hours_and_what_the_journal_counted() {
    let House { daemon, .. } = house_of_two_days();
    let counted = daemon.pulses();
    let ask = |path: &str| over_unix(&daemon, &get(path));
    let total = ask("/api/v1/energy?period=total").json();
    let meters = total["meters"].as_array().unwrap();
    let sum: i64 = meters
        .iter()
        .map(|meter| meter["total"]["pulses"].as_i64().unwrap())
        .sum();
    let counted_later = daemon.pulses();
    assert!(
        (counted..=counted_later).contains(&sum),
        "{counted} {sum} {counted_later}: {total}"
    );
    let mut of_days = 0;
    let date = |text: &Value| {
        let text = text.as_str().unwrap();
        text.parse::<jiff::civil::Date>().unwrap()
    };
    // What was counted so far is of these days, whichever it is at now.
    let first = date(&total["first_date"]);
    let today = date(&ask("/api/v1/now").json()["today"]["date"]);
    let days = jiff::Span::new().days(1);
    for date in first.series(days).take_while(|date| *date <= today) {
        let day = ask(&format!(
            "/api/v1/energy?period=day&date={date}&compare=previous"
        ))
        .json();
        assert!(
            (23..=25).contains(&day["dates"].as_array().unwrap().len()),
            "{day}"
        );
        for meter in day["meters"].as_array().unwrap() {
            let parts: i64 = meter["pulses"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Value::as_i64)
                .sum();
            assert_eq!(parts, meter["total"]["pulses"].as_i64().unwrap());
            of_days += parts;
        }
        assert_eq!(day["compared"]["period"], "day");
    }
    assert!(of_days >= counted, "{of_days} of {counted}");
    for (query, word) in [
        ("period=decade", "wrong-parameter"),
        ("date=2026-02-30", "wrong-parameter"),
        ("period=total&date=2026-01-01", "wrong-parameter"),
        ("from=1", "unknown-parameter"),
    ] {
        assert_eq!(
            ask(&format!("/api/v1/energy?{query}")).problem(),
            word,
            "{query}"
        );
    }
    let meters = ask("/api/v1/meters").json();
    assert_eq!(meters["meters"][0]["meter"], "Import");
    assert_eq!(meters["meters"][0]["line"], "GPIO20");
    let widths = meters["meters"][0]["widths_ms"].as_array().unwrap();
    let is_pulse = |width: &Value| (1.0..2_000.0).contains(&width.as_f64().unwrap());
    assert!(
        widths.len() == 32 && widths.iter().all(is_pulse),
        "{widths:?}"
    );
    let status = ask("/api/v1/status").json();
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert!(status["started_ns"].is_i64() && status["commit"].is_string());
}

/// A span of time, in seconds, of which a house at 50 times the speed of life lives a part while a test runs.
const SPAN_S: i64 = 28_800;

#[test]
fn history_is_what_was_counted_as_fine_as_it_is_wanted() {
    // An evening: however long the machine takes, it has counted no more than is told one by one.
    let evening = [
        "--simulate",
        "--speed",
        "50",
        "--since",
        "2026-06-20T21:00:00Z",
    ];
    let House {
        daemon: _daemon,
        port,
        ..
    } = house_with("", &evening);
    // Until there are more pulses than points are asked for below.
    let (from_s, to_s) = wait_for("more than forty pulses of a meter", PATIENCE, || {
        let now = over_tcp(port, &get("/api/v1/now")).json();
        let at: jiff::Timestamp = now["as_of"].as_str().unwrap().parse().unwrap();
        let to_s = at.as_second() + 1;
        // Some of it is before the house began, however long the machine has taken for it.
        let from_s = to_s - SPAN_S;
        let path = format!("/api/v1/history?from={from_s}&to={to_s}");
        let raw = over_tcp(port, &get(&path)).json();
        let mut meters = raw["meters"].as_array().unwrap().iter();
        let has_more = meters.any(|meter| meter["at_ms"].as_array().unwrap().len() > 40);
        has_more.then_some((from_s, to_s))
    });
    let ask = |more: &str| {
        let path = format!("/api/v1/history?from={from_s}&to={to_s}{more}");
        over_tcp(port, &get(&path))
    };
    let answer = ask("");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let raw = answer.json();
    assert_eq!(
        (&raw["level"], &raw["width_s"]),
        (&"raw".into(), &Value::Null)
    );
    let minutes = ask("&window=1m").json();
    assert_eq!(
        (&minutes["level"], &minutes["width_s"]),
        (&"1m".into(), &60.into())
    );
    assert_eq!(ask("&points=40").json()["level"], "15m");
    for (pulses, windows) in raw["meters"]
        .as_array()
        .unwrap()
        .iter()
        .zip(minutes["meters"].as_array().unwrap())
    {
        let stamps = pulses["at_ms"].as_array().unwrap().len();
        let counted = windows["pulses"].as_array().unwrap();
        let sum: i64 = counted.iter().filter_map(Value::as_i64).sum();
        // It goes on counting in between.
        assert!(sum >= i64::try_from(stamps).unwrap(), "{sum} {stamps}");
        // What was not watched is not known.
        assert!(counted[0].is_null() && windows["mean_w"][0].is_null());
        assert_eq!(
            counted.len(),
            windows["watched_s"].as_array().unwrap().len()
        );
    }
    let table = ask("&window=1m").head;
    assert!(table.contains("application/json"));
    let path = format!("/api/v1/history.csv?from={from_s}&to={to_s}&window=1m");
    let table = over_tcp(port, &get(&path));
    assert!(
        table
            .header("content-type")
            .unwrap()
            .starts_with("text/csv")
    );
    let rows = String::from_utf8(table.body).unwrap();
    assert!(
        rows.starts_with("start,Import pulses,Import mean W,"),
        "{rows}"
    );
    let minutes = usize::try_from(SPAN_S / 60).unwrap();
    assert!(rows.lines().count() > minutes && rows.ends_with("\r\n"));
    for wrong in [
        format!("from={to_s}&to={from_s}"),
        format!("from={}&to={to_s}&window=1m", to_s - 864_000),
        format!("from={from_s}"),
        format!("from={from_s}&to={to_s}&x=1"),
    ] {
        let answer = over_tcp(port, &get(&format!("/api/v1/history?{wrong}")));
        assert_eq!(answer.status, 400, "{wrong}");
        answer.problem();
    }
    for table in [
        "energy",
        "meters",
        "losses",
        "now",
        "lines",
        "registers",
        "conditions",
    ] {
        let accept = format!("/api/v1/{table}");
        for asked in [
            get(&format!("/api/v1/{table}.csv")),
            asked("GET", &accept, "localhost", "Accept: text/csv\r\n"),
        ] {
            let answer = over_tcp(port, &asked);
            assert_eq!(answer.status, 200, "{table}");
            let file = answer.header("content-disposition").unwrap();
            assert!(file.contains(table), "{file}");
        }
    }
    // What is no list of rows stays what it is.
    for path in ["status", "openapi.json"] {
        let path = format!("/api/v1/{path}");
        let answer = over_tcp(
            port,
            &asked("GET", &path, "localhost", "Accept: text/csv\r\n"),
        );
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

#[test]
fn tables_tell_local_time_with_its_offset() {
    let House { daemon, port, .. } = house();
    daemon.ask(&["register", "set", "Import", "1234.5"]);
    let rows = |path: &str| {
        let text = over_tcp(port, &get(path)).text();
        let rows = text.lines().map(|row| row.split(',').map(str::to_owned));
        rows.map(Iterator::collect).collect::<Vec<Vec<String>>>()
    };
    let cell = |rows: &[Vec<String>], meter: &str, column: &str| {
        let at = rows[0].iter().position(|name| name == column).unwrap();
        let row = rows.iter().find(|row| row[0] == meter).unwrap();
        row[at].clone()
    };
    // An offset stands at the end of a local time, and a Z never.
    let is_local = |time: &str| {
        let (_, offset) = time.split_at(time.len() - 6);
        offset.starts_with(['+', '-']) && time.parse::<jiff::Timestamp>().is_ok()
    };
    for (path, column) in [
        ("meters.csv", "last pulse"),
        ("now.csv", "last pulse"),
        ("registers.csv", "read at"),
    ] {
        // By the hour, one of the meters may not have counted yet.
        let rows = rows(&format!("/api/v1/{path}"));
        let at = rows[0].iter().position(|name| name == column).unwrap();
        let mut times = rows[1..].iter().map(|row| &row[at]);
        let time = times.find(|time| !time.is_empty()).unwrap();
        assert!(is_local(time), "{path}: {time}");
    }
    let now = rows("/api/v1/now.csv");
    assert_eq!(now.len(), 3, "{now:?}");
    assert_eq!(cell(&now, "Import", "role"), "import");
    assert_eq!(cell(&now, "Import", "read"), "true");
    let registers = rows("/api/v1/registers.csv?meter=Import");
    assert_eq!(registers.len(), 2, "{registers:?}");
    assert_eq!(cell(&registers, "Import", "read"), "1234.5");
    let lines = rows("/api/v1/lines.csv");
    assert_eq!((lines.len(), &*lines[0][0]), (3, "meter"), "{lines:?}");
    let conditions = rows("/api/v1/conditions.csv");
    assert_eq!(
        conditions[0],
        ["condition", "severity", "meter", "sentence", "remedy"]
    );
}

/// The events that a stream has told so far: name, number, data.
fn events(text: &str) -> Vec<(String, i64, Value)> {
    let blocks = text
        .split("\n\n")
        .filter(|block| block.contains("\ndata: "));
    let of_block = |block: &str| {
        let line = |name: &str| {
            let found = block.lines().find_map(|line| line.strip_prefix(name));
            found.unwrap_or_else(|| panic!("{block}")).to_owned()
        };
        let data = serde_json::from_str(&line("data: ")).ok()?;
        Some((line("event: "), line("id: ").parse().unwrap(), data))
    };
    blocks.filter_map(of_block).collect()
}

fn minutes(text: &str) -> Vec<(i64, i64, Value)> {
    let minutes = events(text)
        .into_iter()
        .filter(|(name, ..)| name == "minute");
    let start = |data: &Value| data["start_s"].as_i64().unwrap();
    minutes
        .map(|(_, number, data)| (start(&data), number, data))
        .collect()
}

/// What a stream tells from the last event on that was heard. `heard`: what of the request says so.
fn stream_from(port: u16, path: &str, headers: &str, found: impl Fn(&str) -> bool) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    // Chunks have lines of their own between them.
    let plain = |text: &str| text.replace("\r\n", "\n");
    plain(&read_until(&mut stream, |text| found(&plain(text))))
}

#[test]
fn each_minute_is_told_once_also_to_those_who_were_away() {
    let House {
        mut daemon, port, ..
    } = house();
    let path = "/api/v1/events";
    let begun = stream_from(port, path, "", |text| minutes(text).len() >= 2);
    let first = &events(&begun)[0];
    assert_eq!(first.0, "now", "there is nothing to catch up with: {begun}");
    let told = minutes(&begun);
    let (start_s, number, data) = told.last().unwrap();
    assert_eq!(told[told.len() - 2].0 + 60, *start_s);
    // The history says the same.
    let end_s = start_s + 60;
    let history = format!("/api/v1/history?from={start_s}&to={end_s}&window=1m");
    let history = over_tcp(port, &get(&history)).json();
    for (told, kept) in [(0, 0), (1, 1)] {
        let (told, kept) = (&data["meters"][told], &history["meters"][kept]);
        assert_eq!(told["meter"], kept["meter"]);
        assert_eq!(told["pulses"], kept["pulses"][0], "{told} {kept}");
    }
    // Some minutes later, and with either way to say what was heard.
    let later_s = start_s + 300;
    let is_later = move |text: &str| minutes(text).last().is_some_and(|last| last.0 >= later_s);
    let now = stream_from(port, path, "", is_later);
    let heard = format!("Last-Event-ID: {number}\r\n");
    let asked = format!("{path}?last_event_id={number}");
    for (path, headers) in [(path, &*heard), (&*asked, "Last-Event-ID: 1\r\n")] {
        // They come before the state, unless the disk is slow.
        let again = wait_for("minutes, then the state", PATIENCE, || {
            let again = stream_from(port, path, headers, is_later);
            (events(&again)[0].0 == "minute").then_some(again)
        });
        let starts: Vec<i64> = minutes(&again).iter().map(|minute| minute.0).collect();
        let first_s = starts[0];
        assert_eq!(first_s, end_s);
        assert!(
            starts
                .iter()
                .zip(0..)
                .all(|(at, n)| *at == first_s + n * 60),
            "{starts:?}"
        );
        let numbers: Vec<i64> = events(&again).iter().map(|event| event.1).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b) && numbers[0] > *number);
    }
    assert!(!now.contains("event: reload"));
    for wrong in ["-1", "x", "1234567890123456789"] {
        let refused = over_tcp(port, &get(&format!("{path}?last_event_id={wrong}")));
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (400, "wrong-parameter")
        );
    }
    // The simulated clock of another run is behind: what is shown must be asked for again.
    let last = stream_from(port, path, "", |text| !events(text).is_empty());
    let asked = format!("{path}?last_event_id={}", events(&last)[0].1);
    daemon.stop();
    daemon.start_again_with(&["--simulate", "--from=-24h", "--speed", "50"]);
    daemon.wait_for("an open door", |_| {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    let again = stream_from(port, &asked, "", |text| text.contains("event: now"));
    assert_eq!(events(&again)[0].0, "reload", "{again}");
}

#[test]
fn what_has_ended_is_kept_for_a_minute_and_not_sent_twice() {
    let House {
        daemon: _daemon,
        port,
        ..
    } = house_of_two_days();
    let now = over_tcp(port, &get("/api/v1/now")).json();
    let today = now["today"]["date"].as_str().unwrap();
    let today: jiff::civil::Date = today.parse().unwrap();
    let past = today.yesterday().unwrap().yesterday().unwrap();
    // In every zone, and when midnight comes meanwhile.
    let coming = today.tomorrow().unwrap().tomorrow().unwrap();
    let (from, to) = (format!("{past}T00:00:00Z"), format!("{past}T12:00:00Z"));
    let kept = [
        format!("/api/v1/energy?period=day&date={past}"),
        format!("/api/v1/energy?period=day&date={past}&compare=previous"),
        format!("/api/v1/energy.csv?period=day&date={past}"),
        format!("/api/v1/history?from={from}&to={to}"),
        format!("/api/v1/history.csv?from={from}&to={to}"),
    ];
    let mut known = Vec::new();
    for path in &kept {
        // Its name changes where more of it is committed between the two, or the local day ends.
        let (etag, again) = wait_for("two answers of one name", PATIENCE, || {
            let answer = over_tcp(port, &get(path));
            assert_eq!(answer.status, 200, "{path}: {}", answer.head);
            assert_eq!(
                answer.header("cache-control"),
                Some("private, max-age=60"),
                "{path}"
            );
            let etag = answer.header("etag").unwrap().to_owned();
            let known = format!("If-None-Match: {etag}\r\n");
            let again = over_tcp(port, &asked("GET", path, "localhost", &known));
            (again.header("etag") == Some(&*etag)).then_some((etag, again))
        });
        assert_eq!(
            (again.status, again.body.len()),
            (304, 0),
            "{path}: {}",
            again.head
        );
        assert_eq!(again.header("cache-control"), Some("private, max-age=60"));
        assert!(again.header("content-security-policy").is_some());
        let other = asked("GET", path, "localhost", "If-None-Match: \"0\"\r\n");
        assert_eq!(over_tcp(port, &other).status, 200, "{path}");
        assert!(!known.contains(&etag), "each has its own");
        known.push(etag);
    }
    for path in [
        "/api/v1/energy?period=day".to_owned(),
        "/api/v1/energy?period=total".to_owned(),
        format!("/api/v1/history?from={from}&to={coming}T23:59:59Z"),
    ] {
        let growing = over_tcp(port, &get(&path));
        assert_eq!(growing.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(growing.header("etag"), None, "{path}");
    }
}

#[test]
fn the_hour_does_not_matter() {
    at_other_hours(
        test_path!("the_hour_does_not_matter"),
        &[
            test_path!("a_day_is_the_sum_of_its_hours_and_what_the_journal_counted"),
            test_path!("now_is_what_the_meters_do"),
            test_path!("what_has_ended_is_kept_for_a_minute_and_not_sent_twice"),
            test_path!("history_is_what_was_counted_as_fine_as_it_is_wanted"),
            test_path!("each_minute_is_told_once_also_to_those_who_were_away"),
        ],
    );
}
