//! Local days and periods: hand-calculated boundaries, and what holds in every zone of the system.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::days::LocalDays;
use super::periods::{Calendar, Period, PeriodUnit};
use crate::model::WallNs;

const QUARTER_S: i64 = 900;

fn calendar(zone: &str) -> Calendar {
    Calendar::new(TimeZone::get(zone).unwrap())
}

fn s(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_second()
}

fn day(date: Date) -> Period {
    Period::containing(PeriodUnit::Day, date)
}

/// Its start and its length in minutes.
fn start_and_length(zone: &str, of: Date) -> (i64, i64) {
    let span = calendar(zone).span(day(of));
    (span.start_s, (span.end_s - span.start_s) / 60)
}

#[test]
fn days_begin_and_last_as_the_zone_says() {
    for (zone, of, start, minutes) in [
        (
            "Europe/Berlin",
            date(2026, 3, 29),
            "2026-03-28T23:00:00Z",
            23 * 60,
        ),
        (
            "Europe/Berlin",
            date(2026, 10, 25),
            "2026-10-24T22:00:00Z",
            25 * 60,
        ),
        (
            "Europe/Berlin",
            date(2028, 2, 29),
            "2028-02-28T23:00:00Z",
            24 * 60,
        ),
        (
            "Asia/Kathmandu",
            date(2026, 6, 21),
            "2026-06-20T18:15:00Z",
            24 * 60,
        ),
        (
            "Australia/Lord_Howe",
            date(2026, 4, 5),
            "2026-04-04T13:00:00Z",
            24 * 60 + 30,
        ),
        (
            "Australia/Lord_Howe",
            date(2026, 10, 4),
            "2026-10-03T13:30:00Z",
            23 * 60 + 30,
        ),
        // Midnight is skipped: the day begins at 01:00.
        (
            "Africa/Cairo",
            date(2026, 4, 24),
            "2026-04-23T22:00:00Z",
            23 * 60,
        ),
        // From 23:30 to 00:30: the day begins at 00:30.
        (
            "America/Toronto",
            date(1919, 3, 31),
            "1919-03-31T04:30:00Z",
            23 * 60 + 30,
        ),
        // 2011-12-30 does not exist.
        (
            "Pacific/Apia",
            date(2011, 12, 29),
            "2011-12-29T10:00:00Z",
            24 * 60,
        ),
        (
            "Pacific/Apia",
            date(2011, 12, 30),
            "2011-12-30T10:00:00Z",
            0,
        ),
        (
            "Pacific/Apia",
            date(2011, 12, 31),
            "2011-12-30T10:00:00Z",
            24 * 60,
        ),
        ("UTC", date(2026, 1, 1), "2026-01-01T00:00:00Z", 24 * 60),
    ] {
        assert_eq!(
            start_and_length(zone, of),
            (s(start), minutes),
            "{zone} {of}"
        );
    }
}

#[test]
fn a_date_that_was_left_out_is_no_bar_and_no_day_before() {
    let apia = calendar("Pacific/Apia");
    let december = Period::containing(PeriodUnit::Month, date(2011, 12, 1));
    let days: Vec<_> = apia.spans(december, PeriodUnit::Day).collect();
    assert_eq!(days.len(), 30);
    assert!(days.windows(2).all(|pair| pair[0].end_s == pair[1].start_s));
    let last = day(date(2011, 12, 31));
    assert_eq!(apia.previous(last), day(date(2011, 12, 29)));
    assert_eq!(apia.date_at(s("2011-12-30T09:59:59Z")), date(2011, 12, 29));
    assert_eq!(apia.date_at(s("2011-12-30T10:00:00Z")), date(2011, 12, 31));
    assert_eq!(apia.hours(date(2011, 12, 30)), []);
}

#[test]
fn hours_elapse_and_bear_the_wall_clock() {
    let labels = |zone: &str, of: Date| -> Vec<String> {
        let hours = calendar(zone).hours(of);
        let day = calendar(zone).span(day(of));
        assert_eq!(hours.first().unwrap().start_s, day.start_s);
        assert_eq!(hours.last().unwrap().end_s, day.end_s);
        assert!(
            hours
                .windows(2)
                .all(|pair| pair[0].end_s == pair[1].start_s)
        );
        hours.into_iter().map(|hour| hour.label).collect()
    };
    let spring = labels("Europe/Berlin", date(2026, 3, 29));
    assert_eq!(
        (spring.len(), &spring[..4]),
        (23, &["00", "01", "03", "04"].map(String::from)[..])
    );
    let autumn = labels("Europe/Berlin", date(2026, 10, 25));
    assert_eq!(autumn.len(), 25);
    assert_eq!(autumn[1..5], ["01", "02", "02 (2nd)", "03"]);
    let nepal = labels("Asia/Kathmandu", date(2026, 6, 21));
    assert_eq!(
        (nepal.len(), nepal[0].as_str(), nepal[23].as_str()),
        (24, "00", "23")
    );
    let long = labels("Australia/Lord_Howe", date(2026, 4, 5));
    assert_eq!(long.len(), 25);
    assert_eq!(long[..4], ["00", "01", "01:30", "02:30"]);
    assert_eq!(long[24], "23:30");
    let short = labels("Australia/Lord_Howe", date(2026, 10, 4));
    assert_eq!(
        (short.len(), short[2].as_str(), short[23].as_str()),
        (24, "02:30", "23:30")
    );
    assert_eq!(labels("Africa/Cairo", date(2026, 4, 24))[0], "01");
    // Midnight comes twice: to Havana back from 01:00.
    let havana = labels("America/Havana", date(2026, 11, 1));
    assert_eq!(havana[..3], ["00", "00 (2nd)", "01"]);
}

