//! What a person wants to know first: power now, and the energy of today, yesterday and this month, by meter and of the
//! house. From the answers of the daemon, or from the journal where none runs: both say the same.

use serde::{Deserialize, Serialize};

use super::costs::{Pricer, priced};
use super::counted_span::CountedSpan;
pub use super::counted_span::{HouseEnergy, MeterEnergy};
use super::factors::{Factors, worths_now};
use super::money::{Money, priced_span};
use super::now::{NowAnswer, NowDay, NowMeterAnswer};
use crate::config::Settings;
use crate::energy::derived::Balance;
use crate::energy::periods::{Calendar, Period, PeriodSpan, PeriodUnit};
use crate::journal::{Grain, JournalError, Reader};
use crate::model::{PulseWorth, Quantity, Role, WallNs};

/// The whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    /// For which moment it holds, in nanoseconds since 1970.
    pub at_ns: WallNs,
    /// The zone of local days.
    pub zone: String,
    /// The configured meters.
    pub meters: Vec<MeterOverview>,
    /// The house; None: a meter for that lacks.
    pub house: Option<HouseOverview>,
    /// What it costs; None in it: nothing has a price.
    pub money: ByPeriod<Option<Money>>,
}

/// The same of each of the three periods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct ByPeriod<T> {
    /// The local day of that moment.
    pub today: T,
    /// The one before.
    pub yesterday: T,
    /// Its calendar month.
    pub month: T,
}

/// One meter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeterOverview {
    /// Its name.
    pub meter: String,
    /// What it is to the house; None: a load of its own.
    #[serde(skip)]
    pub role: Option<Role>,
    /// How many of its pulses are a kWh; None: not known.
    pub imp_per_kwh: Option<f64>,
    /// Its power in watts; None: not known, such as while no daemon runs, or it counts no electric energy.
    pub power_w: Option<f64>,
    /// What it counts.
    pub unit: Quantity,
    /// What a pulse is worth; None: not known.
    #[serde(skip)]
    pub worth: Option<PulseWorth>,
    /// Its power or flow, in the unit of its rate.
    pub rate: Option<f64>,
    /// The rate is what the silence since the last pulse allows at most.
    pub is_bound: bool,
    /// What it has counted.
    #[serde(flatten)]
    pub counted: ByPeriod<MeterEnergy>,
}

/// The house.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HouseOverview {
    /// What it uses, in watts; None: not known.
    pub power_w: Option<f64>,
    /// What it uses of its own generation.
    pub self_w: Option<f64>,
    /// Its energy.
    #[serde(flatten)]
    pub energy: ByPeriod<HouseEnergy>,
}

/// What a command reads of `/api/v1/energy`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct EnergyAnswer {
    /// The period that was asked for.
    #[serde(flatten)]
    pub span: EnergySpanAnswer,
    /// The one that it is compared with.
    #[serde(default)]
    pub compared: Option<EnergySpanAnswer>,
}

/// A period of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct EnergySpanAnswer {
    /// Whether all lines were watched.
    pub complete: bool,
    /// By meter.
    pub meters: Vec<EnergyMeterAnswer>,
    /// Of the house.
    pub derived: HouseEnergy,
    /// What it costs; None: nothing has a price.
    #[serde(default)]
    pub money: Option<Money>,
}

/// A meter in a period.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct EnergyMeterAnswer {
    /// Its name.
    pub meter: String,
    /// What it has counted.
    pub total: EnergyCount,
}

/// Pulses, and what they are worth.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct EnergyCount {
    /// Pulses.
    pub pulses: i64,
    /// In watt-hours.
    pub energy_wh: Option<f64>,
    /// In the meter's unit.
    #[serde(default)]
    pub amount: Option<f64>,
    /// For how many seconds its line was watched.
    pub watched_s: i64,
}

impl<T> ByPeriod<T> {
    /// From today to the month.
    pub fn each(&self) -> [&T; 3] {
        [&self.today, &self.yesterday, &self.month]
    }

