//! When a line that cannot be had is tried again. Pure.

use crate::model::{MonoNs, NS_PER_MS, NS_PER_S};

/// The first retry: soon, for a chip that is only slow to appear.
const RETRY_MIN_NS: i64 = 100 * NS_PER_MS;

/// The longest between two tries: a person who plugs a chip in should not wait for more.
const RETRY_MAX_NS: i64 = 5 * NS_PER_S;

/// The state of the tries for one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineBackoff {
    next_ns: i64,
    up_since: Option<MonoNs>,
}

impl LineBackoff {
    pub(super) fn new() -> LineBackoff {
        LineBackoff {
            next_ns: RETRY_MIN_NS,
            up_since: None,
        }
    }

    /// The line is up.
    pub(super) fn succeeded(&mut self, now_ns: MonoNs) {
        self.up_since = Some(now_ns);
    }

    /// The line is not, or no longer, up; returns when to try again. A line that comes and
    /// goes goes on slowing down: only one that stayed up for a while starts anew.
    pub(super) fn failed(&mut self, now_ns: MonoNs) -> MonoNs {
        if let Some(since_ns) = self.up_since.take() {
            if now_ns - since_ns >= RETRY_MAX_NS {
                self.next_ns = RETRY_MIN_NS;
            }
        }
        let wait_ns = self.next_ns;
        self.next_ns = (wait_ns * 2).min(RETRY_MAX_NS);
        now_ns + wait_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_bound() {
        let mut backoff = LineBackoff::new();
        let waits: Vec<i64> = (0..8).map(|_| backoff.failed(0) / NS_PER_MS).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    }

    #[test]
    fn only_a_line_that_stayed_up_starts_anew() {
        let mut backoff = LineBackoff::new();
        assert_eq!(backoff.failed(0), RETRY_MIN_NS);
        backoff.succeeded(NS_PER_S);
        assert_eq!(
            backoff.failed(2 * NS_PER_S),
            2 * NS_PER_S + 2 * RETRY_MIN_NS
        );
        backoff.succeeded(3 * NS_PER_S);
        assert_eq!(backoff.failed(9 * NS_PER_S), 9 * NS_PER_S + RETRY_MIN_NS);
    }
}
