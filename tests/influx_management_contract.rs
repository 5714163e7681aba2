//! The fake and a real InfluxDB 2 get the same requests about buckets, tasks, tokens and queries, one
//! after another, and must give the same answers.

mod support;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use support::influxd::Influxd;
use support::remote::{OPERATOR, ORG, Remote, of_fake, start_fake};

/// Names for what a server has chosen: ids and tokens.
type Chosen = BTreeMap<&'static str, String>;

/// One request. `$name` in path and body is what the server has chosen before; `keep` names what it
/// chooses now.
struct Case {
    token: &'static str,
    method: &'static str,
    path: &'static str,
    body: Value,
    keep: &'static [(&'static str, &'static str)],
}

fn case(token: &'static str, method: &'static str, path: &'static str, body: Value) -> Case {
    Case {
        token,
        method,
        path,
        body,
        keep: &[],
    }
}

fn keeping(case: Case, keep: &'static [(&'static str, &'static str)]) -> Case {
    Case { keep, ..case }
}

fn flux(token: &'static str, script: &str) -> Case {
    let body = json!({
        "query": script, "type": "flux", "now": "2026-06-01T12:00:00Z",
        "dialect": { "header": true, "annotations": [] },
    });
    case(token, "POST", "/api/v2/query?org=home", body)
}

