//! Flux, and the tables it gives.

use serde_json::{Value, json};

use super::{Case, ask, bucket, org, write};

const ALL: &str = "from(bucket: \"q\") |> range(start: 2026-05-01T00:00:00Z)";

/// `F` stands for the points of one field, `M` for all of them.
fn flux(script: &str) -> Case {
    let field = format!("{ALL} |> filter(fn: (r) => r._field == \"f\")");
    let script = script
        .replace("F |>", &format!("{field} |>"))
        .replace("M |>", &format!("{ALL} |>"));
    let body = json!({ "query": script, "now": "2026-06-01T12:00:00Z" });
    ask("op", "POST /api/v2/query?org=home", body)
}

/// With all the annotations.
fn annotated(script: &str) -> Case {
    with(
        script,
        json!({ "annotations": ["datatype", "group", "default"] }),
    )
}

fn with(script: &str, dialect: Value) -> Case {
    let mut case = flux(script);
    if let super::Body::Json(body) = &mut case.body {
        body["dialect"] = dialect;
    }
    case
}

pub fn all() -> Vec<Case> {
    let mut cases = vec![
        org(),
        ask("op", "POST /api/v2/buckets", bucket("q", 0)).keep("q", "/id"),
        ask("op", "POST /api/v2/buckets", bucket("copy", 0)).keep("copy", "/id"),
        ask("op", "POST /api/v2/buckets", bucket("hour", 3_600)).keep("hour", "/id"),
        write(
            "q",
            &[
                "m,t=x f=1i 1780313460000000000",
                "m,t=x f=2i 1780313700000000000",
                "m,t=a\\,\\ \"b\" f=5i 1780314000000000000",
                "m,t=x f=7i 1780315199999999999",
                "m,t=x g=3i 1780313460000000000",
                "n f=4i 1780313461000000000",
                "m,t=x s=\"a,b\" 1780313460000000000",
            ],
        ),
    ];
    cases.extend(requests());
    cases.extend(annotations());
    cases.extend(functions());
    cases.extend(windows());
    cases.extend(times());
    cases.extend(several());
    cases.extend(writing());
    cases.extend(wrong());
    cases
}

fn requests() -> Vec<Case> {
    let whole = "from(bucket: \"q\") |> range(start: 2026-05-01T00:00:00Z, stop: 2026-07-01T00:00:00Z) |> count()";
    let post = |line: &'static str, body: Value| ask("op", line, body);
    let home = "POST /api/v2/query?org=home";
    vec![
        post(home, Value::Null).text("application/vnd.flux", whole),
        post(home, Value::Null).text("text/plain", whole),
        post(home, Value::Null).text("application/json", "{bad"),
        post(home, json!({})),
        post(home, json!({ "query": whole, "type": "sql" })),
        post(home, json!({ "query": whole, "now": "x" })),
        post("POST /api/v2/query?orgID=$org", json!({ "query": whole })),
        post(
            "POST /api/v2/query?org=elsewhere",
            json!({ "query": whole }),
        ),
        post("POST /api/v2/query", json!({ "query": whole })),
        post(home, json!({ "query": whole })).by("bad"),
    ]
}

fn annotations() -> Vec<Case> {
    let each = [
        "M |> limit(n: 9)",
        "F |> count()",
        "F |> group() |> count()",
        "F |> group(columns: [\"t\"]) |> sum()",
        "F |> group()",
        "F |> group(columns: [\"t\"])",
        "F |> keep(columns: [\"_time\", \"t\"])",
        "F |> set(key: \"new\", value: \"z\")",
        "F |> count() |> yield(name: \"n\")",
        "F |> aggregateWindow(every: 1h, fn: sum, createEmpty: false)",
        "F |> group() |> aggregateWindow(every: 1h, fn: sum, createEmpty: false)",
    ];
    let mut cases: Vec<Case> = each.iter().map(|script| annotated(script)).collect();
    cases.extend([
        with("F |> count()", json!({ "annotations": ["group"] })),
        with(
            "F |> count()",
            json!({ "annotations": ["default", "datatype"] }),
        ),
        with("F |> count()", json!({ "header": false })),
        with(
            "F |> count()",
            json!({ "header": false, "annotations": ["datatype"] }),
        ),
        with("F |> count()", json!({ "delimiter": ";" })),
        with("F |> count()", json!({ "annotations": ["bogus"] })),
    ]);
    cases
}

