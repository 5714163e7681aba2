//! What is to be exported, and why it cannot be.

use std::io;

use crate::config::{Influx, Loaded, MEASUREMENT};
use crate::influx::line_protocol::LineError;
use crate::journal::JournalError;
use crate::model::{View, WallNs};

/// How pulses are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// InfluxDB line protocol, as it is delivered.
    LineProtocol,
    /// Comma-separated.
    Csv,
}

/// What is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportRequest {
    /// The first instant, in nanoseconds since 1970.
    pub from_ns: WallNs,
    /// The instant after the last one.
    pub to_ns: WallNs,
    /// In which form.
    pub format: ExportFormat,
    /// Windows of this view; None: pulses.
    pub view: Option<View>,
    /// The names of the meters; empty: all.
    pub meters: Vec<String>,
    /// Simulated pulses are marked as such in the first line: a file outlives what was said beside it.
    pub marks_simulated: bool,
}

/// Why not all is written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The output.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A name cannot stand in line protocol.
    #[error(transparent)]
    Name(#[from] LineError),
    /// A time cannot be written.
    #[error(transparent)]
    Time(#[from] jiff::Error),
    /// There is no such meter.
    #[error("the journal has no meter {wanted:?}; it has {}", known.join(", "))]
    NoMeter {
        /// The name that was given.
        wanted: String,
        /// The meters that there are.
        known: Vec<String>,
    },
}

/// The measurement that `run` would write to.
pub(super) fn measurement(loaded: &Loaded) -> &str {
    match &loaded.settings.influx {
        Influx::Configured(influx) => &influx.measurement,
        Influx::NotConfigured(_) => MEASUREMENT,
    }
}
