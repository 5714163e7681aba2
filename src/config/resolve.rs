//! Values become settings: text becomes domain types, once. Pure.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::address;
use super::keys::as_written;
use super::merge::{FLAGS, Values};
use super::problem::Value;
use super::text::invisible;
use super::{
    ClockSettings, DeliverSettings, Downsampling, InfluxSettings, JournalSettings, LogSettings,
};

/// The places where a value of the original's example was not replaced.
const PLACEHOLDERS: [&str; 3] = ["paste_your_token_here", "your_influx", "your-host"];

/// A choice among words.
pub(super) fn choice<T: Copy>(
    values: &mut Values,
    name: &str,
    value: &Value,
    among: &[(&str, T)],
) -> Option<T> {
    let word = value.text.to_ascii_lowercase();
    let found = among
        .iter()
        .find(|(known, _)| *known == word)
        .map(|(_, choice)| *choice);
    if found.is_none() {
        let words: Vec<&str> = among.iter().map(|(word, _)| *word).collect();
        let shown = as_written(name, &value.origin);
        let message = format!(
            "{shown}: \"{}\" is none of {}",
            value.text,
            words.join(", ")
        );
        values.complain_about(name, &value.origin, message);
    }
    found
}

/// True or false, in the words that people use.
pub(super) fn flag(values: &mut Values, name: &str, value: &Value) -> bool {
    choice(values, name, value, &FLAGS).unwrap_or(false)
}

/// A number within a range; the least of it where it is none.
pub(super) fn number<T>(
    values: &mut Values,
    name: &str,
    value: &Value,
    range: RangeInclusive<T>,
) -> T
where
    T: FromStr + PartialOrd + Display + Copy,
{
    match value.text.parse::<T>() {
        Ok(number) if range.contains(&number) => return number,
        Ok(number) => {
            let message = format!(
                "{}: {number} is out of range ({} to {})",
                as_written(name, &value.origin),
                range.start(),
                range.end()
            );
            values.complain_about(name, &value.origin, message);
        }
        Err(_) => {
            let kind = if value.text.parse::<f64>().is_ok() {
                "whole number"
            } else {
                "number"
            };
            let shown = as_written(name, &value.origin);
            let message = format!("{shown}: \"{}\" is not a {kind}", value.text);
            values.complain_about(name, &value.origin, message);
        }
    }
    *range.start()
}

/// The same for a key with a default.
fn whole(values: &mut Values, name: &str, range: RangeInclusive<u64>) -> u64 {
    let value = values.get(name).expect("it has a default").clone();
    number(values, name, &value, range)
}

/// The journal. `found`: where it is when nobody says so.
pub(super) fn journal(values: &mut Values, found: &Path) -> JournalSettings {
    let dir = values
        .get("journal.dir")
        .map_or_else(|| found.to_owned(), |v| PathBuf::from(&v.text));
    let sync_interval_ms = whole(values, "journal.sync_interval_ms", 10..=60_000);
    let retention = whole(values, "journal.raw_retention_d", 1..=36_500);
    let raw_retention_d = u32::try_from(retention).expect("at most 36,500");
    JournalSettings {
        dir,
        sync_interval_ms,
        max_bytes: max_bytes(values),
        raw_retention_d,
    }
}

/// How many pulses may wait in memory for the disk: 24 bytes each.
pub(super) fn waiting_pulses_max(values: &mut Values) -> usize {
    let most = whole(values, "journal.waiting_pulses_max", 1_000..=100_000_000);
    usize::try_from(most).expect("it is in range")
}

/// When the wall clock is believed. Where something is wrong with it: when NTP confirms it, so that nothing
/// gets a time that nobody has chosen; until then pulses are kept and held.
pub(super) fn clock(values: &mut Values) -> ClockSettings {
    let problems = values.problems.len();
    let max_wait_s = whole(values, "clock.max_wait_s", 0..=31_536_000);
    let name = "clock.without_ntp";
    let value = values.get(name).expect("it has a default").clone();
    let words = [("hold", false), ("assume", true)];
    let assume = choice(values, name, &value, &words).unwrap_or(false);
    let rtc = values.get("clock.rtc").cloned();
    let rtc = rtc.map(|value| flag(values, "clock.rtc", &value));
    if values.problems.len() > problems {
        return ClockSettings {
            max_wait_s,
            assume: false,
            rtc: Some(false),
        };
    }
    ClockSettings {
        max_wait_s,
        assume,
        rtc,
    }
}

/// The least that lets the journal work: its WAL alone takes as much.
const MAX_BYTES_LEAST: u64 = 1 << 20;

