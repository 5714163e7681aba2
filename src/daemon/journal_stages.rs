//! The stages behind the intake, for one journal: started, watched, and ended in order.

use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info};

use super::context::RunContext;
use super::error::RunError;
use super::journal_state::Stopped;
use super::loops::{deliver, reconcile, report, sync, write};
use super::prepare::Prepared;
use super::settings::DaemonSettings;
use super::stages::{AtEnd, Returned, Stages, THREAD_ENDS};
use super::watchdog::Watchdog;
use crate::clock::{Clock, SystemClock};
use crate::intake::Intake;
use crate::journal::{Carryover, Durable, Journal, Marks, Writer};
use crate::live::LineLive;
use crate::model::NS_PER_S;
use crate::system::signals::{Shutdown, Wakeup, Woken};
use crate::system::systemd;

/// A start that counts nothing for so long gives up, for systemd to try again.
const NO_LINE_MAX_NS: i64 = 60 * NS_PER_S;

/// How long delivery may go on after the end was asked for.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How often the end looks whether it is reached.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// Between looks at the stages, while something is wrong or has just begun,
const LOOK: Duration = Duration::from_secs(1);

/// and while all is well: what ends a thread, or changes the settings, wakes the main thread at once.
const LOOK_SETTLED: Duration = Duration::from_secs(5);

/// A journal whose disk refuses commits for so long is closed and reopened.
const REOPEN_NS: i64 = 10 * NS_PER_S;

/// The stages behind the intake, each in its thread.
pub(super) struct JournalStages {
    stages: Stages,
    intake: Arc<Intake>,
    marks: Arc<Marks>,
    writer: Returned<Writer>,
    durable: Returned<Durable>,
}

impl JournalStages {
    /// Starts them on `journal`, for what is configured.
    ///
    /// # Errors
    /// When the disk refuses, or the machine gives no thread.
    pub(super) fn start(
        in_use: &mut DaemonSettings,
        journal: Journal,
        intake: &Arc<Intake>,
        stamped_by: &dyn Clock,
        wakeup: &Wakeup,
    ) -> Result<JournalStages, RunError> {
        let Prepared {
            marks,
            writer,
            durable,
            reporter,
            deliverer,
            reconciler,
        } = Prepared::new(in_use, journal, intake, stamped_by)?;
        // From here on the disk is asked for nothing.
        let mut on_marks = OnMarks {
            stages: Stages::default(),
            marks: &marks,
            wakeup,
        };
        if let Some(deliverer) = deliverer {
            let work = move |marks: &Marks, shutdown: &Shutdown| {
                deliver(deliverer, marks, shutdown);
            };
            on_marks.add("deliver", AtEnd::UntilDeadline, work)?;
        }
        if let Some(reconciler) = reconciler {
            let work = move |marks: &Marks, shutdown: &Shutdown| {
                reconcile(reconciler, marks, shutdown);
            };
            on_marks.add("reconcile", AtEnd::UntilDeadline, work)?;
        }
        on_marks.add("report", AtEnd::Detach, |marks, shutdown| {
            report(reporter, marks, shutdown);
        })?;
        let durable = on_marks.add("durable", AtEnd::Join, |marks, shutdown| {
            sync(durable, marks, shutdown)
        })?;
        let mut stages = on_marks.stages;
        let (taken, woken) = (Arc::clone(intake), Arc::clone(intake));
        let wake = move || woken.wake();
        let writer = stages.add("journal", AtEnd::Join, wakeup, wake, move |shutdown| {
            write(writer, &taken, shutdown)
        })?;
        Ok(JournalStages {
            stages,
            intake: Arc::clone(intake),
            marks,
            writer,
            durable,
        })
    }

