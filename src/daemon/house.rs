//! The stages behind the intake, each in its thread: built, watched, and ended in order.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::{error, info, warn};

use super::watch::Watch;
use super::{Ends, Remote, RunError, destination_name, join, spawn};
use crate::clock::{Clock, SystemClock};
use crate::config::{Downsampling, Influx, Settings};
use crate::deliver::sink::Sink;
use crate::deliver::start::Start;
use crate::deliver::stats::DeliverStats;
use crate::deliver::{Deliverer, Step};
use crate::intake::Intake;
use crate::journal::JournalError;
use crate::journal::append::Journal;
use crate::journal::durable::Durable;
use crate::journal::mailbox::Mailbox;
use crate::journal::marks::{Mark, Marks};
use crate::journal::ranges::IdRanges;
use crate::journal::reader::Reader;
use crate::journal::writer::Writer;
use crate::pulse::NS_PER_S;
use crate::reconcile::server::Server;
use crate::reconcile::{self, Reconciler};
use crate::report::Reporter;
use crate::service;
use crate::shutdown::{Bell, Rung, Shutdown};

/// A start that counts nothing for so long gives up, for systemd to try again.
const NO_LINE_MAX_NS: i64 = 60 * NS_PER_S;

/// How long delivery may go on after the end was asked for.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How often the end looks whether it is reached.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// What a thread needs to end once it has rung.
const THREAD_ENDS: Duration = Duration::from_millis(5);

/// Between tries of the reconciler to read the journal.
const RECONCILE_RETRY: Duration = Duration::from_secs(5);

/// A thread that found nothing to do looks again after this, whatever the bells say.
const IDLE_LOOK: Duration = Duration::from_secs(1);

/// How a house's time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lived {
    /// A signal came, or the source ended.
    ToTheEnd,
    /// Its journal is damaged.
    OnDamage,
}

/// The stages behind the intake, each in its thread.
pub(super) struct House {
    shutdown: Shutdown,
    intake: Arc<Intake>,
    marks: Arc<Marks>,
    writing: JoinHandle<Writer>,
    syncing: JoinHandle<Durable>,
    delivering: Option<JoinHandle<Deliverer>>,
    delivered: Option<Arc<DeliverStats>>,
    reconciling: Option<JoinHandle<Reconciler>>,
    reporter: Reporter,
}

impl House {
    pub(super) fn build(
        settings: &Settings,
        journal: Journal,
        intake: &Arc<Intake>,
        Remote { sink, server }: Remote,
        bell: &Bell,
    ) -> Result<House, RunError> {
        let shutdown = Shutdown::default();
        let dir = journal.dir().to_owned();
        info!(dir = %dir.display(), newest = journal.newest(), "journal open");
        let real: Arc<dyn Clock> = Arc::new(SystemClock);
        let marks = Arc::new(Marks::at(journal.newest()));
        let destination = destination(settings, &journal, sink.is_some() || server.is_some())?;
        let known = match &destination {
            Some((row, _)) if sink.is_some() => Some((*row, Reader::open(&dir)?.delivered(*row)?)),
            // Nobody waits for the pulses, only for their windows.
            Some((row, _)) => Some((*row, IdRanges::from_ranges([(1, i64::MAX / 2)]))),
            None => None,
        };
        let sync_ms = settings.journal.sync_interval_ms;
        let durable = Durable::open(&dir, Arc::clone(&marks), Arc::clone(&real), sync_ms)?;
        let mut writer = Writer::new(
            journal,
            Arc::clone(intake),
            Arc::clone(&marks),
            Arc::clone(&real),
            settings.journal.clone(),
            known,
        )?;
        writer.preallocate();
        let mailbox = writer.mailbox();
        let name = destination.as_ref().map(|(_, name)| name.clone());
        let name = name.filter(|_| sink.is_some());
        let reporter = Reporter::new(Reader::open(&dir)?, name, Arc::clone(&real));
        let (mut delivering, mut delivered, mut reconciling) = (None, None, None);
        if let (Some((row, _)), Some(sink)) = (&destination, sink) {
            let deliverer = deliverer(settings, &dir, *row, sink, Arc::clone(&mailbox))?;
            delivered = Some(deliverer.stats());
            let (marks, shutdown) = (Arc::clone(&marks), shutdown.clone());
            let thread = move || deliver(deliverer, &marks, &shutdown);
            delivering = Some(spawn("deliver", bell, thread)?);
        }
        if let (Some((row, _)), Some(server)) = (&destination, server) {
            let reconciler = reconciler(settings, &dir, *row, server, mailbox, delivered.clone())?;
            let (marks, shutdown) = (Arc::clone(&marks), shutdown.clone());
            let thread = move || reconcile(reconciler, &marks, &shutdown);
            reconciling = Some(spawn("reconcile", bell, thread)?);
        }
        let writing = spawn("journal", bell, {
            let (shutdown, intake) = (shutdown.clone(), Arc::clone(intake));
            move || write(writer, &intake, &shutdown)
        })?;
        let syncing = spawn("durable", bell, {
            let (shutdown, marks) = (shutdown.clone(), Arc::clone(&marks));
            move || sync(durable, &marks, &shutdown)
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
            reconciling,
            reporter,
        })
    }

