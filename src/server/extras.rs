//! What points have beside the pulses, where `influx.extra_fields` says so. It is computed from what the journal holds, so that a
//! point that is sent again has it again; nothing that is compared or counted looks at it.

use std::collections::BTreeMap;

use super::failure::Failure;
use super::prices::{Prices, TariffsInUse};
use crate::config::{Influx, MeterSettings, Settings};
use crate::energy::factors::{Factor, FactorHistory};
use crate::energy::periods::Calendar;
use crate::journal::{JournalError, Reader};
use crate::model::{
    COST_FIELD, ENERGY_FIELD, ExtraFields, FIELD, POWER_FIELD, PulseWorth, QUARTER_S, View, WallNs,
    quarter_of,
};

const S_PER_HOUR: f64 = 3_600.0;
const WH_PER_KWH: f64 = 1_000.0;

/// Fields of a point, with their values.
pub type Fields = Vec<(&'static str, f64)>;

/// What a pulse stands for in some quarter of an hour; None: that is not known.
#[derive(Debug, Clone, Copy, PartialEq)]
struct PulseValue {
    energy_wh: Option<f64>,
    cost: Option<f64>,
}

/// What pulses of each meter are worth, and which fields tell it.
#[derive(Debug, Clone, Default)]
pub struct Extras {
    fields: ExtraFields,
    /// Of each configured meter of electric energy: what is dated in the configuration, and what holds now.
    configured: BTreeMap<String, (Vec<Factor>, PulseWorth)>,
    /// The same with what the journal has noted.
    histories: BTreeMap<String, FactorHistory>,
    /// What energy costs; None: that is not asked for.
    prices: Option<Prices>,
}

impl Extras {
    /// As it is configured, with the prices of these tariffs; nothing is known before [`Extras::read`].
    pub fn new(settings: &Settings, tariffs: &TariffsInUse) -> Extras {
        let Influx::Configured(influx) = &settings.influx else {
            return Extras::default();
        };
        if !influx.extra_fields.energy {
            return Extras::default();
        }
        let calendar = Calendar::new(settings.site.zone());
        let of_meter = |meter: &MeterSettings| {
            let worth = meter
                .worth()
                .filter(|worth| worth.imp_per_kwh().is_some())?;
            let dated = meter.dated_factors(&calendar);
            Some((meter.name.clone(), (dated, worth)))
        };
        Extras {
            fields: influx.extra_fields,
            configured: settings.meters.iter().filter_map(of_meter).collect(),
            histories: BTreeMap::new(),
            prices: (influx.extra_fields.cost).then(|| Prices::new(settings, tariffs)),
        }
    }

    /// The energy of a meter with so many pulses a kWh.
    #[cfg(test)]
    pub fn of_energy(meter: &str, imp_per_kwh: f64) -> Extras {
        Extras {
            fields: ExtraFields {
                energy: true,
                ..ExtraFields::default()
            },
            configured: [(
                meter.to_owned(),
                (Vec::new(), PulseWorth::of_kwh(imp_per_kwh)),
            )]
            .into(),
            ..Extras::default()
        }
    }

    /// Whether points have anything beside the pulses.
    pub fn are_on(&self) -> bool {
        self.fields.energy
    }

    /// Reads what the journal has noted of the meters' factors since, and takes up the tariffs that are in use.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn read(&mut self, reader: &Reader) -> Result<(), JournalError> {
        if !self.are_on() {
            return Ok(());
        }
        let noted = reader.factors()?;
        for (meter, (dated, present)) in &self.configured {
            let noted = noted.get(meter).map_or(&[][..], Vec::as_slice);
            let history = FactorHistory::new(noted, dated, Some(*present));
            self.histories.insert(meter.clone(), history);
        }
        if let Some(prices) = &mut self.prices {
            prices.read();
        }
        Ok(())
    }

    /// Of a pulse: its energy and its cost, by the factor and the price that held when its quarter of an hour began.
    pub fn of_pulse(&self, meter: &str, wall_ns: WallNs) -> Fields {
        if !self.are_on() {
            return Fields::new();
        }
        let value = self.value(meter, quarter_of(wall_ns.s()));
        known([(ENERGY_FIELD, value.energy_wh), (COST_FIELD, value.cost)])
    }

    /// Of a window with so many pulses: their energy, its mean power, and their cost. `quarters` is asked only where pulses of the
    /// window are not all worth the same: what each quarter of an hour in it has counted, by its first second; what does not add up to
    /// the window is not known.
    ///
    /// # Errors
    /// When `quarters` fails.
    pub fn of_window<E>(
        &self,
        meter: &str,
        view: View,
        (start_s, pulses): (i64, i64),
        quarters: impl FnOnce() -> Result<Vec<(i64, i64)>, E>,
    ) -> Result<Fields, E> {
        if !self.are_on() {
            return Ok(Fields::new());
        }
        let end_s = start_s + view.width_s();
        let quarter_s =
            std::iter::successors(Some(quarter_of(start_s)), |at_s| Some(at_s + QUARTER_S));
        let quarter_s = quarter_s.take_while(|at_s| *at_s < end_s);
        let values: Vec<PulseValue> = quarter_s.map(|at_s| self.value(meter, at_s)).collect();
        let is_one = values.iter().all(|value| *value == values[0]);
        let mut parts = Vec::new();
        if !is_one && pulses != 0 {
            parts = quarters()?;
            if parts.iter().map(|(_, pulses)| pulses).sum::<i64>() != pulses {
                parts.clear();
            }
        }
        let sum = |of: fn(&PulseValue) -> Option<f64>| -> Option<f64> {
            let first = of(values.first()?);
            if pulses == 0 {
                return values.iter().find_map(of).map(|_| 0.0);
            }
            if values.iter().all(|value| of(value) == first) {
                return Some(pulses as f64 * first?);
            }
            let parts = Some(&parts).filter(|parts| !parts.is_empty())?;
            let parts = parts.iter().filter(|(_, pulses)| *pulses != 0);
            let values =
                parts.map(|(at_s, n)| Some(*n as f64 * of(&self.value(meter, quarter_of(*at_s)))?));
            values.sum()
        };
        let energy_wh = sum(|value| value.energy_wh);
        let power_w = energy_wh.filter(|_| self.fields.power);
        let power_w = power_w.map(|energy_wh| energy_wh * S_PER_HOUR / view.width_s() as f64);
        let cost = sum(|value| value.cost);
        let fields = [
            (ENERGY_FIELD, energy_wh),
            (POWER_FIELD, power_w),
            (COST_FIELD, cost),
        ];
        Ok(known(fields))
    }

    /// Of a pulse in the quarter of an hour that begins at `start_s`.
    fn value(&self, meter: &str, start_s: i64) -> PulseValue {
        let factor = self
            .histories
            .get(meter)
            .and_then(|history| history.at(start_s));
        let imp_per_kwh = factor.and_then(|worth| worth.imp_per_kwh());
        let price = self
            .prices
            .as_ref()
            .and_then(|prices| prices.of_kwh(meter, start_s));
        PulseValue {
            energy_wh: imp_per_kwh.map(|imp_per_kwh| WH_PER_KWH / imp_per_kwh),
            cost: price
                .zip(imp_per_kwh)
                .map(|(price, imp_per_kwh)| price / imp_per_kwh),
        }
    }
}

fn known<const N: usize>(fields: [(&'static str, Option<f64>); N]) -> Fields {
    let fields = fields.into_iter();
    fields
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// Whether points were refused for the type of an extra field. Without it they are taken: what it tells is told again by
/// the pulses.
pub fn refuses_extra_fields(failure: &Failure) -> bool {
    let Failure::Status { message, .. } = failure else {
        return false;
    };
    let is_conflict =
        message.contains("field type conflict") || message.contains("invalid column type");
    let names = |field: &str| {
        let quoted = ['"', '\'', '`'].map(|quote| format!("{quote}{field}{quote}"));
        quoted.iter().any(|quoted| message.contains(quoted))
    };
    is_conflict && !names(FIELD) && ExtraFields::NAMES.into_iter().any(names)
}

#[cfg(test)]
#[path = "extras_tests.rs"]
mod tests;