    /// Waits until they are to stop. Never touches the disk, so the watchdog is fed while the disk stalls.
    ///
    /// # Errors
    /// When one has died, or no line was read for too long.
    pub(super) fn watch(
        &self,
        run: &RunContext<'_>,
        in_use: &mut DaemonSettings,
        watchdog: &mut Watchdog,
        wakeup: &mut Wakeup,
    ) -> Result<Stopped, RunError> {
        let mut seen_line = watchdog.is_ready();
        let board = self.intake.board();
        while !run.is_over() {
            self.stages.check_alive()?;
            let mark = self.marks.now();
            if mark.damaged {
                return Ok(Stopped::JournalDamaged);
            }
            let now_ns = SystemClock.mono_ns();
            if mark
                .refused_since_ns
                .is_some_and(|since_ns| now_ns - since_ns > REOPEN_NS)
            {
                return Ok(Stopped::DiskRefuses);
            }
            // A disk that does not answer is not asked to open the journal once more.
            let is_well =
                mark.failing.is_none() && mark.unsyncable.is_none() && !watchdog.is_stalled();
            if in_use.has_changed() && is_well {
                return Ok(Stopped::SettingsChanged);
            }
            seen_line |= board.snapshot().capture.lines_up() > 0;
            let running_ns = now_ns - run.started_ns;
            if !seen_line && running_ns > NO_LINE_MAX_NS {
                return Err(RunError::NoLine);
            }
            let steps = board.capture_steps();
            watchdog.look(board, seen_line, (steps, mark.rounds), now_ns);
            watchdog.tell(board);
            let all_read = board.snapshot().capture.lines.iter().all(LineLive::is_read);
            let look = if is_well && all_read && running_ns > NO_LINE_MAX_NS {
                watchdog.at_most(LOOK_SETTLED)
            } else {
                LOOK
            };
            if wakeup.wait(look) == Woken::Thread {
                // It wakes a moment before it has ended.
                wakeup.wait(THREAD_ENDS);
            }
        }
        Ok(Stopped::Finished)
    }

    /// Closes the journal. What it has not taken stays in the intake; what the next one needs to go on
    /// is returned. A request under way may end later: what it has sent was right.
    ///
    /// # Errors
    /// When a stage has died.
    pub(super) fn close(self) -> Result<Carryover, RunError> {
        self.stages.stop();
        self.stages.join()?;
        drop(self.durable.take()?);
        Ok(self.writer.take()?.leave())
    }

    /// Saves everything that is in memory, and delivers what is on the disk as far as that goes within
    /// [`DRAIN_MAX`]; a second signal cuts it short.
    ///
    /// # Errors
    /// When a stage has died, or the disk refuses.
    pub(super) fn drain(self, wakeup: &mut Wakeup) -> Result<(), RunError> {
        systemd::stopping();
        info!("ending: writing everything out");
        let deadline_ns = SystemClock.mono_ns() + i64::try_from(DRAIN_MAX.as_nanos()).expect("5 s");
        wakeup.clear();
        self.intake.wake();
        while !self.is_drained() && SystemClock.mono_ns() < deadline_ns {
            if wakeup.wait(DRAIN_LOOK) == Woken::Signal {
                break;
            }
        }
        self.stages.stop();
        // A request that hangs must not hold up the end; what it was for is on the disk.
        self.stages.wait_until(deadline_ns, wakeup);
        self.stages.join()?;
        let (mut writer, mut durable) = (self.writer.take()?, self.durable.take()?);
        if let Err(failed) = writer.finish(&mut durable) {
            say_what_is_lost(self.intake.len());
            return Err(failed.into());
        }
        let newest = writer.journal().newest();
        let delivery = self.intake.board().snapshot().delivery;
        info!(
            newest = newest.0,
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

/// Starts stages that wait for the marks.
struct OnMarks<'a> {
    stages: Stages,
    marks: &'a Arc<Marks>,
    wakeup: &'a Wakeup,
}

impl OnMarks<'_> {
    fn add<T: Send + 'static>(
        &mut self,
        name: &'static str,
        at_end: AtEnd,
        work: impl FnOnce(&Marks, &Shutdown) -> T + Send + 'static,
    ) -> Result<Returned<T>, RunError> {
        let (marks, woken) = (Arc::clone(self.marks), Arc::clone(self.marks));
        let wake = move || woken.end_waits();
        self.stages
            .add(name, at_end, self.wakeup, wake, move |shutdown| {
                work(&marks, shutdown)
            })
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
