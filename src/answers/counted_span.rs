//! What the journal has counted in a span, by meter and for the house: pulses keep the energy that they had. Pure.

use serde::{Deserialize, Serialize};

use super::factors::{Factors, energy_wh};
use crate::energy::derived::Balance;
use crate::journal::CountedParts;
use crate::model::{PulseWorth, Quantity, Role};

/// Seconds at the edges of what is watched that are not known.
pub const EDGES_S: i64 = 5;

/// What a meter has counted in a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct MeterEnergy {
    /// Pulses; None: none were counted, and its line was not watched.
    pub pulses: Option<i64>,
    /// In watt-hours; None: that, or what a pulse is worth is not known, or it counts no electric energy.
    pub energy_wh: Option<f64>,
    /// In the meter's unit; None: that, or what a pulse is worth is not known.
    pub amount: Option<f64>,
    /// All meters were watched for all of the period that has passed since counting began.
    pub complete: bool,
}

/// The energy of the house in a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct HouseEnergy {
    /// What it used, in watt-hours.
    pub house_wh: Option<f64>,
    /// What it used of its own generation.
    pub self_wh: Option<f64>,
    /// The share of the house that was generated, 0 to 1.
    pub autarky: Option<f64>,
    /// The share of generation that the house used, 0 to 1.
    pub self_rate: Option<f64>,
}

/// A span, split where a factor changes.
#[derive(Debug)]
pub(super) struct CountedSpan {
    /// The begins of its parts, and last the end of the last one.
    starts_s: Vec<i64>,
    parts: Vec<CountedParts>,
    /// All meters were watched for all of it that has passed.
    complete: bool,
}

impl CountedSpan {
    /// Of `passed_s` seconds that have passed since counting began. `meters`: the names of those that are configured.
    pub(super) fn new(
        starts_s: Vec<i64>,
        parts: Vec<CountedParts>,
        meters: &[(String, Option<PulseWorth>)],
        passed_s: i64,
    ) -> CountedSpan {
        let mut span = CountedSpan {
            starts_s,
            parts,
            complete: false,
        };
        let watched_s = |meter: &str| span.of(meter).map_or(0, |of| of.watched_s.iter().sum());
        let is_watched = |(meter, _): &(String, _)| watched_s(meter) + EDGES_S >= passed_s;
        span.complete = !span.parts.is_empty() && meters.iter().all(is_watched);
        span
    }

    fn of(&self, meter: &str) -> Option<&CountedParts> {
        self.parts.iter().find(|counted| counted.meter == meter)
    }

    /// Pulses of a meter; None: none were counted, and its line was not watched.
    fn pulses(&self, meter: &str) -> Option<i64> {
        let of = self.of(meter)?;
        let sum = |column: &[i64]| column.iter().sum::<i64>();
        let (pulses, watched_s) = (sum(&of.pulses), sum(&of.watched_s));
        (pulses > 0 || watched_s > 0).then_some(pulses)
    }

    /// What a meter has counted, also in `unit`.
    pub(super) fn energy(&self, factors: &Factors, meter: &str, unit: Quantity) -> MeterEnergy {
        let pulses = self.pulses(meter);
        let of = pulses.and_then(|_| self.of(meter));
        MeterEnergy {
            pulses,
            energy_wh: of
                .and_then(|of| factors.energy_wh(&self.starts_s, of))
                .map(|wh| Quantity::WattHours.told(wh)),
            amount: of
                .and_then(|of| factors.amount(unit, &self.starts_s, of))
                .map(|amount| unit.told(amount)),
            complete: self.complete,
        }
    }

    /// What is derived of all meters: their names, what they are to the house, what a pulse is worth.
    pub(super) fn house<'a>(
        &self,
        factors: &Factors,
        meters: impl Iterator<Item = (&'a str, Option<Role>, Option<PulseWorth>)>,
    ) -> HouseEnergy {
        let (mut balance, mut is_any) = (Balance::default(), false);
        for (meter, role, worth) in meters {
            is_any |= self.pulses(meter).is_some();
            let Some(role) = role else {
                continue;
            };
            let Some(worth) = worth else {
                // Without it the house would be another one.
                return HouseEnergy::default();
            };
            // One that has counted nothing is there all the same.
            balance.add(role, 0, worth);
            if let Some(parts) = self.of(meter) {
                factors.add_to(&mut balance, role, (&self.starts_s, parts));
            }
        }
        if is_any {
            HouseEnergy::of(&balance)
        } else {
            HouseEnergy::default()
        }
    }
}

