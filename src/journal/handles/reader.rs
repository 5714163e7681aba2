//! The reading side. Each read is short: a reader held open would keep the WAL from being reused.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::Connection;

use crate::journal::JournalError;
use crate::journal::db::open;
use crate::model::SegmentRow;

/// A connection for reading.
#[derive(Debug)]
pub struct Reader {
    pub(in crate::journal) connection: Connection,
    /// Offsets of segments that are final: they never change.
    pub(in crate::journal) offsets: HashMap<SegmentRow, i64>,
}

impl Reader {
    /// Opens the journal in `dir` for reading.
    ///
    /// # Errors
    /// When there is none or it cannot be read.
    pub fn open(dir: &Path) -> Result<Reader, JournalError> {
        let connection = open::open_reader(dir)?;
        Ok(Reader {
            connection,
            offsets: HashMap::new(),
        })
    }
}
