//! Windows by the hour: what is counted there of each meter in all views. A month at a time, which is little memory.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::journal::JournalError;
use crate::journal::tables::windows::{Window, windows_of};
use crate::model::hour::HourCounts;
use crate::model::{MeterRow, View};

/// Seconds of windows a read, whole hours.
const MONTH_S: i64 = 30 * 86_400;

/// More pulses than any meter makes in an hour: such a count is damage.
const PULSES_MAX: i64 = 1 << 32;

/// What is counted, by the start of the hour and the meter's row.
pub(in crate::journal) type Hours = BTreeMap<(i64, MeterRow), HourCounts>;

/// Adds a window to its hour; one that cannot be is left out.
pub(in crate::journal) fn add(hours: &mut Hours, view: View, window: Window) {
    if !(0..PULSES_MAX).contains(&window.pulses) {
        return;
    }
    let hour_s = View::Hour.floor_s(window.start_s);
    let counts = hours.entry((hour_s, window.meter)).or_default();
    counts.add(view, window.start_s, window.pulses);
}

/// What this journal counts in hours with `from_s <= start < to_s`, of all meters or of one.
pub(in crate::journal) fn hours_of(
    connection: &Connection,
    span: (i64, i64),
    meter: Option<MeterRow>,
) -> Result<Hours, JournalError> {
    let mut hours = Hours::new();
    for view in View::ALL {
        for window in windows_of(connection, view, span)? {
            if meter.is_none_or(|meter| meter == window.meter) {
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
