//! The write-ahead log: its size, and how its commits come into the database.

use rusqlite::Connection;

use crate::journal::{JournalError, OpContext};

/// The WAL is grown to this once and reused ever after: growing it costs a journal write of the
/// file system a commit. Also where the checkpointer begins to work. Not larger, because after a
/// kill all of it is read before the journal is open.
pub(in crate::journal) const WAL_BYTES: i64 = 256 << 10;

/// What a checkpoint has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) struct Checkpointed {
    /// Something was in the way of it: a reader, or a commit at that moment.
    pub(in crate::journal) is_busy: bool,
    /// Frames in the WAL.
    pub(in crate::journal) frames: i64,
    /// How many of them are in the database.
    pub(in crate::journal) moved: i64,
}

/// Moves commits from the WAL into the database.
///
/// # Errors
/// When the disk does not take it.
pub(in crate::journal) fn checkpoint(
    connection: &Connection,
    mode: &str,
) -> Result<Checkpointed, JournalError> {
    connection
        .query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
            Ok(Checkpointed {
                is_busy: row.get(0)?,
                frames: row.get(1)?,
                moved: row.get(2)?,
            })
        })
        .op("be checkpointed")
}

/// Commits that grow the WAL in one go: a millisecond or so, so that pulses hardly wait.
const PREALLOCATE_COMMITS: i64 = 10;

/// Grows the WAL towards [`WAL_BYTES`] by commits that change nothing worth keeping; the next
/// checkpoint lets it be used again from its beginning. True if there is more to do.
///
/// # Errors
/// When the disk has no room for it; the journal works without.
pub(in crate::journal) fn preallocate_wal(connection: &Connection) -> Result<bool, JournalError> {
    let path = connection.path().unwrap_or_default();
    let wal_bytes = std::fs::metadata(format!("{path}-wal")).map_or(0, |meta| meta.len());
    if i64::try_from(wal_bytes).unwrap_or(i64::MAX) >= WAL_BYTES {
        return Ok(false);
    }
    let mut update = connection
        .prepare_cached("INSERT OR REPLACE INTO journal VALUES ('preallocate', ?1)")
        .op("grow its WAL")?;
    for n in 0..PREALLOCATE_COMMITS {
        update.execute([n]).op("grow its WAL")?;
    }
    Ok(true)
}
