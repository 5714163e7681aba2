//! How fast a source that makes its own time runs: as fast as a scaled clock, or as fast as
//! possible. The waiting that the simulated house and the recordings share.

use std::sync::Arc;

use super::waker::Waker;
use super::{Polled, Signal};
use crate::clock::{Clock, ScaledClock, VirtualClock};
use crate::model::{MonoNs, NS_PER_S, WallNs};

/// The most signals in one answer: about what one bulk read of a line brings.
const BATCH_SIGNALS_MAX: usize = 256;

/// Whose hand moves the clock.
#[derive(Debug, Clone)]
pub enum Pace {
    /// The clock runs by itself; signals come when it reaches them.
    Scaled(ScaledClock),
    /// As fast as possible: the source moves the clock on to whatever comes next.
    Free(VirtualClock),
}

impl Pace {
    /// A new clock that stands at `start_ns`, its wall hand `offset_ns` ahead, and runs at
    /// `speed` (None: as fast as possible).
    pub fn starting(start_ns: MonoNs, offset_ns: i64, speed: Option<f64>) -> Pace {
        match speed {
            Some(speed) => Pace::Scaled(ScaledClock::starting(start_ns, offset_ns, speed)),
            None => {
                let clock = VirtualClock::at(WallNs::of_mono(NS_PER_S, offset_ns));
                clock.advance(start_ns - clock.mono_ns());
                Pace::Free(clock)
            }
        }
    }

    /// The clock, for what needs the time of this source.
    pub fn clock(&self) -> Arc<dyn Clock> {
        match self {
            Pace::Scaled(clock) => Arc::new(clock.clone()),
            Pace::Free(clock) => Arc::new(clock.clone()),
        }
    }

    /// The same with a past: up to `runs_from_ns` as fast as possible, and only from there at its speed.
    pub fn with_past(
        start_ns: MonoNs,
        offset_ns: i64,
        speed: Option<f64>,
        runs_from_ns: MonoNs,
    ) -> Pace {
        match speed {
            Some(speed) => {
                let clock = ScaledClock::held(start_ns, offset_ns, speed, runs_from_ns);
                Pace::Scaled(clock)
            }
            None => Pace::starting(start_ns, offset_ns, None),
        }
    }

    /// Whether it is not yet where it runs at its speed.
    pub(super) fn is_in_past(&self) -> bool {
        matches!(self, Pace::Scaled(clock) if clock.held_until_ns().is_some())
    }

    /// Where the story begins. For a scaled clock that is where it stood when it was made, not
    /// where it stands now: else two runs would differ by how long the start took.
    pub(crate) fn start_ns(&self) -> MonoNs {
        match self {
            Pace::Scaled(clock) => clock.start_ns(),
            Pace::Free(clock) => clock.mono_ns(),
        }
    }

    /// Wall minus monotonic time, now.
    pub(crate) fn offset_ns(&self) -> i64 {
        match self {
            Pace::Scaled(clock) => clock.offset_ns(),
            Pace::Free(clock) => clock.offset_ns(),
        }
    }

    /// Sets the wall clock so that it is `offset_ns` ahead.
    fn set_offset(&self, offset_ns: i64) {
        let jump_ns = offset_ns - self.offset_ns();
        match self {
            Pace::Scaled(clock) => clock.jump_wall(jump_ns),
            Pace::Free(clock) => clock.jump_wall(jump_ns),
        }
    }

    /// Waits until the clock has reached `target_ns`, or moves it there. False: woken before.
    /// A waker that has been used already wins even when there is nothing to wait for, so that
    /// a flood of signals cannot hide it.
    fn wait_until(&self, target_ns: MonoNs, waker: &Waker) -> bool {
        match self {
            Pace::Scaled(clock) => loop {
                if let Some(until_ns) = clock.held_until_ns() {
                    if waker.wait(Some(0)) {
                        return false;
                    }
                    clock.carry_to(target_ns);
                    if target_ns < until_ns {
                        return true;
                    }
                }
                let left_ns = target_ns - clock.mono_ns();
                if left_ns <= 0 {
                    return !waker.take();
                }
                if waker.wait(Some(real_wait_ns(clock, left_ns))) {
                    return false;
                }
            },
            Pace::Free(_) => {
                if waker.take() {
                    return false;
                }
                self.advance_to(target_ns);
                true
            }
        }
    }

