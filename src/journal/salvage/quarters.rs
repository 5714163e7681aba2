//! What another journal knows of quarters of an hour, and of how far apart pulses were: pulses that it no longer holds are told
//! to the quarter, and peaks are kept.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Row, Transaction};

use crate::journal::salvage::damage::each_row;
use crate::journal::salvage::file::Foreign;
use crate::journal::tables::fill::{Quarters, fill_quarters};
use crate::journal::{JournalError, OpContext};
use crate::model::{MeterRow, PulseGaps, View};

/// More pulses than any meter makes in a quarter of an hour, and a longer gap than any journal: such numbers are damage.
const PULSES_MAX: i64 = 1 << 32;
const GAP_MAX_MS: i64 = 1 << 42;

/// A window's width in seconds, start and meter's row, and the gaps in it; a width of 0: a quarter of an hour.
type GapRow = (i64, i64, MeterRow, Option<i64>, Option<i64>);

impl Foreign {
    /// Pulses that are known to be in quarters with `from_s <= start < to_s`, by rows of meters here, as much as can be read.
    /// `but`: hours of meters (rows here) of which they tell nothing.
    fn quarters(
        &self,
        (from_s, to_s): (i64, i64),
        row_of: &BTreeMap<MeterRow, MeterRow>,
        but: &BTreeSet<(i64, MeterRow)>,
    ) -> Quarters {
        let mut found = Quarters::new();
        let select = "SELECT start_s, meter, pulses - coarse FROM quarter
             WHERE start_s >= ?1 AND start_s < ?2";
        let read = |row: &Row<'_>| row.try_into();
        let each = |(start_s, meter, pulses): (i64, MeterRow, i64)| {
            let row = row_of.get(&meter);
            let row = row.filter(|row| !but.contains(&(View::Hour.floor_s(start_s), **row)));
            if let (Some(row), 0..PULSES_MAX) = (row, pulses) {
                *found.entry((start_s, *row)).or_default() += pulses;
            }
        };
        // An older journal has no such table.
        let _ = each_row((&self.connection, select), (from_s, to_s), read, each);
        found
    }

    /// The gaps in windows and quarters with `from_s <= start < to_s`, as many as can be read.
    fn gaps(&self, (from_s, to_s): (i64, i64)) -> Vec<GapRow> {
        let mut found = Vec::new();
        for view in View::ALL {
            let select = "SELECT view, start_s, meter, shortest_gap_ms, longest_gap_ms FROM window
                 WHERE view = ?1 AND start_s >= ?2 AND start_s < ?3 AND longest_gap_ms IS NOT NULL";
            let asked = (view.width_s(), from_s, to_s);
            let read = |row: &Row<'_>| row.try_into();
            let _ = each_row((&self.connection, select), asked, read, |row| {
                found.push(row);
            });
        }
        let select = "SELECT 0, start_s, meter, shortest_gap_ms, longest_gap_ms FROM quarter
             WHERE start_s >= ?1 AND start_s < ?2 AND longest_gap_ms IS NOT NULL";
        let read = |row: &Row<'_>| row.try_into();
        let _ = each_row((&self.connection, select), (from_s, to_s), read, |row| {
            found.push(row);
        });
        found
    }

    /// Fills in the quarters of the hours `span_s` after the windows were raised, and keeps the gaps that are known there.
    /// `row_of`: rows of meters here by those there; `moved`: hours of meters (rows here) in which pulses are counted in another
    /// quarter there. True if gaps were.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn refine_quarters(
        &self,
        transaction: &Transaction<'_>,
        span_s: (i64, i64),
        row_of: &BTreeMap<MeterRow, MeterRow>,
        moved: &BTreeSet<(i64, MeterRow)>,
    ) -> Result<bool, JournalError> {
        fill_quarters(transaction, span_s, &self.quarters(span_s, row_of, moved))?;
        let mut is_changed = false;
        for (width_s, start_s, meter, shortest_ms, longest_ms) in self.gaps(span_s) {
            let gaps = PulseGaps::from_columns(shortest_ms, longest_ms);
            let is_sound = |gaps: &PulseGaps| {
                (1..=gaps.longest_ms).contains(&gaps.shortest_ms) && gaps.longest_ms < GAP_MAX_MS
            };
            if let Some((row, gaps)) = row_of.get(&meter).zip(gaps.filter(is_sound)) {
                is_changed |= merge_gaps(transaction, (width_s, start_s, *row), gaps)?;
            }
        }
        Ok(is_changed)
    }
}

/// Keeps gaps with the ones of a window or a quarter (a width of 0) that is there. True if that changes it.
fn merge_gaps(
    transaction: &Transaction<'_>,
    (width_s, start_s, meter): (i64, i64, MeterRow),
    gaps: PulseGaps,
) -> Result<bool, JournalError> {
    let (table, which) = match width_s {
        0 => ("quarter", "?1 = 0"),
        _ => ("window", "view = ?1"),
    };
    let changed = transaction
        .prepare_cached(&format!(
            "UPDATE {table} SET
                 shortest_gap_ms = min(coalesce(shortest_gap_ms, ?4), ?4),
                 longest_gap_ms = max(coalesce(longest_gap_ms, ?5), ?5)
             WHERE {which} AND start_s = ?2 AND meter = ?3 AND NOT
                 coalesce(shortest_gap_ms <= ?4 AND longest_gap_ms >= ?5, 0)"
        ))
        .and_then(|mut put| {
            put.execute((width_s, start_s, meter, gaps.shortest_ms, gaps.longest_ms))
        })
        .op("keep gaps")?;
    Ok(changed > 0)
}
