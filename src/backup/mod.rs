//! Copies of the journal: where one goes, how it gets its name when it is whole, and which older ones leave.

mod names;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::journal::{JournalCopy, JournalError, JournalSnapshot, beside_copy};
use crate::model::{PulseId, WallNs};
use crate::owner::files::Dir;
use crate::owner::rights::{RightsError, as_owner, directory_of};

use names::{is_copy_name, name_at, part_name};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupRequest {
    /// A file, or a directory in which the copy gets a name with the time.
    pub to: PathBuf,
    /// So many copies of this journal stay in the directory, this one among them; None: all.
    pub keep: Option<usize>,
    /// A file that is there is replaced.
    pub force: bool,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupDone {
    /// The copy.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The newest pulse in it; the default: none.
    pub newest: PulseId,
    /// Older copies that were deleted.
    pub deleted: Vec<PathBuf>,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The directory that the copy goes to.
    #[error(transparent)]
    Rights(#[from] RightsError),
    /// The file is there.
    #[error("{} is there already: --force replaces it, or name another file", .0.display())]
    There(PathBuf),
    /// It is one of the journal's own directory.
    #[error(
        "{} is in the journal's own directory: a backup belongs on another disk", .0.display()
    )]
    InJournal(PathBuf),
    /// Copies are kept by number in a directory only.
    #[error(
        "--keep deletes older copies in a directory: {} is none (make it first, or leave --keep)", .0.display()
    )]
    KeepsInFile(PathBuf),
    /// Another backup is writing.
    #[error("another backup is writing {} at the moment", .0.display())]
    Busy(PathBuf),
    /// It cannot be written.
    #[error("cannot write {}", path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be written, as SQLite says it.
    #[error("cannot write a copy of the journal to {}", path.display())]
    Copy {
        /// Where.
        path: PathBuf,
        /// Why.
        source: JournalError,
    },
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    |source| BackupError::Io { path, source }
}

/// Copies the journal in `dir` while a daemon may be writing to it. The copy is read again as a whole and synced before
/// it gets its name, so what has the name is sound; older copies leave only after that. `progress` is told how much of
/// 1 is done.
///
/// # Errors
/// When there is no copy. What was there before is untouched then.
pub fn back_up(
    dir: &Path,
    request: &BackupRequest,
    now_ns: WallNs,
    progress: &mut dyn FnMut(f64),
) -> Result<BackupDone, BackupError> {
    let is_dir = request.to.is_dir();
    if request.keep.is_some() && !is_dir {
        return Err(BackupError::KeepsInFile(request.to.clone()));
    }
    let path = match is_dir {
        true => request.to.join(name_at(now_ns)),
        false => request.to.clone(),
    };
    let into = directory_of(&path).to_owned();
    if let (Ok(into), Ok(own)) = (into.canonicalize(), dir.canonicalize()) {
        if into == own {
            return Err(BackupError::InJournal(path));
        }
    }
    let acting = as_owner(dir)?;
    let snapshot = JournalSnapshot::take(dir)?;
    drop(acting);

    let _acting = as_owner(&into)?;
    if !request.force && path.symlink_metadata().is_ok() {
        return Err(BackupError::There(path));
    }
    let id = snapshot.seen().id.as_deref().filter(|_| is_dir);
    let part = Part::begin(into.join(part_name(&path, id)))?;
    let written = snapshot.write(&part.path, progress);
    written.map_err(|source| match source {
        source @ JournalError::Miscopied { .. } => BackupError::Journal(source),
        source => BackupError::Copy {
            path: path.clone(),
            source,
        },
    })?;
    let bytes = part.finish(&path)?;
    let deleted = match request.keep {
        Some(keep) => delete_older(&into, &path, snapshot.seen(), keep)?,
        None => Vec::new(),
    };
    Ok(BackupDone {
        path,
        bytes,
        newest: snapshot.seen().newest,
        deleted,
    })
}

/// A copy that is being written. What a backup that was killed left is taken over by the next one.
struct Part {
    path: PathBuf,
    /// Locked, and open until SQLite has closed the file: closing it earlier would drop SQLite's locks.
    file: File,
    is_kept: bool,
}

impl Part {
    fn begin(path: PathBuf) -> Result<Part, BackupError> {
        // Its name can be guessed, and others may write into the directory: no link is followed.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let opened = Dir::open(directory_of(&path)).and_then(|dir| dir.open_or_make(&name, 0o666));
        let file = opened.map_err(failed(&path))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(BackupError::Busy(path));
        }
        file.set_len(0).map_err(failed(&path))?;
        let part = Part {
            path,
            file,
            is_kept: false,
        };
        part.clear_beside();
        Ok(part)
    }

    fn clear_beside(&self) {
        for file in beside_copy(&self.path) {
            // Mostly there is none.
            let _ = fs::remove_file(file);
        }
    }

    /// It is whole: synced, it gets its name. Returns its size.
    fn finish(mut self, to: &Path) -> Result<u64, BackupError> {
        self.clear_beside();
        self.file.sync_all().map_err(failed(&self.path))?;
        let bytes = self.file.metadata().map_err(failed(&self.path))?.len();
        fs::rename(&self.path, to).map_err(failed(to))?;
        self.is_kept = true;
        let dir = File::open(directory_of(to)).map_err(failed(to))?;
        dir.sync_all().map_err(failed(to))?;
        Ok(bytes)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_kept {
            self.clear_beside();
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Deletes the older ones among the copies of this journal in `dir`. The one that was just made stays, whatever the
/// clock says; the others are ordered by what is in them. Files of other names, and copies of other journals, are
/// not touched.
fn delete_older(
    dir: &Path,
    made: &Path,
    seen: &JournalCopy,
    keep: usize,
) -> Result<Vec<PathBuf>, BackupError> {
    let mut older = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed(dir))? {
        let entry = entry.map_err(failed(dir))?;
        let path = entry.path();
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let name = entry.file_name();
        if path == made || !is_file || !name.to_str().is_some_and(is_copy_name) {
            continue;
        }
        match JournalCopy::look(&path) {
            Ok(copy) if copy.id.is_some() && copy.id == seen.id => older.push((copy.newest, path)),
            _ => {}
        }
    }
    older.sort();
    let leave = older.len().saturating_sub(keep.max(1) - 1);
    let mut deleted = Vec::new();
    for (_, path) in older.into_iter().take(leave) {
        fs::remove_file(&path).map_err(failed(&path))?;
        deleted.push(path);
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests;
