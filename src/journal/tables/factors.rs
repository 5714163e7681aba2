//! What a pulse of each meter was worth, both sides: noted when a daemon counts with another factor than was noted last.

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
            let last = last_noted(&transaction, row)?;
            if is_news(last, *worth) {
                let from_s = last.map_or(BEGIN_S, |last| from_s.max(last.from_s));
                put(&transaction, row, from_s, *worth)?;
            }
        }
        transaction.commit().op("commit")
    }
}

/// What was noted last of a meter.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Noted {
    from_s: i64,
    worth: PulseWorth,
    /// Where that is the meter's that was put in place of another: what a pulse of the other was worth.
    before: Option<PulseWorth>,
}

/// Whether to note what is configured. After an exchange the files may still say what the old meter was, until somebody has
/// edited them: that is no news. What they say then is, also where the exchange has said the same: it stays when that is taken
/// back.
fn is_news(last: Option<Noted>, configured: PulseWorth) -> bool {
    let known = last.map(|last| last.before.unwrap_or(last.worth));
    known != Some(configured)
}

fn last_noted(
    transaction: &Transaction<'_>,
    meter: MeterRow,
) -> Result<Option<Noted>, JournalError> {
    type Columns = (i64, f64, String, Option<f64>, Option<String>);
    let last = transaction
        .prepare_cached(
            "SELECT from_s, f.imp_per_kwh, f.unit, r.imp_per_kwh, r.unit FROM factor f
             LEFT JOIN register r ON r.meter = f.meter AND r.exchange = ?2 AND r.at_ns / 1000000000 = from_s
             WHERE f.meter = ?1 ORDER BY from_s DESC, r.id DESC LIMIT 1",
        )
        .and_then(|mut select| {
            let of_old = (meter, Exchange::Old.as_str());
            select
                .query_row(of_old, |row| Columns::try_from(row))
                .optional()
        })
        .op("be read")?;
    Ok(last.map(|(from_s, factor, unit, before, its_unit)| Noted {
        from_s,
        worth: worth_of(&unit, factor),
        before: its_unit
            .zip(before)
            .map(|(unit, before)| worth_of(&unit, before)),
    }))
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
        let reading = |exchange, factor| Reading {
            at_ns: WallNs::of_s(200),
            pulses: 0,
            shown: 1.0,
            worth: PulseWorth::of_kwh(factor),
            adopted: exchange == Exchange::New,
            digits: None,
            exchange: Some(exchange),
            serial: None,
        };
        let pair = [
            reading(Exchange::Old, 1_000.0),
            reading(Exchange::New, 500.0),
        ];
        registers.exchange("Import", pair, None).unwrap();
        let exchanged = [(0, 1_000.0), (200, 500.0)];
        assert_eq!(note(1_000.0, 300), exchanged, "the files are the old ones");
        assert_eq!(note(500.0, 400), exchanged);
        assert_eq!(note(500.0, 500), exchanged);
        // What the files say stands by itself.
        registers.take_back("Import").unwrap();
        assert_eq!(note(500.0, 600), [(0, 1_000.0), (400, 500.0)]);
        assert_eq!(note(800.0, 700).last(), Some(&(700, 800.0)));
    }
}
