//! Windows by the hour: what is counted there of each meter in all views, of this journal and of another
//! one. A month at a time, which is little memory.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row};

use crate::journal::salvage::file::Foreign;
use crate::journal::salvage::rows::each_row;
use crate::journal::{JournalError, OpContext};
use crate::model::View;
use crate::model::hour::HourCounts;

/// Seconds of windows a read, whole hours.
pub(in crate::journal) const MONTH_S: i64 = 30 * 86_400;

/// Windows after the year 2262 are damage.
const WINDOWS_END_S: i64 = i64::MAX / 1_000_000_000;

/// More pulses than any meter makes in an hour: such a count is damage.
const PULSES_MAX: i64 = 1 << 32;

/// What is counted, by the start of the hour and the meter's row.
pub(in crate::journal) type Hours = BTreeMap<(i64, i64), HourCounts>;

type WindowRow = (i64, i64, i64);

const SELECT: &str = "SELECT start_s, meter, pulses FROM window
     WHERE view = ?1 AND start_s >= ?2 AND start_s < ?3 ORDER BY start_s, meter";

fn add(hours: &mut Hours, view: View, (start_s, meter, pulses): WindowRow) {
    if !(0..PULSES_MAX).contains(&pulses) {
        return;
    }
    let hour_s = View::Hour.floor_s(start_s);
    let counts = hours.entry((hour_s, meter)).or_default();
    counts.add(view, start_s, pulses);
}

/// What this journal counts in hours with `from_s <= start < to_s`, of all meters or of one.
pub(in crate::journal) fn hours_of(
    connection: &Connection,
    (from_s, to_s): (i64, i64),
    meter: Option<i64>,
) -> Result<Hours, JournalError> {
    let mut hours = Hours::new();
    for view in View::ALL {
        let windows = connection
            .prepare_cached(SELECT)
            .and_then(|mut select| {
                let windows =
                    select.query_map((view.width_s(), from_s, to_s), |row| row.try_into())?;
                windows.collect::<rusqlite::Result<Vec<WindowRow>>>()
            })
            .op("be read")?;
        for window in windows {
            if meter.is_none_or(|meter| meter == window.1) {
                add(&mut hours, view, window);
            }
        }
    }
    Ok(hours)
}

/// Stretches of time of at most a month that together are `from_s..to_s`.
pub(in crate::journal) fn months((from_s, to_s): (i64, i64)) -> impl Iterator<Item = (i64, i64)> {
    let mut next_s = from_s;
    std::iter::from_fn(move || {
        let month = (next_s, to_s.min(next_s.saturating_add(MONTH_S)));
        next_s = month.1;
        (month.0 < month.1).then_some(month)
    })
}

impl Foreign {
    /// From which hour to which there are windows; None: there are none that can be read.
    pub(in crate::journal) fn window_span(&self) -> Option<(i64, i64)> {
        let ask = |which: &str| {
            let select = format!("SELECT {which}(start_s) FROM window WHERE view = ?1");
            let asked = View::ALL.into_iter().filter_map(|view| {
                let found = self.connection.query_row(&select, [view.width_s()], |row| {
                    row.get::<_, Option<i64>>(0)
                });
                found.ok().flatten()
            });
            asked.collect::<Vec<i64>>()
        };
        // No window was before 1970; a start that is damage itself is no reason to count for ever.
        let first_s = ask("min").into_iter().min()?.max(0);
        let last_s = ask("max").into_iter().max()?.min(WINDOWS_END_S);
        Some((
            View::Hour.floor_s(first_s),
            View::Hour.floor_s(last_s) + View::Hour.width_s(),
        ))
    }

    /// What another journal counts in hours with `from_s <= start < to_s`, as much as can be read.
    pub(in crate::journal) fn hours(&self, (from_s, to_s): (i64, i64)) -> Hours {
        let mut hours = Hours::new();
        for view in View::ALL {
            let select = SELECT
                .replace("?1", &view.width_s().to_string())
                .replace("?2", &from_s.to_string())
                .replace("?3", &to_s.to_string());
            let read = |row: &Row<'_>| row.try_into();
            let _ = each_row(&self.connection, &select, read, |window: WindowRow| {
                add(&mut hours, view, window);
            });
        }
        hours
    }
}
