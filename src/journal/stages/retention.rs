//! What leaves the journal, and when: delivered pulses after the raw retention; the oldest of
//! all when the disk bound bites, with a count that stays.

use rusqlite::Transaction;

use crate::journal::handles::journal::Journal;
use crate::journal::ids::IdRanges;
use crate::journal::tables::ledger::lose;
use crate::journal::tables::size::used_bytes;
use crate::journal::tables::thinned::thin;
use crate::journal::{JournalError, OpContext};
use crate::model::{IdRange, Loss, LossCause, MeterRow, PulseId, WallNs};

/// Rows a step: large batches write least (75 bytes a pulse, 345 in batches of 20), and this
/// many take some milliseconds, so that new pulses hardly wait.
pub const PRUNE_ROWS: i64 = 5_000;

/// Fewer than this are not worth the writing.
const PRUNE_ROWS_MIN: i64 = 1_000;

/// When the disk bound bites, room is made down to this share of it.
const ROOM_PERCENT: u64 = 95;

impl Journal {
    /// Deletes up to [`PRUNE_ROWS`] of the oldest pulses that are delivered, counted in windows (up
    /// to id `counted`) and older than `before_ns`. Returns how many.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn prune(
        &mut self,
        delivered: &IdRanges,
        counted: PulseId,
        before_ns: WallNs,
    ) -> Result<i64, JournalError> {
        let Some(first) = self.oldest()? else {
            return Ok(0);
        };
        // The first range of delivered ids, if the oldest pulse is in it.
        let Some(done) = delivered.ranges().iter().find(|r| r.contains(first)) else {
            return Ok(0);
        };
        let last = (first + PRUNE_ROWS - 1)
            .min(done.last)
            .min(counted)
            .min(self.newest().previous());
        // The first one that is too young ends it; wall time may run backwards over a step.
        let young: Option<PulseId> = self
            .connection
            .query_row(
                "SELECT min(p.id) FROM pulse p JOIN clock_segment s ON s.id = p.segment
                 WHERE p.id BETWEEN ?1 AND ?2
                     AND (s.trust = 0 OR p.mono_ns + s.offset_ns >= ?3)",
                (first, last, before_ns),
                |row| row.get(0),
            )
            .op("be read")?;
        let last = young.map_or(last, PulseId::previous);
        let leaving = IdRange::new(first, last);
        if leaving.len() < PRUNE_ROWS_MIN {
            return Ok(0);
        }
        self.delete(leaving, None)
    }

    /// Makes room: deletes up to [`PRUNE_ROWS`] of the oldest pulses, whatever they are, unless
    /// the journal is well below `max_bytes`, but none that is not older than `before_ns` (the first such
    /// ends it). Those that no server has received are counted in the ledger, those whose time is not known by
    /// minutes of the monotonic clock, so that they come into their windows. Returns how many left.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn make_room(
        &mut self,
        delivered: Option<&IdRanges>,
        max_bytes: u64,
        before_ns: WallNs,
        now_ns: WallNs,
    ) -> Result<i64, JournalError> {
        if used_bytes(&self.connection)? <= max_bytes / 100 * ROOM_PERCENT {
            return Ok(0);
        }
        let Some(first) = self.oldest()? else {
            return Ok(0);
        };
        let leaving = IdRange::new(first, self.leaving(first, before_ns)?);
        if leaving.is_empty() {
            return Ok(0);
        }
        let nothing = IdRanges::default();
        let lost = delivered.unwrap_or(&nothing).gaps(leaving);
        self.delete(leaving, Some((&lost, now_ns)))
    }

    /// The last of the pulses that leave in one step if `first` is the oldest.
    fn leaving(&self, first: PulseId, before_ns: WallNs) -> Result<PulseId, JournalError> {
        let last = (first + PRUNE_ROWS - 1).min(self.newest().previous());
        let young: Option<PulseId> = self
            .connection
            .query_row(
                "SELECT min(p.id) FROM pulse p JOIN clock_segment s ON s.id = p.segment
                 WHERE p.id BETWEEN ?1 AND ?2 AND s.trust > 0 AND p.mono_ns + s.offset_ns >= ?3",
                (first, last, before_ns),
                |row| row.get(0),
            )
            .op("be read")?;
        Ok(young.map_or(last, PulseId::previous))
    }

    /// The newest id that the next [`Journal::make_room`] may delete; None: none.
    pub(in crate::journal) fn leaving_next(
        &self,
        before_ns: WallNs,
    ) -> Result<Option<PulseId>, JournalError> {
        let Some(first) = self.oldest()? else {
            return Ok(None);
        };
        let last = self.leaving(first, before_ns)?;
        Ok((last >= first).then_some(last))
    }

    fn oldest(&self) -> Result<Option<PulseId>, JournalError> {
        self.connection
            .query_row("SELECT min(id) FROM pulse", [], |row| row.get(0))
            .op("be read")
    }

    /// Deletes the pulses of a range; those among them in `lost` go into the ledger.
    fn delete(
        &mut self,
        leaving: IdRange,
        lost: Option<(&[IdRange], WallNs)>,
    ) -> Result<i64, JournalError> {
        let transaction = self
            .connection
            .unchecked_transaction()
            .op("begin a commit")?;
        if let Some((ranges, now_ns)) = lost {
            for range in ranges {
                count_lost(&transaction, *range, now_ns)?;
            }
            thin(&transaction, leaving)?;
        }
        let deleted = transaction
            .execute(
                "DELETE FROM pulse WHERE id BETWEEN ?1 AND ?2",
                (leaving.first, leaving.last),
            )
            .op("delete pulses")?;
        transaction.commit().op("commit")?;
        Ok(i64::try_from(deleted).expect("few"))
    }
}

/// Enters the pulses of a range into the ledger as given up, with their own times.
fn count_lost(
    transaction: &Transaction<'_>,
    range: IdRange,
    now_ns: WallNs,
) -> Result<(), JournalError> {
    let lost: Vec<(MeterRow, i64, WallNs, WallNs)> = transaction
        .prepare_cached(
            "SELECT p.meter, count(*),
                 coalesce(min(p.mono_ns + s.offset_ns), ?3), coalesce(max(p.mono_ns + s.offset_ns), ?3)
             FROM pulse p LEFT JOIN clock_segment s ON s.id = p.segment AND s.trust > 0
             WHERE p.id BETWEEN ?1 AND ?2 GROUP BY p.meter, (p.mono_ns + s.offset_ns) / 900000000000",
        )
        .and_then(|mut select| {
            select.query_map((range.first, range.last, now_ns), |row| row.try_into())?.collect()
        })
        .op("be read")?;
    for (meter, pulses, first_ns, last_ns) in lost {
        let loss = Loss {
            pulses: pulses.unsigned_abs(),
            first_ns,
            last_ns,
        };
        lose(transaction, meter, LossCause::DiskBound, loss)?;
    }
    Ok(())
}
