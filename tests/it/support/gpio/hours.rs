//! Tests run again under other clocks: no test may depend on the hour, the date or the season.

use super::{IN_RIG, Place, Rig, test_path};
use crate::support::program::skip;

/// Moments at which a test that looks at the clock may break, in seconds since 1970.
const MOMENTS: [(&str, i64); 10] = [
    // A November evening: the house has given to the grid for hours.
    ("2026-11-26T23:36:00Z", 1_795_736_160),
    ("2026-12-31T23:59:59Z", 1_798_761_599),
    ("2026-06-21T00:30:00Z", 1_782_001_800),
    ("2026-06-21T05:30:00Z", 1_782_019_800),
    ("2026-06-21T11:30:00Z", 1_782_041_400),
    ("2026-11-26T16:30:00Z", 1_795_710_600),
    ("2026-11-26T20:30:00Z", 1_795_725_000),
    // Summer time begins and ends in Berlin half an hour later.
    ("2027-03-28T00:30:00Z", 1_806_193_800),
    ("2026-10-25T00:30:00Z", 1_792_888_200),
    ("2028-02-29T12:00:00Z", 1_835_438_400),
];

/// Runs these tests of this binary in guests whose clocks begin at the moments above: all with `HOURS=all`,
/// else each at one of them. `name` is the test that asks for it; all are [`test_path`](super::test_path)s.
pub(crate) fn at_other_hours(name: &str, tests: &[&str]) {
    if std::env::var_os(IN_RIG).is_some() {
        return;
    }
    let Some(rig) = Rig::of_machine() else {
        skip(name, "no GPIO_RIG, whose clock can be set");
        return;
    };
    let all = std::env::var("HOURS").is_ok_and(|hours| hours == "all");
    for (first, test) in tests.iter().enumerate() {
        let moments = match all {
            true => &MOMENTS[..],
            false => &MOMENTS[first..=first],
        };
        for (moment, start_s) in moments {
            eprintln!("{test} at {moment}");
            rig.assert_passes(test, at(*start_s), &[]);
        }
    }
}

fn at(start_s: i64) -> Place {
    Place {
        start_s: Some(start_s),
        ..Place::REAL
    }
}

#[test]
fn a_guest_has_the_clock_that_it_is_given() {
    let name = test_path!("a_guest_has_the_clock_that_it_is_given");
    let (moment, start_s) = MOMENTS[7];
    if std::env::var_os(IN_RIG).is_some() {
        let passed_s = jiff::Timestamp::now().as_second() - start_s;
        assert!((0..600).contains(&passed_s), "{moment} is {passed_s} s ago");
    } else if let Some(rig) = Rig::of_machine() {
        rig.assert_passes(name, at(start_s), &[]);
    } else {
        skip(name, "no GPIO_RIG, whose clock can be set");
    }
}

#[test]
fn the_moments_are_those_they_are_called() {
    for (moment, start_s) in MOMENTS {
        let named: jiff::Timestamp = moment.parse().unwrap();
        assert_eq!(named.as_second(), start_s, "{moment}");
    }
}
