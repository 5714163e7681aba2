//! Topics and payloads, as consumers take them.

use super::super::picture::{MeterPicture, SitePicture};
use super::*;
use crate::model::{PulseWorth, Quantity};
use crate::status::Condition;

/// A picture of an electric meter, a gas meter, and one of which it is not known what a pulse is worth.
pub(in crate::mqtt) fn picture() -> Picture {
    let worth = |quantity, pulses_per_unit| PulseWorth {
        quantity,
        pulses_per_unit,
    };
    let electric = MeterPicture {
        slug: "import".to_owned(),
        name: "Import".to_owned(),
        worth: Some(worth(Quantity::KilowattHours, 800.0)),
        amount: Some(1_234.567_5),
        rate: Some(431.66),
        register: Some(88_123.4),
        pulses: 987_654,
        lost: 0,
        last_pulse_ns: Some(WallNs(1_795_643_400_123_456_789)),
    };
    let gas = MeterPicture {
        slug: "gas".to_owned(),
        name: "Gas".to_owned(),
        worth: Some(worth(Quantity::CubicMetres, 100.0)),
        amount: Some(12.34),
        rate: None,
        register: None,
        last_pulse_ns: None,
        ..electric.clone()
    };
    let unknown = MeterPicture {
        slug: "other".to_owned(),
        name: "Other".to_owned(),
        worth: None,
        amount: None,
        ..gas.clone()
    };
    Picture {
        meters: vec![electric, gas, unknown],
        site: SitePicture {
            grid_w: Some(Some(-0.04)),
            house_w: Some(None),
            self_w: None,
        },
        backlog: Some(3),
        conditions: vec![Condition::BacklogOld],
        is_simulated: false,
    }
}

fn said(picture: &Picture) -> Vec<(String, String)> {
    let all = messages(picture, "p").into_iter();
    all.map(|(topic, wanted)| (topic, wanted.payload)).collect()
}

fn payload(picture: &Picture, topic: &str) -> Option<String> {
    let mut all = said(picture).into_iter();
    all.find(|(of, _)| of == topic).map(|(_, payload)| payload)
}

#[test]
fn plain_numbers_stand_on_plain_topics() {
    let picture = picture();
    for (topic, want) in [
        ("p/import/energy", "1234.56750"),
        ("p/import/power", "431.7"),
        ("p/import/register", "88123.400"),
        ("p/import/pulses", "987654"),
        ("p/import/last_pulse", "2026-11-25T21:50:00.123456789Z"),
        ("p/import/lost", "0"),
        ("p/gas/volume", "12.340"),
        ("p/gas/flow", "None"),
        ("p/gas/register", "None"),
        ("p/gas/last_pulse", "None"),
        ("p/other/pulses", "987654"),
        ("p/site/grid_power", "0.0"),
        ("p/site/house_power", "None"),
        ("p/backlog", "3"),
        ("p/problem", "1"),
        ("p/status", "online"),
    ] {
        assert_eq!(payload(&picture, topic).as_deref(), Some(want), "{topic}");
    }
    for topic in [
        "p/gas/energy",
        "p/other/energy",
        "p/other/register",
        "p/site/self_power",
    ] {
        assert_eq!(payload(&picture, topic), None, "{topic}");
    }
}

#[test]
fn one_json_says_the_same_as_all_topics() {
    let picture = picture();
    let json: Value = serde_json::from_str(&payload(&picture, "p/state").unwrap()).unwrap();
    assert_eq!(json["import"]["energy"], 1_234.567_5);
    assert_eq!(json["import"]["pulses"], 987_654);
    assert_eq!(json["gas"]["flow"], Value::Null);
    assert_eq!(
        json["import"]["last_pulse"],
        "2026-11-25T21:50:00.123456789Z"
    );
    for (topic, payload) in said(&picture) {
        let levels: Vec<&str> = topic.split('/').skip(1).collect();
        if let [level, leaf] = levels[..] {
            assert_eq!(json[level][leaf], as_json(&payload), "{topic}");
        }
    }
    let conditions = payload(&picture, "p/conditions").unwrap();
    let conditions: Value = serde_json::from_str(&conditions).unwrap();
    assert_eq!(conditions["conditions"][0]["word"], "backlog_old");
}

#[test]
fn what_is_good_to_know_is_no_problem() {
    let mut picture = picture();
    let notice = crate::model::Notice::ConfigurationDiffers("x".to_owned());
    picture.conditions = vec![Condition::Configuration(notice)];
    picture.backlog = None;
    assert_eq!(payload(&picture, "p/problem").as_deref(), Some("0"));
    assert_eq!(payload(&picture, "p/backlog"), None);
}

#[test]
fn one_pulse_more_shows() {
    for (pulses_per_unit, want) in [
        (1_000.0, 3),
        (800.0, 5),
        (10_000.0, 4),
        (1.0, 3),
        (100.0, 3),
        (375.0, 4),
        (3.0, 3),
        (0.5, 3),
        (1_000_000.0, 6),
    ] {
        assert_eq!(decimals(pulses_per_unit), want, "{pulses_per_unit}");
    }
    for pulses_per_unit in [1.0, 75.0, 375.0, 600.0, 800.0, 2_000.0, 6_400.0, 50_000.0] {
        let places = decimals(pulses_per_unit);
        let mut before = String::new();
        for pulses in 0..5_000 {
            let now = number(Some(f64::from(pulses) / pulses_per_unit), places);
            assert_ne!(now, before, "{pulses_per_unit}");
            before = now;
        }
    }
    assert_eq!(number(Some(f64::NAN), 3), "None");
    assert_eq!(number(Some(-0.000_1), 3), "0.000");
    assert_eq!(number(Some(-0.5), 1), "-0.5");
}

#[test]
fn quantities_have_units_that_home_assistant_has() {
    let mut picture = picture();
    picture.meters[0].worth = Some(PulseWorth {
        quantity: Quantity::WattHours,
        pulses_per_unit: 1.0,
    });
    picture.meters[0].amount = Some(1.5);
    assert_eq!(
        payload(&picture, "p/import/energy").as_deref(),
        Some("1.500")
    );
    picture.meters[1].worth = Some(PulseWorth {
        quantity: Quantity::Litres,
        pulses_per_unit: 2.0,
    });
    picture.meters[1].amount = Some(7.5);
    picture.meters[1].rate = Some(600.0);
    assert_eq!(payload(&picture, "p/gas/volume").as_deref(), Some("7.500"));
    assert_eq!(payload(&picture, "p/gas/flow").as_deref(), Some("10.000"));
}
