//! What had surely passed when the last run ended: kept, so that a restart or a reboot does not begin to guess.

use rusqlite::{OptionalExtension, params};

use crate::clock::elapsed::{ElapsedRecord, Steady};
use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::{JournalError, OpContext};
use crate::model::{MonoNs, WallNs};

impl Journal {
    /// Keeps what has surely passed.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(in crate::journal) fn keep_elapsed(
        &self,
        kept: &ElapsedRecord,
    ) -> Result<(), JournalError> {
        let Some(mono_ns) = kept.mono_ns else {
            return Ok(());
        };
        let steady = kept.steady;
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO elapsed VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )
            .and_then(|mut put| {
                put.execute(params![
                    self.boot_id,
                    mono_ns,
                    kept.sure_ns,
                    kept.shown_ns,
                    kept.over_a_boot,
                    steady.map(|steady| steady.boot_wall_ns),
                    steady.map(|steady| steady.wall_ns),
                    steady.map(|steady| steady.for_ns),
                ])
            })
            .op("keep the time")?;
        Ok(())
    }
}

impl Reader {
    /// What had surely passed when the last run ended, for one in the boot `boot_id`; None: it is not known, also
    /// in a journal that was written before this was kept.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn elapsed(&self, boot_id: &str) -> Result<Option<ElapsedRecord>, JournalError> {
        self.connection
            .query_row(
                "SELECT boot_id, mono_ns, sure_ns, shown_ns, over_a_boot, steady_boot_ns, steady_wall_ns,
                     steady_for_ns FROM elapsed",
                [],
                |row| {
                    let (of, mono_ns): (String, MonoNs) = (row.get(0)?, row.get(1)?);
                    let boot_wall_ns: Option<WallNs> = row.get(5)?;
                    let steady = match boot_wall_ns {
                        Some(boot_wall_ns) => Some(Steady {
                            boot_wall_ns,
                            wall_ns: row.get(6)?,
                            for_ns: row.get(7)?,
                        }),
                        None => None,
                    };
                    Ok(ElapsedRecord {
                        mono_ns: (of == boot_id).then_some(mono_ns),
                        sure_ns: row.get(2)?,
                        shown_ns: row.get(3)?,
                        over_a_boot: row.get(4)?,
                        steady,
                    })
                },
            )
            .optional()
            .op("be read")
    }
}
