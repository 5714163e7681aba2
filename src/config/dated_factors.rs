//! `imp_per_kwh_since`, `pulses_per_unit_since`: other factors of a meter, each from a date on.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;

use super::given::Given;
use super::section::Section;
use crate::energy::factors::Factor;
use crate::energy::periods::Calendar;
use crate::model::{PulseWorth, Quantity};

/// The factors that `imp_per_kwh` and `pulses_per_unit` take.
pub(super) const FACTORS: std::ops::RangeInclusive<f64> = 0.001..=1_000_000.0;

/// From when on something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Since {
    /// From the begin of a local day.
    Date(Date),
    /// From an instant.
    Instant(Timestamp),
}

impl Since {
    /// In seconds since 1970.
    fn as_second(self, calendar: &Calendar) -> i64 {
        match self {
            Since::Date(date) => calendar.day_start_s(date),
            Since::Instant(instant) => instant.as_second(),
        }
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Since::Date(date) => date.fmt(f),
            Since::Instant(instant) => instant.fmt(f),
        }
    }
}

/// So many pulses are one unit of what the meter counts from then on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DatedFactor {
    /// From when on.
    pub since: Since,
    /// Pulses for one unit.
    pub pulses_per_unit: f64,
}

impl DatedFactor {
    /// The same of a meter that counts in `unit`, where days are those of `calendar`.
    pub fn factor(&self, unit: Quantity, calendar: &Calendar) -> Factor {
        Factor {
            from_s: self.since.as_second(calendar),
            worth: PulseWorth::new(unit, self.pulses_per_unit),
        }
    }
}

impl fmt::Display for DatedFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.since, self.pulses_per_unit)
    }
}

/// Reads the list. The last of it has to be the factor that holds now, which `key` gives.
pub(super) fn checked(
    s: &mut Section<'_>,
    given: Option<&Given>,
    (key, present): (&str, Option<f64>),
) -> Vec<DatedFactor> {
    let Some(given) = given else {
        return Vec::new();
    };
    let mut found: Vec<DatedFactor> = Vec::new();
    for item in given.items() {
        let Some(factor) = parse(item) else {
            let message = format!("\"{item}\" is no date and factor, such as \"2026-05-01 1000\"");
            s.complain(given, message);
            return Vec::new();
        };
        let is_later = |last: &DatedFactor| order(last.since) < order(factor.since);
        if !found.last().is_none_or(is_later) {
            s.complain(
                given,
                format!("\"{item}\" is not later than the one before"),
            );
            return Vec::new();
        }
        found.push(factor);
    }
    if let Some(last) = found.last() {
        let is_present = present.is_some_and(|now| (now - last.pulses_per_unit).abs() < 1e-9);
        if !is_present {
            let message = format!(
                "the last of them is what {key} has to be: {}",
                last.pulses_per_unit
            );
            s.complain(given, message);
        }
    }
    found
}

/// To the day, by which dates and instants are compared.
fn order(since: Since) -> Timestamp {
    let utc = |date: Date| date.to_zoned_datetime(jiff::tz::TimeZone::UTC);
    match since {
        Since::Date(date) => utc(date).map_or(Timestamp::MIN, |begin| begin.timestamp()),
        Since::Instant(instant) => instant,
    }
}

fn parse(item: &str) -> Option<DatedFactor> {
    let (since, factor) = item.trim().rsplit_once(' ')?;
    let pulses_per_unit = factor.parse().ok().filter(|imp| FACTORS.contains(imp))?;
    let since = since.trim();
    let is_date = since.len() == 10;
    let date = since.parse().ok().filter(|_| is_date).map(Since::Date);
    let instant = || since.parse().ok().map(Since::Instant);
    Some(DatedFactor {
        since: date.or_else(instant)?,
        pulses_per_unit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_instants_are_read() {
        let read = |item| parse(item).map(|factor| factor.to_string());
        for item in ["2026-05-01 1000", "2026-05-01T10:00:00Z 0.5"] {
            assert_eq!(read(item).as_deref(), Some(item));
        }
        let local = read("2026-05-01T12:00:00+02:00 800");
        assert_eq!(local.as_deref(), Some("2026-05-01T10:00:00Z 800"));
        for wrong in [
            "",
            "1000",
            "2026-05-01",
            "2026-05-01 0",
            "2026-13-01 9",
            "May 9",
            "2026-05-01 NaN",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
