//! The scripts that PowerLogger sends, and the tables they give.

use serde_json::{Value, json};

use super::{Case, ask, bucket, org, right, token, write};
use crate::support::fake_influx::shapes::{
    COUNT, OLDEST, POINTS, READABLE, SUMS, TAGGED, TASK, fill,
};

/// A script at noon.
fn flux(script: &str) -> Case {
    flux_at("2026-06-01T12:00:00Z", script)
}

fn flux_at(now: &str, script: &str) -> Case {
    let body = json!({ "query": script, "now": now });
    ask("op", "POST /api/v2/query?org=home", body)
}

/// `shape` with these values, all else as it is for the points below.
pub fn of(shape: &str, values: &[(&str, &str)]) -> String {
    let others = [
        ("bucket", "\"q\""),
        ("start", "2026-05-01T00:00:00Z"),
        ("stop", "2026-07-01T00:00:00Z"),
        ("measurement", "\"m\""),
        ("field", "\"f\""),
        ("meter", "\"x\""),
        ("every", "5m"),
        ("name", "\"a task\""),
        ("offset", "10s"),
        ("reach", "60m"),
        ("to", "\"copy\""),
        ("org_by", "org"),
        ("org", "\"home\""),
    ];
    fill(shape, &[values, &others].concat())
}

pub fn all() -> Vec<Case> {
    let reader = token(&[right("read", "$q")]);
    let mut cases = vec![
        org(),
        ask("op", "POST /api/v2/buckets", bucket("q", 0)).keep("q", "/id"),
        ask("op", "POST /api/v2/buckets", bucket("copy", 0)).keep("copy", "/id"),
        ask("op", "POST /api/v2/buckets", bucket("empty", 0)).keep("empty", "/id"),
        ask("op", "POST /api/v2/authorizations", reader).keep("reader", "/token"),
        write(
            "q",
            &[
                "m,PulseType=x f=1i 1780313460000000000",
                "m,PulseType=x f=2i 1780313700000000000",
                "m,PulseType=a\\,\\ \"b\" f=5i 1780314000000000000",
                "m,PulseType=x f=7i 1780315199999999999",
                "m,PulseType=x g=3i 1780313460000000000",
                "m,PulseType=x,site=s f=8i 1780313460000000000",
                "m f=6i 1780313460000000001",
                "n f=4i 1780313461000000000",
                "by\\ hand,PulseType=x f=1.5 1780313460000000000",
            ],
        ),
    ];
    cases.extend(requests());
    cases.extend(points());
    cases.extend(sums());
    cases.extend(others());
    cases.extend(refused());
    cases
}

fn requests() -> Vec<Case> {
    let whole = of(POINTS, &[]);
    let post = |line: &'static str, body: Value| ask("op", line, body);
    let home = "POST /api/v2/query?org=home";
    let dialect = json!({ "header": true, "delimiter": ",", "annotations": [] });
    vec![
        post(home, Value::Null).text("application/vnd.flux", &whole),
        post(home, Value::Null).text("text/plain", &whole),
        post(home, Value::Null).text("application/json", "{bad"),
        post(home, json!({})),
        post(home, json!({ "query": whole, "type": "sql" })),
        post(home, json!({ "query": whole, "now": "x" })),
        post(home, json!({ "query": whole, "dialect": dialect })),
        post("POST /api/v2/query?orgID=$org", json!({ "query": whole })),
        post(
            "POST /api/v2/query?org=elsewhere",
            json!({ "query": whole }),
        ),
        post("POST /api/v2/query", json!({ "query": whole })),
        post(home, json!({ "query": whole })).by("bad"),
        post(home, json!({ "query": whole })).by("reader"),
    ]
}

fn points() -> Vec<Case> {
    let cut = [
        ("start", "2026-06-01T11:31:00Z"),
        ("stop", "2026-06-01T11:35:00Z"),
    ];
    let with = |values: &[(&str, &str)]| flux(&of(POINTS, values));
    vec![
        with(&[]),
        with(&cut),
        with(&[("field", "\"g\"")]),
        with(&[("measurement", "\"n\"")]),
        with(&[("measurement", "\"by hand\"")]),
        with(&[("measurement", "\"b\\x79 hand\"")]),
        with(&[("field", "\"nope\"")]),
        with(&[("bucket", "\"empty\"")]),
    ]
}

fn sums() -> Vec<Case> {
    let with = |values: &[(&str, &str)]| flux(&of(SUMS, values));
    let cut = [
        ("start", "2026-06-01T11:31:00Z"),
        ("stop", "2026-06-01T11:52:00Z"),
        ("every", "1h"),
    ];
    vec![
        with(&[("every", "1m")]),
        with(&[("every", "5m")]),
        with(&[("every", "1h")]),
        with(&cut),
        with(&[("field", "\"nope\"")]),
    ]
}

fn others() -> Vec<Case> {
    let by_id = |shape, id| flux(&of(shape, &[("bucket", id)])).in_any_order();
    vec![
        flux_at("2026-06-01T11:31:30Z", &of(READABLE, &[])),
        flux(&of(READABLE, &[])),
        flux(&of(TAGGED, &[])),
        flux(&of(TAGGED, &[("meter", "\"a, \\\"b\\\"\"")])),
        flux(&of(TAGGED, &[("meter", "\"nobody\"")])),
        by_id(COUNT, "\"$q\""),
        by_id(COUNT, "\"$empty\""),
        by_id(OLDEST, "\"$q\""),
        by_id(OLDEST, "\"$empty\""),
        by_id(COUNT, "\"0a0a0a0a0a0a0a0a\""),
    ]
}

fn refused() -> Vec<Case> {
    let missing = [("bucket", "\"missing\"")];
    let empty = [("stop", "2026-05-01T00:00:00Z")];
    let mut cases: Vec<Case> = [POINTS, SUMS, READABLE, TAGGED, TASK]
        .map(|shape| flux(&of(shape, &missing)))
        .to_vec();
    cases.extend([POINTS, SUMS].map(|shape| flux(&of(shape, &empty))));
    cases.extend([
        flux(&of(READABLE, &[("bucket", "\"copy\"")])).by("reader"),
        flux(&of(TASK, &[("to", "\"missing\"")])),
        flux(&of(TASK, &[("org", "\"elsewhere\"")])),
        flux(&of(TASK, &[("to", "\"q\"")])).by("reader"),
    ]);
    // What they write is told.
    cases.push(flux(&of(TASK, &[])).in_any_order());
    cases.push(flux(&of(POINTS, &[("bucket", "\"copy\"")])).in_any_order());
    cases
}