    /// Waits for the end, reporting meanwhile.
    pub(super) fn live(&mut self, ends: &Ends<'_>, bell: &mut Bell) -> Result<Lived, RunError> {
        let Ends {
            settings,
            shutdown,
            capturing,
            captured,
            started_ns,
            ..
        } = *ends;
        if let Influx::NotConfigured(why) = &settings.influx {
            warn!(
                why,
                "InfluxDB is not configured: pulses are counted and kept, not delivered"
            );
        }
        let mut seen_line = false;
        let (mut watch, interval) = (Watch::default(), service::watchdog());
        while !shutdown.is_requested() && !capturing.is_finished() {
            self.check_alive()?;
            if self.marks.now().damaged || self.reporter.found_damage() {
                return Ok(Lived::OnDamage);
            }
            seen_line |= captured.lines_up.load(Ordering::Relaxed) > 0;
            let running_ns = SystemClock.mono_ns() - started_ns;
            if !seen_line && running_ns > NO_LINE_MAX_NS {
                return Err(RunError::NoLine);
            }
            let waiting = self.intake.len();
            let moved = (
                captured.steps.load(Ordering::Relaxed),
                self.marks.now().rounds,
            );
            watch.look(seen_line, moved, interval, SystemClock.mono_ns());
            let wait = self.reporter.report(
                captured,
                self.delivered.as_deref(),
                waiting,
                self.marks.now().failing,
            );
            if bell.wait(wait) == Rung::Thread {
                // It rings a moment before it has ended.
                bell.wait(THREAD_ENDS);
            }
        }
        Ok(Lived::ToTheEnd)
    }

    /// Lets go of a journal that is damaged. What it has not taken stays in the intake, with what the
    /// next journal needs to go on. A request under way may end later: what it has sent was right.
    pub(super) fn abandon(self) -> Result<(), RunError> {
        self.shutdown.request();
        self.intake.wake();
        self.marks.ring();
        let writer = join("journal", self.writing)?;
        drop(join("durable", self.syncing)?);
        let standing = writer.journal().standing();
        self.intake.put_back(standing, SystemClock.wall_ns());
        Ok(())
    }

    fn check_alive(&self) -> Result<(), RunError> {
        let delivering = self
            .delivering
            .as_ref()
            .is_some_and(JoinHandle::is_finished);
        let reconciling = self
            .reconciling
            .as_ref()
            .is_some_and(JoinHandle::is_finished);
        for (name, finished) in [
            ("journal", self.writing.is_finished()),
            ("durable", self.syncing.is_finished()),
            ("deliver", delivering),
            ("reconcile", reconciling),
        ] {
            if finished {
                return Err(RunError::Died(name));
            }
        }
        Ok(())
    }

