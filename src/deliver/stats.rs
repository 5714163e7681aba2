//! What delivery shows to the rest of the house while it runs.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// What delivery shows while it runs.
#[derive(Debug, Default)]
pub struct DeliverStats {
    /// Points acknowledged since the start.
    pub points: AtomicU64,
    /// Requests that ended otherwise.
    pub failures: AtomicU64,
    /// Ids that are acknowledged.
    pub(super) acknowledged: AtomicI64,
    /// The durable mark at the last look.
    pub(super) durable: AtomicI64,
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

    /// Pulses that were durable at delivery's last look and are not acknowledged.
    pub fn backlog(&self) -> i64 {
        self.backlog_of(self.durable.load(Ordering::Relaxed))
    }

    /// Pulses up to id `newest` that are not acknowledged: also those on their way, and those that delivery has
    /// not looked at yet.
    pub fn backlog_of(&self, newest: i64) -> i64 {
        (newest - self.acknowledged.load(Ordering::Relaxed)).max(0)
    }

    /// Whether waiting for more is of no use: all up to `durable` is delivered, or nothing goes.
    pub fn is_done(&self, durable: i64) -> bool {
        self.failing.load(Ordering::SeqCst) || self.idle_at.load(Ordering::SeqCst) >= durable
    }
}
