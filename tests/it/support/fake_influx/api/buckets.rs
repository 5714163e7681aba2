//! `/api/v2/buckets` (v2.9.1 `tenant/http_server_bucket.go`, `tenant/service_bucket.go`).

use serde_json::{Value, json};

use super::super::reply::Reply;
use super::super::rights::Resource;
use super::{Answered, Asked, id_of, invalid, not_allowed, not_found, ok, text, time};

const NS_PER_S: i64 = 1_000_000_000;
const DAY_S: i64 = 86_400;

pub fn answer(asked: &mut Asked<'_>, parts: &[&str]) -> Answered {
    match (asked.request.method.as_str(), parts) {
        ("GET", []) => list(asked),
        ("POST", []) => create(asked),
        ("GET", [id]) => {
            let bucket = find(asked, id)?;
            asked.require("read", &bucket.resource())?;
            Ok(ok(200, &bucket.shown()))
        }
        ("PATCH", [id]) => change(asked, id),
        ("DELETE", [id]) => delete(asked, id),
        (_, [] | [_]) => Err(not_allowed()),
        _ => Err(not_found("path not found")),
    }
}

/// A bucket as it is told, the server's own among them.
struct Told {
    id: String,
    org_id: String,
    name: String,
    is_system: bool,
    description: String,
    retention_s: i64,
    group_s: i64,
    created_ns: i64,
    updated_ns: i64,
}

impl Told {
    fn resource(&self) -> Resource<'_> {
        Resource::one("buckets", &self.org_id, &self.id)
    }

    fn shown(&self) -> Value {
        let (id, org_id) = (&self.id, &self.org_id);
        let mut links = json!({
            "org": format!("/api/v2/orgs/{org_id}"),
            "self": format!("/api/v2/buckets/{id}"),
            "write": format!("/api/v2/write?org={org_id}&bucket={id}"),
        });
        for part in ["labels", "members", "owners"] {
            links[part] = format!("/api/v2/buckets/{id}/{part}").into();
        }
        let mut shown = json!({
            "id": id, "orgID": org_id, "name": self.name,
            "type": if self.is_system { "system" } else { "user" },
            "retentionRules": [{
                "type": "expire", "everySeconds": self.retention_s,
                "shardGroupDurationSeconds": self.group_s,
            }],
            "createdAt": time(self.created_ns), "updatedAt": time(self.updated_ns),
            "links": links, "labels": [],
        });
        if !self.description.is_empty() {
            shown["description"] = self.description.as_str().into();
        }
        shown
    }
}

/// All buckets of all organizations, each with the two that the server makes for itself.
fn all(asked: &Asked<'_>) -> Vec<Told> {
    let own = asked.store.buckets.iter().map(|(name, bucket)| Told {
        id: bucket.id.clone(),
        org_id: bucket.org_id.clone(),
        name: name.clone(),
        is_system: false,
        description: bucket.description.clone(),
        retention_s: bucket.retention_ns / NS_PER_S,
        group_s: bucket.group_ns / NS_PER_S,
        created_ns: bucket.created_ns,
        updated_ns: bucket.updated_ns,
    });
    let systems = asked.store.organizations.values().flat_map(|org_id| {
        let number = u64::from_str_radix(org_id, 16).expect("our own id");
        let system = |name: &str, shift: u64, days: i64, description: &str| Told {
            id: format!("{:016x}", number + (shift << 56)),
            org_id: org_id.clone(),
            name: name.to_owned(),
            is_system: true,
            description: description.to_owned(),
            retention_s: days * DAY_S,
            group_s: DAY_S,
            created_ns: 0,
            updated_ns: 0,
        };
        [
            system("_monitoring", 1, 7, "System bucket for monitoring logs"),
            system("_tasks", 2, 3, "System bucket for task logs"),
        ]
    });
    own.chain(systems).collect()
}

fn find(asked: &Asked<'_>, id: &str) -> Result<Told, Reply> {
    let id = id_of(id)?;
    let found = all(asked).into_iter().find(|bucket| bucket.id == id);
    found.ok_or_else(|| not_found("bucket not found"))
}

fn number(asked: &Asked<'_>, name: &str, default: i64) -> Result<i64, Reply> {
    match asked.request.query(name) {
        None => Ok(default),
        Some(text) => text
            .parse()
            .map_err(|_| invalid(&format!("{name} is invalid"))),
    }
}

fn list(asked: &mut Asked<'_>) -> Answered {
    let limit = number(asked, "limit", 20)?;
    let offset = number(asked, "offset", 0)?;
    if !(1..=100).contains(&limit) {
        return Err(invalid("limit must be between 1 and 100"));
    }
    let org_id = asked.org_asked()?;
    let (name, id) = (asked.request.query("name"), asked.request.query("id"));
    let mut found = all(asked);
    found.retain(|bucket| {
        org_id.as_ref().is_none_or(|id| *id == bucket.org_id)
            && name.is_none_or(|name| name == bucket.name)
            && id.is_none_or(|id| id == bucket.id)
    });
    if let (Some(name), true) = (name, found.is_empty()) {
        return Err(not_found(&format!("bucket {name:?} not found")));
    }
    if org_id.is_some() {
        found.sort_by(|a, b| a.name.cmp(&b.name));
    } else {
        found.sort_by(|a, b| a.id.cmp(&b.id));
    }
    let count = |n: i64| usize::try_from(n).unwrap_or(0);
    let page = found.iter().skip(count(offset)).take(count(limit));
    // Rights are applied after paging: a page may be short, or empty, and not the last.
    let page: Vec<Value> = page
        .filter(|bucket| asked.may("read", &bucket.resource()))
        .map(Told::shown)
        .collect();
    let links = links(asked, limit, offset, page.len());
    Ok(ok(200, &json!({ "links": links, "buckets": page })))
}

