//! What each thread behind the intake does: steps, and waits as the steps say.

use std::time::Duration;

use tracing::error;

use crate::clock::{Clock, SystemClock};
use crate::deliver::{DeliverStep, Deliverer};
use crate::intake::Intake;
use crate::journal::{Durable, Mark, Marks, Writer};
use crate::reconcile::{ReconcileStep, Reconciler};
use crate::status::log_line::Reporter;
use crate::system::signals::Shutdown;

/// Between tries of the reconciler to read the journal.
const RECONCILE_RETRY: Duration = Duration::from_secs(5);

/// Between tries of the others.
const RETRY: Duration = Duration::from_secs(1);

/// Delivery that has nothing to send is woken by what becomes durable; it looks after this all the same for points
/// of the quarantine that are to be sent again, and for days that it holds.
const NOTHING_TO_SEND: Duration = Duration::from_secs(10);

/// The durable thread is woken by a commit.
const NOTHING_TO_SYNC: Duration = Duration::from_secs(60);

/// The writer's thread.
pub(super) fn write(mut writer: Writer, intake: &Intake, shutdown: &Shutdown) -> Writer {
    while !shutdown.is_requested() {
        let wait = writer.step();
        intake.wait(wait);
    }
    writer
}

/// The durable thread: waits until it is time, then syncs.
pub(super) fn sync(mut durable: Durable, marks: &Marks, shutdown: &Shutdown) -> Durable {
    while !shutdown.is_requested() {
        match durable.due_in() {
            None => marks.wait_for_commit(NOTHING_TO_SYNC, || shutdown.is_requested()),
            Some(Duration::ZERO) => {
                if durable.step().is_err() {
                    pause(marks, shutdown, RETRY);
                }
            }
            Some(left) => pause(marks, shutdown, left),
        }
    }
    durable
}

/// The delivery thread: steps, and waits as the steps say.
pub(super) fn deliver(mut deliverer: Deliverer, marks: &Marks, shutdown: &Shutdown) -> Deliverer {
    let mut told = false;
    while !shutdown.is_requested() {
        let mark = marks.now();
        let (timeout, sent) = match deliverer.step(mark) {
            Ok(DeliverStep::Again) => continue,
            Ok(DeliverStep::Pause(pause)) => (pause, None),
            Ok(DeliverStep::Idle) => (NOTHING_TO_SEND, Some(mark.durable)),
            Err(failed) => {
                if failed.is_corrupt() {
                    marks.damaged();
                }
                if !std::mem::replace(&mut told, true) {
                    error!(error = %failed, "the journal cannot be read; trying again");
                }
                (RETRY, None)
            }
        };
        match sent {
            Some(sent) => wait(marks, shutdown, timeout, |mark| mark.durable > sent),
            None => pause(marks, shutdown, timeout),
        }
    }
    deliverer
}

/// The reconciler's thread: steps, and waits as the steps say.
pub(super) fn reconcile(
    mut reconciler: Reconciler,
    marks: &Marks,
    shutdown: &Shutdown,
) -> Reconciler {
    let mut told = false;
    while !shutdown.is_requested() {
        let pause = match reconciler.step(marks.now()) {
            Ok(ReconcileStep::Again) => continue,
            Ok(ReconcileStep::Pause(pause)) => pause,
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
        self::pause(marks, shutdown, pause);
    }
    reconciler
}

/// The report's thread. It reads the board alone: no disk holds it up.
pub(super) fn report(mut reporter: Reporter, marks: &Marks, shutdown: &Shutdown) {
    while !shutdown.is_requested() {
        pause(marks, shutdown, reporter.report());
    }
}

/// Waits for so long, or until the end.
fn pause(marks: &Marks, shutdown: &Shutdown, timeout: Duration) {
    marks.pause(timeout, || shutdown.is_requested());
}

/// Waits for so long, or until it is `enough`, or the end: only what is waited for ends the wait.
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