fn max_bytes(values: &mut Values) -> u64 {
    let value = values
        .get("journal.max_bytes")
        .expect("it has a default")
        .clone();
    match parse_bytes(&value.text) {
        Some(bytes) if bytes >= MAX_BYTES_LEAST => bytes,
        Some(_) => {
            values.complain(&value.origin, "journal.max_bytes: at least 1 MiB is needed");
            MAX_BYTES_LEAST
        }
        None => {
            let message = format!(
                "journal.max_bytes: \"{}\" is not a size, such as 1073741824 or \"1 GiB\"",
                value.text
            );
            values.complain(&value.origin, message);
            MAX_BYTES_LEAST
        }
    }
}

/// A size in bytes, with a unit or without.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let bytes = number.parse::<f64>().ok()? * factor as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked"
    )]
    let bytes = (bytes.is_finite() && bytes < 1e18).then_some(bytes as u64);
    bytes
}

/// How pulses are sent.
pub(super) fn deliver(values: &mut Values) -> DeliverSettings {
    let lines = whole(values, "deliver.batch_lines_max", 1..=5_000);
    let retries = whole(values, "deliver.retries_max", 0..=100);
    DeliverSettings {
        batch_lines_max: usize::try_from(lines).expect("at most 5,000"),
        flush_ms: whole(values, "deliver.flush_ms", 0..=60_000),
        retries_max: u32::try_from(retries).expect("at most 100"),
        replay_interval_ms: whole(values, "deliver.replay_interval_ms", 10..=3_600_000),
    }
}

/// What is logged.
pub(super) fn log(values: &mut Values) -> LogSettings {
    let debug = values.get("log.debug").expect("it has a default").clone();
    let edges = values.get("log.edges").expect("it has a default").clone();
    // The Python edition's GPIO_LOG_EDGES named the edges to log; all are logged here.
    let named = ["rising", "falling", "both"];
    let is_named = named
        .iter()
        .any(|word| edges.text.eq_ignore_ascii_case(word));
    LogSettings {
        debug: flag(values, "log.debug", &debug),
        edges: is_named || flag(values, "log.edges", &edges),
    }
}

/// Whether this is what the example file says, not what somebody chose.
pub(super) fn is_placeholder(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.starts_with("your_")
        || PLACEHOLDERS
            .iter()
            .any(|placeholder| text.contains(placeholder))
}

/// A key that is needed and not there, or still holds what the example says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lacking {
    pub name: &'static str,
    pub is_placeholder: bool,
}

/// What is to be done about what is lacking. `example`: a file that shows how it is written.
pub(super) fn remedy(lacking: &[Lacking], file: &Path, example: Option<&Path>) -> String {
    let of = |is_placeholder, one: &str, more: &str| {
        let names = lacking
            .iter()
            .filter(|key| key.is_placeholder == is_placeholder);
        let names: Vec<&str> = names.map(|key| key.name).collect();
        match names.split_last() {
            None => None,
            Some((last, [])) => Some(format!("{last} {one}")),
            Some((last, first)) => Some(format!("{} and {last} {more}", first.join(", "))),
        }
    };
    let parts = [
        of(false, "is not set", "are not set"),
        of(
            true,
            "still holds the example's placeholder",
            "still hold the example's placeholders",
        ),
    ];
    let what = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
    let example = example.map_or_else(String::new, |path| {
        format!(" (an example: {})", path.display())
    });
    format!("{what}; edit {}{example}", file.display())
}

