//! How far the server has been compared with the journal's windows, and what has changed since.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction};

use super::append::Journal;
use super::reader::Reader;
use super::{JournalError, Named};
use crate::rollup::Level;

/// A window that has changed after the server was compared with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// Its start, in seconds since 1970.
    pub start_s: i64,
    /// Which change this is: a later one has a greater number.
    pub roll: i64,
}

/// What the reconciler wants kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciled {
    /// The level.
    pub level: Level,
    /// Windows before this have been compared.
    pub until_s: Option<i64>,
    /// Changed windows that have been compared since.
    pub changed: Vec<Changed>,
}

/// What the reconciler is comparing, or has compared and not yet kept: by code of the level, up to
/// where. A window that changes meanwhile counts as changed after it was compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Comparing {
    /// The row of the destination.
    pub(super) destination: i64,
    /// In seconds since 1970.
    pub(super) until_s: BTreeMap<i64, i64>,
}

impl Journal {
    /// A window that was compared with the server's, or is at this moment, is different now.
    pub(super) fn note_change(
        &self,
        transaction: &Transaction<'_>,
        level: Level,
        start_s: i64,
        roll: i64,
    ) -> Result<(), JournalError> {
        note_change(transaction, level, start_s, roll)?;
        let level = level.as_code();
        let Comparing {
            destination,
            until_s,
        } = &self.comparing;
        if until_s
            .get(&level)
            .is_some_and(|until_s| *until_s > start_s)
        {
            transaction
                .prepare_cached(
                    "INSERT INTO changed_window VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET roll = excluded.roll",
                )
                .and_then(|mut put| put.execute((*destination, level, start_s, roll)))
                .op("keep a window")?;
        }
        Ok(())
    }
}

/// A window that was compared with the server's is different now. `roll`: names this change; a later one
/// has a greater number.
pub(super) fn note_change(
    transaction: &Transaction<'_>,
    level: Level,
    start_s: i64,
    roll: i64,
) -> Result<(), JournalError> {
    transaction
        .prepare_cached(
            "INSERT INTO changed_window
             SELECT destination, level, ?2, ?3 FROM reconciled WHERE level = ?1 AND until_s > ?2
             ON CONFLICT DO UPDATE SET roll = excluded.roll",
        )
        .and_then(|mut put| put.execute((level.as_code(), start_s, roll)))
        .op("keep a window")?;
    Ok(())
}

/// Keeps how far a destination has been compared.
pub(super) fn put_reconciled(
    transaction: &Transaction<'_>,
    destination: i64,
    news: &Reconciled,
) -> Result<(), JournalError> {
    let level = news.level.as_code();
    if let Some(until_s) = news.until_s {
        transaction
            .prepare_cached(
                "INSERT INTO reconciled VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET until_s = excluded.until_s",
            )
            .and_then(|mut put| put.execute((destination, level, until_s)))
            .op("keep what was compared")?;
    }
    for changed in &news.changed {
        transaction
            .prepare_cached(
                "DELETE FROM changed_window
                 WHERE destination = ?1 AND level = ?2 AND start_s = ?3 AND roll <= ?4",
            )
            .and_then(|mut put| put.execute((destination, level, changed.start_s, changed.roll)))
            .op("keep what was compared")?;
    }
    Ok(())
}

impl Reader {
    /// Up to where a level of a destination has been compared; None: not at all.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn reconciled_until_s(
        &self,
        destination: i64,
        level: Level,
    ) -> Result<Option<i64>, JournalError> {
        self.connection
            .prepare_cached("SELECT until_s FROM reconciled WHERE destination = ?1 AND level = ?2")
            .and_then(|mut select| {
                select
                    .query_row((destination, level.as_code()), |row| row.get(0))
                    .optional()
            })
            .op("be read")
    }

    /// Windows before `before_s` that have changed since they were compared, oldest first.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn changed_windows(
        &self,
        destination: i64,
        level: Level,
        before_s: i64,
        limit: usize,
    ) -> Result<Vec<Changed>, JournalError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.connection
            .prepare_cached(
                "SELECT start_s, roll FROM changed_window
                 WHERE destination = ?1 AND level = ?2 AND start_s < ?3 ORDER BY start_s LIMIT ?4",
            )
            .and_then(|mut select| {
                let changed =
                    select.query_map((destination, level.as_code(), before_s, limit), |row| {
                        Ok(Changed {
                            start_s: row.get(0)?,
                            roll: row.get(1)?,
                        })
                    })?;
                changed.collect()
            })
            .op("be read")
    }
}