#[test]
fn periods_are_those_of_the_calendar() {
    let of = |unit, date| Period::containing(unit, date);
    let name = |unit, date| of(unit, date).to_string();
    assert_eq!(name(PeriodUnit::Day, date(2026, 10, 25)), "2026-10-25");
    // ISO 8601: the week of 1 January 2027 is the 53rd of 2026; that of 29 December 2025 the first of 2026.
    assert_eq!(name(PeriodUnit::Week, date(2027, 1, 1)), "2026-W53");
    assert_eq!(name(PeriodUnit::Week, date(2025, 12, 29)), "2026-W01");
    assert_eq!(name(PeriodUnit::Month, date(2026, 2, 28)), "2026-02");
    assert_eq!(name(PeriodUnit::Year, date(2026, 12, 31)), "2026");
    let week = of(PeriodUnit::Week, date(2026, 11, 1));
    assert_eq!(
        (week.first(), week.end()),
        (date(2026, 10, 26), date(2026, 11, 2))
    );
    let february = of(PeriodUnit::Month, date(2028, 2, 5));
    assert_eq!(february.split(PeriodUnit::Day).count(), 29);
    assert_eq!(
        february.split(PeriodUnit::Week).count(),
        4,
        "weeks that begin in it"
    );
    let year = of(PeriodUnit::Year, date(2026, 5, 5));
    assert_eq!(year.split(PeriodUnit::Month).count(), 12);
    assert_eq!(year.unit(), PeriodUnit::Year);
    for unit in PeriodUnit::ALL {
        assert_eq!(PeriodUnit::from_word(unit.as_str()), Some(unit));
    }
}

#[test]
fn what_is_beside_a_period() {
    let of = |unit, date| Period::containing(unit, date);
    let before = |unit, date| {
        of(unit, date)
            .year_before()
            .map(|period| period.to_string())
    };
    let day_before = |date| of(PeriodUnit::Day, date).previous().to_string();
    assert_eq!(day_before(date(2026, 1, 1)), "2025-12-31");
    assert_eq!(day_before(date(2028, 3, 1)), "2028-02-29");
    assert_eq!(
        of(PeriodUnit::Month, date(2026, 3, 31))
            .previous()
            .to_string(),
        "2026-02"
    );
    assert_eq!(
        of(PeriodUnit::Week, date(2027, 1, 4))
            .previous()
            .to_string(),
        "2026-W53"
    );
    assert_eq!(
        of(PeriodUnit::Year, date(2026, 3, 31)).next().to_string(),
        "2027"
    );
    assert_eq!(
        before(PeriodUnit::Day, date(2026, 3, 1)).unwrap(),
        "2025-03-01"
    );
    assert_eq!(
        before(PeriodUnit::Day, date(2028, 2, 29)),
        None,
        "never the 28th twice"
    );
    assert_eq!(
        before(PeriodUnit::Week, date(2026, 11, 1)).unwrap(),
        "2025-W44"
    );
    assert_eq!(
        before(PeriodUnit::Week, date(2026, 12, 31)),
        None,
        "2025 has 52 weeks"
    );
    assert_eq!(
        before(PeriodUnit::Month, date(2028, 2, 29)).unwrap(),
        "2027-02"
    );
    assert_eq!(before(PeriodUnit::Year, date(2028, 2, 29)).unwrap(), "2027");
}

