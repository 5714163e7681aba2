//! All that the program can be told, table by table.

use super::alarms::AlarmSettings;
use super::clock::ClockSettings;
use super::deliver::DeliverSettings;
use super::journal::JournalSettings;
use super::log::LogSettings;
use super::meter_settings::MeterSettings;
use super::mqtt::MqttSettings;
use super::server::Influx;
use super::site::SiteSettings;
use super::tariffs::TariffSettings;
use super::web::WebSettings;

/// Everything the program can be told, validated.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The meters, in the order of the configuration; a [`crate::model::MeterId`] indexes it.
    pub meters: Vec<MeterSettings>,
    /// Where and how pulses are kept.
    pub journal: JournalSettings,
    /// The most pulses that wait in memory while the disk does not take them.
    pub waiting_pulses_max: usize,
    /// When the wall clock is trusted.
    pub clock: ClockSettings,
    /// How they are sent.
    pub deliver: DeliverSettings,
    /// Where they are sent to.
    pub influx: Influx,
    /// What is logged.
    pub log: LogSettings,
    /// The place that the meters are at.
    pub site: SiteSettings,
    /// What energy costs.
    pub tariffs: TariffSettings,
    /// Where the page answers, and to whom.
    pub web: WebSettings,
    /// What is published by MQTT, and where; None: nothing.
    pub mqtt: Option<MqttSettings>,
    /// Who is told when something is wrong.
    pub alarms: AlarmSettings,
}
