//! Requests about organizations, buckets, tokens, tasks, queries and deletions, to be sent one after
//! another to two servers that must answer alike.

use serde_json::{Value, json};

mod authorizations;
mod buckets;
mod deletions;
mod queries;
mod tasks;

/// One request. `$name` in path and body is what the server has chosen before.
#[derive(Debug, Clone)]
pub struct Case {
    /// `op`, `bad`, `none`, or the name of a token that was kept.
    pub token: &'static str,
    pub method: &'static str,
    pub path: String,
    pub body: Body,
    /// What the server chooses now: a name for it, and where it stands.
    pub keep: Vec<(&'static str, &'static str)>,
    /// Tables and rows may come in any order.
    pub any_order: bool,
}

/// What is sent.
#[derive(Debug, Clone)]
pub enum Body {
    Nothing,
    Json(Value),
    Text(&'static str, String),
}

/// A request: `GET /path`.
pub fn ask(token: &'static str, line: &'static str, body: Value) -> Case {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let body = if body.is_null() {
        Body::Nothing
    } else {
        Body::Json(body)
    };
    Case {
        token,
        method,
        path: path.to_owned(),
        body,
        keep: Vec::new(),
        any_order: false,
    }
}

/// A request of the operator's without a body.
pub fn get(path: &'static str) -> Case {
    ask("op", "GET /", Value::Null).at(path)
}

impl Case {
    fn at(mut self, path: &str) -> Case {
        path.clone_into(&mut self.path);
        self
    }

    /// Keeps what the server chooses.
    pub fn keep(mut self, name: &'static str, pointer: &'static str) -> Case {
        self.keep.push((name, pointer));
        self
    }

    /// Lets another ask.
    pub fn by(mut self, token: &'static str) -> Case {
        self.token = token;
        self
    }

    /// Says that the order of tables and rows is the server's own affair.
    pub fn in_any_order(mut self) -> Case {
        self.any_order = true;
        self
    }

    /// Sends this text in place of JSON.
    pub fn text(mut self, kind: &'static str, text: &str) -> Case {
        self.body = Body::Text(kind, text.to_owned());
        self
    }
}

/// A bucket's points, written.
pub fn write(bucket: &str, lines: &[&str]) -> Case {
    let path = format!("/api/v2/write?org=home&bucket={bucket}");
    ask("op", "POST /", Value::Null)
        .at(&path)
        .text("text/plain", &lines.join("\n"))
}

/// A bucket, made.
pub fn bucket(name: &str, seconds: i64) -> Value {
    let rules = json!([{ "type": "expire", "everySeconds": seconds }]);
    json!({ "orgID": "$org", "name": name, "retentionRules": rules })
}

/// A right on one bucket.
pub fn right(action: &str, bucket: &str) -> Value {
    json!({ "action": action, "resource": { "type": "buckets", "id": bucket, "orgID": "$org" } })
}

/// A right on all of a kind in the organization.
pub fn wide(action: &str, kind: &str) -> Value {
    json!({ "action": action, "resource": { "type": kind, "orgID": "$org" } })
}

/// A token with these rights.
pub fn token(rights: &[Value]) -> Value {
    json!({ "orgID": "$org", "permissions": rights })
}

/// All of them, by what they are about; each list begins on a server that was just set up.
pub fn all() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("organizations", organizations()),
        ("buckets", buckets::all()),
        ("authorizations", authorizations::all()),
        ("tasks", tasks::all()),
        ("queries", queries::all()),
        ("deletions", deletions::all()),
    ]
}

/// Finds out the organization's id, as every list must first.
fn org() -> Case {
    get("/api/v2/orgs?org=home").keep("org", "/orgs/0/id")
}

fn organizations() -> Vec<Case> {
    let nothing = Value::Null;
    vec![
        org(),
        get("/health").by("none"),
        get("/ping").by("none"),
        ask("none", "HEAD /ping", nothing.clone()),
        get("/api/v2/setup").by("none"),
        ask(
            "none",
            "POST /api/v2/setup",
            json!({ "username": "u", "password": "long enough", "org": "o", "bucket": "b" }),
        ),
        get("/api/v2/me"),
        get("/api/v2/me").by("bad"),
        get("/api/v2/me").by("none"),
        get("/api/v2/orgs"),
        get("/api/v2/orgs?org=home").by("bad"),
        get("/api/v2/orgs?org=elsewhere"),
        get("/api/v2/orgs?org="),
        get("/api/v2/orgs?orgID=$org"),
        get("/api/v2/orgs/$org"),
        get("/api/v2/nothing"),
        ask("op", "POST /api/v2/orgs", json!({ "name": "home" })),
    ]
}
