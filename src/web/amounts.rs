//! What all pulses of the meters were worth, each by the factor by which it was counted: counters that never fall while their
//! pulses do not. What is known of the past may change (an exchange that is entered later, `imp_per_kwh_since`), and what was
//! told of it does not: an amount goes on from where the factor in force changed. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::journal::CarriedAmount;
use crate::model::{NS_PER_S, PulseWorth, Quantity, WallNs};

/// What is in force is read again after this.
const KEPT_NS: i64 = 60 * NS_PER_S;

/// A meter, as far as the board tells it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CountedMeter {
    pub(super) name: String,
    /// All pulses that the journal has counted of it.
    pub(super) pulses: i64,
    /// Those of them that came before this run.
    pub(super) earlier: i64,
}

/// Of all meters.
#[derive(Debug, Default)]
pub(super) struct Counters {
    carried: BTreeMap<String, CarriedAmount>,
    /// Pulses of each, when it was last looked at.
    seen: BTreeMap<String, i64>,
    /// Those that are about to go on by another factor, or of which it is not known which one holds: they stand still until that is
    /// kept, or known.
    held: BTreeSet<String>,
    /// When the journal was last looked at; None: not yet.
    read_ns: Option<WallNs>,
    /// Those of which a look has found the factor that is in force.
    in_force: BTreeSet<String>,
}

impl Counters {
    /// Whether the journal is to be asked before these are told at `now_ns`.
    pub(super) fn are_old(&self, meters: &[CountedMeter], now_ns: WallNs) -> bool {
        let is_new = |meter: &CountedMeter| {
            // Of a journal that was moved aside nothing is carried on.
            let has_fallen = self.seen(&meter.name) > meter.pulses;
            has_fallen || !self.carried.contains_key(&meter.name)
        };
        let is_recent = |read_ns: WallNs| (0..KEPT_NS).contains(&(now_ns - read_ns));
        !self.read_ns.is_some_and(is_recent) || !self.held.is_empty() || meters.iter().any(is_new)
    }

    fn seen(&self, meter: &str) -> i64 {
        self.seen.get(meter).copied().unwrap_or(0)
    }

    /// The amount of a meter as it goes on, of which `kept` is in the journal and a pulse is `worth` that much now. None: nothing
    /// is known that could go on.
    pub(super) fn carried_on(
        &mut self,
        kept: Option<&CarriedAmount>,
        meter: &CountedMeter,
        worth: PulseWorth,
    ) -> Option<CarriedAmount> {
        let (unit, pulses_per_unit) = in_base(worth)?;
        let kept = kept.filter(|kept| kept.unit == unit && kept.pulses <= meter.pulses)?;
        if kept.pulses_per_unit == pulses_per_unit {
            return Some(*kept);
        }
        // What came since this run has begun is worth what holds now; within it, what was there before that was seen is not.
        let seen = self.seen(&meter.name);
        let before = match self.in_force.contains(&meter.name) {
            false => meter.earlier.max(seen),
            true => meter.pulses.max(seen),
        };
        let pulses = before.max(kept.pulses);
        self.held.insert(meter.name.clone());
        Some(CarriedAmount {
            pulses,
            amount: kept.at(pulses),
            unit,
            pulses_per_unit,
        })
    }

    /// These are kept at `now_ns`, and go on; those that wait do as soon as it is known which factor holds.
    pub(super) fn take(
        &mut self,
        carried: BTreeMap<String, CarriedAmount>,
        meters: &[CountedMeter],
        now_ns: WallNs,
        waiting: BTreeSet<String>,
    ) {
        let goes_on = |meter: &&CountedMeter| !waiting.contains(&meter.name);
        let on: Vec<CountedMeter> = meters.iter().filter(goes_on).cloned().collect();
        self.in_force
            .extend(on.iter().map(|meter| meter.name.clone()));
        self.see(&on);
        self.carried = carried;
        self.read_ns = Some(now_ns);
        self.held = waiting;
    }

    fn see(&mut self, meters: &[CountedMeter]) {
        let seen = meters
            .iter()
            .map(|meter| (meter.name.clone(), meter.pulses));
        self.seen.extend(seen);
    }

