//! One thing to do on a server, and how it is told.

use std::fmt;

use crate::model::View;

const S_PER_DAY: u64 = 86_400;

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
    /// Stop the task of another program that writes into our buckets.
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
    /// Write to the entry of the token of `run` which series it is for.
    DescribeWriter {
        /// The id of its entry.
        id: String,
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
            Action::DescribeWriter { .. } => "describe_writer_token",
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
            Action::DescribeWriter { .. } => {
                write!(f, "write the meters' names to the writer token's entry")
            }
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
