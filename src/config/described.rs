//! Settings as words, without secrets: what a running daemon notes of itself, and what the files say, compared
//! key by key. Pure.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::Time;

use super::catalogue::part_of;
use super::meters::ROLES;
use super::problem::ConfigPart;
use super::{
    AlarmSettings, Influx, InfluxSettings, MeterSettings, MqttSettings, QuietHours, Settings,
};
use crate::model::{Bias, CountedEdge, Level};

/// Settings by key, as in the configuration.
pub type Described = BTreeMap<String, String>;

/// The key under which the directory of the files is noted.
pub const CONFIG_DIR: &str = "config_dir";

/// What a running daemon does with files that it could not begin with.
pub const KEEPS: &str = "until it is mended the daemon keeps the settings it has";

/// The key under which it is noted why nothing is sent.
pub const OFF: &str = "influx.off";

/// The key under which a meter's line is noted.
pub fn line_of(meter: &str) -> String {
    format!("meter \"{meter}\" line")
}

/// The settings as words.
pub fn describe(settings: &Settings, config_dir: &Path) -> Described {
    let mut all = Described::new();
    let mut put = |key: &str, value: String| drop(all.insert(key.to_owned(), value));
    put(CONFIG_DIR, config_dir.display().to_string());
    match &settings.influx {
        Influx::NotConfigured(why) => put(OFF, why.clone()),
        Influx::Configured(influx) => describe_influx(influx, &mut put),
    }
    let deliver = &settings.deliver;
    put(
        "deliver.batch_lines_max",
        deliver.batch_lines_max.to_string(),
    );
    put("deliver.flush_ms", deliver.flush_ms.to_string());
    put("deliver.retries_max", deliver.retries_max.to_string());
    put(
        "deliver.replay_interval_ms",
        deliver.replay_interval_ms.to_string(),
    );
    let journal = &settings.journal;
    put("journal.dir", journal.dir.display().to_string());
    put(
        "journal.sync_interval_ms",
        journal.sync_interval_ms.to_string(),
    );
    put("journal.max_bytes", journal.max_bytes.to_string());
    put(
        "journal.raw_retention_d",
        journal.raw_retention_d.to_string(),
    );
    put(
        "journal.waiting_pulses_max",
        settings.waiting_pulses_max.to_string(),
    );
    let clock = settings.clock;
    put("clock.max_wait_s", clock.max_wait_s.to_string());
    put(
        "clock.without_ntp",
        if clock.assume { "assume" } else { "hold" }.to_owned(),
    );
    put(
        "clock.rtc",
        clock
            .rtc
            .map_or_else(|| "look".to_owned(), |rtc| rtc.to_string()),
    );
    put("log.debug", settings.log.debug.to_string());
    put("log.edges", settings.log.edges.to_string());
    describe_site(settings, &mut put);
    put("web.listen", settings.web.listen.shown());
    put("web.hosts", settings.web.hosts.join(", "));
    if let Some(mqtt) = &settings.mqtt {
        describe_mqtt(mqtt, &mut put);
    }
    describe_alarms(&settings.alarms, &mut put);
    for meter in &settings.meters {
        describe_meter(meter, &mut put);
    }
    all
}

fn describe_site(settings: &Settings, put: &mut dyn FnMut(&str, String)) {
    if let Some(zone) = settings.site.time_zone.as_ref() {
        put(
            "site.time_zone",
            zone.iana_name().unwrap_or_default().to_owned(),
        );
    }
    if let Some(name) = &settings.site.name {
        put("site.name", name.clone());
    }
    put("site.currency", settings.site.currency.as_str().to_owned());
    for (tariff, shown) in settings.tariffs.described() {
        put(&tariff, shown);
    }
}

