//! The assembly: builds the stages from the settings, starts capture first and needs nobody
//! for it, waits, and ends everything in order. No logic of its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::{error, info, warn};

use crate::capture::waker::Waker;
use crate::capture::{Capture, CaptureStats, Polled, Source};
use crate::clock::{Clock, SystemClock};
use crate::config::{Influx, InfluxSettings, Settings};
use crate::deliver::sink::Sink;
use crate::deliver::{DeliverStats, Deliverer, Start, Step};
use crate::intake::{Intake, PULSES_MAX};
use crate::journal::JournalError;
use crate::journal::append::Journal;
use crate::journal::durable::Durable;
use crate::journal::marks::Marks;
use crate::journal::reader::Reader;
use crate::journal::writer::Writer;
use crate::pulse::{NS_PER_MS, NS_PER_S, WallNs};
use crate::report::Reporter;
use crate::shutdown::{Bell, Rung, Shutdown};

/// A start that counts nothing for so long gives up, for systemd to try again.
const NO_LINE_MAX_NS: i64 = 60 * NS_PER_S;

/// How long delivery may go on after the end was asked for.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// A patient source is held back while more pulses than this wait for the journal.
const PATIENT_ABOVE: usize = 50_000;

/// How often the end looks whether it is reached.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// Between tries to open a journal that cannot be opened.
const JOURNAL_RETRY: Duration = Duration::from_secs(5);

/// What a thread needs to end once it has rung.
const THREAD_ENDS: Duration = Duration::from_millis(5);

/// A thread that found nothing to do looks again after this, whatever the bells say.
const IDLE_LOOK: Duration = Duration::from_secs(1);

/// What `run` is made of besides the settings.
#[derive(Debug)]
pub struct Parts {
    /// Where edges come from.
    pub source: Box<dyn Source>,
    /// The clock that stamps them.
    pub clock: Arc<dyn Clock>,
    /// Wakes the source.
    pub waker: Waker,
    /// Where batches go; None: nowhere.
    pub sink: Option<Box<dyn Sink>>,
    /// Wall time before this is not believed.
    pub earliest_wall_ns: WallNs,
    /// The source makes its own time: it is held back while the journal has much to do, where a
    /// meter would not wait.
    pub patient: bool,
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
            RunError::NoLine => true,
            RunError::Journal(error) => error.kind() == "in_use",
            RunError::Died(_) | RunError::Start(_) => false,
        }
    }
}

/// The name of a destination in the journal: another server or bucket is another destination,
/// which has received nothing yet.
pub fn destination_name(influx: &InfluxSettings) -> String {
    format!("{} {} {}", influx.host, influx.org, influx.raw_bucket)
}

/// Runs until a signal comes or the source ends, then drains.
///
/// # Errors
/// When nothing can be counted or kept.
pub fn run(settings: &Settings, parts: Parts) -> Result<(), RunError> {
    let shutdown = Shutdown::default();
    let mut bell = Bell::new(&shutdown)?;
    let intake = Arc::new(Intake::new(PULSES_MAX));
    let real: Arc<dyn Clock> = Arc::new(SystemClock);

    let mut capture = Capture::new(
        parts.source,
        Arc::clone(&parts.clock),
        Arc::clone(&intake),
        &settings.meters,
        parts.earliest_wall_ns,
    );
    if settings.log.edges {
        capture.log_edges();
    }
    let captured = capture.stats();
    let capturing = spawn("capture", &bell, {
        let (shutdown, intake, waker) =
            (shutdown.clone(), Arc::clone(&intake), parts.waker.clone());
        move || {
            while !shutdown.is_requested() && capture.step() != Polled::Ended {
                while parts.patient && intake.len() > PATIENT_ABOVE && !shutdown.is_requested() {
                    waker.wait(Some(NS_PER_MS));
                }
            }
            capture.finish();
        }
    })?;

    let started_ns = real.mono_ns();
    let result = open_journal(settings, &shutdown, &mut bell).and_then(|journal| {
        let Some(journal) = journal else {
            return Ok(());
        };
        let mut house = House::build(settings, journal, &intake, parts.sink, &bell)?;
        house.live(
            settings, &shutdown, &mut bell, &capturing, &captured, started_ns,
        )?;
        shutdown.request();
        parts.waker.wake();
        let alive = join("capture", capturing);
        house.drain(&mut bell)?;
        alive
    });
    shutdown.request();
    parts.waker.wake();
    result
}

