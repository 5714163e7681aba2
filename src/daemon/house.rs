//! The stages behind the intake, each in its thread: built, watched, and ended in order.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::{error, info};

use super::loops::{deliver, reconcile as reconcile_loop, report, sync, write};
use super::settings::InUse;
use super::watch::{Watch, tell_unread};
use super::{Ends, Remote, RunError, THREAD_ENDS, destination_name, join, spawn};
use crate::capture::stats::CaptureStats;
use crate::clock::{Clock, SystemClock};
use crate::config::{Downsampling, Influx, Settings};
use crate::deliver::Deliverer;
use crate::deliver::sink::Sink;
use crate::deliver::start::DelivererParts;
use crate::deliver::stats::DeliverStats;
use crate::intake::Intake;
use crate::journal::{
    Carryover, Durable, IdRanges, Journal, JournalError, Marks, Outbox, Reader, Writer,
};
use crate::model::NS_PER_S;
use crate::reconcile::server::Server;
use crate::reconcile::{Reconciler, ReconcilerParts};
use crate::report::Reporter;
use crate::system::signals::{Shutdown, Wakeup, Woken};
use crate::system::systemd;

/// A start that counts nothing for so long gives up, for systemd to try again.
const NO_LINE_MAX_NS: i64 = 60 * NS_PER_S;

/// How long delivery may go on after the end was asked for.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How often the end looks whether it is reached.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// Between looks at how all goes.
const LOOK: Duration = Duration::from_secs(1);

/// A journal that is refused for so long is let go and opened anew.
const LET_GO_NS: i64 = 10 * NS_PER_S;

/// How a house's time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lived {
    /// A signal came, or the source ended.
    ToTheEnd,
    /// Its journal is damaged.
    OnDamage,
    /// Its disk refuses, in a way that may end when it is let go.
    OnRefusal,
    /// The server is to be another.
    OnSettings,
}

/// The stages, before they have threads.
struct Stages {
    marks: Arc<Marks>,
    writer: Writer,
    durable: Durable,
    reporter: Reporter,
    deliverer: Option<Deliverer>,
    reconciler: Option<Reconciler>,
}

impl Stages {
    fn new(
        in_use: &mut InUse,
        journal: Journal,
        intake: &Arc<Intake>,
    ) -> Result<Stages, JournalError> {
        let Remote { sink, server } = in_use.connect();
        let settings = in_use.settings();
        let dir = journal.dir().to_owned();
        info!(dir = %dir.display(), newest = journal.newest(), "journal open");
        in_use.note(&journal)?;
        let real: Arc<dyn Clock> = Arc::new(SystemClock);
        let marks = Arc::new(if journal.is_proven() {
            Marks::at(journal.newest())
        } else {
            Marks::unproven(journal.newest(), real.mono_ns())
        });
        let destination = destination(settings, &journal, sink.is_some() || server.is_some())?;
        let known = match &destination {
            Some((row, _)) if sink.is_some() => Some((*row, Reader::open(&dir)?.delivered(*row)?)),
            // Nobody waits for the pulses, only for their windows.
            Some((row, _)) => Some((*row, IdRanges::from_ranges([(1, i64::MAX / 2)]))),
            None => None,
        };
        let sync_ms = settings.journal.sync_interval_ms;
        let mut durable = Durable::open(&dir, Arc::clone(&marks), Arc::clone(&real), sync_ms)?;
        if !journal.is_proven() {
            durable.prove_first()?;
        }
        let mut writer = Writer::new(
            journal,
            Arc::clone(intake),
            Arc::clone(&marks),
            Arc::clone(&real),
            settings.journal.clone(),
            known,
        )?;
        writer.preallocate();
        let outbox = writer.outbox();
        let name = destination.as_ref().map(|(_, name)| name.clone());
        let name = name.filter(|_| sink.is_some());
        let meters = settings.meters.iter().map(|meter| meter.name.clone());
        let mut reporter = Reporter::new(Reader::open(&dir)?, name, meters.collect(), real);
        reporter.tell_also(in_use.notices());
        let (mut deliverer, mut reconciler) = (None, None);
        if let (Some((row, _)), Some(sink)) = (&destination, sink) {
            let outbox = Arc::clone(&outbox);
            deliverer = Some(deliverer_to(settings, &dir, *row, sink, outbox)?);
        }
        if let (Some((row, _)), Some(server)) = (&destination, server) {
            let delivered = deliverer.as_ref().map(Deliverer::stats);
            let made = reconciler_of(settings, &dir, *row, server, outbox, delivered);
            reconciler = Some(made?);
        }
        Ok(Stages {
            marks,
            writer,
            durable,
            reporter,
            deliverer,
            reconciler,
        })
    }
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
    reporting: JoinHandle<()>,
}

