//! Readings of the meters' registers: what stood on a meter's face, and how many pulses the journal had
//! counted of it by then.

use rusqlite::{Connection, OptionalExtension, Transaction};

use crate::journal::db::open;
use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::salvage::arrivals::Arrival;
use crate::journal::tables::hours::hours_of;
use crate::journal::{JournalError, OpContext};
use crate::model::{NS_PER_S, Reading, View, WallNs};

/// A connection that adds readings, beside a running daemon or alone: nothing that the journal's one writer
/// keeps is touched.
#[derive(Debug)]
pub struct Registers {
    connection: Connection,
}

impl Registers {
    /// Opens the journal in `dir`.
    ///
    /// # Errors
    /// When there is none, it may not be written to, or another version has made it.
    pub fn open(dir: &std::path::Path) -> Result<Registers, JournalError> {
        let connection = open::open_beside(dir)?;
        Ok(Registers { connection })
    }

    /// Keeps a reading of a meter, in a commit that is durable. `pulses_since`: what was counted after it
    /// was taken, where that is a while ago.
    ///
    /// # Errors
    /// When the disk does not take it. None: there is no such meter.
    pub fn put(
        &mut self,
        meter: &str,
        reading: Reading,
        pulses_since: i64,
    ) -> Result<Option<Reading>, JournalError> {
        let transaction = self.connection.transaction().op("begin a commit")?;
        let known: Option<(i64, i64)> = transaction
            .query_row(
                "SELECT meter.id, coalesce(pulses, 0) FROM meter LEFT JOIN line ON line.meter = meter.id
                 WHERE name = ?1",
                [meter],
                |row| row.try_into(),
            )
            .optional()
            .op("be read")?;
        let Some((row, total)) = known else {
            return Ok(None);
        };
        let kept = Reading {
            pulses: total - pulses_since,
            ..reading
        };
        insert(&transaction, row, kept)?;
        transaction.commit().op("commit")?;
        Ok(Some(kept))
    }

    /// Takes the reading of a meter back that was entered last, in a commit that is durable. Returns it; None: there is
    /// none.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn take_back(&mut self, meter: &str) -> Result<Option<Reading>, JournalError> {
        let transaction = self.connection.transaction().op("begin a commit")?;
        let last = transaction
            .query_row(
                "SELECT r.id, at_ns, r.pulses, kwh, imp_per_kwh, adopted
                 FROM register r JOIN meter ON meter.id = r.meter WHERE name = ?1 ORDER BY r.id DESC LIMIT 1",
                [meter],
                |row| {
                    let reading = Reading {
                        at_ns: row.get(1)?,
                        pulses: row.get(2)?,
                        kwh: row.get(3)?,
                        imp_per_kwh: row.get(4)?,
                        adopted: row.get(5)?,
                    };
                    Ok((row.get::<_, i64>(0)?, reading))
                },
            )
            .optional()
            .op("be read")?;
        let Some((id, reading)) = last else {
            return Ok(None);
        };
        transaction
            .execute("DELETE FROM register WHERE id = ?1", [id])
            .op("take a reading back")?;
        transaction.commit().op("commit")?;
        Ok(Some(reading))
    }
}

fn insert(transaction: &Transaction<'_>, meter: i64, kept: Reading) -> Result<(), JournalError> {
    let (at_ns, pulses, kwh) = (kept.at_ns, kept.pulses, kept.kwh);
    transaction
        .execute(
            "INSERT INTO register (meter, at_ns, pulses, kwh, imp_per_kwh, adopted)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (meter, at_ns, pulses, kwh, kept.imp_per_kwh, kept.adopted),
        )
        .op("keep a reading")?;
    Ok(())
}

impl Journal {
    /// Takes over another journal's readings, after its pulses and windows; those that are here already are
    /// left as they are. How many pulses belong to a reading is counted anew, from the windows, to the minute
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
            insert(&transaction, row, Reading { pulses, ..*reading })?;
            new += 1;
        }
        transaction.commit().op("commit")?;
        Ok(new)
    }
}

