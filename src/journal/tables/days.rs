//! The table of local days, both sides: counted with the quarters, and made of them again where the zone is another one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use rusqlite::{Connection, OptionalExtension, Transaction};

use crate::journal::handles::day_zone::{DayZone, name_of};
use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::tables::counts::{MERGE_GAPS, MeterCount, columns};
use crate::journal::tables::quarters::{quarters_from_s, quarters_of};
use crate::journal::{JournalError, OpContext};
use crate::model::{MeterRow, WindowCount, WindowCounts};

/// From when on quarters and days are all there. What is before is still to be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilledFrom {
    /// Quarters, in seconds since 1970; [`i64::MAX`]: none are yet.
    pub quarters_from_s: i64,
    /// Days of the zone that was asked for.
    pub days_from_s: i64,
    /// The row of that zone; None: its days are not kept.
    pub(in crate::journal) zone: Option<i64>,
}

impl FilledFrom {
    /// Of a journal whose days are not kept.
    pub fn of_quarters(quarters_from_s: i64) -> FilledFrom {
        FilledFrom {
            quarters_from_s,
            days_from_s: i64::MAX,
            zone: None,
        }
    }
}

impl Journal {
    /// Keeps the local days of `zone` from now on.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn count_days_in(&mut self, zone: &TimeZone) -> Result<(), JournalError> {
        self.day_zone = Some(DayZone::keep(&self.connection, zone, false)?);
        Ok(())
    }
}

/// Adds what is counted to local days. Where it is not known which those are, all of them are to be filled again.
pub(in crate::journal) fn put_days(
    transaction: &Transaction<'_>,
    zone: Option<&DayZone>,
    tally: &WindowCounts,
) -> Result<(), JournalError> {
    let Some(zone) = zone else {
        return forget_days(transaction);
    };
    let mut days: BTreeMap<(i64, MeterRow), WindowCount> = BTreeMap::new();
    let mut day_s = (i64::MAX, i64::MAX);
    for ((start_s, meter), count) in tally.quarters() {
        if !(day_s.0..day_s.1).contains(&start_s) {
            day_s = (zone.day_start_s(start_s), zone.day_end_s(start_s));
        }
        days.entry((day_s.0, meter)).or_default().add(count);
    }
    for ((start_s, meter), count) in days {
        put_day(transaction, zone.row, (start_s, meter), count)?;
    }
    Ok(())
}

fn put_day(
    transaction: &Transaction<'_>,
    zone: i64,
    (start_s, meter): (i64, MeterRow),
    count: WindowCount,
) -> Result<(), JournalError> {
    let (shortest_ms, longest_ms) = columns(count.gaps);
    transaction
        .prepare_cached(&format!(
            "INSERT INTO day VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET pulses = pulses + excluded.pulses, {MERGE_GAPS}"
        ))
        .and_then(|mut put| {
            put.execute((zone, start_s, meter, count.pulses, shortest_ms, longest_ms))
        })
        .op("keep a day")?;
    Ok(())
}

/// Quarters have changed and the days have not: all days are to be filled again.
pub(in crate::journal) fn forget_days(transaction: &Transaction<'_>) -> Result<(), JournalError> {
    transaction
        .prepare_cached("UPDATE zone SET days_from_s = ?1 WHERE days_from_s <> ?1")
        .and_then(|mut forget| forget.execute([i64::MAX]))
        .op("keep what days are to be filled")?;
    Ok(())
}

/// Makes the days of a zone that begin within `from_s..to_s` (whole local days) of their quarters.
pub(in crate::journal) fn fill_days(
    transaction: &Transaction<'_>,
    zone: &DayZone,
    (from_s, to_s): (i64, i64),
) -> Result<(), JournalError> {
    transaction
        .prepare_cached("DELETE FROM day WHERE zone = ?1 AND start_s >= ?2 AND start_s < ?3")
        .and_then(|mut delete| delete.execute((zone.row, from_s, to_s)))
        .op("fill days")?;
    let mut tally: BTreeMap<(i64, MeterRow), WindowCount> = BTreeMap::new();
    let mut day_s = (i64::MAX, i64::MAX);
    for quarter in quarters_of(transaction, (from_s, to_s))? {
        if !(day_s.0..day_s.1).contains(&quarter.start_s) {
            let start_s = quarter.start_s;
            day_s = (zone.day_start_s(start_s), zone.day_end_s(start_s));
        }
        let day = tally.entry((day_s.0, quarter.meter)).or_default();
        day.add(quarter.count);
    }
    for (day, count) in tally {
        put_day(transaction, zone.row, day, count)?;
    }
    Ok(())
}

/// Where up to `most` days after `after_s` begin, by the rows of a zone.
pub(in crate::journal) fn day_starts(
    connection: &Connection,
    (zone, after_s): (i64, i64),
    most: i64,
) -> Result<BTreeSet<i64>, JournalError> {
    connection
        .prepare_cached(
            "SELECT DISTINCT start_s FROM day WHERE zone = ?1 AND start_s > ?2
             ORDER BY start_s LIMIT ?3",
        )
        .and_then(|mut select| {
            select
                .query_map((zone, after_s, most), |row| row.get(0))?
                .collect()
        })
        .op("be read")
}

/// From when on all days of a zone's row are there.
pub(in crate::journal) fn days_from_s(
    connection: &Connection,
    zone: i64,
) -> Result<i64, JournalError> {
    connection
        .prepare_cached("SELECT days_from_s FROM zone WHERE id = ?1")
        .and_then(|mut select| select.query_row([zone], |row| row.get(0)))
        .op("be read")
}

impl Reader {
    /// From when on quarters, and the days of `zone`, are all there.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn filled(&self, zone: &TimeZone) -> Result<FilledFrom, JournalError> {
        // A zone that was left may have a row for a while.
        let newest: Option<(i64, String, i64)> = self
            .connection
            .prepare_cached("SELECT id, name, days_from_s FROM zone ORDER BY id DESC LIMIT 1")
            .and_then(|mut select| select.query_row([], |row| row.try_into()).optional())
            .op("be read")?;
        let known = newest.filter(|(_, name, _)| name == name_of(zone));
        let none = FilledFrom::of_quarters(quarters_from_s(&self.connection)?);
        Ok(known.map_or(none, |(id, _, days_from_s)| FilledFrom {
            days_from_s,
            zone: Some(id),
            ..none
        }))
    }

    /// What local days that begin within `from_s..to_s` hold, in order; nothing where their zone has no row. Where they are
    /// not all there yet they hold less.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn days(
        &self,
        filled: FilledFrom,
        from_s: i64,
        to_s: i64,
    ) -> Result<Vec<MeterCount>, JournalError> {
        self.connection
            .prepare_cached(
                "SELECT start_s, meter, pulses, shortest_gap_ms, longest_gap_ms FROM day
                 WHERE zone = ?1 AND start_s >= ?2 AND start_s < ?3 ORDER BY start_s, meter",
            )
            .and_then(|mut select| {
                select
                    .query_map((filled.zone, from_s, to_s), MeterCount::of)?
                    .collect()
            })
            .op("be read")
    }
}
