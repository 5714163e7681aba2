//! What pulses were worth when they were counted: the factors of all meters, and where spans are split for them.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::MeterSettings;
use crate::energy::derived::Balance;
use crate::energy::factors::FactorHistory;
use crate::energy::periods::{Calendar, Period, PeriodUnit};
use crate::journal::{CountedParts, Grain, JournalError, ReadFrom, Reader};
use crate::model::{PulseWorth, QUARTER_S, Quantity, Role, Spans};

/// Of all configured meters, by name.
#[derive(Debug, Clone, Default)]
pub struct Factors {
    by_meter: BTreeMap<String, FactorHistory>,
}

impl Factors {
    /// What the journal has noted, and what is dated in the settings of `meters`. `present`: their names, with what a pulse is worth now.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn read(
        reader: &Reader,
        meters: &[MeterSettings],
        present: &[(String, Option<PulseWorth>)],
        calendar: &Calendar,
    ) -> Result<Factors, JournalError> {
        let kept = reader.factors()?;
        let of_meter = |(name, worth): &(String, Option<PulseWorth>)| {
            let settings = meters.iter().find(|meter| meter.name == *name);
            let dated = settings.map_or_else(Vec::new, |settings| settings.dated_factors(calendar));
            let kept = kept.get(name).map_or(&[][..], Vec::as_slice);
            let history = FactorHistory::new(kept, &dated, *worth);
            (name.clone(), history)
        };
        Ok(Factors {
            by_meter: present.iter().map(of_meter).collect(),
        })
    }

    #[cfg(test)]
    pub(super) fn of_histories<const N: usize>(histories: [(&str, FactorHistory); N]) -> Factors {
        let by_meter = histories.map(|(meter, history)| (meter.to_owned(), history));
        Factors {
            by_meter: by_meter.into(),
        }
    }

    /// What a pulse of a meter was worth at a time, in seconds since 1970; None: not known.
    pub fn at(&self, meter: &str, wall_s: i64) -> Option<PulseWorth> {
        self.by_meter.get(meter)?.at(wall_s)
    }

    /// Those of a meter.
    pub fn of(&self, meter: &str) -> FactorHistory {
        self.by_meter.get(meter).cloned().unwrap_or_default()
    }

    /// Quarters of an hour within a span that are the first to count by another factor.
    fn cuts(&self, from_s: i64, to_s: i64) -> BTreeSet<i64> {
        let changes = self.by_meter.values().flat_map(|history| {
            let changes = history.changes(from_s, to_s);
            changes.map(|at_s| at_s + (-at_s).rem_euclid(QUARTER_S))
        });
        changes
            .filter(|cut_s| from_s < *cut_s && *cut_s < to_s)
            .collect()
    }

    /// The begins of parts (and last the end of the last one), with those where a factor changes within.
    pub fn split(&self, starts_s: &[i64]) -> Vec<i64> {
        let (Some(from_s), Some(to_s)) = (starts_s.first(), starts_s.last()) else {
            return Vec::new();
        };
        let mut all = self.cuts(*from_s, *to_s);
        all.extend(starts_s);
        all.into_iter().collect()
    }

    /// What was counted in parts of a span, by their begins (last the end of the last one); they are split where a factor changes,
    /// and the begins of all come with it.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn counted_parts(
        &self,
        reader: &mut Reader,
        (starts_s, grain): (&[i64], Grain),
        calendar: &Calendar,
        now_s: i64,
    ) -> Result<(Vec<i64>, Vec<CountedParts>), JournalError> {
        let ends = starts_s.first().copied().zip(starts_s.last().copied());
        let from = ReadFrom {
            split_days: self.split_days(calendar, ends.unwrap_or_default()),
            ..reader.read_from(calendar.zone(), now_s)?
        };
        let starts_s = self.split(starts_s);
        let parts = reader.counted_parts(&starts_s, grain, &from)?;
        Ok((starts_s, parts))
    }

    /// The energy of split parts: pulses that were counted before a change keep what they had. None: what some of them were
    /// worth is not known.
    pub fn energy_wh(&self, starts_s: &[i64], parts: &CountedParts) -> Option<f64> {
        let each = self.each_worth(starts_s, parts);
        each.map(|(pulses, worth)| energy_wh(pulses, worth)).sum()
    }

    /// The same in a unit of what the meter counts.
    pub fn amount(&self, unit: Quantity, starts_s: &[i64], parts: &CountedParts) -> Option<f64> {
        let each = self.each_worth(starts_s, parts);
        each.map(|(pulses, worth)| worth?.amount_in(unit, pulses))
            .sum()
    }

    /// Adds the same to the energy of the house, as far as it is known.
    pub fn add_to(
        &self,
        balance: &mut Balance,
        role: Role,
        (starts_s, parts): (&[i64], &CountedParts),
    ) {
        for (pulses, worth) in self.each_worth(starts_s, parts) {
            if let Some(worth) = worth {
                balance.add(role, pulses, worth);
            }
        }
    }

    /// Pulses of split parts, and what one of them was worth then.
    fn each_worth<'a>(
        &self,
        starts_s: &'a [i64],
        parts: &'a CountedParts,
    ) -> impl Iterator<Item = (i64, Option<PulseWorth>)> + use<'a> {
        let history = self.of(&parts.meter);
        let each = starts_s.iter().zip(&parts.pulses);
        each.map(move |(start_s, pulses)| (*pulses, history.at(*start_s)))
    }

    /// Local days in which a factor changes.
    pub fn split_days(&self, calendar: &Calendar, (from_s, to_s): (i64, i64)) -> Spans {
        let days = self.cuts(from_s, to_s).into_iter().filter_map(|cut_s| {
            let day = Period::containing(PeriodUnit::Day, calendar.date_at(cut_s));
            let day = calendar.span(day);
            (day.start_s < cut_s).then_some((day.start_s, day.end_s))
        });
        Spans::new(days)
    }
}

