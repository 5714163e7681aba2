//! Registers, drift, and the rules of a reading.

use super::register::{
    MeterFace, NewReading, ReadingRefused, drift, exchanged, has_outdated_digits, outdated_worth,
    parse_shown, shown, shown_at,
};
use crate::model::{PulseWorth, Quantity, Reading, WallNs};

fn reading(pulses: i64, kwh: f64, adopted: bool) -> Reading {
    Reading {
        at_ns: WallNs(pulses),
        pulses,
        shown: kwh,
        worth: PulseWorth::of_kwh(1_000.0),
        adopted,
        digits: None,
        exchange: None,
        serial: None,
    }
}

#[test]
fn the_register_is_the_last_adopted_reading_and_what_was_counted_since() {
    let all = [
        reading(100, 50.0, true),
        reading(2_000, 60.0, true),
        reading(3_000, 99.0, false),
    ];
    assert_eq!(shown(&all, 2_500), Some(60.5));
    assert_eq!(shown(&all[..1], 100), Some(50.0));
    assert_eq!(shown(&all[2..], 100), None, "a note is no register");
}

#[test]
fn a_register_has_no_binary_dust_also_where_the_face_goes_round() {
    for pulses in 1..1_000 {
        let all = [reading(0, 88_123.4, true)];
        let want = format!("{:.3}", 88_123.4 + pulses as f64 / 1_000.0);
        assert_eq!(shown(&all, pulses), Some(want.parse().unwrap()), "{pulses}");
    }
    let mut round = reading(0, 99_999.9, true);
    round.digits = Some("5.1".parse().unwrap());
    assert_eq!(shown(&[round], 200), Some(0.1));
}

#[test]
fn the_register_of_a_moment_is_counted_from_the_reading_before_it_or_back_from_the_first() {
    let all = [
        reading(1_000, 50.0, true),
        reading(2_000, 60.0, true),
        reading(3_000, 99.0, false),
    ];
    let at = |at: i64, pulses| shown_at(&all, WallNs(at), pulses);
    assert_eq!(at(500, 400), Some(49.4), "before the first");
    assert_eq!(at(1_500, 1_600), Some(50.6));
    assert_eq!(at(9_000, 4_000), Some(62.0), "a note changes nothing");
    assert_eq!(shown_at(&all[2..], WallNs(9_000), 4_000), None);
}

#[test]
fn drift_is_what_the_face_has_more() {
    let base = [reading(0, 100.0, true)];
    let missed = drift(&base, &reading(9_900, 110.0, false), 1).unwrap();
    assert!((missed.by - 0.1).abs() < 1e-9 && (missed.pulses - 100.0).abs() < 1e-6);
    assert!((missed.percent.unwrap() - 1.0).abs() < 1e-9);
    assert!(missed.is_rounding, "within the last digit");
    let extra = drift(&base, &reading(11_000, 110.0, false), 1).unwrap();
    assert!(extra.by < -0.99 && !extra.is_rounding);
    assert_eq!(
        drift(&base, &reading(0, 100.0, false), 0).unwrap().percent,
        None
    );
    assert_eq!(drift(&[], &reading(0, 100.0, false), 0), None);
}

#[test]
fn a_face_that_goes_round_has_lost_nothing() {
    let base = [reading(0, 99_999.5, true)];
    let by = drift(&base, &reading(1_200, 0.5, false), 1).unwrap();
    assert!((by.by + 0.2).abs() < 1e-6 && !by.is_implausible, "{by:?}");
    // Six digits do not.
    let by = drift(&base, &reading(1_200, 100_000.5, false), 1).unwrap();
    assert!((by.by + 0.2).abs() < 1e-6, "{by:?}");
    // Four digits do.
    let by = drift(
        &[reading(0, 9_990.0, true)],
        &reading(25_000, 16.0, false),
        0,
    )
    .unwrap();
    assert!((by.by - 1.0).abs() < 1e-6 && by.is_rounding, "{by:?}");
    // A slip of the pen is none.
    let by = drift(&[reading(0, 12_345.6, true)], &reading(10, 5.0, false), 0).unwrap();
    assert!(by.by < -12_000.0 && by.is_implausible, "{by:?}");
}