/// The server to send to, without a token yet, and what of it is lacking.
pub(super) fn influx(values: &mut Values, dir: &Path) -> (InfluxSettings, Vec<Lacking>) {
    let bucket = |values: &mut Values, name: &str| {
        let value = values.get(name).expect("it has a default").clone();
        check_bucket(values, name, &value);
        value.text
    };
    let raw_bucket = bucket(values, "influx.raw_bucket");
    let b1m_bucket = bucket(values, "influx.b1m_bucket");
    let b5m_bucket = bucket(values, "influx.b5m_bucket");
    let b1h_bucket = bucket(values, "influx.b1h_bucket");
    let measurement = values
        .get("influx.measurement")
        .expect("it has a default")
        .clone();
    check_carried(values, "influx.measurement", &measurement);
    if measurement.text.contains('\\') || measurement.text.starts_with('#') {
        let message = format!(
            "{}: line protocol can carry neither a backslash nor a # at the beginning",
            as_written("influx.measurement", &measurement.origin)
        );
        values.complain_about("influx.measurement", &measurement.origin, message);
    }
    check_buckets_differ(values);
    let (downsampling, raw) = downsampling(values);
    let timeout_ms = whole(values, "influx.timeout_ms", 100..=600_000);
    let ca_file = values
        .get("influx.ca_file")
        .map(|value| dir.join(&value.text));
    let mut lacking = Vec::new();
    let mut needed = |values: &mut Values, name: &'static str, key: &str| {
        let value = values.get(key).cloned();
        let is_placeholder = value
            .as_ref()
            .is_some_and(|value| is_placeholder(&value.text));
        if value.is_none() || is_placeholder {
            lacking.push(Lacking {
                name,
                is_placeholder,
            });
            return None;
        }
        value
    };
    let host = needed(values, "INFLUX_HOST", "influx.host");
    let org = needed(values, "INFLUX_ORG", "influx.org");
    if let Some(org) = &org {
        check_carried(values, "influx.org", org);
    }
    let settings = InfluxSettings {
        host: host.map_or_else(String::new, |host| check_host(values, &host)),
        org: org.map_or_else(String::new, |org| org.text),
        token: None,
        raw_bucket,
        b1m_bucket,
        b5m_bucket,
        b1h_bucket,
        measurement: measurement.text,
        downsampling,
        raw,
        ca_file,
        timeout_ms,
    };
    (settings, lacking)
}

/// Who writes the windows, and whether the pulses are sent. Where the daemon writes the windows the
/// server is likely one that keeps milliseconds only, or duplicates: pulses go there if asked for.
fn downsampling(values: &mut Values) -> (Downsampling, bool) {
    let name = "influx.downsampling";
    let value = values.get(name).expect("it has a default").clone();
    let words = [Downsampling::Tasks, Downsampling::Client, Downsampling::Off];
    let words = words.map(|downsampling| (downsampling.as_str(), downsampling));
    let chosen = choice(values, name, &value, &words).unwrap_or(Downsampling::Tasks);
    let name = "influx.raw";
    let raw = match values.get(name).cloned() {
        Some(value) => flag(values, name, &value),
        None => chosen != Downsampling::Client,
    };
    if !raw && chosen == Downsampling::Tasks {
        let message = "influx.raw: the tasks count the pulses in the raw bucket; with raw = false use \
                       downsampling = \"client\"";
        let origin = values.get(name).expect("it says false").origin.clone();
        values.complain_about(name, &origin, message);
    }
    (chosen, raw)
}

/// The same measurement and field mean something else in each bucket.
fn check_buckets_differ(values: &mut Values) {
    let names = ["raw_bucket", "b1m_bucket", "b5m_bucket", "b1h_bucket"];
    let names = names.map(|name| format!("influx.{name}"));
    for (n, name) in names.iter().enumerate() {
        let value = values.get(name).expect("it has a default").clone();
        for other in &names[..n] {
            if values
                .get(other)
                .is_some_and(|other| other.text == value.text)
            {
                let shown = as_written(name, &value.origin);
                let other = as_written(other, &value.origin);
                let message = format!("{shown}: \"{}\" is {other} already", value.text);
                values.complain_about(name, &value.origin, message);
                return;
            }
        }
    }
}

fn check_host(values: &mut Values, host: &Value) -> String {
    let shown = as_written("influx.host", &host.origin);
    match address::parse(&host.text) {
        Ok(address) => {
            if let Some(note) = address.note {
                values.note(format!("{}: {shown}: {note}", host.origin));
            }
            address.url
        }
        Err(why) => {
            values.complain_about("influx.host", &host.origin, format!("{shown}: {why}"));
            String::new()
        }
    }
}

/// What InfluxDB refuses as a bucket's name (I:tenant/http_server_bucket.go).
fn check_bucket(values: &mut Values, name: &str, value: &Value) {
    check_carried(values, name, value);
    let shown = as_written(name, &value.origin);
    if value.text.contains('"') {
        let message = format!("{shown}: InfluxDB refuses a bucket name with \"");
        values.complain_about(name, &value.origin, message);
    }
    if value.text.starts_with('_') {
        let message = format!("{shown}: bucket names that begin with _ are InfluxDB's own");
        values.complain_about(name, &value.origin, message);
    }
}

/// What neither a URL nor a log line can carry, and what nobody can see and find again.
fn check_carried(values: &mut Values, name: &str, value: &Value) {
    if let Some(c) = invisible(&value.text) {
        let what = if c.is_control() {
            "control characters cannot be in a name".to_owned()
        } else {
            format!(
                "an invisible character (U+{:04X}) is in it: type it again",
                u32::from(c)
            )
        };
        let message = format!("{}: {what}", as_written(name, &value.origin));
        values.complain_about(name, &value.origin, message);
    }
}
