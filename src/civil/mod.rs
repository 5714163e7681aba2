//! Times as people and programs write and read them, and the time zone of those that do not say theirs. Pure, but
//! for [`Zone::system`].

mod shown;

use std::sync::OnceLock;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ZonedDateTime};

use crate::model::{NS_PER_S, S_PER_DAY, WallNs};

pub use shown::{ago, local, span, to_the_minute};

/// The zone of times that are written without an offset; or why it is not known. Nothing is taken as UTC
/// because the zone is not known.
#[derive(Debug, Clone)]
pub struct Zone(Result<TimeZone, String>);

/// The zone that the configuration names, once it is known.
static CONFIGURED: OnceLock<TimeZone> = OnceLock::new();

/// From here on times are shown in this zone, the one of the configuration, and not in the system's.
pub fn show_in(zone: TimeZone) {
    // It is told once; all files of a process say the same.
    let _ = CONFIGURED.set(zone);
}

impl Zone {
    /// The one in which times are shown: of the configuration where it names one, else the system's.
    pub fn shown() -> Zone {
        CONFIGURED
            .get()
            .cloned()
            .map_or_else(Zone::system, Zone::of)
    }

    /// Whether it is that of the configuration.
    pub fn is_configured(&self) -> bool {
        CONFIGURED
            .get()
            .is_some_and(|zone| self.0.as_ref() == Ok(zone))
    }

    /// As `TZ` or the system say it.
    pub fn system() -> Zone {
        Zone(TimeZone::try_system().map_err(|failed| {
            let failed = failed.to_string();
            let why = failed.lines().next().unwrap_or_default();
            match std::env::var("TZ") {
                Ok(name) => format!("TZ={name} names no time zone that is known here"),
                Err(_) => format!("the system does not tell its time zone (/etc/localtime): {why}"),
            }
        }))
    }

    /// A zone that is known.
    pub fn of(zone: TimeZone) -> Zone {
        Zone(Ok(zone))
    }

    /// The zone.
    ///
    /// # Errors
    /// A sentence about why it is not known, with the remedy.
    pub fn known(&self) -> Result<&TimeZone, String> {
        self.0.as_ref().map_err(|why| {
            format!(
                "{why}: write the time with its offset (2026-06-21T12:00:00+02:00, or Z for UTC), or set TZ, \
                 such as TZ=Europe/Berlin (package tzdata)"
            )
        })
    }

    /// The instant of a local time.
    ///
    /// # Errors
    /// A sentence, also where the clock showed the time twice or never.
    pub fn instant(&self, civil: DateTime) -> Result<Timestamp, String> {
        let zone = self
            .known()
            .map_err(|why| format!("{civil} has no offset, and {why}"))?;
        let ambiguous = zone.to_ambiguous_zoned_datetime(civil);
        let offset = ambiguous.offset();
        let instant = ambiguous.unambiguous().map(|zoned| zoned.timestamp());
        instant.map_err(|_| match offset {
            AmbiguousOffset::Fold { .. } => {
                format!("{civil} came twice that day: write it with its offset, such as +01:00")
            }
            AmbiguousOffset::Gap { .. } => {
                format!("{civil} never came: the clock was set forward over it")
            }
            AmbiguousOffset::Unambiguous { .. } => format!("{civil} is too far away"),
        })
    }
}

/// A time as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrittenTime {
    /// With its offset: this instant.
    At(WallNs),
    /// Local time.
    Local(DateTime),
}

impl WrittenTime {
    /// Reads it, as [`parse`] does.
    ///
    /// # Errors
    /// A sentence about what is not understood.
    pub fn read(text: &str) -> Result<WrittenTime, String> {
        let with_offset = text
            .parse::<Timestamp>()
            .or_else(|_| text.parse::<ZonedDateTime>().map(|zoned| zoned.timestamp()));
        match with_offset {
            Ok(instant) => kept(instant, text).map(WrittenTime::At),
            Err(_) => civil(text).map(WrittenTime::Local),
        }
    }

    /// The instant, of local time that of `zone`.
    ///
    /// # Errors
    /// A sentence, also where the clock showed the time twice or never.
    pub fn instant(self, zone: &Zone) -> Result<WallNs, String> {
        match self {
            WrittenTime::At(at_ns) => Ok(at_ns),
            WrittenTime::Local(civil) => kept(zone.instant(civil)?, &civil.to_string()),
        }
    }
}