#[test]
fn what_pulses_that_were_missed_cannot_explain_is_implausible() {
    let by = |pulses: i64, shown: f64| {
        let base = [reading(0, 500.0, true)];
        drift(&base, &reading(pulses, shown, false), 1)
            .unwrap()
            .is_implausible
    };
    assert!(!by(100_000, 609.0), "9 kWh of 100");
    assert!(by(100_000, 511.0) && by(100_000, 611.0), "11 kWh of 100");
    assert!(!by(0, 509.0) && by(0, 511.0), "nothing was counted");
    assert!(!by(4_000_000, 4_890.0), "a tenth of much");
}

#[test]
fn readings_are_written_as_they_stand() {
    assert_eq!(parse_shown("12345.6"), Ok((12_345.6, 1)));
    assert_eq!(parse_shown(" 012345,67"), Ok((12_345.67, 2)));
    assert_eq!(parse_shown("7"), Ok((7.0, 0)));
    for wrong in [
        "",
        "-1",
        "1e5",
        "1.2.3",
        ".5",
        "12 kWh",
        "9999999999",
        "NaN",
    ] {
        assert!(parse_shown(wrong).is_err(), "{wrong}");
    }
}

fn entered(at_ns: i64, is_now: bool, adopt: bool) -> NewReading {
    NewReading {
        at_ns: WallNs(at_ns),
        is_now,
        shown: 7.0,
        adopt,
    }
}

#[test]
fn a_reading_is_neither_of_the_future_nor_between_others() {
    let earlier = [reading(100, 1.0, true), reading(300, 2.0, false)];
    let check = |at_ns, is_now| entered(at_ns, is_now, false).check_time(&earlier, WallNs(1_000));
    assert_eq!(check(1_000, false), Ok(()));
    assert_eq!(check(300, false), Ok(()));
    assert_eq!(check(1_001, false), Err(ReadingRefused::InFuture));
    assert_eq!(check(299, false), Err(ReadingRefused::Older(WallNs(300))));
    assert_eq!(
        check(200, true),
        Ok(()),
        "the clock was ahead at the last one"
    );
    assert_eq!(
        entered(5, false, false).check_time(&[], WallNs(1_000)),
        Ok(())
    );
}

#[test]
fn the_first_reading_is_adopted_and_none_is_older_than_the_last() {
    let worth = PulseWorth::of_kwh(800.0);
    let face = MeterFace {
        worth,
        digits: None,
    };
    let kept = entered(50, true, false).to_reading(&[], 12, face);
    assert!(kept.adopted);
    assert_eq!(
        (kept.at_ns, kept.pulses, kept.shown, kept.worth),
        (WallNs(50), 12, 7.0, worth)
    );
    let note = [reading(100, 1.0, false)];
    assert!(
        entered(200, true, false).to_reading(&note, 0, face).adopted,
        "a note is no base"
    );
    let earlier = [reading(100, 1.0, true)];
    assert!(
        !entered(200, true, false)
            .to_reading(&earlier, 0, face)
            .adopted
    );
    assert!(
        entered(200, true, true)
            .to_reading(&earlier, 0, face)
            .adopted
    );
    assert_eq!(
        entered(50, true, false).to_reading(&earlier, 0, face).at_ns,
        WallNs(100)
    );
}

#[test]
fn a_changed_factor_is_noticed_at_the_base() {
    let mut readings = [reading(100, 1.0, true), reading(200, 2.0, false)];
    readings[1].worth = PulseWorth::of_kwh(800.0);
    assert_eq!(
        outdated_worth(&readings, PulseWorth::of_kwh(1_000.0)),
        None,
        "a note counts nothing"
    );
    let configured = PulseWorth::of_kwh(800.0);
    assert_eq!(
        outdated_worth(&readings, configured),
        Some(PulseWorth::of_kwh(1_000.0))
    );
    assert_eq!(outdated_worth(&[], configured), None);
}

