//! The fake and a real InfluxDB 2 get the same requests about organizations, buckets, tokens, tasks,
//! queries and deletions, one after another, and must give the same answers.

use std::collections::BTreeMap;

use crate::support::influxd::Influxd;
use crate::support::management_cases::{self, Body, Case};
use crate::support::remote::{OPERATOR, ORG, Remote, of_fake, start_fake};
use crate::support::wait::{PATIENCE, wait_for};
use powerlogger::influx::{Answer, Client, ClientSettings};
use serde_json::Value;

/// What a server has chosen, by the names of the cases: ids and tokens.
type Chosen = BTreeMap<&'static str, String>;

/// Ids by the order in which a server first told them, so that two servers' ids can be compared.
#[derive(Default)]
struct Ids(Vec<String>);

impl Ids {
    /// A text with the number of each id in its place.
    fn numbered(&mut self, text: &str) -> String {
        let bytes = text.as_bytes();
        let (mut out, mut at) = (String::new(), 0);
        while at < bytes.len() {
            let hex = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            let length = bytes[at..].iter().take_while(hex).count();
            if length == 16 {
                let id = &text[at..at + 16];
                let known = self.0.iter().position(|known| known == id);
                let number = known.unwrap_or_else(|| {
                    self.0.push(id.to_owned());
                    self.0.len() - 1
                });
                out.push_str(&format!("#{number}"));
                at += 16;
            } else {
                let rest = text[at..].chars().next().expect("not at the end");
                let step = length.max(rest.len_utf8());
                out.push_str(&text[at..at + step]);
                at += step;
            }
        }
        out
    }
}

fn filled(text: &str, chosen: &Chosen) -> String {
    // The longest name first: $entry stands in $entry2.
    let mut names: Vec<_> = chosen.iter().collect();
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let mut text = text.to_owned();
    for (name, value) in names {
        text = text.replace(&format!("${name}"), value);
    }
    text
}

fn send(remote: &Remote, case: &Case, chosen: &Chosen) -> Answer {
    let token = match case.token {
        "op" => Some(OPERATOR.to_owned()),
        "bad" => Some("nobody's".to_owned()),
        "none" => None,
        name => Some(chosen[name].clone()),
    };
    let settings = ClientSettings {
        host: remote.url(),
        org: ORG.to_owned(),
        token,
        ca_file: None,
        timeout: PATIENCE,
    };
    let client = Client::new(&settings).expect("no CA file");
    let (kind, body) = match &case.body {
        Body::Nothing => ("application/json", String::new()),
        Body::Json(json) => ("application/json", filled(&json.to_string(), chosen)),
        Body::Text(kind, text) => (*kind, filled(text, chosen)),
    };
    let path = filled(&case.path, chosen);
    client
        .request(
            case.method,
            &path,
            &[("Content-Type", kind)],
            body.as_bytes(),
        )
        .expect("an answer")
}

/// A run by hand is over when the server says so: only then its task is looked at.
fn settle(remote: &Remote, case: &Case, chosen: &Chosen) {
    let is_run = case.method == "POST" && case.path.ends_with("/runs");
    if !is_run {
        return;
    }
    let path = filled(&case.path, chosen);
    wait_for("the run to be over", PATIENCE, || {
        let runs = remote.call("GET", &path, None);
        let runs = runs["runs"].as_array().expect("a list");
        let over = |run: &Value| {
            ["success", "failed"]
                .iter()
                .any(|status| run["status"] == *status)
        };
        // The last words of a failure come after its status.
        let told = |run: &Value| {
            let log = run["log"].as_array().map_or(0, Vec::len);
            log == if run["status"] == "failed" { 4 } else { 2 }
        };
        (!runs.is_empty() && runs.iter().all(|run| over(run) && told(run))).then_some(())
    });
}

/// What each answer amounts to.
fn answers(remote: &Remote, cases: &[Case]) -> Vec<String> {
    let (mut chosen, mut ids) = (Chosen::new(), Ids::default());
    let mut answers = Vec::new();
    for case in cases {
        let answer = send(remote, case, &chosen);
        if answer.status == 201 {
            settle(remote, case, &chosen);
        }
        let json: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        for (name, pointer) in &case.keep {
            let value = json.pointer(pointer).and_then(Value::as_str);
            let value = value.unwrap_or_else(|| panic!("no {pointer} in {answer:?}"));
            chosen.insert(name, value.to_owned());
        }
        let shown = if json.is_object() {
            shown(json).to_string()
        } else {
            tables(&answer.body, case.any_order)
        };
        let shown = ids.numbered(&shown);
        answers.push(format!("{} {shown}", answer.status));
    }
    answers
}

