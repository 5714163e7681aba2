//! Why an import ends before all is brought in, with what to do.

use std::io;
use std::path::PathBuf;

use super::bring::BringError;
use super::source::SourceError;
use crate::journal::JournalError;
use crate::owner::rights::RightsError;
use crate::text::numbers::{count, size};

/// Why nothing, or not all, was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read, or is nothing to import.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The journal cannot be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Root may not take the rights that it is to work with.
    #[error(transparent)]
    Rights(#[from] RightsError),
    /// A step cannot be told.
    #[error(transparent)]
    Told(io::Error),
    /// Simulated pulses would come among real ones.
    #[error("{} is not imported", path.display())]
    Simulated {
        /// The file of simulated ones.
        path: PathBuf,
        /// Why.
        source: JournalError,
    },
    /// Meters of the files are not known here.
    #[error(
        "no meter here is called {}; nothing was imported. The meters are {}. Say which one it is \
         (--map OLD=NEW), leave it out (--without NAME), or add a [[meter]] of that name to \
         powerlogger.toml",
        unknown.join(" or "),
        names.join(", ")
    )]
    UnknownMeters {
        /// Their names, with their pulses.
        unknown: Vec<String>,
        /// The meters here.
        names: Vec<String>,
    },
    /// The journal's bound would push out at once what is imported.
    #[error(
        "the journal may take {} (journal.max_bytes), and with these {} would need up to {}: raise the \
         bound first",
        size(*bound),
        count(*pulses, "pulse"),
        size(*needed)
    )]
    NoRoom {
        /// Bytes that it may take.
        bound: u64,
        /// Pulses to import.
        pulses: u64,
        /// Bytes that it would take.
        needed: u64,
    },
    /// The journal turned out to be damaged.
    #[error(
        "the journal was damaged, and is now {}: a new one is started. Import that one, too",
        aside.display()
    )]
    MovedAside {
        /// Where it is now.
        aside: PathBuf,
    },
    /// All is imported, but a file keeps its name.
    #[error("everything is imported, but {} cannot be renamed", path.display())]
    PutAway {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// All is imported, but files of the journal belong to root.
    #[error("cannot give the journal in {} to its owner", dir.display())]
    GiveAway {
        /// The journal's directory.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<BringError> for ImportError {
    fn from(failed: BringError) -> ImportError {
        match failed {
            BringError::Source(failed) => failed.into(),
            BringError::Journal(failed) => failed.into(),
        }
    }
}
