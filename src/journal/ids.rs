//! Which ids are done with: what a destination has acknowledged, what has been rolled up. A few
//! ranges, usually one. Pure.
//!
//! The end of the first range is the cursor: everything up to it is done. Further ranges appear
//! while a backlog is worked off beside live data, and close up when it is done.

use crate::model::{IdRange, PulseId};

/// Disjoint ranges of ids, in order, never touching.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdRanges {
    ranges: Vec<IdRange>,
}

impl IdRanges {
    /// From ranges in any order.
    pub fn from_ranges(ranges: impl IntoIterator<Item = IdRange>) -> IdRanges {
        let mut all = IdRanges::default();
        all.extend(ranges);
        all
    }

    /// The ranges, in order.
    pub fn ranges(&self) -> &[IdRange] {
        &self.ranges
    }

    /// How many ids there are.
    pub fn len(&self) -> i64 {
        self.ranges.iter().map(|range| range.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether `id` is in one of them.
    pub fn contains(&self, id: PulseId) -> bool {
        let at = self.ranges.partition_point(|range| range.last < id);
        self.ranges.get(at).is_some_and(|range| range.first <= id)
    }

    /// Adds a range.
    pub fn add(&mut self, added: IdRange) {
        if added.is_empty() {
            return;
        }
        // Those that overlap or touch become one with the new range.
        let from = self
            .ranges
            .partition_point(|range| range.last < added.first.previous());
        let to = self
            .ranges
            .partition_point(|range| range.first <= added.last.next());
        let mut merged = added;
        if from < to {
            merged.first = added.first.min(self.ranges[from].first);
            merged.last = added.last.max(self.ranges[to - 1].last);
        }
        self.ranges.splice(from..to, [merged]);
    }

    /// Adds ranges.
    pub fn extend(&mut self, added: impl IntoIterator<Item = IdRange>) {
        added.into_iter().for_each(|range| self.add(range));
    }

    /// Takes back a range.
    pub fn remove(&mut self, removed: IdRange) {
        if removed.is_empty() {
            return;
        }
        let IdRange { first, last } = removed;
        let from = self.ranges.partition_point(|range| range.last < first);
        let to = self.ranges.partition_point(|range| range.first <= last);
        let cut = self.ranges.get(from..to).unwrap_or_default();
        let before = cut
            .first()
            .map(|range| IdRange::new(range.first, first.previous()));
        let after = cut
            .last()
            .map(|range| IdRange::new(last.next(), range.last));
        let left = [before, after].into_iter().flatten();
        let left: Vec<_> = left.filter(|range| !range.is_empty()).collect();
        self.ranges.splice(from..to.max(from), left);
    }

    /// Takes back everything from `first` on.
    pub fn rewind(&mut self, first: PulseId) {
        self.ranges.retain(|range| range.first < first);
        if let Some(range) = self.ranges.last_mut() {
            range.last = range.last.min(first.previous());
        }
    }

    /// The parts of a range that are not in here, oldest first.
    pub fn gaps(&self, within: IdRange) -> Vec<IdRange> {
        let mut gaps = Vec::new();
        let mut next = within.first;
        for range in self
            .ranges
            .iter()
            .filter(|range| range.last >= within.first && range.first <= within.last)
        {
            if range.first > next {
                gaps.push(IdRange::new(next, range.first.previous()));
            }
            next = range.last.next();
        }
        if next <= within.last {
            gaps.push(IdRange::new(next, within.last));
        }
        gaps
    }

    /// How many ids of a range are not in here.
    pub fn missing(&self, within: IdRange) -> i64 {
        self.gaps(within).iter().map(|gap| gap.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_close_up() {
        let mut delivered = IdRanges::from_ranges([IdRange::of(1, 10), IdRange::of(21, 30)]);
        assert_eq!(
            delivered.gaps(IdRange::of(1, 35)),
            [IdRange::of(11, 20), IdRange::of(31, 35)]
        );
        delivered.add(IdRange::of(11, 20));
        assert_eq!(delivered.ranges(), [IdRange::of(1, 30)]);
        delivered.rewind(PulseId(5));
        assert_eq!(delivered.ranges(), [IdRange::of(1, 4)]);
        delivered.rewind(PulseId(1));
        assert_eq!(delivered.ranges(), []);
    }

    /// The ids in ranges, one by one.
    fn ids(ranges: &[IdRange]) -> BTreeSet<i64> {
        let ids = ranges.iter().flat_map(|range| range.first.0..=range.last.0);
        ids.collect()
    }

    proptest! {
        #[test]
        fn agrees_with_a_set(ops in prop::collection::vec((0u8..8, 1i64..60, 0i64..20), 0..40)) {
            let mut delivered = IdRanges::default();
            let mut set = BTreeSet::new();
            for (op, first, len) in ops {
                let ids = IdRange::of(first, first + len);
                if op == 0 {
                    delivered.rewind(PulseId(first));
                    set.retain(|id| *id < first);
                } else if op < 3 {
                    delivered.remove(ids);
                    set.retain(|id| !ids.contains(PulseId(*id)));
                } else {
                    delivered.add(ids);
                    set.extend(first..=first + len);
                }
            }
            prop_assert_eq!(&ids(delivered.ranges()), &set);
            prop_assert_eq!(delivered.len(), set.len() as i64);
            prop_assert!((0..90).all(|id| delivered.contains(PulseId(id)) == set.contains(&id)));
            prop_assert!(delivered.ranges().windows(2).all(|w| w[0].last.next() < w[1].first));
            let missing: BTreeSet<i64> = (5..=70).filter(|id| !set.contains(id)).collect();
            prop_assert_eq!(delivered.missing(IdRange::of(5, 70)), missing.len() as i64);
            prop_assert_eq!(ids(&delivered.gaps(IdRange::of(5, 70))), missing);
        }
    }
}