#[test]
fn a_gas_meter_is_compared_in_cubic_metres() {
    let gas = |pulses, shown| Reading {
        worth: PulseWorth::new(Quantity::CubicMetres, 100.0),
        ..reading(pulses, shown, true)
    };
    let base = [gas(0, 4_321.5)];
    assert_eq!(shown(&base, 250), Some(4_324.0));
    let by = drift(&base, &gas(250, 4_324.03), 2).unwrap();
    assert!((by.by - 0.03).abs() < 1e-9 && (by.pulses - 3.0).abs() < 1e-6);
    assert_eq!(by.unit, Quantity::CubicMetres);
    assert!(drift(&base, &gas(250, 4_326.0), 2).unwrap().is_implausible);
    // The same face read in litres; read in kWh it is another meter's.
    let litres = Reading {
        worth: PulseWorth::new(Quantity::Litres, 0.1),
        ..gas(250, 4_324_030.0)
    };
    assert!((drift(&base, &litres, 0).unwrap().by - 0.03).abs() < 1e-6);
    assert_eq!(drift(&base, &reading(250, 4_324.03, false), 2), None);
}

#[test]
fn a_face_goes_round_at_its_digits() {
    let face = |pulses, shown, digits: &str| Reading {
        digits: Some(digits.parse().unwrap()),
        ..reading(pulses, shown, true)
    };
    let base = [face(0, 99_999.5, "5.1")];
    assert!((shown(&base, 1_200).unwrap() - 0.7).abs() < 1e-6);
    let by = drift(&base, &face(1_200, 0.5, "5.1"), 1).unwrap();
    assert!(
        (by.by + 0.2).abs() < 1e-6 && (by.expected - 0.7).abs() < 1e-6,
        "{by:?}"
    );
    assert!(!by.is_implausible);
    // Just before it goes round, and read just after.
    let by = drift(&base, &face(450, 0.1, "5.1"), 1).unwrap();
    assert!((by.by - 0.15).abs() < 1e-6, "{by:?}");
    // Counted to have gone round, and not yet there.
    let by = drift(&base, &face(600, 99_999.9, "5.1"), 1).unwrap();
    assert!((by.by + 0.2).abs() < 1e-6, "{by:?}");
    // Twice around, of a face with four digits.
    let small = [face(0, 500.0, "4")];
    assert!((shown(&small, 20_000_000).unwrap() - 500.0).abs() < 1e-6);
    let by = drift(&small, &face(20_000_000, 501.0, "4"), 0).unwrap();
    assert!(
        (by.by - 1.0).abs() < 1e-6 && by.percent.unwrap() < 0.01,
        "{by:?}"
    );
    let six = MeterFace {
        worth: PulseWorth::of_kwh(1_000.0),
        digits: Some("6".parse().unwrap()),
    };
    assert!(has_outdated_digits(&small, six.digits) && !has_outdated_digits(&small, None));
    let refused = entered(5, true, false);
    assert_eq!(refused.check_face(six.digits), Ok(()));
    let one = "1".parse().unwrap();
    let much = NewReading {
        shown: 10.0,
        ..refused
    };
    assert_eq!(
        much.check_face(Some(one)),
        Err(ReadingRefused::BeyondFace(one))
    );
    assert_eq!(exchanged(&small), None);
}

proptest::proptest! {
    #[test]
    fn drift_on_a_face_is_what_was_missed_wherever_it_goes_round(
        start in 0.0f64..99_999.9, counted in 0i64..400_000_000, missed in -4_000i64..4_000,
    ) {
        let digits = Some("5.1".parse().unwrap());
        let base = [Reading { digits, ..reading(0, start, true) }];
        let true_shown = (start + (counted + missed) as f64 / 1_000.0).rem_euclid(100_000.0);
        let by = drift(&base, &Reading { digits, ..reading(counted, true_shown, false) }, 1).unwrap();
        proptest::prop_assert!((by.by - missed as f64 / 1_000.0).abs() < 1e-6, "{:?}", by);
        let now = shown(&base, counted).unwrap();
        proptest::prop_assert!((0.0..100_000.0).contains(&now));
    }
}
