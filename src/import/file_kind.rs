//! What a file may be, and why it can be none of these.

use std::path::{Path, PathBuf};

use crate::journal::JournalError;

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// The queue of the Python edition.
    PythonQueue,
    /// A journal of ours.
    Journal,
    /// Comma-separated.
    Csv,
    /// Line protocol.
    LineProtocol,
}

impl FileKind {
    /// What it is, for people.
    pub fn as_str(&self) -> &'static str {
        match self {
            FileKind::PythonQueue => "queue of the Python edition",
            FileKind::Journal => "PowerLogger journal",
            FileKind::Csv => "comma-separated values",
            FileKind::LineProtocol => "line protocol",
        }
    }
}

/// What cannot be imported at all.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// SQLite cannot read it.
    #[error("cannot read {}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It is something else.
    #[error("{} cannot be imported: {why}", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        why: String,
    },
}

impl SourceError {
    /// Of a database that is not our journal: only what SQLite says of it.
    pub(super) fn database(path: &Path, failed: JournalError) -> SourceError {
        let path = path.to_owned();
        let source = match failed {
            JournalError::Sql { source, .. } => source.into(),
            other => other.into(),
        };
        SourceError::Database { path, source }
    }
}
