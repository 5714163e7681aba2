//! Other SQLite files, opened read-only: the queue of the Python edition, a journal that was moved
//! aside. What a damaged page holds is lost; everything around it is read.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};

use crate::journal::db::file::beside;
use crate::journal::db::kind::IS_MARKED;
use crate::journal::db::open;
use crate::journal::salvage::damage::each_page;
use crate::journal::salvage::first_page::Patched;
use crate::journal::{JournalError, OpContext};

/// How an SQLite file begins.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// What an SQLite file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Lines that the Python edition has not delivered.
    PythonQueue,
    /// A journal of ours.
    Journal,
    /// Something else.
    Other,
}

/// An SQLite file that is not our journal.
#[derive(Debug)]
pub struct Foreign {
    pub(super) connection: Connection,
    path: PathBuf,
    /// Dropped after the connection.
    _copy: Option<Patched>,
}

/// A row of the Python edition's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRow {
    /// Its id.
    pub id: i64,
    /// The bucket that it is for.
    pub bucket: Result<String, &'static str>,
    /// A line of line protocol.
    pub lp: Result<String, &'static str>,
}

/// Whether a file calls itself an SQLite database.
///
/// # Errors
/// When it cannot be read.
pub fn is_sqlite(path: &Path) -> std::io::Result<bool> {
    let mut begin = Vec::new();
    let length = u64::try_from(MAGIC.len()).unwrap_or(0);
    File::open(path)?.take(length).read_to_end(&mut begin)?;
    Ok(begin == MAGIC)
}

impl Foreign {
    /// Opens a file for reading, with the WAL beside it. Nothing in it is changed.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Foreign, JournalError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let pending = ["-wal", "-journal"].map(|suffix| beside(path, suffix).exists());
        let connection = if pending == [false, false] {
            // All is in the file. So nothing is made beside it, and it may lie where nothing can be.
            open::connect_immutable(path, flags)?
        } else {
            open::connect(path, flags)?
        };
        // Damage is to be noticed, not trusted.
        connection
            .pragma_update(None, "cell_size_check", true)
            .op("be set up")?;
        Ok(Foreign {
            connection,
            path: path.to_owned(),
            _copy: None,
        })
    }

    /// Opens a journal whose first page is damaged: a copy of it, under a new first page. It may not be
    /// one at all: what [`Foreign::holds`] tells is what the new page says.
    ///
    /// # Errors
    /// When there is no room for the copy beside it, or it cannot be a journal.
    pub fn open_without_head(path: &Path) -> Result<Foreign, JournalError> {
        let copy = Patched::make(path)?;
        let opened = Foreign::open(&copy.file())?;
        Ok(Foreign {
            path: path.to_owned(),
            _copy: Some(copy),
            ..opened
        })
    }

    /// SQL for the unit of a table's numbers: a journal of an older schema knows kWh alone.
    pub(super) fn unit_of(&self, table: &str) -> &'static str {
        match self.has(table, "unit") {
            true => "unit",
            false => "'kWh'",
        }
    }

    /// Whether a table has this column: one of an older schema may not.
    pub(super) fn has(&self, table: &str, column: &str) -> bool {
        let has = self.connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2)",
            (table, column),
            |row| row.get(0),
        );
        has.unwrap_or(false)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds, as its tables tell.
    ///
    /// # Errors
    /// When its first pages cannot be read.
    pub fn holds(&self) -> Result<Holds, JournalError> {
        let has = |table: &str| {
            self.connection
                .query_row(
                    "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)",
                    [table],
                    |row| row.get::<_, bool>(0),
                )
                .op("be read")
        };
        Ok(if has("lp_queue")? {
            Holds::PythonQueue
        } else if has("pulse")? && has("clock_segment")? {
            Holds::Journal
        } else {
            Holds::Other
        })
    }

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

    /// Reads the Python edition's queue in order, a page at a time: the rows, and how much is read, of
    /// 1. Returns how many ids could not be read because their pages are damaged.
    ///
    /// # Errors
    /// When it is not such a queue.
    pub fn queue(&self, each: &mut dyn FnMut(&[QueueRow], f64)) -> Result<i64, JournalError> {
        let mut select = self
            .connection
            .prepare("SELECT id, bucket, lp FROM lp_queue WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3")
            .op("be read")?;
        let bound = |which: &str| {
            let select = format!("SELECT {which}(id) FROM lp_queue");
            let found = self
                .connection
                .query_row(&select, [], |row| row.get::<_, Option<i64>>(0));
            found.map(Option::unwrap_or_default)
        };
        let bounds = (bound("min").ok(), bound("max").ok());
        Ok(each_page(
            &mut select,
            bounds,
            queue_row,
            |row| row.id,
            each,
        ))
    }
}

fn queue_row(row: &Row<'_>) -> rusqlite::Result<QueueRow> {
    let text = |column: usize| -> rusqlite::Result<Result<String, &'static str>> {
        Ok(match row.get_ref(column)? {
            ValueRef::Text(text) | ValueRef::Blob(text) => {
                let text = std::str::from_utf8(text).map_err(|_| "it is not text (UTF-8)");
                text.map(str::to_owned)
            }
            ValueRef::Null => Err("it is empty (NULL)"),
            ValueRef::Integer(_) | ValueRef::Real(_) => Err("it is a number"),
        })
    };
    Ok(QueueRow {
        id: row.get(0)?,
        bucket: text(1)?,
        lp: text(2)?,
    })
}
