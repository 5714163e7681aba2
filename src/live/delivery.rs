//! What delivery and the reconciler publish.

use std::collections::BTreeMap;

use crate::model::{DeliveryState, PulseId, Tier, ViewsState, WallNs};

/// Delivery to the destination that is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryLive {
    /// The destination's name in the journal.
    pub destination: String,
    /// Whether it gets the pulses themselves; else windows only, and nothing waits.
    pub raw: bool,
    /// How it stands.
    pub state: DeliveryState,
    /// What fails and what to do about it.
    pub message: String,
    /// Since when it is so.
    pub since_ns: WallNs,
    /// The last request failed.
    pub is_failing: bool,
    /// Of the ids up to `seen` that are in the journal, so many are not acknowledged.
    pub missing: i64,
    /// The newest id that delivery has looked at.
    pub seen: PulseId,
    /// The stamp of the oldest pulse that is not acknowledged, where its time is known.
    pub oldest_ns: Option<WallNs>,
    /// The durable mark up to which nothing was left to send.
    pub idle_at: PulseId,
    /// Points acknowledged since the start.
    pub points: u64,
    /// Requests that ended otherwise, since the start.
    pub failures: u64,
}

impl DeliveryLive {
    /// Pulses up to id `newest` that are not acknowledged: also those on their way, and those that delivery has
    /// not looked at yet.
    pub fn backlog(&self, newest: PulseId) -> i64 {
        if self.raw {
            self.missing + (newest - self.seen).max(0)
        } else {
            0
        }
    }

    /// Whether waiting for more is of no use: all up to `durable` is delivered, or nothing goes.
    pub fn is_done(&self, durable: PulseId) -> bool {
        !self.raw || self.is_failing || self.idle_at >= durable
    }
}

/// How far the server's windows are compared with the journal's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ViewsLive {
    /// How it stands.
    pub state: ViewsState,
    /// What fails and what to do about it.
    pub message: String,
    /// Since when it is so.
    pub since_ns: WallNs,
    /// The tiers that were compared at any time.
    pub tiers: BTreeMap<Tier, TierLive>,
    /// Windows written since the start.
    pub windows: u64,
    /// Pulses sent again since the start.
    pub resent: u64,
}

/// What is known of one tier, in seconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TierLive {
    /// Everything before this has been compared.
    pub until_s: i64,
    /// What the last look has compared begins here; None: it is still to come.
    pub from_s: Option<i64>,
    /// And ends here.
    pub to_s: Option<i64>,
    /// Windows that are not equal and left as they are.
    pub unequal: i64,
    /// What is still to be looked at goes back to here; None: nothing is.
    pub to_look_from_s: Option<i64>,
    /// When the last look over all that is kept was begun; 0: never.
    pub all_s: i64,
}
