//! What is there, what is wanted, and what is to be done about it. Pure.

use std::fmt;

use super::inspect::Look;
use super::mark::{self, Role};
use super::tasks;
use crate::config::{Downsampling, InfluxSettings};
use crate::influx::management::{Authorization, Permission, Task};
use crate::rollup::{Level, View};

const S_PER_DAY: u64 = 86_400;

/// What is wanted.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The server, and the names on it.
    pub influx: &'a InfluxSettings,
    /// The retention of the raw bucket, in days.
    pub raw_retention_d: u32,
    /// Who we are.
    pub installation: &'a str,
    /// The authorization whose token `run` has, if it has one for this server.
    pub writer_id: Option<&'a str>,
    /// Foreign tasks that write into our buckets are to be stopped.
    pub take_over: bool,
    /// A new token for reading, whether or not there is one.
    pub new_read_token: bool,
}

impl Wanted<'_> {
    /// How long a bucket is to keep its points, in seconds; 0: for ever.
    pub fn retention_s(&self, level: Level) -> u64 {
        let days = match level {
            Level::Raw => Some(self.raw_retention_d),
            Level::View(view) => view.retention_d(),
        };
        u64::from(days.unwrap_or(0)) * S_PER_DAY
    }
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make a bucket.
    CreateBucket {
        /// Its name.
        name: String,
        /// How long it keeps its points, in seconds; 0: for ever.
        retention_s: u64,
    },
    /// Change how long a bucket keeps its points.
    SetRetention {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
        /// As it is.
        from_s: u64,
        /// As it is to be.
        to_s: u64,
    },
    /// Make a task.
    CreateTask {
        /// Its view.
        view: View,
    },
    /// Bring a task of ours back to what it is to be.
    RepairTask {
        /// Its view.
        view: View,
        /// Its id.
        id: String,
        /// What is wrong with it.
        why: String,
    },
    /// Delete a task of ours that there is one of already, or that is not wanted any more.
    DeleteTask {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// Stop somebody else's task that writes into our buckets.
    Deactivate {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
    },
    /// Make a token for `run` and keep it.
    CreateWriter {
        /// Why there must be a new one.
        why: &'static str,
    },
    /// Make a token for Grafana and show it.
    CreateReader {
        /// Why there must be a new one.
        why: &'static str,
    },
    /// Delete a token of ours.
    DeleteToken {
        /// The id of its entry.
        id: String,
        /// What it was for.
        role: &'static str,
        /// Why.
        why: &'static str,
    },
}

impl Action {
    /// Whether points are lost by it that the server would have kept.
    pub fn loses_data(&self) -> bool {
        matches!(self, Action::SetRetention { from_s, to_s, .. }
            if *to_s != 0 && (*from_s == 0 || to_s < from_s))
    }

    /// A machine word.
    pub fn kind(&self) -> &'static str {
        match self {
            Action::CreateBucket { .. } => "create_bucket",
            Action::SetRetention { .. } => "set_retention",
            Action::CreateTask { .. } => "create_task",
            Action::RepairTask { .. } => "repair_task",
            Action::DeleteTask { .. } => "delete_task",
            Action::Deactivate { .. } => "deactivate_task",
            Action::CreateWriter { .. } => "create_writer_token",
            Action::CreateReader { .. } => "create_read_token",
            Action::DeleteToken { .. } => "delete_token",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::CreateBucket { name, retention_s } => {
                write!(f, "create bucket \"{name}\", kept {}", days(*retention_s))
            }
            Action::SetRetention {
                name, from_s, to_s, ..
            } => {
                let (from, to) = (days(*from_s), days(*to_s));
                write!(
                    f,
                    "change the retention of bucket \"{name}\" from {from} to {to}"
                )?;
                if self.loses_data() {
                    write!(f, " (OLDER POINTS ARE DELETED)")?;
                }
                Ok(())
            }
            Action::CreateTask { view } => {
                write!(f, "create the task that counts {} windows", view.as_str())
            }
            Action::RepairTask { view, why, .. } => {
                write!(f, "repair the {} task: {why}", view.as_str())
            }
            Action::DeleteTask { name, why, .. } => write!(f, "delete task \"{name}\": {why}"),
            Action::Deactivate { name, id } => {
                write!(f, "deactivate the foreign task \"{name}\" ({id})")
            }
            Action::CreateWriter { why } => write!(f, "create the writer token: {why}"),
            Action::CreateReader { why } => write!(f, "create the read-only token: {why}"),
            Action::DeleteToken { role, why, .. } => write!(f, "delete a {role} token: {why}"),
        }
    }
}