fn describe_influx(influx: &InfluxSettings, put: &mut dyn FnMut(&str, String)) {
    put("influx.host", influx.host.clone());
    put("influx.org", influx.org.clone());
    put("influx.raw_bucket", influx.raw_bucket.clone());
    put("influx.b1m_bucket", influx.b1m_bucket.clone());
    put("influx.b5m_bucket", influx.b5m_bucket.clone());
    put("influx.b1h_bucket", influx.b1h_bucket.clone());
    put("influx.measurement", influx.measurement.clone());
    put(
        "influx.downsampling",
        influx.downsampling.as_str().to_owned(),
    );
    put("influx.raw", influx.raw.to_string());
    let names: Vec<&str> = influx.extra_fields.names().collect();
    put("influx.extra_fields", names.join(", "));
    put("influx.timeout_ms", influx.timeout_ms.to_string());
    if let Some(path) = &influx.ca_file {
        put("influx.ca_file", path.display().to_string());
    }
}

fn describe_mqtt(mqtt: &MqttSettings, put: &mut dyn FnMut(&str, String)) {
    put("mqtt.url", mqtt.broker.to_string());
    if let Some(user) = &mqtt.user {
        put("mqtt.user", user.clone());
    }
    put("mqtt.prefix", mqtt.prefix.clone());
    put("mqtt.discovery", mqtt.discovery.to_string());
    put("mqtt.discovery_prefix", mqtt.discovery_prefix.clone());
    put("mqtt.interval_s", mqtt.interval_s.to_string());
    if let Some(path) = &mqtt.ca_file {
        put("mqtt.ca_file", path.display().to_string());
    }
    put("mqtt.language", mqtt.language.as_str().to_owned());
}

fn describe_alarms(alarms: &AlarmSettings, put: &mut dyn FnMut(&str, String)) {
    put("alarms.conditions", alarms.conditions.join(", "));
    put("alarms.except", alarms.except.join(", "));
    put("alarms.after_s", alarms.after_s.to_string());
    put("alarms.clear_after_s", alarms.clear_after_s.to_string());
    put("alarms.digest_s", alarms.digest_s.to_string());
    let quiet = alarms.quiet_hours.map(|QuietHours { from, to }| {
        let time = |time: Time| format!("{:02}:{:02}", time.hour(), time.minute());
        format!("{}-{}", time(from), time(to))
    });
    put("alarms.quiet_hours", quiet.unwrap_or_default());
    let except = if alarms.wakes_if_critical {
        "critical"
    } else {
        "none"
    };
    put("alarms.quiet_except", except.to_owned());
    if let Some(mail) = &alarms.mail {
        put("alarms.sendmail_to", mail.to.join(", "));
        put("alarms.sendmail", mail.program.display().to_string());
    }
    put("alarms.mqtt", alarms.mqtt.is_some().to_string());
    for webhook in &alarms.webhooks {
        let mut of_webhook = |key: &str, value: String| {
            put(&format!("webhook \"{}\" {key}", webhook.service), value)
        };
        of_webhook("timeout_ms", webhook.timeout_ms.to_string());
        if let Some(name) = &webhook.credential {
            of_webhook("credential", name.clone());
        }
        if let Some(path) = &webhook.ca_file {
            of_webhook("ca_file", path.display().to_string());
        }
    }
    if let Some(heartbeat) = &alarms.heartbeat {
        put("heartbeat.interval_s", heartbeat.interval_s.to_string());
        if let Some(path) = &heartbeat.ca_file {
            put("heartbeat.ca_file", path.display().to_string());
        }
    }
}

