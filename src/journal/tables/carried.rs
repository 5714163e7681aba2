//! What the counters of `/metrics` had told when what a pulse is worth last changed: they go on from there, so that no
//! change of the past sets them back.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;

use crate::journal::db::open;
use crate::journal::handles::reader::Reader;
use crate::journal::{JournalError, OpContext};
use crate::model::Quantity;

/// Before the name of a meter: where its amount is kept.
const KEY: &str = "counter of ";

/// Of one meter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CarriedAmount {
    /// So many pulses had been counted,
    pub pulses: i64,
    /// and they were so much.
    pub amount: f64,
    /// Kilowatt-hours, or cubic metres.
    pub unit: Quantity,
    /// Pulses for one of these since then.
    pub pulses_per_unit: f64,
}

impl CarriedAmount {
    /// What `pulses` are; never less than is kept, where they were looked at a moment before.
    pub fn at(&self, pulses: i64) -> f64 {
        self.amount + (pulses - self.pulses).max(0) as f64 / self.pulses_per_unit
    }

    /// Each number in decimals that are read back as the same number: a counter that falls by its last bit has fallen.
    fn text(&self) -> String {
        let (unit, per_unit) = (self.unit.as_str(), self.pulses_per_unit);
        format!("{} {} {unit} {per_unit}", self.pulses, self.amount)
    }

    /// None: another version has written it in another form, or it is damaged.
    fn of_text(text: &str) -> Option<CarriedAmount> {
        let mut parts = text.split(' ');
        let read = CarriedAmount {
            pulses: parts.next()?.parse().ok()?,
            amount: parts.next()?.parse().ok()?,
            unit: Quantity::from_word(parts.next()?)?,
            pulses_per_unit: parts.next()?.parse().ok()?,
        };
        let is_sound =
            read.pulses >= 0 && read.amount.is_finite() && read.pulses_per_unit.is_normal();
        (is_sound && read.pulses_per_unit > 0.0).then_some(read)
    }
}

/// A connection that keeps them, beside the journal's writer: that one never writes to these keys.
#[derive(Debug)]
pub struct CarriedKeeper {
    connection: Connection,
}

impl CarriedKeeper {
    /// Opens the journal in `dir`.
    ///
    /// # Errors
    /// When there is none, it may not be written to, or another version has made it.
    pub fn open(dir: &Path) -> Result<CarriedKeeper, JournalError> {
        let connection = open::open_beside(dir)?;
        Ok(CarriedKeeper { connection })
    }

    /// Keeps those of these meters, in a commit that is durable.
    ///
    /// # Errors
    /// When the disk does not take it; what was kept before still is.
    pub fn keep(&mut self, carried: &BTreeMap<String, CarriedAmount>) -> Result<(), JournalError> {
        let transaction = self.connection.transaction().op("begin a commit")?;
        for (meter, amount) in carried {
            let insert = "INSERT OR REPLACE INTO journal VALUES (?1, ?2)";
            let row = (format!("{KEY}{meter}"), amount.text());
            transaction
                .execute(insert, row)
                .op("keep what was counted")?;
        }
        transaction.commit().op("commit")
    }
}

impl Reader {
    /// What the counters had told, by meter.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn carried_amounts(&self) -> Result<BTreeMap<String, CarriedAmount>, JournalError> {
        let select = "SELECT substr(key, length(?1) + 1), value FROM journal WHERE key >= ?1 AND substr(key, 1, length(?1)) = ?1";
        let rows = self
            .connection
            .prepare_cached(select)
            .and_then(|mut select| {
                let row = |row: &rusqlite::Row<'_>| {
                    Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
                };
                let rows = select.query_map([KEY], row)?;
                rows.collect::<Result<Vec<_>, _>>()
            });
        let rows = rows.op("be read")?.into_iter();
        Ok(rows
            .filter_map(|(meter, text)| Some((meter, CarriedAmount::of_text(&text)?)))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Journal;
    use crate::journal::tests::{WALL, names};

    #[test]
    fn amounts_are_kept_to_the_last_bit() {
        let dir = tempfile::tempdir().unwrap();
        drop(Journal::open(dir.path(), &names(), "boot", WALL).unwrap());
        let kept = || Reader::open(dir.path()).unwrap().carried_amounts().unwrap();
        assert_eq!(kept(), BTreeMap::new());
        let carried = |amount| CarriedAmount {
            pulses: 19_533,
            amount,
            unit: Quantity::KilowattHours,
            pulses_per_unit: 1e3 / 3.0,
        };
        let mut all = BTreeMap::from([
            ("Wärme of 1".to_owned(), carried(0.1 + 0.2)),
            ("Import".to_owned(), carried(1e-9)),
        ]);
        let mut keeper = CarriedKeeper::open(dir.path()).unwrap();
        keeper.keep(&all).unwrap();
        assert_eq!(kept(), all);
        let one = BTreeMap::from([("Import".to_owned(), carried(2.0 / 3.0))]);
        keeper.keep(&one).unwrap();
        all.extend(one);
        assert_eq!(kept(), all, "the other one stays");
        for damaged in [
            "1 NaN kWh 1000",
            "-9223372036854775808 1 kWh 1000",
            "1 1 kWh 0",
            "1 1 kWh",
            "",
        ] {
            assert_eq!(CarriedAmount::of_text(damaged), None, "{damaged}");
        }
    }
}
