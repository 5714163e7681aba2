//! What Home Assistant is told, against what its versions take.

use super::super::values;
use super::*;
use crate::config::Language;
use crate::mqtt::values::tests::picture;

fn about() -> About {
    About {
        id: "1a2b3c4d".to_owned(),
        site: None,
        prefix: "p".to_owned(),
        page: None,
        language: Language::English,
    }
}

fn topics() -> OwnTopics {
    OwnTopics {
        status: "p/status".to_owned(),
        birth: "homeassistant/status".to_owned(),
        config_prefix: "homeassistant/".to_owned(),
        node: "powerlogger_1a2b3c4d".to_owned(),
    }
}

fn all(about: &About) -> Vec<(String, Value)> {
    let all = messages(&picture(), about, &topics()).into_iter();
    all.map(|(topic, wanted)| (topic, serde_json::from_str(&wanted.payload).unwrap()))
        .collect()
}

fn one(about: &About, object: &str) -> Value {
    let end = format!("/powerlogger_1a2b3c4d/{object}/config");
    let mut found = all(about)
        .into_iter()
        .filter(|(topic, _)| topic.ends_with(&end));
    found.next().unwrap_or_else(|| panic!("{object}")).1
}

#[test]
fn energy_is_what_was_counted_and_the_register_is_for_no_statistics() {
    let energy = one(&about(), "import_energy");
    let want = json!({
        "name": "Import energy",
        "unique_id": "powerlogger_1a2b3c4d_import_energy",
        "state_topic": "p/import/energy",
        "device_class": "energy",
        "state_class": "total_increasing",
        "unit_of_measurement": "kWh",
        "suggested_display_precision": 3,
        "availability_topic": "p/status",
        "device": {
            "identifiers": ["powerlogger_1a2b3c4d"],
            "name": "PowerLogger",
            "manufacturer": "PowerLogger",
            "model": "Pulse logger",
            "sw_version": env!("CARGO_PKG_VERSION"),
        },
        "origin": { "name": "PowerLogger", "sw_version": env!("CARGO_PKG_VERSION") },
    });
    assert_eq!(energy, want);
    let register = one(&about(), "import_register");
    assert_eq!(register["device_class"], "energy");
    assert_eq!(register.get("state_class"), None);
    let problem = one(&about(), "problem");
    assert_eq!(problem["json_attributes_topic"], "p/conditions");
    assert_eq!(problem["payload_on"], "1");
}

#[test]
fn every_topic_is_one_that_home_assistant_reads_and_every_state_is_published() {
    let values = values::messages(&picture(), "p");
    let mut ids = Vec::new();
    for (topic, config) in all(&about()) {
        let levels: Vec<&str> = topic.split('/').collect();
        assert_eq!(levels.len(), 5, "{topic}");
        let is_legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        assert!(
            levels[2..4].iter().all(|level| level.chars().all(is_legal)),
            "{topic}"
        );
        assert!(topics().is_config(&topic), "{topic}");
        for key in ["state_topic", "availability_topic", "json_attributes_topic"] {
            if let Some(named) = config.get(key) {
                assert!(
                    values.contains_key(named.as_str().unwrap()),
                    "{topic}: {named}"
                );
            }
        }
        for (part, known) in [
            (
                "device",
                &[
                    "identifiers",
                    "name",
                    "manufacturer",
                    "model",
                    "sw_version",
                    "configuration_url",
                ][..],
            ),
            ("origin", &["name", "sw_version"]),
        ] {
            let keys = config[part].as_object().unwrap().keys();
            assert!(
                keys.clone().all(|key| known.contains(&key.as_str())),
                "{config}"
            );
        }
        for no in ["object_id", "default_entity_id"] {
            assert!(config.get(no).is_none());
        }
        assert!(!config["name"].as_str().unwrap().starts_with("PowerLogger"));
        ids.push(config["unique_id"].clone());
    }
    let count = ids.len();
    ids.sort_by_key(Value::to_string);
    ids.dedup();
    assert_eq!((ids.len(), count), (count, 6 + 6 + 3 + 2 + 2));
}

#[test]
fn gas_and_water_have_their_own_classes() {
    let gas = one(&about(), "gas_volume");
    assert_eq!(gas["device_class"], "gas");
    assert_eq!(gas["unit_of_measurement"], "m³");
    assert_eq!(
        one(&about(), "gas_flow")["device_class"],
        "volume_flow_rate"
    );
    for (quantity, name, want) in [
        (Quantity::CubicMetres, "Gaszähler", "gas"),
        (Quantity::CubicMetres, "Kaltwasser", "water"),
        (Quantity::Litres, "Rainwater", "water"),
        (Quantity::Litres, "Gas", "volume"),
        (Quantity::Litres, "Oil", "volume"),
        (Quantity::WattHours, "Water heater", "energy"),
    ] {
        assert_eq!(device_class(quantity, name), want, "{name}");
    }
}

#[test]
fn names_are_german_where_that_is_wanted_and_ids_stay() {
    let german = About {
        language: Language::German,
        site: Some("Haus".to_owned()),
        page: Some("http://192.168.1.5:8077/".to_owned()),
        ..about()
    };
    let register = one(&german, "import_register");
    assert_eq!(register["name"], "Import Zählerstand");
    assert_eq!(
        register["unique_id"],
        one(&about(), "import_register")["unique_id"]
    );
    assert_eq!(register["device"]["name"], "PowerLogger Haus");
    assert_eq!(
        register["device"]["configuration_url"],
        "http://192.168.1.5:8077/"
    );
    assert_eq!(one(&german, "site_grid_power")["name"], "Netzleistung");
    assert_eq!(one(&german, "problem")["name"], "Störung");
}
