//! The assembly: starts capture first, which depends on nothing else, keeps the journal open for the stages behind
//! it, and ends everything in order.

mod journal_stages;
mod journal_state;
mod keeper;
mod loops;
mod opening;
mod prepare;
mod settings;
mod stages;
mod watchdog;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tracing::warn;

use crate::capture::waker::Waker;
use crate::capture::{Capture, EdgeSource, Polled, Trusting};
use crate::clock::segment::Rules;
use crate::clock::{Clock, SystemClock};
use crate::config::{Influx, Loaded, Settings};
use crate::deliver::sink::Sink;
use crate::intake::Intake;
use crate::journal::JournalError;
use crate::live::Board;
use crate::model::{FilterState, MonoNs, NS_PER_MS};
use crate::reconcile::server::Server;
use crate::system::signals::{Shutdown, Wakeup};
use crate::system::systemd;
use crate::web::source::Source as WebSource;
use crate::web::{Doors, Web};
use keeper::JournalKeeper;
use opening::Opening;
use settings::{InUse, SettingsWatch};
use stages::{Stage, Stages};
use watchdog::Watchdog;

/// A patient source is held back while more pulses than this wait for the journal.
const PATIENT_ABOVE: usize = 50_000;

/// Between tries to open a journal that cannot be opened.
const JOURNAL_RETRY: Duration = Duration::from_secs(5);

/// For so long capture waits for what the disk tells of the clock: at 10 pulses/s the kernel keeps the edges of 50 s.
const TRUSTING_PATIENCE: Duration = Duration::from_secs(2);

/// What `run` is made of besides the settings.
#[derive(Debug)]
pub struct Parts {
    /// Where edges come from.
    pub source: Box<dyn EdgeSource>,
    /// The clock that stamps them.
    pub clock: Arc<dyn Clock>,
    /// Wakes the source.
    pub waker: Waker,
    /// Connects to the server; called again whenever the stages behind the intake are rebuilt.
    pub remote: RemoteMaker,
    /// When the clock is trusted, and how an earlier run of this boot left it: sent once.
    pub trusting: Receiver<Trusting>,
    /// Waits for all that is to be learnt of earlier runs.
    pub learning: UntilLearnt,
    /// Names the boot: monotonic stamps of different boots have nothing in common.
    pub boot_id: String,
    /// What an earlier run has left of each meter's line, should its request go on.
    pub remembered: Vec<Option<FilterState>>,
    /// The source makes its own time: it is held back while the journal has much to do, where a
    /// meter would not wait.
    pub patient: bool,
    /// The directory of the API's unix socket.
    pub socket_dir: PathBuf,
}

/// The server, as the stages behind the journal see it.
#[derive(Debug, Default)]
pub struct Remote {
    /// Where batches go; None: nowhere.
    pub sink: Option<Box<dyn Sink>>,
    /// Whose buckets are kept equal to the journal; None: no server's.
    pub server: Option<Box<dyn Server>>,
}

/// Makes a [`Remote`] for the server that the settings name, or says why that cannot be used.
pub struct RemoteMaker(pub Box<MakeRemote>);

type MakeRemote = dyn Fn(&Settings) -> Result<Remote, String>;

impl std::fmt::Debug for RemoteMaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RemoteMaker")
    }
}

/// Waits so long at most for what the disk tells of earlier runs; true: all is known, and this thread may open the
/// journal.
pub struct UntilLearnt(pub Box<WaitUntilLearnt>);

type WaitUntilLearnt = dyn FnMut(Duration) -> bool;

impl std::fmt::Debug for UntilLearnt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UntilLearnt")
    }
}

