//! How many pulses of each meter were one kWh, both sides: noted when a daemon counts with another factor than was noted last.

use std::collections::BTreeMap;

use crate::energy::factors::Factor;
use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::{JournalError, OpContext};
use crate::model::MeterId;

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
        factors: &[(MeterId, f64)],
        from_s: i64,
    ) -> Result<(), JournalError> {
        let transaction = self
            .connection
            .unchecked_transaction()
            .op("begin a commit")?;
        for (meter, imp_per_kwh) in factors {
            let row = self.meters[meter.index()];
            transaction
                .prepare_cached(
                    "INSERT INTO factor SELECT ?1,
                         coalesce(max(?2, (SELECT max(from_s) FROM factor WHERE meter = ?1)), ?4), ?3
                     WHERE ?3 IS NOT
                         (SELECT imp_per_kwh FROM factor WHERE meter = ?1 ORDER BY from_s DESC LIMIT 1)
                     ON CONFLICT DO UPDATE SET imp_per_kwh = excluded.imp_per_kwh",
                )
                .and_then(|mut put| put.execute((row, from_s, imp_per_kwh, BEGIN_S)))
                .op("keep how much a pulse is worth")?;
        }
        transaction.commit().op("commit")
    }
}

impl Reader {
    /// How many pulses of each meter were one kWh, by the meter's name, in order of time. The first of a meter holds from the
    /// beginning of time.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn factors(&self) -> Result<BTreeMap<String, Vec<Factor>>, JournalError> {
        let rows: Vec<(String, i64, f64)> = self
            .connection
            .prepare_cached(
                "SELECT name, from_s, imp_per_kwh FROM factor JOIN meter ON meter.id = factor.meter
                 ORDER BY from_s",
            )
            .and_then(|mut select| select.query_map([], |row| row.try_into())?.collect())
            .op("be read")?;
        let mut found: BTreeMap<String, Vec<Factor>> = BTreeMap::new();
        for (name, from_s, imp_per_kwh) in rows {
            let factor = Factor {
                from_s,
                imp_per_kwh,
            };
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
            journal.note_factors(&factors, from_s).unwrap();
        }
        let factor = |(from_s, imp_per_kwh)| Factor {
            from_s,
            imp_per_kwh,
        };
        let found = Reader::open(dir.path()).unwrap().factors().unwrap();
        let import = [(0, 1_000.0), (300, 800.0), (500, 900.0)].map(factor);
        assert_eq!(found["Import"], import);
        assert_eq!(found["Export"], [factor((0, 2.5))]);
    }
}
