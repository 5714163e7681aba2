//! The clocks: the only module that asks what time it is.
//!
//! Two clocks matter. The monotonic one (`CLOCK_MONOTONIC`) stamps edges and measures waits; it stands still in
//! suspend and is never set. It is the machine's, also in a time namespace: the kernel stamps edges by that. The
//! wall clock is what people mean; it may be wrong at boot and may be set at any moment. [`segment`] ties the one to
//! the other.

pub mod elapsed;
pub mod kernel;
pub mod segment;
pub mod trust;

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::time::{ClockId, clock_gettime};

use crate::model::{MonoNs, NS_PER_S, WallNs};
use kernel::TimeNamespace;
use trust::ClockLook;

/// Asks the time.
pub trait Clock: Debug + Send + Sync {
    /// The monotonic clock, in nanoseconds.
    fn mono_ns(&self) -> MonoNs;

    /// The wall clock, in nanoseconds since 1970.
    fn wall_ns(&self) -> WallNs;

    /// Wall minus monotonic time. Constant while the wall clock is not set (NTP slews move
    /// both clocks alike).
    fn offset_ns(&self) -> i64;

    /// Both, and what the kernel thinks of them.
    fn look(&self) -> ClockLook {
        ClockLook {
            mono_ns: self.mono_ns(),
            offset_ns: self.offset_ns(),
            slept_ns: 0,
            synchronised: false,
        }
    }
}

/// The machine's own clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// How often the pair of clocks is read to find an undisturbed pair,
const OFFSET_READS: usize = 5;

/// and how often at most, while none was close enough: a machine that is overloaded disturbs many.
const OFFSET_READS_MAX: usize = 200;

/// Three reads that take less than this were not disturbed.
const UNDISTURBED_NS: i64 = 2_000;

/// Three reads that take less than this are close enough for what is stamped: half of it is the error, at most.
const CLOSE_ENOUGH_NS: i64 = 100_000;

/// What a clock of the machine shows, whatever time namespace the process is in.
fn read_ns(clock: ClockId) -> i64 {
    static NAMESPACE: OnceLock<TimeNamespace> = OnceLock::new();
    let t = clock_gettime(clock);
    let shown_ns = t.tv_sec * NS_PER_S + t.tv_nsec;
    let ahead = || NAMESPACE.get_or_init(TimeNamespace::of_process);
    match clock {
        ClockId::Monotonic => shown_ns - ahead().monotonic_ns,
        ClockId::Boottime => shown_ns - ahead().boottime_ns,
        _ => shown_ns,
    }
}

/// How far the clock `other` is ahead of the clock `mono`. Reads mono, other, mono and keeps the pair with the
/// least time between: an interrupt in the middle of a pair would otherwise look like a small clock step.
fn ahead_ns(mut mono: impl FnMut() -> i64, mut other: impl FnMut() -> i64) -> i64 {
    let mut best = (i64::MAX, 0);
    for read in 1..=OFFSET_READS_MAX {
        let before = mono();
        let reads = other();
        let spent = mono() - before;
        if spent < best.0 {
            best = (spent, reads - (before + spent / 2));
        }
        let is_close = read >= OFFSET_READS && best.0 < CLOSE_ENOUGH_NS;
        if spent < UNDISTURBED_NS || is_close {
            break;
        }
    }
    best.1
}

impl SystemClock {
    /// How far `other` is ahead of the monotonic clock.
    fn ahead_ns(self, other: ClockId) -> i64 {
        ahead_ns(|| self.mono_ns(), || read_ns(other))
    }
}

impl Clock for SystemClock {
    fn mono_ns(&self) -> MonoNs {
        read_ns(ClockId::Monotonic)
    }

    fn wall_ns(&self) -> WallNs {
        WallNs(read_ns(ClockId::Realtime))
    }

    fn offset_ns(&self) -> i64 {
        self.ahead_ns(ClockId::Realtime)
    }

    fn look(&self) -> ClockLook {
        ClockLook {
            mono_ns: self.mono_ns(),
            offset_ns: self.offset_ns(),
            slept_ns: self.ahead_ns(ClockId::Boottime),
            synchronised: kernel::is_synchronised(),
        }
    }
}

