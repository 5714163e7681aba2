//! A foreign server, Debian's `victoria-metrics`, takes what we send: the lines and their gzip.
//!
//! It knows neither organizations nor tokens, keeps milliseconds where we send nanoseconds, and
//! accepts nearly everything: a test of the wire, not of the contract.

use std::collections::BTreeMap;
use std::process::Command;

use crate::support::program::{Program, find, skip};
use crate::support::wait::{PATIENCE, wait_for};
use powerlogger::clock::{Clock, SystemClock};
use powerlogger::influx::gzip::Gzip;
use powerlogger::influx::line_protocol::LineEncoder;
use powerlogger::influx::{Client, ClientSettings};
use serde::Deserialize;

const NS_PER_MS: i64 = 1_000_000;
const PULSES: usize = 5_000;

/// A series as `/api/v1/export` gives it, a line each.
#[derive(Debug, Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    values: Vec<f64>,
    timestamps: Vec<i64>,
}

/// Starts the server on a port of its choice.
fn start(binary: &std::path::Path, dir: &std::path::Path) -> (Program, Client) {
    let mut command = Command::new(binary);
    command.arg("-storageDataPath").arg(dir.join("data")).args([
        "-httpListenAddr",
        "127.0.0.1:0",
        "-retentionPeriod",
        "100y",
    ]);
    let program = Program::start(&mut command, &dir.join("log"));
    let port = wait_for("a listening port", PATIENCE, || program.listening_port());
    let settings = ClientSettings {
        host: format!("http://127.0.0.1:{port}"),
        org: "ignored".to_owned(),
        token: None,
        ca_file: None,
        timeout: PATIENCE,
    };
    let client = Client::new(&settings).expect("no CA file");
    wait_for("an answer", PATIENCE, || {
        client.request("GET", "/health", &[], b"").ok()
    });
    (program, client)
}

#[test]
fn a_foreign_server_takes_lines_and_gzip() {
    let Some(binary) = find(None, "victoria-metrics") else {
        let why = "no victoria-metrics on PATH";
        return skip("a_foreign_server_takes_lines_and_gzip", why);
    };
    let dir = tempfile::tempdir().unwrap();
    let (_server, client) = start(&binary, dir.path());
    // A tenth of a second apart, with nanoseconds that the server cannot keep.
    let first_ns = SystemClock.wall_ns().0 - 3_600_000 * NS_PER_MS;
    let stamps: Vec<i64> = (0..PULSES)
        .map(|n| first_ns + i64::try_from(n).unwrap() * 100_000_007)
        .collect();
    for (gzipped, kind) in [(true, "My Import"), (false, "Export")] {
        let encoder = LineEncoder::new("PowerPulse", &[("PulseType", kind)], "Pulse").unwrap();
        let mut body = Vec::new();
        for &stamp in &stamps {
            encoder.push(&mut body, 1, stamp);
        }
        let body = if gzipped {
            Gzip::new().compress(&body)
        } else {
            body
        };
        client.write("ignored", &body, gzipped).unwrap();
    }
    assert!(
        client
            .request("GET", "/internal/force_flush", &[], b"")
            .unwrap()
            .status
            < 300
    );
    let path = "/api/v1/export?match[]=PowerPulse_Pulse"
        .replace('[', "%5B")
        .replace(']', "%5D");
    let export = client.request("GET", &path, &[], b"").unwrap();
    let mut series: Vec<Series> = export
        .body
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    series.sort_by(|a, b| a.metric["PulseType"].cmp(&b.metric["PulseType"]));
    let kinds: Vec<&str> = series
        .iter()
        .map(|series| series.metric["PulseType"].as_str())
        .collect();
    assert_eq!(kinds, ["Export", "My Import"]);
    let want: Vec<i64> = stamps.iter().map(|stamp| stamp / NS_PER_MS).collect();
    for series in &series {
        assert_eq!(
            series.timestamps, want,
            "the nanoseconds are lost, the milliseconds are not"
        );
        assert!(series.values.iter().all(|&value| value == 1.0));
    }
}