/// A span of seconds in days.
pub fn days(seconds: u64) -> String {
    match seconds {
        0 => "for ever".to_owned(),
        s if s % S_PER_DAY == 0 => format!("{} d", s / S_PER_DAY),
        s => format!("{} s", s),
    }
}

/// A foreign task that writes into one of our buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The bucket it writes into.
    pub bucket: String,
}

/// What is to be done, and what is right as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// In this order.
    pub actions: Vec<Action>,
    /// Sentences about what is left alone.
    pub kept: Vec<String>,
    /// Foreign tasks in our way.
    pub conflicts: Vec<Conflict>,
    /// All four buckets are there.
    pub buckets_exist: bool,
}

/// Makes the plan.
pub fn plan(look: &Look, wanted: &Wanted<'_>) -> Plan {
    let mut plan = Plan::default();
    let bucket_ids = plan_buckets(look, wanted, &mut plan);
    plan_tasks(look, wanted, &mut plan);
    plan_conflicts(look, wanted, &mut plan);
    plan_tokens(look, wanted, bucket_ids.as_deref(), &mut plan);
    // Last of all: whatever fails before it, the token that is shown only once has been shown.
    plan.actions
        .sort_by_key(|action| matches!(action, Action::CreateReader { .. }));
    plan
}

/// The ids of the four buckets; None: one of them is to be made.
fn plan_buckets(look: &Look, wanted: &Wanted<'_>, plan: &mut Plan) -> Option<Vec<String>> {
    let mut ids = Vec::new();
    for level in Level::ALL {
        let (name, retention_s) = (wanted.influx.bucket(level), wanted.retention_s(level));
        let Some(bucket) = look.buckets.iter().find(|bucket| bucket.name == name) else {
            let name = name.to_owned();
            plan.actions
                .push(Action::CreateBucket { name, retention_s });
            continue;
        };
        ids.push(bucket.id.clone());
        if bucket.retention_s == retention_s {
            let kept = format!("bucket \"{name}\" exists, kept {}", days(retention_s));
            plan.kept.push(kept);
        } else {
            plan.actions.push(Action::SetRetention {
                id: bucket.id.clone(),
                name: name.to_owned(),
                from_s: bucket.retention_s,
                to_s: retention_s,
            });
        }
    }
    plan.buckets_exist = ids.len() == Level::ALL.len();
    plan.buckets_exist.then_some(ids)
}

/// Things that bear our mark with this role.
fn is_ours(description: &str, wanted: &Wanted<'_>, role: Role) -> bool {
    mark::read(description) == Some((wanted.installation, role))
}

fn plan_tasks(look: &Look, wanted: &Wanted<'_>, plan: &mut Plan) {
    for view in View::ALL {
        let role = Role::Task(view);
        let ours = look
            .tasks
            .iter()
            .filter(|task| is_ours(&task.description, wanted, role));
        let mut ours: Vec<&Task> = ours.collect();
        let delete = |task: &Task, why| Action::DeleteTask {
            id: task.id.clone(),
            name: task.name.clone(),
            why,
        };
        if wanted.influx.downsampling != Downsampling::Tasks {
            let why = "the configuration wants no tasks";
            plan.actions
                .extend(ours.iter().map(|task| delete(task, why)));
            continue;
        }
        let script = tasks::script(wanted.influx, view, wanted.installation);
        // The one that is right, if there is one, else the oldest.
        ours.sort_by_key(|task| (task.flux != script, !task.is_active(), task.id.clone()));
        let Some((keep, others)) = ours.split_first() else {
            plan.actions.push(Action::CreateTask { view });
            continue;
        };
        let why = match (keep.flux == script, keep.is_active()) {
            (true, true) => None,
            (true, false) => Some("it is inactive".to_owned()),
            (false, _) => Some("its script is another".to_owned()),
        };
        match why {
            None => plan
                .kept
                .push(format!("task \"{}\" is as it should be", keep.name)),
            Some(why) => {
                let id = keep.id.clone();
                plan.actions.push(Action::RepairTask { view, id, why });
            }
        }
        let why = "there is another one";
        plan.actions
            .extend(others.iter().map(|task| delete(task, why)));
    }
}

fn plan_conflicts(look: &Look, wanted: &Wanted<'_>, plan: &mut Plan) {
    plan.conflicts = conflicts(look, wanted.influx, wanted.installation);
    if wanted.take_over {
        let deactivate = plan.conflicts.iter().map(|conflict| Action::Deactivate {
            id: conflict.id.clone(),
            name: conflict.name.clone(),
        });
        plan.actions.extend(deactivate);
    }
}

