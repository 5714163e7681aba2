//! How long to wait before a failed request is tried again. Pure.

use std::time::Duration;

use crate::model::Backoff;

/// The first quick retry comes after about this.
const QUICK_MIN: Duration = Duration::from_millis(100);

/// A server may ask for a longer pause than this; longer ones are asked about again.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

/// While on hold there is a try in this many replay intervals.
const HOLD_INTERVALS: u32 = 3;

/// When to try again: settings of [`RetryPolicy::after`].
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Quick retries, each twice as late as the one before.
    pub retries_max: u32,
    /// The time between tries when those are used up.
    pub interval: Duration,
}

impl RetryPolicy {
    /// The pause after the `failures`th failure in a row (from 1). `random` in 0..1 gives the jitter:
    /// a quick retry waits between half and all of its time, so that several loggers behind one
    /// outage do not return at the same instant.
    pub fn after(&self, failures: u32, random: f64) -> Duration {
        if failures > self.retries_max {
            return self.interval;
        }
        let full = Backoff::new(QUICK_MIN, self.interval).after(failures);
        full.mul_f64(0.5 + random / 2.0)
    }

    /// The pause after a failure whose answer asked for one: the longer of the two. A server that says
    /// 0, or a time that has passed, has not said that it wants the same request at once for ever.
    pub fn asked(&self, asked: Option<Duration>, failures: u32, random: f64) -> Duration {
        let own = self.after(failures, random);
        asked.map_or(own, |asked| asked.min(RETRY_AFTER_MAX).max(own))
    }

    /// The pause while on hold.
    pub fn hold(&self) -> Duration {
        self.interval * HOLD_INTERVALS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        retries_max: 8,
        interval: Duration::from_secs(10),
    };

    #[test]
    fn eight_quick_retries_then_every_ten_seconds() {
        let full: Vec<_> = (1..=10).map(|n| POLICY.after(n, 1.0).as_millis()).collect();
        assert_eq!(
            full,
            [
                100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000
            ]
        );
        assert_eq!(POLICY.after(3, 0.0).as_millis(), 200, "half of it at least");
        assert_eq!(POLICY.after(u32::MAX, 0.5), Duration::from_secs(10));
    }

    #[test]
    fn the_longer_of_what_is_asked_for_and_our_own_pause() {
        let asked = |s: Option<u64>, failures| {
            let asked = s.map(Duration::from_secs);
            POLICY.asked(asked, failures, 1.0).as_millis()
        };
        // Zero, or a date that has passed, is no leave to try without end.
        assert_eq!(
            [1, 2, 3, 9].map(|n| asked(Some(0), n)),
            [100, 200, 400, 10_000]
        );
        assert_eq!([1, 9].map(|n| asked(Some(3), n)), [3_000, 10_000]);
        assert_eq!([1, 9].map(|n| asked(None, n)), [100, 10_000]);
        assert_eq!(asked(Some(86_400), 1), 600_000, "and asks again by and by");
    }
}