/// JSON without what differs from one server, or one second, to the next.
fn shown(json: Value) -> Value {
    match json {
        Value::Array(items) => {
            // The operator's own token, which the fake's operator has without an entry.
            let own = |item: &Value| item["description"] == "owner's Token";
            items
                .into_iter()
                .filter(|item| !own(item))
                .map(shown)
                .collect()
        }
        Value::Object(fields) => {
            let shown = |(name, value): (String, Value)| {
                let times = [
                    "createdAt",
                    "updatedAt",
                    "latestCompleted",
                    "requestedAt",
                    "startedAt",
                    "finishedAt",
                    "time",
                ];
                let value = match name.as_str() {
                    name if times.contains(&name) => {
                        let text = value.as_str().expect("a time");
                        let time: Result<jiff::Timestamp, _> = text.parse();
                        time.unwrap_or_else(|error| panic!("{text}: {error}"));
                        "a time".into()
                    }
                    "token" if value != "" => "told".into(),
                    // What a server was built from: one built by hand names no version.
                    "commit" | "version" => "any".into(),
                    "message" => essential(value.as_str().expect("a text")).into(),
                    _ => shown(value),
                };
                (name, value)
            };
            fields.into_iter().map(shown).collect()
        }
        other => other,
    }
}

/// A message without the places in the script, and without what a parser of Go's says.
fn essential(message: &str) -> String {
    let mut text = message.lines().next().unwrap_or_default().to_owned();
    for end in [
        "invalid character",
        "parsing time",
        " (Expected",
        " (of ",
        " at position",
        "found EOF",
        "invalid import path",
        "compilation failed: error @",
        "missing required argument",
        "found unexpected argument",
    ] {
        if let Some(at) = text.find(end) {
            text.truncate(at + end.len());
        }
    }
    if let Some(at) = text.find("loc ") {
        text.truncate(at + 4);
    }
    let mut words = Vec::new();
    for word in text.split(' ') {
        let colon = if word.ends_with(':') { ":" } else { "" };
        words.push(if word.starts_with('@') {
            format!("@{colon}")
        } else {
            word.to_owned()
        });
    }
    words.join(" ")
}

/// Tables as they came, or their lines in order, without the number that the planner gave to `to`.
fn tables(body: &str, any_order: bool) -> String {
    let lines = body
        .split("\r\n")
        .map(|line| match line.strip_prefix(",to") {
            Some(rest) => format!(
                ",to{}",
                rest.trim_start_matches(|c: char| c.is_ascii_digit())
            ),
            None => line.to_owned(),
        });
    let mut lines: Vec<String> = lines.collect();
    if any_order {
        for line in &mut lines {
            let mut cells: Vec<&str> = line.split(',').collect();
            if cells.len() > 2 && cells[2].bytes().all(|byte| byte.is_ascii_digit()) {
                cells[2] = "";
            }
            *line = cells.join(",");
        }
        // How often a header stands there depends on the order too.
        lines.sort();
        lines.dedup_by(|a, b| *a == *b && (a.is_empty() || a.starts_with(",result,")));
    }
    lines.join("\r\n")
}

#[test]
fn the_fake_answers_as_the_real_one_does() {
    let lists = management_cases::all();
    let mut of_fakes = Vec::new();
    for (about, cases) in &lists {
        let fake = start_fake();
        let answers = answers(&of_fake(&fake), cases);
        // Whatever the real one says: what must go well went well here.
        assert!(answers[0].contains(ORG), "{about}: {}", answers[0]);
        of_fakes.push(answers);
    }
    let (mut differ, mut count) = (Vec::new(), 0);
    for ((about, cases), of_fake) in std::iter::zip(&lists, of_fakes) {
        let Some(influxd) = Influxd::start("the_fake_answers_as_the_real_one_does") else {
            return;
        };
        let of_real = answers(&influxd, cases);
        count += cases.len();
        for (case, (fake, real)) in std::iter::zip(cases, std::iter::zip(of_fake, of_real)) {
            if fake != real {
                let (token, method, path, body) = (case.token, case.method, &case.path, &case.body);
                differ.push(format!(
                    "{about}: {token} {method} {path} {body:?}\n  fake {fake:?}\n  real {real:?}"
                ));
            }
        }
    }
    let (some, all) = (differ.len(), differ.join("\n\n"));
    assert!(differ.is_empty(), "{some} of {count} differ:\n{all}");
}
