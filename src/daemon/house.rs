//! The stages behind the intake, each in its thread: built, watched, and ended in order.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::{error, info};

use super::loops::{deliver, reconcile as reconcile_loop, report, sync, write};
use super::settings::InUse;
use super::watch::Watch;
use super::{Ends, Remote, RunError, THREAD_ENDS, destination_name, join, spawn};
use crate::clock::{Clock, SystemClock};
use crate::config::{Downsampling, Influx, Settings};
use crate::deliver::Deliverer;
use crate::intake::Intake;
use crate::journal::Carryover;
use crate::journal::Durable;
use crate::journal::IdRanges;
use crate::journal::Journal;
use crate::journal::JournalError;
use crate::journal::Marks;
use crate::journal::Outbox;
use crate::journal::Reader;
use crate::journal::Writer;
use crate::live::{JournalPhase, LineLive, ServerPart};
use crate::model::NS_PER_S;
use crate::reconcile::{Reconciler, Writers};
use crate::server::Dependencies;
use crate::status::log_line::Reporter;
use crate::system::signals::{Shutdown, Wakeup, Woken};
use crate::system::systemd;

/// A start that counts nothing for so long gives up, for systemd to try again.
const NO_LINE_MAX_NS: i64 = 60 * NS_PER_S;

/// How long delivery may go on after the end was asked for.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How often the end looks whether it is reached.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// Between looks at how all goes, while something is wrong or has just begun,
const LOOK: Duration = Duration::from_secs(1);

/// and while all is well: what ends a thread, or changes the settings, wakes the main thread at once.
const LOOK_SETTLED: Duration = Duration::from_secs(5);

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
        let marks = if journal.is_proven() {
            Marks::at(journal.newest())
        } else {
            Marks::unproven(journal.newest(), real.mono_ns())
        };
        let board = intake.board();
        let marks = Arc::new(marks.on(Arc::clone(board)));
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
        let reporter = Reporter::new(Arc::clone(board), real);
        let (mut deliverer, mut reconciler) = (None, None);
        board.no_server();
        if let Some((row, name)) = destination {
            let bounds = board.snapshot().journal.bounds;
            let known = Reader::open(&dir)?.delivery_live(&name, bounds)?;
            let (delivery, views) = known.unwrap_or_default();
            let shown_on = ServerPart::begin(board, delivery, views);
            let depends = || {
                let (outbox, shown_on) = (Arc::clone(&outbox), shown_on.clone());
                dependencies(settings, &dir, row, outbox, shown_on)
            };
            if let Some(sink) = sink {
                deliverer = Some(Deliverer::begin(depends()?, sink)?);
            }
            if let Some(server) = server {
                let writers = writers(settings);
                reconciler = Some(Reconciler::begin(depends()?, server, writers)?);
            }
        }
        board.publish_journal(|journal| journal.phase = JournalPhase::Open);
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
    reconciling: Option<JoinHandle<Reconciler>>,
    reporting: JoinHandle<()>,
}

impl House {
    pub(super) fn build(
        in_use: &mut InUse,
        journal: Journal,
        intake: &Arc<Intake>,
        bell: &Wakeup,
    ) -> Result<House, RunError> {
        let Stages {
            marks,
            writer,
            durable,
            reporter,
            deliverer,
            reconciler,
        } = Stages::new(in_use, journal, intake)?;
        // From here on the disk is asked for nothing.
        let shutdown = Shutdown::default();
        let looping = || (Arc::clone(&marks), shutdown.clone());
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
            let (marks, shutdown) = looping();
            move || report(reporter, &marks, &shutdown)
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
            started_ns,
            ..
        } = *ends;
        let mut seen_line = watch.is_ready();
        let board = self.intake.board();
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
            seen_line |= board.snapshot().capture.lines_up() > 0;
            let running_ns = now_ns - started_ns;
            if !seen_line && running_ns > NO_LINE_MAX_NS {
                return Err(RunError::NoLine);
            }
            let steps = board.capture_steps();
            watch.look(board, seen_line, (steps, mark.rounds), now_ns);
            watch.tell(board);
            let all_read = board.snapshot().capture.lines.iter().all(LineLive::is_read);
            let look = if is_well && all_read && running_ns > NO_LINE_MAX_NS {
                watch.at_most(LOOK_SETTLED)
            } else {
                LOOK
            };
            if bell.wait(look) == Woken::Thread {
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
        let newest = writer.journal().newest();
        let delivery = self.intake.board().snapshot().delivery;
        info!(
            newest,
            backlog = delivery.map_or(0, |delivery| delivery.backlog(newest)),
            "ended; everything is kept"
        );
        Ok(())
    }

    /// Whether there is nothing left to wait for: all is durable, and delivered or undeliverable.
    fn is_drained(&self) -> bool {
        let mark = self.marks.now();
        let delivery = self.intake.board().snapshot().delivery;
        let delivered = delivery.is_none_or(|delivery| delivery.is_done(mark.durable));
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

/// Which buckets of the server that is configured are compared, and who writes them.
fn writers(settings: &Settings) -> Writers {
    let (downsampling, raw) = match &settings.influx {
        Influx::Configured(influx) => (influx.downsampling, influx.raw),
        Influx::NotConfigured(_) => (Downsampling::Off, false),
    };
    Writers { downsampling, raw }
}

/// What delivery to the server that is configured, and its reconciler, need to begin.
fn dependencies(
    settings: &Settings,
    dir: &Path,
    destination: i64,
    outbox: Arc<Outbox>,
    shown_on: ServerPart,
) -> Result<Dependencies, JournalError> {
    let measurement = match &settings.influx {
        Influx::Configured(influx) => influx.measurement.clone(),
        Influx::NotConfigured(_) => String::new(),
    };
    Ok(Dependencies {
        reader: Reader::open(dir)?,
        outbox,
        shown_on,
        clock: Arc::new(SystemClock),
        settings: settings.deliver.clone(),
        retention_d: settings.journal.raw_retention_d,
        measurement,
        destination,
    })
}