    /// What these have counted, ever: those that are known.
    pub(super) fn tell(&mut self, meters: &[CountedMeter]) -> MeterAmounts {
        let amounts = meters.iter().filter_map(|meter| {
            let carried = self.carried.get(&meter.name)?;
            let seen = self.seen(&meter.name);
            let pulses = match self.held.contains(&meter.name) {
                true => seen.max(meter.earlier).min(meter.pulses),
                false => meter.pulses,
            };
            let is_same_journal = seen <= meter.pulses;
            let amount = is_same_journal.then(|| carried.at(pulses))?;
            Some((meter.name.clone(), (carried.unit, amount)))
        });
        let amounts = MeterAmounts(amounts.collect());
        let told: Vec<CountedMeter> = meters
            .iter()
            .filter(|meter| amounts.0.contains_key(&meter.name) && !self.held.contains(&meter.name))
            .cloned()
            .collect();
        self.see(&told);
        amounts
    }
}

/// In kilowatt-hours or cubic metres, whatever unit the configuration has: which it is, and so many pulses for one.
pub(super) fn in_base(worth: PulseWorth) -> Option<(Quantity, f64)> {
    let unit = match worth.quantity.is_electric() {
        true => Quantity::KilowattHours,
        false => Quantity::CubicMetres,
    };
    Some((unit, worth.pulses_per(unit)?))
}

/// Amounts by meter, in kilowatt-hours or cubic metres.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct MeterAmounts(BTreeMap<String, (Quantity, f64)>);

