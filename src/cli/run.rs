//! `powerlogger run`: the daemon, on real lines, on the simulated house, or on a recording.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::{ArgGroup, Args};
use tracing::{info, warn};

use super::learn::Learning;
use super::log;
use super::remote::remote;
use super::rights;
use super::time::{self, Moment};
use crate::answers::socket;
use crate::capture::Source;
use crate::capture::gpio::{GpioSource, is_line};
use crate::capture::pace::Pace;
use crate::capture::recorded::RecordedSource;
use crate::capture::recorder::{Recorder, RecordingSource};
use crate::capture::simulated::{SimulatedOptions, SimulatedSource};
use crate::capture::waker::Waker;
use crate::clock::kernel::boot_id;
use crate::clock::{Clock, SystemClock};
use crate::config::{Loaded, MeterSettings, Settings};
use crate::daemon::{self, Parts, RemoteMaker, UntilLearnt};
use crate::journal::SIMULATED_BOOT;
use crate::model::FilterState;
use crate::model::NS_PER_S;
use crate::owner::Keep;
use crate::system::systemd::{self, StoredDescriptor};

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

/// Files that the command line names: opened by whoever has named them, before root becomes somebody else.
struct Files {
    replayed: Option<File>,
    recorded: Option<File>,
}

impl Files {
    fn open(args: &RunArgs) -> anyhow::Result<Files> {
        let open = |path: &PathBuf| {
            File::open(path).with_context(|| format!("cannot open {}", path.display()))
        };
        Ok(Files {
            replayed: args.replay.as_ref().map(open).transpose()?,
            recorded: args.record.as_deref().map(rights::create).transpose()?,
        })
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

/// The simulated monotonic clock starts here, so that 0 stays "never".
const SIMULATED_START_NS: i64 = NS_PER_S;

/// Runs until told to stop.
///
/// # Errors
/// When nothing can be counted or kept.
pub fn run(args: &RunArgs, loaded: &Loaded) -> anyhow::Result<()> {
    let settings = &loaded.settings;
    let files = Files::open(args)?;
    let keep = if args.makes_time() {
        Keep::Nothing
    } else {
        Keep::Chips
    };
    let kept = if args.makes_time() {
        Vec::new()
    } else {
        systemd::take_kept()
    };
    let _log = log::start(settings.log.debug).context("cannot start the log")?;
    // Nothing here asks the disk for anything before the lines are requested.
    let machine_clock = (!args.makes_time()).then_some(settings.clock);
    let (mut learning, trusting) = Learning::begin(loaded, keep, machine_clock)?;
    info!(
        version = super::VERSION,
        config = %loaded.config_dir.display(),
        journal = %settings.journal.dir.display(),
        "powerlogger starts"
    );
    for note in &loaded.notes {
        warn!("{note}");
    }
    let waker = Waker::new().context("cannot make a wake-up descriptor")?;
    let Chosen {
        source,
        clock,
        remembered,
    } = source(
        args,
        files.replayed,
        settings,
        &waker,
        (kept, &mut learning),
    )?;
    let source = match (&args.record, files.recorded) {
        (Some(path), Some(file)) => record(path, file, source, &clock, &settings.meters)?,
        _ => source,
    };
    let for_remote = loaded.clone();
    let remote = RemoteMaker(Box::new(move |settings| remote(&for_remote, settings)));
    let patient = args.makes_time();
    let parts = Parts {
        source,
        clock,
        waker,
        remote,
        trusting,
        learning: UntilLearnt(Box::new(move |patience| learning.wait(patience))),
        boot_id: if patient {
            SIMULATED_BOOT.to_owned()
        } else {
            boot_id()
        },
        remembered,
        patient,
        socket_dir: socket::directory(
            std::env::var("RUNTIME_DIRECTORY").ok().as_deref(),
            &settings.journal.dir,
        ),
    };
    daemon::run(loaded, parts)?;
    Ok(())
}

/// What to count, and on which clock.
struct Chosen {
    source: Box<dyn Source>,
    clock: Arc<dyn Clock>,
    /// What an earlier run has left of each meter's line.
    remembered: Vec<Option<FilterState>>,
}

fn source(
    args: &RunArgs,
    replayed: Option<File>,
    settings: &Settings,
    waker: &Waker,
    (kept, learning): (Vec<StoredDescriptor>, &mut Learning),
) -> anyhow::Result<Chosen> {
    let meters = settings.meters.as_slice();
    let unremembered = |source, clock| Chosen {
        source,
        clock,
        remembered: Vec::new(),
    };
    let Speed(speed) = args.speed;
    if args.simulate {
        let from_ns = args
            .from
            .unwrap_or(Moment::FromNow(0))
            .resolve(SystemClock.wall_ns());
        let pace = Pace::starting(SIMULATED_START_NS, from_ns - SIMULATED_START_NS, speed);
        let clock = pace.clock();
        let options = SimulatedOptions {
            seed: args.seed,
            span_ns: args.span_ns,
        };
        let house = SimulatedSource::new(meters, pace, waker.clone(), options);
        warn!(
            seed = args.seed,
            from = time::local(from_ns),
            "the pulses are SIMULATED, not yours"
        );
        return Ok(unremembered(Box::new(house), clock));
    }
    if let (Some(path), Some(file)) = (&args.replay, replayed) {
        let recorded = RecordedSource::read(BufReader::new(file), meters, speed, waker.clone())
            .with_context(|| format!("cannot replay {}", path.display()))?;
        let clock = recorded.clock();
        warn!(file = %path.display(), "the pulses come from a recording: they are SIMULATED, not yours");
        return Ok(unremembered(Box::new(recorded), clock));
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    if let Some(hint) = no_chip(Path::new("/dev")) {
        warn!("{hint}");
    }
    let mut lines = GpioSource::new(meters, Arc::clone(&clock), waker.clone());
    let kept_lines = kept.iter().filter(|kept| is_line(kept)).count();
    let remembered = match kept_lines {
        // Without a request to go on with there is nothing to wait for.
        0 => Vec::new(),
        _ => learning.lines_of(meters, kept_lines)?,
    };
    let ids: Vec<Option<u64>> = remembered
        .iter()
        .map(|line| line.as_ref().map(|(id, _)| *id))
        .collect();
    let found = lines.inherit(kept, &ids);
    let states = remembered.into_iter().zip(found);
    let states = states.map(|(line, is_kept)| line.filter(|_| is_kept).map(|(_, state)| state));
    Ok(Chosen {
        source: Box::new(lines),
        clock,
        remembered: states.collect(),
    })
}

/// What to say at once on a machine that has no GPIO chip in `dev`; None: it has one.
fn no_chip(dev: &Path) -> Option<&'static str> {
    let entries = std::fs::read_dir(dev).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name());
    let has_one = names.any(|name| name.to_string_lossy().starts_with("gpiochip"));
    (!has_one).then_some(
        "there is no GPIO chip here (/dev/gpiochip*): powerlogger waits 60 s for one, then ends. Without meters, \
         `powerlogger run --simulate` counts a simulated house, and `make demo` shows it in a clone",
    )
}

fn record(
    path: &Path,
    file: File,
    source: Box<dyn Source>,
    clock: &Arc<dyn Clock>,
    meters: &[MeterSettings],
) -> anyhow::Result<Box<dyn Source>> {
    let failed = || format!("cannot write {}", path.display());
    let recorder = Recorder::new(file, meters, clock.offset_ns()).with_context(failed)?;
    info!(file = %path.display(), "recording all edges");
    Ok(Box::new(RecordingSource::new(
        source,
        Arc::clone(clock),
        recorder,
    )))
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
