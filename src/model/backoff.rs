//! Waits between tries that grow until they are long enough. Pure.

use std::time::Duration;

/// Waits that double, from the first one up to a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    /// Failures in a row.
    failures: u32,
}

impl Backoff {
    /// Waits from `first` to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff {
            first,
            longest,
            failures: 0,
        }
    }

    /// The wait after the `failures`th failure in a row (from 1).
    pub fn after(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }

    /// It has failed once more: how long to wait.
    pub fn failed(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.after(self.failures)
    }

    /// It has succeeded: the next wait is the first one again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_bound_and_begins_again_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let mut waits =
            |n: usize| -> Vec<u128> { (0..n).map(|_| backoff.failed().as_millis()).collect() };
        assert_eq!(waits(8), [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(backoff.after(u32::MAX), Duration::from_secs(5));
        backoff.reset();
        assert_eq!(backoff.failed(), Duration::from_millis(100));
        let long = Backoff::new(Duration::from_secs(1), Duration::MAX);
        assert_eq!(long.after(u32::MAX), Duration::from_secs(1 << 31));
    }
}