fn kept(instant: Timestamp, text: &str) -> Result<WallNs, String> {
    nanoseconds(instant)
        .ok_or_else(|| format!("{text} is too far away: years 1678 to 2261 can be kept"))
}

/// Reads an instant: with an offset, or local time of `zone`; `2026-06-21T12:00:00Z`, `2026-06-21 12:00`,
/// `2026-06-21`, `21.06.2026 12:00`.
///
/// # Errors
/// A sentence about what is not understood.
pub fn parse(text: &str, zone: &Zone) -> Result<WallNs, String> {
    let instant = WrittenTime::read(text)?.instant(zone);
    instant.map_err(|why| why.replacen('T', " ", usize::from(!text.contains('T'))))
}

/// The instant in nanoseconds since 1970, if it can be kept.
pub fn nanoseconds(instant: Timestamp) -> Option<WallNs> {
    i64::try_from(instant.as_nanosecond()).ok().map(WallNs)
}

/// A date and time without an offset.
fn civil(text: &str) -> Result<DateTime, String> {
    if let Ok(civil) = text.parse::<DateTime>() {
        return Ok(civil);
    }
    let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, "00:00"));
    let Some(date) = day_first(date) else {
        return Err(match text.split('/').count() {
            3 => format!(
                "\"{text}\" may be the day or the month first: write 2026-06-21 for the 21st of June"
            ),
            _ => format!("\"{text}\" is not a time"),
        });
    };
    let time: Time = time
        .trim()
        .parse()
        .map_err(|_| format!("\"{text}\" is not a time"))?;
    Ok(date.to_datetime(time))
}

/// A date as `21.06.2026`: with points the day is always first.
fn day_first(text: &str) -> Option<Date> {
    let mut parts = text.split('.');
    let mut next = |digits: std::ops::RangeInclusive<usize>| {
        let part = parts.next()?;
        let is_number = digits.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<i16>().ok().filter(|_| is_number)
    };
    let (day, month, year) = (next(1..=2)?, next(1..=2)?, next(4..=4)?);
    let is_all = parts.next().is_none();
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    Date::new(year, month, day).ok().filter(|_| is_all)
}

/// Reads a number of seconds, milliseconds, microseconds or nanoseconds since 1970, which of them is told by
/// its size; with a fraction. None: it is no number.
///
/// # Errors
/// A sentence about a number that cannot be an instant.
pub fn since_1970(text: &str) -> Option<Result<WallNs, String>> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let bare = whole.strip_prefix('-').unwrap_or(whole);
    if bare.is_empty() || !digits(bare) || !digits(fraction) || text.ends_with('.') {
        let is_power = text.parse::<f64>().is_ok_and(f64::is_finite);
        return is_power.then(|| {
            Err(format!(
                "{text} is rounded, as a spreadsheet shows large numbers: export the column as text or whole \
                 numbers"
            ))
        });
    }
    let far = || format!("{text} is too far away");
    let scaled = whole.parse::<i64>().ok().and_then(|number| {
        let scale = scale_ns(number);
        // Of the fraction what is at least a nanosecond.
        let places = usize::try_from(scale.ilog10()).unwrap_or(0);
        let padded = format!("{:0<places$.places$}", fraction);
        let part: i64 = padded.parse().unwrap_or(0);
        let part = if whole.starts_with('-') { -part } else { part };
        number.checked_mul(scale)?.checked_add(part)
    });
    Some(scaled.map(WallNs).ok_or_else(far))
}

/// Nanoseconds of the unit in which this number tells a time of our days since 1970.
pub fn scale_ns(number: i64) -> i64 {
    match number.unsigned_abs() {
        0..100_000_000_000 => NS_PER_S,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        _ => 1,
    }
}

/// The UTC day of a stamp, in days since 1970. Groups of shards are a day long or some days long, so that what
/// is said of a day's points is said of one shard; shorter ones there are only below two days of retention.
pub fn day_of(wall_ns: WallNs) -> i64 {
    wall_ns.s().div_euclid(S_PER_DAY)
}