/// Whether a meter has this reading already. Two that were taken at one nanosecond are one.
fn is_here(connection: &Connection, meter: i64, reading: &Reading) -> Result<bool, JournalError> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM register
             WHERE meter = ?1 AND at_ns = ?2 AND kwh = ?3 AND adopted = ?4)",
        )
        .and_then(|mut select| {
            let key = (meter, reading.at_ns, reading.kwh, reading.adopted);
            select.query_row(key, |row| row.get(0))
        })
        .op("be read")
}

/// How many pulses of a meter are in windows that begin at `at_ns` or later. An hour's window tells all of
/// the hour; within the hour of `at_ns` the finest that is still kept tells it.
fn counted_after(connection: &Connection, meter: i64, at_ns: WallNs) -> Result<i64, JournalError> {
    let at_s = at_ns.div_euclid(NS_PER_S);
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
pub(in crate::journal) fn count_arrivals(
    transaction: &Transaction<'_>,
    meters: &[i64],
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
pub(in crate::journal) fn count_window(
    transaction: &Transaction<'_>,
    meter: i64,
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

impl Reader {
    /// How many of another journal's readings are not here. `rows`: the meters' rows by position.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn new_readings(
        &self,
        readings: &[(u16, Reading)],
        rows: &[Option<i64>],
    ) -> Result<u64, JournalError> {
        let knows_any = self
            .connection
            .prepare("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'register')")
            .and_then(|mut select| select.query_row([], |row| row.get::<_, bool>(0)))
            .op("be read")?;
        if !knows_any {
            return Ok(u64::try_from(readings.len()).unwrap_or(0));
        }
        let mut new = 0;
        for (position, reading) in readings {
            let row = rows.get(usize::from(*position)).copied().flatten();
            let here = row.map_or(Ok(false), |row| is_here(&self.connection, row, reading))?;
            new += u64::from(!here);
        }
        Ok(new)
    }

    /// All readings of a meter, in the order in which they were taken.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn readings(&self, meter: &str) -> Result<Vec<Reading>, JournalError> {
        self.connection
            .prepare_cached(
                "SELECT at_ns, r.pulses, kwh, imp_per_kwh, adopted
                 FROM register r JOIN meter ON meter.id = r.meter WHERE name = ?1 ORDER BY at_ns, r.id",
            )
            .and_then(|mut select| {
                let readings = select.query_map([meter], |row| {
                    Ok(Reading {
                        at_ns: row.get(0)?,
                        pulses: row.get(1)?,
                        kwh: row.get(2)?,
                        imp_per_kwh: row.get(3)?,
                        adopted: row.get(4)?,
                    })
                })?;
                readings.collect()
            })
            .op("be read")
    }

    /// How many pulses of a meter are stamped after `at_ns`; None: the journal no longer holds all of
    /// them, or does not know the time of some.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn pulses_after(&self, meter: &str, at_ns: WallNs) -> Result<Option<i64>, JournalError> {
        let (held, since, oldest_ns, open): (i64, i64, Option<WallNs>, i64) = self
            .connection
            .query_row(
                "SELECT count(*), coalesce(sum(s.trust > 0 AND p.mono_ns + s.offset_ns > ?2), 0),
                     min(CASE WHEN s.trust > 0 THEN p.mono_ns + s.offset_ns END),
                     coalesce(sum(s.trust = 0), 0) + (
                         SELECT count(*) FROM thinned t JOIN meter m ON m.id = t.meter WHERE m.name = ?1)
                 FROM pulse p JOIN meter ON meter.id = p.meter JOIN clock_segment s ON s.id = p.segment
                 WHERE name = ?1",
                (meter, at_ns),
                |row| row.try_into(),
            )
            .op("be read")?;
        let all_there = self
            .totals()?
            .iter()
            .any(|totals| totals.name == meter && totals.pulses == held);
        let reaches_back = all_there || oldest_ns.is_some_and(|oldest_ns| oldest_ns <= at_ns);
        Ok((reaches_back && open == 0).then_some(since))
    }
}
