//! Which local day it is: known also while nothing of it can be read.

use std::sync::Arc;

use jiff::civil::Date;
use serde::Serialize;

use super::head::rfc3339;
use crate::energy::periods::{Calendar, Period, PeriodSpan, PeriodUnit};
use crate::model::WallNs;
use crate::web::day_read::DayRead;
use crate::web::source::Source;

/// A local day, from its begin to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct LocalDay {
    pub(super) date: String,
    from: String,
    to: String,
}

impl LocalDay {
    /// The day that was read, which the counts are of; else the one that it is.
    pub(super) fn of(calendar: &Calendar, day: Option<&DayRead>, now_s: i64) -> LocalDay {
        let (date, from_s, to_s) = match day {
            Some(day) => (day.date, day.from_s, day.to_s),
            None => {
                let date = calendar.date_at(now_s);
                let span = span_of(calendar, date);
                (date, span.start_s, span.end_s)
            }
        };
        LocalDay {
            date: date.to_string(),
            from: rfc3339(WallNs::of_s(from_s)),
            to: rfc3339(WallNs::of_s(to_s)),
        }
    }
}

/// When a local date begins and ends.
pub(super) fn span_of(calendar: &Calendar, date: Date) -> PeriodSpan {
    calendar.span(Period::containing(PeriodUnit::Day, date))
}

/// What was read last of the local day that it is now; of the one before no more is told.
pub(super) fn known_day(source: &Source) -> Option<Arc<DayRead>> {
    let date = source.calendar().date_at(source.wall_ns().s());
    source.day().filter(|day| day.date == date)
}
