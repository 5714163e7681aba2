//! What all pulses of the meters were worth, each by the factor that held when it came: counters that never fall while their
//! pulses do not.

use std::collections::BTreeMap;

use super::day_read::MeterRead;
use crate::answers::present::Present;
use crate::model::{NS_PER_S, Quantity, WallNs};
use crate::status::Status;

/// What was counted is read again after this.
const KEPT_NS: i64 = 60 * NS_PER_S;

/// All that was counted, as it was last read.
#[derive(Debug)]
pub(super) struct AmountsRead {
    pub(super) read_ns: WallNs,
    pub(super) meters: BTreeMap<String, MeterRead>,
}

impl AmountsRead {
    /// Whether it is to be read again at `now_ns`.
    pub(super) fn is_old(&self, now_ns: WallNs) -> bool {
        !(0..KEPT_NS).contains(&(now_ns - self.read_ns))
    }

    /// What all pulses of `status` were worth.
    pub(super) fn of(&self, status: &Status, present: &Present, now_ns: WallNs) -> MeterAmounts {
        let nothing = MeterRead::none();
        let amounts = status.meters.iter().filter_map(|meter| {
            let worth = present.worth(&meter.name)?;
            // The journal may have come to know it just now.
            let read = self.meters.get(&meter.name).unwrap_or(&nothing);
            let sums = read.all_now(meter.pulses, now_ns.s(), Some(worth));
            let unit = worth.quantity;
            let total = Total {
                pulses: meter.pulses,
                unit,
                amount: sums.amount_known(unit),
            };
            Some((meter.name.clone(), total))
        });
        MeterAmounts(amounts.collect())
    }
}

/// Amounts by meter.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct MeterAmounts(BTreeMap<String, Total>);

/// Of one meter: its pulses, and what they were worth in its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Total {
    pulses: i64,
    unit: Quantity,
    amount: f64,
}

impl MeterAmounts {
    /// What a meter has counted, ever; None: it is not known.
    pub(super) fn amount(&self, meter: &str, unit: Quantity) -> Option<f64> {
        let total = self.0.get(meter)?;
        unit.of(total.unit, total.amount)
    }

    /// None falls that has no fewer pulses than it had `before`: a quarter of an hour whose last pulses come late counts by
    /// another factor than was thought.
    pub(super) fn not_below(&mut self, before: &MeterAmounts) {
        for (meter, total) in &mut self.0 {
            let known = before.0.get(meter);
            let known = known.filter(|known| known.unit == total.unit);
            if let Some(known) = known.filter(|known| known.pulses <= total.pulses) {
                total.amount = total.amount.max(known.amount);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(pulses: i64, amount: f64) -> MeterAmounts {
        let unit = Quantity::KilowattHours;
        let total = Total {
            pulses,
            unit,
            amount,
        };
        MeterAmounts([("Import".to_owned(), total)].into())
    }

    #[test]
    fn a_counter_falls_only_with_its_pulses() {
        let falls = |before: MeterAmounts, mut now: MeterAmounts| {
            now.not_below(&before);
            now.amount("Import", Quantity::WattHours).unwrap()
        };
        assert_eq!(falls(totals(10, 2.0), totals(10, 1.9)), 2_000.0);
        assert_eq!(falls(totals(10, 2.0), totals(11, 2.1)), 2_100.0);
        // A journal was moved aside: all begins again.
        assert_eq!(falls(totals(10, 2.0), totals(3, 0.3)), 300.0);
    }
}