/// A clock that runs faster than the machine's from a chosen start: time of the simulated
/// house, so that a day can pass in a minute. Its wall and monotonic hands move alike. Until another instant it can be
/// moved by hand first: a past that passes as fast as it goes. Clones share the hands.
#[derive(Debug, Clone)]
pub struct ScaledClock {
    real: SystemClock,
    start_ns: MonoNs,
    /// Up to here it is moved by hand.
    runs_from_ns: MonoNs,
    speed: f64,
    hands: Arc<ScaledHands>,
}

#[derive(Debug)]
struct ScaledHands {
    /// Where the monotonic hand stands while it is moved by hand; [`RUNS`]: it runs.
    held_ns: AtomicI64,
    /// When it began to run, by the machine's clock.
    real_start_ns: AtomicI64,
    offset_ns: AtomicI64,
}

/// See [`ScaledHands::held_ns`].
const RUNS: MonoNs = MonoNs::MAX;

impl ScaledClock {
    /// A clock whose monotonic hand stands at `start_ns` now and whose wall hand is
    /// `offset_ns` ahead of it: the clock of a recording.
    pub fn starting(start_ns: MonoNs, offset_ns: i64, speed: f64) -> ScaledClock {
        ScaledClock::held(start_ns, offset_ns, speed, start_ns)
    }

    /// The same, but it is moved by hand ([`ScaledClock::carry_to`]) until it has reached `runs_from_ns`, and runs from
    /// there.
    pub fn held(start_ns: MonoNs, offset_ns: i64, speed: f64, runs_from_ns: MonoNs) -> ScaledClock {
        let real = SystemClock;
        let is_held = start_ns < runs_from_ns;
        ScaledClock {
            real,
            start_ns,
            runs_from_ns: runs_from_ns.max(start_ns),
            speed,
            hands: Arc::new(ScaledHands {
                held_ns: AtomicI64::new(if is_held { start_ns } else { RUNS }),
                real_start_ns: AtomicI64::new(real.mono_ns()),
                offset_ns: AtomicI64::new(offset_ns),
            }),
        }
    }

    /// Where the monotonic hand stood when the clock was made.
    pub fn start_ns(&self) -> MonoNs {
        self.start_ns
    }

    /// Up to where it is to be moved by hand; None: it runs.
    pub fn held_until_ns(&self) -> Option<MonoNs> {
        (self.hands.held_ns.load(Ordering::SeqCst) != RUNS).then_some(self.runs_from_ns)
    }

    /// Moves a clock that does not run yet to an instant, never back; one that has come to where it runs is let run.
    pub fn carry_to(&self, mono_ns: MonoNs) {
        if self.held_until_ns().is_none() {
            return;
        }
        let hands = &self.hands;
        if mono_ns < self.runs_from_ns {
            hands.held_ns.fetch_max(mono_ns, Ordering::SeqCst);
            return;
        }
        let now_ns = self.real.mono_ns();
        hands.real_start_ns.store(now_ns, Ordering::SeqCst);
        // A thread that sees that it runs sees from when on, too.
        hands.held_ns.store(RUNS, Ordering::SeqCst);
    }

    /// Sets the wall clock `ns` forward (or back), for all clones.
    pub fn jump_wall(&self, ns: i64) {
        self.hands.offset_ns.fetch_add(ns, Ordering::SeqCst);
    }

    /// How long the machine must wait until this clock has advanced by `scaled_ns`.
    pub fn real_wait_ns(&self, scaled_ns: i64) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "far below 2^63 ns")]
        let real = (scaled_ns as f64 / self.speed) as i64;
        real
    }
}

impl Clock for ScaledClock {
    fn mono_ns(&self) -> MonoNs {
        let held_ns = self.hands.held_ns.load(Ordering::SeqCst);
        if held_ns != RUNS {
            return held_ns;
        }
        let real_ns = self.real.mono_ns() - self.hands.real_start_ns.load(Ordering::SeqCst);
        #[expect(clippy::cast_possible_truncation, reason = "far below 2^63 ns")]
        let passed = (real_ns as f64 * self.speed) as i64;
        self.runs_from_ns.saturating_add(passed)
    }

    fn wall_ns(&self) -> WallNs {
        WallNs::of_mono(self.mono_ns(), self.offset_ns())
    }

    fn offset_ns(&self) -> i64 {
        self.hands.offset_ns.load(Ordering::SeqCst)
    }
}