    /// [`super::EdgeSource::rest`]; a clock that does not run by itself stays where it is.
    pub(super) fn rest(&self, until_ns: MonoNs, waker: &Waker) {
        if let Pace::Scaled(clock) = self {
            // What is past passes at once.
            let left_ns = until_ns - clock.mono_ns();
            if left_ns > 0 && clock.held_until_ns().is_none() {
                waker.rest(Some(real_wait_ns(clock, left_ns)));
            }
        }
    }

    /// Moves a clock that does not run by itself; never back.
    fn advance_to(&self, target_ns: MonoNs) {
        match self {
            Pace::Free(clock) => clock.advance((target_ns - clock.mono_ns()).max(0)),
            // The last stretch is waited for.
            Pace::Scaled(clock) => {
                let until_ns = clock.held_until_ns();
                if until_ns.is_some_and(|until_ns| target_ns < until_ns) {
                    clock.carry_to(target_ns);
                }
            }
        }
    }

    /// Up to which stamp signals have come now that the first of them has.
    fn reached_ns(&self) -> MonoNs {
        match self {
            Pace::Scaled(clock) => clock.held_until_ns().unwrap_or_else(|| clock.mono_ns()),
            Pace::Free(_) => MonoNs::MAX,
        }
    }
}

/// At least a nanosecond while something is left, or the last stretch would spin.
fn real_wait_ns(clock: &ScaledClock, left_ns: i64) -> i64 {
    clock.real_wait_ns(left_ns).max(1)
}

/// What a script has next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// A signal, at this stamp.
    Signal(MonoNs),
    /// The wall clock is set.
    Offset {
        /// When.
        mono_ns: MonoNs,
        /// Wall minus monotonic time from then on.
        offset_ns: i64,
    },
    /// Nothing before this stamp; ask again then.
    NotBefore(MonoNs),
    /// Nothing any more; it is over at this stamp.
    End(MonoNs),
}

impl Due {
    fn mono_ns(self) -> MonoNs {
        match self {
            Due::Signal(at) | Due::NotBefore(at) | Due::End(at) => at,
            Due::Offset { mono_ns, .. } => mono_ns,
        }
    }
}

/// A story with stamps, told in the order of its stamps.
pub(crate) trait Script {
    /// What comes next. Does not take it.
    fn due(&mut self) -> Due;

    /// Takes the next entry; None for an entry that is no signal.
    fn take(&mut self) -> Option<Signal>;
}

/// [`super::EdgeSource::poll`] for a script at a pace.
pub(crate) fn poll(
    pace: &Pace,
    waker: &Waker,
    script: &mut impl Script,
    deadline_ns: Option<MonoNs>,
    signals: &mut Vec<Signal>,
) -> Polled {
    loop {
        let due = script.due();
        if let Some(deadline_ns) = deadline_ns.filter(|deadline| *deadline < due.mono_ns()) {
            return if pace.wait_until(deadline_ns, waker) {
                Polled::TimedOut
            } else {
                Polled::Woken
            };
        }
        if !pace.wait_until(due.mono_ns(), waker) {
            return Polled::Woken;
        }
        match due {
            Due::NotBefore(_) => {}
            Due::End(_) => return Polled::Ended,
            Due::Offset { offset_ns, .. } => {
                script.take();
                pace.set_offset(offset_ns);
                // As when the machine's clock is set: the caller looks at its clocks before it
                // gets edges of the new time.
                return Polled::Woken;
            }
            Due::Signal(_) => {
                let limit_ns = deadline_ns.unwrap_or(MonoNs::MAX).min(pace.reached_ns());
                emit(pace, script, limit_ns, signals);
                return Polled::Signals;
            }
        }
    }
}

