//! Tokens: how they are made, and what they may.

use serde_json::{Value, json};

use super::queries::of;
use super::{Case, ask, bucket, get, org, right, token, wide, write};
use crate::support::fake_influx::shapes::{COUNT, POINTS, TASK};

pub fn all() -> Vec<Case> {
    let mut cases = vec![
        org(),
        get("/api/v2/me").keep("me", "/id"),
        ask("op", "POST /api/v2/buckets", bucket("made", 0)).keep("made", "/id"),
        ask("op", "POST /api/v2/buckets", bucket("other", 0)).keep("other", "/id"),
        write("made", &["m f=1i 1780313460000000000"]),
    ];
    cases.extend(made());
    for name in [
        "reader",
        "writer",
        "all-buckets",
        "tasker",
        "keeper",
        "inactive",
    ] {
        cases.extend(may(name));
    }
    cases.extend(changed());
    cases
}

fn make(body: Value) -> Case {
    ask("op", "POST /api/v2/authorizations", body)
}

fn made() -> Vec<Case> {
    let me =
        |action: &str| json!({ "action": action, "resource": { "type": "users", "id": "$me" } });
    let described = json!({ "orgID": "$org", "description": "reader", "permissions": [right("read", "$made")] });
    let inactive =
        json!({ "orgID": "$org", "status": "inactive", "permissions": [wide("write", "buckets")] });
    let keeper = [
        wide("read", "authorizations"),
        wide("write", "authorizations"),
        me("read"),
        me("write"),
    ];
    let all_buckets = [
        json!({ "action": "read", "resource": { "type": "orgs", "id": "$org" } }),
        wide("read", "buckets"),
        wide("write", "buckets"),
    ];
    let tasker = [
        wide("read", "tasks"),
        wide("write", "tasks"),
        right("read", "$made"),
    ];
    vec![
        make(token(&[])),
        make(json!({ "permissions": [right("read", "$made")] })),
        make(json!({ "orgID": "0a0a0a0a0a0a0a0a", "permissions": [right("read", "$made")] })),
        make(token(&[right("fly", "$made")])),
        make(token(&[wide("read", "zebras")])),
        make(json!({ "orgID": "$org", "status": "?", "permissions": [wide("read", "tasks")] })),
        make(token(&[right("read", "0a0a0a0a0a0a0a0a")])),
        make(described)
            .keep("reader", "/token")
            .keep("entry", "/id"),
        make(token(&[right("write", "$made")]))
            .keep("writer", "/token")
            .keep("entry2", "/id"),
        make(token(&all_buckets)).keep("all-buckets", "/token"),
        make(token(&tasker)).keep("tasker", "/token"),
        make(token(&keeper)).keep("keeper", "/token"),
        make(token(&keeper[..2])).keep("half a keeper", "/token"),
        make(inactive)
            .keep("inactive", "/token")
            .keep("entry3", "/id"),
        make(token(&[right("read", "$made")])).by("half a keeper"),
        get("/api/v2/authorizations").by("half a keeper"),
        get("/api/v2/authorizations?org=home"),
        get("/api/v2/authorizations?orgID=0a0a0a0a0a0a0a0a"),
        get("/api/v2/authorizations?org=elsewhere"),
        get("/api/v2/authorizations/$entry"),
        get("/api/v2/authorizations/0a0a0a0a0a0a0a0a"),
        get("/api/v2/authorizations/zz"),
    ]
}

