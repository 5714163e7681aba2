//! Moves a journal out of the way, with its WAL.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tracing::{error, warn};

use crate::journal::JournalError;
use crate::journal::db::file::{beside, file_in, wal_of};
use crate::model::WallNs;

/// How the names of journals begin that were moved aside.
const DAMAGED: &str = "journal.damaged-";
const SIMULATED: &str = "journal.simulated-";

/// Moves a damaged journal aside, and says so. No process may have it open for writing.
///
/// # Errors
/// When it cannot be renamed.
pub fn set_aside(
    dir: &Path,
    now_ns: WallNs,
    why: &dyn std::fmt::Display,
) -> Result<PathBuf, JournalError> {
    let aside = move_aside(dir, DAMAGED, now_ns)?;
    error!(
        error = %why, moved_to = %aside.display(),
        "the journal is damaged; it was moved aside and a new one is started; `powerlogger import {}` \
         brings in what can be read of it",
        aside.display()
    );
    Ok(aside)
}

/// Moves a journal of simulated pulses out of the way of real ones, and says so.
///
/// # Errors
/// When it cannot be renamed.
pub(in crate::journal) fn set_simulated_aside(
    dir: &Path,
    now_ns: WallNs,
) -> Result<(), JournalError> {
    let aside = move_aside(dir, SIMULATED, now_ns)?;
    warn!(
        moved_to = %aside.display(),
        "the journal that was here holds SIMULATED pulses: it was moved aside, and a new one is started for the \
         real ones"
    );
    Ok(())
}

/// Renames the database with its WAL, so that the name is free.
fn move_aside(dir: &Path, kind: &str, now_ns: WallNs) -> Result<PathBuf, JournalError> {
    let failed = |source| JournalError::Directory {
        path: dir.to_owned(),
        source,
    };
    let at = Timestamp::from_nanosecond(i128::from(now_ns.0)).unwrap_or_default();
    let name = format!("{kind}{}", at.strftime("%Y%m%dT%H%M%SZ"));
    let mut aside = dir.join(format!("{name}.sqlite"));
    let mut no = 1;
    // A clock that was not set says the same again and again.
    while aside.exists() {
        no += 1;
        aside = dir.join(format!("{name}-{no}.sqlite"));
    }
    std::fs::rename(file_in(dir), &aside).map_err(failed)?;
    for suffix in ["-wal", "-shm"] {
        let from = beside(&file_in(dir), suffix);
        if from.exists() {
            std::fs::rename(from, beside(&aside, suffix)).map_err(failed)?;
        }
    }
    Ok(aside)
}

/// Brings the WAL after a database that was moved aside, should the power have gone in between: SQLite
/// would delete it beside a new database, with commits that can be salvaged.
pub(in crate::journal) fn finish_move_aside(dir: &Path) -> Result<(), JournalError> {
    let failed = |source| JournalError::Directory {
        path: dir.to_owned(),
        source,
    };
    let wal = wal_of(&file_in(dir));
    if file_in(dir).exists() || !wal.exists() {
        return Ok(());
    }
    let mut aside: Option<OsString> = None;
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let is_aside = name.to_str().is_some_and(|name| {
            (name.starts_with(DAMAGED) || name.starts_with(SIMULATED))
                && name.ends_with(".sqlite")
                && !dir.join(format!("{name}-wal")).exists()
        });
        if is_aside {
            aside = aside.max(Some(name));
        }
    }
    let Some(mut to) = aside else { return Ok(()) };
    to.push("-wal");
    std::fs::rename(wal, dir.join(to)).map_err(failed)
}
