//! Pulses by what they were worth. Pure.

use crate::answers::factors::energy_wh;
use crate::model::{PulseWorth, Quantity};

/// Pulses by what one of them was worth; None: not known. One entry, unless that has changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct WorthSums(Vec<(i64, Option<PulseWorth>)>);

impl WorthSums {
    /// No pulses, of a meter of which one is worth this now.
    pub(super) fn of_none(worth: Option<PulseWorth>) -> WorthSums {
        WorthSums(vec![(0, worth)])
    }

    /// Adds pulses that are worth this.
    pub(super) fn add(&mut self, pulses: i64, worth: Option<PulseWorth>) {
        match self.0.iter_mut().find(|(_, known)| *known == worth) {
            Some((sum, _)) => *sum += pulses,
            None => self.0.push((pulses, worth)),
        }
    }

    /// Of several parts together.
    pub(super) fn of_all(parts: &[WorthSums]) -> WorthSums {
        let mut all = WorthSums::default();
        for (pulses, worth) in parts.iter().flat_map(WorthSums::iter) {
            all.add(pulses, worth);
        }
        all
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, Option<PulseWorth>)> + '_ {
        self.0.iter().copied()
    }

    /// All pulses.
    pub(super) fn pulses(&self) -> i64 {
        self.iter().map(|(pulses, _)| pulses).sum()
    }

    /// Their energy; None: what some of them were worth is not known.
    pub(super) fn energy_wh(&self) -> Option<f64> {
        let parts = self.iter();
        let sum: Option<f64> = parts.map(|(pulses, worth)| energy_wh(pulses, worth)).sum();
        sum.map(|wh| Quantity::WattHours.told(wh))
    }

    /// The amount in a unit as far as it is known: pulses that were worth something else count nothing.
    pub(super) fn amount_known(&self, unit: Quantity) -> f64 {
        let parts = self.iter();
        parts
            .filter_map(|(pulses, worth)| worth?.amount_in(unit, pulses))
            .sum()
    }

    /// The same in a unit of what the meter counts.
    pub(super) fn amount(&self, unit: Quantity) -> Option<f64> {
        let parts = self.iter();
        let sum: Option<f64> = parts
            .map(|(pulses, worth)| worth?.amount_in(unit, pulses))
            .sum();
        sum.map(|amount| unit.told(amount))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_has_no_binary_dust() {
        let mut sums = WorthSums::of_none(Some(PulseWorth::of_kwh(10.0)));
        sums.add(1, Some(PulseWorth::of_kwh(10.0)));
        sums.add(4, Some(PulseWorth::of_kwh(20.0)));
        let unit = Quantity::KilowattHours;
        assert_ne!(
            sums.amount_known(unit),
            0.3,
            "what is summed further is not rounded"
        );
        assert_eq!(sums.amount(unit), Some(0.3));
        assert_eq!(sums.energy_wh(), Some(300.0));
    }
}