/// The same of everybody: first what he may manage.
fn may(name: &'static str) -> Vec<Case> {
    let task = json!({ "orgID": "$org", "status": "inactive", "flux": "option task = {name: \"t\", every: 1h}\n\
        from(bucket: \"made\") |> range(start: -1h)" });
    let nothing = Value::Null;
    let cases = vec![
        get("/api/v2/me"),
        get("/api/v2/orgs?org=home"),
        get("/api/v2/orgs?org=elsewhere"),
        ask("op", "POST /api/v2/orgs", json!({ "name": "new" })),
        get("/api/v2/buckets?org=home"),
        get("/api/v2/buckets?org=home&limit=1"),
        get("/api/v2/buckets?org=home&name=made"),
        get("/api/v2/buckets?org=home&name=other"),
        get("/api/v2/buckets/$made"),
        ask(
            "op",
            "PATCH /api/v2/buckets/$made",
            json!({ "description": name }),
        ),
        ask(
            "op",
            "PATCH /api/v2/buckets/$other",
            json!({ "description": name }),
        ),
        ask("op", "PATCH /api/v2/buckets/$made", json!({ "name": "_x" })),
        ask("op", "POST /api/v2/buckets", bucket("first", 0)),
        ask(
            "op",
            "DELETE /api/v2/buckets/0a0a0a0a0a0a0a0a",
            nothing.clone(),
        ),
        get("/api/v2/authorizations?org=home"),
        get("/api/v2/authorizations/$entry"),
        ask(
            "op",
            "POST /api/v2/authorizations",
            token(&[right("read", "$made")]),
        ),
        ask("op", "POST /api/v2/authorizations", token(&[])),
        ask(
            "op",
            "PATCH /api/v2/authorizations/$entry",
            json!({ "description": name }),
        ),
        ask(
            "op",
            "PATCH /api/v2/authorizations/0a0a0a0a0a0a0a0a",
            json!({ "description": name }),
        ),
        ask("op", "POST /api/v2/tasks", task),
        ask(
            "op",
            "POST /api/v2/tasks",
            json!({ "orgID": "$org", "flux": "nonsense(" }),
        ),
        get("/api/v2/tasks?org=home"),
    ];
    let cases = cases.into_iter().chain(points());
    cases.map(|case| case.by(name)).collect()
}

/// Then what he may do with points.
fn points() -> Vec<Case> {
    let ask_for = |script: String| {
        let body = json!({ "query": script, "now": "2026-06-01T12:00:00Z" });
        ask("op", "POST /api/v2/query?org=home", body)
    };
    let points = |of_bucket| ask_for(of(POINTS, &[("bucket", of_bucket)]));
    let copied = |to| ask_for(of(TASK, &[("bucket", "\"made\""), ("to", to)]));
    let delete = json!({ "start": "2020-01-01T00:00:00Z", "stop": "2020-01-02T00:00:00Z" });
    vec![
        write("made", &["m f=2i 1780313460000000000"]),
        write("other", &["m f=3i 1780313460000000000"]),
        points("\"made\""),
        points("\"other\""),
        // By id nobody is asked for the right to read.
        ask_for(of(COUNT, &[("bucket", "\"$made\"")])),
        copied("\"other\""),
        copied("\"made\""),
        ask("op", "POST /api/v2/delete?org=home&bucket=made", delete),
    ]
}

fn changed() -> Vec<Case> {
    let nothing = Value::Null;
    let change = |body: Value| ask("op", "PATCH /api/v2/authorizations/$entry", body);
    let reading = || get("/api/v2/buckets?org=home&name=made").by("reader");
    vec![
        change(json!({ "description": "new" })),
        change(json!({ "status": "?" })),
        change(json!({})),
        change(json!({ "status": "inactive" })),
        reading(),
        change(json!({ "status": "active" })),
        reading(),
        ask(
            "op",
            "DELETE /api/v2/authorizations/$entry3",
            nothing.clone(),
        )
        .by("keeper"),
        ask(
            "op",
            "DELETE /api/v2/authorizations/$entry",
            nothing.clone(),
        ),
        ask(
            "op",
            "DELETE /api/v2/authorizations/$entry",
            nothing.clone(),
        ),
        reading(),
        // The right to write points is the right to delete the bucket.
        ask("op", "DELETE /api/v2/buckets/$other", nothing.clone()).by("writer"),
        ask("op", "DELETE /api/v2/buckets/$made", nothing).by("writer"),
        get("/api/v2/authorizations/$entry2"),
        write("made", &["m f=1i 1"]).by("writer"),
        // The same name is another bucket now.
        ask("op", "POST /api/v2/buckets", bucket("made", 0)),
        write("made", &["m f=1i 1"]).by("writer"),
    ]
}
