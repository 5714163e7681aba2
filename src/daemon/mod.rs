//! The assembly: builds the stages from the settings, starts capture first and needs nobody
//! for it, waits, and ends everything in order. No logic of its own.

mod house;
mod loops;
mod opening;
mod settings;
mod watch;

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::{error, warn};

use crate::capture::waker::Waker;
use crate::capture::{Capture, Polled, Source, Trusting};
use crate::clock::segment::Rules;
use crate::clock::{Clock, SystemClock};
use crate::config::{Influx, Loaded, Settings, destination_name};
use crate::deliver::sink::Sink;
use crate::intake::Intake;
use crate::journal;
use crate::journal::Carryover;
use crate::journal::JournalError;
use crate::live::Board;
use crate::model::FilterState;
use crate::model::{MonoNs, NS_PER_MS, NS_PER_S, WallNs};
use crate::reconcile::server::Server;
use crate::system::signals::{Shutdown, Wakeup};
use crate::system::systemd;
use house::{House, Lived, say_what_is_lost};
use opening::Opening;
use settings::{InUse, SettingsWatch};
use watch::Watch;

/// A patient source is held back while more pulses than this wait for the journal.
const PATIENT_ABOVE: usize = 50_000;

/// Between tries to open a journal that cannot be opened.
const JOURNAL_RETRY: Duration = Duration::from_secs(5);

/// For so long capture waits for what the disk tells of the clock: at 10 pulses/s the kernel keeps the edges of 50 s.
const TRUSTING_PATIENCE: Duration = Duration::from_secs(2);

/// Damage that is found again so soon after the journal was opened for it is damage indeed.
const DOUBT_NS: i64 = 60 * NS_PER_S;

/// What a thread needs to end once it has rung.
const THREAD_ENDS: Duration = Duration::from_millis(5);

/// What `run` is made of besides the settings.
#[derive(Debug)]
pub struct Parts {
    /// Where edges come from.
    pub source: Box<dyn Source>,
    /// The clock that stamps them.
    pub clock: Arc<dyn Clock>,
    /// Wakes the source.
    pub waker: Waker,
    /// Where pulses go: made anew when the stages behind the intake are.
    pub remote: RemoteMaker,
    /// When the clock is believed, and how an earlier run of this boot left it: told once.
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
}

/// The server, as the stages behind the journal see it.
#[derive(Debug, Default)]
pub struct Remote {
    /// Where batches go; None: nowhere.
    pub sink: Option<Box<dyn Sink>>,
    /// Whose buckets are kept equal to the journal; None: nobody's.
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
    let real: Arc<dyn Clock> = Arc::new(SystemClock);

    let known = parts.trusting.try_recv();
    let late = known.is_err().then_some(parts.trusting);
    let mut capture = Capture::new(
        parts.source,
        Arc::clone(&parts.clock),
        Arc::clone(&intake),
        &settings.meters,
        known.unwrap_or((Rules::NOT_KNOWN_YET, None)),
    );
    if settings.log.edges {
        capture.log_edges();
    }
    capture.remember(parts.remembered);
    let capturing = spawn("capture", &wakeup, {
        let (shutdown, intake, waker) =
            (shutdown.clone(), Arc::clone(&intake), parts.waker.clone());
        move || {
            if let Some(trusting) = late {
                capture.begin_without(trusting, TRUSTING_PATIENCE);
            }
            while !shutdown.is_requested() && capture.step() != Polled::Ended {
                while parts.patient && intake.len() > PATIENT_ABOVE && !shutdown.is_requested() {
                    waker.wait(Some(NS_PER_MS));
                }
            }
            capture.finish();
        }
    })?;

    if let Influx::NotConfigured(why) = &settings.influx {
        warn!(
            why,
            "InfluxDB is not configured: pulses are counted and kept, not delivered"
        );
    }
    let started_ns = real.mono_ns();
    let ends = Ends {
        settings,
        boot_id: &parts.boot_id,
        clock: &*parts.clock,
        shutdown: &shutdown,
        capturing: &capturing,
        started_ns,
    };
    let watching = SettingsWatch::begin(loaded, &wakeup)?;
    let mut in_use = InUse::new(loaded, watching, parts.remote, board);
    let kept = keep_house(&ends, &intake, &mut in_use, parts.learning, &mut wakeup);
    let result = kept.and_then(|house| {
        let Some(house) = house else {
            return Ok(());
        };
        shutdown.request();
        parts.waker.wake();
        let alive = join("capture", capturing);
        house.drain(&mut wakeup)?;
        alive
    });
    shutdown.request();
    parts.waker.wake();
    result
}

