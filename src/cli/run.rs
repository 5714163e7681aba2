//! `powerlogger run`: the daemon, on real lines, on the simulated house, or on a recording.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use jiff::{Timestamp, ToSpan};
use tracing::{info, warn};
use tracing_subscriber::filter::LevelFilter;

use super::time::{self, Moment};
use crate::capture::gpio::GpioSource;
use crate::capture::pace::Pace;
use crate::capture::recorded::RecordedSource;
use crate::capture::recorder::{Recorder, RecordingSource};
use crate::capture::simulated::{SimulatedOptions, SimulatedSource};
use crate::capture::waker::Waker;
use crate::capture::Source;
use crate::clock::segment::EARLIEST_WALL_NS;
use crate::clock::{Clock, SystemClock};
use crate::config::{Influx, Loaded, Settings};
use crate::daemon::{self, Parts};
use crate::deliver::sink::{InfluxSink, Sink};
use crate::pulse::{NS_PER_S, WallNs};

/// Options of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Count a simulated house instead of GPIO lines: load, appliances, PV, export.
    #[arg(long, conflicts_with = "replay")]
    simulate: bool,

    /// Count the edges of a recording instead of GPIO lines.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,

    /// Write all edges to a file, for a bug report or a test.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// How many times faster than real time the simulation or recording runs; `max`: as fast as
    /// it goes.
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_speed)]
    speed: Speed,

    /// When the simulation begins, such as 2026-06-21T00:00:00Z or "-1 day" [default: now].
    #[arg(long, value_name = "TIME", requires = "simulate", allow_hyphen_values = true)]
    from: Option<Moment>,

    /// End after this much simulated time, such as 24h or "7 days" [default: go on].
    #[arg(long = "for", value_name = "SPAN", requires = "simulate", value_parser = time::parse_span_ns)]
    span_ns: Option<i64>,

    /// The simulated house's seed: the same seed and start give the same pulses.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "simulate")]
    seed: u64,
}

/// How fast simulated time runs; None: as fast as it goes.
#[derive(Debug, Clone, Copy)]
struct Speed(Option<f64>);

fn parse_speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed(None));
    }
    match text.parse::<f64>() {
        Ok(speed) if speed.is_finite() && speed > 0.0 => Ok(Speed(Some(speed))),
        _ => Err("a positive number, or `max`".to_owned()),
    }
}