impl MeterEnergy {
    /// Adds pulses, which are worth this now; the line is watched.
    pub(super) fn add(&mut self, pulses: i64, worth: Option<PulseWorth>) {
        let was_known = self.pulses.is_some();
        self.pulses = Some(self.pulses.unwrap_or(0) + pulses);
        let sum = |known: Option<f64>, more: Option<f64>| match was_known {
            true => known.zip(more).map(|(known, more)| known + more),
            false => more,
        };
        let told = |unit: Quantity| move |amount| unit.told(amount);
        let unit = worth.map_or(Quantity::default(), |worth| worth.quantity);
        self.energy_wh =
            sum(self.energy_wh, energy_wh(pulses, worth)).map(told(Quantity::WattHours));
        self.amount = sum(self.amount, worth.map(|worth| worth.amount(pulses))).map(told(unit));
    }
}

/// Kilowatt-hours in watt-hours, as they are told.
pub fn told_wh(kwh: f64) -> f64 {
    Quantity::WattHours.told(kwh * 1_000.0)
}

impl HouseEnergy {
    /// Of what all meters have counted.
    pub fn of(balance: &Balance) -> HouseEnergy {
        let wh = |kwh: Option<f64>| kwh.map(told_wh);
        HouseEnergy {
            house_wh: wh(balance.house_kwh()),
            self_wh: wh(balance.self_consumption_kwh()),
            autarky: balance.autarky(),
            self_rate: balance.self_consumption_rate(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::factors::{Factor, FactorHistory};

    fn worth_of(imp_per_kwh: f64) -> PulseWorth {
        PulseWorth::of_kwh(imp_per_kwh)
    }

    #[test]
    fn what_is_told_has_no_binary_dust() {
        let mut balance = Balance::default();
        balance.add(Role::Import, 1, worth_of(10.0));
        balance.add(Role::Generation, 4, worth_of(20.0));
        balance.add(Role::Export, 0, worth_of(20.0));
        assert_ne!(balance.house_kwh(), Some(0.3));
        let house = HouseEnergy::of(&balance);
        assert_eq!((house.house_wh, house.self_wh), (Some(300.0), Some(200.0)));
        let mut energy = MeterEnergy::default();
        energy.add(1, Some(worth_of(10.0)));
        energy.add(4, Some(worth_of(20.0)));
        assert_eq!((energy.energy_wh, energy.amount), (Some(300.0), Some(0.3)));
    }

    #[test]
    fn the_house_is_made_of_what_pulses_were_worth() {
        let parts = |meter: &str, pulses: [i64; 2]| CountedParts {
            meter: meter.to_owned(),
            pulses: pulses.to_vec(),
            watched_s: vec![100, 100],
            ..CountedParts::default()
        };
        // Import was counted with 500 imp/kWh until the second part began.
        let kept = [
            Factor {
                from_s: 0,
                worth: PulseWorth::of_kwh(500.0),
            },
            Factor {
                from_s: 100,
                worth: worth_of(1_000.0),
            },
        ];
        let changed = FactorHistory::new(&kept, &[], Some(worth_of(1_000.0)));
        let same = FactorHistory::new(&[], &[], Some(worth_of(1_000.0)));
        let histories = [
            ("Import", changed),
            ("Export", same.clone()),
            ("Generate", same),
        ];
        let factors = Factors::of_histories(histories);
        let counted = vec![
            parts("Import", [100, 300]),
            parts("Export", [50, 50]),
            parts("Generate", [200, 400]),
        ];
        let names =
            ["Import", "Export", "Generate"].map(|name| (name.to_owned(), Some(worth_of(1_000.0))));
        let span = CountedSpan::new(vec![0, 100, 200], counted, &names, 200);
        let meters = [
            ("Import", Some(Role::Import), Some(worth_of(1_000.0))),
            ("Export", Some(Role::Export), Some(worth_of(1_000.0))),
            ("Generate", Some(Role::Generation), Some(worth_of(1_000.0))),
        ];
        let house = span.house(&factors, meters.into_iter());
        let (house_wh, self_wh) = (house.house_wh.unwrap(), house.self_wh.unwrap());
        assert!((house_wh - 1_000.0).abs() < 1e-9, "{house_wh}");
        assert!((self_wh - 500.0).abs() < 1e-9, "{self_wh}");
        let import = span.energy(&factors, "Import", Quantity::KilowattHours);
        assert_eq!((import.pulses, import.energy_wh), (Some(400), Some(500.0)));
        assert_eq!(import.amount, Some(0.5));
        assert!(import.complete);
        let nothing = CountedSpan::new(vec![0, 200], Vec::new(), &names, 200);
        assert_eq!(
            nothing.house(&factors, meters.into_iter()),
            HouseEnergy::default()
        );
    }
}
