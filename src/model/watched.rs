//! Over which stretches of time lines were read.

use std::collections::BTreeMap;

use super::meter::MeterId;
use super::time::WallNs;

/// A stretch of wall time over which a meter's line was read without a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchedStretch {
    /// Its begin.
    pub since_ns: WallNs,
    /// Its end so far.
    pub until_ns: WallNs,
}

/// How far capture has seen: whatever it will hand on from now on is later than this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watched {
    /// By the wall clock; None: it cannot be trusted yet.
    pub looked_ns: Option<WallNs>,
    /// So late it surely was then: only by that anything is old enough to be deleted. None: it is not known.
    pub sure_ns: Option<WallNs>,
    /// Whether the clock is synchronised: then no earlier time can be right.
    pub synchronised: bool,
    /// The meters whose lines are read, and since when.
    pub meters: BTreeMap<MeterId, WatchedStretch>,
}
