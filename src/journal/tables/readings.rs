//! Readings of the meters' registers: what stood on a meter's face, and how many pulses the journal had
//! counted of it by then.

use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use crate::journal::db::open;
use crate::journal::handles::reader::Reader;
use crate::journal::{JournalError, OpContext};
use crate::model::{MeterRow, PulseWorth, Quantity, Reading, WallNs};

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
        let known: Option<(MeterRow, i64)> = transaction
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
                "SELECT r.id, at_ns, r.pulses, kwh, imp_per_kwh, adopted, unit
                 FROM register r JOIN meter ON meter.id = r.meter WHERE name = ?1 ORDER BY r.id DESC LIMIT 1",
                [meter],
                |row| {
                    Ok((row.get::<_, i64>(0)?, reading(row, 1)?))
                },
            )
            .optional()
            .op("be read")?;
        let Some((id, taken)) = last else {
            return Ok(None);
        };
        transaction
            .execute("DELETE FROM register WHERE id = ?1", [id])
            .op("take a reading back")?;
        transaction.commit().op("commit")?;
        Ok(Some(taken))
    }
}

/// A reading from a row whose column number `from` begins with its time: then pulses, what was shown, pulses a unit, whether
/// the register is counted from it, and the unit.
pub(in crate::journal) fn reading(row: &Row<'_>, from: usize) -> rusqlite::Result<Reading> {
    let unit: String = row.get(from + 5)?;
    let quantity = Quantity::from_word(&unit).unwrap_or_default();
    Ok(Reading {
        at_ns: row.get(from)?,
        pulses: row.get(from + 1)?,
        shown: row.get(from + 2)?,
        worth: PulseWorth::new(quantity, row.get(from + 3)?),
        adopted: row.get(from + 4)?,
    })
}

/// Keeps a reading.
pub(in crate::journal) fn insert(
    transaction: &Transaction<'_>,
    meter: MeterRow,
    kept: Reading,
) -> Result<(), JournalError> {
    let (at_ns, pulses, worth) = (kept.at_ns, kept.pulses, kept.worth);
    let unit = worth.quantity.as_str();
    let worth = (worth.pulses_per_unit, kept.adopted, unit);
    transaction
        .execute(
            "INSERT INTO register (meter, at_ns, pulses, kwh, imp_per_kwh, adopted, unit)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (meter, at_ns, pulses, kept.shown, worth.0, worth.1, worth.2),
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
                "SELECT at_ns, r.pulses, kwh, imp_per_kwh, adopted, unit
                 FROM register r JOIN meter ON meter.id = r.meter WHERE name = ?1 ORDER BY at_ns, r.id",
            )
            .and_then(|mut select| {
                let readings = select.query_map([meter], |row| reading(row, 0))?;
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
