//! Pulses that have to leave before anybody knows their time: the disk bound bites while the clock is not
//! trusted. Their numbers stay, by minutes of the monotonic clock, and are counted in windows when the time of
//! their clock segment is known; a pulse may then stand in the minute beside its own.

use rusqlite::Transaction;

use crate::journal::handles::journal::Journal;
use crate::journal::ids::IdRanges;
use crate::journal::{JournalError, OpContext};
use crate::model::{IdRange, MeterRow, NS_PER_S, SegmentRow, WallNs, WindowCounts};

/// What is told apart on the monotonic clock.
pub(in crate::journal) const MINUTE_NS: i64 = 60 * NS_PER_S;

/// Rows that are counted in one commit.
const COUNT_ROWS: i64 = 1_000;

/// Counts the pulses of a range of ids whose time is not known, in the commit in which they leave.
pub(in crate::journal) fn thin(
    transaction: &Transaction<'_>,
    range: IdRange,
) -> Result<(), JournalError> {
    transaction
        .prepare_cached(
            "INSERT INTO thinned
             SELECT p.segment, p.mono_ns / ?3, p.meter, count(*), min(p.id)
             FROM pulse p JOIN clock_segment s ON s.id = p.segment
             WHERE p.id BETWEEN ?1 AND ?2 AND s.trust = 0 GROUP BY 1, 2, 3
             ON CONFLICT DO UPDATE SET pulses = pulses + excluded.pulses,
                 first_id = min(first_id, excluded.first_id)",
        )
        .and_then(|mut put| put.execute((range.first, range.last, MINUTE_NS)))
        .op("keep how many pulses leave")?;
    Ok(())
}

impl Journal {
    /// Counts some of the thinned pulses whose time is known by now. `rolled`: the pulses that are counted
    /// already. True if there may be more.
    ///
    /// # Errors
    /// When the disk does not take it; nothing is counted then.
    pub(in crate::journal) fn count_thinned(
        &mut self,
        rolled: &IdRanges,
    ) -> Result<bool, JournalError> {
        let found: Vec<(SegmentRow, i64, MeterRow, i64, i64)> = self
            .connection
            .prepare_cached(
                "SELECT t.segment, t.minute, t.meter, t.pulses, s.offset_ns
                 FROM thinned t JOIN clock_segment s ON s.id = t.segment
                 WHERE s.trust > 0 LIMIT ?1",
            )
            .and_then(|mut select| {
                select
                    .query_map([COUNT_ROWS], |row| row.try_into())?
                    .collect()
            })
            .op("be read")?;
        if found.is_empty() {
            return Ok(false);
        }
        let mut tally = WindowCounts::default();
        let mut all = 0;
        let transaction = self
            .connection
            .unchecked_transaction()
            .op("begin a commit")?;
        for (segment, minute, meter, pulses, offset_ns) in found {
            // The middle of the minute is nearest to all of it.
            let mono_ns = minute * MINUTE_NS + MINUTE_NS / 2;
            tally.add_pulses(meter, WallNs::of_mono(mono_ns, offset_ns), pulses);
            all += pulses;
            transaction
                .prepare_cached(
                    "DELETE FROM thinned WHERE segment = ?1 AND minute = ?2 AND meter = ?3",
                )
                .and_then(|mut delete| delete.execute((segment, minute, meter)))
                .op("count thinned pulses")?;
        }
        transaction
            .prepare_cached(
                "INSERT INTO journal VALUES ('thinned', ?1)
                 ON CONFLICT (key) DO UPDATE SET value = value + excluded.value",
            )
            .and_then(|mut put| put.execute([all]))
            .op("count thinned pulses")?;
        self.put_windows(&transaction, &tally, rolled)?;
        transaction.commit().op("commit")?;
        Ok(true)
    }
}
