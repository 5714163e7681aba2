//! `/api/v2/tasks` (v2.9.1 `http/task_service.go`, `authorizer/task.go`). Nothing runs by itself:
//! tests run ticks ([`super::runs`]).

use serde_json::{Value, json};

use super::super::options::{TaskOptions, task_options};
use super::super::reply::Reply;
use super::super::rights::Resource;
use super::super::store::Store;
use super::runs::{self, Finished};
use super::{Answered, Asked, id_of, invalid, not_allowed, not_found, ok, prefixed, text, time_s};

const DECODE: &str = "failed to decode request: ";

/// A task.
#[derive(Debug, Clone)]
pub struct Task {
    pub org_id: String,
    pub flux: String,
    pub options: TaskOptions,
    pub is_active: bool,
    pub description: String,
    pub created_ns: i64,
    /// None: never changed.
    pub updated_ns: Option<i64>,
    /// The last tick that was run or let go; the next one is the first after it.
    pub latest_scheduled_ns: i64,
    pub latest_completed_ns: i64,
    pub last_run: Option<Finished>,
    pub runs: Vec<Finished>,
}

pub fn answer(asked: &mut Asked<'_>, parts: &[&str]) -> Answered {
    match (asked.request.method.as_str(), parts) {
        ("GET", []) => list(asked),
        ("POST", []) => create(asked),
        ("GET", [id]) => {
            // Unlike everywhere else a missing right is 404 here.
            let task = find(
                asked,
                id,
                "read",
                ("failed to find task: ", 404, "not found"),
            )?;
            Ok(ok(200, &shown(asked.store, id, &task)))
        }
        ("PATCH", [id]) => change(asked, id),
        ("DELETE", [id]) => {
            find(asked, id, "write", internal("failed to delete task: "))?;
            asked.store.tasks.remove(*id);
            Ok(Reply::no_content())
        }
        (_, [id, "runs", rest @ ..]) => runs::answer(asked, id, rest),
        (_, [] | [_]) => Err(not_allowed()),
        _ => Err(not_found("path not found")),
    }
}

/// The words before a refusal, and its status when a right is missing.
pub type Refusal = (&'static str, u16, &'static str);

/// The server has no words for a missing right at tasks: 500.
pub fn internal(before: &'static str) -> Refusal {
    (before, 500, "internal error")
}

/// A task that the token may touch.
pub fn find(
    asked: &Asked<'_>,
    id: &str,
    action: &str,
    (before, status, code): Refusal,
) -> Result<Task, Reply> {
    let id = id_of(id).map_err(|refused| prefixed(refused, 400, "invalid", DECODE))?;
    let task = asked.store.tasks.get(id).cloned();
    let task = task.ok_or_else(|| not_found(&format!("{before}task not found")))?;
    if asked.may(action, &Resource::one("tasks", &task.org_id, id)) {
        return Ok(task);
    }
    Err(Reply::error(status, code, &format!("{before}unauthorized")))
}

fn shown(store: &Store, id: &str, task: &Task) -> Value {
    let mut links = json!({ "self": format!("/api/v2/tasks/{id}") });
    for part in ["labels", "logs", "members", "owners", "runs"] {
        links[part] = format!("/api/v2/tasks/{id}/{part}").into();
    }
    let org = store
        .organizations
        .iter()
        .find(|(_, id)| **id == task.org_id);
    let mut shown = json!({
        "links": links, "labels": [], "id": id, "orgID": task.org_id, "org": org.map(|(name, _)| name),
        "ownerID": store.owner_id, "name": task.options.name, "flux": task.flux,
        "status": if task.is_active { "active" } else { "inactive" },
        "latestCompleted": time_s(task.latest_completed_ns), "createdAt": time_s(task.created_ns),
    });
    let last_run = task.last_run.as_ref();
    let optional = [
        ("description", Some(task.description.clone())),
        ("every", Some(task.options.every_text.clone())),
        ("cron", Some(task.options.cron.clone())),
        ("offset", Some(task.options.offset_text())),
        ("updatedAt", task.updated_ns.map(time_s)),
        ("lastRunStatus", last_run.map(|run| run.status().to_owned())),
        ("lastRunError", last_run.and_then(|run| run.error.clone())),
    ];
    for (key, value) in optional {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            shown[key] = value.into();
        }
    }
    shown
}