/// What a pulse of a meter is worth now; None: not known. Of pulses that are made up as usual, where nothing is configured.
pub fn worth_now(meter: &MeterSettings, is_simulated: bool) -> Option<PulseWorth> {
    let simulated = is_simulated.then(|| PulseWorth::usual(meter.unit));
    meter.worth().or(simulated)
}

/// The names of meters, with that of each.
pub fn worths_now(
    meters: &[MeterSettings],
    is_simulated: bool,
) -> Vec<(String, Option<PulseWorth>)> {
    let meters = meters.iter();
    meters
        .map(|meter| (meter.name.clone(), worth_now(meter, is_simulated)))
        .collect()
}

/// The energy of so many pulses; None: what one is worth is not known, or is no electric energy.
pub fn energy_wh(pulses: i64, worth: Option<PulseWorth>) -> Option<f64> {
    let imp_per_kwh = worth?.imp_per_kwh()?;
    Some(pulses as f64 * 1_000.0 / imp_per_kwh)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DatedFactor, Since};
    use crate::energy::factors::Factor;
    use jiff::tz::TimeZone;

    #[test]
    fn spans_are_split_where_a_factor_changes() {
        let calendar = Calendar::new(TimeZone::get("Europe/Berlin").unwrap());
        let midnight_s = calendar.day_start_s(jiff::civil::date(2026, 5, 1));
        let dated = DatedFactor {
            since: Since::Date(jiff::civil::date(2026, 5, 1)),
            pulses_per_unit: 1_000.0,
        };
        let kept = [
            Factor {
                from_s: 0,
                worth: PulseWorth::of_kwh(500.0),
            },
            dated.factor(Quantity::KilowattHours, &calendar),
            Factor {
                from_s: midnight_s + 86_400 + 3_601,
                worth: PulseWorth::of_kwh(800.0),
            },
        ];
        let history = FactorHistory::new(&kept, &[], Some(PulseWorth::of_kwh(800.0)));
        let factors = Factors::of_histories([("Import", history)]);
        let day = |n: i64| midnight_s + n * 86_400;
        let cut_s = day(1) + 4_500;
        assert_eq!(
            factors.split(&[day(-1), day(2)]),
            [day(-1), day(0), cut_s, day(2)]
        );
        let split = factors.split_days(&calendar, (day(-1), day(2)));
        assert_eq!(split.iter().collect::<Vec<_>>(), [(day(1), day(2))]);
        assert_eq!(factors.split(&[day(3), day(4)]), [day(3), day(4)]);
    }
}
