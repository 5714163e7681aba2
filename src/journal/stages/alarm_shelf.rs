//! Where the alarms leave what must outlive the process, and find what earlier runs have left. It stays over a journal
//! that is closed and opened again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::intake::Intake;
use crate::model::AlarmBook;

#[derive(Debug, Default)]
struct Shelved {
    /// The newest that was left, and its number; 0: none.
    book: Arc<AlarmBook>,
    version: u64,
    /// The number of what the open journal has.
    kept: u64,
    /// What an earlier run has left; None: not read yet, or taken.
    known: Option<AlarmBook>,
    /// It was read.
    was_read: bool,
}

/// The shelf between the alarms' thread and the journal's writer.
#[derive(Debug)]
pub struct AlarmShelf {
    shelved: Mutex<Shelved>,
    /// Where the writer waits.
    intake: Arc<Intake>,
}

impl AlarmShelf {
    /// An empty one, beside a writer that waits at `intake`.
    pub fn new(intake: Arc<Intake>) -> AlarmShelf {
        AlarmShelf {
            shelved: Mutex::default(),
            intake,
        }
    }

    /// Leaves what is to be kept in place of what was left before, and wakes the writer. Returns its number.
    pub fn put(&self, book: AlarmBook) -> u64 {
        let mut shelved = self.lock();
        shelved.book = Arc::new(book);
        shelved.version += 1;
        let version = shelved.version;
        drop(shelved);
        self.intake.wake();
        version
    }

    /// Whether the journal has what was left under this number, or later.
    pub fn is_kept(&self, version: u64) -> bool {
        self.lock().kept >= version
    }

    /// What earlier runs have left, once: when the journal has been read.
    pub fn take_known(&self) -> Option<AlarmBook> {
        self.lock().known.take()
    }

    /// A journal is open, which holds this. Of one that was open in this run nothing is learnt, and it may be another
    /// one: it is given all once more.
    pub(in crate::journal) fn opened(&self, book: AlarmBook) {
        let mut shelved = self.lock();
        if !shelved.was_read {
            (shelved.known, shelved.was_read) = (Some(book), true);
        }
        shelved.kept = 0;
    }

    /// What the journal lacks, with its number. Nothing replaces what has not been learnt.
    pub(in crate::journal) fn to_keep(&self) -> Option<(u64, Arc<AlarmBook>)> {
        let shelved = self.lock();
        let is_due = shelved.kept < shelved.version && shelved.known.is_none();
        is_due.then(|| (shelved.version, Arc::clone(&shelved.book)))
    }

    /// The journal has what was left under this number.
    pub(in crate::journal) fn kept(&self, version: u64) {
        self.lock().kept = version;
    }

    fn lock(&self) -> MutexGuard<'_, Shelved> {
        self.shelved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
