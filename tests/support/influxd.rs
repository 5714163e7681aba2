//! A real InfluxDB 2, for as long as a test.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use powerlogger::influx::{Client, ClientSettings};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::program::{Program, find, skipped};

/// The organisation.
pub const ORG: &str = "home";

/// The token that may do everything.
pub const OPERATOR: &str = "operator-token";

/// A start takes a third of a second on a quiet machine; ten times as long on a busy board.
const START_LONGEST: Duration = Duration::from_secs(60);

/// It finishes its queries and writes first.
const STOP_LONGEST: Duration = Duration::from_secs(30);

/// A token that was made.
#[derive(Debug, Clone)]
pub struct Authorization {
    pub id: String,
    pub token: String,
}

/// The server, its files and its port. Killed when dropped.
#[derive(Debug)]
pub struct Influxd {
    binary: PathBuf,
    dir: TempDir,
    program: Option<Program>,
    port: u16,
    org_id: String,
}

impl Influxd {
    /// Starts the server named by INFLUXD, or found on PATH, and sets it up. None: there is
    /// none, which has been said on standard error.
    pub fn start(test: &str) -> Option<Influxd> {
        let Some(binary) = find(Some("INFLUXD"), "influxd") else {
            skipped(test, "no INFLUXD and no influxd on PATH");
            return None;
        };
        let dir = tempfile::tempdir().expect("a temporary directory");
        let org_id = String::new();
        let mut influxd = Influxd {
            binary,
            dir,
            program: None,
            port: 0,
            org_id,
        };
        influxd.restart();
        let setup = json!({
            "username": "owner", "password": "a-long-password", "org": ORG, "bucket": "first",
            "token": OPERATOR,
        });
        let made = influxd.call("POST", "/api/v2/setup", Some(&setup));
        influxd.org_id = text(&made["org"]["id"]);
        Some(influxd)
    }

    /// Starts again over the same files and, after the first start, on the same port.
    pub fn restart(&mut self) {
        assert!(self.program.is_none(), "it runs already");
        let path = |name: &str| self.dir.path().join(name);
        let mut command = Command::new(&self.binary);
        command
            .arg("--http-bind-address")
            .arg(format!("127.0.0.1:{}", self.port))
            .arg("--bolt-path")
            .arg(path("bolt"))
            .arg("--sqlite-path")
            .arg(path("sqlite"))
            .arg("--engine-path")
            .arg(path("engine"))
            .args([
                "--reporting-disabled",
                "--ui-disabled",
                "--log-level",
                "info",
            ]);
        let mut program = Program::start(&mut command, &path("log"));
        self.port = program.wait_for_log(START_LONGEST, port_in_log);
        self.program = Some(program);
    }

    /// Ends it as a service manager does that knows it: SIGINT.
    pub fn stop(&mut self) -> ExitStatus {
        self.end(Signal::INT)
    }

    /// SIGTERM, which it does not handle: it dies at once.
    pub fn terminate(&mut self) -> ExitStatus {
        self.end(Signal::TERM)
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> ExitStatus {
        self.end(Signal::KILL)
    }

    fn end(&mut self, signal: Signal) -> ExitStatus {
        self.program
            .take()
            .expect("it runs")
            .end(signal, STOP_LONGEST)
    }

    /// A copy of its files; it must not run meanwhile.
    pub fn backup(&self) -> TempDir {
        assert!(self.program.is_none(), "it runs");
        let copy = tempfile::tempdir().expect("a temporary directory");
        copy_files(self.dir.path(), copy.path());
        copy
    }

    /// Puts a copy back in place of its files; it must not run meanwhile.
    pub fn restore(&self, copy: &TempDir) {
        assert!(self.program.is_none(), "it runs");
        for entry in fs::read_dir(self.dir.path()).expect("its directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                fs::remove_dir_all(path).expect("its files");
            } else {
                fs::remove_file(path).expect("its file");
            }
        }
        copy_files(copy.path(), self.dir.path());
    }

    /// The base URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The organisation's id.
    pub fn org_id(&self) -> &str {
        &self.org_id
    }

    /// A client of this server.
    pub fn client(&self, token: Option<&str>) -> Client {
        let settings = ClientSettings {
            host: self.url(),
            org: ORG.to_owned(),
            token: token.map(str::to_owned),
            ca_file: None,
            timeout: Duration::from_secs(30),
        };
        Client::new(&settings).expect("no CA file")
    }

