//! What a pulse of each meter was worth, both sides: noted when a daemon counts with another factor than was noted last.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction};

use crate::energy::factors::Factor;
use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::{JournalError, OpContext};
use crate::model::{MeterId, MeterRow, PulseWorth, Quantity};

/// The first factor of a meter holds from the beginning of time.
const BEGIN_S: i64 = 0;

impl Journal {
    /// Notes the factors of meters that are counted with since `from_s` (seconds since 1970), where they are others than those
    /// that were noted last.
    ///
    /// # Errors
    /// When the disk does not take it; nothing is noted then.
    pub(in crate::journal) fn note_factors(
        &mut self,
        factors: &[(MeterId, PulseWorth)],
        from_s: i64,
    ) -> Result<(), JournalError> {
        let transaction = self
            .connection
            .unchecked_transaction()
            .op("begin a commit")?;
        for (meter, worth) in factors {
            let row = self.meters[meter.index()];
            transaction
                .prepare_cached(
                    "INSERT INTO factor (meter, from_s, imp_per_kwh, unit) SELECT ?1,
                         coalesce(max(?2, (SELECT max(from_s) FROM factor WHERE meter = ?1)), ?4), ?3, ?5
                     WHERE (?3, ?5) IS NOT
                         (SELECT imp_per_kwh, unit FROM factor WHERE meter = ?1 ORDER BY from_s DESC LIMIT 1)
                     ON CONFLICT DO UPDATE SET imp_per_kwh = excluded.imp_per_kwh, unit = excluded.unit",
                )
                .and_then(|mut put| {
                    let (factor, unit) = (worth.pulses_per_unit, worth.quantity.as_str());
                    put.execute((row, from_s, factor, BEGIN_S, unit))
                })
                .op("keep how much a pulse is worth")?;
        }
        transaction.commit().op("commit")
    }
}

/// Notes that a pulse of a meter is worth `after` from `from_s` on (seconds since 1970), and was worth `before` until then as far as
/// nothing else is noted.
pub(in crate::journal) fn change_worth(
    transaction: &Transaction<'_>,
    meter: MeterRow,
    (before, after): (PulseWorth, PulseWorth),
    from_s: i64,
) -> Result<(), JournalError> {
    let held: Option<(f64, String)> = transaction
        .query_row(
            "SELECT imp_per_kwh, unit FROM factor WHERE meter = ?1 AND from_s <= ?2 ORDER BY from_s DESC LIMIT 1",
            (meter, from_s),
            |row| row.try_into(),
        )
        .optional()
        .op("be read")?;
    let put = |from_s: i64, worth: PulseWorth| {
        let (factor, unit) = (worth.pulses_per_unit, worth.quantity.as_str());
        transaction
            .execute(
                "INSERT OR REPLACE INTO factor (meter, from_s, imp_per_kwh, unit) VALUES (?1, ?2, ?3, ?4)",
                (meter, from_s, factor, unit),
            )
            .op("keep how much a pulse is worth")
    };
    let held = match held {
        Some((factor, unit)) => {
            PulseWorth::new(Quantity::from_word(&unit).unwrap_or_default(), factor)
        }
        None if before == after => return Ok(()),
        None => {
            put(BEGIN_S, before)?;
            before
        }
    };
    if held != after {
        put(from_s, after)?;
    }
    Ok(())
}

impl Reader {
    /// What a pulse of each meter was worth, by the meter's name, in order of time. The first of a meter holds from the
    /// beginning of time.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn factors(&self) -> Result<BTreeMap<String, Vec<Factor>>, JournalError> {
        let rows: Vec<(String, i64, f64, String)> = self
            .connection
            .prepare_cached(
                "SELECT name, from_s, imp_per_kwh, unit FROM factor JOIN meter ON meter.id = factor.meter
                 ORDER BY from_s",
            )
            .and_then(|mut select| select.query_map([], |row| row.try_into())?.collect())
            .op("be read")?;
        let mut found: BTreeMap<String, Vec<Factor>> = BTreeMap::new();
        for (name, from_s, pulses_per_unit, unit) in rows {
            let quantity = Quantity::from_word(&unit).unwrap_or_default();
            let worth = PulseWorth::new(quantity, pulses_per_unit);
            let factor = Factor { from_s, worth };
            found.entry(name).or_default().push(factor);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::{WALL, names};

    #[test]
    fn a_factor_is_noted_when_it_is_another_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path(), &names(), "boot", WALL).unwrap();
        let (one, other) = (MeterId(0), MeterId(1));
        for (factors, from_s) in [
            (vec![(one, 1_000.0)], 100),
            (vec![(one, 1_000.0), (other, 2.5)], 200),
            (vec![(one, 800.0), (other, 2.5)], 300),
            (vec![(one, 800.0)], 400),
            (vec![(one, 1_000.0)], 500),
            // The clock was set back: what was noted of that moment is wrong.
            (vec![(one, 900.0)], 500),
        ] {
            let worths = factors
                .into_iter()
                .map(|(meter, imp)| (meter, PulseWorth::of_kwh(imp)));
            let worths: Vec<(MeterId, PulseWorth)> = worths.collect();
            journal.note_factors(&worths, from_s).unwrap();
        }
        let gas = PulseWorth::new(Quantity::CubicMetres, 2.5);
        journal.note_factors(&[(other, gas)], 600).unwrap();
        journal.note_factors(&[(other, gas)], 700).unwrap();
        let factor = |(from_s, imp_per_kwh)| Factor {
            from_s,
            worth: PulseWorth::of_kwh(imp_per_kwh),
        };
        let found = Reader::open(dir.path()).unwrap().factors().unwrap();
        let import = [(0, 1_000.0), (300, 800.0), (500, 900.0)].map(factor);
        assert_eq!(found["Import"], import);
        // The same number of another unit is another factor.
        let changed = Factor {
            from_s: 600,
            worth: gas,
        };
        assert_eq!(found["Export"], [factor((0, 2.5)), changed]);
    }
}