/// Opens the journal, trying again as long as it takes: capture goes on meanwhile. None: the
/// end was asked for before.
fn open_journal(
    settings: &Settings,
    shutdown: &Shutdown,
    bell: &mut Bell,
) -> Result<Option<Journal>, RunError> {
    let names: Vec<String> = settings
        .meters
        .iter()
        .map(|meter| meter.name.clone())
        .collect();
    let boot_id = boot_id();
    let mut told = "";
    while !shutdown.is_requested() {
        let wall_ns = SystemClock.wall_ns();
        match Journal::open(&settings.journal.dir, &names, &boot_id, wall_ns) {
            Ok(journal) => return Ok(Some(journal)),
            Err(refused) if matches!(refused.kind(), "in_use" | "newer_schema") => {
                return Err(refused.into());
            }
            Err(failed) => {
                if told != failed.kind() {
                    let cause = std::error::Error::source(&failed).map(ToString::to_string);
                    error!(
                        error = %failed, cause,
                        "pulses wait in memory; trying again every {} s", JOURNAL_RETRY.as_secs()
                    );
                    told = failed.kind();
                }
            }
        }
        bell.wait(JOURNAL_RETRY);
    }
    Ok(None)
}

/// The kernel's name for this boot: monotonic stamps of different boots have nothing in common.
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| "unknown".to_owned(), |id| id.trim().to_owned())
}

/// The stages behind the intake, each in its thread.
struct House {
    shutdown: Shutdown,
    intake: Arc<Intake>,
    marks: Arc<Marks>,
    writing: JoinHandle<Writer>,
    syncing: JoinHandle<Durable>,
    delivering: Option<JoinHandle<Deliverer>>,
    delivered: Option<Arc<DeliverStats>>,
    reporter: Reporter,
}

impl House {
    fn build(
        settings: &Settings,
        journal: Journal,
        intake: &Arc<Intake>,
        sink: Option<Box<dyn Sink>>,
        bell: &Bell,
    ) -> Result<House, RunError> {
        let shutdown = Shutdown::default();
        let dir = journal.dir().to_owned();
        info!(dir = %dir.display(), newest = journal.newest(), "journal open");
        let real: Arc<dyn Clock> = Arc::new(SystemClock);
        let marks = Arc::new(Marks::at(journal.newest()));
        let destination = match (&settings.influx, &sink) {
            (Influx::Configured(influx), Some(_)) => {
                let name = destination_name(influx);
                let row = journal.destination(&name)?;
                Some((row, name, Reader::open(&dir)?.delivered(row)?))
            }
            _ => None,
        };
        let known = destination
            .as_ref()
            .map(|(row, _, delivered)| (*row, delivered.clone()));
        let sync_ms = settings.journal.sync_interval_ms;
        let mut durable = Durable::open(&dir, Arc::clone(&marks), Arc::clone(&real), sync_ms)?;
        let mut writer = Writer::new(
            journal,
            Arc::clone(intake),
            Arc::clone(&marks),
            Arc::clone(&real),
            settings.journal.clone(),
            known,
        );
        writer.preallocate();
        let mailbox = writer.mailbox();
        let name = destination.as_ref().map(|(_, name, _)| name.clone());
        let reporter = Reporter::new(Reader::open(&dir)?, name, Arc::clone(&real));

        let (delivering, delivered) = match (destination, sink, &settings.influx) {
            (Some((row, ..)), Some(sink), Influx::Configured(influx)) => {
                let deliverer = Deliverer::begin(Start {
                    reader: Reader::open(&dir)?,
                    sink,
                    mailbox,
                    clock: Arc::clone(&real),
                    settings: settings.deliver.clone(),
                    retention_d: settings.journal.raw_retention_d,
                    measurement: influx.measurement.clone(),
                    destination: row,
                })?;
                let stats = deliverer.stats();
                let (marks, shutdown) = (Arc::clone(&marks), shutdown.clone());
                let thread = move || deliver(deliverer, &marks, &shutdown);
                (Some(spawn("deliver", bell, thread)?), Some(stats))
            }
            _ => (None, None),
        };
        let writing = spawn("journal", bell, {
            let (shutdown, intake) = (shutdown.clone(), Arc::clone(intake));
            move || {
                while !shutdown.is_requested() {
                    let wait = writer.step();
                    intake.wait(wait);
                }
                writer
            }
        })?;
        let syncing = spawn("durable", bell, {
            let (shutdown, marks) = (shutdown.clone(), Arc::clone(&marks));
            move || {
                while !shutdown.is_requested() {
                    sync(&mut durable, &marks, &shutdown);
                }
                durable
            }
        })?;
        let intake = Arc::clone(intake);
        Ok(House {
            shutdown,
            intake,
            marks,
            writing,
            syncing,
            delivering,
            delivered,
            reporter,
        })
    }

    /// Waits for the end, reporting meanwhile.
    fn live(
        &mut self,
        settings: &Settings,
        shutdown: &Shutdown,
        bell: &mut Bell,
        capturing: &JoinHandle<()>,
        captured: &CaptureStats,
        started_ns: i64,
    ) -> Result<(), RunError> {
        if let Influx::NotConfigured(why) = &settings.influx {
            warn!(
                why,
                "InfluxDB is not configured: pulses are counted and kept, not delivered"
            );
        }
        let mut seen_line = false;
        while !shutdown.is_requested() && !capturing.is_finished() {
            self.check_alive()?;
            seen_line |= captured.lines_up.load(Ordering::Relaxed) > 0;
            let running_ns = SystemClock.mono_ns() - started_ns;
            if !seen_line && running_ns > NO_LINE_MAX_NS {
                return Err(RunError::NoLine);
            }
            let waiting = self.intake.len();
            let wait = self
                .reporter
                .report(captured, self.delivered.as_deref(), waiting);
            if bell.wait(wait) == Rung::Thread {
                // It rings a moment before it has ended.
                bell.wait(THREAD_ENDS);
            }
        }
        Ok(())
    }

