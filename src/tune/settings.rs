//! The settings of a meter that tune speaks of, by key. Pure.

use serde::{Serialize, Serializer};

use super::words::ms;
use crate::config::{FilterSettings, MeterSettings};
use crate::model::{Bias, Level};

/// The filter's settings and the resistor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TunedSettings {
    /// The resistor.
    pub bias: Bias,
    /// The filter.
    pub filter: FilterSettings,
}

/// The keys, in the order in which they are shown.
pub const KEYS: [&str; 7] = [
    "edge",
    "bias",
    "active",
    "bounce_ms",
    "min_width_ms",
    "max_width_ms",
    "min_interval_ms",
];

/// A key's value as it stands in powerlogger.toml.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum KeyValue {
    /// A word.
    Word(&'static str),
    /// A number of milliseconds.
    Ms(f64),
}

impl std::fmt::Display for KeyValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            KeyValue::Word(word) => write!(f, "\"{word}\""),
            KeyValue::Ms(ms) => write!(f, "{ms}"),
        }
    }
}

/// A key that is to be another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The key.
    pub key: &'static str,
    /// What it is now.
    pub from: KeyValue,
    /// What it should be.
    pub to: KeyValue,
    /// Why.
    pub why: String,
    /// How many pulses would have been counted with this change alone.
    pub pulses_alone: u64,
}

impl TunedSettings {
    /// Those of a meter.
    pub fn of(meter: &MeterSettings) -> TunedSettings {
        TunedSettings {
            bias: meter.line.bias,
            filter: meter.filter,
        }
    }

    /// The value of one of [`KEYS`].
    pub fn value(&self, key: &str) -> KeyValue {
        let filter = &self.filter;
        match key {
            "edge" => KeyValue::Word(filter.counted.as_str()),
            "bias" => KeyValue::Word(self.bias.as_str()),
            "active" => KeyValue::Word(match filter.active {
                Level::Low => "low",
                Level::High => "high",
            }),
            "bounce_ms" => KeyValue::Ms(ms(filter.bounce_ns)),
            "min_width_ms" => KeyValue::Ms(ms(filter.min_width_ns)),
            "max_width_ms" => KeyValue::Ms(ms(filter.max_width_ns)),
            _ => KeyValue::Ms(ms(filter.min_interval_ns)),
        }
    }

    /// These, with the value that another has for a key.
    #[must_use]
    pub fn with(&self, key: &str, other: &TunedSettings) -> TunedSettings {
        let mut settings = *self;
        let (filter, other_filter) = (&mut settings.filter, &other.filter);
        match key {
            "edge" => filter.counted = other_filter.counted,
            "bias" => settings.bias = other.bias,
            "active" => filter.active = other_filter.active,
            "bounce_ms" => filter.bounce_ns = other_filter.bounce_ns,
            "min_width_ms" => filter.min_width_ns = other_filter.min_width_ns,
            "max_width_ms" => filter.max_width_ns = other_filter.max_width_ns,
            _ => filter.min_interval_ns = other_filter.min_interval_ns,
        }
        settings
    }

    /// The keys whose values are others than these.
    pub fn keys_unlike(&self, other: &TunedSettings) -> impl Iterator<Item = &'static str> {
        let differs = |key: &&str| self.value(key) != other.value(key);
        KEYS.into_iter()
            .filter(differs)
            .collect::<Vec<_>>()
            .into_iter()
    }
}

impl Serialize for TunedSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(KEYS.map(|key| (key, self.value(key))))
    }
}
