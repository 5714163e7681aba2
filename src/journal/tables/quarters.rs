//! Quarters of an hour, both sides: counted with the windows and kept for ever. No server has them: they are what local days
//! are made of.

use rusqlite::{Connection, OptionalExtension, Transaction};

use crate::journal::handles::reader::Reader;
use crate::journal::tables::counts::{MERGE_GAPS, MeterCount, columns};
use crate::journal::{JournalError, OpContext};
use crate::model::{MeterRow, View, WindowCount};

/// The key of the journal that tells from when on all quarters are there, in seconds since 1970.
pub(in crate::journal) const QUARTERS_FROM: &str = "quarters_from_s";

/// Adds what is counted to a quarter: its start in seconds since 1970, the meter's row.
pub(in crate::journal) fn add_to_quarter(
    transaction: &Transaction<'_>,
    (start_s, meter): (i64, MeterRow),
    count: WindowCount,
) -> Result<(), JournalError> {
    let (shortest_ms, longest_ms) = columns(count.gaps);
    transaction
        .prepare_cached(&format!(
            "INSERT INTO quarter VALUES (?1, ?2, ?3, 0, ?4, ?5)
             ON CONFLICT DO UPDATE SET pulses = pulses + excluded.pulses, {MERGE_GAPS}"
        ))
        .and_then(|mut put| put.execute((start_s, meter, count.pulses, shortest_ms, longest_ms)))
        .op("keep a quarter of an hour")?;
    Ok(())
}

/// What quarters with `from_s <= start < to_s` hold, in order.
pub(in crate::journal) fn quarters_of(
    connection: &Connection,
    span_s: (i64, i64),
) -> Result<Vec<MeterCount>, JournalError> {
    connection
        .prepare_cached(
            "SELECT start_s, meter, pulses, shortest_gap_ms, longest_gap_ms FROM quarter
             WHERE start_s >= ?1 AND start_s < ?2 ORDER BY start_s, meter",
        )
        .and_then(|mut select| select.query_map(span_s, MeterCount::of)?.collect())
        .op("be read")
}

/// From when on all quarters are there, in seconds since 1970; [`i64::MAX`]: none is yet.
pub(in crate::journal) fn quarters_from_s(connection: &Connection) -> Result<i64, JournalError> {
    let from_s = connection
        .prepare_cached("SELECT value FROM journal WHERE key = ?1")
        .and_then(|mut select| {
            select
                .query_row([QUARTERS_FROM], |row| row.get(0))
                .optional()
        })
        .op("be read")?;
    Ok(from_s.unwrap_or(i64::MAX))
}

impl Reader {
    /// What quarters of an hour with `from_s <= start < to_s` hold, in order. Where they are not all there yet
    /// ([`Reader::filled`]) they hold less.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn quarters(&self, from_s: i64, to_s: i64) -> Result<Vec<MeterCount>, JournalError> {
        quarters_of(&self.connection, (from_s, to_s))
    }

    /// Whether the first quarters of some hours with `from_s <= start < to_s` hold pulses of which only the hour is known.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn has_coarse_quarters(&self, from_s: i64, to_s: i64) -> Result<bool, JournalError> {
        self.connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM quarter
                 WHERE start_s >= ?1 AND start_s < ?2 AND coarse > 0)",
            )
            .and_then(|mut select| {
                let span_s = (View::Hour.floor_s(from_s), to_s);
                select.query_row(span_s, |row| row.get(0))
            })
            .op("be read")
    }
}
