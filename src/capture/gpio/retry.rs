//! When a line that cannot be had is tried again. Pure.

use std::time::Duration;

use crate::model::{Backoff, MonoNs};

/// The first retry: soon, for a chip that is only slow to appear.
const RETRY_MIN: Duration = Duration::from_millis(100);

/// The longest between two tries: a person who plugs a chip in should not wait for more.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// The state of the tries for one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineRetry {
    backoff: Backoff,
    up_since: Option<MonoNs>,
}

impl LineRetry {
    pub(super) fn new() -> LineRetry {
        LineRetry {
            backoff: Backoff::new(RETRY_MIN, RETRY_MAX),
            up_since: None,
        }
    }

    /// The line is up.
    pub(super) fn succeeded(&mut self, now_ns: MonoNs) {
        self.up_since = Some(now_ns);
    }

    /// The line is not, or no longer, up; returns when to try again. A line that comes and
    /// goes goes on slowing down: only one that stayed up for a while begins with the first wait again.
    pub(super) fn failed(&mut self, now_ns: MonoNs) -> MonoNs {
        if let Some(since_ns) = self.up_since.take() {
            if now_ns - since_ns >= nanoseconds(RETRY_MAX) {
                self.backoff.reset();
            }
        }
        now_ns + nanoseconds(self.backoff.failed())
    }
}

fn nanoseconds(wait: Duration) -> i64 {
    i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NS_PER_MS, NS_PER_S};

    #[test]
    fn the_wait_doubles_up_to_its_bound() {
        let mut backoff = LineRetry::new();
        let waits: Vec<i64> = (0..8).map(|_| backoff.failed(0) / NS_PER_MS).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    }

    #[test]
    fn only_a_line_that_stayed_up_starts_anew() {
        let mut backoff = LineRetry::new();
        assert_eq!(backoff.failed(0), nanoseconds(RETRY_MIN));
        backoff.succeeded(NS_PER_S);
        assert_eq!(
            backoff.failed(2 * NS_PER_S),
            2 * NS_PER_S + 2 * nanoseconds(RETRY_MIN)
        );
        backoff.succeeded(3 * NS_PER_S);
        assert_eq!(
            backoff.failed(9 * NS_PER_S),
            9 * NS_PER_S + nanoseconds(RETRY_MIN)
        );
    }
}