/// A clock that moves only when told to. Clones share one hand.
#[derive(Debug, Clone)]
pub struct VirtualClock {
    mono_ns: Arc<AtomicI64>,
    offset_ns: Arc<AtomicI64>,
    slept_ns: Arc<AtomicI64>,
    synchronised: Arc<AtomicBool>,
}

impl VirtualClock {
    /// A clock standing at `wall_ns`, one second after boot.
    pub fn at(wall_ns: WallNs) -> VirtualClock {
        VirtualClock {
            mono_ns: Arc::new(AtomicI64::new(NS_PER_S)),
            offset_ns: Arc::new(AtomicI64::new(wall_ns.ahead_of(NS_PER_S))),
            slept_ns: Arc::default(),
            synchronised: Arc::default(),
        }
    }

    /// NTP has, or has no longer, an eye on it.
    pub fn synchronise(&self, yes: bool) {
        self.synchronised.store(yes, Ordering::SeqCst);
    }

    /// The machine sleeps: the wall clock goes on, the monotonic one stands still.
    pub fn suspend(&self, ns: i64) {
        self.slept_ns.fetch_add(ns, Ordering::SeqCst);
        self.jump_wall(ns);
    }

    /// The machine boots: the monotonic clock begins again, and NTP has not looked at the wall clock
    /// yet, which shows `wall_ns`.
    pub fn boot(&self, wall_ns: WallNs) {
        self.mono_ns.store(NS_PER_S, Ordering::SeqCst);
        self.offset_ns
            .store(wall_ns.ahead_of(NS_PER_S), Ordering::SeqCst);
        self.slept_ns.store(0, Ordering::SeqCst);
        self.synchronise(false);
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, ns: i64) {
        self.mono_ns.fetch_add(ns, Ordering::SeqCst);
    }

    /// Sets the wall clock `ns` forward (or back): what NTP or a person does. The monotonic
    /// clock does not move.
    pub fn jump_wall(&self, ns: i64) {
        self.offset_ns.fetch_add(ns, Ordering::SeqCst);
    }
}

impl Clock for VirtualClock {
    fn mono_ns(&self) -> MonoNs {
        self.mono_ns.load(Ordering::SeqCst)
    }

    fn wall_ns(&self) -> WallNs {
        WallNs::of_mono(self.mono_ns(), self.offset_ns())
    }

    fn offset_ns(&self) -> i64 {
        self.offset_ns.load(Ordering::SeqCst)
    }

    fn look(&self) -> ClockLook {
        ClockLook {
            mono_ns: self.mono_ns(),
            offset_ns: self.offset_ns(),
            slept_ns: self.slept_ns.load(Ordering::SeqCst),
            synchronised: self.synchronised.load(Ordering::SeqCst),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::model::NS_PER_MS;

    /// What is read of a clock that is a day ahead, on a machine that takes `spent_ns` for each reading of a pair; and
    /// how many pairs.
    fn read(spent_ns: impl Fn(usize) -> i64) -> (i64, usize) {
        let (now_ns, readings) = (Cell::new(NS_PER_S), Cell::new(0));
        let reading = || {
            let pair = readings.get() / 3;
            readings.set(readings.get() + 1);
            // The machine stands still before the clock is read: this is the most that a pair can be wrong by.
            let is_other = readings.get() % 3 == 2;
            let stands_ns = if is_other { spent_ns(pair) } else { 1_000 };
            now_ns.set(now_ns.get() + stands_ns);
            now_ns.get()
        };
        let ahead_ns = ahead_ns(reading, || reading() + 86_400 * NS_PER_S);
        (ahead_ns - 86_400 * NS_PER_S, readings.get() / 3)
    }

    #[test]
    fn a_pair_that_was_disturbed_is_read_again_until_one_is_close_enough() {
        assert_eq!(read(|_| 500), (-250, 1));
        let (off_ns, pairs) = read(|_| 20_000);
        assert!(off_ns.abs() <= CLOSE_ENOUGH_NS / 2 && pairs == OFFSET_READS);
        let (off_ns, pairs) = read(|pair| if pair < 60 { 7 * NS_PER_MS } else { 30_000 });
        assert!(off_ns.abs() <= CLOSE_ENOUGH_NS / 2, "{off_ns}");
        assert_eq!(pairs, 61);
        let (_, pairs) = read(|_| 7 * NS_PER_MS);
        assert_eq!(pairs, OFFSET_READS_MAX, "it ends");
    }
}
