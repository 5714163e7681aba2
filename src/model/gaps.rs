//! How many pulses a stretch of time holds, and how far apart they are at least and at most: the most and the least power in
//! it, whatever one pulse is worth. Pure.

use super::time::NS_PER_MS;

/// The shortest and the longest gap between neighbouring pulses of a meter, of the gaps that end in a stretch of time.
///
/// Milliseconds: two bytes in the journal up to half a minute, where nanoseconds would take six. The fastest S0 output
/// (60 ms from pulse to pulse) is told to one per cent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PulseGaps {
    /// The shortest one, in milliseconds, at least 1.
    pub shortest_ms: i64,
    /// The longest one, in milliseconds.
    pub longest_ms: i64,
}

impl PulseGaps {
    /// Of one gap.
    pub fn of(gap_ns: i64) -> PulseGaps {
        let gap_ms = (gap_ns.saturating_add(NS_PER_MS / 2) / NS_PER_MS).max(1);
        PulseGaps {
            shortest_ms: gap_ms,
            longest_ms: gap_ms,
        }
    }

    /// From the two columns of a table; None: no gap is known.
    pub fn from_columns(shortest_ms: Option<i64>, longest_ms: Option<i64>) -> Option<PulseGaps> {
        let (shortest_ms, longest_ms) = shortest_ms.zip(longest_ms)?;
        Some(PulseGaps {
            shortest_ms,
            longest_ms,
        })
    }

    /// Of both stretches together.
    pub fn merged(self, other: PulseGaps) -> PulseGaps {
        PulseGaps {
            shortest_ms: self.shortest_ms.min(other.shortest_ms),
            longest_ms: self.longest_ms.max(other.longest_ms),
        }
    }
}

/// What is counted of one meter in a stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WindowCount {
    /// Pulses.
    pub pulses: i64,
    /// Their gaps, as far as they are known.
    pub gaps: Option<PulseGaps>,
}

impl WindowCount {
    /// Adds what is counted of another stretch, or later of the same one.
    pub fn add(&mut self, other: WindowCount) {
        self.pulses += other.pulses;
        self.gaps = match (self.gaps, other.gaps) {
            (Some(gaps), Some(others)) => Some(gaps.merged(others)),
            (gaps, others) => gaps.or(others),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_rounded_and_never_nothing() {
        let ms = |gap_ns| PulseGaps::of(gap_ns).shortest_ms;
        assert_eq!([0, 400_000, 1_499_999, 1_500_000].map(ms), [1, 1, 1, 2]);
        assert_eq!(PulseGaps::from_columns(Some(1), None), None);
    }

    #[test]
    fn what_is_added_keeps_the_extremes() {
        let count = |pulses, gap_ms: Option<i64>| WindowCount {
            pulses,
            gaps: gap_ms.map(|ms| PulseGaps::of(ms * NS_PER_MS)),
        };
        let mut sum = count(1, None);
        for (pulses, gap_ms) in [(2, Some(70)), (3, None), (4, Some(50)), (5, Some(900))] {
            sum.add(count(pulses, gap_ms));
        }
        assert_eq!(sum.pulses, 15);
        let gaps = sum.gaps.unwrap();
        assert_eq!((gaps.shortest_ms, gaps.longest_ms), (50, 900));
    }
}
