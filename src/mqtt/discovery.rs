//! What Home Assistant is told of what there is: one retained message an entity, with the keys alone that all versions since
//! 2024.3 take. Pure.
//!
//! Energy is `total_increasing`: it is what was counted, never corrected, and may begin again at 0. The register is
//! corrected by readings, which its statistics would book as consumption: it has no `state_class`, so that it cannot be
//! chosen for them. (Home Assistant: `components/sensor/recorder.py`, `components/mqtt/sensor.py`.)

use serde_json::{Map, Value, json};

use super::names::{Noun, name, site_name};
use super::outgoing::{Cadence, Messages, Rank, TopicValue};
use super::picture::{MeterPicture, Picture};
use super::talk::OwnTopics;
use super::units::shown_unit;
use super::values::{leaf, leaves, site_power};
use crate::config::Language;
use crate::model::Quantity;

/// What the messages say of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct About {
    /// The installation's name.
    pub id: String,
    /// What the place is called; None: it has no name.
    pub site: Option<String>,
    /// What the values' topics begin with.
    pub prefix: String,
    /// Where the page is; None: it cannot be reached from elsewhere.
    pub page: Option<String>,
    /// The language of names.
    pub language: Language,
}

/// One entity.
struct Entity<'a> {
    component: &'static str,
    /// Its part of topics and ids.
    object: String,
    /// Its topic behind the prefix.
    topic: String,
    name: String,
    keys: &'a [(&'static str, Value)],
}

/// The messages for everything in the picture.
pub(super) fn messages(picture: &Picture, about: &About, topics: &OwnTopics) -> Messages {
    let writer = Writer {
        about,
        topics,
        device: device(picture, about),
    };
    let mut all = Messages::new();
    for meter in &picture.meters {
        writer.of_meter(meter, &mut all);
    }
    let power = [
        ("device_class", json!("power")),
        ("state_class", json!("measurement")),
        ("unit_of_measurement", json!("W")),
        ("suggested_display_precision", json!(0)),
    ];
    for (topic, _) in site_power(picture) {
        let entity = Entity {
            component: "sensor",
            object: format!("site_{topic}"),
            topic: format!("site/{topic}"),
            name: site_name(topic, about.language).to_owned(),
            keys: &power,
        };
        writer.put(entity, &mut all);
    }
    if picture.backlog.is_some() {
        let keys = [
            ("state_class", json!("measurement")),
            ("unit_of_measurement", json!("pulses")),
            ("entity_category", json!("diagnostic")),
        ];
        writer.put_of_device("sensor", "backlog", &keys, &mut all);
    }
    let keys = [
        ("device_class", json!("problem")),
        ("payload_on", json!("1")),
        ("payload_off", json!("0")),
        ("entity_category", json!("diagnostic")),
        (
            "json_attributes_topic",
            json!(format!("{}/conditions", about.prefix)),
        ),
    ];
    writer.put_of_device("binary_sensor", "problem", &keys, &mut all);
    all
}

/// The logger itself. Home Assistant refuses an entity for any key in here that it does not know.
fn device(picture: &Picture, about: &About) -> Value {
    let mut name = "PowerLogger".to_owned();
    if let Some(site) = &about.site {
        name = format!("{name} {site}");
    }
    if picture.is_simulated {
        name.push_str(" (simulated)");
    }
    let mut device = json!({
        "identifiers": [format!("powerlogger_{}", about.id)],
        "name": name,
        "manufacturer": "PowerLogger",
        "model": "Pulse logger",
        "sw_version": env!("CARGO_PKG_VERSION"),
    });
    if let Some(page) = &about.page {
        device["configuration_url"] = json!(page);
    }
    device
}

struct Writer<'a> {
    about: &'a About,
    topics: &'a OwnTopics,
    device: Value,
}

