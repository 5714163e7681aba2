//! `[influx]`: the server, its buckets, and who writes them.

use std::path::{Path, PathBuf};

use super::address;
use super::given::Given;
use super::key::{Key, env_key, key};
use super::lacking::{Lacking, is_placeholder};
use super::nearest::nearest;
use super::place::place;
use super::secret::Token;
use super::section::Section;
use super::text::invisible;
use crate::model::{COST_FIELD, ENERGY_FIELD, ExtraFields, POWER_FIELD, Tier, View};

/// The measurement of all points, where none is configured.
pub const MEASUREMENT: &str = "PowerPulse";

/// The buckets of raw, 1m, 5m and 1h, where none are configured.
pub const BUCKETS: [&str; 4] = [
    "PowerLogger_raw",
    "PowerLogger_1m",
    "PowerLogger_5m",
    "PowerLogger_1h",
];

/// The InfluxDB 2 to send to.
#[derive(Debug, Clone, PartialEq)]
pub struct InfluxSettings {
    /// Base URL, without a trailing slash.
    pub host: String,
    /// Organization name.
    pub org: String,
    /// The token `run` uses, by the order of [`super::TokenSource`]; None: there is none yet.
    pub token: Option<Token>,
    /// Bucket of the raw pulses.
    pub raw_bucket: String,
    /// Bucket of the 1m windows.
    pub b1m_bucket: String,
    /// Bucket of the 5m windows.
    pub b5m_bucket: String,
    /// Bucket of the 1h windows.
    pub b1h_bucket: String,
    /// Measurement.
    pub measurement: String,
    /// Who writes the windows of the three views.
    pub downsampling: Downsampling,
    /// Whether the pulses themselves are sent.
    pub raw: bool,
    /// What points have beside the pulses.
    pub extra_fields: ExtraFields,
    /// A file of certificates (PEM) to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The longest a request may take, in milliseconds.
    pub timeout_ms: u64,
}

/// Who writes the windows of the views on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Downsampling {
    /// Flux tasks while a window is young, the daemon's reconciler afterwards.
    Tasks,
    /// The daemon: for servers without tasks.
    Client,
    /// No windows are written.
    Off,
}

impl Downsampling {
    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Downsampling::Tasks => "tasks",
            Downsampling::Client => "client",
            Downsampling::Off => "off",
        }
    }
}

/// What the name of a bucket for simulated pulses has in it.
const SIMULATED: &str = "simulated";

impl InfluxSettings {
    /// A bucket that would be written to and whose name does not say that it is for simulated pulses; None: all of
    /// them say so.
    pub fn not_for_simulated(&self) -> Option<&str> {
        let is_written = |level: &Tier| match level {
            Tier::Raw => self.raw,
            Tier::View(_) => self.downsampling != Downsampling::Off,
        };
        let written = Tier::ALL.into_iter().filter(is_written);
        let mut names = written.map(|level| self.bucket(level));
        names.find(|name| !name.to_lowercase().contains(SIMULATED))
    }

    /// The bucket of a level.
    pub fn bucket(&self, level: Tier) -> &str {
        match level {
            Tier::Raw => &self.raw_bucket,
            Tier::View(View::Minute) => &self.b1m_bucket,
            Tier::View(View::FiveMinutes) => &self.b5m_bucket,
            Tier::View(View::Hour) => &self.b1h_bucket,
        }
    }
}

/// Reads the table: the server without its token, and what is lacking. `dir`: where the files are.
pub(super) fn read(s: &mut Section<'_>, dir: &Path) -> (InfluxSettings, Vec<Lacking>) {
    let host = s.text_if_set(key("influx.host", "address with its port").env("INFLUX_HOST"));
    let org = s.text_if_set(key("influx.org", "organization").env("INFLUX_ORG"));
    s.text_if_set(env_key("INFLUX_TOKEN", "token; the last one that run looks at").secret());
    s.text_if_set(
        env_key(
            "INFLUX_WRITER_TOKEN",
            "token that may write to the raw bucket",
        )
        .secret(),
    );
    let raw = key("influx.raw_bucket", "one point a pulse").env("RAW_BUCKET");
    let raw = bucket(s, raw, BUCKETS[0]);
    let b1m = key("influx.b1m_bucket", "pulses a minute").env("B1M_BUCKET");
    let b1m = bucket(s, b1m, BUCKETS[1]);
    let b5m = key("influx.b5m_bucket", "pulses in 5 minutes").env("B5M_BUCKET");
    let b5m = bucket(s, b5m, BUCKETS[2]);
    let b1h = key("influx.b1h_bucket", "pulses an hour").env("B1H_BUCKET");
    let b1h = bucket(s, b1h, BUCKETS[3]);
    let measurement = measurement(s);
    check_buckets_differ(s, [&raw, &b1m, &b5m, &b1h]);
    let (downsampling, is_raw) = downsampling(s);
    let extra_fields = extra_fields(s);
    let ca_file = s.text_if_set(key(
        "influx.ca_file",
        "certificates (PEM) to trust beside the system's",
    ));
    let timeout_ms = s.number(
        key("influx.timeout_ms", "the longest a request may take"),
        30_000,
        100..=600_000,
    );
    let mut lacking = Vec::new();
    let host = needed(host, "INFLUX_HOST", &mut lacking);
    let org = needed(org, "INFLUX_ORG", &mut lacking);
    if let Some(org) = &org {
        check_carried(s, org);
    }
    let settings = InfluxSettings {
        host: host.map_or_else(String::new, |host| check_host(s, &host)),
        org: org.map_or_else(String::new, |org| org.text),
        token: None,
        raw_bucket: raw.text,
        b1m_bucket: b1m.text,
        b5m_bucket: b5m.text,
        b1h_bucket: b1h.text,
        measurement,
        downsampling,
        raw: is_raw,
        extra_fields,
        ca_file: ca_file.map(|path| place(dir, path.text)),
        timeout_ms,
    };
    (settings, lacking)
}

