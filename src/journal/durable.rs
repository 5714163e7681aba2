//! Makes commits durable, apart from the writer: a card that takes seconds for a flush must not
//! make a commit wait (measured: 2.7 ms at p99 with a disk of 300 ms a flush, 1.2 s with the
//! sync in the writer).

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tracing::{error, info, warn};

use super::marks::{Mark, Marks};
use super::refusal::{Refusal, is_read_only};
use super::schema::WAL_BYTES;
use super::{JournalError, Named, schema};
use crate::clock::Clock;
use crate::pulse::{MonoNs, NS_PER_MS};

/// Bytes of the WAL that are not in the database yet before a checkpoint moves them there: a
/// little less than what is preallocated.
const CHECKPOINT_BYTES: i64 = WAL_BYTES / 10 * 9;

/// A WAL of this size is brought back to its beginning with the writer held for a moment: while commits
/// follow each other without a pause, a checkpoint that lets them pass never catches up with them.
const RESTART_BYTES: i64 = 64 * WAL_BYTES;

/// Syncs the WAL, publishes the durable mark, checkpoints.
#[derive(Debug)]
pub struct Durable {
    // Dependencies.
    connection: Connection,
    dir: PathBuf,
    wal_path: PathBuf,
    marks: Arc<Marks>,
    clock: Arc<dyn Clock>,
    // Settings.
    interval_ns: i64,
    page_bytes: i64,
    // State.
    wal: Option<File>,
    broken: bool,
    /// How the last checkpoint failed; empty: it did not.
    untidy: &'static str,
}

/// What is on its way to the disk.
#[derive(Debug)]
pub struct Flush {
    mark: Mark,
    began_ns: MonoNs,
}

impl Durable {
    /// For the journal in `dir`; a commit is durable `interval_ms` after it was made.
    ///
    /// # Errors
    /// When the journal cannot be opened a second time.
    pub fn open(
        dir: &Path,
        marks: Arc<Marks>,
        clock: Arc<dyn Clock>,
        interval_ms: u64,
    ) -> Result<Durable, JournalError> {
        let connection = schema::open_checkpointer(dir)?;
        let page_bytes = connection
            .pragma_query_value(None, "page_size", |row| row.get(0))
            .op("be measured")?;
        let wal_path = dir.join(format!("{}-wal", super::FILE_NAME));
        let interval_ns = i64::try_from(interval_ms).unwrap_or(i64::MAX / NS_PER_MS) * NS_PER_MS;
        let (wal, broken) = (None, false);
        Ok(Durable {
            connection,
            dir: dir.to_owned(),
            wal_path,
            marks,
            clock,
            interval_ns,
            page_bytes,
            wal,
            broken,
            untidy: "",
        })
    }

    /// How long until there is something to do; None: until a commit.
    pub fn due_in(&self) -> Option<Duration> {
        let since_ns = self.marks.now().unsynced_since_ns?;
        let left_ns = since_ns + self.interval_ns - self.clock.mono_ns();
        Some(Duration::from_nanos(u64::try_from(left_ns).unwrap_or(0)))
    }

    /// Makes what is committed durable, now, and publishes it. Nothing new: nothing is written.
    ///
    /// # Errors
    /// When the disk does not take it: nothing is called durable then before a TRUNCATE
    /// checkpoint has succeeded, because an fdatasync reports a failed write only once.
    pub fn step(&mut self) -> Result<(), JournalError> {
        match self.begin() {
            Some(flush) => self.complete(flush),
            None => Ok(()),
        }
    }

    /// The first half of [`Durable::step`]: notes what is to become durable. A card may take long for the
    /// second half, and commits go on meanwhile; they are not part of it. None: nothing is new.
    pub fn begin(&self) -> Option<Flush> {
        let began_ns = self.clock.mono_ns();
        let mark = self.marks.now();
        mark.unsynced_since_ns.map(|_| Flush { mark, began_ns })
    }

    /// The second half: brings it to the disk and publishes it.
    ///
    /// # Errors
    /// As [`Durable::step`].
    pub fn complete(&mut self, flush: Flush) -> Result<(), JournalError> {
        let taken = if self.broken {
            schema::checkpoint(&self.connection, "TRUNCATE").map(drop)
        } else {
            self.sync()
        };
        if let Err(failed) = taken {
            self.complain(&failed);
            return Err(failed);
        }
        if std::mem::take(&mut self.broken) {
            self.marks.unsyncable(None, flush.began_ns);
            self.untidy = "";
            info!("the disk takes the journal again");
        }
        self.marks.durable(flush.mark, flush.began_ns);
        self.tidy();
        Ok(())
    }

    /// Checkpoints when there is much to move. What is in the WAL is durable without; but a disk that
    /// refuses this is not well.
    fn tidy(&mut self) {
        match self.checkpoint_if_large() {
            Ok(false) => {}
            Ok(true) => {
                if !self.untidy.is_empty() && !is_read_only(&self.dir) {
                    self.untidy = "";
                    self.marks.unsyncable(None, self.clock.mono_ns());
                    info!("the disk takes checkpoints again");
                }
            }
            Err(failed) => {
                let Refusal { kind, remedy } = Refusal::of(&failed, &self.dir);
                self.marks.unsyncable(Some(kind), self.clock.mono_ns());
                if std::mem::replace(&mut self.untidy, kind) != kind {
                    warn!(
                        error = %failed, kind, remedy,
                        "commits are durable, and the WAL grows until the disk takes a checkpoint"
                    );
                }
            }
        }
    }

    fn complain(&mut self, failed: &JournalError) {
        let Refusal { kind, remedy } = Refusal::of(failed, &self.dir);
        self.marks.unsyncable(Some(kind), self.clock.mono_ns());
        if !std::mem::replace(&mut self.broken, true) {
            let cause = std::error::Error::source(failed).map(ToString::to_string);
            error!(
                error = %failed, cause, kind, remedy,
                "nothing new is durable, and nothing new is sent, until the disk has taken all of it"
            );
        }
    }

    /// Moves all of the WAL into the database, for a clean end.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn finish(&mut self) -> Result<(), JournalError> {
        self.step()?;
        schema::checkpoint(&self.connection, "PASSIVE").map(|_| ())
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        let failed = |source| JournalError::Sync { source };
        // SQLite may have replaced the file; syncing the old one would prove nothing.
        let inode = std::fs::metadata(&self.wal_path).map_err(failed)?.ino();
        let same = self.wal.as_ref().and_then(|wal| wal.metadata().ok());
        if same.is_none_or(|meta| meta.ino() != inode) {
            self.wal = Some(File::open(&self.wal_path).map_err(failed)?);
        }
        let wal = self.wal.as_ref().expect("opened above");
        wal.sync_data().map_err(failed)
    }

    /// True if there was something to move.
    fn checkpoint_if_large(&mut self) -> Result<bool, JournalError> {
        let (frames, moved) = schema::checkpoint(&self.connection, "NOOP")?;
        let frame_bytes = self.page_bytes + 24;
        let mode = if frames * frame_bytes >= RESTART_BYTES {
            "RESTART"
        } else if (frames - moved) * frame_bytes >= CHECKPOINT_BYTES {
            "PASSIVE"
        } else {
            return Ok(false);
        };
        schema::checkpoint(&self.connection, mode)?;
        Ok(true)
    }
}