    fn of(periods: [T; 3]) -> ByPeriod<T> {
        let [today, yesterday, month] = periods;
        ByPeriod {
            today,
            yesterday,
            month,
        }
    }
}

impl Overview {
    /// From what the daemon has answered: now, today with yesterday, and the month. None: yesterday lacks.
    pub fn of_answers(
        now: &NowAnswer,
        day: &EnergyAnswer,
        month: &EnergyAnswer,
    ) -> Option<Overview> {
        let spans = [&day.span, day.compared.as_ref()?, &month.span];
        let meters = now.meters.iter().map(|meter| {
            let energies = spans.map(|span| {
                let mut counted = span.meters.iter();
                let counted = counted.find(|counted| counted.meter == meter.meter);
                let total = counted.map(|counted| counted.total);
                let known = total.filter(|total| total.pulses > 0 || total.watched_s > 0);
                MeterEnergy {
                    pulses: known.map(|total| total.pulses),
                    energy_wh: known.and_then(|total| total.energy_wh),
                    amount: known.and_then(|total| total.amount),
                    complete: span.complete,
                }
            });
            MeterOverview {
                meter: meter.meter.clone(),
                role: meter.house_role(),
                imp_per_kwh: meter.imp_per_kwh,
                power_w: meter.power_w,
                unit: meter.unit,
                worth: meter.worth(),
                rate: meter.shown_rate(),
                is_bound: meter.is_bound,
                counted: ByPeriod::of(energies),
            }
        });
        let meters: Vec<MeterOverview> = meters.collect();
        let house = has_all_roles(&meters).then(|| HouseOverview {
            power_w: now.flow.house_w,
            self_w: now.flow.self_w,
            energy: ByPeriod::of([0, 1, 2].map(|n| {
                let is_known = |meter: &MeterOverview| meter.counted.each()[n].pulses.is_some();
                let known = meters.iter().any(is_known).then_some(spans[n].derived);
                known.unwrap_or_default()
            })),
        });
        Some(Overview {
            at_ns: now.at_ns(),
            zone: now.zone.clone(),
            meters,
            house,
            money: ByPeriod::of(spans.map(|span| span.money.clone())),
        })
    }

