//! A file that takes room on the disk and holds nothing: a full disk cannot even delete, because a
//! deletion is written down first. When the disk is full the reserve is given up; when there is room
//! again it is taken back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use tracing::{info, warn};

use crate::owner::files::Dir;

/// Its name.
const NAME: &str = "reserve";

/// Some ten thousand pulses, and what their windows and a checkpoint need.
const RESERVE_BYTES: u64 = 1 << 20;

/// The reserve is taken only where so much stays free beside it.
const FREE_BYTES_MIN: u64 = 8 * RESERVE_BYTES;

/// The file.
#[derive(Debug)]
pub(in crate::journal) struct Reserve {
    path: PathBuf,
    is_held: bool,
}

impl Reserve {
    /// The reserve of the journal in `dir`; taken with [`Reserve::take`].
    pub(in crate::journal) fn of(dir: &Path) -> Reserve {
        let path = dir.join(NAME);
        let is_held = fs::metadata(&path).is_ok_and(|meta| meta.len() >= RESERVE_BYTES);
        Reserve { path, is_held }
    }

    /// Takes the room, if there is plenty. That it cannot be had is no failure: the journal works
    /// without.
    pub(in crate::journal) fn take(&mut self) {
        if self.is_held {
            return;
        }
        match self.try_take() {
            Ok(true) => self.is_held = true,
            Ok(false) => {}
            Err(failed) => {
                let _ = fs::remove_file(&self.path);
                tracing::debug!(error = %failed, "no room could be reserved on the disk");
            }
        }
        if self.is_held {
            info!(
                bytes = RESERVE_BYTES,
                "room on the disk is reserved for a day when it is full"
            );
        }
    }

    fn try_take(&self) -> io::Result<bool> {
        let dir = self.path.parent().unwrap_or(Path::new("."));
        let disk = statvfs(dir)?;
        if disk.f_bavail.saturating_mul(disk.f_frsize) < FREE_BYTES_MIN + RESERVE_BYTES {
            return Ok(false);
        }
        let file = Dir::open(dir)?.open_or_make(NAME, 0o666)?;
        fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES)?;
        file.sync_all()?;
        Ok(true)
    }

    /// Gives the room back to the disk. True if there was any.
    pub(in crate::journal) fn release(&mut self) -> bool {
        if !self.is_held {
            return false;
        }
        self.is_held = false;
        let released = fs::remove_file(&self.path).is_ok();
        if released {
            warn!(
                "the disk is full: the reserved room is used; delete something, or counting goes on in memory alone"
            );
        }
        released
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_taken_given_up_and_taken_again() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("reserve");
        let mut reserve = Reserve::of(dir.path());
        assert!(!reserve.release(), "nothing is held yet");
        reserve.take();
        assert_eq!(fs::metadata(&file).unwrap().len(), RESERVE_BYTES);
        assert!(Reserve::of(dir.path()).release(), "the next run finds it");
        assert!(!file.exists());
        assert!(!Reserve::of(dir.path()).release());
    }
}
