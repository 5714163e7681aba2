//! Of which kind a journal is: real pulses and simulated ones are never in one journal. A simulated one bears a mark
//! (the key `simulated` of the table `journal`), because stamps and numbers look alike.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::salvage::file::Foreign;
use crate::journal::{JournalError, OpContext};

/// In the place of a boot's id: what counts was made up by the simulated house, or read from a recording.
pub const SIMULATED_BOOT: &str = "simulated";

/// Whether it bears the mark.
const IS_MARKED: &str = "SELECT EXISTS (SELECT 1 FROM journal WHERE key = 'simulated')";

/// Whether it has ever held a pulse.
const HAS_PULSES: &str = "SELECT EXISTS (SELECT 1 FROM pulse) OR EXISTS (SELECT 1 FROM window)
    OR EXISTS (SELECT 1 FROM line WHERE pulses > 0)";

const MARK: &str = "INSERT OR IGNORE INTO journal VALUES ('simulated', 1)";

fn ask(connection: &Connection, select: &str) -> Result<bool, JournalError> {
    connection
        .query_row(select, [], |row| row.get(0))
        .op("be read")
}

/// What an opened journal is for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) enum Admitted {
    /// The run may write into it.
    Yes,
    /// It holds simulated pulses, and the run counts real ones.
    InTheWay,
}

/// Lets a run write into a journal of its kind. An empty one becomes of the kind of the run.
///
/// # Errors
/// When simulated pulses are to go into a journal that holds real ones.
pub(in crate::journal) fn admit(
    connection: &Connection,
    dir: &Path,
    boot_id: &str,
) -> Result<Admitted, JournalError> {
    let is_marked = ask(connection, IS_MARKED)?;
    if boot_id != SIMULATED_BOOT {
        // An import has no boot, and says itself what it brings.
        let in_the_way = is_marked && !boot_id.is_empty();
        return Ok(if in_the_way {
            Admitted::InTheWay
        } else {
            Admitted::Yes
        });
    }
    if !is_marked {
        if ask(connection, HAS_PULSES)? {
            let path = dir.to_owned();
            return Err(JournalError::HoldsReal { path });
        }
        connection.execute(MARK, []).op("be marked")?;
    }
    Ok(Admitted::Yes)
}

impl Reader {
    /// Whether the pulses in it are simulated, or come from a recording.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn is_simulated(&self) -> Result<bool, JournalError> {
        ask(&self.connection, IS_MARKED)
    }

    /// Whether it has ever held a pulse.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn has_pulses(&self) -> Result<bool, JournalError> {
        ask(&self.connection, HAS_PULSES)
    }
}

impl Journal {
    /// Marks it as one of simulated pulses.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn mark_simulated(&self) -> Result<(), JournalError> {
        self.connection.execute(MARK, []).op("be marked").map(drop)
    }
}

impl Foreign {
    /// Whether the pulses in it are simulated: by its mark, or, where that cannot be read or an earlier version has
    /// made it, by its clock segments.
    pub fn is_simulated(&self) -> bool {
        let by_mark = self
            .connection
            .query_row(IS_MARKED, [], |row| row.get::<_, bool>(0));
        let by_segments = || {
            let select =
                "SELECT min(boot_id = 'simulated') FROM clock_segment WHERE boot_id <> 'import'";
            let found = self
                .connection
                .query_row(select, [], |row| row.get::<_, Option<bool>>(0));
            found.optional().ok().flatten().flatten().unwrap_or(false)
        };
        by_mark.unwrap_or(false) || by_segments()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::db::open;

    const METERS: [&str; 1] = ["Import"];

    fn open(dir: &Path, boot_id: &str) -> Result<Journal, JournalError> {
        let names = METERS.map(str::to_owned);
        Journal::open(dir, &names, boot_id, 1_700_000_000_000_000_000)
    }

    fn count(journal: &Journal) {
        let insert =
            "INSERT INTO pulse (meter, segment, mono_ns, estimated) VALUES (1, 1, 1024, 0)";
        journal.connection.execute(insert, []).unwrap();
    }

    #[test]
    fn the_first_run_decides_of_which_kind_a_journal_is() {
        for (first, other) in [(SIMULATED_BOOT, "b0"), ("b0", SIMULATED_BOOT)] {
            let dir = tempfile::tempdir().unwrap();
            count(&open(dir.path(), first).unwrap());
            drop(open(dir.path(), "").unwrap());
            drop(open(dir.path(), first).unwrap());
            let simulated = || Reader::open(dir.path()).unwrap().is_simulated().unwrap();
            assert_eq!(simulated(), first == SIMULATED_BOOT);
            let opened = open(dir.path(), other);
            if other == SIMULATED_BOOT {
                assert_eq!(opened.unwrap_err().kind(), "holds_real");
                assert!(!simulated());
                continue;
            }
            // Counting depends on nothing: the simulated one goes aside.
            drop(opened.unwrap());
            let reader = Reader::open(dir.path()).unwrap();
            assert!(!reader.is_simulated().unwrap() && !reader.has_pulses().unwrap());
            let names = std::fs::read_dir(dir.path()).unwrap();
            let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let aside: Vec<String> = names
                .filter(|name| name.starts_with("journal.simulated-") && name.ends_with(".sqlite"))
                .collect();
            let foreign = Foreign::open(&dir.path().join(&aside[0])).unwrap();
            assert!(foreign.is_simulated());
        }
    }

    #[test]
    fn an_empty_journal_takes_both_kinds() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path(), "b0").unwrap());
        drop(open(dir.path(), SIMULATED_BOOT).unwrap());
        assert!(Reader::open(dir.path()).unwrap().is_simulated().unwrap());
    }

    #[test]
    fn a_journal_from_before_the_mark_is_known_by_its_segments() {
        for (boots, simulated) in [
            (&["simulated"][..], true),
            (&["simulated", "import"], true),
            (&["simulated", "b0"], false),
            (&["b0"], false),
            (&[], false),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let connection = open::open(dir.path(), 0).unwrap().connection;
            for boot in boots {
                let insert = "INSERT INTO clock_segment (boot_id, begins_ns, offset_ns, trust) VALUES (?1, 0, 0, 1)";
                connection.execute(insert, [boot]).unwrap();
            }
            connection
                .execute_batch(crate::journal::db::migrations::MARK_SIMULATED)
                .unwrap();
            assert_eq!(ask(&connection, IS_MARKED).unwrap(), simulated, "{boots:?}");
        }
    }
}