    /// From the journal, for the moment `at_ns`: what flows then is not known.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn of_journal(
        reader: &mut Reader,
        settings: &Settings,
        calendar: &Calendar,
        at_ns: WallNs,
    ) -> Result<Overview, JournalError> {
        let (at_s, meters) = (at_ns.s(), &settings.meters);
        let today = Period::containing(PeriodUnit::Day, calendar.date_at(at_s));
        let month = Period::containing(PeriodUnit::Month, today.first());
        let spans = [today, calendar.previous(today), month].map(|period| calendar.span(period));
        let began_s = reader.counting_since_s()?;
        let since_s = began_s.unwrap_or(at_s);
        let present = worths_now(meters, reader.is_simulated()?);
        let factors = Factors::read(reader, meters, &present, calendar)?;
        let mut counted = Vec::with_capacity(spans.len());
        for span in spans {
            let span_s = [span.start_s, span.end_s];
            let (starts_s, parts) =
                factors.counted_parts(reader, (&span_s, Grain::Day), calendar, at_s)?;
            let passed_s = span.end_s.min(at_s) - span.start_s.max(since_s);
            counted.push(CountedSpan::new(starts_s, parts, &present, passed_s));
        }
        let money = money_of(
            reader,
            settings,
            (&factors, calendar),
            spans,
            (at_s, began_s),
        )?;
        let worths = || meters.iter().zip(&present);
        let houses = [0, 1, 2].map(|n| {
            let roles = worths().map(|(meter, (name, worth))| (name.as_str(), meter.role, *worth));
            counted[n].house(&factors, roles)
        });
        let meters = worths().map(|(meter, (name, worth))| MeterOverview {
            meter: name.clone(),
            role: meter.role,
            imp_per_kwh: worth.and_then(|worth| worth.imp_per_kwh()),
            power_w: None,
            unit: meter.unit,
            worth: *worth,
            rate: None,
            is_bound: false,
            counted: ByPeriod::of([0, 1, 2].map(|n| counted[n].energy(&factors, name, meter.unit))),
        });
        let meters: Vec<MeterOverview> = meters.collect();
        let house = has_all_roles(&meters).then(|| HouseOverview {
            power_w: None,
            self_w: None,
            energy: ByPeriod::of(houses),
        });
        Ok(Overview {
            at_ns,
            zone: calendar.zone().iana_name().unwrap_or("UTC").to_owned(),
            meters,
            house,
            money,
        })
    }

    /// What the daemon tells of this moment; what it counts goes into the month, too. False: other meters are
    /// configured, or less was counted than is known, because another day has begun: all is to be asked for again.
    pub fn take(&mut self, now: &NowAnswer) -> bool {
        let is_of = |(meter, told): (&MeterOverview, &NowMeterAnswer)| {
            let both = meter.counted.today.pulses.zip(told.today.pulses);
            meter.meter == told.meter && both.is_none_or(|(known, told)| known <= told)
        };
        let is_same = now.meters.len() == self.meters.len();
        if !is_same || !self.meters.iter().zip(&now.meters).all(is_of) {
            return false;
        }
        self.at_ns = now.at_ns();
        for (meter, told) in self.meters.iter_mut().zip(&now.meters) {
            (meter.power_w, meter.is_bound) = (told.power_w, told.is_bound);
            meter.rate = told.shown_rate();
            let Some(pulses) = told.today.pulses else {
                continue;
            };
            let more = pulses - meter.counted.today.pulses.unwrap_or(0);
            for energy in [&mut meter.counted.today, &mut meter.counted.month] {
                energy.add(more, meter.worth);
            }
        }
        self.take_money(&now.today);
        let today = house_today(&self.meters);
        if let Some(house) = &mut self.house {
            (house.power_w, house.self_w) = (now.flow.house_w, now.flow.self_w);
            house.energy.today = today;
        }
        true
    }

    fn take_money(&mut self, told: &NowDay) {
        let Some(today) = &told.money else {
            return;
        };
        if let Some((month, before)) = self.money.month.as_mut().zip(self.money.today.as_ref()) {
            *month = month.grown(before, today);
        }
        self.money.today = Some(today.clone());
    }

    /// What flows is not known any more.
    pub fn stop(&mut self) {
        for meter in &mut self.meters {
            (meter.power_w, meter.rate, meter.is_bound) = (None, None, false);
        }
        if let Some(house) = &mut self.house {
            (house.power_w, house.self_w) = (None, None);
        }
    }
}

/// What each of the spans costs.
fn money_of(
    reader: &mut Reader,
    settings: &Settings,
    (factors, calendar): (&Factors, &Calendar),
    spans: [PeriodSpan; 3],
    when: (i64, Option<i64>),
) -> Result<ByPeriod<Option<Money>>, JournalError> {
    let pricer = Pricer {
        tariffs: &settings.tariffs,
        currency: &settings.site.currency,
        meters: &priced(settings.meters.iter()),
        factors,
        calendar,
        memory: None,
    };
    let mut money = [None, None, None];
    for (money, span) in money.iter_mut().zip(spans) {
        let priced = priced_span(&pricer, reader, (&[span.start_s, span.end_s], true), when)?;
        *money = priced.map(|priced| priced.bill.money);
    }
    Ok(ByPeriod::of(money))
}

/// Whether import, export and generation are all counted: else there is no house to speak of.
fn has_all_roles(meters: &[MeterOverview]) -> bool {
    let has = |role| {
        let mut meters = meters.iter();
        meters.any(|meter| meter.role == Some(role))
    };
    has(Role::Import) && has(Role::Export) && has(Role::Generation)
}

