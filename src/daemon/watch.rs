//! Tells systemd that we are ready, and alive only while capture and journal really move.

use std::time::Duration;

use tracing::warn;

use crate::pulse::MonoNs;
use crate::service;

/// What is watched, and when it last moved.
#[derive(Debug, Default)]
struct Part {
    seen: u64,
    moved_ns: MonoNs,
}

impl Part {
    fn look(&mut self, now: u64, now_ns: MonoNs) {
        if self.moved_ns == 0 || now != self.seen {
            (self.seen, self.moved_ns) = (now, now_ns);
        }
    }
}

/// The watch over the two.
#[derive(Debug)]
pub(super) struct Watch {
    /// Within how long systemd wants to hear of us.
    interval: Option<Duration>,
    ready: bool,
    stuck: bool,
    capture: Part,
    journal: Part,
}

impl Watch {
    /// A watch that tells systemd within `interval`; None: it does not want to hear.
    pub(super) fn new(interval: Option<Duration>) -> Watch {
        Watch {
            interval,
            ready: false,
            stuck: false,
            capture: Part::default(),
            journal: Part::default(),
        }
    }

    /// Looks once. `counting`: a line is read; `steps` and `rounds`: how far capture and journal are.
    pub(super) fn look(&mut self, counting: bool, (steps, rounds): (u64, u64), now_ns: MonoNs) {
        if counting && !std::mem::replace(&mut self.ready, true) {
            service::ready();
        }
        self.capture.look(steps, now_ns);
        self.journal.look(rounds, now_ns);
        let Some(interval) = self.interval else {
            return;
        };
        let patience_ns = i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX) / 2;
        let stuck = |part: &Part| now_ns - part.moved_ns > patience_ns;
        let is_stuck = stuck(&self.capture) || stuck(&self.journal);
        if !is_stuck {
            service::alive();
        } else if !self.stuck {
            let part = if stuck(&self.capture) {
                "capture"
            } else {
                "journal"
            };
            warn!(
                part,
                "does not move; systemd is told nothing more until it does"
            );
        }
        self.stuck = is_stuck;
    }
}