/// Active tasks that are not ours and write into one of the four buckets.
pub fn conflicts(look: &Look, influx: &InfluxSettings, installation: &str) -> Vec<Conflict> {
    let writers = foreign_writers(look, influx, installation).into_iter();
    let active = writers.filter(|(task, _)| task.is_active());
    active
        .map(|(task, bucket)| Conflict {
            id: task.id.clone(),
            name: task.name.clone(),
            bucket: bucket.to_owned(),
        })
        .collect()
}

/// Foreign tasks that write into one of our buckets or have done so, with its name.
pub fn foreign_writers<'a>(
    look: &'a Look,
    influx: &'a InfluxSettings,
    installation: &str,
) -> Vec<(&'a Task, &'a str)> {
    let foreign = look.tasks.iter().filter(|task| {
        let whose = mark::read(&task.description).map(|(whose, _)| whose);
        whose != Some(installation)
    });
    foreign
        .filter_map(|task| {
            let bucket = Level::ALL.into_iter().find(|level| {
                let name = influx.bucket(*level);
                let bucket = look.buckets.iter().find(|bucket| bucket.name == name);
                tasks::writes_to(&task.flux, name, bucket.map(|bucket| bucket.id.as_str()))
            })?;
            Some((task, influx.bucket(bucket)))
        })
        .collect()
}

/// What a token of ours may do with the four buckets.
pub fn permissions(role: Role, bucket_ids: &[String]) -> Vec<Permission> {
    let actions: &[&str] = match role {
        Role::Writer => &["read", "write"],
        Role::Reader | Role::Task(_) => &["read"],
    };
    let mut permissions: Vec<Permission> = actions
        .iter()
        .flat_map(|action| {
            bucket_ids.iter().map(|id| Permission {
                action: (*action).to_owned(),
                kind: "buckets".to_owned(),
                id: Some(id.clone()),
            })
        })
        .collect();
    permissions.sort();
    permissions
}

fn plan_tokens(look: &Look, wanted: &Wanted<'_>, bucket_ids: Option<&[String]>, plan: &mut Plan) {
    let of_role = |role| {
        let ours = look.authorizations.iter();
        let ours = ours.filter(move |entry| is_ours(&entry.description, wanted, role));
        ours.collect::<Vec<&Authorization>>()
    };
    let is_good = |entry: &Authorization, role| {
        let permissions = bucket_ids.map(|ids| permissions(role, ids));
        entry.active && Some(&entry.permissions) == permissions.as_ref()
    };
    let delete = |entry: &Authorization, role, why| Action::DeleteToken {
        id: entry.id.clone(),
        role,
        why,
    };

    let writers = of_role(Role::Writer);
    let current = writers
        .iter()
        .find(|entry| Some(entry.id.as_str()) == wanted.writer_id);
    let keep = current.filter(|entry| is_good(entry, Role::Writer));
    match (current, keep) {
        (_, Some(_)) => plan
            .kept
            .push("the writer token is as it should be".to_owned()),
        (Some(_), None) => plan.actions.push(Action::CreateWriter {
            why: "the one there is not for these buckets, or is inactive",
        }),
        (None, None) => plan.actions.push(Action::CreateWriter {
            why: "there is none that `run` has",
        }),
    }
    for entry in writers
        .iter()
        .filter(|entry| Some(**entry) != keep.copied())
    {
        plan.actions.push(delete(entry, "writer", "it is replaced"));
    }

    let readers = of_role(Role::Reader);
    let (good, bad): (Vec<_>, Vec<_>) = readers
        .into_iter()
        .partition(|entry| is_good(entry, Role::Reader));
    match (good.is_empty(), bad.is_empty()) {
        _ if wanted.new_read_token => plan.actions.push(Action::CreateReader {
            why: "you asked for a new one",
        }),
        (false, _) => plan.kept.push(
            "the read-only token is as it should be (--new-read-token makes another)".to_owned(),
        ),
        (true, false) => plan.actions.push(Action::CreateReader {
            why: "the one there is not for these buckets, or is inactive",
        }),
        (true, true) => plan.actions.push(Action::CreateReader {
            why: "there is none",
        }),
    }
    let replaced = bad
        .iter()
        .chain(good.iter().filter(|_| wanted.new_read_token));
    for entry in replaced {
        plan.actions
            .push(delete(entry, "read-only", "it is replaced"));
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