/// The house of today, by what the meters' pulses are worth now.
fn house_today(meters: &[MeterOverview]) -> HouseEnergy {
    let pulses = |meter: &MeterOverview| meter.counted.today.pulses;
    if !meters.iter().any(|meter| pulses(meter).is_some()) {
        return HouseEnergy::default();
    }
    let mut balance = Balance::default();
    for meter in meters {
        match meter.role.map(|role| (role, meter.worth)) {
            Some((role, Some(worth))) => balance.add(role, pulses(meter).unwrap_or(0), worth),
            Some((_, None)) => return HouseEnergy::default(),
            None => {}
        }
    }
    HouseEnergy::of(&balance)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now(today: [i64; 3]) -> NowAnswer {
        let meters = ["Import", "Export", "Generate"].into_iter().zip(today);
        let meters: Vec<_> = meters
            .map(|(meter, pulses)| {
                json!({"meter": meter, "role": meter.to_lowercase(), "imp_per_kwh": 1000.0, "power_w": 500.0, "is_bound": false,
                    "today": {"pulses": pulses}, "of a version to come": 1})
            })
            .collect();
        let now = json!({"as_of": "2026-06-20T10:00:00.500Z", "zone": "Europe/Berlin", "meters": meters,
            "today": {"date": "2026-06-20"}, "flow": {"house_w": 700.0, "self_w": null}});
        serde_json::from_value(now).unwrap()
    }

    fn energy(pulses: [i64; 3], compared: bool) -> EnergyAnswer {
        let meters = ["Import", "Export", "Generate"].into_iter().zip(pulses);
        let meters: Vec<_> = meters
            .map(|(meter, pulses)| {
                json!({"meter": meter, "total": {"pulses": pulses, "energy_wh": pulses as f64, "watched_s": 60}})
            })
            .collect();
        let derived = json!({"house_wh": pulses[0] + pulses[2] - pulses[1], "self_wh": 0.0,
            "autarky": 0.5, "self_rate": null});
        let span = json!({"complete": true, "meters": meters, "derived": derived});
        let mut answer = span.clone();
        if compared {
            answer["compared"] = span;
        }
        serde_json::from_value(answer).unwrap()
    }

    fn overview() -> Overview {
        let (day, month) = (
            energy([100, 20, 50], true),
            energy([1_100, 220, 550], false),
        );
        Overview::of_answers(&now([100, 20, 50]), &day, &month).unwrap()
    }

    #[test]
    fn answers_are_put_together() {
        let overview = overview();
        assert_eq!(overview.at_ns, WallNs(1_781_949_600_500_000_000));
        let import = &overview.meters[0];
        assert_eq!(
            import.counted.each().map(|energy| energy.pulses),
            [100, 100, 1_100].map(Some)
        );
        let house = overview.house.unwrap();
        assert_eq!((house.power_w, house.self_w), (Some(700.0), None));
        assert_eq!(house.energy.month.house_wh, Some(1_430.0));
        // Yesterday was not asked for.
        let day = energy([1, 1, 1], false);
        assert_eq!(Overview::of_answers(&now([1, 1, 1]), &day, &day), None);
    }

    #[test]
    fn what_is_told_later_goes_into_day_and_month() {
        let mut overview = overview();
        assert!(overview.take(&now([103, 20, 54])));
        let import = &overview.meters[0].counted;
        assert_eq!(
            import.each().map(|energy| energy.pulses),
            [103, 100, 1_103].map(Some)
        );
        assert_eq!(import.month.energy_wh, Some(1_103.0));
        let house = overview.house.as_ref().unwrap().energy.today;
        assert!((house.house_wh.unwrap() - 137.0).abs() < 1e-9);
        // Another day, other meters: all is asked for again.
        let before = overview.clone();
        assert!(!overview.take(&now([2, 0, 0])));
        let mut fewer = now([200, 200, 200]);
        fewer.meters.pop();
        assert!(!overview.take(&fewer));
        assert_eq!(overview, before);
        overview.stop();
        assert_eq!(overview.meters[0].power_w, None);
        assert_eq!(overview.house.unwrap().power_w, None);
    }
}
