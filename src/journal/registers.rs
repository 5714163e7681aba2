//! Readings of the meters' registers: what stood on a meter's face, and how many pulses the journal had
//! counted of it by then.

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::arrivals::Arrival;
use super::reader::Reader;
use super::{JournalError, Named, schema};
use crate::pulse::WallNs;

/// A reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// When it was taken.
    pub at_ns: WallNs,
    /// The meter's pulses in the journal by then.
    pub pulses: i64,
    /// What the meter's face showed, in kWh.
    pub kwh: f64,
    /// Pulses for one kWh, as configured then.
    pub imp_per_kwh: f64,
    /// The register is counted from it; else it is but a note.
    pub adopted: bool,
}

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
        let connection = schema::open_beside(dir)?;
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
        transaction
            .execute(
                "INSERT INTO register (meter, at_ns, pulses, kwh, imp_per_kwh, adopted)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (
                    row,
                    kept.at_ns,
                    kept.pulses,
                    kept.kwh,
                    kept.imp_per_kwh,
                    kept.adopted,
                ),
            )
            .op("keep a reading")?;
        transaction.commit().op("commit")?;
        Ok(Some(kept))
    }
}

/// Pulses from elsewhere have come into the journal. Those that were made before a reading are in its
/// register already.
pub(super) fn count_arrivals(
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
pub(super) fn count_window(
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
        let (since, oldest_ns, open): (i64, Option<WallNs>, i64) = self
            .connection
            .query_row(
                "SELECT coalesce(sum(s.trust > 0 AND p.mono_ns + s.offset_ns > ?2), 0),
                     min(CASE WHEN s.trust > 0 THEN p.mono_ns + s.offset_ns END),
                     coalesce(sum(s.trust = 0), 0)
                 FROM pulse p JOIN meter ON meter.id = p.meter JOIN clock_segment s ON s.id = p.segment
                 WHERE name = ?1",
                (meter, at_ns),
                |row| row.try_into(),
            )
            .op("be read")?;
        let all_there = self.totals()?.iter().any(|totals| {
            totals.name == meter && self.held(meter).is_ok_and(|held| held == totals.pulses)
        });
        let reaches_back = all_there || oldest_ns.is_some_and(|oldest_ns| oldest_ns <= at_ns);
        Ok((reaches_back && open == 0).then_some(since))
    }

    fn held(&self, meter: &str) -> Result<i64, JournalError> {
        self.connection
            .query_row(
                "SELECT count(*) FROM pulse p JOIN meter ON meter.id = p.meter WHERE name = ?1",
                [meter],
                |row| row.get(0),
            )
            .op("be read")
    }
}
