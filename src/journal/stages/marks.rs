//! Where the journal stands: committed, durable. Shared by the writer, the durable thread
//! and everybody who waits for one of them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::journal::refusal::Refusal;
use crate::live::Board;
use crate::model::{MonoNs, PulseId, WallNs};

/// One look at the marks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mark {
    /// The newest id that survives the death of the process.
    pub committed: PulseId,
    /// The newest id that survives a power cut.
    pub durable: PulseId,
    /// Rounds that the writer has finished: it is alive while they grow.
    pub rounds: u64,
    /// Commits so far, of pulses or of anything else.
    pub commits: u64,
    /// Commits that are durable.
    pub durable_commits: u64,
    /// When the first commit that is not durable was made.
    pub unsynced_since_ns: Option<MonoNs>,
    /// Windows that end up to this, in seconds since 1970, are counted whole; 0: none yet.
    pub closed_s: i64,
    /// So late it surely is: only by that anything is old enough to be given up. None: it is not known.
    pub sure_ns: Option<WallNs>,
    /// The journal is damaged: it takes no more commits, or cannot be read.
    pub damaged: bool,
    /// How many times a clock segment became final: pulses that were held may go.
    pub segments_settled: u64,
    /// How commits fail now (a word of [`crate::journal::refusal::Refusal`]); None: they do not.
    pub failing: Option<&'static str>,
    /// How making them durable fails now; None: it does not.
    pub unsyncable: Option<&'static str>,
    /// Since when one of the two fails in a way that only opening the journal again may end.
    pub refused_since_ns: Option<MonoNs>,
}

impl Mark {
    fn note_refusal(&mut self, now_ns: MonoNs) {
        let refused = [self.failing, self.unsyncable]
            .into_iter()
            .flatten()
            .any(Refusal::should_reopen);
        self.refused_since_ns = refused.then(|| self.refused_since_ns.unwrap_or(now_ns));
    }
}

/// The marks, and those who wait for them.
#[derive(Debug, Default)]
pub struct Marks {
    mark: Mutex<Mark>,
    /// A commit is there, and none before it waits for the disk.
    unsynced: Condvar,
    /// More is durable, or closed, or damaged.
    changed: Condvar,
    /// All waits end.
    ended: Condvar,
    board: Arc<Board>,
}

impl Marks {
    /// Marks for a journal whose newest, durable id is `newest`.
    pub fn at(newest: PulseId) -> Marks {
        let marks = Marks::default();
        let mut mark = marks.lock();
        (mark.committed, mark.durable) = (newest, newest);
        drop(mark);
        marks
    }

    /// Marks for a journal whose newest id is `newest`, of which it is not known yet what is on the disk.
    pub fn unproven(newest: PulseId, now_ns: MonoNs) -> Marks {
        let marks = Marks::default();
        marks.committed(newest, false, now_ns);
        marks
    }

    /// Publishes them on this board from now on.
    #[must_use]
    pub fn on(mut self, board: Arc<Board>) -> Marks {
        self.board = board;
        self.publish(&self.lock());
        self
    }

    /// With the marks locked: what is published last is how they stand.
    fn publish(&self, mark: &Mark) {
        self.board.publish_journal(|journal| {
            (journal.committed, journal.durable) = (mark.committed, mark.durable);
            (journal.failing, journal.unsyncable) = (mark.failing, mark.unsyncable);
        });
    }

    /// How they stand.
    pub fn now(&self) -> Mark {
        *self.lock()
    }

    /// A commit has been made whose newest pulse is `newest`.
    pub fn committed(&self, newest: PulseId, settled: bool, now_ns: MonoNs) {
        let mut mark = self.lock();
        mark.committed = newest;
        mark.commits += 1;
        mark.segments_settled += u64::from(settled);
        let is_first = mark.unsynced_since_ns.is_none();
        mark.unsynced_since_ns.get_or_insert(now_ns);
        self.publish(&mark);
        if is_first {
            self.unsynced.notify_all();
        }
    }

    /// So late it surely is now.
    pub fn sure(&self, sure_ns: Option<WallNs>) {
        self.lock().sure_ns = sure_ns;
    }

    /// The writer has finished a round. No thread waits for that.
    pub fn round(&self) {
        self.lock().rounds += 1;
    }

    /// The journal turned out to be damaged.
    pub fn damaged(&self) {
        self.lock().damaged = true;
        self.changed.notify_all();
    }

    /// Commits fail now, or no longer. Returns how they failed before.
    pub fn failing(&self, failing: Option<&'static str>, now_ns: MonoNs) -> Option<&'static str> {
        let mut mark = self.lock();
        let before = std::mem::replace(&mut mark.failing, failing);
        mark.note_refusal(now_ns);
        if before != failing {
            self.publish(&mark);
        }
        before
    }

    /// Commits cannot be made durable now, or they can again.
    pub fn unsyncable(&self, unsyncable: Option<&'static str>, now_ns: MonoNs) {
        let mut mark = self.lock();
        mark.unsyncable = unsyncable;
        mark.note_refusal(now_ns);
        self.publish(&mark);
    }

    /// All windows that end up to `closed_s` are counted now.
    pub fn closed(&self, closed_s: i64) {
        self.lock().closed_s = closed_s;
        self.changed.notify_all();
    }

    /// Everything that stood at `then` is durable now.
    pub fn durable(&self, then: Mark, now_ns: MonoNs) {
        let mut mark = self.lock();
        mark.durable = mark.durable.max(then.committed);
        mark.durable_commits = mark.durable_commits.max(then.commits);
        let more = mark.commits > mark.durable_commits;
        mark.unsynced_since_ns = more.then_some(now_ns);
        self.publish(&mark);
        self.changed.notify_all();
    }

    /// Waits until `wanted` holds or `timeout` is over or [`Marks::end_waits`] is called; returns the marks.
    pub fn wait(&self, timeout: Duration, wanted: impl Fn(&Mark) -> bool) -> Mark {
        let mark = self.lock();
        if wanted(&mark) {
            return *mark;
        }
        *self
            .changed
            .wait_timeout(mark, timeout)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    /// Waits until a commit is not durable yet, or `timeout` is over, or it is `over` and [`Marks::end_waits`]
    /// is called.
    pub fn wait_for_commit(&self, timeout: Duration, over: impl Fn() -> bool) {
        let mark = self.lock();
        if mark.unsynced_since_ns.is_none() && !over() {
            drop(self.unsynced.wait_timeout(mark, timeout));
        }
    }

    /// Waits until `timeout` is over or it is `over` and [`Marks::end_waits`] is called, whatever is committed
    /// meanwhile.
    pub fn pause(&self, timeout: Duration, over: impl Fn() -> bool) {
        let mark = self.lock();
        if !over() {
            drop(self.ended.wait_timeout(mark, timeout));
        }
    }

    /// Ends all waits.
    pub fn end_waits(&self) {
        let _mark = self.lock();
        for waiting in [&self.unsynced, &self.changed, &self.ended] {
            waiting.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Mark> {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
