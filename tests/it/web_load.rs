//! Everything at once against the web server of the true binary, while pulses come: streams that are never read, clients that read a byte now
//! and then, heads that never end, names and origins of others, everything too large, request lines and parameters at random. Nothing that
//! is counted is lost, no answer is an error of the server, and memory is bounded.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "clients are slow by sleeping; a test that cannot go on may panic"
)]

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::chance;
use crate::support::daemon::Daemon;
use crate::support::port::Port;
use crate::web::{get, over_unix};

const METERS: [&str; 3] = ["Import", "Export", "Generate"];

/// Pulses of each meter in the recording, one each 200 ms: a minute and a half.
const PULSES: u64 = 450;

/// So long at most is waited for a byte by a client.
const SHORT: Duration = Duration::from_secs(5);

/// More than this no process of ours may have for itself, in KiB, in a debug build with all of it open.
const ANONYMOUS_MAX_KIB: u64 = 96 * 1024;

fn recording() -> String {
    let mut text = "# powerlogger edges 1\n# offset_ns 1781956799000000000\n".to_owned();
    for (id, name) in METERS.iter().enumerate() {
        let _ = writeln!(text, "# meter {id} {name}");
    }
    for id in 0..METERS.len() {
        let _ = writeln!(text, "up 1000000000 {id} high {}", id + 1);
    }
    for n in 1..=PULSES {
        for id in 0..METERS.len() {
            let at_ms = 1_000 + n * 200 + id as u64;
            let _ = writeln!(text, "{at_ms}000000 {id} f {}", 2 * n - 1);
        }
        for id in 0..METERS.len() {
            let at_ms = 1_060 + n * 200 + id as u64;
            let _ = writeln!(text, "{at_ms}000000 {id} r {}", 2 * n);
        }
    }
    // Quiet for long, so that the daemon stays.
    text + "7200000000000 0 f 99999\n"
}

fn config(port: u16) -> String {
    let mut text = format!("[web]\nlisten = \"127.0.0.1:{port}\"\ntoken = \"s3cret\"\n");
    for (line, name) in (20..).zip(METERS) {
        let _ = writeln!(
            text,
            "[[meter]]\nname = \"{name}\"\nline = {line}\nimp_per_kwh = 1000\nbounce_ms = 1\nmin_interval_ms = 20"
        );
    }
    text
}

/// What all clients share.
struct Attack {
    port: u16,
    is_over: AtomicBool,
    /// Answers by their status.
    answers: Mutex<std::collections::BTreeMap<u16, usize>>,
    /// What must not have been answered.
    wrong: Mutex<Vec<String>>,
    streams: AtomicUsize,
}

impl Attack {
    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    fn connect(&self) -> Option<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(SHORT)).ok()?;
        stream.set_write_timeout(Some(SHORT)).ok()?;
        Some(stream)
    }

    /// Sends bytes and takes the answer; none: the connection was closed.
    fn send(&self, request: &[u8]) -> Option<u16> {
        let mut stream = self.connect()?;
        // It may be closed before all is taken.
        let _ = stream.write_all(request);
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        let head = String::from_utf8_lossy(&said);
        let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        *self.answers.lock().unwrap().entry(status).or_default() += 1;
        if status >= 500 && status != 503 {
            let request = String::from_utf8_lossy(request).into_owned();
            self.wrong
                .lock()
                .unwrap()
                .push(format!("{request:?}: {head}"));
        }
        Some(status)
    }

    /// Streams that are never read, opened again where there was no room.
    fn streams(&self) {
        let mut open: Vec<TcpStream> = Vec::new();
        while self.goes_on() {
            if open.len() < 64 {
                if let Some(mut stream) = self.connect() {
                    let request = "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
                    let _ = stream.write_all(request.as_bytes());
                    let mut head = [0; 12];
                    if stream.read_exact(&mut head).is_ok() && head.ends_with(b"200") {
                        open.push(stream);
                    }
                }
            }
            self.streams.fetch_max(open.len(), Ordering::Relaxed);
            if open.len() == 64 {
                // All of them at once are closed, and come again.
                pause(2_000);
                open.clear();
            }
        }
    }

    /// Clients that take a byte of a long answer now and then.
    fn slow(&self) {
        let mut open: Vec<TcpStream> = Vec::new();
        while self.goes_on() {
            if open.len() < 64 {
                if let Some(mut stream) = self.connect() {
                    let request = "GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
                    let _ = stream.write_all(request.as_bytes());
                    let _ = stream.set_nonblocking(true);
                    open.push(stream);
                }
            }
            open.retain_mut(|stream| match stream.read(&mut [0]) {
                Ok(read) => read > 0,
                Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
            });
            pause(20);
        }
    }

    /// Half of a head, and then nothing.
    fn half_heads(&self) {
        let mut open: Vec<TcpStream> = Vec::new();
        while self.goes_on() {
            open.drain(..open.len().saturating_sub(50));
            if let Some(mut stream) = self.connect() {
                let _ = stream.write_all(b"GET /api/v1/now HTTP/1.1\r\nHos");
                open.push(stream);
            }
            pause(50);
        }
    }

    /// Names of others, pages of others, everything too large.
    fn foreign(&self) {
        let long = "x".repeat(40_000);
        let body = "y".repeat(20_000);
        let requests = [
            "GET /api/v1/now HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n".to_owned(),
            "GET /api/v1/now HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nConnection: close\r\n\r\n".to_owned(),
            "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nConnection: close\r\n\r\n".to_owned(),
            format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            format!("GET / HTTP/1.1\r\nHost: localhost\r\nCookie: {long}\r\n\r\n"),
            format!("GET /api/v1/history?from={long} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            format!("POST /api/v1/registers HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong\r\nContent-Type: application/json\r\nContent-Length: 20000\r\n\r\n{body}"),
            format!("POST /api/v1/registers HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{body}"),
        ];
        while self.goes_on() {
            pause(20);
            for request in &requests {
                let status = self.send(request.as_bytes());
                if status.is_some_and(|status| status < 400) {
                    self.wrong
                        .lock()
                        .unwrap()
                        .push(format!("{status:?} of {:.90}", request));
                }
            }
        }
    }

    /// Request lines, parameters and headers at random, from what is right.
    fn random(&self, seed: u64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let right = [
            "GET /api/v1/energy?period=day&date=2026-06-20&compare=year HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            "GET /api/v1/history?from=2026-06-20T00:00:00Z&to=2026-06-21T00:00:00Z&points=100&window=5m HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            "GET /api/v1/history?from=1781900000&to=1781956799 HTTP/1.1\r\nHost: 127.0.0.1\r\nIf-None-Match: \"x\"\r\nConnection: close\r\n\r\n",
            "GET /api/v1/registers?meter=Import HTTP/1.1\r\nHost: localhost\r\nAccept: text/csv\r\nConnection: close\r\n\r\n",
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: application/openmetrics-text\r\nConnection: close\r\n\r\n",
            "HEAD /energy/week/2026-W25 HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n",
        ];
        let parts: [&[u8]; 14] = [
            b"%00",
            b"%ff",
            b"&",
            b"=",
            b"?",
            b"-1",
            b"99999999999999999999",
            b"NaN",
            b"\r\n",
            b"//..",
            b"9999-12-31",
            b"-9999-01-01T00:00:00Z",
            b"\xff\xfe",
            b"period=total",
        ];
        while self.goes_on() {
            let mut request = random.choice(right).unwrap().as_bytes().to_vec();
            for _ in 0..random.usize(1..5) {
                let at = random.usize(0..=request.len());
                match random.u8(0..4) {
                    0 if at < request.len() => request[at] = random.u8(..),
                    1 if at < request.len() => {
                        let end = (at + random.usize(1..9)).min(request.len());
                        request.drain(at..end);
                    }
                    _ => {
                        let part = random.choice(parts).unwrap();
                        request.splice(at..at, part.iter().copied());
                    }
                }
            }
            // A head that never ends is another's part.
            request.extend(b"\r\n\r\n");
            self.send(&request);
        }
    }
}

fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// Anonymous memory of a process, in KiB.
fn anonymous_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

#[test]
fn nothing_is_lost_while_everything_is_done_to_the_web_server() {
    let dir = tempfile::tempdir().unwrap();
    let recording_path = dir.path().join("edges");
    std::fs::write(&recording_path, recording()).unwrap();
    let kept = Port::keep();
    let args = ["--replay", recording_path.to_str().unwrap()];
    let mut daemon = Daemon::start(&config(kept.number()), &args);
    daemon.wait_for("an open door", |daemon| {
        daemon.log().contains("the page and the API are served")
    });
    let seed = chance::seed("REQUESTS_SEED");
    let attack = Attack {
        port: kept.number(),
        is_over: AtomicBool::new(false),
        answers: Mutex::default(),
        wrong: Mutex::default(),
        streams: AtomicUsize::new(0),
    };
    let all = METERS.len() as u64 * PULSES;
    let most_kib = std::thread::scope(|scope| {
        scope.spawn(|| attack.streams());
        scope.spawn(|| attack.slow());
        scope.spawn(|| attack.half_heads());
        scope.spawn(|| attack.foreign());
        scope.spawn(|| attack.random(seed));
        // They end with the test, however it ends.
        let over = Over(&attack.is_over);
        let most_kib = AtomicUsize::new(0);
        daemon.wait_for("every pulse", |daemon| {
            let now = usize::try_from(anonymous_kib(daemon.pid())).unwrap();
            most_kib.fetch_max(now, Ordering::Relaxed);
            daemon.pulses().unsigned_abs() >= all
        });
        // The commands' door is another one.
        assert_eq!(over_unix(&daemon, &get("/livez")).status, 200);
        drop(over);
        most_kib.into_inner() as u64
    });
    eprintln!(
        "measured: anonymous memory of at most {most_kib} KiB, up to {} streams; answers {:?}",
        attack.streams.into_inner(),
        attack.answers.lock().unwrap()
    );
    assert!(most_kib < ANONYMOUS_MAX_KIB, "{most_kib} KiB");
    let wrong = attack.wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(daemon.pulses().unsigned_abs(), all, "none is counted twice");
    let losses: serde_json::Value =
        serde_json::from_str(&daemon.ask(&["losses", "--json"])).unwrap();
    assert_eq!(losses["lost"], 0, "{losses}");
    // All of it is over: there is room again.
    daemon.wait_for("room", |_| {
        TcpStream::connect(("127.0.0.1", kept.number())).is_ok_and(|mut stream| {
            let _ = stream.set_read_timeout(Some(SHORT));
            let _ = stream.write_all(get("/livez").as_bytes());
            let mut said = String::new();
            let _ = stream.read_to_string(&mut said);
            said.starts_with("HTTP/1.1 200")
        })
    });
}

/// Ends the attack when it is dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