/// Why `run` ended other than by a signal or at the end of its source.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No line could be requested.
    #[error(
        "no GPIO line could be requested for 60 s: nothing would be counted (see the log above)"
    )]
    NoLine,
    /// The journal is in use or too new.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal cannot be read now, and systemd keeps line requests that only the journal can go on with.
    /// They stay as long as systemd means to start us again.
    #[error(
        "the journal cannot be read: {failed}; the kernel counts on for {kept} line requests that systemd \
         keeps, and their pulses are taken as soon as the journal can be read"
    )]
    LinesKept {
        /// How many requests are kept.
        kept: usize,
        /// Why it cannot be read.
        failed: String,
    },
    /// A part of the program has died.
    #[error("the {0} thread has died; this is a defect, please report it with the log")]
    Died(&'static str),
    /// The machine refuses something that is never refused.
    #[error("cannot start")]
    Start(#[from] std::io::Error),
}

impl RunError {
    /// Whether a later try may go better.
    pub fn is_temporary(&self) -> bool {
        match self {
            RunError::NoLine | RunError::LinesKept { .. } => true,
            RunError::Journal(error) => error.kind() == "in_use",
            RunError::Died(_) | RunError::Start(_) => false,
        }
    }
}

/// Runs until a signal comes or the source ends, then drains.
///
/// # Errors
/// When nothing can be counted or kept.
pub fn run(loaded: &Loaded, parts: Parts) -> Result<(), RunError> {
    let settings = &loaded.settings;
    let shutdown = Shutdown::default();
    let mut wakeup = Wakeup::new(&shutdown)?;
    let board = Arc::new(Board::default());
    let intake = Intake::new(settings.waiting_pulses_max, Arc::clone(&board));
    let intake = Arc::new(intake);
    let (boot_id, clock) = (parts.boot_id, Arc::clone(&parts.clock));
    let to_capture = CaptureParts {
        source: parts.source,
        clock: parts.clock,
        waker: parts.waker,
        trusting: parts.trusting,
        remembered: parts.remembered,
        patient: parts.patient,
    };
    let capture = start_capture(settings, to_capture, &intake, &shutdown, &wakeup)?;
    if let Influx::NotConfigured(why) = &settings.influx {
        warn!(
            why,
            "InfluxDB is not configured: pulses are counted and kept, not delivered"
        );
    }
    let context = RunContext {
        settings,
        boot_id: &boot_id,
        clock: &*clock,
        shutdown: &shutdown,
        intake: &intake,
        capture: &capture,
        started_ns: SystemClock.mono_ns(),
    };
    // Those that work beside the way of the pulses, all the time: counting does not depend on them.
    let mut beside = Stages::default();
    let watching = SettingsWatch::begin(loaded, &mut beside, &wakeup)?;
    let web_source = WebSource::new(Arc::clone(&board), Arc::clone(&clock));
    let mut in_use = InUse::new(loaded, watching, parts.remote, board, web_source.clone());
    let web = begin_web(settings, parts.socket_dir, web_source.clone());
    let mut watchdog = Watchdog::new(systemd::watchdog(), web_source);
    Opening::new(&context, false).wait_until_learnt(parts.learning, &mut watchdog);
    let keeper = JournalKeeper::new(&context, &mut in_use, &mut watchdog, &mut wakeup);
    let kept = keeper.keep();
    // The order of the end: capture, the stages behind the intake, those beside them.
    shutdown.request();
    capture.wake();
    let result = kept.and_then(|stages| {
        let Some(stages) = stages else {
            return Ok(());
        };
        let alive = capture.join();
        stages.drain(&mut wakeup)?;
        alive
    });
    if let Some(web) = web {
        web.end();
    }
    beside.stop();
    result.and_then(|()| beside.join())
}

/// Begins to serve over HTTP. Counting does not depend on it.
fn begin_web(settings: &Settings, unix_dir: PathBuf, source: WebSource) -> Option<Web> {
    let settings = settings.web.clone();
    let begun = Web::begin(source, Doors { unix_dir, settings });
    begun
        .inspect_err(|error| warn!(%error, "nothing is served over HTTP; counting goes on"))
        .ok()
}

/// What all parts of one run share.
struct RunContext<'a> {
    settings: &'a Settings,
    boot_id: &'a str,
    clock: &'a dyn Clock,
    shutdown: &'a Shutdown,
    intake: &'a Arc<Intake>,
    capture: &'a Stage,
    started_ns: MonoNs,
}

impl RunContext<'_> {
    /// Whether it is to end: a signal came, or the source has ended.
    fn is_over(&self) -> bool {
        self.shutdown.is_requested() || self.capture.is_finished()
    }
}

/// What of the [`Parts`] capture takes.
struct CaptureParts {
    source: Box<dyn EdgeSource>,
    clock: Arc<dyn Clock>,
    waker: Waker,
    trusting: Receiver<Trusting>,
    remembered: Vec<Option<FilterState>>,
    patient: bool,
}

/// Starts capture, whose pulses go into `intake`.
fn start_capture(
    settings: &Settings,
    parts: CaptureParts,
    intake: &Arc<Intake>,
    shutdown: &Shutdown,
    wakeup: &Wakeup,
) -> Result<Stage, RunError> {
    let known = parts.trusting.try_recv();
    let late = known.is_err().then_some(parts.trusting);
    let mut capture = Capture::new(
        parts.source,
        parts.clock,
        Arc::clone(intake),
        &settings.meters,
        known.unwrap_or((Rules::NOT_KNOWN_YET, None)),
    );
    if settings.log.edges {
        capture.log_edges();
    }
    capture.remember(parts.remembered);
    let (shutdown, intake, waker) = (shutdown.clone(), Arc::clone(intake), parts.waker.clone());
    let wake = move || parts.waker.wake();
    let (stage, _) = Stage::spawn("capture", wakeup, wake, move || {
        if let Some(trusting) = late {
            capture.begin_without(trusting, TRUSTING_PATIENCE);
        }
        while !shutdown.is_requested() && capture.step() != Polled::Ended {
            while parts.patient && intake.len() > PATIENT_ABOVE && !shutdown.is_requested() {
                waker.wait(Some(NS_PER_MS));
            }
        }
        capture.finish();
    })?;
    Ok(stage)
}
