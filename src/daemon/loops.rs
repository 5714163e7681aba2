//! What each thread on the way of the pulses does: steps, and waits as the steps say.

use std::time::Duration;

use tracing::{error, info};

use crate::capture::waker::Waker;
use crate::capture::{Capture, Polled};
use crate::clock::{Clock, SystemClock};
use crate::deliver::{DeliverStep, Deliverer};
use crate::intake::Intake;
use crate::journal::{Durable, Mark, Marks, Writer};
use crate::model::NS_PER_MS;
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

/// A source that makes its own time is held back while more pulses than this wait for the journal.
const HELD_BACK_ABOVE: usize = 50_000;

/// Capture's thread, until its source ends. `waker`: that of a source which makes its own time and can be held back, where a
/// meter would not wait. `lines_changed` is called after a line is read no more, or is read again.
pub(super) fn capture(
    capture: &mut Capture,
    intake: &Intake,
    waker: Option<&Waker>,
    shutdown: &Shutdown,
    lines_changed: impl Fn(),
) {
    let board = intake.board();
    let hold_back_while = |is_much: &dyn Fn() -> bool| {
        while let Some(waker) = waker.filter(|_| is_much() && !shutdown.is_requested()) {
            board.capture_moved();
            waker.wait(Some(NS_PER_MS));
        }
    };
    let (mut polled, mut told) = (Polled::TimedOut, 0);
    let mut was_in_past = capture.is_in_past();
    while polled != Polled::Ended && !shutdown.is_requested() {
        polled = capture.step();
        let version = board.snapshot().capture.lines_version;
        if std::mem::replace(&mut told, version) != version {
            lines_changed();
        }
        hold_back_while(&|| intake.len() > HELD_BACK_ABOVE);
        if was_in_past && !capture.is_in_past() {
            was_in_past = false;
            hold_back_while(&|| board.snapshot().waiting > 0);
            if !shutdown.is_requested() {
                info!("what is past has been counted; from here on time runs at its speed");
            }
        }
    }
}

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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;
    use crate::capture::pace::Pace;
    use crate::capture::simulated::{SimulatedOptions, SimulatedSource};
    use crate::clock::segment::Rules;
    use crate::config::MeterSettings;
    use crate::live::Board;
    use crate::model::{MonoNs, NS_PER_S, WallNs};

    const PATIENCE_NS: i64 = 60 * NS_PER_S;

    /// 2024-06-21T08:00Z: the house imports and generates.
    const MORNING_NS: WallNs = WallNs::of_s(1_718_956_800);

    fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
        let deadline_ns = SystemClock.mono_ns() + PATIENCE_NS;
        while !holds() {
            assert!(SystemClock.mono_ns() < deadline_ns, "no {what}");
            thread::yield_now();
        }
    }

    #[test]
    fn a_simulated_house_goes_on_from_its_past_when_the_journal_has_all_of_it() {
        const START_NS: MonoNs = NS_PER_S;
        let meters = [
            MeterSettings::plain("Import"),
            MeterSettings::plain("Generate"),
        ];
        let runs_from_ns = START_NS + 3_600 * NS_PER_S;
        let offset_ns = MORNING_NS.ahead_of(START_NS);
        let pace = Pace::with_past(START_NS, offset_ns, Some(1e5), runs_from_ns);
        let (clock, waker, shutdown) = (pace.clock(), Waker::new().unwrap(), Shutdown::default());
        let intake = Arc::new(Intake::new(1_000_000, Arc::new(Board::default())));
        let endless = SimulatedOptions {
            seed: 1,
            span_ns: None,
        };
        let source = SimulatedSource::new(&meters, pace, waker.clone(), endless);
        let trusting = (Rules::NOT_KNOWN_YET, None);
        let queue = Arc::clone(&intake);
        let mut stage = Capture::new(
            Box::new(source),
            Arc::clone(&clock),
            queue,
            &meters,
            trusting,
        );
        let capturing = {
            let (intake, waker, shutdown) = (Arc::clone(&intake), waker.clone(), shutdown.clone());
            let work = move || capture(&mut stage, &intake, Some(&waker), &shutdown, || {});
            thread::spawn(work)
        };
        // Nothing more comes from a house that is held back, although hours of it pass.
        let (mut held, mut steps, mut since_ns) = (0, 0, runs_from_ns);
        wait_until("house that is held back", || {
            let now_ns = clock.mono_ns();
            if intake.len() != held || now_ns < runs_from_ns {
                held = intake.len();
                (steps, since_ns) = (intake.board().capture_steps(), now_ns.max(runs_from_ns));
            }
            let made = intake.board().capture_steps() - steps;
            held > 0 && made > 100 && now_ns > since_ns + 7_200 * NS_PER_S
        });
        // In the writer's hands is not in the journal.
        let taken = intake.take(false).unwrap();
        assert_eq!(taken.pulses.len(), held);
        let steps = intake.board().capture_steps();
        wait_until("steps", || intake.board().capture_steps() > steps + 100);
        assert!(intake.is_empty());
        intake.settled();
        wait_until("pulses of what runs", || !intake.is_empty());
        shutdown.request();
        waker.wake();
        capturing.join().unwrap();
    }
}
