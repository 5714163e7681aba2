//! Waiting on a condition, with a deadline.

use std::time::{Duration, Instant};

/// How long a test waits for what must come. It ends a test that hangs; no machine is too slow for it.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Waits until the condition gives something.
///
/// # Panics
/// After `longest`.
#[expect(
    clippy::disallowed_methods,
    reason = "other processes and threads run in real time"
)]
pub fn wait_for<T>(what: &str, longest: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(started.elapsed() < longest, "waited {longest:?} for {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Waits until the condition holds.
///
/// # Panics
/// After `longest`.
pub fn wait_until(what: &str, longest: Duration, mut condition: impl FnMut() -> bool) {
    wait_for(what, longest, || condition().then_some(()));
}
