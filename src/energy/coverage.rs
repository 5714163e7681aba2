//! Whether each quarter hour of a year has a price, and no more than one.
//!
//! All weekdays are looked at on the days on which a season begins, or has ended the day before: between them nothing changes.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::Date;

use super::tariff::PriceWindow;

const MINUTES: u16 = 15;
const DAY_MINUTES: u16 = 24 * 60;
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A quarter hour of a price list, in whatever year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListMoment {
    /// The month and the day from which on it is so; None: all year.
    pub since: Option<(i8, i8)>,
    /// 0: Monday.
    pub weekday: usize,
    /// The minute of the day at which it begins.
    pub minute: u16,
}

impl fmt::Display for ListMoment {
    /// `Mon 22:00`, `Mon 22:00 from 10-01 on`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute) = (self.minute / 60, self.minute % 60);
        write!(f, "{} {hour:02}:{minute:02}", WEEKDAYS[self.weekday])?;
        match self.since {
            Some((month, day)) => write!(f, " from {month:02}-{day:02} on"),
            None => Ok(()),
        }
    }
}

/// The first quarter hour in which none of the windows holds.
pub fn uncovered(windows: &[PriceWindow]) -> Option<ListMoment> {
    moments(windows).find_map(|(day, moment)| {
        let holds = |window: &PriceWindow| window.holds_on(day, moment.weekday, moment.minute);
        (!windows.iter().any(holds)).then_some(moment)
    })
}

/// The first quarter hour in which both windows hold.
pub fn overlap(one: &PriceWindow, other: &PriceWindow) -> Option<ListMoment> {
    let both = [*one, *other];
    moments(&both).find_map(|(day, moment)| {
        let holds = |window: &PriceWindow| window.holds_on(day, moment.weekday, moment.minute);
        both.iter().all(holds).then_some(moment)
    })
}

/// The quarter hours to look at, each with a day on which it is looked at.
fn moments(windows: &[PriceWindow]) -> impl Iterator<Item = ((i8, i8), ListMoment)> + use<> {
    let seasons = windows.iter().filter_map(|window| window.season);
    let mut days: BTreeSet<(i8, i8)> = seasons
        .flat_map(|(first, last)| [Some(first), day_after(last)])
        .flatten()
        .collect();
    let is_all_year = days.is_empty();
    days.insert((1, 1));
    days.into_iter().flat_map(move |day| {
        (0..WEEKDAYS.len()).flat_map(move |weekday| {
            let minutes = (0..DAY_MINUTES).step_by(usize::from(MINUTES));
            minutes.map(move |minute| {
                let moment = ListMoment {
                    since: (!is_all_year).then_some(day),
                    weekday,
                    minute,
                };
                (day, moment)
            })
        })
    })
}

/// The next day, in a leap year.
fn day_after((month, day): (i8, i8)) -> Option<(i8, i8)> {
    let next = Date::new(2000, month, day).ok()?.tomorrow().ok()?;
    Some((next.month(), next.day()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(
        times: (u16, u16),
        weekdays: [bool; 7],
        season: Option<((i8, i8), (i8, i8))>,
    ) -> PriceWindow {
        PriceWindow {
            from_minute: times.0 * 60,
            to_minute: times.1 * 60,
            weekdays,
            season,
        }
    }

    const ALL: [bool; 7] = [true; 7];

    fn said(moment: Option<ListMoment>) -> Option<String> {
        moment.map(|moment| moment.to_string())
    }

    #[test]
    fn the_first_quarter_hour_without_a_price_is_named() {
        let (day, night) = (window((6, 22), ALL, None), window((22, 6), ALL, None));
        assert_eq!(uncovered(&[day, night]), None);
        assert_eq!(said(uncovered(&[day])).as_deref(), Some("Mon 00:00"));
        let short = window((22, 5), ALL, None);
        assert_eq!(said(uncovered(&[day, short])).as_deref(), Some("Mon 05:00"));
        let work = [true, true, true, true, true, false, false];
        let weekdays = window((0, 0), work, None);
        assert_eq!(said(uncovered(&[weekdays])).as_deref(), Some("Sat 00:00"));
        assert_eq!(said(uncovered(&[])).as_deref(), Some("Mon 00:00"));
    }

    #[test]
    fn seasons_leave_no_day_out_not_even_the_leap_day() {
        let season = |first, last| window((0, 0), ALL, Some((first, last)));
        let (summer, winter) = (season((4, 1), (9, 30)), season((10, 1), (3, 31)));
        assert_eq!(uncovered(&[summer, winter]), None);
        assert_eq!(overlap(&summer, &winter), None);
        let early = season((3, 1), (2, 28));
        assert_eq!(
            said(uncovered(&[early])).as_deref(),
            Some("Mon 00:00 from 02-29 on")
        );
        let late = season((9, 30), (3, 31));
        assert_eq!(
            said(overlap(&summer, &late)).as_deref(),
            Some("Mon 00:00 from 09-30 on")
        );
        // Over new year.
        assert_eq!(
            said(overlap(&season((12, 1), (1, 31)), &season((1, 31), (2, 1)))).as_deref(),
            Some("Mon 00:00 from 01-31 on")
        );
    }

    #[test]
    fn windows_that_both_hold_are_found() {
        let weekend = [false, false, false, false, false, true, true];
        let (night, weekend) = (window((22, 6), ALL, None), window((0, 0), weekend, None));
        assert_eq!(
            said(overlap(&night, &weekend)).as_deref(),
            Some("Sat 00:00")
        );
        assert_eq!(overlap(&night, &window((6, 22), ALL, None)), None);
    }
}
