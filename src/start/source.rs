//! The choice of what is counted: the machine's lines, a simulated household, or a recording.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::{info, warn};

use super::learn::Learning;
use super::request::{Counted, StartError};
use crate::capture::EdgeSource;
use crate::capture::gpio::{GpioSource, is_line};
use crate::capture::pace::Pace;
use crate::capture::recorded::RecordedSource;
use crate::capture::recorder::{Recorder, RecordingSource};
use crate::capture::simulated::{SimulatedOptions, SimulatedSource};
use crate::capture::waker::Waker;
use crate::civil::local;
use crate::clock::{Clock, SystemClock};
use crate::config::{MeterSettings, Settings};
use crate::model::{FilterState, NS_PER_S};
use crate::system::systemd::StoredDescriptor;

/// The simulated monotonic clock starts here, so that 0 stays "never".
const SIMULATED_START_NS: i64 = NS_PER_S;

/// What is counted, and on which clock.
pub(super) struct Started {
    pub(super) source: Box<dyn EdgeSource>,
    pub(super) clock: Arc<dyn Clock>,
    /// What an earlier run has left of each meter's line.
    pub(super) remembered: Vec<Option<FilterState>>,
}

impl Started {
    fn unremembered(source: Box<dyn EdgeSource>, clock: Arc<dyn Clock>) -> Started {
        Started {
            source,
            clock,
            remembered: Vec::new(),
        }
    }
}

/// Opens the source.
pub(super) fn start(
    counted: Counted,
    settings: &Settings,
    waker: &Waker,
    learning: &mut Learning,
) -> Result<Started, StartError> {
    let meters = settings.meters.as_slice();
    match counted {
        Counted::Lines { kept } => lines(kept, meters, waker, learning),
        Counted::Simulated {
            seed,
            from_ns,
            past_ns,
            span_ns,
            speed,
        } => {
            let begin_ns = from_ns.saturating_add(past_ns.saturating_neg());
            let pace = Pace::with_past(
                SIMULATED_START_NS,
                begin_ns.ahead_of(SIMULATED_START_NS),
                speed,
                past_ns.saturating_add(SIMULATED_START_NS),
            );
            let clock = pace.clock();
            let options = SimulatedOptions {
                seed,
                span_ns: span_ns.map(|span_ns| past_ns.saturating_add(span_ns)),
            };
            let household = SimulatedSource::new(meters, pace, waker.clone(), options);
            warn!(
                seed,
                from = local(begin_ns),
                "the pulses are SIMULATED, not yours"
            );
            Ok(Started::unremembered(Box::new(household), clock))
        }
        Counted::Recorded { path, file, speed } => {
            let read = RecordedSource::read(BufReader::new(file), meters, speed, waker.clone());
            let recorded = read.map_err(|source| StartError::Replay {
                path: path.clone(),
                source,
            })?;
            let clock = recorded.clock();
            warn!(file = %path.display(), "the pulses come from a recording: they are SIMULATED, not yours");
            Ok(Started::unremembered(Box::new(recorded), clock))
        }
    }
}

/// The meters' lines; requests that systemd has kept go on.
fn lines(
    kept: Vec<StoredDescriptor>,
    meters: &[MeterSettings],
    waker: &Waker,
    learning: &mut Learning,
) -> Result<Started, StartError> {
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
    Ok(Started {
        source: Box::new(lines),
        clock,
        remembered: states.collect(),
    })
}

/// What to say at once on a machine that has no GPIO chip in `dev`; None: it has one.
pub(super) fn no_chip(dev: &Path) -> Option<&'static str> {
    (!has_chip(dev)).then_some(
        "there is no GPIO chip here (/dev/gpiochip*): powerlogger waits 60 s for one, then ends. Without meters, \
         `powerlogger run --simulate` counts a simulated house, and `make demo` shows it in a clone",
    )
}

/// Whether there is a GPIO chip in `dev`.
pub fn has_chip(dev: &Path) -> bool {
    let entries = std::fs::read_dir(dev).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name());
    names.any(|name| name.to_string_lossy().starts_with("gpiochip"))
}

/// Writes all edges of `source` to a file, too.
pub(super) fn record(
    path: PathBuf,
    file: File,
    source: Box<dyn EdgeSource>,
    clock: &Arc<dyn Clock>,
    meters: &[MeterSettings],
) -> Result<Box<dyn EdgeSource>, StartError> {
    let recorder = match Recorder::new(file, meters, clock.offset_ns()) {
        Ok(recorder) => recorder,
        Err(source) => return Err(StartError::Record { path, source }),
    };
    info!(file = %path.display(), "recording all edges");
    Ok(Box::new(RecordingSource::new(
        source,
        Arc::clone(clock),
        recorder,
    )))
}
