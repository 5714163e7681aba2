//! Times and spans as people write them.

use std::str::FromStr;

use jiff::{SignedDuration, Span, Timestamp, ToSpan};

use crate::civil::{self, WrittenTime, Zone};
pub(super) use crate::civil::{ago, local, span, to_the_minute};
use crate::clock::{Clock, SystemClock};
use crate::model::WallNs;

/// A point in time, given absolutely or back from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// At this instant.
    At(WallNs),
    /// Local time of the system, that of `at_ns`; where the configuration names a zone it is one of that.
    Local {
        /// As it is written.
        written: WrittenTime,
        /// In the system's zone.
        at_ns: WallNs,
    },
    /// When the local day began that was so many days before today.
    Day {
        /// How many.
        days_ago: i64,
    },
    /// So many nanoseconds from now; negative: ago.
    FromNow(i64),
}

impl Moment {
    /// The instant, if it is `now_ns`.
    ///
    /// # Errors
    /// When the configured zone never had that time, or had it twice.
    pub fn resolve(self, now_ns: WallNs) -> anyhow::Result<WallNs> {
        let zone = Zone::shown();
        let instant = match self {
            Moment::At(at) => Ok(at),
            Moment::FromNow(ns) => Ok(now_ns.saturating_add(ns)),
            Moment::Day { days_ago } => day(days_ago, &zone, now_ns),
            Moment::Local { at_ns, .. } if !zone.is_configured() => Ok(at_ns),
            Moment::Local { written, .. } => written.instant(&zone),
        };
        instant.map_err(anyhow::Error::msg)
    }
}

impl FromStr for Moment {
    type Err = String;

    /// `2026-06-21T12:00:00Z`, `2026-06-21 12:00`, `21.06.2026 12:00` or `2026-06-21` in local time, `now`,
    /// `today`, `yesterday`, `-36h`, `2 hours ago`.
    fn from_str(text: &str) -> Result<Moment, String> {
        let moment = parse(text, &Zone::system())?;
        if let Moment::Day { days_ago } = moment {
            // A zone that is not known is told before anything is done.
            day(days_ago, &Zone::system(), SystemClock.wall_ns())?;
        }
        Ok(moment)
    }
}

/// Reads a moment; what has no offset must be one in `zone`.
fn parse(text: &str, zone: &Zone) -> Result<Moment, String> {
    let text = text.trim();
    match text.to_ascii_lowercase().as_str() {
        "now" => return Ok(Moment::FromNow(0)),
        "today" => return Ok(Moment::Day { days_ago: 0 }),
        "yesterday" => return Ok(Moment::Day { days_ago: 1 }),
        _ => {}
    }
    let ago = text.strip_prefix('-').or_else(|| text.strip_suffix(" ago"));
    if let Some(ago) = ago {
        return Ok(Moment::FromNow(-parse_span_ns(ago.trim())?));
    }
    let hint = |why: String| match why.strip_suffix("is not a time") {
        Some(_) => format!("{why}; try 2026-06-21T12:00:00Z, 2026-06-21, today, now or -36h"),
        None => why,
    };
    let at_ns = civil::parse(text, zone).map_err(hint)?;
    Ok(match WrittenTime::read(text)? {
        WrittenTime::At(at_ns) => Moment::At(at_ns),
        written @ WrittenTime::Local(_) => Moment::Local { written, at_ns },
    })
}

/// When the day began that was so many days before today.
fn day(days_ago: i64, zone: &Zone, now_ns: WallNs) -> Result<WallNs, String> {
    let known = zone
        .known()
        .map_err(|why| format!("when a day begins is not known: {why}"))?;
    let begin = || {
        let now = Timestamp::from_nanosecond(i128::from(now_ns.0)).ok()?;
        let date = now.to_zoned_datetime(known.clone()).date();
        let date = date.checked_sub(days_ago.days()).ok()?;
        civil::nanoseconds(date.to_zoned_datetime(known.clone()).ok()?.timestamp())
    };
    begin().ok_or_else(|| "the clock is too far away".to_owned())
}

/// A span such as `24h`, `7 days`, `90m`; days have 24 hours.
///
/// # Errors
/// A sentence for the person who wrote it.
pub fn parse_span_ns(text: &str) -> Result<i64, String> {
    let failed = || format!("`{text}` is not a span of time; try 24h, 90m or `7 days`");
    let span = text.parse::<Span>().map_err(|_| failed())?;
    let duration = span
        .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .ok()
        .filter(|duration| *duration > SignedDuration::ZERO)
        .ok_or_else(failed)?;
    i64::try_from(duration.as_nanos()).map_err(|_| failed())
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::model::NS_PER_S;

    fn berlin() -> Zone {
        Zone::of(TimeZone::get("Europe/Berlin").unwrap())
    }

    #[test]
    fn moments_as_people_write_them() {
        // 2026-03-29T22:30:00Z: the 30th, after a day of 23 hours.
        let now_ns = WallNs::of_s(1_774_823_400);
        let at = |text: &str| match parse(text, &berlin())? {
            Moment::At(at_ns) | Moment::Local { at_ns, .. } => Ok(at_ns),
            Moment::FromNow(ns) => Ok(now_ns + ns),
            Moment::Day { days_ago } => day(days_ago, &berlin(), now_ns),
        };
        assert_eq!(at("1970-01-01T00:00:01Z"), Ok(WallNs::of_s(1)));
        assert_eq!(at("1970-01-01T01:00:01+01:00"), Ok(WallNs::of_s(1)));
        assert_eq!(at("now"), Ok(now_ns));
        assert_eq!(at("-1 day"), Ok(now_ns - 86_400 * NS_PER_S));
        assert_eq!(at("-36h"), Ok(now_ns - 36 * 3_600 * NS_PER_S));
        assert_eq!(at("2026-06-21"), Ok(WallNs::of_s(1_781_992_800)));
        assert_eq!(at("21.06.2026 00:00"), at("2026-06-21"));
        assert_eq!(at("2 hours ago"), Ok(now_ns - 7_200 * NS_PER_S));
        assert_eq!(at("today"), Ok(WallNs::of_s(1_774_821_600)));
        assert_eq!(
            at("Yesterday"),
            Ok(WallNs::of_s(1_774_821_600 - 23 * 3_600))
        );
        assert!(at("yesterday-ish").unwrap_err().contains("try"));
        assert!(at("9999-01-01").is_err());
    }

    #[test]
    fn spans_as_people_write_them() {
        assert_eq!(parse_span_ns("24h"), Ok(86_400 * NS_PER_S));
        assert_eq!(parse_span_ns("7 days"), Ok(7 * 86_400 * NS_PER_S));
        assert!(parse_span_ns("0s").is_err());
        assert!(parse_span_ns("soon").is_err());
    }
}
