//! Tasks and their runs.

use serde_json::{Value, json};

use super::{Case, ask, bucket, get, org, right, token, write};
use crate::support::fake_influx::shapes::{self, POINTS, TASK};

const READING: &str = "from(bucket: \"raw\") |> range(start: -1h)";

pub fn all() -> Vec<Case> {
    let mut cases = vec![
        org(),
        ask("op", "POST /api/v2/buckets", bucket("raw", 0)).keep("raw", "/id"),
        ask("op", "POST /api/v2/buckets", bucket("sums", 0)),
        ask(
            "op",
            "POST /api/v2/authorizations",
            token(&[right("read", "$raw")]),
        )
        .keep("reader", "/token"),
    ];
    cases.extend(made());
    cases.extend(refused());
    cases.extend(found());
    cases.extend(changed());
    cases.extend(run());
    cases.extend(deleted());
    cases
}

fn make(options: &str) -> Case {
    let flux = format!("option task = {{{options}}}\n{READING}");
    ask(
        "op",
        "POST /api/v2/tasks",
        json!({ "orgID": "$org", "flux": flux }),
    )
}

fn made() -> Vec<Case> {
    let described = json!({ "orgID": "$org", "description": "d", "status": "inactive",
        "flux": format!("option task = {{name: \"described\", every: 1h, offset: 90s}}\n{READING}") });
    let by_name = json!({ "org": "home", "flux": format!("option task = {{name: \"one\", every: 1h}}\n{READING}") });
    vec![
        make("name: \"one\", every: 1h").keep("one", "/id"),
        ask("op", "POST /api/v2/tasks", described).keep("described", "/id"),
        // Names are not unique.
        ask("op", "POST /api/v2/tasks", by_name),
        make("name: \"a\\\"b \\\\ \\${x}\", every: 90s, offset: 1h5s"),
        make("name: \"days\", every: 1d2h, offset: 2m"),
        make("name: \"unknown option\", every: 1h, bogus: 2"),
        make("name: \"cron\", cron: \"0 * * * *\"").keep("cron", "/id"),
    ]
}

fn refused() -> Vec<Case> {
    let text = |flux: &str| {
        ask(
            "op",
            "POST /api/v2/tasks",
            json!({ "orgID": "$org", "flux": flux }),
        )
    };
    vec![
        make("name: \"${x}\", every: 1h"),
        make("name: \"\", every: 1h"),
        make("every: 1h"),
        make("name: \"x\""),
        make("name: \"x\", every: 1h, cron: \"* * * * *\""),
        make("name: \"x\", every: 0s"),
        make("name: \"x\", every: -1h"),
        make("name: \"x\", every: 100ms"),
        make("name: \"x\", every: \"1h\""),
        text("nonsense("),
        text(READING),
        text(""),
        ask("op", "POST /api/v2/tasks", json!({ "flux": READING })),
        ask(
            "op",
            "POST /api/v2/tasks",
            json!({ "org": "elsewhere", "flux": READING }),
        ),
        ask(
            "op",
            "POST /api/v2/tasks",
            json!({ "orgID": "0a0a0a0a0a0a0a0a", "flux": READING }),
        ),
        ask(
            "op",
            "POST /api/v2/tasks",
            json!({ "orgID": "$org", "flux": READING, "status": "?" }),
        ),
        ask("op", "POST /api/v2/tasks", Value::Null).text("application/json", "{bad"),
        make("name: \"x\", every: 1h").by("reader"),
    ]
}

fn found() -> Vec<Case> {
    vec![
        get("/api/v2/tasks/$one"),
        get("/api/v2/tasks/$one").by("reader"),
        get("/api/v2/tasks/0a0a0a0a0a0a0a0a"),
        get("/api/v2/tasks/zz"),
        get("/api/v2/tasks?org=home"),
        get("/api/v2/tasks?org=home").by("reader"),
        get("/api/v2/tasks?orgID=$org&limit=2"),
        get("/api/v2/tasks?org=home&limit=2&after=$described"),
        get("/api/v2/tasks?org=home&limit=500&after=$cron"),
        // Seven there are: a full page promises another one.
        get("/api/v2/tasks?org=home&limit=7"),
        get("/api/v2/tasks?org=home&name=one"),
        get("/api/v2/tasks?org=home&name=one&limit=1"),
        get("/api/v2/tasks?org=home&name=missing"),
        get("/api/v2/tasks?org=home&status=inactive"),
        get("/api/v2/tasks?org=elsewhere"),
        get("/api/v2/tasks?orgID=0a0a0a0a0a0a0a0a"),
        get("/api/v2/tasks?org=home&limit=0"),
        get("/api/v2/tasks?org=home&limit=501"),
        get("/api/v2/tasks?org=home&limit=x"),
        get("/api/v2/tasks?org=home&after=zz"),
    ]
}

