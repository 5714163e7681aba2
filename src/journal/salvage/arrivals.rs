//! Keeps pulses that come from elsewhere: another logger's queue, a file, a damaged journal.

use std::collections::BTreeMap;
use std::fs::File;

use rusqlite::{OptionalExtension, Transaction, params};

use crate::clock::segment::Trust;
use crate::journal::db::file::{file_in, wal_of};
use crate::journal::handles::journal::Journal;
use crate::journal::salvage::arrival::Arrival;
use crate::journal::salvage::readings::count_arrivals;
use crate::journal::stages::neighbours::WatchedSince;
use crate::journal::stages::roller::Roller;
use crate::journal::tables::deliveries::{delivered, put_delivered};
use crate::journal::tables::pulses::put_pulse;
use crate::journal::tables::segments::IMPORT_BOOT;
use crate::journal::{JournalError, OpContext};
use crate::model::{DestinationRow, IdRange, MeterRow, SegmentRow, WallNs};

/// Pulses a commit.
pub const ARRIVALS_A_COMMIT: usize = 5_000;

/// What raw does not take any more: the destination's row, and the stamp before which pulses arrive in
/// their windows only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// The destination's row.
    pub destination: DestinationRow,
    /// Older pulses are not sent.
    pub before_ns: WallNs,
}

impl Journal {
    /// Keeps up to [`ARRIVALS_A_COMMIT`] of the arrivals (in order of time) in one commit; returns how
    /// many.
    ///
    /// # Errors
    /// When the disk does not take it; nothing of them is kept then.
    pub fn put_arrivals(
        &mut self,
        arrivals: &[Arrival],
        expiry: Option<Expiry>,
    ) -> Result<usize, JournalError> {
        let arrivals = &arrivals[..arrivals.len().min(ARRIVALS_A_COMMIT)];
        let transaction = self
            .connection
            .unchecked_transaction()
            .op("begin a commit")?;
        let segment = import_segment(&transaction)?;
        let first = self.newest.next();
        let mut id = self.newest;
        let mut totals: BTreeMap<u16, (i64, WallNs)> = BTreeMap::new();
        let mut expired = 0;
        for arrival in arrivals {
            id = id.next();
            let meter = self.meters[usize::from(arrival.meter)];
            put_pulse(
                &transaction,
                (id, meter, segment, arrival.wall_ns.0, arrival.estimated),
            )?;
            let total = totals.entry(arrival.meter).or_default();
            *total = (total.0 + 1, arrival.wall_ns);
            expired += i64::from(expiry.is_some_and(|expiry| arrival.wall_ns < expiry.before_ns));
        }
        for (meter, (pulses, last_ns)) in totals {
            let meter = self.meters[usize::from(meter)];
            put_total(&transaction, (meter, segment), pulses, last_ns)?;
        }
        count_arrivals(&transaction, &self.meters, arrivals)?;
        if let Some(expiry) = expiry.filter(|_| expired > 0) {
            // In order of time, so that the old ones are the first.
            let old = IdRange::new(first, first + (expired - 1));
            mark_delivered(&transaction, expiry.destination, old)?;
        }
        transaction.commit().op("commit")?;
        self.newest = id;
        Ok(arrivals.len())
    }

    /// Counts everything that is not counted in windows yet, as the roller does while `run` runs.
    /// Only for a journal whose commits are all durable.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn roll_up_all(&mut self) -> Result<(), JournalError> {
        self.sync()?;
        let mut roller = Roller::open(self)?;
        let newest = self.newest;
        while roller.step(self, newest, 0, &WatchedSince::new())? {}
        Ok(())
    }

    /// Makes all commits durable, and moves what can be moved from the WAL into the database.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn sync(&self) -> Result<(), JournalError> {
        let wal = wal_of(&file_in(self.dir()));
        File::open(wal)
            .and_then(|wal| wal.sync_data())
            .map_err(|source| JournalError::Sync { source })?;
        // A reader beside may keep some of it back; it is durable in the WAL.
        self.connection
            .query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))
            .op("be checkpointed")
    }
}

/// The row of the segment of imported pulses, made if it is new.
fn import_segment(transaction: &Transaction<'_>) -> Result<SegmentRow, JournalError> {
    let known = transaction
        .prepare_cached("SELECT id FROM clock_segment WHERE boot_id = ?1")
        .and_then(|mut select| select.query_row([IMPORT_BOOT], |row| row.get(0)).optional())
        .op("be read")?;
    if let Some(segment) = known {
        return Ok(segment);
    }
    transaction
        .execute(
            "INSERT INTO clock_segment (boot_id, begins_ns, offset_ns, trust)
             VALUES (?1, 0, 0, ?2)",
            params![IMPORT_BOOT, Trust::Assumed.as_code()],
        )
        .op("keep a clock segment")?;
    Ok(SegmentRow(transaction.last_insert_rowid()))
}

/// Adds to a meter's total. The last pulse stays the one that is latest by its wall time.
fn put_total(
    transaction: &Transaction<'_>,
    (meter, segment): (MeterRow, SegmentRow),
    pulses: i64,
    last_ns: WallNs,
) -> Result<(), JournalError> {
    transaction
        .prepare_cached(
            "INSERT INTO line (meter, pulses, last_segment, last_mono_ns) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (meter) DO UPDATE SET pulses = pulses + excluded.pulses",
        )
        .and_then(|mut put| put.execute((meter, pulses, segment, last_ns)))
        .op("keep a meter's total")?;
    transaction
        .prepare_cached(
            "UPDATE line SET last_segment = ?2, last_mono_ns = ?3
             WHERE meter = ?1 AND (last_segment IS NULL OR EXISTS (
                 SELECT 1 FROM clock_segment s
                 WHERE s.id = last_segment AND s.trust > 0 AND last_mono_ns + s.offset_ns < ?3))",
        )
        .and_then(|mut put| put.execute((meter, segment, last_ns)))
        .op("keep a meter's total")?;
    Ok(())
}

fn mark_delivered(
    transaction: &Transaction<'_>,
    destination: DestinationRow,
    range: IdRange,
) -> Result<(), JournalError> {
    let mut delivered = delivered(transaction, destination)?;
    delivered.add(range);
    put_delivered(transaction, destination, &delivered)
}
