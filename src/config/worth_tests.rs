//! What a meter counts, as it is written and as it is refused.

use crate::config::fixture::{Dir, problems};
use crate::energy::periods::Calendar;
use crate::model::{PulseWorth, Quantity};
use jiff::civil::date;
use jiff::tz::TimeZone;

#[test]
fn a_gas_meter_is_a_load_of_its_own_with_a_flow() {
    let toml = "[[meter]]\nname = \"Import\"\nline = 16\nunit = \"m3\"\npulses_per_unit = 100\nmin_interval_ms = 900\n\
        [[meter]]\nname = \"B\"\nline = 17\nunit = \"Wh\"\npulses_per_unit = 0.8\nmax_power_kw = 12\n\
        [[meter]]\nname = \"C\"\nline = 18\npulses_per_unit = 500\n\
        [[meter]]\nname = \"D\"\nline = 19\nunit = \"l\"\nmax_flow_per_h = 3000\n";
    let loaded = Dir::new(toml, "").load();
    let [gas, wh, kwh, water] = loaded.settings.meters.as_slice() else {
        panic!("four meters");
    };
    assert_eq!(
        gas.worth(),
        Some(PulseWorth::new(Quantity::CubicMetres, 100.0))
    );
    assert_eq!(
        (gas.role, gas.imp_per_kwh(), gas.max_rate),
        (None, None, 25.0)
    );
    assert_eq!((wh.imp_per_kwh(), wh.max_rate), (Some(800.0), 12_000.0));
    assert_eq!(kwh.worth(), Some(PulseWorth::of_kwh(500.0)));
    assert_eq!((water.worth(), water.max_rate), (None, 3_000.0));
    // 0.01 m³ each 0.9 s is 40 m³/h; each 9 s it would be too little for a house.
    assert_eq!(gas.countable_rate().map(f64::round), Some(40.0));
    let notes = |toml: &str| Dir::new(toml, "").load().notes.join("\n");
    assert!(!notes(toml).contains("lets no more"), "{}", notes(toml));
    let slow = notes(&toml.replace("min_interval_ms = 900", "min_interval_ms = 9000"));
    let want = "lets no more than 4.0 m³/h of meter \"Import\" be counted at 100 imp/m³";
    assert!(slow.contains(want), "{slow}");
}

#[test]
fn a_factor_that_is_yet_to_come_is_noted() {
    let toml = "[[meter]]\nname = \"A\"\nline = 16\nimp_per_kwh = 1000\n\
        imp_per_kwh_since = [\"1970-01-01 500\", \"2026-05-01 1000\"]\n";
    let meters = Dir::new(toml, "").load().settings.meters;
    let calendar = Calendar::new(TimeZone::get("Europe/Berlin").unwrap());
    let begin_s = calendar.day_start_s(date(2026, 5, 1));
    let noted = |now_s| meters[0].dated_ahead(&calendar, now_s);
    assert_eq!(noted(begin_s), None);
    let note = noted(begin_s - 1).unwrap();
    let want = "\"2026-05-01 1000\" in imp_per_kwh_since is yet to come";
    assert!(note.contains(want), "{note}");
}

#[test]
fn keys_of_another_unit_are_refused_with_the_right_one() {
    let meter = |more: &str| {
        let toml = format!("[[meter]]\nname = \"A\"\nline = 16\n{more}\n");
        problems(&toml, "").join("\n")
    };
    for (more, want) in [
        (
            "unit = \"m3\"\nimp_per_kwh = 100",
            "with unit = \"m3\" it is pulses_per_unit",
        ),
        (
            "imp_per_kwh = 100\npulses_per_unit = 100",
            "imp_per_kwh says the same",
        ),
        (
            "unit = \"l\"\nmax_power_kw = 4",
            "max_flow_per_h is of gas and water",
        ),
        ("max_flow_per_h = 4", "max_power_kw is of electric meters"),
        (
            "unit = \"m3\"\nrole = \"import\"",
            "is no part of the house's electricity",
        ),
        ("unit = \"m³\"", "is none of kWh, Wh, m3, l"),
        (
            "unit = \"m3\"\npulses_per_unit = 100\npulses_per_unit_since = [\"2026-05-01 10\"]",
            "what pulses_per_unit has to be: 10",
        ),
    ] {
        let told = meter(more);
        assert!(told.contains(want), "{more}: {told}");
    }
}
