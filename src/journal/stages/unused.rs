//! Clock segments that no pulse belongs to any more. A clock that is stepped every minute makes half a million
//! of them in a year; they are looked for when there are many, a piece at a time beside everything else.

use std::collections::BTreeSet;

use rusqlite::params;

use crate::journal::handles::journal::Journal;
use crate::journal::tables::segments::IMPORT_BOOT;
use crate::journal::{JournalError, OpContext};
use crate::model::{PulseId, SegmentRow};

/// As long as there are fewer nothing is done.
const SEGMENTS_MANY: i64 = 1_000;

/// Pulses that are looked at in one piece: some milliseconds.
const LOOK_PULSES: i64 = 20_000;

/// Segments that leave in one commit.
const LEAVE_SEGMENTS: usize = 5_000;

/// A search that goes on from piece to piece.
#[derive(Debug, Default)]
pub(in crate::journal) struct UnusedSegments {
    search: Option<Search>,
}

#[derive(Debug)]
struct Search {
    /// Segments after this are too new to be judged.
    last: SegmentRow,
    /// Pulses up to this were looked at.
    looked: PulseId,
    used: BTreeSet<SegmentRow>,
}

impl UnusedSegments {
    /// One bounded piece of it.
    ///
    /// # Errors
    /// When the disk does not take it; the search begins again then.
    pub(in crate::journal) fn step(&mut self, journal: &Journal) -> Result<(), JournalError> {
        let mut search = match self.search.take() {
            Some(search) => search,
            None => {
                let Some(last) = journal.many_segments()? else {
                    return Ok(());
                };
                Search {
                    last,
                    looked: PulseId::default(),
                    used: BTreeSet::new(),
                }
            }
        };
        if journal.look_for_used(&mut search)? {
            self.search = Some(search);
            return Ok(());
        }
        journal.delete_unused(&search)
    }
}

impl Journal {
    /// The newest segment, if there are many.
    fn many_segments(&self) -> Result<Option<SegmentRow>, JournalError> {
        let (count, last): (i64, Option<SegmentRow>) = self
            .connection
            .prepare_cached("SELECT count(*), max(id) FROM clock_segment")
            .and_then(|mut select| select.query_row([], |row| row.try_into()))
            .op("be read")?;
        Ok(last.filter(|_| count > SEGMENTS_MANY))
    }

    /// Looks at some more pulses; true if there are more.
    fn look_for_used(&self, search: &mut Search) -> Result<bool, JournalError> {
        let found: Vec<(SegmentRow, PulseId, i64)> = self
            .connection
            .prepare_cached(
                "SELECT segment, max(id), count(*) FROM (
                     SELECT id, segment FROM pulse WHERE id > ?1 ORDER BY id LIMIT ?2)
                 GROUP BY segment",
            )
            .and_then(|mut select| {
                let found = select.query_map((search.looked, LOOK_PULSES), |row| row.try_into())?;
                found.collect()
            })
            .op("be read")?;
        let mut pulses = 0;
        for (segment, newest, count) in found {
            search.used.insert(segment);
            search.looked = search.looked.max(newest);
            pulses += count;
        }
        Ok(pulses == LOOK_PULSES)
    }

    /// Deletes what no pulse was found of, but for what tells how the clock of this boot stands.
    fn delete_unused(&self, search: &Search) -> Result<(), JournalError> {
        let unused: Vec<SegmentRow> = self
            .connection
            .prepare_cached(
                "SELECT id FROM clock_segment s WHERE id <= ?1 AND trust > 0 AND boot_id <> ?2
                     AND NOT EXISTS (SELECT 1 FROM line WHERE last_segment = s.id)
                     AND NOT EXISTS (SELECT 1 FROM thinned WHERE segment = s.id)
                     AND id NOT IN (SELECT min(id) FROM clock_segment WHERE boot_id = ?3
                         UNION ALL SELECT max(id) FROM clock_segment WHERE boot_id = ?3 GROUP BY trust)
                 ORDER BY id",
            )
            .and_then(|mut select| {
                let ids = select.query_map(params![search.last, IMPORT_BOOT, self.boot_id], |row| {
                    row.get(0)
                })?;
                ids.collect()
            })
            .op("be read")?;
        let known = |row: &SegmentRow| self.segments.values().any(|of_run| of_run == row);
        let unused = unused
            .into_iter()
            .filter(|row| !search.used.contains(row) && !known(row));
        let transaction = self
            .connection
            .unchecked_transaction()
            .op("begin a commit")?;
        for row in unused.take(LEAVE_SEGMENTS) {
            transaction
                .prepare_cached("DELETE FROM clock_segment WHERE id = ?1")
                .and_then(|mut delete| delete.execute([row]))
                .op("delete clock segments")?;
        }
        transaction.commit().op("commit")
    }
}
