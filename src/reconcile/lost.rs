//! Where raw has lost points. Pure.
//!
//! A lost shard, a restored backup, a deletion: what raw held of other writers is gone with what it held of this
//! journal, which sends its own pulses again. From then on raw holds no more than the journal, and says nothing about what
//! the views hold more. So where it has lost points is kept, and no window is lowered there.

use std::collections::BTreeSet;

use super::compare::{Counts, Difference, WindowVerdict};
use crate::model::{Spans, Tier};

/// The spans in which raw lacks what it should hold: from the first minute that lacks something to the last one before a
/// minute in which everything is there. (A minute without a pulse of this journal tells nothing.)
pub(super) fn spans(raw: &Counts, differences: &[Difference]) -> Spans {
    let width_s = Tier::Raw.windows().width_s();
    let lacking: BTreeSet<i64> = differences
        .iter()
        .filter(|difference| difference.verdict == WindowVerdict::Resend)
        .map(|difference| difference.start_s)
        .collect();
    let held = raw.iter().filter(|(_, pulses)| **pulses > 0);
    let whole: BTreeSet<i64> = held
        .map(|((_, start_s), _)| *start_s)
        .filter(|start_s| !lacking.contains(start_s))
        .collect();
    let mut lost = Spans::default();
    let mut since_s = None;
    let mut last_s = i64::MIN;
    for start_s in lacking {
        if whole.range(last_s..start_s).next().is_some() {
            since_s = None;
        }
        lost.add(*since_s.get_or_insert(start_s), start_s + width_s);
        last_s = start_s;
    }
    lost
}

/// Whether raw lacks any pulse.
pub(super) fn is_lacking(differences: &[Difference]) -> bool {
    let mut all = differences.iter();
    all.any(|difference| difference.verdict == WindowVerdict::Resend)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::compare::raw_differences;

    /// What is lost, in minutes, where the journal and raw hold these pulses of minutes.
    fn lost(journal: &[i64], raw: &[i64]) -> Vec<(i64, i64)> {
        let counts = |pulses: &[i64]| -> Counts {
            let minutes = pulses.iter().zip(0..).filter(|(pulses, _)| **pulses > 0);
            minutes
                .map(|(pulses, n)| (("Import".to_owned(), n * 60), *pulses))
                .collect()
        };
        let (journal, raw) = (counts(journal), counts(raw));
        let meters = BTreeSet::from(["Import"]);
        let differences = raw_differences(&journal, &Counts::new(), &raw, &meters);
        let spans = spans(&raw, &differences);
        spans
            .iter()
            .map(|span| (span.0 / 60, span.1 / 60))
            .collect()
    }

    #[test]
    fn what_lies_between_minutes_that_lack_something_is_lost() {
        assert_eq!(lost(&[3, 3, 3], &[3, 3, 3]), []);
        assert_eq!(lost(&[3, 3, 3], &[3, 2, 3]), [(1, 2)]);
        // Minutes without a pulse of ours, where another writer may have had some.
        assert_eq!(lost(&[1, 4, 0, 0, 4, 1], &[1, 0, 0, 0, 0, 1]), [(1, 5)]);
        assert_eq!(lost(&[4, 0, 0, 4], &[0, 0, 0, 0]), [(0, 4)]);
        // A minute that is there parts them; another writer's, too.
        assert_eq!(lost(&[4, 1, 4], &[0, 1, 0]), [(0, 1), (2, 3)]);
        assert_eq!(lost(&[4, 0, 4], &[0, 7, 0]), [(0, 1), (2, 3)]);
        // More than we know is no loss.
        assert_eq!(lost(&[4, 4], &[9, 4]), []);
    }
}
