//! `/api/v2/authorizations` (v2.9.1 `authorization/http_server.go`, `authorization/middleware_auth.go`).

use serde_json::{Value, json};

use super::super::reply::Reply;
use super::super::rights::{Resource, Right};
use super::{Answered, Asked, id_of, invalid, not_allowed, not_found, ok, text, time};

/// The kinds of things that there are rights for, so far as they matter here.
const KINDS: [&str; 8] = [
    "authorizations",
    "buckets",
    "dashboards",
    "orgs",
    "tasks",
    "telegrafs",
    "users",
    "variables",
];

/// A token's entry.
#[derive(Debug, Clone)]
pub struct Entry {
    token: String,
    description: String,
    active: bool,
    rights: Vec<Right>,
    org_id: String,
    created_ns: i64,
    updated_ns: i64,
}

pub fn answer(asked: &mut Asked<'_>, parts: &[&str]) -> Answered {
    match (asked.request.method.as_str(), parts) {
        ("GET", []) => list(asked),
        ("POST", []) => create(asked),
        ("GET", [id]) => {
            let entry = find(asked, id)?;
            require(asked, "read", id, &entry)?;
            Ok(ok(200, &shown(asked, id, &entry, "")))
        }
        ("PATCH", [id]) => change(asked, id),
        ("DELETE", [id]) => {
            let entry = find(asked, id)?;
            require(asked, "write", id, &entry)?;
            asked.store.authorizations.remove(*id);
            asked.store.remove_token(&entry.token);
            Ok(Reply::no_content())
        }
        (_, [] | [_]) => Err(not_allowed()),
        _ => Err(not_found("path not found")),
    }
}

fn find(asked: &Asked<'_>, id: &str) -> Result<Entry, Reply> {
    let found = asked.store.authorizations.get(id_of(id)?);
    found
        .cloned()
        .ok_or_else(|| not_found("authorization not found"))
}

/// An entry belongs to the organization and to its user: both must be in the token's reach.
fn require(asked: &Asked<'_>, action: &str, id: &str, entry: &Entry) -> Result<(), Reply> {
    asked.require(action, &Resource::one("authorizations", &entry.org_id, id))?;
    asked.require(action, &owner(asked))
}

fn owner<'a>(asked: &'a Asked<'_>) -> Resource<'a> {
    Resource::global("users", Some(&asked.store.owner_id))
}

/// The token itself is told only once.
fn shown(asked: &Asked<'_>, id: &str, entry: &Entry, token: &str) -> Value {
    let user_id = &asked.store.owner_id;
    let permission = |right: &Right| {
        let mut resource = json!({ "type": right.kind });
        if let Some(org_id) = &right.org_id {
            resource["orgID"] = org_id.as_str().into();
            resource["org"] = asked.org_name(org_id).into();
        }
        if let Some(id) = &right.id {
            resource["id"] = id.as_str().into();
            let name = match right.kind.as_str() {
                "buckets" => asked.store.bucket_with_id(id).map(|(name, _)| name),
                "orgs" => asked.org_name(id),
                "users" if id == user_id => Some("owner".to_owned()),
                _ => None,
            };
            // What is gone is told without any name, the organization's too.
            match name {
                Some(name) => resource["name"] = name.into(),
                None => drop(resource.as_object_mut().expect("one").remove("org")),
            }
        }
        json!({ "action": right.action, "resource": resource })
    };
    json!({
        "id": id, "token": token, "status": if entry.active { "active" } else { "inactive" },
        "description": entry.description,
        "orgID": entry.org_id, "org": asked.org_name(&entry.org_id),
        "userID": user_id, "user": "owner",
        "permissions": entry.rights.iter().map(permission).collect::<Vec<_>>(),
        "links": {
            "self": format!("/api/v2/authorizations/{id}"),
            "user": format!("/api/v2/users/{user_id}"),
        },
        "createdAt": time(entry.created_ns), "updatedAt": time(entry.updated_ns),
    })
}