fn cases() -> Vec<Case> {
    let org = "/api/v2/orgs?org=home";
    let none = Value::Null;
    let bucket = |name: &str, seconds: i64| {
        json!({ "orgID": "$org", "name": name,
                "retentionRules": [{ "type": "expire", "everySeconds": seconds }] })
    };
    let task = |flux: &str| json!({ "orgID": "$org", "flux": flux, "description": "d" });
    let permission = |action: &str| json!({ "action": action, "resource": { "type": "buckets", "id": "$bucket", "orgID": "$org" } });
    let made = "from(bucket: \"made\") |> range(start: 2026-05-01T00:00:00Z)";
    vec![
        keeping(
            case("op", "GET", org, none.clone()),
            &[("org", "/orgs/0/id")],
        ),
        case("op", "GET", "/api/v2/orgs?org=elsewhere", none.clone()),
        case("bad", "GET", org, none.clone()),
        case("op", "GET", "/api/v2/setup", none.clone()),
        keeping(
            case("op", "POST", "/api/v2/buckets", bucket("made", 0)),
            &[("bucket", "/id")],
        ),
        case("op", "POST", "/api/v2/buckets", bucket("made", 0)),
        case("op", "POST", "/api/v2/buckets", bucket("_x", 0)),
        case("op", "POST", "/api/v2/buckets", bucket("a\"b", 0)),
        case("op", "POST", "/api/v2/buckets", bucket("short", 60)),
        case("op", "POST", "/api/v2/buckets", bucket("negative", -1)),
        case(
            "op",
            "GET",
            "/api/v2/buckets?org=home&name=made",
            none.clone(),
        ),
        case(
            "op",
            "GET",
            "/api/v2/buckets?org=home&name=missing",
            none.clone(),
        ),
        case(
            "op",
            "GET",
            "/api/v2/buckets?org=home&limit=101",
            none.clone(),
        ),
        case(
            "op",
            "PATCH",
            "/api/v2/buckets/$bucket",
            json!({ "retentionRules": [{ "type": "expire", "everySeconds": 7_200,
                                         "shardGroupDurationSeconds": 3_600 }] }),
        ),
        case(
            "op",
            "PATCH",
            "/api/v2/buckets/$bucket",
            json!({ "retentionRules": [] }),
        ),
        case("op", "PATCH", "/api/v2/buckets/$bucket", bucket("made", 0)),
        case(
            "op",
            "PATCH",
            "/api/v2/buckets/$bucket",
            bucket("made", 3_153_600_000),
        ),
        case(
            "op",
            "PATCH",
            "/api/v2/buckets/0a0a0a0a0a0a0a0a",
            bucket("made", 3_153_600_000),
        ),
        case(
            "op",
            "POST",
            "/api/v2/authorizations",
            json!({ "orgID": "$org", "permissions": [] }),
        ),
        keeping(
            case(
                "op",
                "POST",
                "/api/v2/authorizations",
                json!({ "orgID": "$org", "permissions": [permission("read")] }),
            ),
            &[("reader", "/token"), ("entry", "/id")],
        ),
        keeping(
            case(
                "op",
                "POST",
                "/api/v2/authorizations",
                json!({ "orgID": "$org", "permissions": [permission("write")] }),
            ),
            &[("writer", "/token")],
        ),
        case("reader", "GET", org, none.clone()),
        case("reader", "POST", "/api/v2/buckets", bucket("_", 0)),
        case("reader", "POST", "/api/v2/tasks", task("1")),
        case("reader", "GET", "/api/v2/tasks?org=home", none.clone()),
        case(
            "reader",
            "GET",
            "/api/v2/authorizations?org=home",
            none.clone(),
        ),
        case(
            "reader",
            "GET",
            "/api/v2/buckets?org=home&name=made",
            none.clone(),
        ),
        case(
            "reader",
            "GET",
            "/api/v2/buckets?org=home&name=first",
            none.clone(),
        ),
        case("op", "POST", "/api/v2/tasks", task("nonsense")),
        keeping(
            case(
                "op",
                "POST",
                "/api/v2/tasks",
                task(
                    "option task = {name: \"t\", every: 1h}\nfrom(bucket: \"first\") |> range(start: -1h)",
                ),
            ),
            &[("task", "/id")],
        ),
        case(
            "op",
            "PATCH",
            "/api/v2/tasks/$task",
            json!({ "status": "inactive" }),
        ),
        case(
            "op",
            "POST",
            "/api/v2/tasks/$task/runs",
            json!({ "scheduledFor": "2026-01-01T00:05:00Z" }),
        ),
        case("reader", "GET", "/api/v2/tasks/$task/runs", none.clone()),
        case("op", "GET", "/api/v2/tasks/$task", none.clone()),
        case("reader", "GET", "/api/v2/tasks/$task", none.clone()),
        case("op", "GET", "/api/v2/tasks/0a0a0a0a0a0a0a0a", none.clone()),
        case("op", "GET", "/api/v2/authorizations/$entry", none.clone()),
        case(
            "reader",
            "GET",
            "/api/v2/authorizations/$entry",
            none.clone(),
        ),
        case(
            "op",
            "GET",
            "/api/v2/authorizations/0a0a0a0a0a0a0a0a",
            none.clone(),
        ),
        case(
            "op",
            "GET",
            "/api/v2/tasks?org=home&limit=501",
            none.clone(),
        ),
        flux("reader", made),
        flux("writer", made),
        flux("op", "from(bucket: \"missing\") |> range(start: -1h)"),
        flux(
            "op",
            &format!(
                "{made} |> filter(fn: (r) => r._field == \"f\") |> aggregateWindow(every: 5m, fn: sum, timeSrc: \"_start\", createEmpty: false) |> keep(columns: [\"_time\", \"_value\", \"t\"])"
            ),
        ),
        flux(
            "op",
            &format!(
                "{made} |> aggregateWindow(every: 5m, fn: sum, createEmpty: false) |> keep(columns: [\"_time\", \"_value\"])"
            ),
        ),
        flux(
            "op",
            "import \"date\"\nstop = date.truncate(t: now(), unit: 1h)\nfrom(bucket: \"made\") |> range(start: date.sub(from: stop, d: 40m), stop: stop) |> count() |> keep(columns: [\"_value\", \"t\"])",
        ),
        flux(
            "op",
            &format!("{made} |> first() |> keep(columns: [\"_time\"])"),
        ),
        flux(
            "op",
            &format!(
                "{made} |> filter(fn: (r) => r.t == \"a, \\\"b\\\"\") |> limit(n: 1) |> keep(columns: [\"_value\", \"t\"])"
            ),
        ),
        flux(
            "op",
            "from(bucket: \"made\") |> range(start: 2026-06-02T00:00:00Z, stop: 2026-06-01T00:00:00Z)",
        ),
        case(
            "reader",
            "POST",
            "/api/v2/delete?org=home&bucket=made",
            json!({ "start": "2026-05-01T00:00:00Z", "stop": "2026-07-01T00:00:00Z" }),
        ),
        case(
            "op",
            "POST",
            "/api/v2/delete?org=home&bucket=made",
            json!({ "start": "2026-06-01T11:30:00Z", "stop": "2026-06-01T11:40:00Z", "predicate": "_measurement=\"m\" AND t=\"x\"" }),
        ),
        flux(
            "op",
            &format!("{made} |> group() |> keep(columns: [\"_time\"])"),
        ),
        case(
            "op",
            "DELETE",
            "/api/v2/authorizations/$entry",
            none.clone(),
        ),
        flux("reader", made),
        case("op", "DELETE", "/api/v2/tasks/$task", none.clone()),
        case("op", "DELETE", "/api/v2/tasks/$task", none.clone()),
        case("op", "DELETE", "/api/v2/buckets/$bucket", none.clone()),
        case("op", "DELETE", "/api/v2/buckets/$bucket", none),
    ]
}

