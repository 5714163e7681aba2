//! When the clock was last known to be right.

use rusqlite::{OptionalExtension, Transaction};

use crate::journal::handles::reader::Reader;
use crate::journal::{JournalError, OpContext};
use crate::model::WallNs;

/// The newest time that was once synchronised is kept this often.
const CONFIRMED_EVERY_S: i64 = 3_600;

/// Where it is kept, in seconds since 1970.
const CONFIRMED_KEY: &str = "confirmed_s";

/// Keeps that the clock was right at a time, now and then.
pub(in crate::journal) fn put_confirmed(
    transaction: &Transaction<'_>,
    at_ns: WallNs,
) -> Result<(), JournalError> {
    transaction
        .prepare_cached(
            "INSERT INTO journal VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE
             SET value = excluded.value WHERE value NOT BETWEEN excluded.value - ?3 AND excluded.value",
        )
        .and_then(|mut put| put.execute((CONFIRMED_KEY, at_ns.s(), CONFIRMED_EVERY_S)))
        .op("keep the time")?;
    Ok(())
}

impl Reader {
    /// The newest time at which the clock was synchronised, to the hour; None: it never was.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn confirmed_ns(&self) -> Result<Option<WallNs>, JournalError> {
        let confirmed_s: Option<i64> = self
            .connection
            .query_row(
                "SELECT value FROM journal WHERE key = ?1",
                [CONFIRMED_KEY],
                |row| row.get(0),
            )
            .optional()
            .op("be read")?;
        Ok(confirmed_s.map(WallNs::of_s))
    }
}
