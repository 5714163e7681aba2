//! What is there, what is wanted, and what is to be done about it. Pure.

pub use super::action::{Action, days};
use super::inspect::Inventory;
use super::mark::{self, MarkRole, Series};
use super::sharing::{self, Other, Overlap};
use super::tasks;
use crate::config::{Downsampling, InfluxSettings};
use crate::influx::management::{Authorization, Permission, Task};
use crate::model::{Tier, View};

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
    /// The ids of the tokens' entries that were made here. Others may bear the same mark: a copy of this
    /// installation made them before it had an id of its own.
    pub tokens: &'a [String],
    /// The names of our meters.
    pub meters: &'a [String],
    /// The authorization whose token `run` has, if it has one for this server.
    pub writer_id: Option<&'a str>,
    /// Foreign tasks that write into our buckets are to be stopped.
    pub take_over: bool,
    /// A new token for reading, whether or not there is one.
    pub new_read_token: bool,
}

impl Wanted<'_> {
    /// How long a bucket is to keep its points, in seconds; 0: for ever.
    pub fn retention_s(&self, level: Tier) -> u64 {
        let days = match level {
            Tier::Raw => Some(self.raw_retention_d),
            Tier::View(view) => view.retention_d(),
        };
        u64::from(days.unwrap_or(0)) * S_PER_DAY
    }

    /// What we write.
    pub fn series(&self) -> Series {
        Series {
            measurement: self.influx.measurement.clone(),
            meters: self.meters.to_vec(),
        }
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
    /// Meters that another installation writes into the same buckets, too.
    pub overlaps: Vec<Overlap>,
    /// All four buckets are there.
    pub buckets_exist: bool,
}

/// Makes the plan.
pub fn plan(look: &Inventory, wanted: &Wanted<'_>) -> Plan {
    let mut plan = Plan::default();
    let others = sharing::others(look, wanted.influx, wanted.installation);
    plan.overlaps = sharing::overlaps(&others, &wanted.series());
    let bucket_ids = plan_buckets(look, wanted, &others, &mut plan);
    plan_tasks(look, wanted, &mut plan);
    plan_conflicts(look, wanted, &mut plan);
    plan_tokens(look, wanted, bucket_ids.as_deref(), &mut plan);
    // Last of all: whatever fails before it, the token that is shown only once has been shown.
    plan.actions
        .sort_by_key(|action| matches!(action, Action::CreateReader { .. }));
    plan
}

/// The ids of the four buckets; None: one of them is to be made.
fn plan_buckets(
    look: &Inventory,
    wanted: &Wanted<'_>,
    others: &[Other],
    plan: &mut Plan,
) -> Option<Vec<String>> {
    let mut ids = Vec::new();
    for level in Tier::ALL {
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
        } else if let Some(other) = sharing::keeps_longer(others, level, bucket, retention_s) {
            plan.kept.push(format!(
                "bucket \"{name}\" exists, kept {} and not {}: installation {other} writes into it, too",
                days(bucket.retention_s),
                days(retention_s)
            ));
        } else {
            plan.actions.push(Action::SetRetention {
                id: bucket.id.clone(),
                name: name.to_owned(),
                from_s: bucket.retention_s,
                to_s: retention_s,
            });
        }
    }
    plan.buckets_exist = ids.len() == Tier::ALL.len();
    plan.buckets_exist.then_some(ids)
}

/// Things that bear our mark with this role.
fn is_ours(description: &str, wanted: &Wanted<'_>, role: MarkRole) -> bool {
    mark::read(description) == Some((wanted.installation, role))
}

