//! Instants and durations as people read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Zone;
use crate::model::{NS_PER_S, WallNs};

/// An instant for people: local time, to the second; where the time zone is not known, UTC, and said so.
pub fn local(wall_ns: WallNs) -> String {
    shown(wall_ns, "%Y-%m-%d %H:%M:%S")
}

/// The same, to the minute.
pub fn to_the_minute(wall_ns: WallNs) -> String {
    shown(wall_ns, "%Y-%m-%d %H:%M")
}

fn shown(wall_ns: WallNs, form: &str) -> String {
    let Ok(timestamp) = Timestamp::from_nanosecond(i128::from(wall_ns.0)) else {
        return format!("{wall_ns} ns");
    };
    let zone = Zone::shown();
    let (zone, suffix) = match zone.known() {
        Ok(zone) => (zone.clone(), ""),
        Err(_) => (TimeZone::UTC, " UTC"),
    };
    let zoned = timestamp.to_zoned_datetime(zone);
    format!("{}{suffix}", zoned.strftime(form))
}

/// A duration for people: its largest unit, and the next smaller one if there is any of it.
pub fn span(ns: i64) -> String {
    let seconds = ns.max(0) / NS_PER_S;
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let largest = units.iter().position(|(_, size)| seconds >= *size);
    let largest = largest.unwrap_or(units.len() - 1);
    let (name, size) = units[largest];
    let whole = format!("{} {name}", seconds / size);
    match units.get(largest + 1) {
        Some((name, next)) if seconds % size >= *next => {
            format!("{whole} {} {name}", seconds % size / next)
        }
        _ => whole,
    }
}

/// How long ago an instant was; a clock that is behind it is said so.
pub fn ago(wall_ns: WallNs, now_ns: WallNs) -> String {
    match now_ns.saturating_since(wall_ns) {
        ns if ns >= 0 => format!("{} ago", span(ns)),
        ns if ns > -NS_PER_S => "now".to_owned(),
        ns => format!("{} ahead of this machine's clock", span(-ns)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_as_people_read_them() {
        assert_eq!(span(0), "0 s");
        assert_eq!(span(90 * NS_PER_S), "1 min 30 s");
        assert_eq!(span(90_061 * NS_PER_S), "1 d 1 h");
        assert_eq!(
            span((6 * 3_600 + 47) * NS_PER_S),
            "6 h",
            "no seconds beside hours"
        );
        assert_eq!(span((86_400 + 59) * NS_PER_S), "1 d");
        let (epoch, minute) = (WallNs(0), WallNs::of_s(61));
        assert_eq!(ago(epoch, minute), "1 min 1 s ago");
        assert_eq!(
            ago(minute, epoch),
            "1 min 1 s ahead of this machine's clock"
        );
        assert_eq!(ago(WallNs(1), epoch), "now");
        assert_eq!(ago(epoch, epoch), "0 s ago");
    }
}