impl House {
    pub(super) fn build(
        in_use: &mut InUse,
        journal: Journal,
        intake: &Arc<Intake>,
        captured: &Arc<CaptureStats>,
        bell: &Wakeup,
    ) -> Result<House, RunError> {
        let Stages {
            marks,
            writer,
            durable,
            mut reporter,
            deliverer,
            reconciler,
        } = Stages::new(in_use, journal, intake)?;
        // From here on the disk is asked for nothing.
        let shutdown = Shutdown::default();
        let looping = || (Arc::clone(&marks), shutdown.clone());
        let delivered = deliverer.as_ref().map(Deliverer::stats);
        let delivering = deliverer.map(|deliverer| {
            let (marks, shutdown) = looping();
            let thread = move || deliver(deliverer, &marks, &shutdown);
            spawn("deliver", bell, thread)
        });
        let reconciling = reconciler.map(|reconciler| {
            let (marks, shutdown) = looping();
            let thread = move || reconcile_loop(reconciler, &marks, &shutdown);
            spawn("reconcile", bell, thread)
        });
        let reporting = spawn("report", bell, {
            reporter.count_from(captured);
            let (captured, delivered) = (Arc::clone(captured), delivered.clone());
            let ((marks, shutdown), intake) = (looping(), Arc::clone(intake));
            move || {
                let stats = (&*captured, delivered.as_deref());
                report(reporter, stats, &intake, &marks, &shutdown);
            }
        })?;
        let writing = spawn("journal", bell, {
            let (shutdown, intake) = (shutdown.clone(), Arc::clone(intake));
            move || write(writer, &intake, &shutdown)
        })?;
        let syncing = spawn("durable", bell, {
            let (marks, shutdown) = looping();
            move || sync(durable, &marks, &shutdown)
        })?;
        Ok(House {
            shutdown,
            intake: Arc::clone(intake),
            marks,
            writing,
            syncing,
            delivering: delivering.transpose()?,
            delivered,
            reconciling: reconciling.transpose()?,
            reporting,
        })
    }

    /// Waits for the end, with no hand on the disk: systemd must hear of us while it stalls.
    pub(super) fn live(
        &mut self,
        ends: &Ends<'_>,
        in_use: &mut InUse,
        watch: &mut Watch,
        bell: &mut Wakeup,
    ) -> Result<Lived, RunError> {
        let Ends {
            shutdown,
            capturing,
            captured,
            started_ns,
            ..
        } = *ends;
        let mut seen_line = watch.is_ready();
        // While the journal was not open, it was told that lines are not read.
        let (mut told, mut told_unread) = (0, true);
        while !shutdown.is_requested() && !capturing.is_finished() {
            self.check_alive()?;
            let mark = self.marks.now();
            if mark.damaged {
                return Ok(Lived::OnDamage);
            }
            let now_ns = SystemClock.mono_ns();
            if mark
                .refused_since_ns
                .is_some_and(|since_ns| now_ns - since_ns > LET_GO_NS)
            {
                return Ok(Lived::OnRefusal);
            }
            // A disk that does not answer is not asked to open the journal once more.
            let is_well =
                mark.failing.is_none() && mark.unsyncable.is_none() && !watch.is_stalled();
            if in_use.has_changed() && is_well {
                return Ok(Lived::OnSettings);
            }
            seen_line |= captured.lines_up.load(Ordering::Relaxed) > 0;
            if let Some(lines) = self.intake.lines_since(told) {
                told = lines.version;
                told_unread = tell_unread(ends.settings, &lines, told_unread);
            }
            let running_ns = now_ns - started_ns;
            if !seen_line && running_ns > NO_LINE_MAX_NS {
                return Err(RunError::NoLine);
            }
            let steps = captured.steps.load(Ordering::Relaxed);
            watch.look(seen_line, (steps, mark.rounds), self.intake.len(), now_ns);
            if bell.wait(LOOK) == Woken::Thread {
                // It rings a moment before it has ended.
                bell.wait(THREAD_ENDS);
            }
        }
        Ok(Lived::ToTheEnd)
    }