#[test]
fn the_ends_of_the_calendar_are_no_trap() {
    for zone in ["Europe/Berlin", "Pacific/Apia", "America/New_York"] {
        let calendar = calendar(zone);
        for of in [Date::MIN, Date::MAX] {
            for unit in PeriodUnit::ALL {
                let period = Period::containing(unit, of);
                let span = calendar.span(period);
                assert!(span.start_s <= span.end_s, "{zone} {period}");
                let _ = (
                    period.next(),
                    calendar.previous(period),
                    period.year_before(),
                );
                assert!(period.split(PeriodUnit::Day).count() <= 366);
            }
            let _ = calendar.hours(of);
        }
        for wall_s in [i64::MIN, i64::MAX] {
            let _ = calendar.date_at(wall_s);
        }
        let days = LocalDays::covering(&calendar, s("9999-12-29T00:00:00Z"), i64::MAX);
        assert!((1..=4).contains(&days.iter().count()), "{days:?}");
    }
}

#[test]
fn every_day_of_every_zone_begins_on_a_quarter_hour_and_ends_where_the_next_begins() {
    let (from_s, to_s) = (s("2020-01-01T00:00:00Z"), s("2036-12-31T00:00:00Z"));
    let mut off_the_hour = 0;
    let mut zones = 0;
    for name in jiff::tz::db().available() {
        let calendar = calendar(name.as_str());
        let days = LocalDays::covering(&calendar, from_s, to_s);
        let days: Vec<_> = days.iter().collect();
        assert!(days[0].start_s <= from_s && days[days.len() - 1].end_s >= to_s);
        for pair in days.windows(2) {
            assert_eq!(pair[0].end_s, pair[1].start_s, "{name:?}: {pair:?}");
        }
        for day in &days {
            let minutes = (day.end_s - day.start_s) / 60;
            assert_eq!(day.start_s.rem_euclid(QUARTER_S), 0, "{name:?}: {day:?}");
            // 21 and 27 hours where a station in the Antarctic changes its zone.
            assert!(
                minutes % 15 == 0 && (21 * 60..=27 * 60).contains(&minutes),
                "{name:?}: {day:?}"
            );
        }
        let is_off = days.iter().any(|day| day.start_s.rem_euclid(3_600) != 0);
        off_the_hour += usize::from(is_off);
        zones += 1;
    }
    assert!(zones > 300, "{zones} zones: is tzdata installed?");
    assert!(off_the_hour >= 15, "{off_the_hour} of {zones}");
}

#[test]
fn a_quarter_hour_is_of_one_day_and_an_hour_not_everywhere() {
    let new_year_s = s("2026-01-01T00:00:00Z");
    let nepal = LocalDays::covering(&calendar("Asia/Kathmandu"), new_year_s, new_year_s + 86_400);
    // Its second of January begins at 18:15 UTC.
    assert_eq!(
        nepal.date_of(s("2026-01-01T18:00:00Z")),
        Some(date(2026, 1, 1))
    );
    assert_eq!(
        nepal.date_of(s("2026-01-01T18:15:00Z")),
        Some(date(2026, 1, 2))
    );
    assert!(!nepal.is_of_one(s("2026-01-01T18:00:00Z"), 3_600));
    assert!(nepal.is_of_one(s("2026-01-01T18:00:00Z"), 900));
    assert!(nepal.is_of_one(s("2026-01-01T19:00:00Z"), 3_600));
    assert_eq!(
        nepal.date_of(s("2025-12-31T18:00:00Z")),
        None,
        "before what was looked up"
    );
    assert_eq!(nepal.date_of(s("2026-01-02T18:15:00Z")), None, "after it");
    // The same quarter, built again for another zone, is of another day.
    let berlin = LocalDays::covering(&calendar("Europe/Berlin"), new_year_s, new_year_s + 86_400);
    assert_eq!(
        berlin.date_of(s("2026-01-01T18:15:00Z")),
        Some(date(2026, 1, 1))
    );
}

proptest! {
    /// Also where clocks were set back over midnight (Newfoundland until 2011), and before zones were regular.
    #[test]
    fn an_instant_is_in_its_period_and_in_no_other(
        wall_s in -2_000_000_000i64..4_000_000_000, zone in 0usize..6, unit in 0usize..4,
    ) {
        let zones = ["America/St_Johns", "Pacific/Apia", "Europe/Berlin", "Africa/Monrovia",
                     "America/Toronto", "Africa/Cairo"];
        let calendar = calendar(zones[zone]);
        let period = calendar.period_at(PeriodUnit::ALL[unit], WallNs::of_s(wall_s));
        let span = calendar.span(period);
        prop_assert!(span.start_s <= wall_s && wall_s < span.end_s, "{:?} {}", span, wall_s);
        prop_assert_eq!(calendar.span(period.next()).start_s, span.end_s);
        prop_assert_eq!(calendar.span(period.previous()).end_s, span.start_s);
        prop_assert_eq!(period.next().previous(), period);
        let parts: Vec<_> = calendar.spans(period, PeriodUnit::Day).collect();
        prop_assert_eq!(parts[0].start_s, span.start_s);
        prop_assert_eq!(parts[parts.len() - 1].end_s, span.end_s);
    }
}
