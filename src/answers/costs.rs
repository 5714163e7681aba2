//! What energy costs, from the quarter hours of the journal: exact, and not yet rounded.
//!
//! Meters of import are priced by the tariff of import, meters of export by that of feed-in; generation costs nothing and saves
//! nothing by itself, because what is generated and used is not imported. A day whose price does not change is read as a whole.

use std::collections::BTreeMap;
use std::hash::Hasher;

use jiff::civil::Date;

use super::factors::Factors;
use super::month_memory::MonthMemory;
use super::socket::Fnv;
use crate::config::{Currency, MeterSettings, Pricing, TariffSettings};
use crate::energy::cost::{Cost, Quarter};
use crate::energy::days::LocalDays;
use crate::energy::decimal::Decimal;
use crate::energy::periods::{Calendar, PeriodSpan};
use crate::energy::tariff::Direction;
use crate::journal::{Grain, JournalError, ReadFrom, Reader};
use crate::model::{MeterRow, quarter_of};

/// What was bought and sold in some time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Costs {
    /// By the tariff of import, with its standing charge where days were added.
    pub import: Cost,
    /// By the tariff of feed-in.
    pub feed_in: Cost,
    /// Pulses that have no price because it is not known what they are worth.
    pub worthless: i64,
}

/// The meters that are priced, by name, and by which tariff.
pub type PricedMeters = Vec<(String, Direction)>;

/// Of these meters those that are priced.
pub fn priced<'a>(meters: impl Iterator<Item = &'a MeterSettings>) -> PricedMeters {
    let priced = meters.filter_map(|meter| Some((meter.name.clone(), meter.priced_by()?)));
    priced.collect()
}

/// All that prices energy: the tariffs, the meters, what their pulses are worth, the days.
#[derive(Debug, Clone)]
pub struct Pricer<'a> {
    /// The tariffs.
    pub tariffs: &'a TariffSettings,
    /// What money is counted in.
    pub currency: &'a Currency,
    /// The meters.
    pub meters: &'a PricedMeters,
    /// What their pulses are worth.
    pub factors: &'a Factors,
    /// The local days.
    pub calendar: &'a Calendar,
    /// What months have cost, with a name for the settings; None: it is computed each time.
    pub memory: Option<(&'a MonthMemory<Costs>, u64)>,
}

impl Costs {
    /// Adds what was counted of one meter from `start_s` on, within a quarter hour or a day of one price.
    fn add(
        &mut self,
        pricing: &Pricing,
        direction: Direction,
        quarter: &Quarter,
        calendar: &Calendar,
    ) {
        let cost = match direction {
            Direction::Import => &mut self.import,
            Direction::FeedIn => &mut self.feed_in,
        };
        cost.add_quarter(quarter, &pricing.tariff, &pricing.dynamic, calendar);
    }

    /// Adds the costs of another stretch of time.
    pub fn merge(&mut self, other: &Costs) {
        self.import.merge(&other.import);
        self.feed_in.merge(&other.feed_in);
        self.worthless += other.worthless;
    }

    /// Adds the standing charges of import for the local days from `first` to before `end`.
    pub fn add_days(&mut self, (first, end): (Date, Date), tariffs: &TariffSettings) {
        if let Some(pricing) = &tariffs.import {
            self.import.add_days(first, end, &pricing.tariff);
        }
    }
}

