//! What was counted of a meter over some time, as rows of windows, quarters and days hold it.

use rusqlite::{Connection, Row};

use crate::journal::{JournalError, OpContext};
use crate::model::{MeterRow, PulseGaps, View, WindowCount};

/// In an upsert: the gaps of both.
pub(in crate::journal) const MERGE_GAPS: &str = "
    shortest_gap_ms = min(coalesce(shortest_gap_ms, excluded.shortest_gap_ms),
                          coalesce(excluded.shortest_gap_ms, shortest_gap_ms)),
    longest_gap_ms = max(coalesce(longest_gap_ms, excluded.longest_gap_ms),
                         coalesce(excluded.longest_gap_ms, longest_gap_ms))";

/// What was counted of a meter from a time on, for as long as what is asked of lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeterCount {
    /// When it begins, in seconds since 1970.
    pub start_s: i64,
    /// The row of the meter.
    pub meter: MeterRow,
    /// What was counted.
    pub count: WindowCount,
}

impl MeterCount {
    /// From a row of start, meter, pulses, the shortest and the longest gap.
    pub(in crate::journal) fn of(row: &Row<'_>) -> rusqlite::Result<MeterCount> {
        Ok(MeterCount {
            start_s: row.get(0)?,
            meter: row.get(1)?,
            count: WindowCount {
                pulses: row.get(2)?,
                gaps: PulseGaps::from_columns(row.get(3)?, row.get(4)?),
            },
        })
    }
}

/// Gaps as two columns.
pub(in crate::journal) fn columns(gaps: Option<PulseGaps>) -> (Option<i64>, Option<i64>) {
    gaps.map(|gaps| (gaps.shortest_ms, gaps.longest_ms)).unzip()
}

/// What the windows of a view with `from_s <= start < to_s` hold, in order.
pub(in crate::journal) fn view_counts(
    connection: &Connection,
    view: View,
    (from_s, to_s): (i64, i64),
) -> Result<Vec<MeterCount>, JournalError> {
    connection
        .prepare_cached(
            "SELECT start_s, meter, pulses, shortest_gap_ms, longest_gap_ms FROM window
             WHERE view = ?1 AND start_s >= ?2 AND start_s < ?3 ORDER BY start_s, meter",
        )
        .and_then(|mut select| {
            let counts = select.query_map((view.width_s(), from_s, to_s), MeterCount::of)?;
            counts.collect()
        })
        .op("be read")
}
