//! Local days, weeks, months and years: which instants they are in a time zone.
//!
//! A day lasts from its first instant to that of the next date, never "24 hours": 23 or 25 where clocks are set, 23.5 and 24.5
//! on Lord Howe, none where a date was left out. It begins at 01:00 where midnight is skipped. Weeks are ISO 8601: Monday to
//! Sunday. The zone is that of the configuration; nothing here asks the system.

use std::fmt;
use std::ops::RangeInclusive;

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::model::{QUARTER_S, WallNs};

const S_PER_H: i64 = 3_600;

/// Years that may be asked for: nanoseconds since 1970 end in the year 2262.
pub const YEARS: RangeInclusive<i16> = 1970..=2199;

/// What a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeriodUnit {
    /// A local day.
    Day,
    /// Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

impl PeriodUnit {
    /// From the shortest to the longest.
    pub const ALL: [PeriodUnit; 4] = [
        PeriodUnit::Day,
        PeriodUnit::Week,
        PeriodUnit::Month,
        PeriodUnit::Year,
    ];

    /// The word in parameters and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            PeriodUnit::Day => "day",
            PeriodUnit::Week => "week",
            PeriodUnit::Month => "month",
            PeriodUnit::Year => "year",
        }
    }

    /// The unit with this word.
    pub fn from_word(word: &str) -> Option<PeriodUnit> {
        PeriodUnit::ALL
            .into_iter()
            .find(|unit| unit.as_str() == word)
    }

    /// The first date of the period of this unit that holds `date`.
    fn first_of(self, date: Date) -> Date {
        match self {
            PeriodUnit::Day => date,
            PeriodUnit::Week => {
                days_later(date, -i64::from(date.weekday().to_monday_zero_offset()))
            }
            PeriodUnit::Month => date.first_of_month(),
            PeriodUnit::Year => date.first_of_year(),
        }
    }

    /// The first date after the period of this unit that begins with `first`.
    fn end_of(self, first: Date) -> Date {
        match self {
            PeriodUnit::Day => days_later(first, 1),
            PeriodUnit::Week => days_later(first, 7),
            PeriodUnit::Month => days_later(first.last_of_month(), 1),
            PeriodUnit::Year => days_later(first.last_of_year(), 1),
        }
    }
}

/// `date` and so many days; the last date there is (in the years -9999 and 9999) where that is beyond.
fn days_later(date: Date, days: i64) -> Date {
    date.saturating_add(jiff::Span::new().days(days))
}

/// A day, week, month or year of the calendar, in whatever zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    first: Date,
    unit: PeriodUnit,
}

impl Period {
    /// The one that holds `date`.
    pub fn containing(unit: PeriodUnit, date: Date) -> Period {
        Period {
            first: unit.first_of(date),
            unit,
        }
    }

    /// Whether it is a day, week, month or year.
    pub fn unit(self) -> PeriodUnit {
        self.unit
    }

    /// Its first date.
    pub fn first(self) -> Date {
        self.first
    }

    /// The first date after it.
    pub fn end(self) -> Date {
        self.unit.end_of(self.first)
    }

    /// The one after it on the calendar.
    pub fn next(self) -> Period {
        Period::containing(self.unit, self.end())
    }

    /// The one before it on the calendar.
    pub fn previous(self) -> Period {
        Period::containing(self.unit, days_later(self.first, -1))
    }

    /// The same of the year before: the date, the week with that number, the month. None for 29 February and a week 53 that the
    /// year before did not have.
    pub fn year_before(self) -> Option<Period> {
        let first = match self.unit {
            PeriodUnit::Week => {
                let week = self.first.iso_week_date();
                ISOWeekDate::new(week.year() - 1, week.week(), Weekday::Monday)
                    .ok()?
                    .date()
            }
            _ => {
                let (month, day) = (self.first.month(), self.first.day());
                Date::new(self.first.year() - 1, month, day).ok()?
            }
        };
        Some(Period::containing(self.unit, first))
    }

    /// The periods of `unit` that begin within it.
    pub fn split(self, unit: PeriodUnit) -> impl Iterator<Item = Period> {
        let end = self.end();
        let first = Period::containing(unit, self.first);
        let first = if first.first < self.first {
            first.next()
        } else {
            first
        };
        std::iter::successors(Some(first), |period| {
            Some(period.next()).filter(|next| next.first > period.first)
        })
        .take_while(move |period| period.first < end)
    }
}

impl fmt::Display for Period {
    /// ISO 8601: `2026-10-25`, `2026-W43`, `2026-10`, `2026`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.first;
        match self.unit {
            PeriodUnit::Day => write!(f, "{date}"),
            PeriodUnit::Week => {
                let week = date.iso_week_date();
                write!(f, "{:04}-W{:02}", week.year(), week.week())
            }
            PeriodUnit::Month => write!(f, "{:04}-{:02}", date.year(), date.month()),
            PeriodUnit::Year => write!(f, "{:04}", date.year()),
        }
    }
}

/// A period and the instants that it is in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeriodSpan {
    /// The period.
    pub period: Period,
    /// Its first second, since 1970.
    pub start_s: i64,
    /// The first second after it.
    pub end_s: i64,
}

impl PeriodSpan {
    /// Its quarter hours by their first second: 92 to 100 in a day.
    pub fn quarters(&self) -> impl Iterator<Item = i64> + use<> {
        let end_s = self.end_s;
        std::iter::successors(Some(self.start_s), |start_s| Some(start_s + QUARTER_S))
            .take_while(move |start_s| *start_s < end_s)
    }
}

