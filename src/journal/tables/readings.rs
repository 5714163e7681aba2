//! Readings of the meters' registers: what stood on a meter's face, and how many pulses the journal had
//! counted of it by then.

use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use crate::journal::db::open;
use crate::journal::handles::reader::Reader;
use crate::journal::tables::factors::change_worth;
use crate::journal::{JournalError, OpContext};
use crate::model::{Exchange, MeterRow, PulseWorth, Quantity, Reading, WallNs};

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

    /// Keeps a reading of a meter, in a commit that is durable. `counted`: the pulses that were counted until it was taken, where
    /// that is a while ago.
    ///
    /// # Errors
    /// When the disk does not take it. None: there is no such meter.
    pub fn put(
        &mut self,
        meter: &str,
        reading: Reading,
        counted: Option<i64>,
    ) -> Result<Option<Reading>, JournalError> {
        let transaction = self.connection.transaction().op("begin a commit")?;
        let Some((row, total)) = known(&transaction, meter)? else {
            return Ok(None);
        };
        let kept = Reading {
            pulses: counted.unwrap_or(total),
            ..reading
        };
        insert(&transaction, row, &kept)?;
        transaction.commit().op("commit")?;
        Ok(Some(kept))
    }

    /// Keeps the last reading of an old meter and the first of the one in its place, in a commit that is durable. `counted`: the
    /// pulses that were counted until the exchange, where that is a while ago. From then on a pulse is worth what the new one says.
    ///
    /// # Errors
    /// When the disk does not take it. None: there is no such meter.
    pub fn exchange(
        &mut self,
        meter: &str,
        [old, new]: [Reading; 2],
        counted: Option<i64>,
    ) -> Result<Option<[Reading; 2]>, JournalError> {
        let transaction = self.connection.transaction().op("begin a commit")?;
        let Some((row, total)) = known(&transaction, meter)? else {
            return Ok(None);
        };
        let pulses = counted.unwrap_or(total);
        change_worth(&transaction, row, (old.worth, new.worth), new.at_ns.s())?;
        let kept = [old, new].map(|reading| Reading { pulses, ..reading });
        for reading in &kept {
            insert(&transaction, row, reading)?;
        }
        transaction.commit().op("commit")?;
        Ok(Some(kept))
    }

    /// Takes the reading of a meter back that was entered last, in a commit that is durable; of an exchange both. Returns it;
    /// None: there is none.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn take_back(&mut self, meter: &str) -> Result<Option<Reading>, JournalError> {
        let transaction = self.connection.transaction().op("begin a commit")?;
        let last = transaction
            .query_row(
                &format!(
                    "SELECT r.id, r.meter, {COLUMNS}
                     FROM register r JOIN meter ON meter.id = r.meter WHERE name = ?1 ORDER BY r.id DESC LIMIT 1"
                ),
                [meter],
                |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, MeterRow>(1)?, reading(row, 2)?))
                },
            )
            .optional()
            .op("be read")?;
        let Some((id, row, taken)) = last else {
            return Ok(None);
        };
        transaction
            .execute("DELETE FROM register WHERE id = ?1", [id])
            .op("take a reading back")?;
        if taken.exchange == Some(Exchange::New) {
            transaction
                .execute(
                    "DELETE FROM register WHERE id = (SELECT max(id) FROM register
                         WHERE meter = ?1 AND at_ns = ?2 AND exchange = ?3)",
                    (row, taken.at_ns, Exchange::Old.as_str()),
                )
                .op("take a reading back")?;
            take_worth_back(&transaction, row, taken.at_ns.s())?;
        }
        transaction.commit().op("commit")?;
        Ok(Some(taken))
    }
}

/// After an exchange was taken back: the factor that it has put goes, and that of another exchange of the same second is there again.
fn take_worth_back(
    transaction: &Transaction<'_>,
    meter: MeterRow,
    at_s: i64,
) -> Result<(), JournalError> {
    // What is noted from the beginning of time on was known before.
    transaction
        .execute(
            "DELETE FROM factor WHERE meter = ?1 AND from_s = ?2 AND from_s > 0",
            (meter, at_s),
        )
        .op("take a reading back")?;
    transaction
        .execute(
            "INSERT OR IGNORE INTO factor (meter, from_s, imp_per_kwh, unit)
             SELECT meter, ?2, imp_per_kwh, unit FROM register
             WHERE meter = ?1 AND at_ns / 1000000000 = ?2 AND exchange = ?3 ORDER BY id DESC LIMIT 1",
            (meter, at_s, Exchange::New.as_str()),
        )
        .op("take a reading back")?;
    Ok(())
}

