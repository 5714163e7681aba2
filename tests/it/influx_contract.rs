//! The fake InfluxDB and a real one get the same requests and must give the same answers.

use std::collections::BTreeMap;

use crate::support::fake_influx::{FakeInflux, Store};
use crate::support::influxd::{Influxd, ORG};
use crate::support::wait::PATIENCE;
use crate::support::write_cases::{self, Case, DAY_NS};
use powerlogger::clock::{Clock, SystemClock};
use powerlogger::influx::{Client, ClientSettings};

fn client(host: &str, token: Option<String>) -> Client {
    let org = ORG.to_owned();
    let timeout = PATIENCE;
    let settings = ClientSettings {
        host: host.to_owned(),
        org,
        token,
        ca_file: None,
        timeout,
    };
    Client::new(&settings).expect("no CA file")
}

/// Status, code and message of the answer.
fn ask(host: &str, tokens: &BTreeMap<&str, String>, case: &Case) -> (u16, String, String) {
    let token = Some(case.token).filter(|token| !token.is_empty());
    let token = token.map(|name| tokens.get(name).cloned().unwrap_or("unknown".to_owned()));
    let headers: Vec<_> = case
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let path = format!("/api/v2/write?{}", case.query);
    let answer = client(host, token)
        .request("POST", &path, &headers, &case.body)
        .expect("an answer");
    if answer.body.is_empty() {
        return (answer.status, String::new(), String::new());
    }
    let json: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    let field = |name: &str| json[name].as_str().expect("a text").to_owned();
    (answer.status, field("code"), normalised(&field("message")))
}

/// Without what differs from server to server: the id of the bucket, the instant at which
/// retention was judged, and how far a body could be unpacked.
fn normalised(message: &str) -> String {
    let mut words: Vec<String> = message.split(' ').map(str::to_owned).collect();
    for at in 2..words.len() {
        let before = (words[at - 2].clone(), words[at - 1].clone());
        match (before.0.as_str(), before.1.as_str()) {
            ("Bound", "at") => words[at] = "<bound>".to_owned(),
            ("before", "offset") => words[at] = "<offset>".to_owned(),
            ("for", "database:") => words[at] = "<id>".to_owned(),
            _ => {}
        }
    }
    words.join(" ")
}

fn fake() -> (FakeInflux, BTreeMap<&'static str, String>) {
    let mut store = Store::new(ORG);
    let ever = store.create_bucket(ORG, "ever", 0);
    let month = store.create_bucket(ORG, "month", 30 * DAY_NS);
    let words = store.create_bucket(ORG, "two words", 0);
    let other = store.create_bucket(ORG, "other", 0);
    store.add_token("w", &[&ever, &month, &words]);
    store.add_token("o", &[&other]);
    store.add_token("i", &[&ever]);
    store.add_token("r", &[]);
    store.deactivate("i");
    let tokens = [
        ("writer", "w"),
        ("other", "o"),
        ("inactive", "i"),
        ("reader", "r"),
    ];
    (
        FakeInflux::start(store),
        tokens.map(|(name, token)| (name, token.to_owned())).into(),
    )
}

fn real(influxd: &Influxd) -> BTreeMap<&'static str, String> {
    let ever = influxd.create_bucket("ever", 0);
    let month = influxd.create_bucket("month", 30 * 86_400);
    let words = influxd.create_bucket("two words", 0);
    let other = influxd.create_bucket("other", 0);
    let writer = influxd.create_authorization(&["write"], &[&ever, &month, &words]);
    let other = influxd.create_authorization(&["write"], &[&other]);
    let inactive = influxd.create_authorization(&["write"], &[&ever]);
    let reader = influxd.create_authorization(&["read"], &[&ever]);
    influxd.set_active(&inactive, false);
    let tokens = [
        ("writer", writer),
        ("other", other),
        ("inactive", inactive),
        ("reader", reader),
    ];
    tokens
        .map(|(name, authorization)| (name, authorization.token))
        .into()
}

/// How many points of a bucket have the field Pulse, by measurement.
fn fake_counts(store: &Store, bucket: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for ((series, _), point) in store.points(bucket) {
        if point.fields.contains_key("Pulse") {
            let unescaped = series.replace("\\,", "\0").replace("\\ ", " ");
            let measurement = unescaped.split(',').next().expect("one at least");
            *counts.entry(measurement.replace('\0', ",")).or_default() += 1;
        }
    }
    counts
}

#[test]
fn the_fake_answers_as_the_real_one() {
    let Some(influxd) = Influxd::start("the_fake_answers_as_the_real_one") else {
        return;
    };
    let real_tokens = real(&influxd);
    let (fake, fake_tokens) = fake();
    let now = SystemClock.wall_ns();
    let cases = write_cases::all(now.0);
    let mut differences = Vec::new();
    for case in &cases {
        let real = ask(&influxd.url(), &real_tokens, case);
        let fake = ask(&fake.url(), &fake_tokens, case);
        if real != fake {
            differences.push(format!("{}\n  real {real:?}\n  fake {fake:?}", case.name));
        }
    }
    for bucket in ["ever", "month", "two words"] {
        let real = influxd.count_by(bucket, "Pulse", "_measurement");
        let fake = fake_counts(&fake.store(), bucket);
        if real != fake {
            differences.push(format!(
                "points in {bucket}\n  real {real:?}\n  fake {fake:?}"
            ));
        }
    }
    assert!(
        differences.is_empty(),
        "of {}:\n{}",
        cases.len(),
        differences.join("\n")
    );
}

#[test]
fn a_real_server_keeps_what_it_acknowledged() {
    let Some(mut influxd) = Influxd::start("a_real_server_keeps_what_it_acknowledged") else {
        return;
    };
    let bucket = influxd.create_bucket("raw", 0);
    let writer = influxd.create_authorization(&["write"], &[&bucket]);
    let client = influxd.client(Some(&writer.token));
    let url = influxd.url();
    for (n, tag) in ["killed", "terminated", "stopped"].into_iter().enumerate() {
        client
            .write(
                "raw",
                format!("p,tag={tag} Pulse=1i {n}\n").as_bytes(),
                false,
            )
            .unwrap();
        match tag {
            "killed" => influxd.kill(),
            "terminated" => influxd.terminate(),
            _ => influxd.stop(),
        };
        assert_eq!(
            client
                .write("raw", b"p Pulse=1i 9\n", false)
                .unwrap_err()
                .kind(),
            "unreachable"
        );
        influxd.restart();
        assert_eq!(influxd.url(), url);
    }
    let counts = influxd.count_by("raw", "Pulse", "tag");
    assert_eq!(counts.values().sum::<usize>(), 3, "{counts:?}");
    influxd.delete_bucket(&bucket);
    let status = |outcome: Result<(), powerlogger::influx::Error>| match outcome.unwrap_err() {
        powerlogger::influx::Error::Status { status, .. } => status,
        other => panic!("{other:?}"),
    };
    assert_eq!(status(client.write("raw", b"p Pulse=1i 9\n", false)), 404);
    influxd.create_bucket("raw", 0);
    assert_eq!(status(client.write("raw", b"p Pulse=1i 9\n", false)), 403);
    influxd.delete_authorization(&writer);
    assert_eq!(status(client.write("raw", b"p Pulse=1i 9\n", false)), 401);
}
