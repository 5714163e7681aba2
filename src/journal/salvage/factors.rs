//! What another journal knows of how many pulses were one kWh: its pulses keep the energy that they had.

use std::collections::BTreeMap;

use rusqlite::{Row, Transaction};

use crate::journal::salvage::damage::each_row;
use crate::journal::salvage::file::Foreign;
use crate::journal::{JournalError, OpContext};
use crate::model::MeterRow;

/// More pulses for one kWh than any meter gives: such a number is damage.
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
        let mut theirs: BTreeMap<MeterRow, Vec<(i64, f64)>> = BTreeMap::new();
        let select = "SELECT meter, from_s, imp_per_kwh FROM factor ORDER BY meter, from_s";
        let read = |row: &Row<'_>| row.try_into();
        let each = |(meter, from_s, imp_per_kwh): (MeterRow, i64, f64)| {
            let is_sound = imp_per_kwh > 0.0 && imp_per_kwh < IMP_MAX;
            if let Some(row) = row_of.get(&meter).filter(|_| is_sound) {
                theirs.entry(*row).or_default().push((from_s, imp_per_kwh));
            }
        };
        // An older journal has no such table.
        let _ = each_row((&self.connection, select), [], read, each);
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
            for (from_s, imp_per_kwh) in factors {
                transaction
                    .execute(
                        "INSERT OR IGNORE INTO factor VALUES (?1, ?2, ?3)",
                        (meter, from_s, imp_per_kwh),
                    )
                    .op("keep how much a pulse is worth")?;
            }
        }
        Ok(())
    }
}