/// Days since 1970 as dates, in order.
pub fn dates(days: impl ExactSizeIterator<Item = i64> + DoubleEndedIterator) -> String {
    let date = |day: i64| {
        let time = Timestamp::from_second(day * S_PER_DAY).ok();
        time.map_or_else(String::new, |time| time.strftime("%Y-%m-%d").to_string())
    };
    let number = days.len();
    let mut days = days;
    match (days.next().map(date), days.next_back().map(date)) {
        (Some(first), Some(last)) => format!("{number} days from {first} to {last}"),
        (Some(only), None) => only,
        (None, _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn berlin() -> Zone {
        Zone::of(TimeZone::get("Europe/Berlin").unwrap())
    }

    #[test]
    fn times_as_people_write_them() {
        for (text, wall_s) in [
            ("2026-01-01T12:00:00Z", 1_767_268_800),
            ("2026-01-01T13:00:00+01:00", 1_767_268_800),
            ("2026-01-01 13:00:00", 1_767_268_800),
            ("2026-01-01 13:00", 1_767_268_800),
            ("1.1.2026 13:00", 1_767_268_800),
            ("01.01.2026 13:00:00", 1_767_268_800),
            ("21.06.2026", 1_781_992_800),
            ("2026-06-21", 1_781_992_800),
            // Both sides of both changes.
            ("2026-03-29 01:59:59", 1_774_745_999),
            ("2026-03-29 03:00:00", 1_774_746_000),
            ("2026-10-25 01:59:59", 1_792_886_399),
            ("2026-10-25 02:30:00+02:00", 1_792_888_200),
            ("2026-10-25 02:30:00+01:00", 1_792_891_800),
            ("25.10.2026 03:00:00", 1_792_893_600),
        ] {
            assert_eq!(parse(text, &berlin()), Ok(WallNs::of_s(wall_s)), "{text}");
        }
        for (text, why) in [
            ("2026-03-29 02:30:00", "2026-03-29 02:30:00 never came"),
            ("2026-10-25 02:30:00", "2026-10-25 02:30:00 came twice"),
            ("25.10.2026 02:30", "came twice"),
            ("01/02/2026 12:00", "day or the month"),
            ("31.02.2026", "not a time"),
            ("1.2.26", "not a time"),
            ("yesterday-ish", "not a time"),
            ("9999-12-30T00:00:00Z", "too far"),
            ("", "not a time"),
        ] {
            let said = parse(text, &berlin()).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
    }

    #[test]
    fn a_zone_that_is_not_known_is_not_utc() {
        let unknown = Zone(Err("TZ=Europe/Berlim names no time zone".to_owned()));
        assert_eq!(
            parse("2026-01-01T12:00:00Z", &unknown),
            Ok(WallNs::of_s(1_767_268_800))
        );
        for text in ["2026-01-01 12:00:00", "2026-01-01", "1.1.2026"] {
            let said = parse(text, &unknown).unwrap_err();
            assert!(said.contains("Berlim") && said.contains("offset"), "{said}");
        }
    }

    #[test]
    fn numbers_since_1970() {
        for (text, wall_ns) in [
            ("1767268800", 1_767_268_800_000_000_000),
            ("1767268800.5", 1_767_268_800_500_000_000),
            ("1767268800.123456789", 1_767_268_800_123_456_789),
            ("1767268800.1234567899", 1_767_268_800_123_456_789),
            ("1767268800123.25", 1_767_268_800_123_250_000),
            ("1767268800123456.7", 1_767_268_800_123_456_700),
            ("1767268800123456789", 1_767_268_800_123_456_789),
            ("-0.5", -500_000_000),
            ("-1", -NS_PER_S),
        ] {
            assert_eq!(since_1970(text), Some(Ok(WallNs(wall_ns))), "{text}");
        }
        for text in [
            "",
            "-",
            "12:00",
            "1.2.3",
            "2026-01-01",
            "1767268800.",
            "x",
            "1_0",
        ] {
            assert!(since_1970(text).is_none_or(|read| read.is_err()), "{text}");
        }
        assert!(
            since_1970("1.7672688E+09")
                .unwrap()
                .unwrap_err()
                .contains("spreadsheet")
        );
        assert!(since_1970("9223372036854775808").unwrap().is_err());
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in ".*", number in "-?[0-9]{0,25}[.]?[0-9]{0,25}") {
            let _ = parse(&text, &berlin());
            let _ = (since_1970(&text), since_1970(&number));
        }
    }
}
