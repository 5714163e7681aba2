//! The status as it is answered: the snapshot, what is not as it should be, and where all of it lies.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::WallNs;
use crate::status::line::Daemon;
use crate::status::{Condition, Status};

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusAnswer {
    /// The snapshot.
    #[serde(flatten)]
    pub status: Status,
    /// Whether a daemon runs; None: the caller has no right to see it.
    pub running: Option<bool>,
    /// What is not as it should be.
    pub conditions: Vec<ConditionAnswer>,
    /// The journal's directory.
    pub journal_dir: String,
    /// Files beside the journal that wait for `powerlogger import`.
    pub to_import: Vec<String>,
    /// The version of the daemon that answers; None: none does, as with the following.
    #[serde(default)]
    pub version: Option<String>,
    /// The commit that it was built from.
    #[serde(default)]
    pub commit: Option<String>,
    /// When it was started.
    #[serde(default)]
    pub started_ns: Option<WallNs>,
    /// What it has written to the disk since then, in bytes.
    #[serde(default)]
    pub written_bytes: Option<u64>,
}

/// A condition as it is answered: the JSON of [`Condition`], which a command reads back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConditionAnswer {
    /// Its machine word.
    pub word: String,
    /// The meter it is about; None: all of it.
    pub meter: Option<String>,
    /// What the word does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The whole text for people, of what the files say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How grave it is.
    pub severity: String,
    /// What is the matter, for people.
    pub sentence: String,
    /// What to do about it; empty where the sentence says it.
    pub remedy: String,
}

impl ConditionAnswer {
    /// The sentence and the remedy in one line.
    pub fn advice(&self) -> String {
        match self.remedy.as_str() {
            "" => self.sentence.clone(),
            remedy => format!("{}; {remedy}", self.sentence),
        }
    }
}

impl TryFrom<&Condition> for ConditionAnswer {
    type Error = serde_json::Error;

    fn try_from(condition: &Condition) -> Result<ConditionAnswer, serde_json::Error> {
        serde_json::from_value(serde_json::to_value(condition)?)
    }
}

impl StatusAnswer {
    /// The answer with this snapshot, of the journal in `dir`, whose directory is looked at.
    ///
    /// # Errors
    /// When a condition has a form that its answer has not: never, by the tests.
    pub fn of(status: Status, dir: &Path) -> serde_json::Result<StatusAnswer> {
        let running = match status.daemon {
            Daemon::Running => Some(true),
            Daemon::Stopped => Some(false),
            Daemon::Unseen => None,
        };
        let conditions = status.conditions();
        let conditions = conditions.iter().map(ConditionAnswer::try_from);
        let waiting = crate::import::waiting(dir).into_iter();
        Ok(StatusAnswer {
            running,
            conditions: conditions.collect::<Result<_, _>>()?,
            journal_dir: dir.display().to_string(),
            to_import: waiting.map(|path| path.display().to_string()).collect(),
            version: None,
            commit: None,
            started_ns: None,
            written_bytes: None,
            status,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Notice;

    #[test]
    fn a_condition_comes_back_as_it_was_sent() {
        let meter = || "Import".to_owned();
        for condition in [
            Condition::ClockUnknown,
            Condition::MeterSilent { meter: meter() },
            Condition::LineNotRead {
                meter: meter(),
                why: "busy".to_owned(),
            },
            Condition::Configuration(Notice::ConfigurationWrong("line 3".to_owned())),
        ] {
            let answer = ConditionAnswer::try_from(&condition).unwrap();
            assert_eq!(answer.advice(), condition.advice());
            let json = serde_json::to_value(&condition).unwrap();
            assert_eq!(serde_json::to_value(&answer).unwrap(), json);
        }
    }
}
