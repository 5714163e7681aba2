//! Periods as people write them: `2026-10`, `2026-W43`, `last-month`. Pure.

use std::str::FromStr;

use jiff::civil::{Date, ISOWeekDate, Weekday};

use crate::energy::periods::{Period, PeriodUnit, YEARS};

/// A period as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeriodWord {
    /// On the calendar.
    At(Period),
    /// That of today.
    This(PeriodUnit),
    /// The one before.
    Last(PeriodUnit),
}

impl PeriodWord {
    /// What is reported unless something else is said.
    pub(super) const THIS_MONTH: PeriodWord = PeriodWord::This(PeriodUnit::Month);

    /// The period, if it is `today`.
    pub(super) fn resolve(self, today: Date) -> Period {
        match self {
            PeriodWord::At(period) => period,
            PeriodWord::This(unit) => Period::containing(unit, today),
            PeriodWord::Last(unit) => Period::containing(unit, today).previous(),
        }
    }
}

impl FromStr for PeriodWord {
    type Err = String;

    fn from_str(text: &str) -> Result<PeriodWord, String> {
        let word = text.trim().to_ascii_lowercase().replace([' ', '_'], "-");
        let unit = |prefix: &str| PeriodUnit::from_word(word.strip_prefix(prefix)?);
        match word.as_str() {
            "today" => return Ok(PeriodWord::This(PeriodUnit::Day)),
            "yesterday" => return Ok(PeriodWord::Last(PeriodUnit::Day)),
            _ => {}
        }
        if let Some(unit) = unit("this-") {
            return Ok(PeriodWord::This(unit));
        }
        if let Some(unit) = unit("last-") {
            return Ok(PeriodWord::Last(unit));
        }
        let period = on_calendar(&word).map(PeriodWord::At);
        period.ok_or_else(|| {
            format!("`{text}` is no period; try 2026-10, 2026-W43, 2026, 2026-10-25, this-month or last-month")
        })
    }
}

fn on_calendar(word: &str) -> Option<Period> {
    let is_number =
        |text: &str, digits| text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = word.split('-').collect();
    let year = parts.first().filter(|year| is_number(year, 4))?;
    let year: i16 = year.parse().ok().filter(|year| YEARS.contains(year))?;
    let (unit, date) = match parts[1..] {
        [] => (PeriodUnit::Year, Date::new(year, 1, 1)),
        [week] if week.starts_with('w') => {
            let week = week.strip_prefix('w').filter(|week| is_number(week, 2))?;
            let first = ISOWeekDate::new(year, week.parse().ok()?, Weekday::Monday);
            (PeriodUnit::Week, first.map(ISOWeekDate::date))
        }
        [month] if is_number(month, 2) => {
            (PeriodUnit::Month, Date::new(year, month.parse().ok()?, 1))
        }
        [month, day] if is_number(month, 2) && is_number(day, 2) => {
            let date = Date::new(year, month.parse().ok()?, day.parse().ok()?);
            (PeriodUnit::Day, date)
        }
        _ => return None,
    };
    Some(Period::containing(unit, date.ok()?))
}

/// A local day, such as 2026-01-15.
///
/// # Errors
/// A sentence for the person who wrote it.
pub(super) fn date(text: &str) -> Result<Date, String> {
    let period = on_calendar(text.trim()).filter(|period| period.unit() == PeriodUnit::Day);
    let date = period.map(Period::first);
    date.ok_or_else(|| format!("`{text}` is no date, such as 2026-01-15"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_those_of_the_calendar_or_of_today() {
        let today = jiff::civil::date(2026, 1, 1);
        let of = |text: &str| {
            text.parse::<PeriodWord>()
                .map(|word| word.resolve(today).to_string())
        };
        for (text, period) in [
            ("2026-10", "2026-10"),
            ("2026", "2026"),
            ("2026-W43", "2026-W43"),
            ("2026-10-25", "2026-10-25"),
            ("today", "2026-01-01"),
            ("yesterday", "2025-12-31"),
            ("this-month", "2026-01"),
            ("Last Month", "2025-12"),
            ("last-week", "2025-W52"),
            ("last_year", "2025"),
        ] {
            assert_eq!(of(text).as_deref(), Ok(period), "{text}");
        }
        for wrong in [
            "",
            "2026-13",
            "2026-W54",
            "26-10",
            "2026-02-30",
            "next-month",
            "10",
            "1969",
            "2200",
            "8585-09-03",
        ] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        assert_eq!(date("2026-02-28"), Ok(jiff::civil::date(2026, 2, 28)));
        assert!(date("2026-02").is_err() && date("2300-01-01").is_err());
    }
}