impl Writer<'_> {
    fn of_meter(&self, meter: &MeterPicture, all: &mut Messages) {
        let mut put = |leaf: &str, noun: Noun, keys: &[(&'static str, Value)]| {
            let entity = Entity {
                component: "sensor",
                object: format!("{}_{leaf}", meter.slug),
                topic: format!("{}/{leaf}", meter.slug),
                name: name(&meter.name, noun, self.about.language),
                keys,
            };
            self.put(entity, all);
        };
        if let Some((quantity, (amount_leaf, rate_leaf))) = meter.quantity().zip(leaves(meter)) {
            let unit = shown_unit(quantity);
            let class = device_class(quantity, &meter.name);
            let amount = [
                ("device_class", json!(class)),
                ("state_class", json!("total_increasing")),
                ("unit_of_measurement", json!(unit.amount)),
                ("suggested_display_precision", json!(3)),
            ];
            let is_electric = quantity.is_electric();
            let (of_amount, of_rate) = if is_electric {
                (Noun::Energy, Noun::Power)
            } else {
                (Noun::Volume, Noun::Flow)
            };
            put(amount_leaf, of_amount, &amount);
            let rate_class = if is_electric {
                "power"
            } else {
                "volume_flow_rate"
            };
            let rate = [
                ("device_class", json!(rate_class)),
                ("state_class", json!("measurement")),
                ("unit_of_measurement", json!(unit.rate)),
                (
                    "suggested_display_precision",
                    json!(if is_electric { 0 } else { 2 }),
                ),
            ];
            put(rate_leaf, of_rate, &rate);
            let register = [
                ("device_class", json!(class)),
                ("unit_of_measurement", json!(unit.amount)),
                ("suggested_display_precision", json!(1)),
                ("entity_category", json!("diagnostic")),
            ];
            put(leaf::REGISTER, Noun::Register, &register);
        }
        let count = [
            ("state_class", json!("total_increasing")),
            ("unit_of_measurement", json!("pulses")),
            ("entity_category", json!("diagnostic")),
            ("icon", json!("mdi:pulse")),
        ];
        put(leaf::PULSES, Noun::Pulses, &count);
        put(leaf::LOST, Noun::Lost, &count[..3]);
        let stamp = [
            ("device_class", json!("timestamp")),
            ("entity_category", json!("diagnostic")),
        ];
        put(leaf::LAST_PULSE, Noun::LastPulse, &stamp);
    }

    /// An entity of the logger itself, whose topic is its name.
    fn put_of_device(
        &self,
        component: &'static str,
        object: &str,
        keys: &[(&'static str, Value)],
        all: &mut Messages,
    ) {
        let entity = Entity {
            component,
            object: object.to_owned(),
            topic: object.to_owned(),
            name: site_name(object, self.about.language).to_owned(),
            keys,
        };
        self.put(entity, all);
    }

    fn put(&self, entity: Entity<'_>, all: &mut Messages) {
        let (About { id, prefix, .. }, object) = (self.about, &entity.object);
        let mut config = Map::new();
        config.insert("name".to_owned(), json!(entity.name));
        config.insert(
            "unique_id".to_owned(),
            json!(format!("powerlogger_{id}_{object}")),
        );
        let topic = format!("{prefix}/{}", entity.topic);
        config.insert("state_topic".to_owned(), json!(topic));
        for (key, value) in entity.keys {
            config.insert((*key).to_owned(), value.clone());
        }
        config.insert("availability_topic".to_owned(), json!(self.topics.status));
        config.insert("device".to_owned(), self.device.clone());
        let origin = json!({ "name": "PowerLogger", "sw_version": env!("CARGO_PKG_VERSION") });
        config.insert("origin".to_owned(), origin);
        let topic = format!(
            "{}{}/{}/{object}/config",
            self.topics.config_prefix, entity.component, self.topics.node
        );
        let wanted = TopicValue {
            payload: Value::Object(config).to_string(),
            pace: Cadence::AtOnce,
            rank: Rank::Configuration,
        };
        all.insert(topic, wanted);
    }
}

/// The class of what a meter counts. Home Assistant's energy dashboard takes gas and water by their own classes alone, and a
/// meter of cubic metres may be either: its name tells.
fn device_class(quantity: Quantity, meter: &str) -> &'static str {
    if quantity.is_electric() {
        return "energy";
    }
    let name = meter.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if says(&["gas"]) && quantity == Quantity::CubicMetres {
        "gas"
    } else if says(&["water", "wasser"]) {
        "water"
    } else {
        "volume"
    }
}

#[cfg(test)]
#[path = "discovery_tests.rs"]
mod tests;