fn describe_meter(meter: &MeterSettings, put: &mut dyn FnMut(&str, String)) {
    put(&line_of(&meter.name), meter.line.line.to_string());
    let mut of_meter =
        |key: &str, value: String| put(&format!("meter \"{}\" {key}", meter.name), value);
    let role = ROLES.iter().find(|(_, role)| *role == meter.role);
    of_meter("role", role.map_or("none", |(word, _)| word).to_owned());
    if let Some(chip) = &meter.line.chip {
        of_meter("chip", chip.clone());
    }
    of_meter("bias", bias(meter.line.bias).to_owned());
    let debounce_ns = i64::from(meter.line.kernel_debounce_us) * 1_000;
    of_meter("kernel_debounce_ms", ms(debounce_ns));
    of_meter("edge", edge(meter.filter.counted).to_owned());
    let active = if meter.filter.active == Level::High {
        "high"
    } else {
        "low"
    };
    of_meter("active", active.to_owned());
    of_meter("bounce_ms", ms(meter.filter.bounce_ns));
    of_meter("min_width_ms", ms(meter.filter.min_width_ns));
    of_meter("max_width_ms", ms(meter.filter.max_width_ns));
    of_meter("min_interval_ms", ms(meter.filter.min_interval_ns));
    let key = meter.worth_key();
    of_meter("unit", meter.unit.as_str().to_owned());
    if let Some(factor) = meter.pulses_per_unit {
        of_meter(key, factor.to_string());
    }
    if !meter.factors_since.is_empty() {
        let factors = meter.factors_since.iter().map(ToString::to_string);
        let factors = factors.collect::<Vec<_>>().join(", ");
        of_meter(&format!("{key}_since"), factors);
    }
    if let Some(digits) = meter.register_digits {
        of_meter("register_digits", digits.to_string());
    }
    if meter.unit.is_electric() {
        of_meter("max_power_kw", (meter.max_rate / 1_000.0).to_string());
    } else {
        of_meter("max_flow_per_h", meter.max_rate.to_string());
    }
}

/// What the keys of MQTT begin with.
const MQTT: &str = "mqtt.";

/// Whether a setting concerns answers alone.
fn is_of_answers(key: &str) -> bool {
    key == "site.currency" || key.starts_with("tariff ")
}

/// Whether the daemon takes a key up without a restart.
fn is_taken_up(key: &str) -> bool {
    part_of(key) == ConfigPart::Server || key.starts_with(MQTT)
}

/// Leaves out what a running daemon takes up without noting it: the journal need not be reopened for it.
pub(super) fn without_the_unnoted(mut described: Described) -> Described {
    described.retain(|key, _| !key.starts_with(MQTT) && !is_of_answers(key));
    described
}

/// What differs, of what is taken up without a restart (`of_server`) or of all else: each a line for people.
pub fn differences(running: &Described, files: &Described, of_server: bool) -> Vec<String> {
    let mut keys: Vec<&String> = running.keys().chain(files.keys()).collect();
    keys.sort();
    keys.dedup();
    // A running daemon has them within seconds.
    let is_alarm = |key: &str| {
        let tables = ["alarms.", "heartbeat.", "webhook "];
        tables.iter().any(|table| key.starts_with(table))
    };
    let is_of = |key: &str| is_taken_up(key) == of_server && !is_alarm(key) && !is_of_answers(key);
    let differs = |key: &&String| is_of(key) && running.get(*key) != files.get(*key);
    let shown = |value: Option<&String>| value.map_or_else(|| "not set".to_owned(), String::clone);
    // Why it is off on one side says enough where it is on at the other.
    let is_off = running.contains_key(OFF) || files.contains_key(OFF);
    let both_off = running.contains_key(OFF) && files.contains_key(OFF);
    keys.into_iter()
        .filter(differs)
        .filter(|key| match key.as_str() {
            OFF => !both_off,
            key => !(is_off && key.starts_with("influx.")),
        })
        .map(|key| match (key.as_str(), files.contains_key(OFF)) {
            (OFF, true) => "InfluxDB: in use; the files say: off".to_owned(),
            (OFF, false) => {
                let host = files.get("influx.host").map_or("", String::as_str);
                format!("InfluxDB: off; the files say: {host}")
            }
            _ => format!(
                "{key}: {}; the files say: {}",
                shown(running.get(key)),
                shown(files.get(key))
            ),
        })
        .collect()
}

fn bias(bias: Bias) -> &'static str {
    match bias {
        Bias::Up => "up",
        Bias::Down => "down",
        Bias::None => "none",
    }
}

fn edge(edge: CountedEdge) -> &'static str {
    match edge {
        CountedEdge::Rising => "rising",
        CountedEdge::Falling => "falling",
        CountedEdge::Both => "both",
    }
}

/// Nanoseconds as milliseconds.
fn ms(ns: i64) -> String {
    (ns as f64 / 1e6).to_string()
}

#[cfg(test)]
#[path = "described_tests.rs"]
mod tests;
