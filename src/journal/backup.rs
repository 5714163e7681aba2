//! A copy of the journal as it was at one moment, made while the daemon goes on.
//!
//! All of it is read in one transaction: a copy page by page would begin again with each commit of the daemon. That
//! is the one read that may last for minutes; meanwhile the WAL grows by what is committed (some megabytes a day)
//! instead of being used again from its beginning. No thread waits for it.

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::journal::db::file::{beside, wal_of};
use crate::journal::db::open::{check_version, connect, connect_immutable, open_raw};
use crate::journal::salvage::journal_id;
use crate::journal::{JournalError, OpContext};
use crate::model::PulseId;

/// Pages a step, after which progress is told: 1 MiB.
const STEP_PAGES: i32 = 2_048;

/// What a journal, or a copy of one, is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalCopy {
    /// Tells the journal from all others; its copies have it, too.
    pub id: Option<String>,
    /// The newest pulse; the default: none.
    pub newest: PulseId,
}

impl JournalCopy {
    /// What the file `path` is a copy of. Nothing is made beside it.
    ///
    /// # Errors
    /// When it is no journal.
    pub fn look(path: &Path) -> Result<JournalCopy, JournalError> {
        look(&open_copy(path)?)
    }
}

/// The journal as it was when this was made.
pub struct JournalSnapshot {
    connection: Connection,
    seen: JournalCopy,
}

impl fmt::Debug for JournalSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JournalSnapshot").field(&self.seen).finish()
    }
}

impl JournalSnapshot {
    /// Of the journal in `dir`, which a daemon may be writing to.
    ///
    /// # Errors
    /// When there is none, it is of a newer program, or it cannot be read.
    pub fn take(dir: &Path) -> Result<JournalSnapshot, JournalError> {
        let connection = open_raw(dir)?;
        connection.execute_batch("BEGIN").op("be read")?;
        if check_version(&connection)? == 0 {
            return Err(JournalError::Missing {
                path: dir.to_owned(),
            });
        }
        let seen = look(&connection)?;
        Ok(JournalSnapshot { connection, seen })
    }

    /// What it is.
    pub fn seen(&self) -> &JournalCopy {
        &self.seen
    }

    /// Writes it to `path`, whatever is there, as one file that needs no other beside it; then reads all of that.
    /// `progress` is told how much of 1 is done.
    ///
    /// # Errors
    /// When it cannot be read or written, or what was written is not what was read.
    pub fn write(&self, path: &Path, progress: &mut dyn FnMut(f64)) -> Result<(), JournalError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = connect(path, flags)?;
        // A copy that is not finished is worth nothing: it needs no journal of its own.
        copy.pragma_update(None, "journal_mode", "off")
            .op("be copied")?;
        copy.pragma_update(None, "synchronous", "off")
            .op("be copied")?;
        let backup = Backup::new(&self.connection, &mut copy).op("be copied")?;
        loop {
            let step = backup.step(STEP_PAGES).op("be copied")?;
            let pages = backup.progress();
            let (left, all) = (f64::from(pages.remaining), f64::from(pages.pagecount));
            progress((1.0 - left / all.max(1.0)) * COPY_SHARE);
            if matches!(step, StepResult::Done) {
                break;
            }
        }
        drop(backup);
        // Out of WAL mode: it can be read where nothing may be written, such as on a share or a disc.
        copy.pragma_update(None, "journal_mode", "delete")
            .op("be copied")?;
        drop(copy);
        let copy = open_copy(path)?;
        let found: String = copy
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
            .op("be copied")?;
        progress(1.0);
        if found != "ok" || look(&copy)? != self.seen {
            return Err(JournalError::Miscopied { found });
        }
        Ok(())
    }
}

/// Of the whole work, so much is copying; the rest is reading the copy.
const COPY_SHARE: f64 = 0.7;

/// What SQLite may leave beside a file that it was writing.
pub fn beside_copy(path: &Path) -> [PathBuf; 3] {
    [wal_of(path), beside(path, "-shm"), beside(path, "-journal")]
}

fn open_copy(path: &Path) -> Result<Connection, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    connect_immutable(path, flags)
}

fn look(connection: &Connection) -> Result<JournalCopy, JournalError> {
    let newest = connection
        .query_row("SELECT coalesce(max(id), 0) FROM pulse", [], |row| {
            row.get(0)
        })
        .op("be read")?;
    Ok(JournalCopy {
        id: journal_id(connection),
        newest: PulseId(newest),
    })
}
