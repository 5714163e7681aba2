//! Rolls pulses up into windows: each pulse is counted once, when it is durable and its time final.
//!
//! A window is not recomputed but added to, in the commit that notes which ids are counted. So
//! late pulses, a clock that was set right days later and pulses long pruned need no care: the
//! order in which pulses arrive does not matter, nor what is left of them.

use crate::journal::JournalError;
use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::ids::IdRanges;
use crate::journal::stages::neighbours::{Neighbours, WatchedSince};
use crate::model::{IdRange, PulseId, WindowCounts};

/// Pulses in one commit.
const ROLL_PULSES: usize = 5_000;

/// The stage, stepped by the writer.
#[derive(Debug)]
pub(in crate::journal) struct Roller {
    reader: Reader,
    rolled: IdRanges,
    /// Ids whose clock segment is provisional.
    held: IdRanges,
    settled_seen: u64,
    /// Pulses that have left may wait to be counted: their time may be known by now.
    thinned: bool,
    neighbours: Neighbours,
}

impl Roller {
    /// Goes on where the last run stopped.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(in crate::journal) fn open(journal: &Journal) -> Result<Roller, JournalError> {
        let reader = Reader::open(journal.dir())?;
        Ok(Roller {
            rolled: reader.rolled()?,
            reader,
            held: IdRanges::default(),
            settled_seen: 0,
            thinned: true,
            neighbours: Neighbours::default(),
        })
    }

    /// Counts up to [`ROLL_PULSES`] of the pulses up to `newest`. `segments_settled`: how many
    /// segments have become final so far; `since`: since when lines are watched up to now. True if there is more to do.
    ///
    /// # Errors
    /// When the journal cannot be read or the disk does not take it.
    pub(in crate::journal) fn step(
        &mut self,
        journal: &mut Journal,
        newest: PulseId,
        segments_settled: u64,
        since: &WatchedSince,
    ) -> Result<bool, JournalError> {
        if self.settled_seen != segments_settled {
            self.held = IdRanges::default();
            self.thinned = true;
        }
        if self.thinned {
            self.thinned = journal.count_thinned(&self.rolled)?;
        }
        let mut done = self.rolled.clone();
        done.extend(self.held.ranges().iter().copied());
        let Some(&next) = done.gaps(IdRange::up_to(newest)).first() else {
            self.settled_seen = segments_settled;
            return Ok(self.thinned);
        };
        let page = self.reader.page(next, ROLL_PULSES)?;
        let reached = page
            .covered
            .iter()
            .chain(&page.held)
            .map(|range| range.last);
        let ids = IdRange::new(next.first, reached.max().unwrap_or(next.last));
        let gaps = self
            .neighbours
            .gaps(&mut self.reader, &page.entries, ids, since)?;
        let mut tally = WindowCounts::default();
        for (entry, gap_ns) in page.entries.iter().zip(gaps) {
            tally.add(entry.id, entry.meter, entry.wall_ns, gap_ns);
        }
        let mut rolled = self.rolled.clone();
        rolled.extend(page.covered);
        if rolled != self.rolled {
            journal.keep_windows(&tally, &rolled)?;
            self.rolled = rolled;
        }
        self.held.extend(page.held);
        self.settled_seen = segments_settled;
        Ok(true)
    }

    /// The newest id up to which every pulse is counted.
    pub(in crate::journal) fn counted_until(&self) -> PulseId {
        match self.rolled.ranges().first() {
            Some(range) if range.first == PulseId::FIRST => range.last,
            _ => PulseId::default(),
        }
    }
}
