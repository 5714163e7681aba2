//! The fake answers as the real one does: the same requests to both, row by row of what is known
//! about `POST /api/v2/write` of v2.9.1. What stands here is what [`support::fake_influx`] claims.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests")]

mod support;

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use powerlogger::influx::{Client, ClientSettings};
use support::fake_influx::{Server, Store};
use support::influxd::{Influxd, ORG};
use support::skip;

const RETENTION_S: u64 = 30 * 86_400;

/// One request and what is known of the answer.
struct Row {
    name: &'static str,
    token: &'static str,
    query: String,
    gzip: bool,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
    says: &'static str,
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn now_ns() -> i64 {
    i64::try_from(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_nanos(),
    )
    .unwrap()
}

fn rows() -> Vec<Row> {
    let now = now_ns();
    let old = now - (i64::try_from(RETENTION_S).unwrap() + 86_400 * 3) * 1_000_000_000;
    let good = format!("PowerPulse,PulseType=Import Pulse=1i {now}\n");
    let query = |extra: &str| format!("org={ORG}&bucket=raw&precision=ns{extra}");
    let row = |name, status, code, says| Row {
        name,
        token: "writer",
        query: query(""),
        gzip: false,
        body: good.clone().into_bytes(),
        status,
        code,
        says,
    };
    let mut cut = gzip(&good.repeat(50));
    cut.truncate(cut.len() / 2);
    let mut checksum = gzip(&good);
    let at = checksum.len() - 6;
    checksum[at] ^= 0xff;
    let body = |text: String| text.into_bytes();
    vec![
        row("a good point", 204, "", ""),
        Row {
            gzip: true,
            body: gzip(&good),
            ..row("a good point, compressed", 204, "", "")
        },
        Row {
            body: Vec::new(),
            ..row("an empty body", 204, "", "")
        },
        Row {
            body: body("# nothing\n\n".into()),
            ..row("only a comment", 204, "", "")
        },
        Row {
            token: "nonsense",
            ..row("a bad token", 401, "unauthorized", "unauthorized access")
        },
        Row {
            query: format!("org={ORG}&bucket=raw&precision=h"),
            ..row("a bad precision", 400, "invalid", "precision")
        },
        Row {
            query: format!("org={ORG}&precision=ns"),
            ..row("no bucket", 404, "not found", "bucket not found")
        },
        Row {
            query: "bucket=raw&precision=ns".into(),
            ..row(
                "no organisation",
                400,
                "invalid",
                "Please provide either orgID or org",
            )
        },
        Row {
            query: "org=nobody&bucket=raw&precision=ns".into(),
            ..row(
                "an unknown organisation",
                404,
                "not found",
                "organization name \"nobody\" not found",
            )
        },
        Row {
            query: format!("org={ORG}&bucket=missing&precision=ns"),
            ..row(
                "an unknown bucket",
                404,
                "not found",
                "bucket \"missing\" not found",
            )
        },
        Row {
            token: "reader",
            ..row(
                "a token that may only read",
                403,
                "forbidden",
                "insufficient permissions for write",
            )
        },
        Row {
            token: "inactive",
            ..row(
                "an inactive token",
                403,
                "forbidden",
                "insufficient permissions for write",
            )
        },
        Row {
            gzip: true,
            ..row(
                "a plain body that claims to be gzip",
                500,
                "internal error",
                "internal error",
            )
        },
        Row {
            gzip: true,
            body: Vec::new(),
            ..row(
                "an empty gzip body",
                500,
                "internal error",
                "internal error",
            )
        },
        Row {
            gzip: true,
            body: checksum,
            ..row("a wrong checksum", 400, "invalid", "checksum")
        },
        Row {
            gzip: true,
            body: cut,
            ..row("a cut gzip body", 500, "internal error", "unexpected EOF")
        },
        Row {
            body: body(format!("{good}nonsense\n{good}other nonsense\n")),
            ..row(
                "bad lines among good ones",
                400,
                "invalid",
                "unable to parse 'nonsense': missing fields",
            )
        },
        Row {
            body: body("PowerPulse,PulseType=Import Pulse=1i 99999999999999999999\n".into()),
            ..row(
                "a timestamp out of range",
                400,
                "invalid",
                "unable to parse",
            )
        },
        Row {
            body: body(format!(
                "PowerPulse,PulseType=Import Pulse=1i {old}\n{good}"
            )),
            ..row(
                "older than the retention",
                422,
                "unprocessable entity",
                "dropped=1",
            )
        },
        Row {
            body: body(format!(
                "PowerPulse,PulseType=Import Pulse=1.5 {now}\n{good}"
            )),
            ..row(
                "another type of field",
                422,
                "unprocessable entity",
                "field type conflict",
            )
        },
        Row {
            body: body(format!(
                "PowerPulse,PulseType=A\\ b\\,c\\=d Pulse=1i {now}\n"
            )),
            ..row("escaped characters", 204, "", "")
        },
    ]
}

fn check(row: &Row, host: &str, token: &str) {
    let settings = ClientSettings {
        host: host.to_owned(),
        org: ORG.to_owned(),
        token: Some(token.to_owned()),
        ca_file: None,
        timeout: Duration::from_secs(30),
    };
    let mut headers = vec![("Content-Type", "text/plain; charset=utf-8")];
    if row.gzip {
        headers.push(("Content-Encoding", "gzip"));
    }
    let path = format!("/api/v2/write?{}", row.query);
    let client = Client::new(&settings).unwrap();
    let answer = client.request("POST", &path, &headers, &row.body).unwrap();
    let told = format!("{} at {host}: {} {}", row.name, answer.status, answer.body);
    assert_eq!(answer.status, row.status, "{told}");
    if row.status != 204 {
        let said: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(said["code"], row.code, "{told}");
        assert!(
            said["message"].as_str().unwrap().contains(row.says),
            "{told}"
        );
    }
}

#[test]
fn the_fake_answers_every_row() {
    let mut store = Store::default();
    store.add_org(ORG);
    store.add_bucket(
        "raw",
        Some(i64::try_from(RETENTION_S).unwrap() * 1_000_000_000),
    );
    store.add_token("writer", &["raw"]);
    store.add_token("reader", &[]);
    store.add_token("inactive", &["raw"]);
    store.set_active("inactive", false);
    let server = Server::start(store);
    for row in rows() {
        check(&row, &server.url(), row.token);
    }
}

#[test]
fn the_real_server_answers_every_row_alike() {
    let Some(server) = Influxd::start() else {
        return skip(
            "the_real_server_answers_every_row_alike",
            "no INFLUXD, no influxd on PATH",
        );
    };
    let bucket = server.add_bucket("raw", RETENTION_S);
    let (_, writer) = server.add_token(&bucket, "write");
    let (_, reader) = server.add_token(&bucket, "read");
    let (inactive_id, inactive) = server.add_token(&bucket, "write");
    server.deactivate_token(&inactive_id);
    for row in rows() {
        let token = match row.token {
            "writer" => &writer,
            "reader" => &reader,
            "inactive" => &inactive,
            other => other,
        };
        check(&row, &server.url(), token);
    }
}