fn functions() -> Vec<Case> {
    let each = [
        "M |> count()",
        "F |> sum()",
        "F |> first()",
        "F |> last()",
        "F |> min()",
        "F |> max()",
        "F |> group() |> first()",
        "F |> group() |> last()",
        "F |> group() |> min()",
        "F |> group() |> max()",
        "F |> limit(n: 1) |> group() |> first()",
        "F |> last() |> group() |> max()",
        "F |> count() |> count()",
        "F |> aggregateWindow(every: 5m, fn: sum, createEmpty: false) |> group() |> count()",
        "F |> group(columns: [\"_field\", \"nope\"]) |> count()",
        "F |> count() |> group() |> sum()",
        "F |> keep(columns: [\"_value\", \"_time\"])",
        "F |> keep(columns: [\"_value\"]) |> count()",
        "F |> keep(columns: [\"_time\", \"_value\", \"t\"]) |> group(columns: [\"t\"]) |> sum()",
        "F |> drop(columns: [\"t\"])",
        "F |> drop(columns: [\"_start\", \"_stop\"])",
        "F |> drop(columns: [\"nope\"])",
        "F |> drop(columns: [\"_start\"]) |> sum()",
        "F |> set(key: \"t\", value: \"z\")",
        "F |> set(key: \"_field\", value: \"h\") |> count()",
        "F |> set(key: \"t\", value: \"a\\nb,c\") |> count()",
        "F |> first() |> keep(columns: [\"_time\"])",
        "F |> sum() |> keep(columns: [\"_value\", \"t\"])",
        "M |> filter(fn: (r) => r[\"_measurement\"] == \"m\" and (r[\"_field\"] == \"f\" or r._field == \"g\") and r.t != \"x\")",
        "M |> filter(fn: (r) => r.nope == \"x\")",
        "M |> filter(fn: (r) => r.nope != \"x\") |> count()",
        // Storage takes a missing tag for an empty one, memory for null.
        "M |> filter(fn: (r) => r.t != \"x\") |> count()",
        "M |> limit(n: 9) |> filter(fn: (r) => r.t != \"x\") |> count()",
        "F |> filter(fn: (r) => exists r.t)",
        "F |> filter(fn: (r) => r._value == 2 or r._value >= 5) |> count()",
        "F |> filter(fn: (r) => r.t == \"\\x78\") |> count()",
        "F |> filter(fn: (r) => r.t == \"a, \\\"b\\\"\")",
        "F |> group() |> filter(fn: (r) => r.t == \"none\") |> count()",
    ];
    each.iter().map(|script| flux(script)).collect()
}

fn windows() -> Vec<Case> {
    let of = |range: &str, window: &str| {
        let field = "filter(fn: (r) => r._field == \"f\")";
        flux(&format!(
            "from(bucket: \"q\") |> range({range}) |> {field} |> aggregateWindow({window}, createEmpty: false)"
        ))
    };
    let (whole, cut) = (
        "start: 2026-06-01T11:00:00Z, stop: 2026-06-01T12:00:00Z",
        "start: 2026-06-01T11:31:00.000000001Z, stop: 2026-06-01T11:52:00Z",
    );
    vec![
        of(whole, "every: 5m, fn: sum, timeSrc: \"_start\""),
        of(whole, "every: 5m, fn: sum"),
        of(whole, "every: 5m, fn: count, timeSrc: \"_stop\""),
        of(whole, "every: 1h, fn: sum, timeSrc: \"_start\""),
        of(whole, "every: 7m, fn: sum, timeSrc: \"_start\""),
        of(cut, "every: 1h, fn: sum, timeSrc: \"_start\""),
        of(cut, "every: 1h, fn: sum"),
        of(cut, "every: 1m, fn: sum, timeSrc: \"_start\""),
        flux("M |> aggregateWindow(every: 1h, fn: count, createEmpty: false)"),
        flux(
            "F |> group(columns: [\"t\"]) |> aggregateWindow(every: 1h, fn: sum, timeSrc: \"_start\", createEmpty: false)",
        ),
        flux(
            "F |> drop(columns: [\"_start\"]) |> aggregateWindow(every: 5m, fn: sum, createEmpty: false)",
        ),
        flux(
            "F |> drop(columns: [\"_time\"]) |> aggregateWindow(every: 5m, fn: sum, createEmpty: false)",
        ),
        flux(
            "F |> drop(columns: [\"_value\"]) |> aggregateWindow(every: 5m, fn: sum, createEmpty: false)",
        ),
        // Levels on top of each other with the end's stamp: sums land in the next window.
        flux(
            "from(bucket: \"q\") |> range(start: 2026-06-01T11:00:00Z, stop: 2026-06-01T12:05:00Z) \
             |> filter(fn: (r) => r._field == \"f\") \
             |> aggregateWindow(every: 1m, fn: sum, createEmpty: false) \
             |> aggregateWindow(every: 5m, fn: sum, createEmpty: false)",
        ),
    ]
}

