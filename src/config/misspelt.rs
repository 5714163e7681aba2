//! Keys of `.env` that are not ours: which of ours is meant, and what of the program they concern. Pure.

use super::catalogue::{by_env, env_names};
use super::nearest::nearest;
use super::problem::ConfigPart;

/// What other programs, and people, call our keys.
const ALSO_CALLED: &[(&str, &str)] = &[
    ("INFLUX_URL", "INFLUX_HOST"),
    ("INFLUX_URI", "INFLUX_HOST"),
    ("INFLUX_ADDR", "INFLUX_HOST"),
    ("INFLUX_ADDRESS", "INFLUX_HOST"),
    ("INFLUX_SERVER", "INFLUX_HOST"),
    ("INFLUX_PORT", "INFLUX_HOST"),
    ("INFLUX_ORGANIZATION", "INFLUX_ORG"),
    ("INFLUX_ORGANISATION", "INFLUX_ORG"),
    ("INFLUX_ORG_NAME", "INFLUX_ORG"),
    ("INFLUX_ORG_ID", "INFLUX_ORG"),
    ("INFLUX_API_TOKEN", "INFLUX_TOKEN"),
    ("INFLUX_ADMIN_TOKEN", "INFLUX_TOKEN"),
    ("INFLUX_AUTH_TOKEN", "INFLUX_TOKEN"),
    ("INFLUX_PASSWORD", "INFLUX_TOKEN"),
    ("INFLUX_WRITE_TOKEN", "INFLUX_WRITER_TOKEN"),
    ("INFLUX_BUCKET", "RAW_BUCKET"),
    ("INFLUX_BUCKET_NAME", "RAW_BUCKET"),
    ("INFLUX_RAW_BUCKET", "RAW_BUCKET"),
    ("INFLUX_DATABASE", "RAW_BUCKET"),
    ("INFLUX_DB", "RAW_BUCKET"),
    ("INFLUX_1M_BUCKET", "B1M_BUCKET"),
    ("INFLUX_5M_BUCKET", "B5M_BUCKET"),
    ("INFLUX_1H_BUCKET", "B1H_BUCKET"),
    ("INFLUX_MEASUREMENT", "MEASUREMENT"),
    ("GPIO_BOUNCE", "GPIO_BOUNCE_TIME"),
    ("GPIO_DEBOUNCE", "GPIO_BOUNCE_TIME"),
    ("GPIO_DEBOUNCE_TIME", "GPIO_BOUNCE_TIME"),
    ("GPIO_EDGE", "GPIO_ENQUEUE_EDGES"),
    ("GPIO_EDGES", "GPIO_ENQUEUE_EDGES"),
    ("GPIO_MIN_INTERVAL", "GPIO_MIN_PULSE_INTERVAL"),
    ("GPIO_PIN_IMPORT", "GPIO_IMPORT_PIN"),
    ("GPIO_PIN_EXPORT", "GPIO_EXPORT_PIN"),
    ("GPIO_PIN_GENERATE", "GPIO_GENERATE_PIN"),
    ("GPIO_GENERATION_PIN", "GPIO_GENERATE_PIN"),
    ("GPIO_IMPORT", "GPIO_IMPORT_PIN"),
    ("GPIO_EXPORT", "GPIO_EXPORT_PIN"),
    ("GPIO_GENERATE", "GPIO_GENERATE_PIN"),
];

/// The beginnings that no other program's keys have here.
const PREFIXES: [&str; 2] = ["INFLUX_", "GPIO_"];

/// Why a key of `.env` that is not ours is probably meant to be, and what it concerns; None: it belongs to
/// another program.
pub(super) fn misspelt(name: &str) -> Option<(String, ConfigPart)> {
    let upper = name.to_ascii_uppercase();
    let prefix = PREFIXES
        .into_iter()
        .find(|prefix| upper.starts_with(prefix));
    let plain = if prefix.is_some() {
        upper.as_str()
    } else {
        name
    };
    let called = ALSO_CALLED.iter().find(|(other, _)| *other == plain);
    let meant = called.map(|(_, ours)| *ours).or_else(|| {
        let same = env_names().find(|key| *key == plain);
        same.or_else(|| nearest(plain, env_names()).filter(|near| is_near(near, plain)))
    });
    if let Some(meant) = meant {
        let message = format!("unknown key \"{name}\": did you mean \"{meant}\"?");
        return Some((message, part_of_env(meant)));
    }
    let prefix = prefix?;
    let all: Vec<&str> = env_names().filter(|key| key.starts_with(prefix)).collect();
    let message = format!("unknown key \"{name}\"; there are {}", all.join(", "));
    Some((message, part_of_env(name)))
}

/// Whether the two differ by no more than slips of the hand: two at most, and in what stands behind a prefix
/// that both have no more than a third of it.
fn is_near(near: &str, name: &str) -> bool {
    let slips = strsim::damerau_levenshtein(near, name);
    let behind = PREFIXES
        .iter()
        .find_map(|prefix| {
            name.strip_prefix(prefix)
                .filter(|_| near.starts_with(prefix))
        })
        .unwrap_or(name);
    slips <= 2 && slips * 3 <= behind.chars().count().max(3)
}

/// What a key of `.env` concerns, ours or not.
pub(super) fn part_of_env(name: &str) -> ConfigPart {
    match by_env(name) {
        Some((_, part)) => part,
        None if name.starts_with("GPIO") => ConfigPart::Counting,
        None if name.starts_with("INFLUX") => ConfigPart::Server,
        None => ConfigPart::Aside,
    }
}

#[cfg(test)]
#[path = "misspelt_tests.rs"]
mod tests;