/// Hands out signals up to `limit_ns`, one batch at most.
fn emit(pace: &Pace, script: &mut impl Script, limit_ns: MonoNs, signals: &mut Vec<Signal>) {
    for _ in 0..BATCH_SIGNALS_MAX {
        let Due::Signal(mono_ns) = script.due() else {
            return;
        };
        if mono_ns > limit_ns {
            return;
        }
        pace.advance_to(mono_ns);
        signals.extend(script.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::model::{Level, MeterId, NS_PER_MS};

    /// Entries as given, then the end one second after the last.
    #[derive(Debug)]
    struct Told(Vec<Due>);

    impl Script for Told {
        fn due(&mut self) -> Due {
            self.0.first().copied().unwrap_or(Due::End(9 * NS_PER_S))
        }

        fn take(&mut self) -> Option<Signal> {
            match self.0.remove(0) {
                Due::Signal(mono_ns) => Some(Signal::LineUp {
                    meter: MeterId(0),
                    request_id: 1,
                    level: Level::High,
                    mono_ns,
                }),
                _ => None,
            }
        }
    }

    fn free() -> Pace {
        Pace::starting(NS_PER_S, 0, None)
    }

    #[test]
    fn free_stops_at_the_deadline_before_the_next_signal() {
        let (pace, waker) = (free(), Waker::new().unwrap());
        let mut script = Told(vec![Due::Signal(5 * NS_PER_S)]);
        let mut signals = Vec::new();
        let polled = poll(&pace, &waker, &mut script, Some(2 * NS_PER_S), &mut signals);
        assert_eq!(polled, Polled::TimedOut);
        assert_eq!(pace.clock().mono_ns(), 2 * NS_PER_S);
        assert!(signals.is_empty());
        let polled = poll(&pace, &waker, &mut script, Some(5 * NS_PER_S), &mut signals);
        assert_eq!((polled, signals.len()), (Polled::Signals, 1));
        assert_eq!(pace.clock().mono_ns(), 5 * NS_PER_S);
    }

    #[test]
    fn a_batch_ends_at_the_deadline_and_at_its_size() {
        let (pace, waker) = (free(), Waker::new().unwrap());
        let mut script = Told((0..300).map(|n| Due::Signal(2 * NS_PER_S + n)).collect());
        let mut signals = Vec::new();
        let deadline = Some(2 * NS_PER_S + 9);
        poll(&pace, &waker, &mut script, deadline, &mut signals);
        assert_eq!(signals.len(), 10);
        signals.clear();
        poll(&pace, &waker, &mut script, None, &mut signals);
        assert_eq!(signals.len(), BATCH_SIGNALS_MAX);
    }

    #[test]
    fn a_past_passes_at_once_and_then_time_runs() {
        let runs_from_ns = 90_000 * NS_PER_S;
        let pace = Pace::with_past(NS_PER_S, 7, Some(1.0), runs_from_ns);
        let (clock, waker) = (pace.clock(), Waker::new().unwrap());
        let late_ns = runs_from_ns + NS_PER_MS;
        let stamps = [2 * NS_PER_S, 80_000 * NS_PER_S, late_ns];
        let mut script = Told(stamps.map(Due::Signal).to_vec());
        let mut signals = Vec::new();
        let mut step = |deadline_ns, signals: &mut Vec<Signal>| {
            poll(&pace, &waker, &mut script, deadline_ns, signals)
        };
        // A deadline in the past is kept, too.
        assert_eq!(step(Some(NS_PER_S), &mut signals), Polled::TimedOut);
        assert_eq!(step(None, &mut signals), Polled::Signals);
        assert_eq!(
            (signals.len(), clock.mono_ns()),
            (2, stamps[1]),
            "not beyond it"
        );
        assert_eq!(clock.mono_ns(), stamps[1], "it stands still");
        let before_ns = SystemClock.mono_ns();
        assert_eq!(step(None, &mut signals), Polled::Signals);
        assert_eq!(signals.len(), 3);
        assert!(
            SystemClock.mono_ns() - before_ns >= NS_PER_MS,
            "it was waited for"
        );
        let now_ns = clock.mono_ns();
        assert!(now_ns >= late_ns);
        while clock.mono_ns() <= now_ns {
            std::hint::spin_loop();
        }
        assert_eq!(clock.offset_ns(), 7);
    }

    #[test]
    fn nothing_is_waited_for_in_the_past() {
        let pace = Pace::with_past(NS_PER_S, 0, Some(1.0), 90_000 * NS_PER_S);
        // It would take a day.
        pace.rest(80_000 * NS_PER_S, &Waker::new().unwrap());
        assert_eq!(pace.clock().mono_ns(), NS_PER_S);
    }

    #[test]
    fn a_past_without_signals_ends_where_time_runs() {
        let runs_from_ns = 90_000 * NS_PER_S;
        let pace = Pace::with_past(NS_PER_S, 0, Some(1e6), runs_from_ns);
        let waker = Waker::new().unwrap();
        let mut script = Told(vec![
            Due::NotBefore(80_000 * NS_PER_S),
            Due::End(runs_from_ns),
        ]);
        let mut signals = Vec::new();
        let deadline = Some(70_000 * NS_PER_S);
        let polled = poll(&pace, &waker, &mut script, deadline, &mut signals);
        assert_eq!(polled, Polled::TimedOut);
        assert_eq!(pace.clock().mono_ns(), 70_000 * NS_PER_S);
        waker.wake();
        let polled = poll(&pace, &waker, &mut script, None, &mut signals);
        assert_eq!(polled, Polled::Woken, "a waker wins in the past, too");
    }

    #[test]
    fn a_used_waker_wins() {
        let waker = Waker::new().unwrap();
        waker.wake();
        let mut script = Told(vec![Due::Signal(2 * NS_PER_S)]);
        let mut signals = Vec::new();
        let pace = free();
        assert_eq!(
            poll(&pace, &waker, &mut script, None, &mut signals),
            Polled::Woken
        );
        assert_eq!(
            poll(&pace, &waker, &mut script, None, &mut signals),
            Polled::Signals
        );
    }

    #[test]
    fn a_set_clock_wakes_between_the_signals_it_parts() {
        for speed in [None, Some(1e6)] {
            let pace = Pace::starting(NS_PER_S, 100, speed);
            let waker = Waker::new().unwrap();
            let at = 2 * NS_PER_S;
            let offset = Due::Offset {
                mono_ns: at,
                offset_ns: -7,
            };
            let mut script = Told(vec![Due::Signal(at), offset, Due::Signal(at)]);
            let mut signals = Vec::new();
            let mut step = |signals: &mut Vec<Signal>| {
                let polled = poll(&pace, &waker, &mut script, None, signals);
                (polled, signals.len(), pace.clock().offset_ns())
            };
            assert_eq!(step(&mut signals), (Polled::Signals, 1, 100));
            assert_eq!(step(&mut signals), (Polled::Woken, 1, -7));
            assert_eq!(step(&mut signals), (Polled::Signals, 2, -7));
            assert_eq!(step(&mut signals), (Polled::Ended, 2, -7));
        }
    }

    #[test]
    fn a_scaled_clock_waits_in_real_time_divided_by_its_speed() {
        let pace = Pace::starting(NS_PER_S, 0, Some(1000.0));
        let waker = Waker::new().unwrap();
        let mut script = Told(vec![Due::Signal(5 * NS_PER_S)]);
        let mut signals = Vec::new();
        let before = SystemClock.mono_ns();
        let polled = poll(&pace, &waker, &mut script, Some(2 * NS_PER_S), &mut signals);
        assert_eq!(polled, Polled::TimedOut);
        let polled = poll(&pace, &waker, &mut script, None, &mut signals);
        assert_eq!((polled, signals.len()), (Polled::Signals, 1));
        // 4 s at a thousand times the speed; no upper bound, the machine may be busy.
        assert!(SystemClock.mono_ns() - before >= 3 * NS_PER_MS);
        assert!(pace.clock().mono_ns() >= 5 * NS_PER_S);
    }
}