/// The next page is told only when this one came out full: to a token that may not read all of a
/// page the list ends there.
fn links(asked: &Asked<'_>, limit: i64, offset: i64, shown: usize) -> Value {
    let given = |key: &str| asked.request.query(key);
    let link = |offset: i64| {
        let mut pairs = vec![
            ("descending", "false".to_owned()),
            ("limit", limit.to_string()),
            ("offset", offset.to_string()),
        ];
        for (key, told) in [("name", "bucket"), ("id", "id"), ("org", "org")] {
            pairs.extend(given(key).map(|value| (told, value.to_owned())));
        }
        pairs.extend(given("orgID").map(|id| ("orgID", id.to_owned())));
        pairs.sort();
        let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
        Value::from(format!("/api/v2/buckets?{}", pairs.join("&")))
    };
    let mut links = json!({ "self": link(offset) });
    if offset > 0 {
        links["prev"] = link((offset - limit).max(0));
    }
    if i64::try_from(shown) == Ok(limit) {
        links["next"] = link(offset + limit);
    }
    links
}

/// The retention that a body asks for, in seconds; None: it does not.
fn retention_s(body: &Value) -> Result<Option<i64>, Reply> {
    let unprocessable = |message| Err(Reply::error(422, "unprocessable entity", message));
    let rules = body["retentionRules"].as_array();
    match rules.map(Vec::as_slice) {
        None | Some([]) => Ok(None),
        Some([rule]) => match rule["everySeconds"].as_i64().unwrap_or(0) {
            ..=-1 => unprocessable("expiration seconds cannot be negative"),
            seconds => Ok(Some(seconds)),
        },
        Some(_) => unprocessable("buckets cannot have more than one retention rule at this time"),
    }
}

/// An hour at least. The server finds that out only when it makes the database.
fn check_retention(seconds: i64) -> Result<(), Reply> {
    if (1..3_600).contains(&seconds) {
        let message = "retention policy duration must be at least 1h0m0s";
        return Err(Reply::error(500, "internal error", message));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Reply> {
    let why = if name.starts_with('_') {
        "Buckets may not start with underscore"
    } else if name.contains('"') {
        "Bucket names may not include quotation marks"
    } else {
        return Ok(());
    };
    Err(invalid(&format!("bucket name {name} is invalid. {why}")))
}

fn create(asked: &mut Asked<'_>) -> Answered {
    let unmarshal = "failed to unmarshal json: ";
    let body = asked.json(unmarshal)?;
    let org_id = text(&body["orgID"]);
    if org_id.is_empty() {
        return Err(invalid("organization id must be provided"));
    }
    let org_id = id_of(org_id).map_err(|refused| prefixed(refused, unmarshal))?;
    let seconds = retention_s(&body)?.unwrap_or(0);
    asked.require("write", &Resource::all("buckets", org_id))?;
    let name = text(&body["name"]);
    check_name(name)?;
    let org = asked
        .org_name(org_id)
        .ok_or_else(|| not_found("organization not found"))?;
    if let Some(bucket) = asked.store.buckets.get(name) {
        assert_eq!(bucket.org_id, org_id, "the fake has each name only once");
        let message = format!("bucket with name {name} already exists");
        return Err(Reply::error(422, "conflict", &message));
    }
    check_retention(seconds)?;
    let id = asked.store.create_bucket(&org, name, seconds * NS_PER_S);
    let bucket = asked.store.buckets.get_mut(name).expect("just made");
    bucket.description = text(&body["description"]).to_owned();
    (bucket.created_ns, bucket.updated_ns) = (asked.now_ns, asked.now_ns);
    Ok(ok(201, &find(asked, &id)?.shown()))
}

fn prefixed(refused: Reply, before: &str) -> Reply {
    super::prefixed(refused, 400, "invalid", before)
}

fn change(asked: &mut Asked<'_>, id: &str) -> Answered {
    let body = asked.json("failed to unmarshal json: ")?;
    let seconds = retention_s(&body)?;
    let told = find(asked, id)?;
    // Who gives a new name must also be able to read the old one.
    if body["name"].is_string() {
        asked.require("read", &told.resource())?;
    }
    asked.require("write", &told.resource())?;
    let name = body["name"].as_str().unwrap_or(&told.name);
    if name != told.name {
        check_name(name)?;
    }
    if told.is_system {
        let message = format!("database not found: {id}");
        return Err(Reply::error(500, "internal error", &message));
    }
    if name != told.name && asked.store.buckets.contains_key(name) {
        let message = "bucket name is not unique";
        return Err(Reply::error(422, "conflict", message));
    }
    check_retention(seconds.unwrap_or(0))?;
    let mut bucket = asked.store.buckets.remove(&told.name).expect("just found");
    if let Some(seconds) = seconds {
        bucket.retention_ns = seconds * NS_PER_S;
    }
    if let Some(description) = body["description"].as_str() {
        bucket.description = description.to_owned();
    }
    bucket.updated_ns = asked.now_ns;
    asked.store.buckets.insert(name.to_owned(), bucket);
    Ok(ok(200, &find(asked, id)?.shown()))
}

/// The right to write points is the right to delete the bucket.
fn delete(asked: &mut Asked<'_>, id: &str) -> Answered {
    let told = find(asked, id)?;
    asked.require("write", &told.resource())?;
    if told.is_system {
        return Err(invalid("system buckets cannot be deleted"));
    }
    asked.store.delete_bucket(&told.name);
    Ok(Reply::no_content())
}
