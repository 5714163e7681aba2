//! Every key there is: its names in the two files, its default, and what it means.

use super::problem::{Origin, Part};
use super::web;

/// A key of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name: that of `powerlogger.toml` with its table, or of the environment where it has no
    /// other.
    pub name: &'static str,
    /// Its name in `.env` and in the environment.
    pub env: Option<&'static str>,
    /// What holds when nobody says anything; empty: nothing.
    pub default: &'static str,
    /// Must not be shown.
    pub secret: bool,
}

const fn key(name: &'static str, env: Option<&'static str>, default: &'static str) -> Key {
    Key {
        name,
        env,
        default,
        secret: false,
    }
}

const fn env(name: &'static str, default: &'static str) -> Key {
    Key {
        name,
        env: Some(name),
        default,
        secret: false,
    }
}

const fn secret(name: &'static str) -> Key {
    Key {
        name,
        env: Some(name),
        default: "",
        secret: true,
    }
}

/// All keys but those of a meter, in the order in which they are shown.
pub const KEYS: &[Key] = &[
    key("influx.host", Some("INFLUX_HOST"), ""),
    key("influx.org", Some("INFLUX_ORG"), ""),
    secret("INFLUX_TOKEN"),
    secret("INFLUX_WRITER_TOKEN"),
    key("influx.raw_bucket", Some("RAW_BUCKET"), "PowerLogger_raw"),
    key("influx.b1m_bucket", Some("B1M_BUCKET"), "PowerLogger_1m"),
    key("influx.b5m_bucket", Some("B5M_BUCKET"), "PowerLogger_5m"),
    key("influx.b1h_bucket", Some("B1H_BUCKET"), "PowerLogger_1h"),
    key("influx.measurement", Some("MEASUREMENT"), "PowerPulse"),
    key("influx.downsampling", None, "tasks"),
    key("influx.raw", None, ""),
    key("influx.ca_file", None, ""),
    key("influx.timeout_ms", None, "30000"),
    key("journal.dir", Some("QUEUE_DIR"), ""),
    key("journal.sync_interval_ms", None, "1000"),
    key("journal.max_bytes", None, "1 GiB"),
    key("journal.raw_retention_d", None, "30"),
    key("journal.waiting_pulses_max", None, "1000000"),
    key("clock.max_wait_s", None, "600"),
    key("clock.without_ntp", None, "hold"),
    key("clock.rtc", None, ""),
    key("deliver.batch_lines_max", None, "5000"),
    key("deliver.flush_ms", None, "500"),
    key("deliver.retries_max", None, "8"),
    key("deliver.replay_interval_ms", None, "10000"),
    web::KEYS[0],
    web::KEYS[1],
    web::KEYS[2],
    web::KEYS[3],
    key("log.debug", Some("DEBUG"), "false"),
    key("log.edges", Some("GPIO_LOG_EDGES"), "false"),
    env("GPIO_IMPORT_PIN", "20"),
    env("GPIO_EXPORT_PIN", "26"),
    env("GPIO_GENERATE_PIN", "21"),
    env("GPIO_PULL", "up"),
    env("GPIO_PULL_UP", ""),
    env("GPIO_ENQUEUE_EDGES", "rising"),
    env("GPIO_BOUNCE_TIME", "0.005"),
    env("GPIO_MIN_PULSE_INTERVAL", "0.03"),
    env("GPIO_ACTIVE_STATE", ""),
    env("GPIO_POLL_DEBUG", ""),
    env("GPIO_POLL_INTERVAL", ""),
];

/// Keys of the Python edition that do nothing any more: edges are not polled for.
pub const IDLE_KEYS: [&str; 2] = ["GPIO_POLL_DEBUG", "GPIO_POLL_INTERVAL"];

/// The keys of a `[[meter]]`, in the order in which they are shown, with their defaults.
pub const METER_KEYS: &[(&str, &str)] = &[
    ("name", ""),
    ("line", ""),
    ("chip", ""),
    ("bias", "up"),
    ("edge", "rising"),
    ("active", ""),
    ("bounce_ms", "5"),
    ("min_width_ms", "0"),
    ("max_width_ms", "0"),
    ("min_interval_ms", "30"),
    ("kernel_debounce_ms", "0"),
    ("imp_per_kwh", ""),
    ("max_power_kw", "44"),
];

/// What the keys of a `[[meter]]` are called in `.env`, where they hold for all meters.
const METER_ENV: [(&str, &str); 5] = [
    ("bias", "GPIO_PULL"),
    ("edge", "GPIO_ENQUEUE_EDGES"),
    ("active", "GPIO_ACTIVE_STATE"),
    ("bounce_ms", "GPIO_BOUNCE_TIME"),
    ("min_interval_ms", "GPIO_MIN_PULSE_INTERVAL"),
];

/// What a key is called in the file that its value came from.
pub fn as_written<'a>(name: &'a str, origin: &Origin) -> &'a str {
    if !origin.is_env() {
        return name;
    }
    let of_meter = METER_ENV.iter().find(|(own, _)| *own == name);
    of_meter
        .map(|(_, env)| *env)
        .or_else(|| by_name(name)?.env)
        .unwrap_or(name)
}

/// What a key concerns.
pub fn part_of(name: &str) -> Part {
    let table = name.split_once('.').map_or(name, |(table, _)| table);
    match table {
        "influx" | "deliver" => Part::Server,
        _ if name.starts_with("INFLUX_") => Part::Server,
        "log" | "clock" | "web" => Part::Aside,
        _ => Part::Counting,
    }
}

/// The key with this name in `.env` and the environment.
pub fn by_env(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.env == Some(name))
}

/// The key with this name.
pub fn by_name(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The one of `known` nearest to `name`, if one is near enough to be meant.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let far = (name.chars().count() / 3).max(2);
    known
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= far)
        .min()
        .map(|(_, candidate)| candidate)
}

/// What to add to the complaint about an unknown name.
pub fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(name, known.clone()) {
        Some(candidate) => format!(": did you mean \"{candidate}\"?"),
        None => format!("; there are {}", known.collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_found_and_a_far_one_is_not() {
        let known = || METER_KEYS.iter().map(|(name, _)| *name);
        assert_eq!(nearest("boune_ms", known()), Some("bounce_ms"));
        assert_eq!(nearest("min_intreval_ms", known()), Some("min_interval_ms"));
        assert_eq!(nearest("colour", known()), None);
        assert!(did_you_mean("colour", known()).contains("there are name, line"));
    }

    #[test]
    fn names_are_unique() {
        for (n, key) in KEYS.iter().enumerate() {
            let before = &KEYS[..n];
            assert!(
                before.iter().all(|other| other.name != key.name),
                "{}",
                key.name
            );
            let env = key.env.is_some() && before.iter().any(|other| other.env == key.env);
            assert!(!env, "{:?}", key.env);
        }
    }
}
