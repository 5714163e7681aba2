//! Runs of tasks: by hand, and at their ticks (v2.9.1 `task/backend/`).

use serde_json::{Value, json};

use super::super::queries::{Run, run};
use super::super::store::Store;
use super::tasks::{Task, find, internal};
use super::{
    Answered, Asked, id_of, invalid, not_allowed, not_found, ok, prefixed, text, time, time_s,
};

/// A run that is over.
#[derive(Debug, Clone)]
pub struct Finished {
    id: String,
    pub scheduled_ns: i64,
    started_ns: i64,
    by_hand: bool,
    /// None: it succeeded.
    pub error: Option<String>,
}

impl Finished {
    /// The server's word for how it went.
    pub fn status(&self) -> &'static str {
        if self.error.is_some() {
            "failed"
        } else {
            "success"
        }
    }

    fn shown(&self, task_id: &str, task: &Task) -> Value {
        let at = time(self.started_ns);
        let mut said = vec![
            format!("Started task from script: {:?}", task.flux),
            format!("Completed({})", self.status()),
        ];
        if let Some(error) = &self.error {
            said.push(error.clone());
            let unrecoverable = "Task encountered unrecoverable error, requires admin action: ";
            said.push(format!("{unrecoverable}{error}"));
        }
        let line = |message: &String| json!({ "runID": self.id, "time": at, "message": message });
        let log: Vec<Value> = said.iter().map(line).collect();
        let mut shown = json!({
            "id": self.id, "taskID": task_id, "status": self.status(),
            "scheduledFor": time_s(self.scheduled_ns), "startedAt": at, "finishedAt": at,
            "log": log, "links": links(task_id, &self.id),
        });
        if self.by_hand {
            shown["requestedAt"] = time_s(self.started_ns).into();
        }
        shown
    }
}

fn links(task_id: &str, id: &str) -> Value {
    let path = format!("/api/v2/tasks/{task_id}");
    json!({
        "self": format!("{path}/runs/{id}"), "task": path,
        "logs": format!("{path}/runs/{id}/logs"), "retry": format!("{path}/runs/{id}/retry"),
    })
}

const DECODE: &str = "failed to decode request: ";

pub fn answer(asked: &mut Asked<'_>, task_id: &str, parts: &[&str]) -> Answered {
    match (asked.request.method.as_str(), parts) {
        ("GET", []) => list(asked, task_id),
        ("POST", []) => by_hand(asked, task_id),
        ("GET", [id]) => {
            let before = "failed to find run: ";
            let task = find(asked, task_id, "read", internal(before))?;
            let id = id_of(id).map_err(|refused| prefixed(refused, 400, "invalid", DECODE))?;
            let found = task.runs.iter().find(|run| run.id == id);
            let found = found.ok_or_else(|| not_found(&format!("{before}run not found")))?;
            Ok(ok(200, &found.shown(task_id, &task)))
        }
        (_, [] | [_]) => Err(not_allowed()),
        _ => Err(not_found("path not found")),
    }
}

fn list(asked: &mut Asked<'_>, task_id: &str) -> Answered {
    for key in ["after", "afterTime", "beforeTime"] {
        let given = asked.request.query(key);
        assert!(given.is_none(), "the fake does not know {key}=");
    }
    let limit = asked.request.query("limit").unwrap_or("100");
    let limit = limit.parse().unwrap_or(0);
    if !(1..=500).contains(&limit) {
        let why = "run limit is out of bounds, must be between 1 and 500";
        return Err(invalid(&format!("{DECODE}{why}")));
    }
    let task = find(asked, task_id, "read", internal("failed to find runs: "))?;
    let mut runs: Vec<&Finished> = task.runs.iter().collect();
    runs.sort_by(|a, b| (b.scheduled_ns, &b.id).cmp(&(a.scheduled_ns, &a.id)));
    let runs = runs.iter().take(limit);
    let runs: Vec<Value> = runs.map(|run| run.shown(task_id, &task)).collect();
    let links = json!({
        "self": format!("/api/v2/tasks/{task_id}/runs"), "task": format!("/api/v2/tasks/{task_id}"),
    });
    Ok(ok(200, &json!({ "links": links, "runs": runs })))
}

