//! What another journal knows of what a pulse was worth: its pulses keep the amount that they had.

use std::collections::BTreeMap;

use rusqlite::{Row, Transaction};

use crate::journal::salvage::damage::each_row;
use crate::journal::salvage::file::Foreign;
use crate::journal::{JournalError, OpContext};
use crate::model::{MeterRow, Quantity};

/// More pulses for one unit than any meter gives: such a number is damage.
const IMP_MAX: f64 = 1e7;

impl Foreign {
    /// Takes over the factors of meters of which more changes are known there than here. `row_of`: rows of meters here by those
    /// there.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn inherit_factors(
        &self,
        transaction: &Transaction<'_>,
        row_of: &BTreeMap<MeterRow, MeterRow>,
    ) -> Result<(), JournalError> {
        let mut theirs: BTreeMap<MeterRow, Vec<(i64, f64, String)>> = BTreeMap::new();
        let unit = self.unit_of("factor");
        let select =
            format!("SELECT meter, from_s, imp_per_kwh, {unit} FROM factor ORDER BY meter, from_s");
        let read = |row: &Row<'_>| row.try_into();
        let each = |(meter, from_s, factor, unit): (MeterRow, i64, f64, String)| {
            let is_known = Quantity::from_word(&unit).is_some();
            let is_sound = is_known && factor > 0.0 && factor < IMP_MAX;
            if let Some(row) = row_of.get(&meter).filter(|_| is_sound) {
                theirs.entry(*row).or_default().push((from_s, factor, unit));
            }
        };
        // An older journal has no such table.
        let _ = each_row((&self.connection, &select), [], read, each);
        for (meter, factors) in theirs {
            let known: i64 = transaction
                .query_row(
                    "SELECT count(*) FROM factor WHERE meter = ?1",
                    [meter],
                    |row| row.get(0),
                )
                .op("be read")?;
            let there = i64::try_from(factors.len()).unwrap_or(i64::MAX);
            if known > 1 || there <= known {
                continue;
            }
            transaction
                .execute("DELETE FROM factor WHERE meter = ?1", [meter])
                .op("keep how much a pulse is worth")?;
            for (from_s, factor, unit) in factors {
                transaction
                    .execute(
                        "INSERT OR IGNORE INTO factor (meter, from_s, imp_per_kwh, unit)
                         VALUES (?1, ?2, ?3, ?4)",
                        (meter, from_s, factor, unit),
                    )
                    .op("keep how much a pulse is worth")?;
            }
        }
        Ok(())
    }
}
