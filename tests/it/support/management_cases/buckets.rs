//! Buckets.

use serde_json::{Value, json};

use super::{Case, ask, bucket, get, org};

pub fn all() -> Vec<Case> {
    let mut cases = vec![org(), get("/api/v2/buckets?org=home")];
    cases.extend(made());
    cases.extend(found());
    cases.extend(changed());
    cases.extend(deleted());
    cases
}

fn make(body: Value) -> Case {
    ask("op", "POST /api/v2/buckets", body)
}

fn made() -> Vec<Case> {
    vec![
        make(bucket("made", 3_600)).keep("made", "/id"),
        make(bucket("made", 0)),
        make(bucket("two days", 172_800)),
        make(bucket("half a year", 15_552_000)),
        make(json!({ "orgID": "$org", "name": "for ever, \u{fc} = '\\'", "description": "d" })),
        make(bucket("_x", 0)),
        make(bucket("a\"b", 0)),
        make(bucket("short", 3_599)),
        get("/api/v2/buckets?org=home&name=short"),
        make(bucket("negative", -1)),
        make(json!({ "orgID": "$org", "name": "two", "retentionRules": [{}, {}] })),
        make(json!({ "name": "nobody's" })),
        make(json!({ "orgID": "0a0a0a0a0a0a0a0a", "name": "x" })),
        make(json!({ "orgID": "zz", "name": "x" })),
        make(Value::Null).text("application/json", "{bad"),
        make(bucket("x", 0)).by("bad"),
    ]
}

fn found() -> Vec<Case> {
    vec![
        get("/api/v2/buckets?org=home&name=made"),
        get("/api/v2/buckets?org=home&name=missing"),
        get("/api/v2/buckets?org=elsewhere&name=made"),
        get("/api/v2/buckets?org=elsewhere"),
        get("/api/v2/buckets?orgID=0a0a0a0a0a0a0a0a"),
        get("/api/v2/buckets?orgID=zz"),
        get("/api/v2/buckets?org=home&name=_tasks"),
        get("/api/v2/buckets?id=$made"),
        get("/api/v2/buckets?org=home&limit=0"),
        get("/api/v2/buckets?org=home&limit=101"),
        get("/api/v2/buckets?org=home&limit=x"),
        get("/api/v2/buckets?org=home&limit=100"),
        get("/api/v2/buckets?orgID=$org&limit=3"),
        get("/api/v2/buckets?orgID=$org&limit=3&offset=3"),
        get("/api/v2/buckets?orgID=$org&limit=3&offset=6"),
        get("/api/v2/buckets?org=home&limit=2&offset=1"),
        get("/api/v2/buckets?org=home&offset=50"),
        // Seven there are: a full page promises another one.
        get("/api/v2/buckets?org=home&limit=7"),
        get("/api/v2/buckets/$made"),
        get("/api/v2/buckets/0a0a0a0a0a0a0a0a"),
        get("/api/v2/buckets/zz"),
    ]
}

fn change(body: Value) -> Case {
    ask("op", "PATCH /api/v2/buckets/$made", body)
}

fn changed() -> Vec<Case> {
    let rules =
        |seconds: i64| json!({ "retentionRules": [{ "type": "expire", "everySeconds": seconds }] });
    vec![
        change(rules(7_200)),
        change(rules(3_153_600_000)),
        change(json!({ "retentionRules": [] })),
        change(rules(0)),
        change(rules(60)),
        change(rules(-1)),
        change(json!({ "description": "other" })),
        change(json!({})),
        change(json!({ "name": "first" })),
        change(json!({ "name": "_x" })),
        change(json!({ "name": "a\"b" })),
        change(json!({ "name": "renamed" })),
        get("/api/v2/buckets?org=home&name=made"),
        get("/api/v2/buckets?org=home&name=renamed"),
        ask("op", "PATCH /api/v2/buckets/0a0a0a0a0a0a0a0a", rules(7_200)),
    ]
}

fn deleted() -> Vec<Case> {
    let nothing = Value::Null;
    vec![
        ask("op", "DELETE /api/v2/buckets/$made", nothing.clone()),
        ask("op", "DELETE /api/v2/buckets/$made", nothing.clone()),
        ask("op", "DELETE /api/v2/buckets", nothing.clone()),
        // The same name again: another id.
        make(bucket("renamed", 0)).keep("again", "/id"),
        get("/api/v2/buckets/$made"),
        get("/api/v2/buckets?org=home&name=_monitoring").keep("own", "/buckets/0/id"),
        ask("op", "DELETE /api/v2/buckets/$own", nothing),
    ]
}
