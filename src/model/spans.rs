//! A set of spans of time, such as what is still to be compared. Pure.

/// Disjoint spans of seconds since 1970, ends not included, in order, never touching.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spans(Vec<(i64, i64)>);

impl Spans {
    /// From spans in any order; empty ones do not count.
    pub fn new(spans: impl IntoIterator<Item = (i64, i64)>) -> Spans {
        let mut all = Spans::default();
        for (from_s, to_s) in spans {
            all.add(from_s, to_s);
        }
        all
    }

    /// The spans, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (i64, i64)> + '_ {
        self.0.iter().copied()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Seconds in all of them.
    pub fn length_s(&self) -> i64 {
        self.iter().map(|(from_s, to_s)| to_s - from_s).sum()
    }

    /// Adds `from_s..to_s`.
    pub fn add(&mut self, from_s: i64, to_s: i64) {
        if from_s >= to_s {
            return;
        }
        let first = self.0.partition_point(|span| span.1 < from_s);
        let end = self.0.partition_point(|span| span.0 <= to_s);
        let mut merged = (from_s, to_s);
        if first < end {
            merged.0 = from_s.min(self.0[first].0);
            merged.1 = to_s.max(self.0[end - 1].1);
        }
        self.0.splice(first..end, [merged]);
    }

    /// Adds all of these spans.
    pub fn add_all(&mut self, others: &Spans) {
        for (from_s, to_s) in others.iter() {
            self.add(from_s, to_s);
        }
    }

    /// Removes `from_s..to_s`.
    pub fn remove(&mut self, from_s: i64, to_s: i64) {
        if from_s >= to_s {
            return;
        }
        let first = self.0.partition_point(|span| span.1 <= from_s);
        let end = self.0.partition_point(|span| span.0 < to_s);
        if first >= end {
            return;
        }
        let before = (self.0[first].0, from_s);
        let after = (to_s, self.0[end - 1].1);
        let rest = [before, after].into_iter().filter(|span| span.0 < span.1);
        self.0.splice(first..end, rest.collect::<Vec<_>>());
    }

    /// Whether all of `from_s..to_s` is in here.
    pub fn covers(&self, from_s: i64, to_s: i64) -> bool {
        let at = self.0.partition_point(|span| span.1 < to_s);
        from_s >= to_s || self.0.get(at).is_some_and(|span| span.0 <= from_s)
    }

    /// Whether all of these spans are in here.
    pub fn covers_all(&self, others: &Spans) -> bool {
        let mut others = others.iter();
        others.all(|(from_s, to_s)| self.covers(from_s, to_s))
    }

    /// The parts of these spans within `from_s..to_s`.
    pub fn within(&self, from_s: i64, to_s: i64) -> Spans {
        let cut = self
            .iter()
            .map(|span| (span.0.max(from_s), span.1.min(to_s)));
        Spans::new(cut)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_close_up_and_are_cut() {
        let mut spans = Spans::new([(20, 30), (0, 10)]);
        spans.add(10, 20);
        assert_eq!(spans, Spans::new([(0, 30)]));
        spans.remove(12, 14);
        assert_eq!(spans.iter().collect::<Vec<_>>(), [(0, 12), (14, 30)]);
        assert_eq!(spans.within(5, 15), Spans::new([(5, 12), (14, 15)]));
        assert_eq!(spans.length_s(), 28);
    }

    #[test]
    fn seconds_in_several_count_once() {
        let spans = Spans::new([(10, 20), (0, 5), (15, 30), (16, 18)]);
        assert_eq!(spans.length_s(), 25);
        assert_eq!(Spans::new([]).length_s(), 0);
    }

    proptest! {
        #[test]
        fn agree_with_a_set(ops in prop::collection::vec((any::<bool>(), 0i64..60, 0i64..20), 0..40)) {
            let mut spans = Spans::default();
            let mut set = BTreeSet::new();
            for (adding, from, length) in ops {
                let end = from + length;
                if adding {
                    spans.add(from, end);
                    set.extend(from..end);
                } else {
                    spans.remove(from, end);
                    set.retain(|s| !(from..end).contains(s));
                }
            }
            let listed: BTreeSet<i64> = spans.iter().flat_map(|span| span.0..span.1).collect();
            prop_assert_eq!(&listed, &set);
            prop_assert!(spans.0.windows(2).all(|pair| pair[0].1 < pair[1].0));
            for (from, to) in [(0, 80), (7, 9), (30, 30), (11, 41)] {
                prop_assert_eq!(spans.covers(from, to), (from..to).all(|s| set.contains(&s)));
                let within: i64 = (from..to).filter(|s| set.contains(s)).count() as i64;
                prop_assert_eq!(spans.within(from, to).length_s(), within);
            }
        }
    }
}
