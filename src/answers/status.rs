//! The status as it is answered: the snapshot, what is not as it should be, and where all of it lies.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::journal::JournalError;
use crate::journal::reader::Reader;
use crate::model::WallNs;
use crate::status::conditions::conditions;
use crate::status::line::Daemon;
use crate::status::{Status, Wanted};

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusAnswer {
    /// The snapshot.
    #[serde(flatten)]
    pub status: Status,
    /// Whether a daemon runs; None: whoever looks may not see it.
    pub running: Option<bool>,
    /// What is not as it should be.
    pub conditions: Vec<ConditionAnswer>,
    /// The journal's directory.
    pub journal_dir: String,
    /// Files beside the journal that wait for `powerlogger import`.
    pub to_import: Vec<String>,
}

/// Something that wants to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConditionAnswer {
    /// Its machine word.
    pub word: String,
    /// The meter it is about; None: all of it.
    pub meter: Option<String>,
    /// What is the matter, where the word does not say it all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// The whole text for people, of what the journal does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl StatusAnswer {
    /// Takes the answer from the journal in `dir`. `notices`: what is to be told beside it, a machine word and a text.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn take(
        reader: &mut Reader,
        wanted: Wanted<'_>,
        dir: &Path,
        notices: &[(&'static str, String)],
        at_ns: WallNs,
    ) -> Result<StatusAnswer, JournalError> {
        let status = Status::take(reader, wanted, at_ns)?;
        let running = match wanted.daemon {
            Daemon::Running => Some(true),
            Daemon::Stopped => Some(false),
            Daemon::Unseen => None,
        };
        let found = conditions(&status).into_iter();
        let found = found.map(|condition| ConditionAnswer {
            word: condition.word.to_owned(),
            meter: condition.meter,
            why: condition.why,
            text: None,
        });
        let told = notices.iter().map(|(word, text)| ConditionAnswer {
            word: (*word).to_owned(),
            meter: None,
            why: String::new(),
            text: Some(text.clone()),
        });
        let conditions = found.chain(told).collect();
        let waiting = crate::import::waiting(dir).into_iter();
        let to_import = waiting.map(|path| path.display().to_string()).collect();
        Ok(StatusAnswer {
            running,
            conditions,
            journal_dir: dir.display().to_string(),
            to_import,
            status,
        })
    }

    /// The texts of what the journal does not know.
    pub fn notices(&self) -> impl Iterator<Item = &str> {
        let conditions = self.conditions.iter();
        conditions.filter_map(|condition| condition.text.as_deref())
    }
}