fn filled(text: &str, chosen: &Chosen) -> String {
    let mut text = text.to_owned();
    for (name, value) in chosen {
        text = text.replace(&format!("${name}"), value);
    }
    text
}

/// What matters of each answer.
fn answers(remote: &Remote) -> Vec<String> {
    let mut chosen = Chosen::new();
    let mut answers = Vec::new();
    for case in cases() {
        let token = match case.token {
            "op" => OPERATOR.to_owned(),
            name => chosen.get(name).cloned().unwrap_or("unknown".to_owned()),
        };
        let client = remote.client(Some(&token));
        let path = filled(case.path, &chosen);
        let body = if case.body.is_null() {
            String::new()
        } else {
            filled(&case.body.to_string(), &chosen)
        };
        let headers = [("Content-Type", "application/json")];
        let answer = client
            .request(case.method, &path, &headers, body.as_bytes())
            .expect("an answer");
        let json: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        for (name, pointer) in case.keep {
            let value = json.pointer(pointer).and_then(Value::as_str);
            chosen.insert(name, value.expect("it is there").to_owned());
        }
        if path.starts_with("/api/v2/buckets") && case.method == "POST" && answer.status == 201 {
            let lines = "m,t=x f=1i 1780313460000000000\nm,t=x f=2i 1780313700000000000\n\
                         m,t=a\\,\\ \"b\" f=5i 1780314000000000000\nm,t=x f=7i 1780315199999999999\n";
            client
                .write("made", lines.as_bytes(), false)
                .expect("a new bucket");
        }
        let shown = shown(&answer.body, &json, &chosen);
        answers.push(format!(
            "{} {} {}: {} {shown}",
            case.token, case.method, case.path, answer.status
        ));
    }
    answers
}

/// An error by its code and words, a table by its rows, anything else by the parts that we read.
fn shown(body: &str, json: &Value, chosen: &Chosen) -> String {
    let mut text = if let Some(message) = json["message"].as_str() {
        // What a parser says is its own affair.
        let message = message.split(": error @").next().unwrap_or_default();
        let message = message.split('\n').next().unwrap_or_default();
        format!("{} {message}", json["code"].as_str().unwrap_or_default())
    } else if json.is_object() {
        let part = |value: &Value| {
            [
                "name",
                "status",
                "description",
                "retentionRules",
                "allowed",
                "permissions",
            ]
            .map(|key| match key {
                "retentionRules" => value[key][0]["everySeconds"].to_string(),
                "permissions" => value[key][0]["action"].to_string(),
                key => value[key].to_string(),
            })
            .join(" ")
        };
        let lists = ["orgs", "buckets", "tasks", "authorizations", "runs"];
        let list = lists.iter().find_map(|name| json[name].as_array());
        match list {
            Some(list) => list.iter().map(part).collect::<Vec<_>>().join("; "),
            None => part(json),
        }
    } else {
        let mut rows: Vec<String> = rows(body);
        rows.sort();
        rows.join("; ")
    };
    for (name, value) in chosen {
        text = text.replace(value.as_str(), &format!("${name}"));
    }
    text
}

fn rows(csv: &str) -> Vec<String> {
    let mut rows = Vec::new();
    let mut names = ["_time", "_value", "t", "_field", "_measurement"];
    names.sort_unstable();
    let mut each = |row: powerlogger::influx::flux::Row<'_>| {
        let cells = names.iter().map(|name| row.get(name).unwrap_or("-"));
        rows.push(cells.collect::<Vec<_>>().join("|"));
    };
    powerlogger::influx::flux::read_rows(&mut csv.as_bytes(), &mut each).expect("tables");
    rows
}

#[test]
fn the_fake_answers_as_the_real_one_does() {
    let fake = start_fake();
    let of_fake = answers(&of_fake(&fake));
    assert!(of_fake[0].contains(ORG), "{}", of_fake[0]);
    let Some(influxd) = Influxd::start("the_fake_answers_as_the_real_one_does") else {
        return;
    };
    let of_real = answers(&influxd);
    let differ: Vec<String> = std::iter::zip(of_fake, of_real)
        .filter(|(fake, real)| fake != real)
        .map(|(fake, real)| format!("fake {fake}\nreal {real}"))
        .collect();
    assert!(differ.is_empty(), "{}", differ.join("\n\n"));
}
