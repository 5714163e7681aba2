//! What came on one line, in numbers. Pure.

use std::collections::VecDeque;

use crate::model::{EdgeKind, Level, MonoNs, NS_PER_S};

/// Widths that the least and the median are of.
const WIDTHS_KEPT: usize = 64;

/// The rate is that of so long.
const RATE_NS: i64 = 60 * NS_PER_S;

/// Stamps that are kept for the rate.
const STAMPS_KEPT: usize = 10_000;

/// A line and what came on it.
#[derive(Debug, Clone)]
pub struct LineStats {
    /// The level whose phases are measured.
    active: Level,
    /// The level now; None: not known.
    pub level: Option<Level>,
    /// Edges that were seen.
    pub edges: u64,
    /// Edges that were not read in time.
    pub missed: u64,
    /// The last edge.
    pub last_ns: Option<MonoNs>,
    since_ns: MonoNs,
    line_seqno: Option<u32>,
    /// The stamp of that edge.
    numbered_ns: Option<MonoNs>,
    /// When the active phase began, if that was seen.
    began_ns: Option<MonoNs>,
    /// The active phases before.
    widths: VecDeque<i64>,
    stamps: VecDeque<MonoNs>,
}

/// Widths of pulses, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenWidths {
    /// The last one.
    pub last_ns: i64,
    /// The least of the last ones.
    pub least_ns: i64,
    /// Their median.
    pub median_ns: i64,
}

impl LineStats {
    /// A line that is watched from `since_ns` on.
    pub fn new(active: Level, level: Option<Level>, since_ns: MonoNs) -> LineStats {
        LineStats {
            active,
            level,
            edges: 0,
            missed: 0,
            last_ns: None,
            since_ns,
            line_seqno: None,
            numbered_ns: None,
            began_ns: None,
            widths: VecDeque::new(),
            stamps: VecDeque::new(),
        }
    }

    /// An edge came. The width of the active phase that it ends, if its begin was seen.
    pub fn edge(&mut self, kind: EdgeKind, mono_ns: MonoNs, line_seqno: u32) -> Option<i64> {
        let missing = self
            .line_seqno
            .map_or(0, |known| line_seqno.wrapping_sub(known).wrapping_sub(1));
        self.line_seqno = Some(line_seqno);
        self.numbered_ns = Some(mono_ns);
        if missing > 0 {
            self.missed += u64::from(missing);
            self.began_ns = None;
        }
        self.edges += 1;
        self.last_ns = Some(mono_ns);
        self.level = Some(kind.level_after());
        keep(&mut self.stamps, mono_ns, STAMPS_KEPT);
        if kind.level_after() == self.active {
            self.began_ns = Some(mono_ns);
            return None;
        }
        let width_ns = mono_ns - self.began_ns.take()?;
        keep(&mut self.widths, width_ns, WIDTHS_KEPT);
        Some(width_ns)
    }

    /// Edges up to this number, which is stamped so, were before; none was if that is None, and the next one begins.
    pub fn skip_to(&mut self, last: Option<(u32, MonoNs)>) {
        (self.line_seqno, self.numbered_ns) = last.unzip();
    }

    /// The line was requested again: its numbers begin again, and what was under way is over.
    pub fn restart(&mut self, level: Option<Level>) {
        (self.line_seqno, self.numbered_ns) = (None, None);
        (self.began_ns, self.level) = (None, level);
    }

    /// The number and the stamp of the last edge that is known.
    pub fn last_numbered(&self) -> Option<(u32, MonoNs)> {
        self.line_seqno.zip(self.numbered_ns)
    }

    /// Edges a minute, over the last minute or the time since the begin.
    pub fn per_minute(&self, now_ns: MonoNs) -> f64 {
        let span_ns = (now_ns - self.since_ns).clamp(NS_PER_S, RATE_NS);
        let recent = self
            .stamps
            .iter()
            .rev()
            .take_while(|stamp| now_ns - **stamp <= span_ns);
        recent.count() as f64 * 60.0 * NS_PER_S as f64 / span_ns as f64
    }

    /// The widths of its pulses; None: none has ended yet.
    pub fn widths(&self) -> Option<SeenWidths> {
        let last_ns = *self.widths.back()?;
        let mut sorted: Vec<i64> = self.widths.iter().copied().collect();
        sorted.sort_unstable();
        Some(SeenWidths {
            last_ns,
            least_ns: sorted[0],
            median_ns: sorted[sorted.len() / 2],
        })
    }
}

fn keep(values: &mut VecDeque<i64>, value: i64, most: usize) {
    if values.len() == most {
        values.pop_front();
    }
    values.push_back(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NS_PER_MS;

    fn pulses(stats: &mut LineStats, from: u32, count: u32, width_ms: i64) {
        for n in 0..count {
            let at_ns = i64::from(from + n) * NS_PER_S;
            let seqno = 2 * (from + n) + 1;
            stats.edge(EdgeKind::Falling, at_ns, seqno);
            let width_ns = stats.edge(EdgeKind::Rising, at_ns + width_ms * NS_PER_MS, seqno + 1);
            assert_eq!(width_ns, Some(width_ms * NS_PER_MS));
        }
    }

    #[test]
    fn widths_and_rates_are_those_of_the_last_time() {
        let mut stats = LineStats::new(Level::Low, Some(Level::High), 0);
        assert_eq!(stats.widths(), None);
        pulses(&mut stats, 0, 2, 40);
        pulses(&mut stats, 2, 1, 10);
        pulses(&mut stats, 3, 7, 80);
        let widths = stats.widths().unwrap();
        let ms = |ns: i64| ns / NS_PER_MS;
        assert_eq!(
            (
                ms(widths.last_ns),
                ms(widths.least_ns),
                ms(widths.median_ns)
            ),
            (80, 10, 80)
        );
        assert!((stats.per_minute(10 * NS_PER_S) - 120.0).abs() < 0.1);
        assert!(stats.per_minute(300 * NS_PER_S) < 0.1);
        assert_eq!((stats.edges, stats.missed), (20, 0));
    }

    #[test]
    fn what_was_missed_is_counted_and_measured_over() {
        let mut stats = LineStats::new(Level::Low, None, 0);
        stats.edge(EdgeKind::Falling, 10, 1);
        assert_eq!(
            stats.edge(EdgeKind::Rising, 90, 12),
            None,
            "of another pulse"
        );
        assert_eq!(stats.missed, 10);
        stats.restart(None);
        stats.edge(EdgeKind::Falling, 100, 1);
        assert_eq!(stats.missed, 10, "numbers begin again");
    }
}
