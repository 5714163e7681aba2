//! Where a line stands: what the filter remembers of it, what was made of its pulses, whether it is read.

use serde::{Deserialize, Serialize};

use super::time::{MonoNs, WallNs};

/// Everything the filter remembers; kept in the journal beside the pulses it led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterState {
    /// The last level that was accepted.
    pub stable_high: bool,
    /// The level after the last edge.
    pub raw_high: bool,
    /// The first edge since the level left the stable one, while nothing is decided.
    pub burst_since: Option<MonoNs>,
    /// Edges of the burst that count by their direction.
    pub burst_edges: u32,
    /// The last edge.
    pub last_edge: MonoNs,
    /// When the active phase began, if it is going on and its beginning was seen.
    pub active_since: Option<MonoNs>,
    /// Since when at least the active phase is going on, if it is: also where its beginning was not seen.
    pub active_at: Option<MonoNs>,
    /// A counting edge at the beginning of the active phase, waiting for the width.
    pub pending: Option<MonoNs>,
    /// The last pulse.
    pub last_pulse: Option<MonoNs>,
    /// The kernel's number of the last edge; 0: none yet.
    pub line_seqno: u32,
    /// How many edges the request had before is not known: the next one has the number that it has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_unnumbered: bool,
    /// When the line was requested: since then no edge of it goes unnumbered. None: an older version has
    /// left this.
    pub requested: Option<MonoNs>,
}

impl FilterState {
    /// Whether a filter can have remembered this at `now_ns`, a stamp of the same boot: what was read
    /// from a damaged file may be anything.
    pub fn is_sound(&self, now_ns: MonoNs) -> bool {
        let stamps = [
            self.burst_since,
            self.active_since,
            self.active_at,
            self.pending,
            self.last_pulse,
            self.requested,
        ];
        let seen = |stamp: &MonoNs| (0..=now_ns).contains(stamp);
        seen(&self.last_edge) && stamps.iter().flatten().all(seen)
    }
}

/// What the filter of a line made lately of what looks like pulses. Older judgements count less. What is rejected counts
/// by cause where it is as long as what was there before: a meter's pulses are alike, interference is not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FilterTally {
    /// Pulses.
    pub pulses: u32,
    /// Rejected because the level did not stay for the bounce time.
    pub bounce: u32,
    /// Rejected because the active phase was too short.
    pub width: u32,
    /// Rejected because the active phase was too long.
    pub long: u32,
    /// Rejected because they came too soon after the pulse before.
    pub interval: u32,
    /// Too short for the chip to see.
    pub merged: u32,
    /// Rejected for any cause, and now of this length, now of that.
    pub varied: u32,
    /// The power in watts that the latest pulses mean, where it is more than can flow through the meter.
    pub excess_w: Option<u32>,
    /// The same of a meter for gas or water, in its unit an hour.
    pub excess_flow: Option<u32>,
}

/// Where the line of a meter stands: what a later run needs to know what it missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineState {
    /// Names the line request.
    pub request_id: u64,
    /// The kernel's number of the last edge seen.
    pub line_seqno: u32,
    /// The filter's memory.
    pub filter: FilterState,
    /// What it made lately of what looks like pulses.
    pub tally: FilterTally,
}

/// How a meter's line stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineNow {
    /// Since when it is so.
    pub since_ns: WallNs,
    /// Why it is not read, and what to do about it; None: it is read.
    pub why: Option<String>,
}
