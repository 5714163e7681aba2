//! What entities are called, in English and German. Home Assistant shows these names as they are sent. Pure.

use crate::config::Language;

/// A value of a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noun {
    /// What it has counted, of energy.
    Energy,
    /// What it has counted, of gas, water or oil.
    Volume,
    /// What flows, of energy.
    Power,
    /// What flows, of gas, water or oil.
    Flow,
    /// What its face shows.
    Register,
    /// Pulses ever counted.
    Pulses,
    /// When the last one came.
    LastPulse,
    /// Pulses lost for good.
    Lost,
}

/// The name of a value of a meter.
pub(super) fn name(meter: &str, noun: Noun, language: Language) -> String {
    let (english, german) = match noun {
        Noun::Energy => ("energy", "Energie"),
        Noun::Volume => ("volume", "Volumen"),
        Noun::Power => ("power", "Leistung"),
        Noun::Flow => ("flow", "Durchfluss"),
        Noun::Register => ("register", "Zählerstand"),
        Noun::Pulses => ("pulses", "Impulse"),
        Noun::LastPulse => ("last pulse", "letzter Impuls"),
        Noun::Lost => ("lost pulses", "verlorene Impulse"),
    };
    let noun = match language {
        Language::English => english,
        Language::German => german,
    };
    format!("{meter} {noun}")
}

/// The name of a value of the house, or of the logger, by its topic.
pub(super) fn site_name(topic: &str, language: Language) -> &'static str {
    let (english, german) = match topic {
        "grid_power" => ("Grid power", "Netzleistung"),
        "house_power" => ("House power", "Hausverbrauch"),
        "self_power" => ("Self-consumed power", "Eigenverbrauch"),
        "backlog" => ("Delivery backlog", "Rückstand der Übertragung"),
        _ => ("Problem", "Störung"),
    };
    match language {
        Language::English => english,
        Language::German => german,
    }
}
