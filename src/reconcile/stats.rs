//! What the reconciler shows to the rest of the house while it runs.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::model::Tier;

/// What the reconciler shows while it runs.
#[derive(Debug, Default)]
pub struct ReconcileStats {
    windows: AtomicU64,
    pulses: AtomicU64,
    until_s: [AtomicI64; Tier::ALL.len()],
}

impl ReconcileStats {
    /// Windows written since the start.
    pub fn windows(&self) -> u64 {
        self.windows.load(Ordering::Relaxed)
    }

    /// Pulses sent again since the start.
    pub fn pulses(&self) -> u64 {
        self.pulses.load(Ordering::Relaxed)
    }

    /// Up to where a level has been compared, in seconds since 1970; 0: not yet.
    pub fn until_s(&self, level: Tier) -> i64 {
        self.until_s[index(level)].load(Ordering::Relaxed)
    }

    pub(super) fn written(&self, windows: usize) {
        let windows = u64::try_from(windows).unwrap_or(0);
        self.windows.fetch_add(windows, Ordering::Relaxed);
    }

    pub(super) fn resent(&self, pulses: usize) {
        let pulses = u64::try_from(pulses).unwrap_or(0);
        self.pulses.fetch_add(pulses, Ordering::Relaxed);
    }

    pub(super) fn reconciled(&self, level: Tier, until_s: Option<i64>) {
        self.until_s[index(level)].store(until_s.unwrap_or(0), Ordering::Relaxed);
    }
}

fn index(level: Tier) -> usize {
    let at = Tier::ALL.iter().position(|other| *other == level);
    at.expect("all are in ALL")
}
