//! What can go wrong with the journal.

use std::path::PathBuf;

/// What can go wrong with the journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The directory or the lock in it cannot be used.
    #[error("cannot use the journal's directory {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has it.
    #[error(
        "the journal in {} is in use by another powerlogger; stop that one first \
         (systemctl stop powerlogger), or name another directory in QUEUE_DIR", path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// There is none.
    #[error(
        "there is no journal in {}; `powerlogger run` makes one (QUEUE_DIR names the directory)",
        path.display()
    )]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// Whether there is one cannot be seen.
    #[error("the journal in {} cannot be read", path.display())]
    Unreadable {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It was there, and is there no longer.
    #[error(
        "the journal has gone from {}: is its disk mounted?", path.display()
    )]
    Gone {
        /// The directory.
        path: PathBuf,
    },
    /// It holds real pulses, and simulated ones are to go into it.
    #[error(
        "the journal in {} holds real pulses: simulated ones, or those of a recording, do not go into it; \
         --simulated puts them into a journal of their own beside it, or name another directory with --queue-dir",
        path.display()
    )]
    HoldsReal {
        /// The directory.
        path: PathBuf,
    },
    /// It holds simulated pulses, and they are to go among real ones.
    #[error(
        "{} holds SIMULATED pulses, which do not go among real ones; --simulated brings them into the journal of \
         simulated pulses", path.display()
    )]
    Simulated {
        /// The file.
        path: PathBuf,
    },
    /// It was written by a newer program.
    #[error(
        "the journal has schema {found}, this powerlogger knows {known}: it was written by a newer \
         version; install that one again, or move the journal aside"
    )]
    NewerSchema {
        /// The journal's.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// It was written by an older program, and is to be written to beside a daemon of that one.
    #[error(
        "the journal has schema {found}: it was written by an older version; restart the daemon \
         (systemctl restart powerlogger), which brings it up to date, and try again"
    )]
    OlderSchema {
        /// The journal's.
        found: i64,
    },
    /// SQLite says no.
    #[error("the journal cannot {op}")]
    Sql {
        /// What was to be done.
        op: &'static str,
        /// What it says.
        source: rusqlite::Error,
    },
    /// A copy of it is not what it was copied from.
    #[error("the copy of the journal is not sound ({found}): is the disk that it was written to?")]
    Miscopied {
        /// What SQLite found.
        found: String,
    },
    /// The WAL cannot be synced.
    #[error("the journal's last commits cannot be made durable")]
    Sync {
        /// Why.
        source: std::io::Error,
    },
}

impl JournalError {
    /// A machine word for logs and metrics.
    pub fn kind(&self) -> &'static str {
        use rusqlite::ErrorCode as C;
        match self {
            JournalError::Directory { .. } => "directory",
            JournalError::InUse { .. } => "in_use",
            JournalError::Missing { .. } => "missing",
            JournalError::Gone { .. } => "gone",
            JournalError::HoldsReal { .. } => "holds_real",
            JournalError::Simulated { .. } => "simulated",
            JournalError::NewerSchema { .. } => "newer_schema",
            JournalError::OlderSchema { .. } => "older_schema",
            JournalError::Unreadable { source, .. } => match source.kind() {
                std::io::ErrorKind::PermissionDenied => "permission",
                _ => "directory",
            },
            JournalError::Miscopied { .. } => "miscopied",
            JournalError::Sync { .. } => "sync",
            JournalError::Sql { source, .. } => match source.sqlite_error_code() {
                Some(C::DiskFull) => "disk_full",
                Some(C::ReadOnly) => "read_only",
                Some(C::SystemIoFailure) => "io",
                Some(C::DatabaseCorrupt | C::NotADatabase) => "corrupt",
                Some(C::DatabaseBusy | C::DatabaseLocked) => "busy",
                _ => "sql",
            },
        }
    }

    /// Whether the file is damaged beyond what SQLite recovers by itself.
    pub fn is_corrupt(&self) -> bool {
        self.kind() == "corrupt"
    }
}

/// Names the operation that failed.
pub(in crate::journal) trait OpContext<T> {
    /// `op` completes the sentence "the journal cannot …".
    fn op(self, op: &'static str) -> Result<T, JournalError>;
}

impl<T> OpContext<T> for rusqlite::Result<T> {
    fn op(self, op: &'static str) -> Result<T, JournalError> {
        self.map_err(|source| JournalError::Sql { op, source })
    }
}