    /// Lets go of the journal. What it has not taken stays in the intake; what another one needs to go on
    /// is returned. A request under way may end later: what it has sent was right.
    pub(super) fn abandon(self) -> Result<Carryover, RunError> {
        self.shutdown.request();
        self.intake.wake();
        self.marks.ring();
        let writer = join("journal", self.writing)?;
        drop(join("durable", self.syncing)?);
        Ok(writer.leave())
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
            ("report", self.reporting.is_finished()),
        ] {
            if finished {
                return Err(RunError::Died(name));
            }
        }
        Ok(())
    }

    /// Brings everything that is in memory to the disk, and what is on the disk to the server as
    /// far as that goes within [`DRAIN_MAX`]; a second signal cuts it short.
    pub(super) fn drain(self, bell: &mut Wakeup) -> Result<(), RunError> {
        systemd::stopping();
        info!("ending: writing everything out");
        let deadline_ns = SystemClock.mono_ns() + i64::try_from(DRAIN_MAX.as_nanos()).expect("5 s");
        bell.clear();
        self.intake.wake();
        while !self.is_drained() && SystemClock.mono_ns() < deadline_ns {
            if bell.wait(DRAIN_LOOK) == Woken::Signal {
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
        if let Err(failed) = writer.finish().and_then(|()| durable.finish()) {
            say_what_is_lost(self.intake.len());
            return Err(failed.into());
        }
        let waiting = self
            .delivered
            .map_or(0, |stats| stats.backlog_of(writer.journal().newest()));
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

/// Says what an end costs that comes while the disk refuses.
pub(super) fn say_what_is_lost(waiting: usize) {
    if waiting > 0 {
        error!(
            waiting,
            "ending with pulses that the disk has not taken; where systemd keeps the lines over a restart \
             they are put back by number, with estimated stamps, when the disk takes them"
        );
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
            let row = journal.destination(&name)?;
            journal.sends_raw(row, influx.raw)?;
            Ok(Some((row, name)))
        }
        _ => Ok(None),
    }
}

/// The reconciler for the server that is configured.
fn reconciler_of(
    settings: &Settings,
    dir: &Path,
    destination: i64,
    server: Box<dyn Server>,
    outbox: Arc<Outbox>,
    delivery: Option<Arc<DeliverStats>>,
) -> Result<Reconciler, JournalError> {
    let (measurement, downsampling, raw) = match &settings.influx {
        Influx::Configured(influx) => (influx.measurement.clone(), influx.downsampling, influx.raw),
        Influx::NotConfigured(_) => (String::new(), Downsampling::Off, false),
    };
    Reconciler::begin(ReconcilerParts {
        reader: Reader::open(dir)?,
        server,
        outbox,
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
fn deliverer_to(
    settings: &Settings,
    dir: &Path,
    destination: i64,
    sink: Box<dyn Sink>,
    outbox: Arc<Outbox>,
) -> Result<Deliverer, JournalError> {
    let measurement = match &settings.influx {
        Influx::Configured(influx) => influx.measurement.clone(),
        Influx::NotConfigured(_) => String::new(),
    };
    Deliverer::begin(DelivererParts {
        reader: Reader::open(dir)?,
        sink,
        outbox,
        clock: Arc::new(SystemClock),
        settings: settings.deliver.clone(),
        retention_d: settings.journal.raw_retention_d,
        measurement,
        destination,
    })
}