/// The value of a key that no server can do without; None: it is not there, or still what the example says.
fn needed(given: Option<Given>, name: &'static str, lacking: &mut Vec<Lacking>) -> Option<Given> {
    let is_placeholder = given
        .as_ref()
        .is_some_and(|given| is_placeholder(&given.text));
    let given = given.filter(|_| !is_placeholder);
    if given.is_none() {
        lacking.push(Lacking {
            name,
            is_placeholder,
        });
    }
    given
}

/// Who writes the windows, and whether the pulses are sent. Where the daemon writes the windows the
/// server is likely one that keeps milliseconds only, or duplicates: pulses go there if asked for.
fn downsampling(s: &mut Section<'_>) -> (Downsampling, bool) {
    let words = [Downsampling::Tasks, Downsampling::Client, Downsampling::Off];
    let words = words.map(|downsampling| (downsampling.as_str(), downsampling));
    let chosen = s.choice(
        key("influx.downsampling", "who writes 1m, 5m and 1h"),
        &words,
    );
    let raw = s.flag_if_set(key("influx.raw", "send the pulses themselves"));
    if raw == Some(false) && chosen == Downsampling::Tasks {
        let origin = s.filled("influx.raw").map(|value| value.origin.clone());
        let message = "influx.raw: the tasks count the pulses in the raw bucket; with raw = false use \
                       downsampling = \"client\"";
        s.problem(&origin.unwrap_or_else(|| s.begin()), message);
    }
    (chosen, raw.unwrap_or(chosen != Downsampling::Client))
}

/// The task of a view makes power from the energy in raw; what has a cost has energy.
fn extra_fields(s: &mut Section<'_>) -> ExtraFields {
    let meaning = "what points have beside Pulse: energy_wh, power_w, cost";
    let mut extra = ExtraFields::default();
    let Some(given) = s.list(key("influx.extra_fields", meaning), "") else {
        return extra;
    };
    for item in given.items() {
        match item {
            ENERGY_FIELD => extra.energy = true,
            POWER_FIELD => extra.power = true,
            COST_FIELD => extra.cost = true,
            _ => {
                let near = nearest(item, ExtraFields::NAMES.into_iter());
                let hint = near.map_or_else(
                    || format!(": there are {ENERGY_FIELD}, {POWER_FIELD} and {COST_FIELD}"),
                    |near| format!(": did you mean \"{near}\"?"),
                );
                s.complain(&given, format!("\"{item}\" is no extra field{hint}"));
            }
        }
    }
    for (is_chosen, name) in [(extra.power, POWER_FIELD), (extra.cost, COST_FIELD)] {
        if is_chosen && !extra.energy {
            let message = format!("{name} is made of {ENERGY_FIELD}: name both");
            s.complain(&given, message);
        }
    }
    extra
}

fn check_host(s: &mut Section<'_>, host: &Given) -> String {
    match address::parse(&host.text) {
        Ok(address) => {
            if let Some(note) = address.note {
                s.note(format!("{}: {}: {note}", host.origin, host.name));
            }
            address.url
        }
        Err(why) => {
            s.complain(host, why);
            String::new()
        }
    }
}

/// A bucket's name, but for what InfluxDB refuses (I:tenant/http_server_bucket.go).
fn bucket(s: &mut Section<'_>, key: Key, default: &'static str) -> Given {
    let name = s.text(key, default);
    check_carried(s, &name);
    if name.text.contains('"') {
        s.complain(&name, "InfluxDB refuses a bucket name with \"");
    }
    if name.text.starts_with('_') {
        s.complain(&name, "bucket names that begin with _ are InfluxDB's own");
    }
    name
}

/// The same measurement and field mean something else in each bucket.
fn check_buckets_differ(s: &mut Section<'_>, buckets: [&Given; 4]) {
    for (n, bucket) in buckets.iter().enumerate() {
        let same = buckets[..n].iter().find(|other| other.text == bucket.text);
        if let Some(other) = same {
            s.complain(
                bucket,
                format!("\"{}\" is {} already", bucket.text, other.name),
            );
            return;
        }
    }
}

fn measurement(s: &mut Section<'_>) -> String {
    let measurement = key("influx.measurement", "measurement of all points").env("MEASUREMENT");
    let measurement = s.text(measurement, MEASUREMENT);
    check_carried(s, &measurement);
    if measurement.text.contains('\\') || measurement.text.starts_with('#') {
        let message = "line protocol can carry neither a backslash nor a # at the beginning";
        s.complain(&measurement, message);
    }
    measurement.text
}

/// What neither a URL nor a log line can carry, and what cannot be seen and found again.
fn check_carried(s: &mut Section<'_>, name: &Given) {
    let Some(c) = invisible(&name.text) else {
        return;
    };
    if c.is_control() {
        s.complain(name, "control characters cannot be in a name");
    } else {
        let code = u32::from(c);
        s.complain(
            name,
            format!("an invisible character (U+{code:04X}) is in it: type it again"),
        );
    }
}