fn times() -> Vec<Case> {
    let between = |front: &str, range: &str| {
        flux(&format!(
            "{front}from(bucket: \"q\") |> range({range}) |> count() |> keep(columns: [\"_start\", \"_stop\", \"_value\"])"
        ))
    };
    let date = "import \"date\"\nx = date.truncate(t: 2026-06-01T11:31:30Z, unit: 1h)\n\
        y = date.add(d: 1h, to: x)\nz = date.sub(d: 10m, from: y)\n";
    vec![
        between(date, "start: x, stop: z"),
        between(
            "import \"date\"\n",
            "start: date.truncate(t: -90m, unit: 1h), stop: date.truncate(t: now(), unit: 1h)",
        ),
        between(
            "import \"date\"\n",
            "start: date.sub(from: now(), d: 1h30m)",
        ),
        between("", "start: 1780313460, stop: 1780316460"),
        between("", "start: -1w, stop: 1h"),
        between("", "start: 2026-06-01, stop: 2026-06-02"),
        between("", "start: 2026-06-01T13:00:00+02:00"),
        between("// a comment\n", "start: -1d2h3m4s"),
        between("d = -1h\n", "start: d"),
        between(
            "",
            "start: 2026-06-01T11:31:00Z, stop: 2026-06-01T11:35:00Z",
        ),
        between("option task = {name: \"t\", every: 1h}\n", "start: -1h"),
    ]
}

fn several() -> Vec<Case> {
    vec![
        flux("F |> yield(name: \"a\")\nF |> count() |> yield(name: \"b\")").in_any_order(),
        flux("F |> count() |> yield() |> sum() |> yield(name: \"k\")").in_any_order(),
        flux("F |> count()\nF |> sum()"),
        flux("x = from(bucket: \"q\")"),
    ]
}

fn writing() -> Vec<Case> {
    let copied =
        || flux("from(bucket: \"copy\") |> range(start: 2026-05-01T00:00:00Z)").in_any_order();
    vec![
        flux("F |> to(bucket: \"copy\")"),
        copied(),
        flux(
            "F |> set(key: \"_measurement\", value: \"a b,c\") |> to(bucketID: \"$copy\", org: \"home\") |> count()",
        ),
        copied(),
        flux(
            "F |> aggregateWindow(every: 1h, fn: sum, timeSrc: \"_start\", createEmpty: false) \
              |> set(key: \"level\", value: \"1h\") |> to(bucket: \"copy\")",
        ),
        copied(),
        flux("F |> to(bucket: \"missing\")"),
        flux("F |> to(bucket: \"copy\", org: \"elsewhere\")"),
        flux("F |> keep(columns: [\"_value\"]) |> to(bucket: \"copy\")"),
        flux("F |> drop(columns: [\"_measurement\"]) |> to(bucket: \"copy\")"),
        flux("F |> drop(columns: [\"_field\"]) |> to(bucket: \"copy\")"),
        flux("F |> count() |> to(bucket: \"copy\")"),
        // What the target refuses comes out after the first byte, or costs the whole answer.
        annotated("F |> to(bucketID: \"0a0a0a0a0a0a0a0a\")"),
        flux(
            "M |> filter(fn: (r) => r._field == \"s\") |> set(key: \"_field\", value: \"f\") |> to(bucket: \"q\")",
        ),
        flux(
            "M |> filter(fn: (r) => r._field == \"s\") |> set(key: \"_field\", value: \"f\") |> to(bucket: \"q\") |> count()",
        ),
        flux("F |> to(bucket: \"hour\") |> count()"),
    ]
}

fn wrong() -> Vec<Case> {
    let each = [
        "from(bucket: \"q\")",
        "from(bucket: \"q\") |> range(start: -1h",
        "from(bucket: \"q\") |> bogus()",
        "from(bucket: \"q\") |> range(start: nope)",
        "from(bucket: \"q\") |> range(start: -1h, begin: -1h)",
        "from(bucket: \"q\") |> range()",
        "from(bucket: \"missing\") |> range(start: -1h)",
        "from(bucketID: \"0a0a0a0a0a0a0a0a\") |> range(start: -1h)",
        "from(bucketID: \"zz\") |> range(start: -1h)",
        "from(bucket: \"\") |> range(start: -1h)",
        "from() |> range(start: -1h)",
        "from(bucket: \"q\", bucketID: \"$q\") |> range(start: -1h)",
        "from(bucket: \"q\") |> range(start: 2026-06-02T00:00:00Z, stop: 2026-06-01T00:00:00Z)",
        "from(bucket: \"q\") |> range(start: 2026-06-01T00:00:00Z, stop: 2026-06-01T00:00:00Z)",
        "x = date.truncate(t: now(), unit: 1m)\nF |> count()",
        "import \"nope\"\nF |> count()",
        "x = 1\nx = 2\nF |> count()",
        "F |> aggregateWindow(every: 5m, createEmpty: false)",
        "F |> aggregateWindow(every: 5m, fn: nope, createEmpty: false)",
        "F |> keep()",
        "F |> aggregateWindow(every: 0m, fn: sum, createEmpty: false)",
        "F |> group(columns: \"t\")",
        "F |> filter(fn: (x) => x.t == \"x\")",
        "F |> filter(fn: (r) => x.t == \"x\")",
        "F |> keep(columns: [\"t\"]) |> sum()",
        "M |> keep(columns: [\"_value\"])",
    ];
    each.iter().map(|script| flux(script)).collect()
}
