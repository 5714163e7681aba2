//! Times and spans as people write them.

use std::str::FromStr;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, ZonedDateTime};

use crate::pulse::WallNs;

/// A point in time, given absolutely or back from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// At this instant.
    At(WallNs),
    /// So many nanoseconds from now; negative: ago.
    FromNow(i64),
}

impl Moment {
    /// The instant, if it is `now_ns`.
    pub fn resolve(self, now_ns: WallNs) -> WallNs {
        match self {
            Moment::At(at) => at,
            Moment::FromNow(ns) => now_ns + ns,
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    /// `2026-06-21T12:00:00Z`, `2026-06-21 12:00` or `2026-06-21` in local time, `now`, `-36h`,
    /// `-1 day`.
    fn from_str(text: &str) -> Result<Moment, String> {
        if text == "now" {
            return Ok(Moment::FromNow(0));
        }
        if let Some(ago) = text.strip_prefix('-') {
            return Ok(Moment::FromNow(-parse_span_ns(ago)?));
        }
        let local = |civil: DateTime| {
            civil
                .to_zoned_datetime(TimeZone::system())
                .map(|z| z.timestamp())
        };
        let timestamp = text
            .parse::<Timestamp>()
            .or_else(|_| text.parse::<ZonedDateTime>().map(|zoned| zoned.timestamp()))
            .or_else(|_| text.parse::<DateTime>().and_then(local))
            .or_else(|_| {
                text.parse::<Date>()
                    .and_then(|date| local(date.at(0, 0, 0, 0)))
            })
            .map_err(|_| {
                format!("`{text}` is not a time; try 2026-06-21T12:00:00Z, 2026-06-21, now or -36h")
            })?;
        i64::try_from(timestamp.as_nanosecond())
            .map(Moment::At)
            .map_err(|_| format!("`{text}` is too far away: years 1678 to 2261 can be kept"))
    }
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

/// An instant for people: local time, to the second.
pub fn local(wall_ns: WallNs) -> String {
    let Ok(timestamp) = Timestamp::from_nanosecond(i128::from(wall_ns)) else {
        return format!("{wall_ns} ns");
    };
    timestamp
        .to_zoned_datetime(TimeZone::system())
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// A duration for people: its two largest units.
pub fn span(ns: i64) -> String {
    let seconds = ns.max(0) / crate::pulse::NS_PER_S;
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (name, size) in units {
        let count = left / size;
        left %= size;
        if count > 0 {
            parts.push(format!("{count} {name}"));
        }
    }
    parts.truncate(2);
    if parts.is_empty() {
        "0 s".to_owned()
    } else {
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pulse::NS_PER_S;

    #[test]
    fn moments_as_people_write_them() {
        let at = |text: &str| text.parse::<Moment>();
        assert_eq!(at("1970-01-01T00:00:01Z"), Ok(Moment::At(NS_PER_S)));
        assert_eq!(at("1970-01-01T01:00:01+01:00"), Ok(Moment::At(NS_PER_S)));
        assert_eq!(at("now"), Ok(Moment::FromNow(0)));
        assert_eq!(at("-1 day"), Ok(Moment::FromNow(-86_400 * NS_PER_S)));
        assert_eq!(at("-36h").unwrap().resolve(0), -36 * 3_600 * NS_PER_S);
        assert!(matches!(at("2026-06-21"), Ok(Moment::At(_))));
        assert!(at("yesterday-ish").unwrap_err().contains("try"));
        assert!(at("9999-01-01").is_err());
    }

    #[test]
    fn spans_as_people_write_them() {
        assert_eq!(parse_span_ns("24h"), Ok(86_400 * NS_PER_S));
        assert_eq!(parse_span_ns("7 days"), Ok(7 * 86_400 * NS_PER_S));
        assert!(parse_span_ns("0s").is_err());
        assert!(parse_span_ns("soon").is_err());
        assert_eq!(span(0), "0 s");
        assert_eq!(span(90 * NS_PER_S), "1 min 30 s");
        assert_eq!(span(90_061 * NS_PER_S), "1 d 1 h");
    }
}
