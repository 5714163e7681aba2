//! What there is in an organization, as the server tells it.

use serde::Deserialize;

/// What is known of an organization under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Organization {
    /// Its id.
    Found(String),
    /// There is none of that name.
    Missing,
    /// There is one, and the token may not see it.
    Hidden,
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its id: a bucket that is recreated has another.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How long points are kept, in seconds; 0: for ever.
    pub retention_s: u64,
}

/// A task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// Its name, out of the script's `option task`.
    pub name: String,
    /// The script.
    pub flux: String,
    /// `active` or `inactive`.
    pub status: String,
    /// Its description.
    pub description: String,
    /// `success`, `failed`, … of the last run; empty: none yet.
    pub last_run_status: String,
    /// Why the last run failed.
    pub last_run_error: String,
}

impl Task {
    /// Whether it runs.
    pub fn is_active(&self) -> bool {
        self.status == "active"
    }
}

/// A right on one bucket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// `read` or `write`.
    pub action: String,
    /// `buckets`, or another kind of thing.
    pub kind: String,
    /// Its id; None: all of the kind.
    pub id: Option<String>,
}

/// A token's entry. The token itself is told only once, when it is made (since 2.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Its id.
    pub id: String,
    /// Its description.
    pub description: String,
    /// Whether it is in force.
    pub active: bool,
    /// What it may do, in order.
    pub permissions: Vec<Permission>,
}