    /// A request of the operator's that must succeed; its JSON.
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let body = body.map(Value::to_string).unwrap_or_default();
        let headers = [("Content-Type", "application/json")];
        let answer = self
            .client(Some(OPERATOR))
            .request(method, path, &headers, body.as_bytes());
        let answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"));
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    /// Makes a bucket and returns its id. Retention 0: for ever.
    pub fn create_bucket(&self, name: &str, retention_s: u64) -> String {
        let rules = match retention_s {
            0 => json!([]),
            seconds => json!([{ "type": "expire", "everySeconds": seconds }]),
        };
        let bucket = json!({ "orgID": self.org_id, "name": name, "retentionRules": rules });
        text(&self.call("POST", "/api/v2/buckets", Some(&bucket))["id"])
    }

    /// Deletes a bucket, by id.
    pub fn delete_bucket(&self, id: &str) {
        self.call("DELETE", &format!("/api/v2/buckets/{id}"), None);
    }

    /// Makes a token that may do this (`read`, `write`) with these buckets, by id.
    pub fn create_authorization(&self, actions: &[&str], bucket_ids: &[&str]) -> Authorization {
        let permission = |action: &str, id: &str| {
            let resource = json!({ "type": "buckets", "id": id, "orgID": self.org_id });
            json!({ "action": action, "resource": resource })
        };
        let permissions: Vec<Value> = bucket_ids
            .iter()
            .flat_map(|id| actions.iter().map(move |action| permission(action, id)))
            .collect();
        let wanted = json!({ "orgID": self.org_id, "permissions": permissions });
        let made = self.call("POST", "/api/v2/authorizations", Some(&wanted));
        Authorization {
            id: text(&made["id"]),
            token: text(&made["token"]),
        }
    }

    /// Sets a token active or inactive.
    pub fn set_active(&self, authorization: &Authorization, active: bool) {
        let status = if active { "active" } else { "inactive" };
        let path = format!("/api/v2/authorizations/{}", authorization.id);
        self.call("PATCH", &path, Some(&json!({ "status": status })));
    }

    /// Deletes a token.
    pub fn delete_authorization(&self, authorization: &Authorization) {
        self.call(
            "DELETE",
            &format!("/api/v2/authorizations/{}", authorization.id),
            None,
        );
    }

    /// Runs a Flux query; its rows, by column name.
    pub fn flux(&self, query: &str) -> Vec<BTreeMap<String, String>> {
        let headers = [
            ("Content-Type", "application/vnd.flux"),
            ("Accept", "application/csv"),
        ];
        let path = format!("/api/v2/query?org={ORG}");
        let client = self.client(Some(OPERATOR));
        let answer = client
            .request("POST", &path, &headers, query.as_bytes())
            .expect("an answer");
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        rows(&answer.body)
    }

    /// How many values the field has in a bucket, by tag (or another column).
    pub fn count_by(&self, bucket: &str, field: &str, column: &str) -> BTreeMap<String, usize> {
        let rows = self.flux(&format!(
            "from(bucket: {bucket:?}) \
             |> range(start: 1678-01-01T00:00:00Z, stop: 2262-01-01T00:00:00Z) \
             |> filter(fn: (r) => r._field == {field:?}) \
             |> group(columns: [{column:?}]) |> count() |> keep(columns: [{column:?}, \"_value\"])"
        ));
        let count = |row: &BTreeMap<String, String>| row["_value"].parse().expect("a count");
        rows.iter()
            .map(|row| (row[column].clone(), count(row)))
            .collect()
    }
}

fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            fs::create_dir(&target).expect("a new directory");
            copy_files(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a file");
        }
    }
}

/// The port in the line that says that it listens for HTTP.
fn port_in_log(log: &str) -> Option<u16> {
    let line = log
        .lines()
        .find(|line| line.contains("Listening") && line.contains("http"))?;
    let (_, rest) = line.split_once(" port=")?;
    rest.split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a text: {value}"))
        .to_owned()
}

/// The rows of annotated CSV: tables stand one after another, each under its own header.
fn rows(csv: &str) -> Vec<BTreeMap<String, String>> {
    let (mut rows, mut header) = (Vec::new(), None);
    for line in csv.lines().map(str::trim_end) {
        if line.is_empty() {
            header = None;
        } else if let Some(names) = &header {
            rows.push(std::iter::zip(Vec::clone(names), cells(line)).collect());
        } else {
            header = Some(cells(line));
        }
    }
    rows
}

/// The cells of a line of CSV (no line breaks inside cells).
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cells.last_mut().expect("one at least").push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells.last_mut().expect("one at least").push(c),
        }
    }
    cells
}
