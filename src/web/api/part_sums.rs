//! What a meter has counted in the parts of a span, and what that was worth. Pure.

use crate::answers::present::{PresentMeter, gap_rate};
use crate::energy::factors::FactorHistory;
use crate::journal::CountedParts;
use crate::model::Quantity;
use crate::web::worth_sums::WorthSums;

/// One meter, part by part.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PartSums {
    /// None: nothing was counted, and the line was not watched.
    pub(super) pulses: Vec<Option<i64>>,
    pub(super) watched_s: Vec<i64>,
    pub(super) worth: Vec<WorthSums>,
    /// The least and the most power or flow of all parts, by the gaps between pulses.
    pub(super) least: Option<f64>,
    pub(super) most: Option<f64>,
    unit: Quantity,
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
            least: None,
            most: None,
            unit: meter.unit,
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
            let worth = factors.at(span[0]);
            sums.worth[part].add(*pulses, worth);
            if let Some(gaps) = gaps {
                let rate = |gap_ms| gap_rate(meter.unit, gap_ms, worth);
                let (least, most) = (rate(gaps.longest_ms), rate(gaps.shortest_ms));
                sums.least = sums.least.into_iter().chain(least).reduce(f64::min);
                sums.most = sums.most.into_iter().chain(most).reduce(f64::max);
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
        self.each(WorthSums::energy_wh)
    }

    /// The amount of each part, in the meter's unit.
    pub(super) fn amount(&self) -> Vec<Option<f64>> {
        self.each(|worth| worth.amount(self.unit))
    }

    fn each(&self, of: impl Fn(&WorthSums) -> Option<f64>) -> Vec<Option<f64>> {
        let parts = self.worth.iter().zip(&self.pulses);
        parts
            .map(|(worth, pulses)| pulses.and_then(|_| of(worth)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::factors::Factor;
    use crate::model::{PulseGaps, PulseWorth};

    #[test]
    fn pulses_keep_the_energy_that_they_had() {
        let kept = [(0, 500.0), (150, 1_000.0)].map(|(from_s, imp_per_kwh)| Factor {
            from_s,
            worth: PulseWorth::of_kwh(imp_per_kwh),
        });
        let worth = Some(PulseWorth::of_kwh(1_000.0));
        let factors = FactorHistory::new(&kept, &[], worth);
        let meter = PresentMeter {
            name: "Import".to_owned(),
            role: None,
            unit: Quantity::KilowattHours,
            worth,
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
        assert_eq!((sums.least, sums.most), (Some(500.0), Some(1_000.0)));
    }
}
