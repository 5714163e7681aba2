//! Capture's part: the lines, and what has come on them since the start.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::recent::RecentEdges;
use super::stamps::Stamps;
use crate::model::{FilterTally, Level, LineNow, LossCause, MeterId, MonoNs, WallNs};

/// Why a line is not read that was not tried yet.
pub const NOT_REQUESTED_YET: &str = "it is not requested yet";

/// Widths of pulses that are kept of a line.
const WIDTHS: usize = 32;

/// What capture publishes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaptureLive {
    /// The lines of the configured meters, by [`MeterId`].
    pub lines: Vec<LineLive>,
    /// Grows whenever the state of a line changes.
    pub lines_version: u64,
}

/// One meter's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineLive {
    /// The meter's name.
    pub meter: Arc<str>,
    /// Since when it is read, or is not and why.
    pub now: LineNow,
    /// Whether it was tried to read it: before, nothing is known to be wrong although it is not read.
    pub is_tried: bool,
    /// Since when it is watched without a gap, also by the kernel alone while no process read it; 0: it never was.
    pub watched_from_ns: MonoNs,
    /// Edges read since the start.
    pub edges: u64,
    /// The stamp of the last edge; None: none came yet.
    pub last_edge_ns: Option<MonoNs>,
    /// The level after it.
    pub level: Option<Level>,
    /// The last edges. Shared, because a snapshot is taken far more often than it is looked at.
    pub recent: Arc<RecentEdges>,
    /// Pulses counted since the start, also those that still wait in memory.
    pub pulses: u64,
    /// When the last of them came.
    pub stamps: Stamps,
    /// How long its last active phases were, in nanoseconds, the newest last; shorter ones than count are left out.
    pub widths_ns: VecDeque<i64>,
    /// Edges that the filter rejected since the start, by cause.
    pub rejected: BTreeMap<LossCause, u64>,
    /// What the filter made lately of what looks like pulses.
    pub tally: FilterTally,
}

impl LineLive {
    /// The line of a meter that is not requested yet.
    pub fn untried(meter: &str, since_ns: WallNs) -> LineLive {
        let why = Some(NOT_REQUESTED_YET.to_owned());
        LineLive {
            is_tried: false,
            ..LineLive::new(meter, LineNow { since_ns, why })
        }
    }

    /// The line of a meter, of which nothing has come yet.
    pub fn new(meter: &str, now: LineNow) -> LineLive {
        LineLive {
            meter: meter.into(),
            now,
            is_tried: true,
            watched_from_ns: 0,
            edges: 0,
            last_edge_ns: None,
            level: None,
            recent: Arc::default(),
            pulses: 0,
            stamps: Stamps::default(),
            widths_ns: VecDeque::new(),
            rejected: BTreeMap::new(),
            tally: FilterTally::default(),
        }
    }

    /// An active phase was so long.
    pub fn note_width(&mut self, width_ns: i64) {
        if self.widths_ns.len() == WIDTHS {
            self.widths_ns.pop_front();
        }
        self.widths_ns.push_back(width_ns);
    }

    /// Whether it is read.
    pub fn is_read(&self) -> bool {
        self.now.why.is_none()
    }
}

impl CaptureLive {
    /// The lines that are read now.
    pub fn lines_up(&self) -> usize {
        self.lines.iter().filter(|line| line.is_read()).count()
    }

    /// Edges read since the start, over all lines.
    pub fn edges(&self) -> u64 {
        self.lines.iter().map(|line| line.edges).sum()
    }

    /// Pulses counted since the start, over all lines.
    pub fn pulses(&self) -> u64 {
        self.lines.iter().map(|line| line.pulses).sum()
    }

    /// The line of a meter, to be changed.
    pub fn line(&mut self, meter: MeterId) -> Option<&mut LineLive> {
        self.lines.get_mut(meter.index())
    }

    /// A line is read from `now.since_ns` on, or is not for this reason. Another reason is not another stretch:
    /// it is not read since it was last read.
    pub fn note_line(&mut self, meter: MeterId, mut now: LineNow) {
        let Some(line) = self.lines.get_mut(meter.index()) else {
            return;
        };
        line.is_tried = true;
        if line.now.why == now.why {
            return;
        }
        if line.now.why.is_some() && now.why.is_some() {
            now.since_ns = line.now.since_ns;
        }
        line.now = now;
        self.lines_version += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::WallNs;

    #[test]
    fn the_last_widths_are_kept() {
        let now = LineNow {
            since_ns: WallNs::default(),
            why: None,
        };
        let mut line = LineLive::new("Import", now);
        (1..=40).for_each(|width_ns| line.note_width(width_ns));
        assert!(line.widths_ns.iter().copied().eq(9..=40));
    }

    #[test]
    fn a_line_is_not_read_since_it_was_last_read_whatever_the_reason() {
        let now = |since_ns, why: Option<&str>| LineNow {
            since_ns,
            why: why.map(str::to_owned),
        };
        let mut capture = CaptureLive {
            lines: vec![LineLive::new("Import", now(WallNs(10), Some("busy")))],
            lines_version: 1,
        };
        capture.note_line(MeterId(0), now(WallNs(20), Some("gone")));
        assert_eq!(capture.lines[0].now, now(WallNs(10), Some("gone")));
        let version = capture.lines_version;
        capture.note_line(MeterId(0), now(WallNs(30), Some("gone")));
        assert_eq!(capture.lines_version, version, "nothing is new");
        capture.note_line(MeterId(0), now(WallNs(40), None));
        assert_eq!(capture.lines[0].now, now(WallNs(40), None));
        assert_eq!(
            (capture.lines_up(), capture.lines_version),
            (1, version + 1)
        );
    }
}
