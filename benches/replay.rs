//! Replay of a backlog to a real InfluxDB 2 (`INFLUXD`, or `influxd` on PATH), beside what the same server
//! takes from the same client with ready-made bodies on one connection. Budget: 80 % of that.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a program that measures"
)]

#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "it uses a part of it"
)]
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use powerlogger::clock::segment::{Segment, Trust};
use powerlogger::clock::{Clock, SystemClock};
use powerlogger::config::{DeliverSettings, InfluxSettings, Secret, Token, TokenSource};
use powerlogger::deliver::influx_sink::InfluxSink;
use powerlogger::deliver::{DeliverStep, Deliverer};
use powerlogger::influx::gzip::Gzip;
use powerlogger::influx::line_protocol::LineEncoder;
use powerlogger::intake::Pending;
use powerlogger::journal::{Journal, Marks, Reader};
use powerlogger::live::ServerPart;
use powerlogger::model::{ExtraFields, MeterId, NS_PER_S, Pulse, SegmentNo, WallNs};
use powerlogger::server::{Dependencies, Extras};
use support::influxd::{Influxd, OPERATOR, ORG};

const PULSES: i64 = 1_000_000;
const LINES: i64 = 5_000;

fn main() {
    let Some(server) = Influxd::start("replay") else {
        return;
    };
    server.create_bucket("ready", 0);
    server.create_bucket("replay", 0);
    let begin_ns = SystemClock.wall_ns() - PULSES * NS_PER_S;
    let ready = ready_made(&server, begin_ns.0);
    let replay = replay(&server, begin_ns.0);
    println!("ready-made      {ready:>12.0} lines/s");
    println!(
        "replay          {replay:>12.0} lines/s   {:.0} %   budget 80 %",
        100.0 * replay / ready
    );
}

fn ready_made(server: &Influxd, begin_ns: i64) -> f64 {
    let line = LineEncoder::new("PowerPulse", &[("PulseType", "Import")], "Pulse").unwrap();
    let mut gzip = Gzip::new();
    let bodies: Vec<Vec<u8>> = (0..PULSES / LINES)
        .map(|batch| {
            let mut body = Vec::new();
            for n in 0..LINES {
                line.push(&mut body, 1, begin_ns + (batch * LINES + n) * NS_PER_S);
            }
            gzip.compress(&body)
        })
        .collect();
    let client = server.client(Some(OPERATOR));
    let begin = Instant::now();
    for body in &bodies {
        client.write("ready", body, true).unwrap();
    }
    PULSES as f64 / begin.elapsed().as_secs_f64()
}

fn replay(server: &Influxd, begin_ns: i64) -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path(), &["Import".to_owned()], "boot", WallNs(0)).unwrap();
    let row = journal.destination("replay").unwrap();
    let trust = Trust::Assumed;
    let segment = Segment {
        no: SegmentNo(0),
        begins_ns: 0,
        offset_ns: begin_ns,
        slept_ns: 0,
        trust,
    };
    let pulses = (1..=PULSES).map(|n| Pulse {
        meter: MeterId(0),
        segment: SegmentNo(0),
        mono_ns: n * NS_PER_S / 1024 * 1024,
        estimated: false,
    });
    let pending = Pending {
        segments: vec![segment],
        pulses: pulses.collect(),
        ..Pending::default()
    };
    journal.commit(&pending).unwrap();
    let token = Token {
        secret: Secret::new(OPERATOR),
        source: TokenSource::AdminEnv,
    };
    let settings = InfluxSettings {
        host: server.url(),
        org: ORG.to_owned(),
        token: Some(token),
        raw_bucket: "replay".to_owned(),
        b1m_bucket: String::new(),
        b5m_bucket: String::new(),
        b1h_bucket: String::new(),
        measurement: "PowerPulse".to_owned(),
        extra_fields: ExtraFields::default(),
        ca_file: None,
        timeout_ms: 30_000,
        downsampling: powerlogger::config::Downsampling::Off,
        raw: true,
    };
    let sink = InfluxSink::new(&settings, Box::new(|| None)).unwrap();
    let dependencies = Dependencies {
        reader: Reader::open(dir.path()).unwrap(),
        outbox: Arc::default(),
        shown_on: ServerPart::begin(&Arc::default(), Default::default(), Default::default()),
        clock: Arc::new(SystemClock),
        settings: DeliverSettings {
            batch_lines_max: usize::try_from(LINES).unwrap(),
            flush_ms: 500,
            retries_max: 8,
            replay_interval_ms: 10_000,
        },
        retention_d: 30,
        measurement: "PowerPulse".to_owned(),
        extras: Extras::default(),
        destination: row,
    };
    let mut deliverer = Deliverer::begin(dependencies, Box::new(sink)).unwrap();
    let mark = Marks::at(journal.newest()).now();
    let begin = Instant::now();
    loop {
        match deliverer.step(mark).unwrap() {
            DeliverStep::Idle => break,
            DeliverStep::Again => {}
            DeliverStep::Pause(pause) => std::thread::sleep(pause.min(Duration::from_secs(1))),
        }
    }
    PULSES as f64 / begin.elapsed().as_secs_f64()
}
