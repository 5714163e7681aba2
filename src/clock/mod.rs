//! Time comes in by the door: the only room that asks what time it is.
//!
//! Two clocks matter. The monotonic one (`CLOCK_MONOTONIC`) stamps edges and measures waits; it
//! stands still in suspend and is never set. The wall clock is what people mean; it may be
//! wrong at boot and may be set at any moment. [`segment`] ties the one to the other.

pub mod segment;

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::pulse::{MonoNs, NS_PER_S, WallNs};

/// Asks the time.
pub trait Clock: Debug + Send + Sync {
    /// The monotonic clock, in nanoseconds.
    fn mono_ns(&self) -> MonoNs;

    /// The wall clock, in nanoseconds since 1970.
    fn wall_ns(&self) -> WallNs;

    /// Wall minus monotonic time. Constant while nobody sets the wall clock (NTP slews move
    /// both clocks alike).
    fn offset_ns(&self) -> i64;
}

/// The machine's own clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// How often the pair of clocks is read to find an undisturbed pair.
const OFFSET_READS: usize = 5;

impl Clock for SystemClock {
    fn mono_ns(&self) -> MonoNs {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        t.tv_sec * NS_PER_S + t.tv_nsec
    }

    fn wall_ns(&self) -> WallNs {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        t.tv_sec * NS_PER_S + t.tv_nsec
    }

    /// Reads monotonic, wall, monotonic and keeps the pair with the least time between: an
    /// interrupt in the middle of a pair would otherwise look like a small clock step.
    fn offset_ns(&self) -> i64 {
        let mut best = (i64::MAX, 0);
        for _ in 0..OFFSET_READS {
            let before = self.mono_ns();
            let wall = self.wall_ns();
            let spent = self.mono_ns() - before;
            if spent < best.0 {
                best = (spent, wall - (before + spent / 2));
            }
        }
        best.1
    }
}

/// A clock that runs faster than the machine's from a chosen start: time of the simulated
/// house, so that a day can pass in a minute. Its wall and monotonic hands move alike. Clones
/// share one offset.
#[derive(Debug, Clone)]
pub struct ScaledClock {
    real: SystemClock,
    real_start_ns: MonoNs,
    start_ns: MonoNs,
    speed: f64,
    offset_ns: Arc<AtomicI64>,
}

impl ScaledClock {
    /// A clock that shows `wall_start_ns` now and runs `speed` times as fast as the machine's.
    pub fn new(wall_start_ns: WallNs, speed: f64) -> ScaledClock {
        let start_ns = Self::MONO_START_NS;
        ScaledClock::starting(start_ns, wall_start_ns - start_ns, speed)
    }

    /// A clock whose monotonic hand stands at `start_ns` now and whose wall hand is
    /// `offset_ns` ahead of it: the clock of a recording.
    pub fn starting(start_ns: MonoNs, offset_ns: i64, speed: f64) -> ScaledClock {
        let real = SystemClock;
        ScaledClock {
            real,
            real_start_ns: real.mono_ns(),
            start_ns,
            speed,
            offset_ns: Arc::new(AtomicI64::new(offset_ns)),
        }
    }

    /// Where the monotonic hand stood when the clock was made.
    pub fn start_ns(&self) -> MonoNs {
        self.start_ns
    }

    /// Sets the wall clock `ns` forward (or back), for all clones.
    pub fn jump_wall(&self, ns: i64) {
        self.offset_ns.fetch_add(ns, Ordering::SeqCst);
    }

    /// How long the machine must wait until this clock has advanced by `scaled_ns`.
    pub fn real_wait_ns(&self, scaled_ns: i64) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "far below 2^63 ns")]
        let real = (scaled_ns as f64 / self.speed) as i64;
        real
    }

    /// Monotonic stamps begin here, so that 0 stays "never".
    const MONO_START_NS: i64 = NS_PER_S;
}

impl Clock for ScaledClock {
    fn mono_ns(&self) -> MonoNs {
        #[expect(clippy::cast_possible_truncation, reason = "far below 2^63 ns")]
        let passed = ((self.real.mono_ns() - self.real_start_ns) as f64 * self.speed) as i64;
        self.start_ns.saturating_add(passed)
    }

    fn wall_ns(&self) -> WallNs {
        self.offset_ns() + self.mono_ns()
    }

    fn offset_ns(&self) -> i64 {
        self.offset_ns.load(Ordering::SeqCst)
    }
}

/// A clock that moves only when told to. Clones share one hand.
#[derive(Debug, Clone)]
pub struct VirtualClock {
    mono_ns: Arc<AtomicI64>,
    offset_ns: Arc<AtomicI64>,
}

impl VirtualClock {
    /// A clock standing at `wall_ns`, one second after boot.
    pub fn at(wall_ns: WallNs) -> VirtualClock {
        VirtualClock {
            mono_ns: Arc::new(AtomicI64::new(NS_PER_S)),
            offset_ns: Arc::new(AtomicI64::new(wall_ns - NS_PER_S)),
        }
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
        self.offset_ns() + self.mono_ns()
    }

    fn offset_ns(&self) -> i64 {
        self.offset_ns.load(Ordering::SeqCst)
    }
}
