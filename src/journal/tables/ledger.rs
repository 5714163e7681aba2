//! The ledger: every pulse rejected or lost.

use rusqlite::{Row, Transaction};

use crate::journal::handles::reader::Reader;
use crate::journal::{JournalError, OpContext};
use crate::model::{Loss, LossCause, MeterRow};

/// An entry of the ledger: the meter's name, why, how many and when.
pub type LedgerEntry = (String, LossCause, Loss);

/// Adds to the ledger.
pub(in crate::journal) fn lose(
    transaction: &Transaction<'_>,
    meter: MeterRow,
    cause: LossCause,
    loss: Loss,
) -> Result<(), JournalError> {
    let pulses = i64::try_from(loss.pulses).unwrap_or(i64::MAX);
    transaction
        .prepare_cached(
            "INSERT INTO ledger VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (meter, cause) DO UPDATE SET pulses = pulses + excluded.pulses,
                 first_ns = min(first_ns, excluded.first_ns),
                 last_ns = max(last_ns, excluded.last_ns)",
        )
        .and_then(|mut put| {
            put.execute((meter, cause.as_str(), pulses, loss.first_ns, loss.last_ns))
        })
        .op("keep the ledger")?;
    Ok(())
}

impl Reader {
    /// The ledger: every loss by meter's name and cause.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn ledger(&self) -> Result<Vec<LedgerEntry>, JournalError> {
        let loss = |row: &Row<'_>| {
            let cause: String = row.get(1)?;
            let pulses: i64 = row.get(2)?;
            let pulses = pulses.unsigned_abs();
            let loss = Loss {
                pulses,
                first_ns: row.get(3)?,
                last_ns: row.get(4)?,
            };
            Ok((row.get(0)?, LossCause::from_word(&cause), loss))
        };
        let rows: Vec<(String, Option<LossCause>, Loss)> = self
            .connection
            .prepare_cached(
                "SELECT name, cause, pulses, first_ns, last_ns
                 FROM ledger JOIN meter ON meter.id = meter ORDER BY meter, cause",
            )
            .and_then(|mut select| select.query_map([], loss)?.collect())
            .op("be read")?;
        Ok(rows
            .into_iter()
            .filter_map(|(name, cause, loss)| Some((name, cause?, loss)))
            .collect())
    }
}
