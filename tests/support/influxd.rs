//! A real InfluxDB 2: the program that `INFLUXD` names, or `influxd` on PATH.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use powerlogger::influx::{Answer, Client, ClientSettings};
use serde_json::{Value, json};

use super::wait_for;

pub const ORG: &str = "home";
pub const ADMIN: &str = "admin-token-of-the-tests";

/// A server in a directory of its own, which goes with it.
#[derive(Debug)]
pub struct Influxd {
    dir: tempfile::TempDir,
    program: PathBuf,
    port: u16,
    child: Option<Child>,
    pub org_id: String,
}

/// The program, if there is one.
pub fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("INFLUXD") {
        let path = PathBuf::from(named);
        assert!(
            path.exists(),
            "INFLUXD names {}, which is not there",
            path.display()
        );
        return Some(path);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join("influxd"))
        .find(|file| file.exists())
}

impl Influxd {
    /// Starts one and sets it up; None where there is no program.
    pub fn start() -> Option<Influxd> {
        let program = program()?;
        let dir = tempfile::tempdir().unwrap();
        let mut server = Influxd {
            dir,
            program,
            port: 0,
            child: None,
            org_id: String::new(),
        };
        server.start_again();
        let setup = json!({
            "username": "tests", "password": "password1", "org": ORG, "bucket": "first",
            "token": ADMIN,
        });
        let answer = server.call("POST", "/api/v2/setup", Some(&setup));
        assert_eq!(answer.status, 201, "{}", answer.body);
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        server.org_id = answer["org"]["id"].as_str().unwrap().to_owned();
        Some(server)
    }

    /// Starts it again on the same files and the same port.
    pub fn start_again(&mut self) {
        let at = |name: &str| self.dir.path().join(name);
        let log = File::create(at("log")).unwrap();
        let child = Command::new(&self.program)
            .arg("--http-bind-address")
            .arg(format!("127.0.0.1:{}", self.port))
            .arg("--bolt-path")
            .arg(at("bolt"))
            .arg("--sqlite-path")
            .arg(at("sqlite"))
            .arg("--engine-path")
            .arg(at("engine"))
            .args(["--reporting-disabled", "--log-level", "info"])
            .env("INFLUXD_UI_DISABLED", "true")
            .env("HOME", self.dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let mut port = 0;
        wait_for("a listening influxd", || {
            let log = fs::read_to_string(at("log")).unwrap_or_default();
            let listening = log.lines().find(|line| line.contains("Listening"));
            let found = listening.and_then(|line| {
                let (_, rest) = line
                    .split_once(" port=")
                    .or_else(|| line.split_once("\"port\":"))?;
                rest.split(|c: char| !c.is_ascii_digit())
                    .next()?
                    .parse()
                    .ok()
            });
            port = found.unwrap_or(0);
            port != 0
        });
        self.port = port;
        wait_for("an answering influxd", || {
            let health = self.client(ADMIN).request("GET", "/health", &[], b"");
            health.is_ok_and(|answer| answer.status == 200)
        });
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn client(&self, token: &str) -> Client {
        Client::new(&ClientSettings {
            host: self.url(),
            org: ORG.to_owned(),
            token: Some(token.to_owned()),
            ca_file: None,
            timeout: Duration::from_secs(30),
        })
        .unwrap()
    }

    /// A call with the admin token.
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        let headers = [("Content-Type", "application/json")];
        self.client(ADMIN)
            .request(method, path, &headers, body.as_bytes())
            .unwrap()
    }

    /// Makes a bucket; its id.
    pub fn add_bucket(&self, name: &str, retention_s: u64) -> String {
        let rules = if retention_s == 0 {
            json!([])
        } else {
            json!([{ "type": "expire", "everySeconds": retention_s }])
        };
        let bucket = json!({ "orgID": self.org_id, "name": name, "retentionRules": rules });
        let answer = self.call("POST", "/api/v2/buckets", Some(&bucket));
        assert_eq!(answer.status, 201, "{}", answer.body);
        let bucket: Value = serde_json::from_str(&answer.body).unwrap();
        bucket["id"].as_str().unwrap().to_owned()
    }

    pub fn delete_bucket(&self, id: &str) {
        assert_eq!(
            self.call("DELETE", &format!("/api/v2/buckets/{id}"), None)
                .status,
            204
        );
    }

    /// A token that may write to one bucket: (authorization id, token).
    pub fn add_token(&self, bucket_id: &str, action: &str) -> (String, String) {
        let authorization = json!({
            "orgID": self.org_id,
            "permissions": [{
                "action": action,
                "resource": { "type": "buckets", "id": bucket_id, "orgID": self.org_id },
            }],
        });
        let answer = self.call("POST", "/api/v2/authorizations", Some(&authorization));
        assert_eq!(answer.status, 201, "{}", answer.body);
        let made: Value = serde_json::from_str(&answer.body).unwrap();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("id"), text("token"))
    }

    /// Revokes a token, or makes it inactive.
    pub fn delete_token(&self, id: &str) {
        assert_eq!(
            self.call("DELETE", &format!("/api/v2/authorizations/{id}"), None)
                .status,
            204
        );
    }

    pub fn deactivate_token(&self, id: &str) {
        let path = format!("/api/v2/authorizations/{id}");
        let answer = self.call("PATCH", &path, Some(&json!({ "status": "inactive" })));
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Points of a bucket by their tag `PulseType`, counted by Flux.
    pub fn count(&self, bucket: &str) -> Vec<(String, u64)> {
        self.by_tag(&format!("{} |> count()", all_of(bucket)))
    }

    /// The sum of their values.
    pub fn sum(&self, bucket: &str) -> Vec<(String, u64)> {
        self.by_tag(&format!("{} |> sum()", all_of(bucket)))
    }

    fn by_tag(&self, flux: &str) -> Vec<(String, u64)> {
        let path = format!("/api/v2/query?org={ORG}");
        let headers = [
            ("Content-Type", "application/vnd.flux"),
            ("Accept", "application/csv"),
        ];
        let answer = self
            .client(ADMIN)
            .request("POST", &path, &headers, flux.as_bytes())
            .unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(!answer.body.contains(",error,"), "{}", answer.body);
        let mut found = Vec::new();
        let mut columns: Vec<String> = Vec::new();
        for line in answer.body.lines() {
            let cells: Vec<String> = line.trim_end().split(',').map(str::to_owned).collect();
            if cells.len() < 4 {
                continue;
            }
            if cells.contains(&"_value".to_owned()) {
                columns = cells;
                continue;
            }
            let cell = |name: &str| {
                let at = columns.iter().position(|column| column == name).unwrap();
                cells[at].clone()
            };
            found.push((cell("PulseType"), cell("_value").parse().unwrap()));
        }
        found.sort();
        found
    }
}

fn all_of(bucket: &str) -> String {
    format!(
        "from(bucket: \"{bucket}\") |> range(start: 1970-01-01T00:00:00Z, stop: 2200-01-01T00:00:00Z) \
         |> filter(fn: (r) => r._measurement == \"PowerPulse\") |> group(columns: [\"PulseType\"])"
    )
}

impl Drop for Influxd {
    fn drop(&mut self) {
        self.kill();
    }
}
