//! What a question about energy asks for: the unit of the period, its date, what it is compared with. Pure.

use jiff::civil::Date;

use crate::energy::periods::{Calendar, Period, PeriodUnit, YEARS};
use crate::web::problem::{Problem, WRONG_PARAMETER};
use crate::web::query::Query;

/// What is asked for; None: all years.
pub(super) fn unit(word: Option<&str>) -> Result<Option<PeriodUnit>, Problem> {
    match word.unwrap_or("day") {
        "total" => Ok(None),
        word => PeriodUnit::from_word(word).map(Some).ok_or_else(|| {
            let detail = format!("\"{word}\" is none of day, week, month, year, total");
            Problem::of_parameter(WRONG_PARAMETER, "period", detail)
        }),
    }
}

/// The date that was asked for, else `today`.
pub(super) fn date(query: &Query, unit: Option<PeriodUnit>, today: Date) -> Result<Date, Problem> {
    let wrong = |detail: String| Problem::of_parameter(WRONG_PARAMETER, "date", detail);
    let Some(text) = query.get("date") else {
        return Ok(today);
    };
    if unit.is_none() {
        return Err(wrong("all years have no date".to_owned()));
    }
    let is_plain = text.len() == 10
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-');
    let date = text
        .parse::<Date>()
        .ok()
        .filter(|date| is_plain && YEARS.contains(&date.year()));
    date.ok_or_else(|| wrong(format!("\"{text}\" is no date such as 2026-10-25")))
}

/// The period that is compared with.
pub(super) fn compared(
    query: &Query,
    calendar: &Calendar,
    unit: Option<PeriodUnit>,
    date: Date,
) -> Result<Option<Period>, Problem> {
    let Some(word) = query.get("compare") else {
        return Ok(None);
    };
    let wrong = |detail: String| Problem::of_parameter(WRONG_PARAMETER, "compare", detail);
    let Some(unit) = unit else {
        return Err(wrong("all years are compared with nothing".to_owned()));
    };
    let period = Period::containing(unit, date);
    match word {
        "previous" => Ok(Some(calendar.previous(period))),
        "year" => Ok(period.year_before()),
        "week" if unit == PeriodUnit::Day => {
            let before = Period::containing(PeriodUnit::Week, date).previous();
            let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
            Ok(before.split(PeriodUnit::Day).nth(weekday))
        }
        "week" => Err(wrong("\"week\" compares days".to_owned())),
        word => Err(wrong(format!("\"{word}\" is none of previous, week, year"))),
    }
}
