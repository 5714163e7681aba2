//! The assembly: starts capture first, which depends on nothing else, keeps the journal open for the stages behind
//! it, and ends everything in order.

mod alarms;
mod context;
mod error;
mod journal_stages;
mod journal_state;
mod keeper;
mod loops;
mod opening;
mod prepare;
mod remote;
mod settings;
mod stages;
mod watchdog;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tracing::warn;

use crate::capture::waker::Waker;
use crate::capture::{Capture, EdgeSource, Trusting};
use crate::clock::segment::Rules;
use crate::clock::{Clock, SystemClock};
use crate::config::{Influx, Loaded, Settings};
use crate::intake::Intake;
use crate::journal::SIMULATED_BOOT;
use crate::live::Board;
use crate::model::{FilterState, NS_PER_S};
use crate::mqtt::Publishing;
use crate::system::signals::{Shutdown, Wakeup};
use crate::system::systemd;
use crate::web::source::Source as WebSource;
use crate::web::{Doors, Web};
use alarms::Alarms;
use context::RunContext;
use keeper::JournalKeeper;
use opening::Opening;
use settings::{DaemonSettings, SettingsWatch, Tells};
use stages::{AtEnd, Stage, Stages};
use watchdog::Watchdog;

pub use context::UntilLearnt;
pub use error::RunError;
pub use remote::{Remote, RemoteMaker};

/// How long the end waits for the last that is published.
const LAST_WORDS_NS: i64 = 3 * NS_PER_S;

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
    warn_of_no_server(settings);
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
    // Also before the journal says so.
    let is_simulated = boot_id == SIMULATED_BOOT;
    board.publish_journal(|journal| journal.simulated = is_simulated);
    let web_source = WebSource::new(Arc::clone(&board), Arc::clone(&clock));
    let alarms = Alarms::begin(settings, &intake, &board, &mut beside, &wakeup)?;
    let mqtt = begin_mqtt(&board, &clock, &mut beside, &wakeup)?;
    let mut watchdog = Watchdog::new(systemd::watchdog(), web_source.clone());
    watchdog.also_tell(Arc::clone(&alarms.feed));
    let tells = Tells {
        board,
        web: web_source.clone(),
        mqtt,
        alarms,
    };
    let mut in_use = DaemonSettings::new(loaded, watching, parts.remote, tells);
    let web = begin_web(settings, parts.socket_dir, web_source);
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
    // What is published last takes a moment to arrive.
    beside.wait_until(SystemClock.mono_ns() + LAST_WORDS_NS, &mut wakeup);
    result.and_then(|()| beside.join())
}

fn warn_of_no_server(settings: &Settings) {
    if let Influx::NotConfigured(why) = &settings.influx {
        warn!(
            why,
            "InfluxDB is not configured: pulses are counted and kept, not delivered"
        );
    }
}

/// Begins to publish by MQTT, as soon as settings say so. Counting does not depend on it.
///
/// # Errors
/// When the machine gives neither a thread nor a descriptor.
fn begin_mqtt(
    board: &Arc<Board>,
    clock: &Arc<dyn Clock>,
    beside: &mut Stages,
    wakeup: &Wakeup,
) -> Result<Publishing, RunError> {
    let mqtt = Publishing::new(Arc::clone(board), Arc::clone(clock))?;
    let (publishing, woken) = (mqtt.clone(), mqtt.clone());
    let wake = move || woken.wake();
    let publish = move |shutdown: &Shutdown| publishing.run(shutdown);
    beside.add("mqtt", AtEnd::UntilDeadline, wakeup, wake, publish)?;
    Ok(mqtt)
}

/// Begins to serve over HTTP. Counting does not depend on it.
fn begin_web(settings: &Settings, unix_dir: PathBuf, source: WebSource) -> Option<Web> {
    let settings = settings.web.clone();
    let begun = Web::begin(source, Doors { unix_dir, settings });
    begun
        .inspect_err(|error| warn!(%error, "nothing is served over HTTP; counting goes on"))
        .ok()
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
    let main = wakeup.wake_on_drop();
    let (stage, _) = Stage::spawn("capture", wakeup, wake, move || {
        if let Some(trusting) = late {
            capture.begin_without(trusting, TRUSTING_PATIENCE);
        }
        let held_back_by = parts.patient.then_some(&waker);
        // systemd hears at once of a line that is read no more, or is read again.
        let lines_changed = || main.wake();
        loops::capture(
            &mut capture,
            &intake,
            held_back_by,
            &shutdown,
            lines_changed,
        );
        capture.finish();
    })?;
    Ok(stage)
}
