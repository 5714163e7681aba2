//! `/api/v2/buckets` (v2.9.1 `tenant/http_server_bucket.go`).

use serde_json::{Value, json};

use super::super::reply::Reply;
use super::{Answered, Asked, not_found, number, ok};

const NS_PER_S: i64 = 1_000_000_000;

pub fn answer(asked: &mut Asked<'_>, parts: &[&str]) -> Answered {
    match (asked.request.method.as_str(), parts) {
        ("GET", []) => list(asked),
        ("POST", []) => create(asked),
        ("PATCH", [id]) => change(asked, id),
        ("DELETE", [id]) => delete(asked, id),
        _ => Err(not_found("path not found")),
    }
}

fn shown(asked: &Asked<'_>, name: &str) -> Value {
    let bucket = &asked.store.buckets[name];
    let seconds = bucket.retention_ns / NS_PER_S;
    let rules = json!([{ "type": "expire", "everySeconds": seconds }]);
    json!({ "id": bucket.id, "orgID": bucket.org_id, "name": name, "retentionRules": rules })
}

fn list(asked: &mut Asked<'_>) -> Answered {
    let (_, org_id) = asked.org()?;
    let limit = number(asked.request, "limit", 20);
    if !(1..=100).contains(&limit) {
        let message = "limit must be between 1 and 100";
        return Err(Reply::error(400, "invalid", message));
    }
    let may_see = |name: &str| {
        let id = &asked.store.buckets[name].id;
        asked.is_operator() || asked.store.may(&asked.token, "read", id)
    };
    if let Some(name) = asked.request.query("name") {
        let bucket = asked.store.buckets.get(name);
        if bucket.is_none_or(|bucket| bucket.org_id != org_id) {
            return Err(not_found(&format!("bucket {name:?} not found")));
        }
        let listed = may_see(name).then(|| shown(asked, name));
        let listed: Vec<Value> = listed.into_iter().collect();
        return Ok(ok(200, &json!({ "links": {}, "buckets": listed })));
    }
    let offset = number(asked.request, "offset", 0);
    let own = ["_tasks", "_monitoring"].map(|name| json!({ "id": name, "name": name }));
    let all = asked.store.buckets.iter();
    let all = all
        .filter(|(_, bucket)| bucket.org_id == org_id)
        .map(|(name, _)| name);
    // Rights are applied after paging.
    let all: Vec<Option<Value>> = own
        .into_iter()
        .map(Some)
        .chain(all.map(|name| may_see(name).then(|| shown(asked, name))))
        .collect();
    let page: Vec<Value> = all
        .iter()
        .skip(offset)
        .take(limit)
        .flatten()
        .cloned()
        .collect();
    let mut links = json!({});
    if all.len() > offset + limit {
        links["next"] = format!("/api/v2/buckets?offset={}", offset + limit).into();
    }
    Ok(ok(200, &json!({ "links": links, "buckets": page })))
}

fn retention_s(body: &Value) -> Result<i64, Reply> {
    let seconds = body["retentionRules"][0]["everySeconds"]
        .as_i64()
        .unwrap_or(0);
    match seconds {
        ..=-1 => Err(Reply::error(
            422,
            "unprocessable entity",
            "expiration seconds cannot be negative",
        )),
        1..3_600 => {
            let message = "retention policy duration must be at least 1h0m0s";
            Err(Reply::error(500, "internal error", message))
        }
        seconds => Ok(seconds),
    }
}

fn create(asked: &mut Asked<'_>) -> Answered {
    let body = asked.json()?;
    let org_id = body["orgID"].as_str().unwrap_or_default().to_owned();
    asked.only_operator(&format!("write:orgs/{org_id}/buckets"))?;
    let name = body["name"].as_str().unwrap_or_default();
    if name.starts_with('_') {
        let message =
            format!("bucket name {name} is invalid. Buckets may not start with underscore");
        return Err(Reply::error(400, "invalid", &message));
    }
    if name.contains('"') {
        let message =
            format!("bucket name {name} is invalid. Bucket names may not include quotation marks");
        return Err(Reply::error(400, "invalid", &message));
    }
    let seconds = retention_s(&body)?;
    if asked.store.buckets.contains_key(name) {
        let message = format!("bucket with name {name} already exists");
        return Err(Reply::error(422, "conflict", &message));
    }
    let known = asked.store.organisations.iter();
    let org = known
        .into_iter()
        .find(|(_, id)| **id == org_id)
        .map(|(name, _)| name.clone());
    let org = org.ok_or_else(|| not_found("organization not found"))?;
    asked.store.create_bucket(&org, name, seconds * NS_PER_S);
    Ok(ok(201, &shown(asked, name)))
}

fn change(asked: &mut Asked<'_>, id: &str) -> Answered {
    let (name, _) = asked
        .store
        .bucket_with_id(id)
        .ok_or_else(|| not_found("bucket not found"))?;
    asked.only_operator(&format!("write:orgs/x/buckets/{id}"))?;
    let body = asked.json()?;
    let seconds = retention_s(&body)?;
    // No rules: nothing is to be changed about them.
    if body["retentionRules"][0].is_object() {
        let bucket = asked.store.buckets.get_mut(&name).expect("just found");
        bucket.retention_ns = seconds * NS_PER_S;
    }
    Ok(ok(200, &shown(asked, &name)))
}

fn delete(asked: &mut Asked<'_>, id: &str) -> Answered {
    let (name, _) = asked
        .store
        .bucket_with_id(id)
        .ok_or_else(|| not_found("bucket not found"))?;
    asked.only_operator(&format!("write:orgs/x/buckets/{id}"))?;
    asked.store.delete_bucket(&name);
    Ok(Reply::no_content())
}
