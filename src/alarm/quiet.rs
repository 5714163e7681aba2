//! Hours in which nobody is woken, by the clock on the wall of the place. Pure.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::QuietHours;
use crate::model::WallNs;

/// Whether it is quiet: by what the clock shows, so that an hour which comes twice, or not at all, is quiet as it is
/// written. A time that no clock shows is not.
pub fn is_quiet(hours: QuietHours, zone: &TimeZone, at_ns: WallNs) -> bool {
    let Ok(at) = Timestamp::from_second(at_ns.s()) else {
        return false;
    };
    let shown = zone.to_datetime(at).time();
    if hours.from <= hours.to {
        hours.from <= shown && shown < hours.to
    } else {
        hours.from <= shown || shown < hours.to
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Time, date};
    use jiff::tz::{Offset, TimeZone};

    use super::*;

    fn hours(from: (i8, i8), to: (i8, i8)) -> QuietHours {
        let at = |(hour, minute)| Time::new(hour, minute, 0, 0).unwrap();
        QuietHours {
            from: at(from),
            to: at(to),
        }
    }

    /// Central Europe's rules, without the machine's list of zones.
    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    /// How many minutes of the 24 hours from an instant are quiet.
    fn quiet_minutes(hours: QuietHours, zone: &TimeZone, from_s: i64, minutes: i64) -> usize {
        let is_quiet = |minute: &i64| is_quiet(hours, zone, WallNs::of_s(from_s + minute * 60));
        (0..minutes).filter(is_quiet).count()
    }

    #[test]
    fn hours_may_go_over_midnight_and_the_end_is_no_longer_quiet() {
        let zone = TimeZone::fixed(Offset::UTC);
        let at = |s: i64| WallNs::of_s(s);
        let night = hours((22, 0), (7, 0));
        for (hour, minute, quiet) in [
            (21, 59, false),
            (22, 0, true),
            (0, 0, true),
            (6, 59, true),
            (7, 0, false),
            (12, 0, false),
        ] {
            let s = hour * 3_600 + minute * 60;
            assert_eq!(is_quiet(night, &zone, at(s)), quiet, "{hour}:{minute}");
        }
        let noon = hours((12, 0), (14, 30));
        assert_eq!(quiet_minutes(noon, &zone, 0, 1_440), 150);
    }

    #[test]
    fn the_night_is_an_hour_shorter_in_spring_and_longer_in_autumn() {
        let (zone, night) = (berlin(), hours((22, 0), (7, 0)));
        let evening = |month, day| {
            let evening = date(2026, month, day).at(12, 0, 0, 0);
            let noon = zone.to_timestamp(evening).unwrap();
            noon.as_second()
        };
        let minutes = |month, day| quiet_minutes(night, &zone, evening(month, day), 20 * 60);
        assert_eq!(minutes(6, 20), 540);
        assert_eq!(minutes(3, 28), 480);
        assert_eq!(minutes(10, 24), 600);
        // The hour that is left out, and the one that comes twice.
        let hour = hours((2, 0), (3, 0));
        let minutes = |month, day| quiet_minutes(hour, &zone, evening(month, day), 20 * 60);
        assert_eq!((minutes(3, 28), minutes(10, 24)), (0, 120));
        // An end that the clock never shows: it is over when the clock is beyond it.
        let odd = hours((1, 0), (2, 30));
        assert_eq!(quiet_minutes(odd, &zone, evening(3, 28), 20 * 60), 60);
    }
}