/// The answer says `scheduled`, as the real one does; here the run is over by the next request.
fn by_hand(asked: &mut Asked<'_>, task_id: &str) -> Answered {
    let body = if asked.request.body.is_empty() {
        Value::Null
    } else {
        asked.json(DECODE)?
    };
    let scheduled_ns = match text(&body["scheduledFor"]) {
        "" => asked.now_ns,
        text => {
            let time: jiff::Timestamp = text
                .parse()
                .map_err(|_| invalid(&format!("{DECODE}parsing time {text:?}")))?;
            i64::try_from(time.as_nanosecond()).expect("a near year")
        }
    };
    let before = "failed to force run: ";
    let task = find(asked, task_id, "write", internal(before))?;
    if !task.is_active {
        return Err(invalid(&format!("{before}inactive task")));
    }
    // Whole seconds only.
    let scheduled_ns = scheduled_ns - scheduled_ns.rem_euclid(1_000_000_000);
    let (now_ns, store) = (asked.now_ns, &mut *asked.store);
    let done = carry_out(store, task_id, scheduled_ns, now_ns, true);
    let queued = json!({
        "id": done.id, "taskID": task_id, "status": "scheduled",
        "scheduledFor": time_s(scheduled_ns), "requestedAt": time(now_ns),
        "links": links(task_id, &done.id),
    });
    Ok(ok(201, &queued))
}

/// Runs a task with now() = the time that it is scheduled for, whatever the time is.
fn carry_out(
    store: &mut Store,
    task_id: &str,
    scheduled_ns: i64,
    real_ns: i64,
    by_hand: bool,
) -> Finished {
    let flux = store.tasks[task_id].flux.clone();
    let run_id = store.new_id();
    let outcome = run(
        &flux,
        &mut Run {
            store,
            // With the rights of its owner, who has them all, not of the token that made it.
            token: None,
            now_ns: scheduled_ns,
            real_ns,
        },
    );
    let error = match outcome {
        Ok(outcome) => outcome.error,
        Err(failed) => Some(failed.message),
    };
    let done = Finished {
        id: run_id,
        scheduled_ns,
        started_ns: real_ns,
        by_hand,
        error: error.map(|why| format!("error exhausting result iterator: {why}")),
    };
    let task = store
        .tasks
        .get_mut(task_id)
        .expect("it does not delete itself");
    task.latest_completed_ns = task.latest_completed_ns.max(scheduled_ns);
    task.last_run = Some(done.clone());
    task.runs.push(done.clone());
    done
}

impl Store {
    /// Runs each active task at each of its ticks up to now, in the order in which they fall due:
    /// at a multiple of its `every`, plus its `offset`, with now() = the tick. Says how many.
    pub fn tick_tasks(&mut self, now_ns: i64) -> usize {
        let mut count = 0;
        loop {
            let due = self.tasks.iter().filter(|(_, task)| task.is_active);
            let due = due.map(|(id, task)| {
                let options = &task.options;
                assert!(options.cron.is_empty(), "the fake does not know cron");
                let latest_ns = task.latest_scheduled_ns;
                let tick_ns = latest_ns - latest_ns.rem_euclid(options.every_ns) + options.every_ns;
                (tick_ns + options.offset_ns, tick_ns, id.clone())
            });
            let next = due.filter(|(due_ns, ..)| *due_ns <= now_ns).min();
            let Some((due_ns, tick_ns, id)) = next else {
                return count;
            };
            let task = self.tasks.get_mut(&id).expect("just found");
            task.latest_scheduled_ns = tick_ns;
            carry_out(self, &id, tick_ns, due_ns, false);
            count += 1;
        }
    }

    /// What a start of the server does to its tasks: all that fell due meanwhile is forgotten, and
    /// the last tick looks as if it had been completed now.
    pub fn skip_ticks(&mut self, now_ns: i64) {
        for task in self.tasks.values_mut().filter(|task| task.is_active) {
            task.latest_scheduled_ns = now_ns;
            task.latest_completed_ns = now_ns;
        }
    }
}