/// An hour of a local day, counted from the day's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalHour {
    /// The wall clock at its start: `02`, `02 (2nd)` when clocks were set back, `01:30` where it is not the full hour.
    pub label: String,
    /// Its first second, since 1970.
    pub start_s: i64,
    /// The first second after it; half an hour later where the day ends.
    pub end_s: i64,
}

/// The instant `wall_s`; the first or the last there is where it is beyond.
fn instant(wall_s: i64) -> Timestamp {
    let beyond = if wall_s < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::from_second(wall_s).unwrap_or(beyond)
}

/// The calendar of a time zone. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: TimeZone,
}

impl Calendar {
    /// That of `zone`.
    pub fn new(zone: TimeZone) -> Calendar {
        Calendar { zone }
    }

    /// Its zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The first second of a date, since 1970; that of the next date where this one was left out.
    pub fn day_start_s(&self, date: Date) -> i64 {
        let midnight = self.zone.to_ambiguous_zoned_datetime(date.at(0, 0, 0, 0));
        let is_skipped = matches!(midnight.offset(), AmbiguousOffset::Gap { .. });
        let first = midnight.compatible().map(|midnight| midnight.timestamp());
        // The day begins when clocks are set forward, which may be before midnight (Toronto 1919: from 23:30 to 00:30).
        let set_forward = |after: Timestamp| {
            let after = after.saturating_add(SignedDuration::from_secs(1)).ok()?;
            Some(self.zone.preceding(after).next()?.timestamp())
        };
        let first = first.map(|first| match is_skipped {
            true => set_forward(first).unwrap_or(first),
            false => first,
        });
        let beyond = if date.year() < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        };
        first.unwrap_or(beyond).as_second()
    }

    /// The date of the day that holds the second `wall_s` since 1970. Where clocks are set back over midnight the new day
    /// has begun with the first one.
    pub fn date_at(&self, wall_s: i64) -> Date {
        let (shown, _) = self.wall_clock(wall_s);
        let next = days_later(shown, 1);
        if next > shown && self.day_start_s(next) <= wall_s {
            next
        } else {
            shown
        }
    }

    /// The period that holds the instant `wall_ns`.
    pub fn period_at(&self, unit: PeriodUnit, wall_ns: WallNs) -> Period {
        Period::containing(unit, self.date_at(wall_ns.s()))
    }

    /// The instants of a period. It is empty for a date that was left out.
    pub fn span(&self, period: Period) -> PeriodSpan {
        PeriodSpan {
            period,
            start_s: self.day_start_s(period.first()),
            end_s: self.day_start_s(period.end()),
        }
    }

    /// The periods of `unit` that begin within `period`, without dates that were left out: the bars of a chart.
    pub fn spans(&self, period: Period, unit: PeriodUnit) -> impl Iterator<Item = PeriodSpan> {
        self.spans_of(period.split(unit))
    }

    /// The instants of periods that follow one another; each boundary is looked up once.
    pub fn spans_of(
        &self,
        periods: impl Iterator<Item = Period>,
    ) -> impl Iterator<Item = PeriodSpan> {
        let mut known: Option<(Date, i64)> = None;
        let spans = periods.map(move |period| {
            let start_s = match known {
                Some((date, start_s)) if date == period.first() => start_s,
                _ => self.day_start_s(period.first()),
            };
            let end_s = self.day_start_s(period.end());
            known = Some((period.end(), end_s));
            PeriodSpan {
                period,
                start_s,
                end_s,
            }
        });
        spans.filter(|span| span.start_s < span.end_s)
    }

    /// The period before, and before that where it is a date that was left out.
    pub fn previous(&self, period: Period) -> Period {
        let before = period.previous();
        let span = self.span(before);
        if span.start_s < span.end_s {
            before
        } else {
            before.previous()
        }
    }

    /// The hours of a day, as they elapse from its start: 23 to 25.
    pub fn hours(&self, date: Date) -> Vec<LocalHour> {
        let day = self.span(Period::containing(PeriodUnit::Day, date));
        let mut hours: Vec<LocalHour> = Vec::new();
        let mut start_s = day.start_s;
        while start_s < day.end_s {
            let end_s = (start_s + S_PER_H).min(day.end_s);
            let label = self.hour_label(start_s);
            let is_second = hours.iter().any(|hour| hour.label == label);
            hours.push(LocalHour {
                label: if is_second {
                    format!("{label} (2nd)")
                } else {
                    label
                },
                start_s,
                end_s,
            });
            start_s = end_s;
        }
        hours
    }

    /// The wall clock at `wall_s`: `02`, or `01:30`.
    fn hour_label(&self, wall_s: i64) -> String {
        let (_, minute) = self.wall_clock(wall_s);
        match minute % 60 {
            0 => format!("{:02}", minute / 60),
            past => format!("{:02}:{past:02}", minute / 60),
        }
    }

    /// What the wall clock shows at `wall_s`: the date, and the minute of the day.
    pub fn wall_clock(&self, wall_s: i64) -> (Date, u16) {
        let shown = self.zone.to_datetime(instant(wall_s));
        let minute = i16::from(shown.hour()) * 60 + i16::from(shown.minute());
        (shown.date(), minute.unsigned_abs())
    }
}
