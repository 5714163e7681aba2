//! The ledger: every pulse rejected or lost, in all, and when those were that are lost or were put back.

use std::collections::BTreeMap;

use rusqlite::{Row, ToSql, Transaction};

use crate::journal::handles::reader::Reader;
use crate::journal::{JournalError, OpContext};
use crate::model::{Loss, LossCause, MeterRow, WallNs, quarter_of};

/// An entry of the ledger: the meter's name, why, how many and when.
pub type LedgerEntry = (String, LossCause, Loss);

/// Adds what was lost or put back just now to the ledger.
pub(in crate::journal) fn lose(
    transaction: &Transaction<'_>,
    meter: MeterRow,
    cause: LossCause,
    loss: Loss,
) -> Result<(), JournalError> {
    // A filter is at work all the time.
    let is_dated = cause.is_loss() || cause == LossCause::Restored;
    add(transaction, (meter, cause), loss, is_dated)
}

/// Adds what is known in all, of which it is hardly known when it was.
pub(in crate::journal) fn inherit(
    transaction: &Transaction<'_>,
    meter: MeterRow,
    cause: LossCause,
    loss: Loss,
) -> Result<(), JournalError> {
    // No report of that time is complete. What was put back is with its pulses.
    add(transaction, (meter, cause), loss, cause.is_loss())
}

/// Adds it to what is known in all, and where it `is_dated` to that of the quarter of an hour of the first.
fn add(
    transaction: &Transaction<'_>,
    (meter, cause): (MeterRow, LossCause),
    loss: Loss,
    is_dated: bool,
) -> Result<(), JournalError> {
    let put = |insert: &str, more: &[&dyn ToSql]| {
        let (cause, pulses) = (cause.as_str(), number(loss));
        let mut row: Vec<&dyn ToSql> = vec![&meter, &cause, &pulses, &loss.first_ns, &loss.last_ns];
        row.extend(more);
        transaction
            .prepare_cached(&format!(
                "{insert} DO UPDATE SET pulses = pulses + excluded.pulses,
                     first_ns = min(first_ns, excluded.first_ns),
                     last_ns = max(last_ns, excluded.last_ns)"
            ))
            .and_then(|mut put| put.execute(&*row))
            .op("keep the ledger")
    };
    put(
        "INSERT INTO ledger VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (meter, cause)",
        &[],
    )?;
    if is_dated {
        put(
            "INSERT INTO ledger_quarter VALUES (?1, ?2, ?6, ?3, ?4, ?5) ON CONFLICT (meter, cause, start_s)",
            &[&quarter_of(loss.first_ns.s())],
        )?;
    }
    Ok(())
}

fn number(loss: Loss) -> i64 {
    i64::try_from(loss.pulses).unwrap_or(i64::MAX)
}

/// Takes one pulse of this time out of the ledger again: it is not lost any more.
pub(in crate::journal) fn find_again(
    transaction: &Transaction<'_>,
    meter: MeterRow,
    cause: LossCause,
    wall_ns: WallNs,
) -> Result<(), JournalError> {
    let cause = cause.as_str();
    let change = |change: &str, row: &[&dyn ToSql]| {
        transaction
            .prepare_cached(change)
            .and_then(|mut change| change.execute(row))
            .op("take a refusal out of the ledger")
    };
    change(
        "UPDATE ledger SET pulses = pulses - 1 WHERE meter = ?1 AND cause = ?2",
        &[&meter, &cause],
    )?;
    // What was lost before times were kept stands where it began.
    change(
        "UPDATE ledger_quarter SET pulses = pulses - 1 WHERE meter = ?1 AND cause = ?2 AND start_s =
             (SELECT max(start_s) FROM ledger_quarter WHERE meter = ?1 AND cause = ?2 AND start_s <= ?3)",
        &[&meter, &cause, &quarter_of(wall_ns.s())],
    )?;
    for table in ["ledger", "ledger_quarter"] {
        change(
            &format!("DELETE FROM {table} WHERE meter = ?1 AND cause = ?2 AND pulses <= 0"),
            &[&meter, &cause],
        )?;
    }
    Ok(())
}