impl MeterAmounts {
    /// What a meter has counted of this, ever; None: it is not known, or the meter counts something else.
    pub(super) fn amount(&self, meter: &str, of: Quantity) -> Option<f64> {
        let (unit, amount) = self.0.get(meter)?;
        (*unit == of).then_some(*amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallNs = WallNs::of_s(1_800_000_000);

    fn meter(pulses: i64, earlier: i64) -> [CountedMeter; 1] {
        let name = "Import".to_owned();
        [CountedMeter {
            name,
            pulses,
            earlier,
        }]
    }

    fn of_kwh(pulses: i64, amount: f64, pulses_per_unit: f64) -> CarriedAmount {
        CarriedAmount {
            pulses,
            amount,
            unit: Quantity::KilowattHours,
            pulses_per_unit,
        }
    }

    /// A run that has found this in the journal, and holds this factor.
    struct Run {
        counters: Counters,
        kept: Option<CarriedAmount>,
    }

    impl Run {
        fn of(kept: Option<CarriedAmount>) -> Run {
            let counters = Counters::default();
            Run { counters, kept }
        }

        /// The minute's look at the journal.
        fn looks(&mut self, meters: &[CountedMeter; 1], imp_per_kwh: f64) {
            let worth = PulseWorth::of_kwh(imp_per_kwh);
            let carried = self
                .counters
                .carried_on(self.kept.as_ref(), &meters[0], worth);
            self.kept = carried;
            let carried = carried.map(|carried| ("Import".to_owned(), carried));
            let carried = carried.into_iter().collect();
            self.counters.take(carried, meters, NOW, BTreeSet::new());
        }

        fn tells(&mut self, meters: &[CountedMeter; 1]) -> Option<f64> {
            let amounts = self.counters.tell(meters);
            let amount = amounts.amount("Import", Quantity::KilowattHours);
            amount.map(|kwh| (kwh * 1e9).round() / 1e9)
        }
    }

    #[test]
    fn a_counter_goes_on_over_other_factors_and_kills() {
        let mut first = Run::of(Some(of_kwh(0, 0.0, 1_000.0)));
        first.looks(&meter(19_000, 0), 1_000.0);
        assert_eq!(first.tells(&meter(19_533, 0)), Some(19.533));
        // It is killed, and the next one counts with another factor, whatever that says of the past.
        let mut second = Run::of(first.kept);
        second.looks(&meter(19_541, 19_539), 2_000.0);
        assert_eq!(second.tells(&meter(19_541, 19_539)), Some(19.54));
        // That was kept: another kill changes nothing, nor does a third factor before any of the run's pulses.
        let mut third = Run::of(second.kept);
        third.looks(&meter(19_541, 19_541), 2_000.0);
        assert_eq!(third.tells(&meter(19_543, 19_541)), Some(19.541));
        let mut fourth = Run::of(third.kept);
        fourth.looks(&meter(19_543, 19_543), 500.0);
        assert_eq!(fourth.tells(&meter(19_544, 19_543)), Some(19.543));
    }

    #[test]
    fn a_factor_that_changes_within_a_run_holds_from_where_it_is_seen() {
        let mut run = Run::of(Some(of_kwh(0, 0.0, 1_000.0)));
        run.looks(&meter(3_000, 1_000), 1_000.0);
        assert_eq!(run.tells(&meter(3_500, 1_000)), Some(3.5));
        run.looks(&meter(3_600, 1_000), 500.0);
        assert_eq!(run.tells(&meter(3_650, 1_000)), Some(3.7));
        // Nobody asked in between, and the journal was looked at.
        run.looks(&meter(4_600, 1_000), 500.0);
        run.looks(&meter(4_600, 1_000), 1_000.0);
        assert_eq!(run.tells(&meter(4_600, 1_000)), Some(5.6));
        // What is told while the disk takes its time must not be worth less afterwards: it stands still.
        let other = PulseWorth::of_kwh(2_000.0);
        let meter = meter(4_700, 1_000);
        let next = run.counters.carried_on(run.kept.as_ref(), &meter[0], other);
        assert_eq!(run.tells(&meter), Some(5.6));
        let next = BTreeMap::from([("Import".to_owned(), next.unwrap())]);
        run.counters.take(next, &meter, NOW, BTreeSet::new());
        assert_eq!(run.tells(&meter), Some(5.7));
        // A scrape that had looked at the board a moment before.
        run.counters.seen.clear();
        assert_eq!(run.tells(&super::tests::meter(4_698, 1_000)), Some(5.7));
    }

    #[test]
    fn a_counter_stands_still_until_it_is_known_which_factor_holds() {
        let kept = of_kwh(1_000, 1.0, 1_000.0);
        let mut run = Run::of(Some(kept));
        let carried = [("Import".to_owned(), kept)].into();
        let waiting = ["Import".to_owned()].into();
        run.counters
            .take(carried, &meter(1_200, 1_100), NOW, waiting);
        // What came before this run is worth what it was; it may have been told.
        assert_eq!(run.tells(&meter(1_210, 1_100)), Some(1.1));
        assert_eq!(run.tells(&meter(1_220, 1_100)), Some(1.1));
        assert!(run.counters.are_old(&meter(1_220, 1_100), NOW));
        run.looks(&meter(1_400, 1_100), 500.0);
        assert!(!run.counters.are_old(&meter(1_400, 1_100), NOW));
        assert_eq!(run.tells(&meter(1_400, 1_100)), Some(1.7));
    }

    #[test]
    fn the_journal_is_asked_where_nothing_can_go_on() {
        let mut run = Run::of(Some(of_kwh(10, 0.01, 1_000.0)));
        assert!(run.counters.are_old(&meter(10, 10), NOW));
        run.looks(&meter(20, 10), 1_000.0);
        assert!(!run.counters.are_old(&meter(20, 10), NOW + NS_PER_S));
        assert!(run.counters.are_old(&meter(20, 10), NOW + KEPT_NS));
        assert!(
            run.counters.are_old(&meter(20, 10), NOW - 1),
            "the clock was set back"
        );
        // Another journal counts from its own beginning.
        assert!(run.counters.are_old(&meter(3, 0), NOW));
        assert_eq!(run.tells(&meter(3, 0)), None);
        let kept = of_kwh(10, 0.01, 1_000.0);
        let worth = PulseWorth::of_kwh(1_000.0);
        let fallen = run.counters.carried_on(Some(&kept), &meter(3, 0)[0], worth);
        assert_eq!(fallen, None);
        let gas = PulseWorth::new(Quantity::CubicMetres, 100.0);
        let mut on = |worth| {
            run.counters
                .carried_on(Some(&kept), &meter(30, 0)[0], worth)
        };
        assert_eq!(on(gas), None, "it is no sum of kWh and m³");
        let in_wh = PulseWorth::new(Quantity::WattHours, 1.0);
        assert_eq!(on(in_wh), Some(kept), "another word for the same");
    }
}
