//! A server of InfluxDB's kind, real or fake, as its operator sees it over HTTP.

use std::collections::{BTreeMap, BTreeSet};

use powerlogger::influx::{Client, ClientSettings, flux};
use serde_json::{Value, json};

use super::fake_influx::shapes::{self, POINTS, READABLE};
use super::fake_influx::{FakeInflux, Store};
use super::influxd::Influxd;
use super::wait::PATIENCE;

/// The organization.
pub const ORG: &str = "home";

/// The token that may do everything.
pub const OPERATOR: &str = "operator-token";

/// A token that was made.
#[derive(Debug, Clone)]
pub struct Authorization {
    pub id: String,
    pub token: String,
}

/// Where it is, and its organization.
#[derive(Debug, Clone, Default)]
pub struct Remote {
    pub url: String,
    pub org_id: String,
}

/// Runs a test against the fake, and against a real server where there is one.
pub fn on_both(test: &str, check: impl Fn(&Remote)) {
    let fake = start_fake();
    check(&of_fake(&fake));
    drop(fake);
    if let Some(influxd) = Influxd::start(test) {
        check(&influxd);
    }
}

/// A fake, set up as a real one is.
pub fn start_fake() -> FakeInflux {
    let mut store = Store::new(ORG);
    store.add_operator(OPERATOR);
    store.create_bucket(ORG, "first", 0);
    FakeInflux::start(store)
}

/// A fake with a bucket for pulses, and the token `writer`, which may write there.
pub fn start_fake_with_raw(bucket: &str) -> FakeInflux {
    let mut store = Store::new(ORG);
    let id = store.create_bucket(ORG, bucket, 0);
    store.add_token("writer", &[id.as_str()]);
    FakeInflux::start(store)
}

/// The stamps of a meter's pulses in a bucket of a fake.
pub fn stamps(server: &FakeInflux, bucket: &str, meter: &str) -> BTreeSet<i64> {
    let series = format!("PowerPulse,PulseType={meter}");
    let store = server.store();
    let points = store.points(bucket).keys();
    let of_meter = points.filter(|(of, _)| **of == *series);
    of_meter.map(|(_, time_ns)| *time_ns).collect()
}

/// The fake as its operator sees it.
pub fn of_fake(fake: &FakeInflux) -> Remote {
    let mut remote = Remote {
        url: fake.url(),
        org_id: String::new(),
    };
    let org = remote.call("GET", &format!("/api/v2/orgs?org={ORG}"), None);
    remote.org_id = text(&org["orgs"][0]["id"]);
    remote
}

impl Remote {
    /// The base URL.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The organization's id.
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
            timeout: PATIENCE,
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

    /// The pulses in a bucket from one second to another; rows by column name.
    pub fn pulses(
        &self,
        bucket: &str,
        (from_s, to_s): (i64, i64),
    ) -> Vec<BTreeMap<String, String>> {
        self.flux(&shapes::fill(
            POINTS,
            &[
                ("bucket", &flux::string(bucket)),
                ("start", &flux::time_s(from_s)),
                ("stop", &flux::time_s(to_s)),
                ("measurement", "\"PowerPulse\""),
                ("field", "\"Pulse\""),
            ],
        ))
    }

    /// How many values the field has in a bucket of a real server, by tag (or another column).
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

/// The script that asks whether a bucket may be read.
pub fn is_readable(bucket: &str) -> String {
    shapes::fill(READABLE, &[("bucket", &flux::string(bucket))])
}

/// Everything that a test may write, in seconds since 1970: the years 2000 to 2100.
pub const ALL_S: (i64, i64) = (946_684_800, 4_102_444_800);

pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a text: {value}"))
        .to_owned()
}

/// The rows of an answer: tables stand one after another, each under its own header, with an empty line between.
fn rows(answer: &str) -> Vec<BTreeMap<String, String>> {
    let tables = answer.replace("\r\n", "\n");
    let tables = tables.split("\n\n").filter(|table| !table.is_empty());
    let rows = tables.flat_map(|table| {
        let mut table = csv::Reader::from_reader(table.as_bytes());
        let rows = table.deserialize::<BTreeMap<String, String>>();
        rows.map(|row| row.expect("a row")).collect::<Vec<_>>()
    });
    rows.collect()
}
