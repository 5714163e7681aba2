//! Commits that are not durable yet stay in memory until they are: a disk that fails forgets them
//! although it took them, and then they are made again.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;

use rusqlite::OptionalExtension;
use tracing::warn;

use crate::intake::{Intake, Pending};
use crate::journal::handles::journal::Journal;
use crate::journal::{JournalError, OpContext};
use crate::model::{Losses, MeterId, MeterRow, MonoNs, PulseId, SegmentNo, SegmentRow, WallNs};

/// The most pulses that are kept so: more than come between two syncs of a card that takes its time.
/// Those above are in the journal all the same.
const PULSES_MAX: usize = 50_000;

/// A commit.
#[derive(Debug)]
struct Kept {
    /// Its number.
    commit: u64,
    /// The newest id after it.
    newest: PulseId,
    /// What was committed.
    pending: Pending,
}

/// The commits that are not durable yet, oldest first.
#[derive(Debug, Default)]
pub(in crate::journal) struct Unsynced {
    commits: VecDeque<Kept>,
    pulses: usize,
    attempts: Attempts,
}

impl Unsynced {
    /// Keeps what commit number `commit` has made; its newest id is `newest`.
    pub(in crate::journal) fn keep(&mut self, commit: u64, newest: PulseId, pending: Pending) {
        // None of those that failed before can be found any more.
        self.attempts.0.clear();
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

    /// Keeps what of a commit that was thought to have failed tells whether the journal has it all the same.
    pub(in crate::journal) fn failed(&mut self, pending: &Pending) {
        self.attempts.failed(pending);
    }

    /// Forgets all up to commit number `durable`.
    pub(in crate::journal) fn durable(&mut self, durable: u64) {
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

/// Commits that were thought to have failed since the last one that did not, the latest.
const ATTEMPTS_MAX: usize = 16;

/// A commit that was thought to have failed: it begins the queue again, and may yet be found in the journal.
#[derive(Debug)]
struct Attempt {
    pulses: usize,
    /// All of it but its pulses.
    rest: Pending,
}

/// All of them, oldest first. Each begins where the last good commit ended.
#[derive(Debug, Default)]
struct Attempts(VecDeque<Attempt>);

impl Attempts {
    /// A commit has failed.
    fn failed(&mut self, pending: &Pending) {
        if self.0.len() == ATTEMPTS_MAX {
            self.0.pop_front();
        }
        let (losses, lines) = (pending.losses.clone(), pending.lines.clone());
        self.0.push_back(Attempt {
            pulses: pending.pulses.len(),
            rest: Pending {
                losses,
                lines,
                ..Pending::default()
            },
        });
    }

    /// The one that the journal has after all, of which it has so many pulses.
    fn found(&self, journal: &Journal, pulses: usize) -> Result<Option<&Attempt>, JournalError> {
        for attempt in self.0.iter().rev().filter(|tried| tried.pulses == pulses) {
            let told_by_lines = !attempt.rest.lines.is_empty();
            let there = if told_by_lines {
                journal.has_lines_of(&attempt.rest)?
            } else {
                pulses > 0
            };
            if there {
                return Ok(Some(attempt));
            }
        }
        Ok(None)
    }
}

/// What a journal that was closed leaves to the one that is opened in its place.
#[derive(Debug)]
pub struct Carryover {
    /// The newest id that it knows to have committed.
    pub(in crate::journal) newest: PulseId,
    /// This run's segments, and the state of the lines.
    pub(in crate::journal) standing: Pending,
    /// Rows of this run's segments.
    pub(in crate::journal) segments: HashMap<SegmentNo, SegmentRow>,
    pub(in crate::journal) unsynced: Unsynced,
    /// What it had seen of the clock and the lines is in here too.
    pub(in crate::journal) file: PathBuf,
}

impl Carryover {
    /// How many pulses it holds.
    pub fn pulses(&self) -> usize {
        self.unsynced.pulses
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
        // A commit that was thought to have failed may be found when the WAL is read again. Other pulses may have
        // come from an import, while the journal was closed.
        let since = journal.stamps_since(self.newest)?;
        let survived = self.survived(journal)?;
        let ours = intake.begins_with(&since);
        let attempt = self.unsynced.attempts.found(journal, ours)?;
        let losses = attempt.map(|attempt| &attempt.rest.losses);
        let found = intake.drop_found(ours, losses.unwrap_or(&Losses::new()));
        let mut missing = std::mem::take(&mut self.standing);
        for kept in self.unsynced.commits.drain(..).skip(survived) {
            missing.pulses.extend(kept.pending.pulses);
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
        let by_lines = |kept: &Kept| match kept.pending.lines.is_empty() {
            true => journal.has_last_of(kept),
            false => Ok(kept.newest <= journal.newest() && journal.stands_at(&kept.pending)?),
        };
        match self.up_to_the_last(by_lines)? {
            // Lines may have moved on since; then pulses tell.
            0 => self.up_to_the_last(|kept| journal.has_last_of(kept)),
            survived => Ok(survived),
        }
    }

    /// How many of the kept commits there are up to the last one that is there.
    fn up_to_the_last(
        &self,
        is_there: impl Fn(&Kept) -> Result<bool, JournalError>,
    ) -> Result<usize, JournalError> {
        for (at, kept) in self.unsynced.commits.iter().enumerate().rev() {
            if is_there(kept)? {
                return Ok(at + 1);
            }
        }
        Ok(0)
    }
}

impl Journal {
    /// Takes over the rows of segments that are still there; the others will get the rows they had.
    fn know_segments(&mut self, rows: &HashMap<SegmentNo, SegmentRow>) -> Result<(), JournalError> {
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

    /// Pulses above an id: meter and stamp, in their order. Pulses of meters that are not configured end them.
    fn stamps_since(&self, id: PulseId) -> Result<Vec<(MeterId, MonoNs)>, JournalError> {
        let mut query = self
            .connection
            .prepare("SELECT meter, mono_ns FROM pulse WHERE id > ?1 ORDER BY id")
            .op("be read")?;
        let rows = query
            .query_map([id], |row| Ok((row.get::<_, MeterRow>(0)?, row.get(1)?)))
            .op("be read")?;
        let mut found = Vec::new();
        for row in rows {
            let (meter, mono_ns) = row.op("be read")?;
            let Some(at) = self.meters.iter().position(|known| *known == meter) else {
                break;
            };
            found.push((
                MeterId(u16::try_from(at).expect("at most 64 meters")),
                mono_ns,
            ));
        }
        Ok(found)
    }

    /// Whether the last pulse of this commit has its id: an import may have given that to another one, while the journal was
    /// closed.
    fn has_last_of(&self, kept: &Kept) -> Result<bool, JournalError> {
        let Some(last) = kept.pending.pulses.last() else {
            return Ok(false);
        };
        self.connection
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM pulse WHERE id = ?1 AND meter = ?2 AND mono_ns = ?3)",
                (kept.newest, self.meters[last.meter.index()], last.mono_ns),
                |found| found.get(0),
            )
            .op("be read")
    }

    /// Whether the state of its lines is that of this commit in all, so that no other commit can have put it there.
    fn has_lines_of(&self, pending: &Pending) -> Result<bool, JournalError> {
        for (meter, state) in &pending.lines {
            let filter = serde_json::to_string(&state.filter).expect("numbers and flags");
            let tally = serde_json::to_string(&state.tally).expect("numbers");
            let same: bool = self
                .connection
                .query_row(
                    "SELECT EXISTS (SELECT 1 FROM line WHERE meter = ?1 AND filter = ?2 AND tally = ?3)",
                    (self.meters[meter.index()], filter, tally),
                    |found| found.get(0),
                )
                .op("be read")?;
            if !same {
                return Ok(false);
            }
        }
        self.stands_at(pending)
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
