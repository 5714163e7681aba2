//! `/api/v2/setup`, `/api/v2/orgs` and `/api/v2/me` (v2.9.1 `tenant/`).

use serde_json::{Value, json};

use super::super::http::Request;
use super::super::reply::Reply;
use super::super::rights::Resource;
use super::super::store::Store;
use super::{Answered, Asked, id_of, not_allowed, not_found, ok, text};

/// A store with an organization has been set up; there is no way to set up one without.
pub fn setup(store: &Store, request: &Request) -> Reply {
    let allowed = store.organizations.is_empty();
    match request.method.as_str() {
        "GET" => ok(200, &json!({ "allowed": allowed })),
        "POST" if !allowed => {
            let message = "onboarding has already been completed";
            Reply::error(422, "conflict", message)
        }
        "POST" => Reply::error(501, "not implemented", "the fake is set up by Store::new"),
        _ => not_allowed(),
    }
}

/// Who asks: always the one user there is, if the token may know him.
pub fn me(asked: &Asked<'_>) -> Answered {
    let id = &asked.store.owner_id;
    asked.require("read", &Resource::global("users", Some(id)))?;
    let links = json!({ "self": format!("/api/v2/users/{id}") });
    let me = json!({ "links": links, "id": id, "name": "owner", "status": "active" });
    Ok(ok(200, &me))
}

pub fn answer(asked: &mut Asked<'_>, parts: &[&str]) -> Answered {
    match (asked.request.method.as_str(), parts) {
        ("GET", []) => list(asked),
        ("POST", []) => create(asked),
        ("GET", [id]) => {
            let id = id_of(id)?;
            let name = asked
                .org_name(id)
                .ok_or_else(|| not_found("organization not found"))?;
            asked.require("read", &Resource::global("orgs", Some(id)))?;
            Ok(ok(200, &shown(&name, id)))
        }
        (_, [] | [_]) => Err(not_allowed()),
        _ => Err(not_found("path not found")),
    }
}

fn shown(name: &str, id: &str) -> Value {
    let mut links = json!({
        "self": format!("/api/v2/orgs/{id}"),
        "buckets": format!("/api/v2/buckets?org={name}"),
        "dashboards": format!("/api/v2/dashboards?org={name}"),
        "tasks": format!("/api/v2/tasks?org={name}"),
    });
    for part in ["labels", "logs", "members", "owners", "secrets"] {
        links[part] = format!("/api/v2/orgs/{id}/{part}").into();
    }
    json!({
        "links": links, "id": id, "name": name, "description": "",
        "createdAt": super::time(0), "updatedAt": super::time(0),
    })
}

/// An organization that the token may not read is left out; an unknown name is an error.
fn list(asked: &mut Asked<'_>) -> Answered {
    let wanted = asked.org_asked()?;
    let all = asked.store.organizations.iter();
    let listed: Vec<Value> = all
        .filter(|(_, id)| wanted.as_ref().is_none_or(|wanted| wanted == *id))
        .filter(|(_, id)| asked.may("read", &Resource::global("orgs", Some(id))))
        .map(|(name, id)| shown(name, id))
        .collect();
    let links = json!({ "self": "/api/v2/orgs" });
    Ok(ok(200, &json!({ "links": links, "orgs": listed })))
}

fn create(asked: &mut Asked<'_>) -> Answered {
    let body = asked.json("failed to unmarshal json: ")?;
    asked.require("write", &Resource::global("orgs", None))?;
    let name = text(&body["name"]);
    if asked.store.organizations.contains_key(name) {
        let message = format!("organization with name {name} already exists");
        return Err(Reply::error(422, "conflict", &message));
    }
    let id = asked.store.add_organization(name);
    Ok(ok(201, &shown(name, &id)))
}
