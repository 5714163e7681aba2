//! Commits that are not durable yet stay in memory until they are: a disk that fails forgets them
//! although it took them, and then they are made again.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;

use rusqlite::OptionalExtension;
use tracing::warn;

use super::append::Journal;
use super::{JournalError, Named};
use crate::intake::{Intake, Pending};
use crate::pulse::{SegmentNo, WallNs};

/// The most pulses that are kept so: more than come between two syncs of a card that takes its time.
/// Those above are in the journal all the same.
const PULSES_MAX: usize = 50_000;

/// A commit.
#[derive(Debug)]
struct Kept {
    /// Its number.
    commit: u64,
    /// The newest id after it.
    newest: i64,
    /// What was committed.
    pending: Pending,
}

/// The commits that are not durable yet, oldest first.
#[derive(Debug, Default)]
pub(super) struct Tail {
    commits: VecDeque<Kept>,
    pulses: usize,
}

impl Tail {
    /// Keeps what commit number `commit` has made; its newest id is `newest`.
    pub(super) fn keep(&mut self, commit: u64, newest: i64, pending: Pending) {
        self.pulses += pending.pulses.len();
        self.commits.push_back(Kept {
            commit,
            newest,
            pending,
        });
        while self.pulses > PULSES_MAX {
            self.forget_oldest();
        }
    }

    /// Forgets all up to commit number `durable`.
    pub(super) fn durable(&mut self, durable: u64) {
        while self
            .commits
            .front()
            .is_some_and(|kept| kept.commit <= durable)
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(kept) = self.commits.pop_front() {
            self.pulses -= kept.pending.pulses.len();
        }
    }
}

/// What a journal that was let go leaves to the one that is opened in its place.
#[derive(Debug)]
pub struct Left {
    /// The newest id that it knows to have committed.
    pub(super) newest: i64,
    /// This run's segments, and the state of the lines.
    pub(super) standing: Pending,
    /// Rows of this run's segments.
    pub(super) segments: HashMap<SegmentNo, i64>,
    pub(super) tail: Tail,
    /// What it had seen of the clock and the lines is in here too.
    pub(super) file: PathBuf,
}

impl Left {
    /// How many pulses it holds.
    pub fn pulses(&self) -> usize {
        self.tail.pulses
    }

    /// What a new journal needs to go on where this one stood, when this one is set aside with all that
    /// is in it.
    pub fn into_standing(self) -> Pending {
        self.standing
    }

    /// Puts back into the intake, before what waits there, what `journal` does not have of it. Returns
    /// how many pulses were committed and then forgotten by the disk.
    ///
    /// # Errors
    /// When the journal cannot be read; nothing is put back then.
    pub fn give_back(
        &mut self,
        journal: &mut Journal,
        intake: &Intake,
        now_ns: WallNs,
    ) -> Result<usize, JournalError> {
        journal.know_segments(&self.segments)?;
        // A commit that was thought to have failed may be found when the WAL is read again.
        let more = usize::try_from(journal.newest() - self.newest).unwrap_or(0);
        let survived = self.survived(journal)?;
        let found = intake.drop_first(more);
        let mut missing = std::mem::take(&mut self.standing);
        for kept in self.tail.commits.drain(..).skip(survived) {
            let first = kept.newest - i64::try_from(kept.pending.pulses.len()).expect("few") + 1;
            let known = usize::try_from(journal.newest() - first + 1).unwrap_or(0);
            let pulses = kept.pending.pulses.iter().skip(known);
            missing.pulses.extend(pulses);
            for ((meter, cause), loss) in kept.pending.losses {
                missing.lose(meter, cause, loss);
            }
        }
        let forgotten = missing.pulses.len();
        intake.put_back(missing, now_ns);
        if forgotten > 0 || found > 0 {
            warn!(
                forgotten, found, file = %self.file.display(),
                "the journal was opened again: what the disk has forgotten is committed once more"
            );
        }
        Ok(forgotten)
    }

    /// How many of the kept commits the journal still has.
    fn survived(&self, journal: &Journal) -> Result<usize, JournalError> {
        for (at, kept) in self.tail.commits.iter().enumerate().rev() {
            let there = kept.newest <= journal.newest()
                && if kept.pending.lines.is_empty() {
                    !kept.pending.pulses.is_empty()
                } else {
                    journal.stands_at(&kept.pending)?
                };
            if there {
                return Ok(at + 1);
            }
        }
        // Lines may have moved on since; ids alone tell of pulses.
        let known =
            |kept: &Kept| kept.newest <= journal.newest() && !kept.pending.pulses.is_empty();
        Ok(self
            .tail
            .commits
            .iter()
            .rposition(known)
            .map_or(0, |at| at + 1))
    }
}

impl Journal {
    /// Takes over the rows of segments that are still there; the others will get the rows they had.
    fn know_segments(&mut self, rows: &HashMap<SegmentNo, i64>) -> Result<(), JournalError> {
        for (no, row) in rows {
            let boot: Option<String> = self
                .connection
                .query_row(
                    "SELECT boot_id FROM clock_segment WHERE id = ?1",
                    [row],
                    |found| found.get(0),
                )
                .optional()
                .op("be read")?;
            match boot {
                Some(boot) if boot == self.boot_id => drop(self.segments.insert(*no, *row)),
                Some(_) => {}
                None => drop(self.wanted.insert(*no, *row)),
            }
        }
        Ok(())
    }

    /// Whether its lines stand where this commit has put them.
    fn stands_at(&self, pending: &Pending) -> Result<bool, JournalError> {
        for (meter, state) in &pending.lines {
            #[expect(clippy::cast_possible_wrap, reason = "an id: only its bits matter")]
            let request = state.request_id as i64;
            let same: bool = self
                .connection
                .query_row(
                    "SELECT EXISTS (SELECT 1 FROM line
                         WHERE meter = ?1 AND request_id = ?2 AND line_seqno = ?3)",
                    (self.meters[meter.index()], request, state.line_seqno),
                    |found| found.get(0),
                )
                .op("be read")?;
            if !same {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