fn plan_tasks(look: &Inventory, wanted: &Wanted<'_>, plan: &mut Plan) {
    for view in View::ALL {
        let role = MarkRole::Task(view);
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

fn plan_conflicts(look: &Inventory, wanted: &Wanted<'_>, plan: &mut Plan) {
    plan.conflicts = conflicts(look, wanted.influx);
    if wanted.take_over {
        let deactivate = plan.conflicts.iter().map(|conflict| Action::Deactivate {
            id: conflict.id.clone(),
            name: conflict.name.clone(),
        });
        plan.actions.extend(deactivate);
    }
}

/// Active tasks that no PowerLogger has made and that write into one of the four buckets.
pub fn conflicts(look: &Inventory, influx: &InfluxSettings) -> Vec<Conflict> {
    let writers = foreign_writers(look, influx).into_iter();
    let active = writers.filter(|(task, _)| task.is_active());
    active
        .map(|(task, bucket)| Conflict {
            id: task.id.clone(),
            name: task.name.clone(),
            bucket: bucket.to_owned(),
        })
        .collect()
}

/// Foreign tasks that write into one of our buckets or have done so, with its name. Those of another PowerLogger are
/// none: they count the same windows from the same points, so that it does not matter whose comes last.
pub fn foreign_writers<'a>(
    look: &'a Inventory,
    influx: &'a InfluxSettings,
) -> Vec<(&'a Task, &'a str)> {
    let foreign = look
        .tasks
        .iter()
        .filter(|task| mark::read(&task.description).is_none());
    foreign
        .filter_map(|task| {
            let level = *sharing::written_by(task, look, influx).first()?;
            Some((task, influx.bucket(level)))
        })
        .collect()
}

/// What a token of ours may do with the four buckets.
pub fn permissions(role: MarkRole, bucket_ids: &[String]) -> Vec<Permission> {
    let actions: &[&str] = match role {
        MarkRole::Writer => &["read", "write"],
        MarkRole::Reader | MarkRole::Task(_) => &["read"],
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

fn plan_tokens(
    look: &Inventory,
    wanted: &Wanted<'_>,
    bucket_ids: Option<&[String]>,
    plan: &mut Plan,
) {
    let of_role = |role| {
        let ours = look.authorizations.iter();
        let ours = ours.filter(move |entry| is_ours(&entry.description, wanted, role));
        ours.collect::<Vec<&Authorization>>()
    };
    plan_writer(&of_role(MarkRole::Writer), wanted, bucket_ids, plan);
    plan_readers(of_role(MarkRole::Reader), wanted, bucket_ids, plan);
}

/// Whether a token's entry is in force, and for the four buckets and nothing else.
fn is_good(entry: &Authorization, role: MarkRole, bucket_ids: Option<&[String]>) -> bool {
    let permissions = bucket_ids.map(|ids| permissions(role, ids));
    entry.active && Some(&entry.permissions) == permissions.as_ref()
}

/// Deletes a token that is replaced, if it was made here. What a copy of this installation uses may bear the same mark.
fn replace(entry: &Authorization, role: &'static str, wanted: &Wanted<'_>, plan: &mut Plan) {
    let id = &entry.id;
    if wanted.tokens.contains(id) || wanted.writer_id == Some(id) {
        plan.actions.push(Action::DeleteToken {
            id: id.clone(),
            role,
            why: "it is replaced",
        });
    } else {
        plan.kept.push(format!(
            "a {role} token ({id}) that is not known to be made here: delete it in InfluxDB if nothing uses it"
        ));
    }
}

fn plan_writer(
    writers: &[&Authorization],
    wanted: &Wanted<'_>,
    bucket_ids: Option<&[String]>,
    plan: &mut Plan,
) {
    let current = writers
        .iter()
        .find(|entry| Some(entry.id.as_str()) == wanted.writer_id);
    let keep = current.filter(|entry| is_good(entry, MarkRole::Writer, bucket_ids));
    match (current, keep) {
        (_, Some(entry)) => {
            plan.kept
                .push("the writer token is as it should be".to_owned());
            let series = wanted.series();
            if entry.description != mark::describe_writer(wanted.installation, &series) {
                let id = entry.id.clone();
                plan.actions.push(Action::DescribeWriter { id });
            }
        }
        (Some(_), None) => plan.actions.push(Action::CreateWriter {
            why: "the one there is not for these buckets, or is inactive",
        }),
        (None, None) => plan.actions.push(Action::CreateWriter {
            why: "there is none that `run` has",
        }),
    }
    let replaced = writers
        .iter()
        .filter(|entry| Some(**entry) != keep.copied());
    for entry in replaced {
        replace(entry, "writer", wanted, plan);
    }
}

fn plan_readers(
    readers: Vec<&Authorization>,
    wanted: &Wanted<'_>,
    bucket_ids: Option<&[String]>,
    plan: &mut Plan,
) {
    let (good, bad): (Vec<_>, Vec<_>) = readers
        .into_iter()
        .partition(|entry| is_good(entry, MarkRole::Reader, bucket_ids));
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
        replace(entry, "read-only", wanted, plan);
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
