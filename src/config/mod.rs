//! Settings: what `.env`, `powerlogger.toml` and the environment say, checked and typed.
//!
//! Three steps, three kinds of type: the files *as written* ([`dotenv`], [`raw`]), the *values*
//! merged from them with the place each came from ([`merge`]), and [`Settings`], which hold domain
//! types only and are all that the other rooms see, each its own part.

pub mod address;
pub mod described;
pub mod dotenv;
pub mod keys;
pub mod load;
pub mod merge;
pub mod meters;
pub mod problem;
pub mod raw;
pub mod resolve;
pub mod spacing;
pub mod text;
pub mod token;
pub mod watch;
pub mod web;

mod line_name;
mod misspelt;
mod seconds;
mod syntax;
mod unique;

use std::fmt;
use std::path::PathBuf;

use crate::model::{Bias, CountedEdge, Level};
use crate::model::{Tier, View};

pub use load::{LoadOptions, Loaded, load, unreadable};
pub use problem::ConfigError;

/// Everything the program can be told, validated.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The meters, in the order of the configuration; a [`crate::model::MeterId`] indexes it.
    pub meters: Vec<MeterSettings>,
    /// Where and how pulses are kept.
    pub journal: JournalSettings,
    /// The most pulses that wait in memory while the disk does not take them.
    pub waiting_pulses_max: usize,
    /// When the wall clock is believed.
    pub clock: ClockSettings,
    /// How they are sent.
    pub deliver: DeliverSettings,
    /// Where they are sent to.
    pub influx: Influx,
    /// Where the page and the API are served.
    pub web: web::WebSettings,
    /// What is logged.
    pub log: LogSettings,
}

/// One meter: a name, a line, and what counts as a pulse on it.
#[derive(Debug, Clone, PartialEq)]
pub struct MeterSettings {
    /// The name; also the value of the tag `PulseType`.
    pub name: String,
    /// The line it is wired to.
    pub line: LineSettings,
    /// What counts as a pulse.
    pub filter: FilterSettings,
    /// Pulses for one kilowatt-hour, as printed on the meter's face. None: not known.
    pub imp_per_kwh: Option<f64>,
    /// The most power that can flow through it, in watts: pulses that mean more are interference.
    pub max_power_w: f64,
}

/// Which GPIO line, and how to request it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineSettings {
    /// The chip: a label (`pinctrl-bcm2711`), a name (`gpiochip0`) or a path. None: any chip
    /// that has the line.
    pub chip: Option<String>,
    /// The line on it.
    pub line: LineName,
    /// The resistor to switch on.
    pub bias: Bias,
    /// Debounce period of the kernel in microseconds; 0: none, all edges are seen.
    pub kernel_debounce_us: u32,
}

/// A line by its name or by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineName {
    /// The chip's own name for the line, such as `GPIO20`.
    Name(String),
    /// A GPIO number: the line named `GPIO<number>`, else the offset on the chip.
    Number(u32),
}

impl fmt::Display for LineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineName::Name(name) => f.write_str(name),
            LineName::Number(number) => write!(f, "GPIO{number}"),
        }
    }
}

/// What counts as a pulse: the settings of the pure filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterSettings {
    /// Which transitions count.
    pub counted: CountedEdge,
    /// The level of the line while the meter's output is active; its duration is the width.
    pub active: Level,
    /// How long a level must stay to be believed, in nanoseconds; 0: every edge is believed.
    pub bounce_ns: i64,
    /// The shortest active phase that is a pulse, in nanoseconds; 0: any.
    pub min_width_ns: i64,
    /// The longest active phase that is a pulse, in nanoseconds; 0: any. A meter's LED that is lit
    /// steadily while there is no load gives none.
    pub max_width_ns: i64,
    /// The shortest time between two pulses, in nanoseconds; 0: any.
    pub min_interval_ns: i64,
}

/// Where and how pulses are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalSettings {
    /// The directory of the journal (`QUEUE_DIR`).
    pub dir: PathBuf,
    /// Within how long a committed pulse survives a power cut, in milliseconds.
    pub sync_interval_ms: u64,
    /// The most the journal may take on the disk, in bytes.
    pub max_bytes: u64,
    /// How long delivered pulses are kept, in days; also the retention of the raw bucket.
    pub raw_retention_d: u32,
}

/// When the wall clock is believed although NTP has not confirmed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSettings {
    /// For so long NTP is waited for, in seconds.
    pub max_wait_s: u64,
    /// What to do afterwards with a time that nobody has set: take it for right, or hold the pulses.
    pub assume: bool,
    /// Whether the machine has a clock that runs while it is off; None: look.
    pub rtc: Option<bool>,
}

/// How pulses are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverSettings {
    /// The most lines in one request.
    pub batch_lines_max: usize,
    /// The shortest time between two requests with live data, in milliseconds.
    pub flush_ms: u64,
    /// Quick retries of a failed request, with exponential backoff and jitter.
    pub retries_max: u32,
    /// Time between tries after the quick ones are used up, in milliseconds.
    pub replay_interval_ms: u64,
}

/// Whether there is a server to send to.
#[derive(Debug, Clone, PartialEq)]
pub enum Influx {
    /// There is.
    Configured(Box<InfluxSettings>),
    /// Not yet; the text says what is missing and what to do.
    NotConfigured(String),
}

/// The InfluxDB 2 to send to.
#[derive(Debug, Clone, PartialEq)]
pub struct InfluxSettings {
    /// Base URL, without a trailing slash.
    pub host: String,
    /// Organisation name.
    pub org: String,
    /// The token `run` uses, by the order of [`TokenSource`]; None: there is none yet.
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
    /// Nobody.
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

/// A token and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// The secret itself.
    pub secret: Secret,
    /// Where it was found.
    pub source: TokenSource,
}

/// Where the token of `run` comes from; the first that is there wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// A systemd credential (`$CREDENTIALS_DIRECTORY/influx-token`).
    Credential,
    /// `INFLUX_WRITER_TOKEN`.
    WriterEnv,
    /// `writer.token` beside the configuration, written by `setup`.
    WriterFile,
    /// `INFLUX_TOKEN`.
    AdminEnv,
}

/// What is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSettings {
    /// Log at debug level (`DEBUG`).
    pub debug: bool,
    /// Log each edge (`GPIO_LOG_EDGES`).
    pub edges: bool,
}

/// A secret: cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret into custody.
    pub fn new(secret: impl Into<String>) -> Secret {
        Secret(secret.into())
    }

    /// The secret itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
