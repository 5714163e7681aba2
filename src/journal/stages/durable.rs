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

use crate::clock::Clock;
use crate::journal::db::file::{file_in, wal_of};
use crate::journal::db::open;
use crate::journal::db::wal::{Checkpointed, WAL_BYTES, checkpoint};
use crate::journal::refusal::{Refusal, is_read_only};
use crate::journal::stages::marks::{Mark, Marks};
use crate::journal::{JournalError, OpContext};
use crate::model::{MonoNs, NS_PER_MS, NS_PER_S};

/// Bytes of the WAL that are not in the database yet before a checkpoint moves them there: a
/// little less than what is preallocated.
const CHECKPOINT_BYTES: i64 = WAL_BYTES / 10 * 9;

/// A WAL of this size is brought back to its beginning with the writer held for a moment: while commits
/// follow each other without a pause, a checkpoint that lets them pass never catches up with them.
const RESTART_BYTES: i64 = 64 * WAL_BYTES;

/// Neither a commit nor a reader is waited for then, because commits would wait as well; but a commit is over
/// in a moment, so it is tried this often,
const RESTART_TRIES: u32 = 20;

/// with this between.
const RESTART_BETWEEN: Duration = Duration::from_millis(1);

/// Between tries while something is in the way: it doubles.
const PAUSE_MIN_NS: i64 = NS_PER_S / 4;
const PAUSE_MAX_NS: i64 = 60 * NS_PER_S;

/// When to try again what has failed, or what something is in the way of.
#[derive(Debug, Default)]
struct Pause {
    until_ns: MonoNs,
    next_ns: i64,
}

impl Pause {
    fn prolong(&mut self, now_ns: MonoNs, longest_ns: i64) {
        let pause_ns = self.next_ns.clamp(PAUSE_MIN_NS, longest_ns);
        self.until_ns = now_ns + pause_ns;
        self.next_ns = pause_ns * 2;
    }

    fn is_over(&self, now_ns: MonoNs) -> bool {
        now_ns >= self.until_ns
    }

    /// For so long it had been prolonged, at least, when it was prolonged last.
    fn lasted_ns(&self) -> i64 {
        (self.next_ns / 2 - PAUSE_MIN_NS).max(0)
    }
}

/// Readers that are in the way of bringing the WAL back for so long are a matter to be told: those of the page come and go.
const KEPT_LONG_NS: i64 = 5 * NS_PER_S;

