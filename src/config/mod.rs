//! Settings: what `.env`, `powerlogger.toml` and the environment say, checked and typed.
//!
//! Three steps, three kinds of type: the files *as written* ([`dotenv`], `raw`); the *tables* read from them by a file
//! each (`section` and `sections`), where the line that reads a key declares it, each value with the place it came
//! from; and [`Settings`], which hold domain types only and are all that the other rooms see, each its own part.
//!
//! A new key is one line in the file of its table; a new table is a file and a line in `sections`. [`key::catalogue`]
//! knows all of them.

pub mod address;
pub mod described;
pub mod dotenv;
pub mod in_use;
pub mod key;
pub mod load;
pub mod problem;
pub mod spacing;
pub mod text;
pub mod token;
pub mod watch;

mod classic;
mod clock;
mod deliver;
mod destination;
mod given;
mod influx;
mod journal;
mod line_name;
mod log;
mod merge;
mod meters;
mod misspelt;
mod nearest;
mod raw;
mod seconds;
mod section;
mod sections;
mod server;
mod site;
mod size;
mod syntax;
mod unique;
mod web;

use std::fmt;

use crate::model::{Bias, CountedEdge, Level};

pub use clock::ClockSettings;
pub use deliver::DeliverSettings;
pub use destination::destination_name;
pub use given::Filled;
pub use influx::{Downsampling, InfluxSettings};
pub use journal::JournalSettings;
pub use load::{LoadOptions, Loaded, load, unreadable};
pub use log::LogSettings;
pub use problem::ConfigError;
pub use server::Influx;
pub use site::SiteSettings;
pub use token::{Secret, Token, TokenSource};
pub use web::{Listen, WEB_PORT, WebSettings};

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
    /// Where the page answers, and to whom.
    pub web: WebSettings,
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

#[cfg(test)]
#[path = "fixture_tests.rs"]
mod fixture;
