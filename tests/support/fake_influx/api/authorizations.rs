//! `/api/v2/authorizations` (v2.9.1 `authorization/http_server.go`).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::reply::Reply;
use super::{Answered, Asked, not_found, ok};

/// A token's entry.
#[derive(Debug, Clone)]
pub struct Entry {
    pub org_id: String,
    pub token: String,
    pub description: String,
    pub active: bool,
    pub permissions: Value,
}

pub fn answer(asked: &mut Asked<'_>, parts: &[&str]) -> Answered {
    match (asked.request.method.as_str(), parts) {
        ("GET", []) => list(asked),
        ("GET", [id]) => {
            let entry = asked.store.authorizations.get(*id);
            let entry = entry.ok_or_else(|| not_found("authorization not found"))?;
            let right = format!("read:orgs/{}/authorizations/{id}", entry.org_id);
            let shown = shown(id, entry, "");
            asked.only_operator(&right)?;
            Ok(ok(200, &shown))
        }
        ("POST", []) => create(asked),
        ("PATCH", [id]) => change(asked, id),
        ("DELETE", [id]) => {
            asked.only_operator("write:authorizations")?;
            let gone = asked.store.authorizations.remove(*id);
            let gone = gone.ok_or_else(|| not_found("authorization not found"))?;
            asked.store.remove_token(&gone.token);
            Ok(Reply::no_content())
        }
        _ => Err(not_found("path not found")),
    }
}

/// The token itself is told only once.
fn shown(id: &str, entry: &Entry, token: &str) -> Value {
    let status = if entry.active { "active" } else { "inactive" };
    json!({
        "id": id, "token": token, "status": status, "description": entry.description,
        "permissions": entry.permissions,
    })
}

fn list(asked: &mut Asked<'_>) -> Answered {
    let all = asked
        .store
        .authorizations
        .iter()
        .filter(|_| asked.is_operator());
    let all: Vec<Value> = all.map(|(id, entry)| shown(id, entry, "")).collect();
    Ok(ok(200, &json!({ "links": {}, "authorizations": all })))
}

fn create(asked: &mut Asked<'_>) -> Answered {
    let body = asked.json()?;
    let wanted = body["permissions"].as_array().cloned().unwrap_or_default();
    if wanted.is_empty() {
        let message = "authorization must include permissions";
        return Err(Reply::error(400, "invalid", message));
    }
    asked.only_operator("write:authorizations")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rights: BTreeSet<(String, String)> = wanted
        .iter()
        .map(|permission| {
            (
                text(&permission["action"]),
                text(&permission["resource"]["id"]),
            )
        })
        .collect();
    let id = asked.store.new_id();
    // As long as a real one.
    let token = format!("{id:X<86}==");
    asked.store.add_rights(&token, Some(rights));
    let entry = Entry {
        org_id: text(&body["orgID"]),
        token: token.clone(),
        description: text(&body["description"]),
        active: true,
        permissions: body["permissions"].clone(),
    };
    let shown = shown(&id, &entry, &token);
    asked.store.authorizations.insert(id, entry);
    Ok(ok(201, &shown))
}

fn change(asked: &mut Asked<'_>, id: &str) -> Answered {
    let body = asked.json()?;
    asked.only_operator("write:authorizations")?;
    let entry = asked.store.authorizations.get_mut(id);
    let entry = entry.ok_or_else(|| not_found("authorization not found"))?;
    if let Some(status) = body["status"].as_str() {
        entry.active = status == "active";
    }
    let (token, active) = (entry.token.clone(), entry.active);
    let shown = shown(id, entry, "");
    asked.store.set_active(&token, active);
    Ok(ok(200, &shown))
}
