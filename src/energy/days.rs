//! To which local day a quarter hour belongs: what the table of local days is filled by, and built again by when the zone
//! changes.
//!
//! Every local day of every zone since 2020 begins on a quarter hour of UTC; in a few zones off the hour. A quarter in which
//! a day began otherwise, long ago, belongs to the day that it begins in.

use jiff::civil::Date;

use super::periods::{Calendar, Period, PeriodSpan, PeriodUnit};

/// The local days of a stretch of time, looked up once.
#[derive(Debug, Clone)]
pub struct LocalDays {
    /// In order; each ends where the next begins.
    days: Vec<PeriodSpan>,
}

impl LocalDays {
    /// All days that hold some of `from_s..to_s` (seconds since 1970). 24 bytes a day.
    pub fn covering(calendar: &Calendar, from_s: i64, to_s: i64) -> LocalDays {
        let first = Period::containing(PeriodUnit::Day, calendar.date_at(from_s));
        let all = std::iter::successors(Some(first), |day| {
            Some(day.next()).filter(|next| next > day)
        });
        let days = calendar.spans_of(all);
        LocalDays {
            days: days.take_while(|day| day.start_s < to_s).collect(),
        }
    }

    /// The days, in order, without dates that were left out.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &PeriodSpan> {
        self.days.iter()
    }

    /// The day that holds the second `wall_s`; None: it is outside of what was looked up.
    pub fn day_of(&self, wall_s: i64) -> Option<&PeriodSpan> {
        let after = self.days.partition_point(|day| day.start_s <= wall_s);
        let day = self.days.get(after.checked_sub(1)?)?;
        (wall_s < day.end_s).then_some(day)
    }

    /// The date to which the window counts that begins at `start_s`.
    pub fn date_of(&self, start_s: i64) -> Option<Date> {
        self.day_of(start_s).map(|day| day.period.first())
    }

    /// Whether the window of `width_s` that begins at `start_s` is of one day. An hour is of two where days begin off the hour:
    /// what was kept by the hour alone is of one only to the hour there.
    pub fn is_of_one(&self, start_s: i64, width_s: i64) -> bool {
        self.day_of(start_s)
            .is_some_and(|day| start_s + width_s <= day.end_s)
    }
}
