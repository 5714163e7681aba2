//! How large the journal is, and how large it may become.

use rusqlite::Connection;

use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::{JournalError, OpContext};

/// Bytes that hold data.
pub(in crate::journal) fn used_bytes(connection: &Connection) -> Result<u64, JournalError> {
    let number = |pragma| {
        connection
            .pragma_query_value(None, pragma, |row| row.get::<_, i64>(0))
            .op("be measured")
    };
    let pages = number("page_count")? - number("freelist_count")?;
    Ok(pages.unsigned_abs() * number("page_size")?.unsigned_abs())
}

impl Journal {
    /// Lets the file grow to `max_bytes` and no further, whatever comes: commits fail then as on
    /// a full disk, and pulses wait in memory until retention has made room.
    ///
    /// # Errors
    /// When SQLite does not take the limit.
    pub fn limit(&self, max_bytes: u64) -> Result<(), JournalError> {
        let page_bytes: i64 = self
            .connection
            .pragma_query_value(None, "page_size", |row| row.get(0))
            .op("be measured")?;
        let pages = i64::try_from(max_bytes).unwrap_or(i64::MAX) / page_bytes;
        // SQLite knows 2^32 - 2 pages; below what is there now it takes what is there now.
        let pages = pages.clamp(1, 0xffff_fffe);
        self.connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .op("be limited")
    }

    /// Whether the disk bound bites.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn is_above(&self, max_bytes: u64) -> Result<bool, JournalError> {
        Ok(used_bytes(&self.connection)? > max_bytes)
    }
}

impl Reader {
    /// Bytes of the journal that hold data (free pages are reused before the file grows).
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn used_bytes(&self) -> Result<u64, JournalError> {
        used_bytes(&self.connection)
    }
}
