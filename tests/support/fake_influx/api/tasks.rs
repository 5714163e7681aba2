//! `/api/v2/tasks` (v2.9.1 `http/task_service.go`). Nothing runs by itself: tests run ticks.

use serde_json::{Value, json};

use super::super::flux::eval::{Run, run, task_options};
use super::super::reply::Reply;
use super::{Answered, Asked, not_found, number, ok};

/// A task.
#[derive(Debug, Clone, Default)]
pub struct Task {
    pub org_id: String,
    pub flux: String,
    pub status: String,
    pub description: String,
    pub runs: Vec<Value>,
}

pub fn answer(asked: &mut Asked<'_>, parts: &[&str]) -> Answered {
    match (asked.request.method.as_str(), parts) {
        ("GET", []) => list(asked),
        ("POST", []) => create(asked),
        ("PATCH", [id]) => change(asked, id),
        ("DELETE", [id]) => {
            if asked.is_operator() && asked.store.tasks.remove(*id).is_some() {
                return Ok(Reply::no_content());
            }
            Err(not_found("failed to delete task: task not found"))
        }
        ("GET", [id]) => {
            if !asked.is_operator() {
                return Err(not_found("failed to find task: unauthorized"));
            }
            let task = find(asked, id)?.clone();
            Ok(ok(200, &shown(id, &task)))
        }
        ("GET", [id, "runs"]) => {
            if !asked.is_operator() {
                let message = "failed to find runs: unauthorized";
                return Err(Reply::error(500, "internal error", message));
            }
            let runs = find(asked, id)?.runs.clone();
            Ok(ok(200, &json!({ "runs": runs })))
        }
        ("POST", [id, "runs"]) => run_by_hand(asked, id),
        _ => Err(not_found("path not found")),
    }
}

fn find<'a>(asked: &'a mut Asked<'_>, id: &str) -> Result<&'a mut Task, Reply> {
    if !asked.is_operator() {
        return Err(not_found("failed to find task: task not found"));
    }
    let task = asked.store.tasks.get_mut(id);
    task.ok_or_else(|| not_found("failed to find task: task not found"))
}

fn shown(id: &str, task: &Task) -> Value {
    let name = task_options(&task.flux).map(|(name, ..)| name);
    let mut shown = json!({
        "id": id, "orgID": task.org_id, "name": name.unwrap_or_default(), "flux": task.flux,
        "status": task.status, "description": task.description,
    });
    if let Some(last) = task.runs.first() {
        shown["lastRunStatus"] = last["status"].clone();
        shown["lastRunError"] = last["error"].clone();
    }
    if shown["lastRunError"].is_null() {
        shown
            .as_object_mut()
            .expect("an object")
            .remove("lastRunError");
    }
    shown
}

fn list(asked: &mut Asked<'_>) -> Answered {
    let (_, org_id) = asked.org()?;
    let limit = number(asked.request, "limit", 100);
    if !(1..=500).contains(&limit) {
        return Err(Reply::error(
            400,
            "invalid",
            "failed to decode request: limit must be between 1 and 500",
        ));
    }
    let after = asked.request.query("after").unwrap_or_default();
    let all =
        asked.store.tasks.iter().filter(|(id, task)| {
            asked.is_operator() && task.org_id == org_id && id.as_str() > after
        });
    let page: Vec<Value> = all.take(limit).map(|(id, task)| shown(id, task)).collect();
    Ok(ok(200, &json!({ "links": {}, "tasks": page })))
}

fn checked(flux: &str) -> Result<(), Reply> {
    let (name, ..) = task_options(flux).map_err(|why| Reply::error(400, "invalid", &why))?;
    if name.contains("${") {
        return Err(Reply::error(400, "invalid", "invalid options: bad name"));
    }
    Ok(())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn create(asked: &mut Asked<'_>) -> Answered {
    let body = asked.json()?;
    if !asked.is_operator() {
        let message = "failed to create task: unauthorized";
        return Err(Reply::error(500, "internal error", message));
    }
    let task = Task {
        org_id: text(&body["orgID"]).unwrap_or_default(),
        flux: text(&body["flux"]).unwrap_or_default(),
        status: text(&body["status"]).unwrap_or("active".to_owned()),
        description: text(&body["description"]).unwrap_or_default(),
        runs: Vec::new(),
    };
    checked(&task.flux)?;
    let id = asked.store.new_id();
    let shown = shown(&id, &task);
    asked.store.tasks.insert(id, task);
    Ok(ok(201, &shown))
}

fn change(asked: &mut Asked<'_>, id: &str) -> Answered {
    let body = asked.json()?;
    let task = find(asked, id)?;
    if let Some(flux) = text(&body["flux"]) {
        checked(&flux)?;
        task.flux = flux;
    }
    if let Some(status) = text(&body["status"]) {
        task.status = status;
    }
    if let Some(description) = text(&body["description"]) {
        task.description = description;
    }
    Ok(ok(200, &shown(id, task)))
}

fn run_by_hand(asked: &mut Asked<'_>, id: &str) -> Answered {
    let body = asked.json()?;
    let scheduled = text(&body["scheduledFor"]).unwrap_or_default();
    let time: jiff::Timestamp = scheduled
        .parse()
        .map_err(|_| Reply::error(400, "invalid", "scheduledFor is no time"))?;
    let task = find(asked, id)?;
    if task.status != "active" {
        let message = "failed to force run: inactive task";
        return Err(Reply::error(400, "invalid", message));
    }
    let flux = task.flux.clone();
    let real_ns = asked.now_ns;
    let outcome = run(
        &flux,
        &mut Run {
            store: asked.store,
            token: None,
            now_ns: i64::try_from(time.as_nanosecond()).expect("a near year"),
            real_ns,
        },
    );
    let (status, error) = match outcome {
        Ok(_) => ("success", Value::Null),
        Err((_, message)) => ("failed", Value::from(message)),
    };
    let done = json!({ "scheduledFor": scheduled, "status": status, "error": error, "taskID": id });
    find(asked, id)?.runs.insert(0, done.clone());
    Ok(ok(201, &done))
}
