//! With what settings the daemon that has the journal runs: for commands that look at it from outside.

use std::collections::BTreeMap;

use rusqlite::OptionalExtension;

use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::{JournalError, OpContext};

/// Settings by key, without secrets.
pub type NotedSettings = BTreeMap<String, String>;

/// Where they are kept.
const KEY: &str = "settings";

impl Journal {
    /// Notes them, if they are others than those noted before, which are returned.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn note_settings(&self, now: &NotedSettings) -> Result<NotedSettings, JournalError> {
        let before = noted(&self.connection)?;
        if before != *now {
            let text = serde_json::to_string(now).expect("texts by texts");
            self.connection
                .execute(
                    "INSERT OR REPLACE INTO journal VALUES (?1, ?2)",
                    (KEY, text),
                )
                .op("keep the settings")?;
        }
        Ok(before)
    }
}

impl Reader {
    /// What the last daemon noted; empty: nothing yet.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn noted_settings(&self) -> Result<NotedSettings, JournalError> {
        noted(&self.connection)
    }
}

fn noted(connection: &rusqlite::Connection) -> Result<NotedSettings, JournalError> {
    let text: Option<String> = connection
        .query_row("SELECT value FROM journal WHERE key = ?1", [KEY], |row| {
            row.get(0)
        })
        .optional()
        .op("read the settings")?;
    // What another version has noted in another form says nothing.
    Ok(text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::WallNs;

    #[test]
    fn what_is_noted_is_read_beside_the_daemon() {
        let dir = tempfile::tempdir().unwrap();
        let meters = ["Import".to_owned()];
        let journal = Journal::open(dir.path(), &meters, "boot", WallNs(0)).unwrap();
        let reader = Reader::open(dir.path()).unwrap();
        assert_eq!(reader.noted_settings().unwrap(), NotedSettings::new());
        let one = NotedSettings::from([("influx.host".to_owned(), "http://db".to_owned())]);
        let two = NotedSettings::from([("influx.off".to_owned(), "why".to_owned())]);
        assert_eq!(journal.note_settings(&one).unwrap(), NotedSettings::new());
        assert_eq!(journal.note_settings(&two).unwrap(), one);
        assert_eq!(reader.noted_settings().unwrap(), two);
    }
}
