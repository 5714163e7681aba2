//! What a pulse of a meter was worth, over time: pulses that were counted before a change keep the amount that they had.

use crate::model::PulseWorth;

/// A time from which a pulse is worth so much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factor {
    /// From when on, in seconds since 1970.
    pub from_s: i64,
    /// What one is worth.
    pub worth: PulseWorth,
}

/// The factors of a meter. A window counts by the one that held when it began.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FactorHistory(Vec<Factor>);

impl FactorHistory {
    /// Of what the journal has kept of a meter whose factor is `present` now. What is `dated` holds from its date on, whatever is
    /// kept of that time; the first of all holds from the beginning of time. Empty where no factor is known now.
    pub fn new(kept: &[Factor], dated: &[Factor], present: Option<PulseWorth>) -> FactorHistory {
        let Some(worth) = present else {
            return FactorHistory::default();
        };
        let mut dated = dated.to_vec();
        dated.sort_by_key(|factor| factor.from_s);
        let mut factors = kept.to_vec();
        factors.sort_by_key(|factor| factor.from_s);
        if factors.is_empty() && dated.is_empty() {
            let from_s = i64::MIN;
            factors.push(Factor { from_s, worth });
        }
        if let Some(first) = dated.first() {
            factors.retain(|factor| factor.from_s < first.from_s);
            factors.extend(dated);
        }
        if let Some(first) = factors.first_mut() {
            first.from_s = i64::MIN;
        }
        factors.dedup_by_key(|factor| factor.worth);
        FactorHistory(factors)
    }

    /// The factor that held at a time, in seconds since 1970.
    pub fn at(&self, wall_s: i64) -> Option<PulseWorth> {
        let after = self.0.partition_point(|factor| factor.from_s <= wall_s);
        Some(self.0.get(after.checked_sub(1)?)?.worth)
    }

    /// When it changed between two times (not at the first of them), in order.
    pub fn changes(&self, from_s: i64, to_s: i64) -> impl Iterator<Item = i64> + '_ {
        let times = self.0.iter().map(|factor| factor.from_s);
        times.filter(move |at_s| from_s < *at_s && *at_s < to_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(from_s: i64, imp_per_kwh: f64) -> Factor {
        let worth = PulseWorth::of_kwh(imp_per_kwh);
        Factor { from_s, worth }
    }

    fn at(history: &FactorHistory, times: &[i64]) -> Vec<Option<f64>> {
        let imp_per_kwh = |at_s: &i64| history.at(*at_s)?.imp_per_kwh();
        times.iter().map(imp_per_kwh).collect()
    }

    #[test]
    fn what_was_counted_before_a_change_keeps_its_factor() {
        let kept = [factor(500, 800.0), factor(0, 1_000.0)];
        let history = FactorHistory::new(&kept, &[], Some(PulseWorth::of_kwh(800.0)));
        let found = at(&history, &[-9, 499, 500, 9_999]);
        assert_eq!(
            found,
            [Some(1_000.0), Some(1_000.0), Some(800.0), Some(800.0)]
        );
        assert_eq!(history.changes(0, 1_000).collect::<Vec<_>>(), [500]);
        assert_eq!(history.changes(500, 1_000).count(), 0);
    }

    #[test]
    fn dates_of_the_configuration_win() {
        let kept = [factor(0, 500.0), factor(900, 1_000.0)];
        let dated = [factor(700, 1_000.0), factor(300, 600.0)];
        let history = FactorHistory::new(&kept, &dated, Some(PulseWorth::of_kwh(1_000.0)));
        let found = at(&history, &[299, 300, 699, 700, 950]);
        let want = [500.0, 600.0, 600.0, 1_000.0, 1_000.0].map(Some);
        assert_eq!(found, want);
        let alone = FactorHistory::new(&[], &dated, Some(PulseWorth::of_kwh(1_000.0)));
        assert_eq!(at(&alone, &[0, 700]), [Some(600.0), Some(1_000.0)]);
    }

    #[test]
    fn nothing_is_known_without_a_factor_and_one_is_enough() {
        let kept = [factor(0, 500.0)];
        assert_eq!(FactorHistory::new(&kept, &[], None).at(9), None);
        let worth = PulseWorth::of_kwh(7.0);
        let one = FactorHistory::new(&[], &[], Some(worth));
        assert_eq!(one.at(i64::MIN), Some(worth));
    }
}
