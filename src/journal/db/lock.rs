//! The lock of the journal's directory: one writer at a time, and whether there is one.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat};
use rustix::io::Errno;

use crate::journal::JournalError;
use crate::owner::files::Dir;

/// The file that is locked.
const FILE_NAME: &str = "lock";

/// A process that only asks whether the journal is in use ([`holder`]) holds the lock for a moment: that must not be
/// taken for a writer, so the lock is tried this often,
const TRIES: u32 = 100;

/// with this between, together a second.
const BETWEEN: Duration = Duration::from_millis(10);

/// Held as long as the journal is open for writing: one writer.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Whether a process has the journal open for writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// One has: a daemon runs, or an import.
    InUse,
    /// None has.
    Free,
    /// The lock may not be looked at.
    Unknown,
}

/// Takes the journal in `dir` for writing, making the directory if it is not there.
///
/// # Errors
/// When the directory cannot be used or another process has the lock.
pub(in crate::journal) fn lock(dir: &Path) -> Result<Lock, JournalError> {
    lock_pausing(dir, || std::thread::park_timeout(BETWEEN))
}

/// The same with this between two tries.
fn lock_pausing(dir: &Path, mut pause: impl FnMut()) -> Result<Lock, JournalError> {
    let failed = |source| JournalError::Directory {
        path: dir.to_owned(),
        source,
    };
    std::fs::create_dir_all(dir).map_err(failed)?;
    let file = Dir::open(dir)
        .and_then(|dir| dir.open_or_make(FILE_NAME, 0o666))
        .map_err(failed)?;
    for left in (0..TRIES).rev() {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(Errno::WOULDBLOCK) if left > 0 => pause(),
            Err(Errno::WOULDBLOCK) => break,
            Err(errno) => return Err(failed(errno.into())),
        }
    }
    Err(JournalError::InUse {
        path: dir.to_owned(),
    })
}

/// Who has the journal in `dir` open for writing.
pub fn holder(dir: &Path) -> Holder {
    // Whatever lies there in its place is not waited for.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let flags = flags | OFlags::CLOEXEC | OFlags::NOCTTY;
    match openat(CWD, dir.join(FILE_NAME), flags, Mode::empty()) {
        Ok(file) => match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Holder::Free,
            Err(Errno::WOULDBLOCK) => Holder::InUse,
            Err(_) => Holder::Unknown,
        },
        Err(Errno::NOENT) => Holder::Free,
        Err(_) => Holder::Unknown,
    }
}

/// Whether a process is known to have the journal in `dir` open for writing: a daemon is running.
pub fn is_locked(dir: &Path) -> bool {
    holder(dir) == Holder::InUse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writer_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock(dir.path()).unwrap();
        assert_eq!(lock(dir.path()).unwrap_err().kind(), "in_use");
        assert_eq!(holder(dir.path()), Holder::InUse);
        drop(held);
        // A test that starts a program has a copy of the descriptor until that runs.
        for _ in 0..30_000 {
            if holder(dir.path()) != Holder::InUse {
                break;
            }
            std::thread::park_timeout(BETWEEN);
        }
        assert_eq!(holder(dir.path()), Holder::Free);
        lock(dir.path()).unwrap();
    }

    #[test]
    fn a_look_at_the_lock_is_not_taken_for_a_writer() {
        let dir = tempfile::tempdir().unwrap();
        drop(lock(dir.path()).unwrap());
        let file = File::open(dir.path().join(FILE_NAME)).unwrap();
        flock(&file, FlockOperation::LockShared).unwrap();
        let (mut looking, mut tries) = (Some(file), 1);
        let held = lock_pausing(dir.path(), || {
            tries += 1;
            if tries == 10 {
                looking = None;
            }
        });
        held.unwrap();
        assert_eq!(tries, 10);
    }

    #[test]
    fn what_is_not_there_is_held_by_nobody() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(holder(dir.path()), Holder::Free);
        let file = dir.path().join("file");
        std::fs::write(&file, "no directory").unwrap();
        assert_eq!(holder(&file), Holder::Unknown);
    }

    #[test]
    fn what_lies_in_the_locks_place_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join(FILE_NAME);
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert_ne!(holder(dir.path()), Holder::InUse);
    }
}