/// No paging; what the token may not read is left out.
fn list(asked: &mut Asked<'_>) -> Answered {
    let org_id = asked.org_asked()?;
    let all = asked.store.authorizations.iter();
    let listed: Vec<Value> = all
        .filter(|(_, entry)| org_id.as_ref().is_none_or(|id| *id == entry.org_id))
        .filter(|(id, entry)| require(asked, "read", id, entry).is_ok())
        .map(|(id, entry)| shown(asked, id, entry, ""))
        .collect();
    let links = json!({ "self": "/api/v2/authorizations" });
    Ok(ok(
        200,
        &json!({ "links": links, "authorizations": listed }),
    ))
}

fn rights(body: &Value) -> Result<Vec<Right>, Reply> {
    let wanted = body["permissions"].as_array().map(Vec::as_slice);
    let wanted = wanted.unwrap_or_default();
    let own = |value: &Value| value.as_str().map(str::to_owned);
    let mut rights = Vec::new();
    for permission in wanted {
        let resource = &permission["resource"];
        rights.push(Right {
            action: text(&permission["action"]).to_owned(),
            kind: text(&resource["type"]).to_owned(),
            id: own(&resource["id"]),
            org_id: own(&resource["orgID"]),
        });
    }
    if rights.is_empty() {
        return Err(invalid("authorization must include permissions"));
    }
    Ok(rights)
}

fn check_rights(rights: &[Right], org_id: &str) -> Result<(), Reply> {
    for right in rights {
        if !["read", "write"].contains(&right.action.as_str()) {
            let why = "invalid action type for permission: unknown action for permission";
            return Err(invalid(why));
        }
        if !KINDS.contains(&right.kind.as_str()) {
            let why = "invalid resource type for permission: unknown resource type for permission";
            return Err(invalid(why));
        }
        if right.org_id.as_ref().is_some_and(|id| id != org_id) {
            let (action, resource) = (&right.action, right.resource());
            let why = format!("permission {action}:{resource} is not for org id {org_id}");
            return Err(invalid(&why));
        }
    }
    Ok(())
}

fn create(asked: &mut Asked<'_>) -> Answered {
    let body = asked.json("failed to unmarshal json: ")?;
    let rights = rights(&body)?;
    let org_id = text(&body["orgID"]);
    if org_id.is_empty() {
        return Err(invalid("org id required: invalid ID"));
    }
    check_rights(&rights, org_id)?;
    let status = body["status"].as_str().unwrap_or("active");
    if !["active", "inactive"].contains(&status) {
        return Err(invalid("invalid status: must be active or inactive"));
    }
    asked.require("write", &Resource::all("authorizations", org_id))?;
    asked.require("write", &owner(asked))?;
    // Nobody hands out what he has not.
    for right in &rights {
        if let Err(refused) = asked.require(&right.action, &right.resource()) {
            let (action, resource, why) = (&right.action, right.resource(), refused.message());
            let message = format!("permission {action}:{resource} is not allowed: {why}");
            return Err(Reply::error(403, "forbidden", &message));
        }
    }
    let id = asked.store.new_id();
    // As long as a real one.
    let token = format!("{id:X<86}==");
    asked.store.tokens.add(&token, Some(rights.clone()));
    asked.store.set_active(&token, status == "active");
    let entry = Entry {
        token: token.clone(),
        description: text(&body["description"]).to_owned(),
        active: status == "active",
        rights,
        org_id: org_id.to_owned(),
        created_ns: asked.now_ns,
        updated_ns: asked.now_ns,
    };
    let shown = shown(asked, &id, &entry, &token);
    asked.store.authorizations.insert(id, entry);
    Ok(ok(201, &shown))
}

fn change(asked: &mut Asked<'_>, id: &str) -> Answered {
    let body = asked.json("failed to unmarshal json: ")?;
    let mut entry = find(asked, id)?;
    require(asked, "read", id, &entry)?;
    require(asked, "write", id, &entry)?;
    if let Some(status) = body["status"].as_str() {
        if !["active", "inactive"].contains(&status) {
            return Err(invalid("encodeAuthorization: unknown authorization status"));
        }
        entry.active = status == "active";
    }
    if let Some(description) = body["description"].as_str() {
        entry.description = description.to_owned();
    }
    entry.updated_ns = asked.now_ns;
    asked.store.set_active(&entry.token, entry.active);
    let shown = shown(asked, id, &entry, "");
    asked.store.authorizations.insert(id.to_owned(), entry);
    Ok(ok(200, &shown))
}
