//! What delivery shows to the rest of the house while it runs.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// What delivery shows while it runs.
#[derive(Debug, Default)]
pub struct DeliverStats {
    /// Points acknowledged since the start.
    pub points: AtomicU64,
    /// Requests that ended otherwise.
    pub failures: AtomicU64,
    /// Pulses that are durable and not acknowledged.
    pub backlog: AtomicI64,
    /// The durable mark up to which nothing was left to send.
    pub(super) idle_at: AtomicI64,
    /// The last request failed.
    pub(super) failing: AtomicBool,
}

impl DeliverStats {
    /// Whether the last request failed.
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::SeqCst)
    }

    /// Pulses that are durable and not acknowledged.
    pub fn backlog(&self) -> i64 {
        self.backlog.load(Ordering::Relaxed)
    }

    /// Whether waiting for more is of no use: all up to `durable` is delivered, or nothing goes.
    pub fn is_done(&self, durable: i64) -> bool {
        self.failing.load(Ordering::SeqCst) || self.idle_at.load(Ordering::SeqCst) >= durable
    }
}