/// The row of a meter, and how many of its pulses are in the journal.
fn known(
    transaction: &Transaction<'_>,
    meter: &str,
) -> Result<Option<(MeterRow, i64)>, JournalError> {
    transaction
        .query_row(
            "SELECT meter.id, coalesce(pulses, 0) FROM meter LEFT JOIN line ON line.meter = meter.id
             WHERE name = ?1",
            [meter],
            |row| row.try_into(),
        )
        .optional()
        .op("be read")
}

/// The columns of a reading, of the table `register` as r.
const COLUMNS: &str = "at_ns, r.pulses, kwh, imp_per_kwh, adopted, unit, digits, exchange, serial";

/// A reading from a row whose column number `from` begins with its time; the others follow as in the table.
pub(in crate::journal) fn reading(row: &Row<'_>, from: usize) -> rusqlite::Result<Reading> {
    let word = |column: usize| row.get::<_, Option<String>>(from + column);
    let quantity = word(5)?.and_then(|unit| Quantity::from_word(&unit));
    Ok(Reading {
        at_ns: row.get(from)?,
        pulses: row.get(from + 1)?,
        shown: row.get(from + 2)?,
        worth: PulseWorth::new(quantity.unwrap_or_default(), row.get(from + 3)?),
        adopted: row.get(from + 4)?,
        digits: word(6)?.and_then(|digits| digits.parse().ok()),
        exchange: word(7)?.and_then(|word| Exchange::from_word(&word)),
        serial: word(8)?,
    })
}

/// Keeps a reading.
pub(in crate::journal) fn insert(
    transaction: &Transaction<'_>,
    meter: MeterRow,
    kept: &Reading,
) -> Result<(), JournalError> {
    let digits = kept.digits.map(|digits| digits.to_string());
    let exchange = kept.exchange.map(Exchange::as_str);
    transaction
        .execute(
            "INSERT INTO register (meter, at_ns, pulses, kwh, imp_per_kwh, adopted, unit, digits, exchange, serial)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            rusqlite::params![
                meter,
                kept.at_ns,
                kept.pulses,
                kept.shown,
                kept.worth.pulses_per_unit,
                kept.adopted,
                kept.worth.quantity.as_str(),
                digits,
                exchange,
                kept.serial,
            ],
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
            .prepare_cached(&format!(
                "SELECT {COLUMNS}
                 FROM register r JOIN meter ON meter.id = r.meter WHERE name = ?1 ORDER BY at_ns, r.id"
            ))
            .and_then(|mut select| {
                let readings = select.query_map([meter], |row| reading(row, 0))?;
                readings.collect()
            })
            .op("be read")
    }

    /// How many pulses of a meter were counted that are not stamped after `at_ns`; None: the journal no longer holds all that are,
    /// or does not know the time of some. All of it is of one moment: no pulse that comes meanwhile is taken for an older one.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn pulses_by(&self, meter: &str, at_ns: WallNs) -> Result<Option<i64>, JournalError> {
        let (held, since, oldest_ns, open, total): (i64, i64, Option<WallNs>, i64, i64) = self
            .connection
            .query_row(
                "SELECT count(*), coalesce(sum(s.trust > 0 AND p.mono_ns + s.offset_ns > ?2), 0),
                     min(CASE WHEN s.trust > 0 THEN p.mono_ns + s.offset_ns END),
                     coalesce(sum(s.trust = 0), 0) + (
                         SELECT count(*) FROM thinned t JOIN meter m ON m.id = t.meter WHERE m.name = ?1),
                     coalesce((SELECT pulses FROM line l JOIN meter m ON m.id = l.meter WHERE m.name = ?1), 0)
                 FROM pulse p JOIN meter ON meter.id = p.meter JOIN clock_segment s ON s.id = p.segment
                 WHERE name = ?1",
                (meter, at_ns),
                |row| row.try_into(),
            )
            .op("be read")?;
        let reaches_back = total == held || oldest_ns.is_some_and(|oldest_ns| oldest_ns <= at_ns);
        Ok((reaches_back && open == 0).then_some(total - since))
    }
}