    /// Brings everything that is in memory to the disk, and what is on the disk to the server as
    /// far as that goes within [`DRAIN_MAX`]; a second signal cuts it short.
    pub(super) fn drain(self, bell: &mut Bell) -> Result<(), RunError> {
        service::stopping();
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
        // A request that hangs must not hold up the end; what it was for is on the disk.
        let busy = |this: &House| {
            this.delivering
                .as_ref()
                .is_some_and(|thread| !thread.is_finished())
                || this
                    .reconciling
                    .as_ref()
                    .is_some_and(|thread| !thread.is_finished())
        };
        while busy(&self) && SystemClock.mono_ns() < deadline_ns {
            bell.wait(DRAIN_LOOK);
        }
        let mut writer = join("journal", self.writing)?;
        let mut durable = join("durable", self.syncing)?;
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

/// The row and the name of the server and bucket that are configured, if they are used.
fn destination(
    settings: &Settings,
    journal: &Journal,
    used: bool,
) -> Result<Option<(i64, String)>, JournalError> {
    match &settings.influx {
        Influx::Configured(influx) if used => {
            let name = destination_name(influx);
            Ok(Some((journal.destination(&name)?, name)))
        }
        _ => Ok(None),
    }
}

/// The reconciler for the server that is configured.
fn reconciler(
    settings: &Settings,
    dir: &Path,
    destination: i64,
    server: Box<dyn Server>,
    mailbox: Arc<Mailbox>,
    delivery: Option<Arc<DeliverStats>>,
) -> Result<Reconciler, JournalError> {
    let (measurement, downsampling, raw) = match &settings.influx {
        Influx::Configured(influx) => (influx.measurement.clone(), influx.downsampling, influx.raw),
        Influx::NotConfigured(_) => (String::new(), Downsampling::Off, false),
    };
    Reconciler::begin(reconcile::Start {
        reader: Reader::open(dir)?,
        server,
        mailbox,
        clock: Arc::new(SystemClock),
        settings: settings.deliver.clone(),
        retention_d: settings.journal.raw_retention_d,
        measurement,
        destination,
        downsampling,
        raw,
        delivery,
    })
}

/// Delivery to the server that is configured, from where the last run stopped.
fn deliverer(
    settings: &Settings,
    dir: &Path,
    destination: i64,
    sink: Box<dyn Sink>,
    mailbox: Arc<Mailbox>,
) -> Result<Deliverer, JournalError> {
    let measurement = match &settings.influx {
        Influx::Configured(influx) => influx.measurement.clone(),
        Influx::NotConfigured(_) => String::new(),
    };
    Deliverer::begin(Start {
        reader: Reader::open(dir)?,
        sink,
        mailbox,
        clock: Arc::new(SystemClock),
        settings: settings.deliver.clone(),
        retention_d: settings.journal.raw_retention_d,
        measurement,
        destination,
    })
}

/// The writer's thread.
fn write(mut writer: Writer, intake: &Intake, shutdown: &Shutdown) -> Writer {
    while !shutdown.is_requested() {
        let wait = writer.step();
        intake.wait(wait);
    }
    writer
}

/// The durable thread: waits until it is time, then syncs.
fn sync(mut durable: Durable, marks: &Marks, shutdown: &Shutdown) -> Durable {
    while !shutdown.is_requested() {
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
    durable
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
                if failed.is_corrupt() {
                    marks.damaged();
                }
                if !std::mem::replace(&mut told, true) {
                    error!(error = %failed, "the journal cannot be read; trying again");
                }
                (IDLE_LOOK, i64::MAX)
            }
        };
        wait(marks, shutdown, timeout, |mark| mark.durable > until);
    }
    deliverer
}

/// The reconciler's thread: steps, and waits as the steps say.
fn reconcile(mut reconciler: Reconciler, marks: &Marks, shutdown: &Shutdown) -> Reconciler {
    let mut told = false;
    while !shutdown.is_requested() {
        let pause = match reconciler.step(marks.now()) {
            Ok(reconcile::Step::Again) => continue,
            Ok(reconcile::Step::Pause(pause)) => pause,
            Err(failed) => {
                if failed.is_corrupt() {
                    marks.damaged();
                }
                if !std::mem::replace(&mut told, true) {
                    error!(error = %failed, "the journal cannot be read; trying again");
                }
                RECONCILE_RETRY
            }
        };
        wait(marks, shutdown, pause, |_| false);
    }
    reconciler
}

/// Waits for so long, or until it is `enough`, or the end. Commits ring the bell all the time; only
/// what is waited for ends the wait.
fn wait(marks: &Marks, shutdown: &Shutdown, timeout: Duration, enough: impl Fn(&Mark) -> bool) {
    let begin_ns = SystemClock.mono_ns();
    let mut left = timeout;
    while !left.is_zero() && !shutdown.is_requested() {
        let mark = marks.wait(left, |mark| enough(mark) || shutdown.is_requested());
        if enough(&mark) {
            break;
        }
        let spent = SystemClock.mono_ns() - begin_ns;
        left = timeout.saturating_sub(Duration::from_nanos(u64::try_from(spent).unwrap_or(0)));
    }
}
