//! The local day, as it was last read from the journal.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::journal::CountedParts;
use crate::model::WallNs;

/// What was counted of the local day when the journal was read.
#[derive(Debug, Clone)]
pub(super) struct DayRead {
    pub(super) date: Date,
    pub(super) from_s: i64,
    pub(super) to_s: i64,
    /// When counting began; None: nothing is counted yet.
    pub(super) since_s: Option<i64>,
    /// Seconds since then in which a line was not watched.
    pub(super) unwatched_s: i64,
    pub(super) read_ns: WallNs,
    pub(super) meters: BTreeMap<String, CountedParts>,
}
