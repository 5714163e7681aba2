//! The hand that moves a wire and notes when.

use std::thread;
use std::time::Duration;

use powerlogger::clock::{Clock, SystemClock};
use powerlogger::model::{EdgeKind, Level, MonoNs, NS_PER_MS};

use super::{SimChip, Wire};

/// How far a stamp may lie outside the two readings of the clock around its edge.
const STAMP_SLACK_NS: i64 = NS_PER_MS / 5;

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

impl Done {
    /// Whether a stamp of the machine's monotonic clock is that of this edge.
    pub(crate) fn is_at(&self, mono_ns: MonoNs) -> bool {
        (self.before_ns - STAMP_SLACK_NS..=self.after_ns + STAMP_SLACK_NS).contains(&mono_ns)
    }
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

    /// The edges that were made upwards, in order.
    pub(crate) fn rising(&self) -> Vec<Done> {
        let done = self.done.iter().copied();
        done.filter(|done| done.kind == EdgeKind::Rising).collect()
    }

    /// Toggles with a pause after each.
    pub(crate) fn toggles(&mut self, times: usize, pause: Duration) {
        for _ in 0..times {
            self.toggle();
            thread::sleep(pause);
        }
    }
}

/// Edges that are made between two looks at how far the reader is: of a line the kernel keeps 1,024.
const PIECE_EDGES: usize = 400;

/// The same as [`play`] in pieces, with `catch_up` after each: it waits until what there was at the last one has been
/// read. So a reader that gets no turn for long has never more before it than the kernel keeps.
pub(crate) fn play_in_pieces(
    hands: &mut [(Hand, Duration)],
    total: usize,
    mut catch_up: impl FnMut(&[(Hand, Duration)]),
) {
    let mut left = total;
    while left > 0 {
        let piece = left.min(PIECE_EDGES);
        play(hands, piece);
        left -= piece;
        catch_up(hands);
    }
}

/// Toggles each wire at its own pace from one thread, without bursts after falling behind.
pub(crate) fn play(hands: &mut [(Hand, Duration)], total: usize) {
    let start_ns = SystemClock.mono_ns();
    let mut next_ns = vec![start_ns; hands.len()];
    for _ in 0..total {
        let soonest = (0..hands.len()).min_by_key(|&i| next_ns[i]).unwrap();
        let wait_ns = next_ns[soonest] - SystemClock.mono_ns();
        thread::sleep(Duration::from_nanos(
            u64::try_from(wait_ns.max(30_000)).unwrap(),
        ));
        let (hand, pace) = &mut hands[soonest];
        hand.toggle();
        let now_ns = SystemClock.mono_ns();
        let pace_ns = i64::try_from(pace.as_nanos()).unwrap();
        // Fallen behind, it goes on at its pace: a burst would be taken for bounce.
        next_ns[soonest] = (now_ns + pace_ns / 2).max(next_ns[soonest] + pace_ns);
    }
}
