//! Tells systemd that we are ready, and alive only while capture and journal really move.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use crate::alarm::AlarmFeed;
use crate::clock::{Clock, SystemClock};
use crate::live::Board;
use crate::model::{MonoNs, NS_PER_S};
use crate::status::systemd_text::status_text;
use crate::system::systemd;
use crate::web::source::{Loops, Source};

/// The writer waits for the disk, which a restart does not make any quicker, and what waits in memory would
/// be lost by one: it is given up on only after so many of systemd's intervals (10 min by our unit).
const JOURNAL_INTERVALS: i64 = 10;

/// A writer that has not moved for so long waits for the disk; of itself it pauses 5 s at most.
const STALL_NS: i64 = 7 * NS_PER_S;

/// The steps of one loop as they were counted last, and since when that count stands.
#[derive(Debug, Default)]
struct Heartbeat {
    steps: u64,
    moved_ns: MonoNs,
}

impl Heartbeat {
    fn look(&mut self, steps: u64, now_ns: MonoNs) {
        if self.moved_ns == 0 || steps != self.steps {
            (self.steps, self.moved_ns) = (steps, now_ns);
        }
    }

    fn silent_ns(&self, now_ns: MonoNs) -> i64 {
        now_ns - self.moved_ns
    }
}

/// Watches both loops for systemd.
#[derive(Debug)]
pub(super) struct Watchdog {
    /// Within how long systemd wants to hear of us.
    interval: Option<Duration>,
    /// None: nobody is told of alarms.
    alarms: Option<Arc<AlarmFeed>>,
    ready: bool,
    /// systemd was told so.
    told_ready: bool,
    stuck: bool,
    /// For how long the disk had not answered at the last look; 0: it does.
    stalled_ns: i64,
    capture: Heartbeat,
    journal: Heartbeat,
    /// What systemd was told last.
    said: String,
    web: Source,
}

impl Watchdog {
    /// A watchdog that tells systemd within `interval` (None: it does not want to hear), and the HTTP server.
    pub(super) fn new(interval: Option<Duration>, web: Source) -> Watchdog {
        Watchdog {
            interval,
            web,
            alarms: None,
            ready: false,
            told_ready: false,
            stuck: false,
            stalled_ns: 0,
            capture: Heartbeat::default(),
            journal: Heartbeat::default(),
            said: String::new(),
        }
    }

    /// Has the alarms told what is wrong, too.
    pub(super) fn also_tell(&mut self, alarms: Arc<AlarmFeed>) {
        self.alarms = Some(alarms);
    }

    /// Whether a line was read at any time.
    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// How long to wait for the next look, if there is time for `pause`: systemd wants to hear of us in time.
    pub(super) fn at_most(&self, pause: Duration) -> Duration {
        self.interval
            .map_or(pause, |interval| pause.min(interval / 4))
    }

    /// Whether the disk did not answer at the last look.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled_ns > 0
    }

    /// Tells systemd how things stand by the board, if that is not what it was told last, and the alarms.
    pub(super) fn tell(&mut self, board: &Board) {
        let now = (SystemClock.mono_ns(), SystemClock.wall_ns());
        if let Some(alarms) = &self.alarms {
            alarms.look(board, now);
        }
        if let Some(text) = status_text(&board.snapshot(), now) {
            if text != self.said && systemd::status(&text) {
                self.said = text;
            }
        }
    }

    /// Looks once. `counting`: a line is read; `steps` and `rounds`: how far capture and journal are.
    pub(super) fn look(
        &mut self,
        board: &Board,
        counting: bool,
        (steps, rounds): (u64, u64),
        now_ns: MonoNs,
    ) {
        self.ready |= counting;
        if self.ready && !self.told_ready {
            self.told_ready = systemd::ready();
        }
        self.capture.look(steps, now_ns);
        self.journal.look(rounds, now_ns);
        self.tell_stall(board, now_ns);
        self.web.tell_loops(Loops {
            looked_ns: now_ns,
            capture_ns: self.capture.silent_ns(now_ns),
            journal_ns: self.journal.silent_ns(now_ns),
        });
        let Some(interval) = self.interval else {
            return;
        };
        let interval_ns =
            i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX / JOURNAL_INTERVALS);
        let capture_stuck = self.capture.silent_ns(now_ns) > interval_ns / 2;
        let journal_stuck = self.journal.silent_ns(now_ns) > interval_ns * JOURNAL_INTERVALS;
        let is_stuck = capture_stuck || journal_stuck;
        if !is_stuck {
            systemd::alive();
        } else if !self.stuck {
            let part = if capture_stuck { "capture" } else { "journal" };
            warn!(
                part,
                "does not move; systemd is told nothing more until it does"
            );
        }
        self.stuck = is_stuck;
    }

    /// Says that the disk does not answer, and that it does again.
    fn tell_stall(&mut self, board: &Board, now_ns: MonoNs) {
        let silent_ns = self.journal.silent_ns(now_ns);
        let is_stalled = silent_ns > STALL_NS;
        if is_stalled && self.stalled_ns == 0 {
            let waiting = board.snapshot().waiting;
            warn!(
                waiting,
                "the disk does not answer; counting goes on in memory"
            );
            let since_ns = self.journal.moved_ns;
            board.publish_journal(|journal| journal.stalled_since_ns = Some(since_ns));
        }
        if is_stalled {
            self.stalled_ns = silent_ns;
        } else if self.stalled_ns > 0 {
            let seconds = std::mem::take(&mut self.stalled_ns) / NS_PER_S;
            info!(seconds, "the disk answers again");
            board.publish_journal(|journal| journal.stalled_since_ns = None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_does_not_answer_is_not_taken_for_a_thread_that_is_stuck() {
        let mut watchdog = Watchdog::new(Some(Duration::from_secs(60)), Source::default());
        let board = Board::default();
        let mut look = |steps, rounds, at_s: i64| {
            watchdog.look(&board, true, (steps, rounds), at_s * NS_PER_S);
            let shown = board.snapshot().journal.stalled_since_ns;
            assert_eq!(shown.is_some(), watchdog.stalled_ns > 0);
            (watchdog.stuck, watchdog.stalled_ns > 0)
        };
        assert_eq!(look(1, 1, 1), (false, false));
        assert_eq!(look(2, 1, 6), (false, false));
        assert_eq!(look(3, 1, 41), (false, true), "a stall of 40 s");
        assert_eq!(look(4, 2, 42), (false, false));
        assert_eq!(look(5, 2, 500), (false, true));
        assert_eq!(look(6, 2, 700), (true, true), "no disk takes 10 min");
        assert_eq!(look(7, 3, 701), (false, false));
        assert_eq!(look(7, 4, 740), (true, false), "capture never waits");
    }
}
