//! How the meters' lines stand, written by capture when it changes and read by all who tell of it.

use std::collections::BTreeMap;

use crate::model::{LineNow, MeterId, WatchedStretch};

/// How all lines stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// Grows with each change.
    pub version: u64,
    /// By meter.
    pub now: BTreeMap<MeterId, LineNow>,
    /// Stretches that were watched and are over, until they are kept.
    pub ended: Vec<(MeterId, WatchedStretch)>,
}
