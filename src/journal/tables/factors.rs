//! What a pulse of each meter was worth, both sides: noted when a daemon counts with another factor than the files said last, and when
//! a meter is exchanged.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction};

use crate::energy::factors::Factor;
use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::{JournalError, OpContext};
use crate::model::{Exchange, MeterId, MeterRow, PulseWorth, Quantity};

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
            let (last_s, said) = noted(&transaction, row)?;
            if said != Some(*worth) {
                let from_s = last_s.map_or(BEGIN_S, |last_s| from_s.max(last_s));
                put(&transaction, row, from_s, *worth)?;
            }
        }
        transaction.commit().op("commit")
    }
}

/// Since when what was noted last of a meter holds, and what the files said last. After an exchange they may say what they said
/// before, until somebody has edited them: that is no news. What they say then is, also where the exchange has said the same: it
/// stays when that is taken back.
fn noted(
    transaction: &Transaction<'_>,
    meter: MeterRow,
) -> Result<(Option<i64>, Option<PulseWorth>), JournalError> {
    let last_s = transaction
        .prepare_cached("SELECT max(from_s) FROM factor WHERE meter = ?1")
        .and_then(|mut select| select.query_row([meter], |row| row.get(0)))
        .op("be read")?;
    let said = transaction
        .prepare_cached(
            "SELECT imp_per_kwh, unit FROM factor f WHERE meter = ?1 AND NOT EXISTS (
                 SELECT 1 FROM register r
                 WHERE r.meter = f.meter AND r.exchange = ?2 AND r.at_ns / 1000000000 = f.from_s)
             ORDER BY from_s DESC LIMIT 1",
        )
        .and_then(|mut select| {
            let of_new = (meter, Exchange::New.as_str());
            let row = select.query_row(of_new, |row| <(f64, String)>::try_from(row));
            row.optional()
        })
        .op("be read")?;
    Ok((last_s, said.map(|(factor, unit)| worth_of(&unit, factor))))
}

fn worth_of(unit: &str, pulses_per_unit: f64) -> PulseWorth {
    PulseWorth::new(
        Quantity::from_word(unit).unwrap_or_default(),
        pulses_per_unit,
    )
}

/// Keeps what a pulse is worth from `from_s` on.
fn put(
    transaction: &Transaction<'_>,
    meter: MeterRow,
    from_s: i64,
    worth: PulseWorth,
) -> Result<(), JournalError> {
    let (factor, unit) = (worth.pulses_per_unit, worth.quantity.as_str());
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO factor (meter, from_s, imp_per_kwh, unit) VALUES (?1, ?2, ?3, ?4)",
        )
        .and_then(|mut put| put.execute((meter, from_s, factor, unit)))
        .op("keep how much a pulse is worth")?;
    Ok(())
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
    let held = match held {
        Some((factor, unit)) => worth_of(&unit, factor),
        None if before == after => return Ok(()),
        None => {
            put(transaction, meter, BEGIN_S, before)?;
            before
        }
    };
    if held != after {
        put(transaction, meter, from_s, after)?;
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
            let worth = worth_of(&unit, pulses_per_unit);
            let of_meter = found.entry(name).or_default();
            // The files may have said later what was known.
            if of_meter.last().is_none_or(|last| last.worth != worth) {
                of_meter.push(Factor { from_s, worth });
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Registers;
    use crate::journal::tests::{WALL, names};
    use crate::model::{Reading, WallNs};

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

    #[test]
    fn after_an_exchange_only_what_somebody_has_edited_is_noted() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path(), &names(), "boot", WALL).unwrap();
        let mut registers = Registers::open(dir.path()).unwrap();
        let mut note = |factor, from_s| {
            let worth = PulseWorth::of_kwh(factor);
            journal
                .note_factors(&[(MeterId(0), worth)], from_s)
                .unwrap();
            let factors = Reader::open(dir.path()).unwrap().factors().unwrap();
            let of_import = factors["Import"].iter();
            let known = of_import.map(|known| (known.from_s, known.worth.pulses_per_unit));
            known.collect::<Vec<_>>()
        };
        note(1_000.0, 100);
        let reading = |exchange, at_s, factor| Reading {
            at_ns: WallNs::of_s(at_s),
            pulses: 0,
            shown: 1.0,
            worth: PulseWorth::of_kwh(factor),
            adopted: exchange == Exchange::New,
            digits: None,
            exchange: Some(exchange),
            serial: None,
        };
        let mut exchange = |at_s, old, new| {
            let pair = [
                reading(Exchange::Old, at_s, old),
                reading(Exchange::New, at_s, new),
            ];
            registers.exchange("Import", pair, None).unwrap();
        };
        exchange(200, 1_000.0, 500.0);
        let exchanged = [(0, 1_000.0), (200, 500.0)];
        assert_eq!(note(1_000.0, 300), exchanged, "the files are the old ones");
        assert_eq!(note(500.0, 400), exchanged);
        assert_eq!(note(500.0, 500), exchanged);
        // What the files say stands by itself.
        let taken = Registers::open(dir.path()).unwrap().take_back("Import");
        assert!(taken.unwrap().is_some());
        assert_eq!(note(500.0, 600), [(0, 1_000.0), (400, 500.0)]);
        // Readings are of the factor of the last adopted one, whatever the files have said since; and nobody need have edited
        // them before the next exchange.
        let mut known = note(800.0, 700);
        exchange(800, 1_000.0, 250.0);
        exchange(900, 250.0, 125.0);
        known.extend([(800, 250.0), (900, 125.0)]);
        assert_eq!(note(800.0, 1_000), known);
        known.push((1_100, 100.0));
        assert_eq!(note(100.0, 1_100), known);
    }
}
