//! When a price holds, as it is written: times of day, days of the week, seasons. Pure.

use jiff::civil::Date;

/// Times that are all day.
pub(super) const ALL_DAY: (u16, u16) = (0, 0);

/// All days of the week.
pub(super) const ALL_WEEK: [bool; 7] = [true; 7];

const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// `22:00-06:00`: the first minute, and the first one after.
pub(super) fn times(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (minute(from)?, minute(to)?);
    // 24:00 ends a day and begins none; what is not a while is a slip.
    (from < 24 * 60 && from != to % (24 * 60)).then_some((from, to))
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let is_number =
        |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(hour) || !is_number(minute) || minute.len() != 2 {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let at = hour * 60 + minute;
    (minute < 60 && at <= 24 * 60 && minute % 15 == 0).then_some(at)
}

/// Names of days in English, of three letters or whole, and ranges of them.
pub(super) fn weekdays<'a>(items: impl Iterator<Item = &'a str>) -> Option<[bool; 7]> {
    let mut days = [false; 7];
    for item in items {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let (first, last) = (weekday(first)?, weekday(last)?);
        let length = (last + 7 - first) % 7;
        for n in 0..=length {
            days[(first + n) % 7] = true;
        }
    }
    days.contains(&true).then_some(days)
}

fn weekday(text: &str) -> Option<usize> {
    let text = text.trim().to_ascii_lowercase();
    let is = |name: &&str| *name == text || name[..3] == text;
    WEEKDAYS.iter().position(is)
}

/// `10-01 to 03-31`: the first and the last day, as month and day.
pub(super) fn season(text: &str) -> Option<((i8, i8), (i8, i8))> {
    let (first, last) = text.split_once(" to ")?;
    Some((day(first)?, day(last)?))
}

fn day(text: &str) -> Option<(i8, i8)> {
    let (month, day) = text.trim().split_once('-')?;
    let is_number = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(month) || !is_number(day) {
        return None;
    }
    // 29 February is a day of a season in any year.
    let date = Date::new(2000, month.parse().ok()?, day.parse().ok()?).ok()?;
    Some((date.month(), date.day()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_quarter_hours() {
        for (text, read) in [
            ("22:00-06:00", (1_320, 360)),
            ("0:15 - 24:00", (15, 1_440)),
            ("06:45-07:00", (405, 420)),
        ] {
            assert_eq!(times(text), Some(read), "{text}");
        }
        for wrong in [
            "",
            "22-6",
            "22:00",
            "22:10-06:00",
            "24:00-06:00",
            "25:00-26:00",
            "06:00-06:00",
            "00:00-24:00",
            "22:00-+6:00",
            "22:0-06:00",
            "22:60-23:00",
            "a:00-b:00",
        ] {
            assert_eq!(times(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn weekdays_are_names_and_ranges() {
        let read = |text: &str| {
            let days = weekdays(text.split(','))?;
            let days = days.map(|is| if is { 'x' } else { '.' });
            Some(days.iter().collect::<String>())
        };
        for (text, days) in [
            ("mon-fri", "xxxxx.."),
            ("Sat, Sunday", ".....xx"),
            ("sat-mon", "x....xx"),
            ("wed", "..x...."),
        ] {
            assert_eq!(read(text).as_deref(), Some(days), "{text}");
        }
        for wrong in ["", "mo", "mon-", "mond", "holiday", "mon-fri-sun"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn seasons_begin_and_end_on_days_that_there_are() {
        assert_eq!(season("10-01 to 03-31"), Some(((10, 1), (3, 31))));
        assert_eq!(season("02-29 to 02-29"), Some(((2, 29), (2, 29))));
        for wrong in [
            "",
            "10-01",
            "10-01-03-31",
            "02-30 to 03-01",
            "1-1 to 2-2",
            "13-01 to 01-01",
        ] {
            assert_eq!(season(wrong), None, "{wrong}");
        }
    }
}
