//! What points have beside the pulses, where `influx.extra_fields` says so. It is computed from what the journal holds, so that a
//! point that is sent again has it again; nothing that is compared or counted looks at it.

use std::collections::BTreeMap;

use super::failure::Failure;
use crate::config::{Influx, MeterSettings, Settings};
use crate::energy::factors::{Factor, FactorHistory};
use crate::energy::periods::Calendar;
use crate::journal::{JournalError, Reader};
use crate::model::{
    ENERGY_FIELD, ExtraFields, FIELD, POWER_FIELD, PulseWorth, QUARTER_S, View, WallNs,
};

const S_PER_HOUR: f64 = 3_600.0;

/// What pulses of each meter are worth, and which fields tell it.
#[derive(Debug, Clone, Default)]
pub struct Extras {
    fields: ExtraFields,
    /// Of each configured meter of electric energy: what is dated in the configuration, and what holds now.
    configured: BTreeMap<String, (Vec<Factor>, PulseWorth)>,
    /// The same with what the journal has noted.
    histories: BTreeMap<String, FactorHistory>,
}

impl Extras {
    /// As it is configured; nothing is known before [`Extras::read`].
    pub fn new(settings: &Settings) -> Extras {
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
        }
    }

    /// The energy of a meter with so many pulses a kWh.
    #[cfg(test)]
    pub fn of_energy(meter: &str, imp_per_kwh: f64) -> Extras {
        Extras {
            fields: ExtraFields {
                energy: true,
                power: false,
            },
            configured: [(
                meter.to_owned(),
                (Vec::new(), PulseWorth::of_kwh(imp_per_kwh)),
            )]
            .into(),
            histories: BTreeMap::new(),
        }
    }

    /// Whether points have anything beside the pulses.
    pub fn are_on(&self) -> bool {
        self.fields.energy
    }

    /// Reads what the journal has noted of the meters' factors since.
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
        Ok(())
    }

    /// Of a pulse: its energy, by the factor that held when its quarter of an hour began.
    pub fn of_pulse(&self, meter: &str, wall_ns: WallNs) -> Option<(&'static str, f64)> {
        if !self.are_on() {
            return None;
        }
        let quarter_s = quarter_of(wall_ns.s());
        let imp_per_kwh = self.histories.get(meter)?.at(quarter_s)?.imp_per_kwh()?;
        Some((ENERGY_FIELD, 1_000.0 / imp_per_kwh))
    }

    /// Of a window with so many pulses: their energy, and its mean power. Nothing where a factor changes within.
    pub fn of_window(
        &self,
        meter: &str,
        view: View,
        start_s: i64,
        pulses: i64,
    ) -> Vec<(&'static str, f64)> {
        let factor = self.histories.get(meter).filter(|_| self.are_on());
        let factor = factor.and_then(|history| {
            let last_s = quarter_of(start_s + view.width_s() - 1);
            let factor = history.at(quarter_of(start_s))?;
            (history.at(last_s) == Some(factor)).then_some(factor.imp_per_kwh()?)
        });
        let Some(imp_per_kwh) = factor else {
            return Vec::new();
        };
        let energy_wh = pulses as f64 * 1_000.0 / imp_per_kwh;
        let mut fields = vec![(ENERGY_FIELD, energy_wh)];
        if self.fields.power {
            let power_w = energy_wh * S_PER_HOUR / view.width_s() as f64;
            fields.push((POWER_FIELD, power_w));
        }
        fields
    }
}

/// The quarter of an hour that a time is in, both in seconds since 1970: factors change from one to the next.
fn quarter_of(wall_s: i64) -> i64 {
    wall_s - wall_s.rem_euclid(QUARTER_S)
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
    is_conflict && !names(FIELD) && (names(ENERGY_FIELD) || names(POWER_FIELD))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_S: i64 = 3_600;

    /// 1000 imp/kWh, and 500 from ten past one on.
    fn extras(fields: ExtraFields) -> Extras {
        let factor = |from_s, imp_per_kwh| Factor {
            from_s,
            worth: PulseWorth::of_kwh(imp_per_kwh),
        };
        let noted = [factor(0, 1_000.0), factor(HOUR_S + 600, 500.0)];
        let history = FactorHistory::new(&noted, &[], Some(PulseWorth::of_kwh(500.0)));
        Extras {
            fields,
            configured: BTreeMap::new(),
            histories: [("Import".to_owned(), history)].into(),
        }
    }

    const BOTH: ExtraFields = ExtraFields {
        energy: true,
        power: true,
    };

    #[test]
    fn a_pulse_is_worth_what_held_when_its_quarter_began() {
        let extras = extras(BOTH);
        let worth = |at_s| extras.of_pulse("Import", WallNs::of_s(at_s));
        assert_eq!(worth(HOUR_S - 1), Some((ENERGY_FIELD, 1.0)));
        assert_eq!(worth(HOUR_S + 899), Some((ENERGY_FIELD, 1.0)));
        assert_eq!(worth(HOUR_S + 900), Some((ENERGY_FIELD, 2.0)));
        assert_eq!(extras.of_pulse("Gas", WallNs::of_s(7)), None);
    }

    #[test]
    fn a_window_has_the_energy_of_its_pulses_and_their_mean_power() {
        let extras = extras(BOTH);
        let of = |view, start_s, pulses| extras.of_window("Import", view, start_s, pulses);
        let want = |energy_wh, power_w| vec![(ENERGY_FIELD, energy_wh), (POWER_FIELD, power_w)];
        assert_eq!(of(View::Minute, 0, 12), want(12.0, 720.0));
        assert_eq!(of(View::FiveMinutes, HOUR_S + 600, 60), want(60.0, 720.0));
        assert_eq!(
            of(View::FiveMinutes, HOUR_S + 900, 60),
            want(120.0, 1_440.0)
        );
        assert_eq!(of(View::Hour, 0, 720), want(720.0, 720.0));
        assert_eq!(of(View::Hour, HOUR_S, 720), []);
        assert_eq!(of(View::Hour, 2 * HOUR_S, 0), want(0.0, 0.0));
        assert_eq!(extras.of_window("Gas", View::Hour, 0, 1), []);
    }

    #[test]
    fn nothing_is_told_that_is_not_asked_for() {
        let off = extras(ExtraFields::default());
        assert_eq!(off.of_pulse("Import", WallNs::of_s(7)), None);
        assert_eq!(off.of_window("Import", View::Hour, 0, 1), []);
        let energy = extras(ExtraFields {
            energy: true,
            power: false,
        });
        let of_hour = energy.of_window("Import", View::Hour, 0, 720);
        assert_eq!(of_hour, [(ENERGY_FIELD, 720.0)]);
    }

    #[test]
    fn a_conflict_is_about_an_extra_field_where_it_names_one() {
        let refused = |message: &str| {
            refuses_extra_fields(&Failure::Status {
                status: 422,
                message: message.to_owned(),
                retry_after: None,
                foreign: false,
            })
        };
        let conflict = |field: &str| {
            format!(
                "failure writing points to database: partial write: field type conflict: input field \"{field}\" on \
                 measurement \"PowerPulse\" is type float, already exists as type integer dropped=2"
            )
        };
        assert!(refused(&conflict("energy_wh")) && refused(&conflict("power_w")));
        assert!(!refused(&conflict("Pulse")) && !refused(&conflict("energy")));
        assert!(!refused(
            "partial write: points beyond retention policy, \"energy_wh\""
        ));
        assert!(!refuses_extra_fields(&Failure::Transport {
            kind: "timeout",
            message: conflict("energy_wh"),
        }));
    }
}