fn list(asked: &mut Asked<'_>) -> Answered {
    let decode = |refused: Reply| prefixed(refused, 400, "invalid", DECODE);
    let org_id = asked.org_asked().map_err(decode)?;
    let given = |key: &str| asked.request.query(key).map(str::to_owned);
    let limit = match given("limit") {
        None => 100,
        Some(text) => text.parse::<usize>().map_err(|_| {
            let why = format!("strconv.Atoi: parsing {text:?}: invalid syntax");
            decode(invalid(&why))
        })?,
    };
    if !(1..=500).contains(&limit) {
        return Err(decode(invalid("limit must be between 1 and 500")));
    }
    let after = given("after").unwrap_or_default();
    if !after.is_empty() {
        id_of(&after).map_err(decode)?;
    }
    assert!(given("type").is_none(), "the fake does not know type=");
    let (name, status) = (given("name"), given("status"));
    let wanted = |id: &str, task: &Task| {
        let state = if task.is_active { "active" } else { "inactive" };
        id > after.as_str()
            && org_id.as_ref().is_none_or(|id| *id == task.org_id)
            && name.as_ref().is_none_or(|name| *name == task.options.name)
            && status.as_ref().is_none_or(|status| status == state)
            && asked.may("read", &Resource::one("tasks", &task.org_id, id))
    };
    let all = asked.store.tasks.iter();
    let page: Vec<Value> = all
        .filter(|(id, task)| wanted(id, task))
        .take(limit)
        .map(|(id, task)| shown(asked.store, id, task))
        .collect();
    let org = given("org").map(|name| format!("&org={name}"));
    let link = |after: Option<&str>| {
        let after = after.map(|id| format!("after={id}&")).unwrap_or_default();
        let org_id = org_id.as_ref().map(|id| format!("&orgID={id}"));
        let (org, org_id) = (org.clone().unwrap_or_default(), org_id.unwrap_or_default());
        Value::from(format!("/api/v2/tasks?{after}limit={limit}{org}{org_id}"))
    };
    let mut links = json!({ "self": link(Some(after.as_str()).filter(|id| !id.is_empty())) });
    if page.len() == limit {
        links["next"] = link(page.last().and_then(|task| task["id"].as_str()));
    }
    Ok(ok(200, &json!({ "links": links, "tasks": page })))
}

fn status(body: &Value) -> Result<Option<bool>, Reply> {
    match body["status"].as_str() {
        None | Some("") => Ok(None),
        Some("active") => Ok(Some(true)),
        Some("inactive") => Ok(Some(false)),
        Some(other) => {
            let message = format!("{DECODE}invalid task status: {other:?}");
            Err(invalid(&message))
        }
    }
}

fn create(asked: &mut Asked<'_>) -> Answered {
    let body = asked.json(DECODE)?;
    let flux = text(&body["flux"]);
    if flux.is_empty() {
        return Err(invalid(&format!("{DECODE}missing flux")));
    }
    let status = status(&body)?;
    let org_id = org_of(asked, &body)?;
    if !asked.may("write", &Resource::all("tasks", &org_id)) {
        let message = "failed to create task: unauthorized";
        return Err(Reply::error(500, "internal error", message));
    }
    let options = task_options(flux).map_err(|why| invalid(&format!("invalid options: {why}")))?;
    let task = Task {
        org_id,
        flux: flux.to_owned(),
        options,
        is_active: status.unwrap_or(true),
        description: text(&body["description"]).to_owned(),
        created_ns: asked.now_ns,
        updated_ns: None,
        latest_scheduled_ns: asked.now_ns,
        latest_completed_ns: asked.now_ns,
        last_run: None,
        runs: Vec::new(),
    };
    let id = asked.store.new_id();
    let shown = shown(asked.store, &id, &task);
    asked.store.tasks.insert(id, task);
    Ok(ok(201, &shown))
}

fn org_of(asked: &Asked<'_>, body: &Value) -> Result<String, Reply> {
    let identify = |refused| {
        prefixed(
            refused,
            404,
            "not found",
            "could not identify organization: ",
        )
    };
    match (text(&body["orgID"]), text(&body["org"])) {
        ("", "") => Err(invalid(&format!("{DECODE}missing orgID and org"))),
        ("", name) => asked.org_named(name).map_err(identify),
        (id, _) if asked.org_name(id).is_some() => Ok(id.to_owned()),
        _ => Err(identify(not_found("organization not found"))),
    }
}

/// A description alone is no content.
fn change(asked: &mut Asked<'_>, id: &str) -> Answered {
    let body = asked.json(DECODE)?;
    for key in ["name", "every", "cron", "offset"] {
        assert!(body[key].is_null(), "the fake does not rewrite Flux: {key}");
    }
    let (flux, status) = (body["flux"].as_str(), status(&body)?);
    if flux.is_none() && status.is_none() {
        let message = format!("{DECODE}cannot update task without content");
        return Err(invalid(&message));
    }
    let before = "failed to update task: ";
    let mut task = find(asked, id, "write", internal(before))?;
    if let Some(flux) = flux {
        task.options = task_options(flux).map_err(|why| {
            // A script that cannot be read is a fault of the server's own here.
            if why.starts_with("loc ") {
                Reply::error(500, "internal error", &format!("{before}{why}"))
            } else {
                invalid(&format!("{before}invalid options: {why}"))
            }
        })?;
        task.flux = flux.to_owned();
    }
    if let Some(description) = body["description"].as_str() {
        task.description = description.to_owned();
    }
    if let Some(is_active) = status {
        // From inactive to active it starts from now: what was missed stays missed.
        if is_active && !task.is_active {
            task.latest_scheduled_ns = asked.now_ns;
            task.latest_completed_ns = asked.now_ns;
        }
        task.is_active = is_active;
    }
    task.updated_ns = Some(asked.now_ns);
    let shown = shown(asked.store, id, &task);
    asked.store.tasks.insert(id.to_owned(), task);
    Ok(ok(200, &shown))
}
