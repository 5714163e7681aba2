//! Spans of time of a level, by their kind: what is still to be compared, what stays unequal, where raw has lost points.

use rusqlite::{Connection, Transaction};

use crate::journal::db::open;
use crate::journal::handles::reader::Reader;
use crate::journal::{JournalError, OpContext};
use crate::model::{DestinationRow, Spans, Tier};

/// The kinds of `compare_span`.
pub(super) const TO_LOOK: i64 = 0;
pub(super) const UNEQUAL: i64 = 1;
const LOST: i64 = 2;

/// The spans of a kind.
pub(super) fn spans(
    connection: &Connection,
    (destination, level, kind): (DestinationRow, i64, i64),
) -> rusqlite::Result<Spans> {
    let mut select = connection.prepare_cached(
        "SELECT from_s, to_s FROM compare_span
         WHERE destination = ?1 AND level = ?2 AND kind = ?3 ORDER BY from_s",
    )?;
    let spans = select.query_map((destination, level, kind), |row| row.try_into())?;
    spans.collect::<rusqlite::Result<Vec<_>>>().map(Spans::new)
}

/// Changes the spans of a kind.
pub(super) fn put_spans(
    transaction: &Transaction<'_>,
    (destination, level, kind): (DestinationRow, i64, i64),
    old: &Spans,
    new: &Spans,
) -> rusqlite::Result<()> {
    let has = |spans: &Spans, span| spans.iter().any(|other| other == span);
    for span in old.iter().filter(|span| !has(new, *span)) {
        transaction
            .prepare_cached(
                "DELETE FROM compare_span
                 WHERE destination = ?1 AND level = ?2 AND kind = ?3 AND from_s = ?4",
            )?
            .execute((destination, level, kind, span.0))?;
    }
    for span in new.iter().filter(|span| !has(old, *span)) {
        transaction
            .prepare_cached(
                "INSERT INTO compare_span VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET to_s = excluded.to_s",
            )?
            .execute((destination, level, kind, span.0, span.1))?;
    }
    Ok(())
}

/// Keeps that raw has lost points in these spans.
pub(super) fn add_lost(
    transaction: &Transaction<'_>,
    destination: DestinationRow,
    lost: &Spans,
) -> Result<(), JournalError> {
    let key = lost_of(destination);
    let old = spans(transaction, key).op("be read")?;
    let mut new = old.clone();
    new.add_all(lost);
    put_spans(transaction, key, &old, &new).op("keep what raw has lost")
}

/// The key of the spans in which raw has lost points.
fn lost_of(destination: DestinationRow) -> (DestinationRow, i64, i64) {
    (destination, Tier::Raw.as_code(), LOST)
}

/// A connection that notes what raw has lost, beside a running daemon or alone.
#[derive(Debug)]
pub struct RawLosses {
    connection: Connection,
}

impl RawLosses {
    /// Opens the journal in `dir`.
    ///
    /// # Errors
    /// When there is none, it may not be written to, or another version has made it.
    pub fn open(dir: &std::path::Path) -> Result<RawLosses, JournalError> {
        let connection = open::open_beside(dir)?;
        Ok(RawLosses { connection })
    }

    /// Keeps that raw of this destination has lost points in these spans, in a commit that is durable.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn note(&mut self, destination: DestinationRow, lost: &Spans) -> Result<(), JournalError> {
        let transaction = self.connection.transaction().op("begin a commit")?;
        add_lost(&transaction, destination, lost)?;
        transaction.commit().op("commit")
    }
}

impl Reader {
    /// Where raw of a destination was found to have lost points.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn raw_lost(&self, destination: DestinationRow) -> Result<Spans, JournalError> {
        spans(&self.connection, lost_of(destination)).op("be read")
    }
}