fn changed() -> Vec<Case> {
    let change = |body: Value| ask("op", "PATCH /api/v2/tasks/$one", body);
    let flux = format!("option task = {{name: \"renamed\", every: 2h, offset: 1m}}\n{READING}");
    vec![
        // A description alone is no content.
        change(json!({ "description": "e" })),
        change(json!({})),
        change(json!({ "status": "?" })),
        change(json!({ "flux": flux, "description": "with text" })),
        change(json!({ "status": "inactive", "description": "with status" })),
        change(json!({ "flux": "nonsense(" })),
        change(json!({ "flux": READING })),
        change(json!({ "status": "active" })).by("reader"),
        ask(
            "op",
            "PATCH /api/v2/tasks/0a0a0a0a0a0a0a0a",
            json!({ "status": "active" }),
        ),
        get("/api/v2/tasks/$one"),
    ]
}

fn run() -> Vec<Case> {
    let run = |task: &'static str, time: &str| ask("op", task, json!({ "scheduledFor": time }));
    let by_hand = "POST /api/v2/tasks/$sum/runs";
    let task = |name: &str, bucket: &str| {
        shapes::fill(
            TASK,
            &[
                ("name", name),
                ("every", "1h"),
                ("offset", "10s"),
                ("reach", "60m"),
                ("bucket", bucket),
                ("measurement", "\"m\""),
                ("field", "\"f\""),
                ("to", "\"sums\""),
                ("org_by", "org"),
                ("org", "\"home\""),
            ],
        )
    };
    let sum = task("\"sum\"", "\"raw\"");
    let missing = task("\"missing\"", "\"missing\"");
    let make = |flux: &str| {
        ask(
            "op",
            "POST /api/v2/tasks",
            json!({ "orgID": "$org", "flux": flux }),
        )
    };
    let sums = shapes::fill(
        POINTS,
        &[
            ("bucket", "\"sums\""),
            ("start", "2026-05-01T00:00:00Z"),
            ("stop", "2026-07-01T00:00:00Z"),
            ("measurement", "\"m\""),
            ("field", "\"f\""),
        ],
    );
    let sums = json!({ "query": sums });
    vec![
        run("POST /api/v2/tasks/$one/runs", "2026-06-01T12:00:00Z"),
        write(
            "raw",
            &[
                "m,t=x f=1i 1780313460000000000",
                "m,t=x f=2i 1780313461000000000",
                "m,t=y f=5i 1780314000000000000",
            ],
        ),
        make(&sum).keep("sum", "/id"),
        make(&missing).keep("missing", "/id"),
        get("/api/v2/tasks/$sum/runs"),
        run(by_hand, "x"),
        run(by_hand, "2026-06-01T12:00:00Z").by("reader"),
        run(
            "POST /api/v2/tasks/0a0a0a0a0a0a0a0a/runs",
            "2026-06-01T12:00:00Z",
        ),
        run(by_hand, "2026-06-01T12:00:30.5Z"),
        run("POST /api/v2/tasks/$missing/runs", "2026-06-01T12:00:00Z"),
        get("/api/v2/tasks/$sum/runs?limit=0"),
        get("/api/v2/tasks/$sum/runs?limit=501"),
        get("/api/v2/tasks/$sum/runs").by("reader"),
        get("/api/v2/tasks/0a0a0a0a0a0a0a0a/runs"),
        // From here on the runs are over.
        get("/api/v2/tasks/$sum/runs").keep("done", "/runs/0/id"),
        get("/api/v2/tasks/$missing/runs"),
        get("/api/v2/tasks/$sum/runs/$done"),
        get("/api/v2/tasks/$sum/runs/0a0a0a0a0a0a0a0a"),
        get("/api/v2/tasks/$sum"),
        get("/api/v2/tasks/$missing"),
        ask("op", "POST /api/v2/query?org=home", sums),
    ]
}

fn deleted() -> Vec<Case> {
    let nothing = Value::Null;
    vec![
        ask("op", "DELETE /api/v2/tasks/$one", nothing.clone()).by("reader"),
        ask("op", "DELETE /api/v2/tasks/$one", nothing.clone()),
        ask("op", "DELETE /api/v2/tasks/$one", nothing.clone()),
        ask("op", "DELETE /api/v2/tasks/zz", nothing),
    ]
}