/// A failing disk, or a WAL that is not proven, is tried again after so long at most: what waits is not sent.
const RETRY_MAX_NS: i64 = 5 * NS_PER_S;

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
    /// So many frames were in the WAL when the journal was opened, and it is not known yet that the disk holds
    /// them: a reader was in the way. None: it is.
    unproven: Option<i64>,
    /// Until when making commits durable is not tried.
    retry: Pause,
    /// Until when bringing the WAL back to its beginning is not tried.
    restart: Pause,
    /// A reader keeps it from that, and that was said.
    kept: bool,
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
        let connection = open::open_checkpointer(dir)?;
        let page_bytes = connection
            .pragma_query_value(None, "page_size", |row| row.get(0))
            .op("be measured")?;
        let wal_path = wal_of(&file_in(dir));
        let interval_ns = i64::try_from(interval_ms).unwrap_or(i64::MAX / NS_PER_MS) * NS_PER_MS;
        let (wal, broken) = (None, false);
        let (retry, restart) = (Pause::default(), Pause::default());
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
            unproven: None,
            retry,
            restart,
            kept: false,
            untidy: "",
        })
    }

    /// Calls nothing durable before all that is in the WAL now has been moved into the database: see
    /// [`crate::journal::handles::journal::Journal::is_proven`].
    ///
    /// # Errors
    /// When the journal cannot be looked at.
    pub fn prove_first(&mut self) -> Result<(), JournalError> {
        self.unproven = Some(checkpoint(&self.connection, "NOOP")?.frames);
        Ok(())
    }

    /// How long until there is something to do; None: until a commit.
    pub fn due_in(&self) -> Option<Duration> {
        let since_ns = self.marks.now().unsynced_since_ns?;
        let due_ns = (since_ns + self.interval_ns).max(self.retry.until_ns);
        let left_ns = due_ns - self.clock.mono_ns();
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
        let now_ns = self.clock.mono_ns();
        let taken = if self.broken {
            self.write_all_out()
        } else {
            self.sync().and_then(|()| self.prove())
        };
        match taken {
            Err(failed) => {
                self.retry.prolong(now_ns, RETRY_MAX_NS);
                self.complain(&failed);
                return Err(failed);
            }
            Ok(false) => {
                self.retry.prolong(now_ns, RETRY_MAX_NS);
                return Ok(());
            }
            Ok(true) => self.retry = Pause::default(),
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

    /// After a failure: all of the WAL into the database, and a new WAL. False: something is in the way.
    fn write_all_out(&mut self) -> Result<bool, JournalError> {
        let done = checkpoint(&self.connection, "TRUNCATE")?;
        if done.is_busy {
            self.tell_kept();
        } else {
            (self.unproven, self.kept) = (None, false);
        }
        Ok(!done.is_busy)
    }

    /// Whether what was in the WAL when the journal was opened is known to be on the disk.
    fn prove(&mut self) -> Result<bool, JournalError> {
        let Some(wanted) = self.unproven else {
            return Ok(true);
        };
        let done = checkpoint(&self.connection, "PASSIVE")?;
        // A WAL that has begun again had been moved before.
        let is_proven = done.moved >= wanted || done.frames < wanted;
        if is_proven {
            self.unproven = None;
            info!("what earlier runs have committed is known to be on the disk");
        } else {
            self.tell_kept();
        }
        Ok(is_proven)
    }

    /// Says once that a reader is in the way.
    fn tell_kept(&mut self) {
        if std::mem::replace(&mut self.kept, true) {
            return;
        }
        let delivery = if self.broken || self.unproven.is_some() {
            "; nothing new is sent until it is gone"
        } else {
            ""
        };
        let remedy = crate::journal::refusal::remedy("busy");
        warn!(
            remedy,
            "a reader keeps the WAL: commits go on, and it grows{delivery}"
        );
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
    pub(super) fn finish(&self) -> Result<(), JournalError> {
        checkpoint(&self.connection, "PASSIVE").map(|_| ())
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
        let frame_bytes = self.page_bytes + 24;
        let is_large = |state: Checkpointed| state.frames * frame_bytes >= RESTART_BYTES;
        let before = checkpoint(&self.connection, "NOOP")?;
        let unmoved = (before.frames - before.moved) * frame_bytes;
        let now_ns = self.clock.mono_ns();
        if (!is_large(before) && unmoved < CHECKPOINT_BYTES) || !self.restart.is_over(now_ns) {
            return Ok(false);
        }
        let done = checkpoint(&self.connection, "PASSIVE")?;
        if done.moved < before.frames && done.frames >= before.frames {
            // A reader stands at an older commit.
            self.restart.prolong(now_ns, PAUSE_MAX_NS);
            if is_large(done) && self.restart.lasted_ns() >= KEPT_LONG_NS {
                self.tell_kept();
            }
            return Ok(true);
        }
        self.restart = Pause::default();
        if is_large(done) && !self.begin_again()? {
            return Ok(true);
        }
        if std::mem::take(&mut self.kept) {
            info!("the WAL is used again from its beginning");
        }
        Ok(true)
    }

    /// Brings the WAL back to its beginning; false: something was in the way each time.
    fn begin_again(&self) -> Result<bool, JournalError> {
        for _ in 0..RESTART_TRIES {
            if !checkpoint(&self.connection, "RESTART")?.is_busy {
                return Ok(true);
            }
            std::thread::park_timeout(RESTART_BETWEEN);
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_knows_for_how_long_it_has_lasted() {
        let (mut pause, mut now_ns) = (Pause::default(), 1_000 * NS_PER_S);
        assert_eq!(pause.lasted_ns(), 0);
        let began_ns = now_ns;
        for _ in 0..8 {
            pause.prolong(now_ns, PAUSE_MAX_NS);
            assert_eq!(pause.lasted_ns(), now_ns - began_ns);
            now_ns = pause.until_ns;
        }
        assert!(pause.lasted_ns() >= KEPT_LONG_NS);
    }
}
