//! What a set-up has planned and done, for programs.

use serde::Serialize;

use super::plan::Plan;

/// The answer of `setup`.
#[derive(Debug, Serialize)]
pub struct SetupAnswer<'a> {
    /// Whether it was done, or only planned.
    applied: bool,
    actions: Vec<ActionAnswer>,
    /// What is there and right, for people.
    kept: &'a [String],
    conflicts: Vec<ConflictAnswer<'a>>,
    shared_meters: Vec<OverlapAnswer<'a>>,
    /// A token that was made and is shown only this once.
    read_token: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ActionAnswer {
    kind: &'static str,
    what: String,
}

#[derive(Debug, Serialize)]
struct ConflictAnswer<'a> {
    task: &'a str,
    name: &'a str,
    bucket: &'a str,
}

#[derive(Debug, Serialize)]
struct OverlapAnswer<'a> {
    installation: &'a str,
    token: &'a str,
    meters: &'a [String],
}

impl<'a> SetupAnswer<'a> {
    /// The answer.
    pub fn new(plan: &'a Plan, applied: bool, read_token: Option<&'a str>) -> SetupAnswer<'a> {
        let actions = plan.actions.iter().map(|action| ActionAnswer {
            kind: action.kind(),
            what: action.to_string(),
        });
        let conflicts = plan.conflicts.iter().map(|conflict| ConflictAnswer {
            task: &conflict.id,
            name: &conflict.name,
            bucket: &conflict.bucket,
        });
        let overlaps = plan.overlaps.iter().map(|overlap| OverlapAnswer {
            installation: &overlap.installation,
            token: &overlap.token,
            meters: &overlap.meters,
        });
        SetupAnswer {
            applied,
            actions: actions.collect(),
            kept: &plan.kept,
            conflicts: conflicts.collect(),
            shared_meters: overlaps.collect(),
            read_token,
        }
    }
}
