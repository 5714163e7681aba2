//! Readings of registers when pulses come from elsewhere: those of another journal are taken over, and those that
//! are here count what arrives behind them.

use rusqlite::{Connection, Transaction};

use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::salvage::arrival::Arrival;
use crate::journal::tables::hours::hours_of;
use crate::journal::tables::readings::insert;
use crate::journal::{JournalError, OpContext};
use crate::model::{MeterRow, Reading, View, WallNs};

impl Journal {
    /// Takes over another journal's readings, after its pulses and windows; those that are here already are
    /// left as they are. How many pulses belong to a reading is counted again, from the windows, to the minute
    /// (older than the windows of a minute are kept: to the hour). Returns how many are new here.
    ///
    /// # Errors
    /// When the disk does not take it; nothing is added then.
    pub fn inherit_readings(&mut self, readings: &[(u16, Reading)]) -> Result<u64, JournalError> {
        let transaction = self
            .connection
            .unchecked_transaction()
            .op("begin a commit")?;
        let mut new = 0;
        for (position, reading) in readings {
            let row = self.meters[usize::from(*position)];
            if is_here(&transaction, row, reading)? {
                continue;
            }
            let total: i64 = transaction
                .query_row(
                    "SELECT coalesce((SELECT pulses FROM line WHERE meter = ?1), 0)",
                    [row],
                    |row| row.get(0),
                )
                .op("be read")?;
            let pulses = total - counted_after(&transaction, row, reading.at_ns)?;
            let kept = Reading {
                pulses,
                ..reading.clone()
            };
            insert(&transaction, row, &kept)?;
            new += 1;
        }
        transaction.commit().op("commit")?;
        Ok(new)
    }
}

impl Reader {
    /// How many of another journal's readings are not here. `rows`: the meters' rows by position.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn new_readings(
        &self,
        readings: &[(u16, Reading)],
        rows: &[Option<MeterRow>],
    ) -> Result<u64, JournalError> {
        let mut new = 0;
        for (position, reading) in readings {
            let row = rows.get(usize::from(*position)).copied().flatten();
            let here = row.map_or(Ok(false), |row| is_here(&self.connection, row, reading))?;
            new += u64::from(!here);
        }
        Ok(new)
    }
}

/// Whether a meter has this reading already. Two that were taken at one nanosecond are one.
fn is_here(
    connection: &Connection,
    meter: MeterRow,
    reading: &Reading,
) -> Result<bool, JournalError> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM register
             WHERE meter = ?1 AND at_ns = ?2 AND kwh = ?3 AND adopted = ?4 AND unit = ?5)",
        )
        .and_then(|mut select| {
            let unit = reading.worth.quantity.as_str();
            let key = (meter, reading.at_ns, reading.shown, reading.adopted, unit);
            select.query_row(key, |row| row.get(0))
        })
        .op("be read")
}

/// How many pulses of a meter are in windows that begin at `at_ns` or later. An hour's window tells all of
/// the hour; within the hour of `at_ns` the finest that is still kept tells it.
fn counted_after(
    connection: &Connection,
    meter: MeterRow,
    at_ns: WallNs,
) -> Result<i64, JournalError> {
    let at_s = at_ns.s();
    let hour_s = View::Hour.floor_s(at_s);
    let next_s = hour_s + View::Hour.width_s();
    let later: i64 = connection
        .query_row(
            "SELECT coalesce(sum(pulses), 0) FROM window
             WHERE view = ?1 AND meter = ?2 AND start_s >= ?3",
            (View::Hour.width_s(), meter, next_s),
            |row| row.get(0),
        )
        .op("be read")?;
    let hours = hours_of(connection, (hour_s, next_s), Some(meter))?;
    let of_hour = hours.values().map(|counts| counts.from(at_s - hour_s));
    Ok(later + of_hour.sum::<i64>())
}

/// Pulses from elsewhere have come into the journal. Those that were made before a reading are in its
/// register already.
pub(super) fn count_arrivals(
    transaction: &Transaction<'_>,
    meters: &[MeterRow],
    arrivals: &[Arrival],
) -> Result<(), JournalError> {
    for (position, row) in meters.iter().enumerate() {
        let of_meter = arrivals.iter().filter(|a| usize::from(a.meter) == position);
        let stamps: Vec<WallNs> = of_meter.map(|arrival| arrival.wall_ns).collect();
        if stamps.is_empty() {
            continue;
        }
        let readings: Vec<(i64, WallNs)> = transaction
            .prepare_cached("SELECT id, at_ns FROM register WHERE meter = ?1")
            .and_then(|mut select| select.query_map([row], |row| row.try_into())?.collect())
            .op("be read")?;
        for (id, at_ns) in readings {
            let before = stamps.iter().filter(|stamp| **stamp <= at_ns).count();
            let before = i64::try_from(before).expect("few");
            transaction
                .execute(
                    "UPDATE register SET pulses = pulses + ?2 WHERE id = ?1",
                    (id, before),
                )
                .op("keep a reading")?;
        }
    }
    Ok(())
}

/// The same for pulses of which only their window is known, which ends at `until_ns`.
pub(super) fn count_window(
    transaction: &Transaction<'_>,
    meter: MeterRow,
    until_ns: WallNs,
    pulses: i64,
) -> Result<(), JournalError> {
    transaction
        .execute(
            "UPDATE register SET pulses = pulses + ?3 WHERE meter = ?1 AND at_ns >= ?2",
            (meter, until_ns, pulses),
        )
        .op("keep a reading")?;
    Ok(())
}
