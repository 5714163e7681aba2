//! What another journal counts in windows, by the hour.

use crate::journal::salvage::damage::each_row;
use crate::journal::salvage::file::Foreign;
use crate::journal::tables::hours::{Hours, add};
use crate::journal::tables::windows::{SELECT, Window};
use crate::model::View;

/// Windows after the year 2262 are damage.
const WINDOWS_END_S: i64 = i64::MAX / 1_000_000_000;

impl Foreign {
    /// From which hour to which there are windows; None: there are none that can be read.
    pub(super) fn window_span(&self) -> Option<(i64, i64)> {
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
    pub(super) fn hours(&self, (from_s, to_s): (i64, i64)) -> Hours {
        let mut hours = Hours::new();
        for view in View::ALL {
            let asked = (view.width_s(), from_s, to_s);
            let _ = each_row((&self.connection, SELECT), asked, Window::of, |window| {
                add(&mut hours, view, window);
            });
        }
        hours
    }
}
