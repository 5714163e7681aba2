//! A real Prometheus, for as long as a test.

use std::fs;
use std::path::Path;
use std::process::Command;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use powerlogger::influx::{Client, ClientSettings};
use serde_json::Value;
use tempfile::TempDir;

use super::program::Program;
use super::wait::{PATIENCE, wait_for};

/// A client for what listens on this port of the machine.
pub fn client(port: u16) -> Client {
    let settings = ClientSettings {
        host: format!("http://127.0.0.1:{port}"),
        org: String::new(),
        token: None,
        ca_file: None,
        timeout: PATIENCE,
    };
    Client::new(&settings).expect("no CA file")
}

/// The server and its files. Killed when dropped.
#[derive(Debug)]
pub struct Prometheus {
    client: Client,
    _program: Program,
    _dir: TempDir,
}

impl Prometheus {
    /// One that scrapes this port once a second.
    pub fn scraping(binary: &Path, port: u16) -> Prometheus {
        let config = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\nscrape_configs:\n  - job_name: powerlogger\n    \
             static_configs: [{{ targets: [\"127.0.0.1:{port}\"] }}]\n"
        );
        Prometheus::start(binary, &config, tempfile::tempdir().expect("a directory"))
    }

    /// One with this configuration, over the blocks in `data` of this directory, however old they are.
    pub fn start(binary: &Path, config: &str, dir: TempDir) -> Prometheus {
        let path = |name: &str| dir.path().join(name).display().to_string();
        fs::write(path("prometheus.yml"), config).expect("a file");
        let mut command = Command::new(binary);
        command
            .arg(format!("--config.file={}", path("prometheus.yml")))
            .arg(format!("--storage.tsdb.path={}", path("data")))
            .arg("--storage.tsdb.retention.time=100y")
            .arg("--web.listen-address=127.0.0.1:0");
        let program = Program::start(&mut command, &dir.path().join("log"));
        let port = wait_for("a listening port", PATIENCE, || program.listening_port());
        let client = client(port);
        wait_for("a Prometheus that is ready", PATIENCE, || {
            let answer = client.request("GET", "/-/ready", &[], b"").ok()?;
            (answer.status == 200).then_some(())
        });
        Prometheus {
            client,
            _program: program,
            _dir: dir,
        }
    }

    /// What a query gives at a moment (None: now), in seconds since 1970: labels and values. Nothing where it does not
    /// answer.
    pub fn asked(&self, query: &str, at_s: Option<i64>) -> Vec<(Value, f64)> {
        let mut path = format!("/api/v1/query?query={}", encoded(query));
        if let Some(at_s) = at_s {
            path += &format!("&time={at_s}");
        }
        let Ok(answer) = self.client.request("GET", &path, &[], b"") else {
            return Vec::new();
        };
        let series = result(query, &answer.body).into_iter();
        let value = |series: Value| (series["metric"].clone(), number(&series["value"][1]));
        series.map(value).collect()
    }

    /// What a query gives from a moment to another at each step: labels, and values at seconds since 1970.
    pub fn over(
        &self,
        query: &str,
        (from_s, to_s): (i64, i64),
        step_s: i64,
    ) -> Vec<(Value, Vec<(i64, f64)>)> {
        let query_range = format!(
            "/api/v1/query_range?query={}&start={from_s}&end={to_s}&step={step_s}",
            encoded(query)
        );
        let answer = self.client.request("GET", &query_range, &[], b"");
        let series = result(query, &answer.expect("an answer").body).into_iter();
        let points = |series: Value| {
            let points = series["values"].as_array().expect("values").iter();
            let point = |point: &Value| (point[0].as_i64().expect("whole"), number(&point[1]));
            (series["metric"].clone(), points.map(point).collect())
        };
        series.map(points).collect()
    }
}

fn encoded(query: &str) -> String {
    utf8_percent_encode(query, NON_ALPHANUMERIC).to_string()
}

fn result(query: &str, body: &str) -> Vec<Value> {
    let answer: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(answer["status"], "success", "{query}: {answer}");
    answer["data"]["result"].as_array().expect("series").clone()
}

fn number(value: &Value) -> f64 {
    let text = value.as_str().expect("a number as text");
    text.parse().expect("a number")
}