    fn check_alive(&self) -> Result<(), RunError> {
        let delivering = self
            .delivering
            .as_ref()
            .is_some_and(JoinHandle::is_finished);
        for (name, finished) in [
            ("journal", self.writing.is_finished()),
            ("durable", self.syncing.is_finished()),
            ("deliver", delivering),
        ] {
            if finished {
                return Err(RunError::Died(name));
            }
        }
        Ok(())
    }

    /// Brings everything that is in memory to the disk, and what is on the disk to the server as
    /// far as that goes within [`DRAIN_MAX`]; a second signal cuts it short.
    fn drain(self, bell: &mut Bell) -> Result<(), RunError> {
        info!("ending: writing everything out");
        let deadline_ns = SystemClock.mono_ns() + i64::try_from(DRAIN_MAX.as_nanos()).expect("5 s");
        bell.clear();
        self.intake.wake();
        while !self.is_drained() && SystemClock.mono_ns() < deadline_ns {
            if bell.wait(DRAIN_LOOK) == Rung::Signal {
                break;
            }
        }
        self.shutdown.request();
        self.intake.wake();
        self.marks.ring();
        let mut writer = join("journal", self.writing)?;
        let mut durable = join("durable", self.syncing)?;
        if let Some(delivering) = self.delivering {
            // A request that hangs must not hold up the end; what it was for is on the disk.
            while !delivering.is_finished() && SystemClock.mono_ns() < deadline_ns {
                bell.wait(DRAIN_LOOK);
            }
        }
        writer.finish()?;
        durable.finish()?;
        let waiting = self
            .delivered
            .map_or(0, |stats| stats.backlog.load(Ordering::Relaxed));
        info!(
            newest = writer.journal().newest(),
            backlog = waiting,
            "ended; everything is kept"
        );
        Ok(())
    }

    /// Whether there is nothing left to wait for: all is durable, and delivered or undeliverable.
    fn is_drained(&self) -> bool {
        let mark = self.marks.now();
        let delivered = self
            .delivered
            .as_ref()
            .is_none_or(|stats| stats.is_done(mark.durable));
        self.intake.is_empty() && mark.unsynced_since_ns.is_none() && delivered
    }
}

/// One turn of the durable thread: waits until it is time, then syncs.
fn sync(durable: &mut Durable, marks: &Marks, shutdown: &Shutdown) {
    match durable.due_in() {
        None => drop(marks.wait(IDLE_LOOK, |mark| mark.unsynced_since_ns.is_some())),
        Some(Duration::ZERO) => {
            if durable.step().is_err() {
                marks.wait(IDLE_LOOK, |_| shutdown.is_requested());
            }
        }
        Some(left) => drop(marks.wait(left, |_| shutdown.is_requested())),
    }
}

/// The delivery thread: steps, and waits as the steps say.
fn deliver(mut deliverer: Deliverer, marks: &Marks, shutdown: &Shutdown) -> Deliverer {
    let mut told = false;
    while !shutdown.is_requested() {
        let mark = marks.now();
        let (timeout, until) = match deliverer.step(mark) {
            Ok(Step::Again) => continue,
            Ok(Step::Pause(pause)) => (pause, i64::MAX),
            Ok(Step::Idle) => (IDLE_LOOK, mark.durable),
            Err(failed) => {
                if !std::mem::replace(&mut told, true) {
                    error!(error = %failed, "the journal cannot be read; trying again");
                }
                (IDLE_LOOK, i64::MAX)
            }
        };
        let begin_ns = SystemClock.mono_ns();
        let mut left = timeout;
        // Commits ring the bell all the time; only what was waited for ends the wait.
        while !left.is_zero() && !shutdown.is_requested() {
            let mark = marks.wait(left, |mark| mark.durable > until || shutdown.is_requested());
            if mark.durable > until {
                break;
            }
            let spent = SystemClock.mono_ns() - begin_ns;
            left = timeout.saturating_sub(Duration::from_nanos(u64::try_from(spent).unwrap_or(0)));
        }
    }
    deliverer
}

fn spawn<T: Send + 'static>(
    name: &'static str,
    bell: &Bell,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, RunError> {
    let ring = bell.ring_on_drop();
    let thread = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let result = work();
            drop(ring);
            result
        })?;
    Ok(thread)
}

fn join<T>(name: &'static str, thread: JoinHandle<T>) -> Result<T, RunError> {
    thread.join().map_err(|_| RunError::Died(name))
}
