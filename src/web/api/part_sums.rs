//! What a meter has counted in the parts of a span, and what that was worth. Pure.

use crate::answers::factors::energy_wh;
use crate::answers::present::{PresentMeter, gap_power_w};
use crate::energy::factors::FactorHistory;
use crate::journal::CountedParts;

/// Pulses by what one of them was worth: pulses for one kWh, None: not known. One entry, unless that has changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct WorthSums(Vec<(i64, Option<f64>)>);

impl WorthSums {
    fn add(&mut self, pulses: i64, imp_per_kwh: Option<f64>) {
        match self.0.iter_mut().find(|(_, known)| *known == imp_per_kwh) {
            Some((sum, _)) => *sum += pulses,
            None => self.0.push((pulses, imp_per_kwh)),
        }
    }

    /// Of several parts together.
    pub(super) fn of_all(parts: &[WorthSums]) -> WorthSums {
        let mut all = WorthSums::default();
        for (pulses, imp_per_kwh) in parts.iter().flat_map(WorthSums::iter) {
            all.add(pulses, imp_per_kwh);
        }
        all
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, Option<f64>)> + '_ {
        self.0.iter().copied()
    }

    /// All pulses.
    pub(super) fn pulses(&self) -> i64 {
        self.iter().map(|(pulses, _)| pulses).sum()
    }

    /// Their energy; None: what some of them were worth is not known.
    pub(super) fn energy_wh(&self) -> Option<f64> {
        let parts = self.iter();
        parts
            .map(|(pulses, imp_per_kwh)| energy_wh(pulses, imp_per_kwh))
            .sum()
    }
}

/// One meter, part by part.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PartSums {
    /// None: nothing was counted, and the line was not watched.
    pub(super) pulses: Vec<Option<i64>>,
    pub(super) watched_s: Vec<i64>,
    pub(super) worth: Vec<WorthSums>,
    /// The least and the most power of all parts, by the gaps between pulses.
    pub(super) min_w: Option<f64>,
    pub(super) max_w: Option<f64>,
}

impl PartSums {
    /// Joins what was counted in finer parts, each of them of one factor. `starts_s` and `fine_s`: begins, and last the end of the
    /// last part.
    pub(super) fn of(
        (counted, meter, factors): (&CountedParts, &PresentMeter, &FactorHistory),
        (starts_s, fine_s): (&[i64], &[i64]),
        now_s: i64,
    ) -> PartSums {
        let parts = starts_s.len().saturating_sub(1);
        let mut sums = PartSums {
            pulses: Vec::new(),
            watched_s: vec![0; parts],
            worth: vec![WorthSums::default(); parts],
            min_w: None,
            max_w: None,
        };
        let counts = counted.pulses.iter().zip(&counted.gaps);
        let fine = fine_s.windows(2).zip(counts).zip(&counted.watched_s);
        for ((span, (pulses, gaps)), saved_s) in fine {
            let after = starts_s.partition_point(|start_s| *start_s <= span[0]);
            let Some(part) = after.checked_sub(1).filter(|part| *part < parts) else {
                continue;
            };
            // What was watched last is saved now and then.
            let live_s = meter.live_s(counted.watched_until_s, (span[0], span[1].min(now_s)));
            sums.watched_s[part] += saved_s + live_s;
            let imp_per_kwh = factors.at(span[0]);
            sums.worth[part].add(*pulses, imp_per_kwh);
            if let Some(gaps) = gaps {
                let (least_w, most_w) = (
                    gap_power_w(gaps.longest_ms, imp_per_kwh),
                    gap_power_w(gaps.shortest_ms, imp_per_kwh),
                );
                sums.min_w = sums.min_w.into_iter().chain(least_w).reduce(f64::min);
                sums.max_w = sums.max_w.into_iter().chain(most_w).reduce(f64::max);
            }
        }
        let parts = sums.worth.iter().zip(&sums.watched_s);
        // Pulses that were brought in have no line that was watched.
        sums.pulses = parts
            .map(|(worth, watched_s)| {
                let pulses = worth.pulses();
                (pulses > 0 || *watched_s > 0).then_some(pulses)
            })
            .collect();
        sums
    }

    /// Of all parts together.
    pub(super) fn whole(&self) -> WorthSums {
        WorthSums::of_all(&self.worth)
    }

    /// The energy of each part.
    pub(super) fn energy_wh(&self) -> Vec<Option<f64>> {
        let parts = self.worth.iter().zip(&self.pulses);
        parts
            .map(|(worth, pulses)| pulses.and_then(|_| worth.energy_wh()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::factors::Factor;
    use crate::model::PulseGaps;

    #[test]
    fn pulses_keep_the_energy_that_they_had() {
        let kept = [(0, 500.0), (150, 1_000.0)].map(|(from_s, imp_per_kwh)| Factor {
            from_s,
            imp_per_kwh,
        });
        let factors = FactorHistory::new(&kept, &[], Some(1_000.0));
        let meter = PresentMeter {
            name: "Import".to_owned(),
            role: None,
            imp_per_kwh: Some(1_000.0),
            is_read: false,
            since_s: 0,
            rate: None,
        };
        let gaps = PulseGaps::of(7_200_000_000);
        let counted = CountedParts {
            meter: "Import".to_owned(),
            pulses: vec![10, 20, 30, 0],
            gaps: vec![Some(gaps), None, Some(gaps), None],
            watched_s: vec![50, 0, 50, 0],
            watched_until_s: 0,
            total: 60,
        };
        let fine_s = [0, 100, 150, 200, 300];
        let sums = PartSums::of(
            (&counted, &meter, &factors),
            (&[0, 100, 200, 300], &fine_s),
            1_000,
        );
        assert_eq!(sums.pulses, [Some(10), Some(50), None]);
        assert_eq!(sums.energy_wh(), [Some(20.0), Some(70.0), None]);
        assert_eq!(sums.whole().energy_wh(), Some(90.0));
        assert_eq!(sums.watched_s, [50, 50, 0]);
        assert_eq!((sums.min_w, sums.max_w), (Some(500.0), Some(1_000.0)));
    }
}