/// What a house is kept for, and until when.
struct Ends<'a> {
    settings: &'a Settings,
    boot_id: &'a str,
    clock: &'a dyn Clock,
    shutdown: &'a Shutdown,
    capturing: &'a JoinHandle<()>,
    started_ns: i64,
}

/// Builds the stages behind the intake and waits for the end; builds them again when the journal turns out
/// to be damaged (on a new one), its disk refuses or other settings of the server are to be used (on the same). Capture goes on meanwhile. None: the
/// end came before.
fn keep_house(
    ends: &Ends<'_>,
    intake: &Arc<Intake>,
    in_use: &mut InUse,
    learning: UntilLearnt,
    wakeup: &mut Wakeup,
) -> Result<Option<House>, RunError> {
    let mut watch = Watch::new(systemd::watchdog());
    Opening::new(ends, intake, false).wait_until_learnt(learning, &mut watch);
    let (mut vouches_from_ns, mut left, mut again) = (WallNs::MIN, None::<Carryover>, false);
    let mut doubted: Option<MonoNs> = None;
    // A disk that fails forgets what it has taken, and that looks like damage until the journal is opened
    // again. If it still does then, it is.
    let is_recent = |at_ns: MonoNs| SystemClock.mono_ns() - at_ns < DOUBT_NS;
    loop {
        let mut opening = Opening::new(ends, intake, again);
        let opened = opening.open(&mut watch, wakeup)?;
        let Some(mut journal) = opened else {
            say_what_is_lost(intake.len() + left.as_ref().map_or(0, Carryover::pulses));
            return Ok(None);
        };
        if left.is_some() && journal.moved_aside().is_some() {
            vouches_from_ns = ends.clock.wall_ns();
        }
        if let Some(kept) = &mut left {
            if let Err(failed) = kept.give_back(&mut journal, intake, ends.clock.wall_ns()) {
                refused_once_more(&failed, wakeup);
                continue;
            }
            left = None;
        }
        journal.vouch_from(vouches_from_ns);
        again = true;
        in_use.take_up();
        let mut house = match House::build(in_use, journal, intake, wakeup) {
            Err(RunError::Journal(failed)) => {
                refused_once_more(&failed, wakeup);
                continue;
            }
            built => built?,
        };
        match house.live(ends, in_use, &mut watch, wakeup)? {
            Lived::ToTheEnd => return Ok(Some(house)),
            Lived::OnSettings => left = Some(house.abandon()?),
            Lived::OnRefusal => {
                left = Some(house.abandon()?);
                warn!(
                    "the journal is closed, so that its disk can be unmounted and checked; pulses wait in \
                     memory, and it is opened again as soon as that works"
                );
            }
            Lived::OnDamage if !doubted.is_some_and(is_recent) => {
                doubted = Some(SystemClock.mono_ns());
                left = Some(house.abandon()?);
                warn!("the journal seems to be damaged: it is opened again, to be sure");
            }
            Lived::OnDamage => {
                begin_anew(ends, house, intake, wakeup)?;
                vouches_from_ns = ends.clock.wall_ns();
                again = false;
            }
        }
    }
}

/// Moves the damaged journal aside. The next one goes on where this one stood.
fn begin_anew(
    ends: &Ends<'_>,
    house: House,
    intake: &Intake,
    wakeup: &mut Wakeup,
) -> Result<(), RunError> {
    let standing = house.abandon()?.into_standing();
    intake.put_back(standing, SystemClock.wall_ns());
    let why = "it was found while running";
    if let Err(failed) = journal::set_aside(&ends.settings.journal.dir, SystemClock.wall_ns(), &why)
    {
        error!(error = %failed, "the damaged journal cannot be moved aside; trying again");
        wakeup.wait(JOURNAL_RETRY);
    }
    Ok(())
}

/// The journal was opened, and refused right afterwards.
fn refused_once_more(failed: &JournalError, wakeup: &mut Wakeup) {
    let cause = std::error::Error::source(failed).map(ToString::to_string);
    error!(error = %failed, cause, "the journal is open and cannot be used; trying again");
    wakeup.wait(JOURNAL_RETRY);
}

fn spawn<T: Send + 'static>(
    name: &'static str,
    wakeup: &Wakeup,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, RunError> {
    let wake = wakeup.wake_on_drop();
    let thread = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let result = work();
            drop(wake);
            result
        })?;
    Ok(thread)
}

fn join<T>(name: &'static str, thread: JoinHandle<T>) -> Result<T, RunError> {
    thread.join().map_err(|_| RunError::Died(name))
}
