//! Which ids are done with: what a destination has acknowledged, what has been rolled up. A few
//! ranges, usually one. Pure.
//!
//! The end of the first range is the cursor: everything up to it is done. Further ranges appear
//! while a backlog is worked off beside live data, and close up when it is done.

/// Disjoint ranges of ids, both ends included, in order, never touching.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdRanges {
    ranges: Vec<(i64, i64)>,
}

impl IdRanges {
    /// From ranges in any order.
    pub fn from_ranges(ranges: impl IntoIterator<Item = (i64, i64)>) -> IdRanges {
        let mut delivered = IdRanges::default();
        for (first, last) in ranges {
            delivered.add(first, last);
        }
        delivered
    }

    /// The ranges, in order.
    pub fn ranges(&self) -> &[(i64, i64)] {
        &self.ranges
    }

    /// How many ids there are.
    pub fn len(&self) -> i64 {
        self.ranges.iter().map(|range| range.1 - range.0 + 1).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether `id` is in one of them.
    pub fn contains(&self, id: i64) -> bool {
        let at = self.ranges.partition_point(|range| range.1 < id);
        self.ranges.get(at).is_some_and(|range| range.0 <= id)
    }

    /// Adds `first..=last`.
    pub fn add(&mut self, first: i64, last: i64) {
        if first > last {
            return;
        }
        // Those that overlap or touch become one with the new range.
        let from = self.ranges.partition_point(|range| range.1 < first - 1);
        let to = self.ranges.partition_point(|range| range.0 <= last + 1);
        let mut merged = (first, last);
        if from < to {
            merged.0 = first.min(self.ranges[from].0);
            merged.1 = last.max(self.ranges[to - 1].1);
        }
        self.ranges.splice(from..to, [merged]);
    }

    /// Takes back `first..=last`.
    pub fn remove(&mut self, first: i64, last: i64) {
        if first > last {
            return;
        }
        let from = self.ranges.partition_point(|range| range.1 < first);
        let to = self.ranges.partition_point(|range| range.0 <= last);
        let cut = self.ranges.get(from..to).unwrap_or_default();
        let before = cut.first().map(|range| (range.0, first - 1));
        let after = cut.last().map(|range| (last + 1, range.1));
        let left = [before, after].into_iter().flatten();
        let left: Vec<_> = left.filter(|range| range.0 <= range.1).collect();
        self.ranges.splice(from..to.max(from), left);
    }

    /// Takes back everything from `first` on.
    pub fn rewind(&mut self, first: i64) {
        self.ranges.retain(|range| range.0 < first);
        if let Some(range) = self.ranges.last_mut() {
            range.1 = range.1.min(first - 1);
        }
    }

    /// The parts of `first..=last` that are not in here, oldest first.
    pub fn gaps(&self, first: i64, last: i64) -> Vec<(i64, i64)> {
        let mut gaps = Vec::new();
        let mut next = first;
        for range in self
            .ranges
            .iter()
            .filter(|range| range.1 >= first && range.0 <= last)
        {
            if range.0 > next {
                gaps.push((next, range.0 - 1));
            }
            next = range.1 + 1;
        }
        if next <= last {
            gaps.push((next, last));
        }
        gaps
    }

    /// How many of `first..=last` are not in here.
    pub fn missing(&self, first: i64, last: i64) -> i64 {
        self.gaps(first, last)
            .iter()
            .map(|gap| gap.1 - gap.0 + 1)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_close_up() {
        let mut delivered = IdRanges::from_ranges([(1, 10), (21, 30)]);
        assert_eq!(delivered.gaps(1, 35), [(11, 20), (31, 35)]);
        delivered.add(11, 20);
        assert_eq!(delivered.ranges(), [(1, 30)]);
        delivered.rewind(5);
        assert_eq!(delivered.ranges(), [(1, 4)]);
        delivered.rewind(1);
        assert_eq!(delivered.ranges(), []);
    }

    proptest! {
        #[test]
        fn agrees_with_a_set(ops in prop::collection::vec((0u8..8, 1i64..60, 0i64..20), 0..40)) {
            let mut delivered = IdRanges::default();
            let mut set = BTreeSet::new();
            for (op, first, len) in ops {
                if op == 0 {
                    delivered.rewind(first);
                    set.retain(|id| *id < first);
                } else if op < 3 {
                    delivered.remove(first, first + len);
                    set.retain(|id| !(first..=first + len).contains(id));
                } else {
                    delivered.add(first, first + len);
                    set.extend(first..=first + len);
                }
            }
            let listed: BTreeSet<i64> = delivered.ranges().iter().flat_map(|r| r.0..=r.1).collect();
            prop_assert_eq!(&listed, &set);
            prop_assert!((0..90).all(|id| delivered.contains(id) == set.contains(&id)));
            prop_assert!(delivered.ranges().windows(2).all(|w| w[0].1 + 1 < w[1].0));
            let missing: BTreeSet<i64> = (5..=70).filter(|id| !set.contains(id)).collect();
            let gaps: BTreeSet<i64> = delivered.gaps(5, 70).iter().flat_map(|g| g.0..=g.1).collect();
            prop_assert_eq!(delivered.missing(5, 70), missing.len() as i64);
            prop_assert_eq!(gaps, missing);
        }
    }
}
