//! Whether the pulses of a journal are simulated: asked, and marked.

use crate::journal::db::kind::{HAS_PULSES, IS_MARKED, MARK, ask};
use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::{JournalError, OpContext};

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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::journal::db::kind::SIMULATED_BOOT;
    use crate::journal::db::open;
    use crate::journal::salvage::Foreign;
    use crate::model::WallNs;

    const METERS: [&str; 1] = ["Import"];

    fn open(dir: &Path, boot_id: &str) -> Result<Journal, JournalError> {
        let names = METERS.map(str::to_owned);
        Journal::open(dir, &names, boot_id, WallNs(1_700_000_000_000_000_000))
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
            let connection = open::open(dir.path(), WallNs(0)).unwrap().connection;
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
