//! The tables of the configuration, in the order in which they are shown. A new one is a file and a line here.

use std::path::Path;

use super::alarms::AlarmSettings;
use super::lacking::Lacking;
use super::mqtt::MqttSettings;
use super::problem::ConfigPart;
use super::section::Section;
use super::site::SiteSettings;
use super::tariffs::TariffSettings;
use super::web::WebSettings;
use super::{
    ClockSettings, DeliverSettings, InfluxSettings, JournalSettings, LogSettings, MeterSettings,
};
use super::{
    alarms, clock, deliver, heartbeat, influx, journal, log, meters, mqtt, site, tariffs, web,
    webhook,
};

/// What all tables say, before it is known whether there is a server.
#[derive(Debug)]
pub(super) struct Sections {
    pub influx: (InfluxSettings, Vec<Lacking>),
    pub journal: JournalSettings,
    pub waiting_pulses_max: usize,
    pub clock: ClockSettings,
    pub deliver: DeliverSettings,
    pub log: LogSettings,
    pub site: SiteSettings,
    pub web: WebSettings,
    pub mqtt: Option<MqttSettings>,
    pub alarms: AlarmSettings,
    pub meters: Vec<MeterSettings>,
    pub tariffs: TariffSettings,
}

/// Reads all tables. `dir`: where the files are.
pub(super) fn read(root: &mut Section<'_>, dir: &Path) -> Sections {
    let influx = root.table("influx", ConfigPart::Server, |s| influx::read(s, dir));
    let (journal, waiting_pulses_max) = root.table("journal", ConfigPart::Counting, journal::read);
    let clock = root.table("clock", ConfigPart::Aside, clock::read);
    let deliver = root.table("deliver", ConfigPart::Server, deliver::read);
    let log = root.table("log", ConfigPart::Aside, log::read);
    let site = root.table("site", ConfigPart::Aside, site::read);
    let web = root.table("web", ConfigPart::Aside, web::read);
    let mqtt = root.table("mqtt", ConfigPart::Aside, |s| mqtt::read(s, dir));
    let tariffs = tariffs::read(root);
    if tariffs.is_empty() && influx.0.extra_fields.cost {
        let note =
            "influx.extra_fields: no [[tariff]] says what energy costs, so no point has cost";
        root.note(note.to_owned());
    }
    Sections {
        influx,
        journal,
        waiting_pulses_max,
        clock,
        deliver,
        log,
        site,
        web,
        alarms: read_alarms(root, dir, mqtt.as_ref()),
        mqtt,
        meters: meters::read(root),
        tariffs,
    }
}

/// Reads the tables of who is told what. `broker`: that of `[mqtt]`.
fn read_alarms(root: &mut Section<'_>, dir: &Path, broker: Option<&MqttSettings>) -> AlarmSettings {
    let mut alarms = root.table("alarms", ConfigPart::Aside, |s| alarms::read(s, broker));
    let (webhooks, left_out) = webhook::read(root, dir);
    alarms.webhooks = webhooks;
    alarms.left_out.extend(left_out);
    alarms.heartbeat = root.table("heartbeat", ConfigPart::Aside, |s| heartbeat::read(s, dir));
    alarms
}
