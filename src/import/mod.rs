//! Pulses from elsewhere: what the Python edition never delivered, CSV and line protocol files, journals
//! that were moved aside. [`source`] reads them, [`survey`] says what they hold, [`bring`] puts into the
//! journal what is not there yet, [`run`] does all this in order. docs/development/import.md tells why it is done this way.

pub mod bring;
mod context;
pub mod csv;
pub mod error;
mod file_kind;
pub mod line;
pub mod meters;
mod reading;
mod records;
pub mod run;
pub mod source;
pub mod survey;
mod text;
pub mod tidy;

use std::path::{Path, PathBuf};

use crate::model::WallNs;

/// The queue of the Python edition, in its `QUEUE_DIR`, which is ours, too.
pub const PYTHON_QUEUE: &str = "write_queue.sqlite";

/// How the names of journals that were moved aside begin.
const DAMAGED: &str = "journal.damaged-";

/// What the name of a file that has been imported ends in.
pub const IMPORTED: &str = ".imported";

/// No meter was logged before 2000-01-01T00:00:00Z: such a stamp is not one, or not in nanoseconds.
pub const FIRST_WALL_NS: WallNs = WallNs::of_s(946_684_800);

/// Pulses that one row may stand for.
pub const ROW_PULSES_MAX: u32 = 100_000;

/// How a text begins whose pulses are simulated: as a comment, which CSV and line protocol have alike.
pub const SIMULATED_MARK: &str = "# SIMULATED pulses, not of real meters";

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken<'a> {
    /// So many pulses of a meter: the first at `wall_ns`, each further one a nanosecond later.
    Pulses {
        /// The meter's name in the source.
        meter: &'a str,
        /// When.
        wall_ns: WallNs,
        /// How many.
        pulses: u32,
        /// The stamp is a guess.
        estimated: bool,
    },
    /// Nothing that is to be imported, with the reason.
    LeftOut(&'static str),
}

/// A row that is not understood: why.
pub type Unclear = String;

/// One row of a source.
#[derive(Debug)]
pub struct ImportRow<'a> {
    /// Its number: of the line in a file, of the row in a queue, of the pulse in a journal.
    pub number: i64,
    /// How much of the source is read with it, of 1.
    pub share: f64,
    /// What it says.
    pub taken: Result<Taken<'a>, Unclear>,
    /// How it is written.
    pub text: &'a str,
    /// When the journal here may have counted it, if it was captured here, too.
    pub here_ns: Option<WallNs>,
}

/// Why a point is not ours.
fn other_measurement(of: &str, measurement: &str) -> Unclear {
    format!("it is of the measurement {of:?}, not {measurement:?} (MEASUREMENT)")
}

/// Judges a stamp: not before anything was logged, not in the future of `now_ns`.
///
/// # Errors
/// A sentence about it.
pub fn check_stamp(wall_ns: WallNs, now_ns: WallNs) -> Result<WallNs, Unclear> {
    if wall_ns < FIRST_WALL_NS {
        return Err(format!(
            "its time, {wall_ns} ns since 1970, is before the year 2000"
        ));
    }
    if wall_ns > now_ns {
        return Err("its time is in the future of this machine's clock".to_owned());
    }
    Ok(wall_ns)
}

/// Files in the journal's directory that wait for `powerlogger import`: the Python edition's queue,
/// journals that were moved aside.
pub fn waiting(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let waits = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name == PYTHON_QUEUE || (name.starts_with(DAMAGED) && name.ends_with(".sqlite"))
    };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(waits)
        .collect();
    found.sort();
    found
}

/// Whether a file is the queue of the Python edition by its name.
pub fn is_python_queue(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == PYTHON_QUEUE)
}

/// What to do about a file that waits to be imported.
pub fn how_to_import(path: &Path) -> String {
    let holds = if is_python_queue(path) {
        "the queue of the Python edition holds pulses that were never delivered"
    } else {
        "the journal was damaged and was moved aside; a new one was started"
    };
    let path = path.display();
    format!(
        "{holds}: with the daemon stopped, `powerlogger import {path}` brings in what can be read \
         (--dry-run shows it)"
    )
}

#[cfg(test)]
mod again_tests;
