//! `powerlogger run`: the daemon, on real lines, on the simulated house, or on a recording.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{ArgGroup, Args};

use super::log;
use super::time::{self, Moment};
use crate::clock::{Clock, SystemClock};
use crate::config::Loaded;
use crate::owner::rights;
use crate::start::{self, Counted, RunRequest, StartError};
use crate::system::systemd;

/// Options of `run`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("made_time").args(["simulate", "replay"])))]
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
    #[arg(
        long, value_name = "N", default_value = "1", value_parser = parse_speed,
        requires = "made_time"
    )]
    speed: Speed,

    /// When the simulation begins, such as 2026-06-21T00:00:00Z or "-1 day" [default: now].
    #[arg(
        long = "since",
        alias = "from",
        value_name = "TIME",
        requires = "simulate",
        allow_hyphen_values = true
    )]
    from: Option<Moment>,

    /// Count so much of the simulated house's past first, as fast as it goes, such as "30 days"; it ends where the
    /// simulation begins.
    #[arg(long = "past", value_name = "SPAN", requires = "simulate", value_parser = time::parse_span_ns)]
    past_ns: Option<i64>,

    /// End after this much simulated time, such as 24h or "7 days" [default: go on].
    #[arg(long = "for", value_name = "SPAN", requires = "simulate", value_parser = time::parse_span_ns)]
    span_ns: Option<i64>,

    /// The simulated house's seed: the same seed and start give the same pulses.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "simulate")]
    seed: u64,
}

impl RunArgs {
    /// Whether the source makes its own time, because it makes its own edges.
    pub(super) fn makes_time(&self) -> bool {
        self.simulate || self.replay.is_some()
    }
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

/// Runs until told to stop.
///
/// # Errors
/// When nothing can be counted or kept.
pub fn run(args: &RunArgs, loaded: &Loaded) -> anyhow::Result<()> {
    // What the command line names is opened by the user who has named it, before root becomes another one.
    let replayed = args.replay.as_deref().map(open).transpose()?;
    let record = args.record.as_deref().map(rights::create).transpose()?;
    let Speed(speed) = args.speed;
    let counted = match (args.simulate, args.replay.clone().zip(replayed)) {
        (true, _) => Counted::Simulated {
            seed: args.seed,
            from_ns: args
                .from
                .unwrap_or(Moment::FromNow(0))
                .resolve(SystemClock.wall_ns())?,
            past_ns: args.past_ns.unwrap_or(0),
            span_ns: args.span_ns,
            speed,
        },
        (false, Some((path, file))) => Counted::Recorded { path, file, speed },
        (false, None) => Counted::Lines {
            kept: systemd::take_kept(),
        },
    };
    let _log = log::start(loaded.settings.log.debug).context("cannot start the log")?;
    let request = RunRequest {
        counted,
        record: args.record.clone().zip(record),
        version: super::VERSION,
    };
    // The daemon's own error is what the exit code goes by.
    start::run(request, loaded).map_err(|failed| match failed {
        StartError::Run(failed) => failed.into(),
        failed => failed.into(),
    })
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| format!("cannot open {}", path.display()))
}
