//! The hand that moves a wire and notes when.

use std::thread;
use std::time::Duration;

use powerlogger::clock::{Clock, SystemClock};
use powerlogger::pulse::{EdgeKind, Level, MonoNs};

use super::{SimChip, Wire};

/// A wire that is known to be low, and what was done to it.
#[derive(Debug)]
pub(crate) struct Hand {
    wire: Wire,
    level: Level,
    /// All that was done, in order.
    pub(crate) done: Vec<Done>,
}

/// An edge that was made, between two readings of the clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done {
    pub(crate) kind: EdgeKind,
    pub(crate) before_ns: MonoNs,
    pub(crate) after_ns: MonoNs,
}

impl Hand {
    /// The wire of a line that was just requested with a bias to low.
    pub(crate) fn on(chip: &SimChip, line: u32) -> Hand {
        Hand {
            wire: chip.wire(line),
            level: Level::Low,
            done: Vec::new(),
        }
    }

    /// One edge.
    pub(crate) fn toggle(&mut self) {
        self.level = self.level.inverted();
        let before_ns = SystemClock.mono_ns();
        self.wire.pull(self.level);
        self.done.push(Done {
            kind: EdgeKind::towards(self.level),
            before_ns,
            after_ns: SystemClock.mono_ns(),
        });
    }

    /// Toggles with a pause after each.
    pub(crate) fn toggles(&mut self, times: usize, pause: Duration) {
        for _ in 0..times {
            self.toggle();
            thread::sleep(pause);
        }
    }
}
