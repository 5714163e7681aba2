//! The journal: one SQLite file that keeps every pulse before anything else is done with it.
//!
//! # The format
//!
//! `journal.sqlite` in the journal's directory, in WAL mode, pages of 512 bytes.
//!
//! * `pulse(id, meter, segment, mono_ns, estimated)`: a row a pulse; `id` is the journal's order.
//!   Ids are given once, without gaps, and never again (the newest row is never pruned).
//! * `clock_segment(id, boot_id, begins_ns, offset_ns, trust, slept_ns)`: wall time of a pulse is its
//!   `mono_ns` plus the `offset_ns` of its segment. Stamps are multiples of 1024 ns and
//!   `offset_ns` is congruent to the segment's id modulo 1024, so that pulses of one meter in
//!   different segments differ in wall time even where the clock was set back over the same minute.
//!   `trust` 0: provisional, its pulses are not delivered yet; above: final, never changed again.
//!   `slept_ns` is how long the machine had been suspended in that boot.
//!   One segment is special: `boot_id` `import`, offset 0. Its pulses came from elsewhere, and their
//!   `mono_ns` is the wall time that they had there.
//! * `line(meter, pulses, last_segment, last_mono_ns, request_id, line_seqno, filter, tally)`: written in
//!   the commit of the pulses it belongs to, and when the line is requested. `pulses` counts all ever
//!   journaled, also those since pruned; `line_seqno` and `filter` tell a later run what it missed; `tally`
//!   is what the filter made lately of what looks like pulses.
//! * `ledger(meter, cause, pulses, first_ns, last_ns)`: every pulse rejected or lost.
//! * `destination(id, name, …)` and `delivered(destination, first_id, last_id)`: which pulses each
//!   destination has acknowledged, as few ranges of ids. Saved late on purpose: sending again is
//!   harmless, a write a second to the card is not.
//! * `quarantine(…)`: points that a server refused for good, with what it said; `again`: they are to be sent again.
//!   `expired(first_id, last_id)`: pulses that a raw bucket was too late for.
//! * `window(view, start_s, meter, pulses)`: how many pulses each minute, five minutes and hour
//!   holds, of pulses that are durable and whose time is final. `rolled(first_id, last_id)`: which
//!   ids are counted in there. Both change in one commit, so that each pulse is counted once for
//!   ever, whenever it comes and whether or not the pulses beside it are still there.
//! * `hour_ids(start_s, first_id, last_id)`: between which ids the pulses of an hour are found.
//! * `watched(meter, begins_s, ends_s)`: when the meter's line was watched without a break: the
//!   journal knows all of a window that lies in there.
//! * `line_now(meter, since_ns, why)`: how the lines stand while the daemon runs; `why` one is not read, NULL: it
//!   is. Written when it changes.
//! * `reconciled(destination, level, until_s, looked_from_s, all_s)` and `changed_window(destination, level,
//!   start_s, roll)`: up to where the server's buckets were compared with the windows, and what has changed
//!   since. Level 0 is raw, the others are the width of the view's windows in seconds. `looked_from_s`: back
//!   to where the last look goes; `all_s`: when the last look over all that is kept was begun.
//! * `compare_span(destination, level, kind, from_s, to_s)`: kind 0: what is still to be looked at; kind 1:
//!   windows in which the server holds more than the journal.
//! * `journal(key, value)`: numbers of the journal itself. `id` tells it from all others, and is random since
//!   the journal is given it when it is made; an older one was given one that its copies have, too. `settings` is
//!   what the daemon runs with, without secrets.
//! * `register(meter, at_ns, pulses, kwh, imp_per_kwh, adopted)`: what stood on a meter's face, and how many
//!   of its pulses the journal had counted by then.
//!
//! * `elapsed(…)`: one row, what had surely passed when it was written ([`crate::clock::elapsed`]).
//! * `thinned(segment, minute, meter, pulses, first_id)`: how many pulses of each minute of the monotonic clock
//!   had to leave (the disk bound) before the time of their segment was known; counted in windows when it is.
//!
//! A journal of simulated pulses bears the key `simulated` in `journal(key, value)`; real pulses never go into one
//! of those, nor the other way round ([`kind`]).
//!
//! Beside it lies `reserve`, a file of 1 MiB that holds nothing: a full disk cannot even delete.
//!
//! # Durability
//!
//! The [`writer`] commits what is waiting at once at `synchronous=NORMAL`: that survives the death
//! of the process. The [`durable`] thread syncs the WAL and publishes the **durable mark**, the
//! newest id that survives a power cut. Only up to that mark anything is sent.

pub mod append;
pub mod arrivals;
pub mod compared;
pub mod delivery;
pub mod durable;
pub mod foreign;
mod head;
pub mod heirloom;
pub mod hours;
pub mod kind;
pub mod kinship;
pub mod lock;
pub mod mailbox;
pub mod marks;
pub mod quarantine;
pub mod ranges;
pub mod reader;
pub mod refusal;
pub mod registers;
pub mod retention;
pub mod roller;
pub mod salvage;
pub mod schema;
mod schema_rows;
pub mod segments;
pub mod settings;
pub mod tail;
pub mod tallies;
pub mod windows;
pub mod writer;

mod check;
mod elapsed;
mod lines;
pub(crate) mod migrations;
mod older;
mod onto_board;
mod reserve;
mod thinned;
mod unused;

use std::path::{Path, PathBuf};

/// The journal's file in its directory.
pub const FILE_NAME: &str = "journal.sqlite";

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
pub(crate) trait Named<T> {
    /// `op` completes the sentence "the journal cannot …".
    fn op(self, op: &'static str) -> Result<T, JournalError>;
}

impl<T> Named<T> for rusqlite::Result<T> {
    fn op(self, op: &'static str) -> Result<T, JournalError> {
        self.map_err(|source| JournalError::Sql { op, source })
    }
}

/// The file in `dir`.
pub fn file_in(dir: &Path) -> PathBuf {
    dir.join(FILE_NAME)
}

#[cfg(test)]
mod arrival_tests;
#[cfg(test)]
mod beside_tests;
#[cfg(test)]
mod register_tests;
#[cfg(test)]
mod tail_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod window_tests;