impl Pricer<'_> {
    /// The tariff of a direction, where a meter counts what it prices.
    pub(super) fn pricing(&self, direction: Direction) -> Option<&Pricing> {
        let is_counted = self.meters.iter().any(|(_, of)| *of == direction);
        self.tariffs.of(direction).filter(|_| is_counted)
    }

    /// Whether anything that is counted has a price.
    pub(super) fn has_any(&self) -> bool {
        let both = [Direction::Import, Direction::FeedIn];
        both.into_iter()
            .any(|direction| self.pricing(direction).is_some())
    }

    /// Adds pulses of a meter that came in the quarter hour that holds `at_s`, or in a day of one price that begins then.
    pub fn add(&self, costs: &mut Costs, meter: &str, (at_s, pulses): (i64, i64)) {
        if pulses == 0 {
            return;
        }
        let start_s = quarter_of(at_s);
        for (_, direction) in self.meters.iter().filter(|(name, _)| name == meter) {
            let Some(pricing) = self.tariffs.of(*direction) else {
                continue;
            };
            let worth = self.factors.at(meter, start_s);
            let imp_per_kwh = worth.and_then(|worth| worth.imp_per_kwh());
            match imp_per_kwh.and_then(Decimal::from_f64_rounded) {
                Some(pulses_per_unit) if pulses_per_unit > Decimal::ZERO => {
                    let quarter = Quarter {
                        start_s,
                        pulses,
                        pulses_per_unit,
                    };
                    costs.add(pricing, *direction, &quarter, self.calendar);
                }
                _ => costs.worthless += pulses,
            }
        }
    }

    /// The costs of the energy in parts of a span, without standing charges, by the begins of the parts (in seconds since 1970, in
    /// order) and last the end of the last one. `by_day`: each part is whole local days.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn of_parts(
        &self,
        reader: &mut Reader,
        (starts_s, by_day): (&[i64], bool),
        now_s: i64,
    ) -> Result<Vec<Costs>, JournalError> {
        let parts = starts_s.len().saturating_sub(1);
        let mut costs = vec![Costs::default(); parts];
        let ends = starts_s.first().zip(starts_s.last());
        let Some((from_s, to_s)) = ends.filter(|_| !self.tariffs.is_empty()) else {
            return Ok(costs);
        };
        // To the end, as energy is: a clock that was set back has pulses after `now_s`.
        let span_s = (*from_s, *to_s);
        let from = ReadFrom {
            split_days: self.factors.split_days(self.calendar, span_s),
            ..reader.read_from(self.calendar.zone(), now_s)?
        };
        let part_of = |at_s: i64| {
            let after = starts_s.partition_point(|begin_s| *begin_s <= at_s);
            after.checked_sub(1).filter(|part| *part < parts)
        };
        reader.at_one_moment(|reader| {
            let names = reader.meter_names()?;
            for (grain, span_s) in self.spans(span_s, by_day) {
                let is_of_one = part_of(span_s.0) == part_of(span_s.1 - 1);
                let is_remembered = grain == Grain::Quarter && is_of_one;
                if let Some(memory) = self.memory.filter(|_| is_remembered) {
                    let month = self.month(memory, (reader, &names), span_s, &from)?;
                    if let Some(part) = part_of(span_s.0) {
                        costs[part].merge(&month);
                    }
                    continue;
                }
                for counted in reader.counts(grain, span_s, &from)? {
                    let part = part_of(counted.start_s);
                    if let Some((part, meter)) = part.zip(names.get(&counted.meter)) {
                        let count = (counted.start_s, counted.count.pulses);
                        self.add(&mut costs[part], meter, count);
                    }
                }
            }
            reader.each_uncounted(&mut |row, at_s| {
                if let Some((part, meter)) = part_of(at_s).zip(names.get(&row)) {
                    self.add(&mut costs[part], meter, (at_s, 1));
                }
            })
        })?;
        Ok(costs)
    }

    /// The costs of what windows hold of a month, or of the part of it that has passed: computed again where something has changed.
    fn month(
        &self,
        (memory, settings): (&MonthMemory<Costs>, u64),
        (reader, names): (&Reader, &BTreeMap<MeterRow, String>),
        span_s: (i64, i64),
        from: &ReadFrom,
    ) -> Result<Costs, JournalError> {
        let name = self.name_of(settings, reader, span_s, from)?;
        if let Some(known) = memory.get(span_s.0, name) {
            return Ok(known);
        }
        let mut costs = Costs::default();
        for counted in reader.counts(Grain::Quarter, span_s, from)? {
            if let Some(meter) = names.get(&counted.meter) {
                let count = (counted.start_s, counted.count.pulses);
                self.add(&mut costs, meter, count);
            }
        }
        memory.put(span_s.0, name, costs.clone());
        Ok(costs)
    }

    /// A name for all that the costs of a span depend on: the settings, what its days have counted (quarter hours are only ever added
    /// to, and with them their day), what pulses were worth, dynamic prices.
    fn name_of(
        &self,
        settings: u64,
        reader: &Reader,
        (from_s, to_s): (i64, i64),
        from: &ReadFrom,
    ) -> Result<u64, JournalError> {
        let mut hasher = Fnv::default();
        hasher.write(&settings.to_le_bytes());
        let mut numbers = vec![to_s];
        for day in reader.counts(Grain::Day, (from_s, to_s), from)? {
            numbers.extend([day.start_s, day.meter.0, day.count.pulses]);
        }
        for (meter, _) in self.meters {
            let history = self.factors.of(meter);
            for at_s in std::iter::once(from_s).chain(history.changes(from_s, to_s)) {
                numbers.push(at_s);
                let worth = history.at(at_s).and_then(|worth| worth.imp_per_kwh());
                hasher.write(&worth.unwrap_or(0.0).to_le_bytes());
            }
        }
        let both = [Direction::Import, Direction::FeedIn];
        for pricing in both
            .into_iter()
            .filter_map(|direction| self.tariffs.of(direction))
        {
            for (start_s, price) in pricing.dynamic.within(from_s, to_s) {
                numbers.push(*start_s);
                hasher.write(price.to_string().as_bytes());
            }
        }
        for number in numbers {
            hasher.write(&number.to_le_bytes());
        }
        Ok(hasher.finish())
    }

    /// From what a span is read: whole days where each has one price, the quarter hours of a month elsewhere.
    fn spans(&self, (from_s, to_s): (i64, i64), by_day: bool) -> Vec<(Grain, (i64, i64))> {
        if from_s >= to_s {
            return Vec::new();
        }
        if !by_day {
            return vec![(Grain::Quarter, (from_s, to_s))];
        }
        let days = LocalDays::covering(self.calendar, from_s, to_s);
        let mut spans: Vec<(Grain, (i64, i64))> = Vec::new();
        for day in days.iter() {
            let grain = self.grain_of(day);
            let is_new_month = grain == Grain::Quarter && day.period.first().day() == 1;
            match spans.last_mut() {
                Some((last, span_s)) if *last == grain && !is_new_month => span_s.1 = day.end_s,
                _ => spans.push((grain, (day.start_s, day.end_s))),
            }
        }
        spans
    }

    fn grain_of(&self, day: &PeriodSpan) -> Grain {
        let date = day.period.first();
        let both = [Direction::Import, Direction::FeedIn];
        let mut pricings = both
            .into_iter()
            .filter_map(|direction| self.tariffs.of(direction));
        match pricings.all(|pricing| pricing.tariff.is_flat_on(date)) {
            true => Grain::Day,
            false => Grain::Quarter,
        }
    }
}
