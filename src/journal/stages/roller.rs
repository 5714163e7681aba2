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
use crate::model::WindowCounts;

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
        newest: i64,
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
        for (first, last) in self.held.ranges() {
            done.add(*first, *last);
        }
        let Some(&(first, last)) = done.gaps(1, newest).first() else {
            self.settled_seen = segments_settled;
            return Ok(self.thinned);
        };
        let page = self.reader.page(first, last, ROLL_PULSES)?;
        let reached = page.covered.iter().chain(&page.held).map(|range| range.1);
        let ids = (first, reached.max().unwrap_or(last));
        let gaps = self
            .neighbours
            .gaps(&mut self.reader, &page.entries, ids, since)?;
        let mut tally = WindowCounts::default();
        for (entry, gap_ns) in page.entries.iter().zip(gaps) {
            tally.add(entry.id, entry.meter, entry.wall_ns, gap_ns);
        }
        let mut rolled = self.rolled.clone();
        for (first, last) in &page.covered {
            rolled.add(*first, *last);
        }
        if rolled != self.rolled {
            journal.keep_windows(&tally, &rolled)?;
            self.rolled = rolled;
        }
        for (first, last) in &page.held {
            self.held.add(*first, *last);
        }
        self.settled_seen = segments_settled;
        Ok(true)
    }

    /// The newest id up to which every pulse is counted.
    pub(in crate::journal) fn counted_until(&self) -> i64 {
        match self.rolled.ranges().first() {
            Some((1, last)) => *last,
            _ => 0,
        }
    }
}