impl Reader {
    /// The ledger: every loss by meter's name and cause.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn ledger(&self) -> Result<Vec<LedgerEntry>, JournalError> {
        self.entries(
            "SELECT name, cause, pulses, first_ns, last_ns
             FROM ledger JOIN meter ON meter.id = meter ORDER BY meter, cause",
        )
    }

    /// When pulses were lost or put back: by quarter of an hour, meter and cause, in order of time. Of what an earlier version
    /// has lost, or another journal has, only between when and when is known.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn dated_ledger(&self) -> Result<Vec<LedgerEntry>, JournalError> {
        self.entries(
            "SELECT name, cause, pulses, first_ns, last_ns
             FROM ledger_quarter JOIN meter ON meter.id = meter ORDER BY start_s, meter, cause",
        )
    }

    /// How many of the pulses of a span (in seconds since 1970) were put back by number, by the meter's name: by their stamps, and
    /// of an hour whose pulses have left by the quarter of an hour in which the gap began.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn restored_between(
        &self,
        from_s: i64,
        to_s: i64,
    ) -> Result<BTreeMap<String, i64>, JournalError> {
        // Mostly there were none, and no pulse needs to be looked at.
        let has_some = self.ledger()?.iter().any(|(_, cause, loss)| {
            *cause == LossCause::Restored && loss.first_ns.s() < to_s && loss.last_ns.s() >= from_s
        });
        if !has_some {
            return Ok(BTreeMap::new());
        }
        let mut found = self.restored_and_left(from_s, to_s)?;
        for (meter, pulses) in self.restored_pulses(from_s, to_s)? {
            *found.entry(meter).or_default() += pulses;
        }
        Ok(found)
    }

    /// Those of hours whose pulses have left.
    fn restored_and_left(
        &self,
        from_s: i64,
        to_s: i64,
    ) -> Result<BTreeMap<String, i64>, JournalError> {
        self.connection
            .prepare_cached(
                "SELECT name, sum(q.pulses) FROM ledger_quarter q JOIN meter ON meter.id = q.meter
                 WHERE cause = ?1 AND first_ns >= ?2 AND first_ns < ?3 AND NOT EXISTS (
                     SELECT 1 FROM hour_ids h JOIN pulse p ON p.id BETWEEN h.first_id AND h.last_id
                     WHERE h.start_s = first_ns / 3600000000000 * 3600)
                 GROUP BY name",
            )
            .and_then(|mut select| {
                let cause = LossCause::Restored.as_str();
                let of_span = (cause, WallNs::of_s(from_s), WallNs::of_s(to_s));
                select.query_map(of_span, |row| row.try_into())?.collect()
            })
            .op("be read")
    }

    fn restored_pulses(&self, from_s: i64, to_s: i64) -> Result<Vec<(String, i64)>, JournalError> {
        let Some(ids) = self.ids_between(from_s, to_s)? else {
            return Ok(Vec::new());
        };
        let (from_ns, to_ns) = (WallNs::of_s(from_s), WallNs::of_s(to_s));
        self.connection
            .prepare_cached(
                "SELECT name, count(*) FROM pulse p
                     JOIN clock_segment s ON s.id = p.segment AND s.trust > 0 JOIN meter ON meter.id = p.meter
                 WHERE p.id BETWEEN ?1 AND ?2 AND p.estimated
                     AND p.mono_ns + s.offset_ns >= ?3 AND p.mono_ns + s.offset_ns < ?4
                 GROUP BY name",
            )
            .and_then(|mut select| {
                let counts = select.query_map((ids.first, ids.last, from_ns, to_ns), |row| row.try_into())?;
                counts.collect()
            })
            .op("be read")
    }

    fn entries(&self, select: &str) -> Result<Vec<LedgerEntry>, JournalError> {
        let entry = |row: &Row<'_>| {
            let cause: String = row.get(1)?;
            let pulses: i64 = row.get(2)?;
            let loss = Loss {
                pulses: pulses.unsigned_abs(),
                first_ns: row.get(3)?,
                last_ns: row.get(4)?,
            };
            Ok((row.get(0)?, LossCause::from_word(&cause), loss))
        };
        let rows: Vec<(String, Option<LossCause>, Loss)> = self
            .connection
            .prepare_cached(select)
            .and_then(|mut select| select.query_map([], entry)?.collect())
            .op("be read")?;
        Ok(rows
            .into_iter()
            .filter_map(|(name, cause, loss)| Some((name, cause?, loss)))
            .collect())
    }
}
