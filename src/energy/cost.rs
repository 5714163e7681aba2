//! What energy costs: quarter hours and days priced by a tariff, added up exactly, and rounded once.
//!
//! amount = Σ price · pulses / (pulses of a unit). The sums of price · pulses are whole numbers and are divided at the end, for each
//! position of the bill; so the cost of a year is that of its months, of its days, in any order. Positions are rounded half away
//! from zero, and the total is that of the rounded positions, as a bill adds up.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::decimal::Decimal;
use super::periods::Calendar;
use super::tariff::{DynamicPrices, StandingCharge, Tariff, UnitPrice};

/// What a meter has counted in a quarter hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quarter {
    /// Its first second, since 1970.
    pub start_s: i64,
    /// Pulses.
    pub pulses: i64,
    /// So many were one unit (imp/kWh) at that time.
    pub pulses_per_unit: Decimal,
}

/// A position of the bill, as long as the meter counts with one factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    /// The price list, and the number of the price in it; None: no price is known.
    rated: Option<(Date, usize)>,
    pulses_per_unit: Decimal,
}

/// Pulses, and what they cost times the pulses of a unit, in units of the last place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Priced {
    pulses: i128,
    price_pulses: i128,
}

/// The cost of a stretch of time by one tariff, not yet divided or rounded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cost {
    energy: BTreeMap<Position, Priced>,
    /// Days, by price list and by the days among which its standing charge is divided.
    days: BTreeMap<(Date, i64), i64>,
}

/// A position of a bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BillItem {
    /// Energy at one price.
    Energy {
        /// The price's name.
        name: String,
        /// The first day of its price list.
        valid_from: Date,
        /// Units (kWh).
        units: Decimal,
        /// The price of one unit; the mean where it is dynamic.
        price: Decimal,
        /// What is paid or earned, rounded.
        amount: Decimal,
    },
    /// A standing charge.
    Standing {
        /// The first day of its price list.
        valid_from: Date,
        /// The charge.
        charge: StandingCharge,
        /// For so many days.
        days: i64,
        /// What is paid, rounded.
        amount: Decimal,
    },
    /// Energy of which the price is not known: before the first price list, or without a dynamic price.
    Unpriced {
        /// Units (kWh).
        units: Decimal,
    },
}

impl BillItem {
    /// What is paid or earned, rounded; nothing for what has no price.
    pub fn amount(&self) -> Decimal {
        match self {
            BillItem::Energy { amount, .. } | BillItem::Standing { amount, .. } => *amount,
            BillItem::Unpriced { .. } => Decimal::ZERO,
        }
    }
}

impl Cost {
    /// Adds the energy of a quarter hour.
    pub fn add_quarter(
        &mut self,
        quarter: &Quarter,
        tariff: &Tariff,
        dynamic: &DynamicPrices,
        calendar: &Calendar,
    ) {
        let found = tariff.rated_at(calendar, quarter.start_s);
        let priced = found.and_then(|(list, number)| {
            let price = list.rated(number).price.at(quarter.start_s, dynamic)?;
            Some(((list.valid_from, number), price))
        });
        let position = Position {
            rated: priced.map(|(rated, _)| rated),
            pulses_per_unit: quarter.pulses_per_unit,
        };
        let price = priced.map_or(Decimal::ZERO, |(_, price)| price);
        let sum = self.energy.entry(position).or_default();
        let pulses = i128::from(quarter.pulses);
        sum.pulses += pulses;
        sum.price_pulses = sum
            .price_pulses
            .saturating_add(price.units().saturating_mul(pulses));
    }

    /// Adds the standing charge of the local days from `first` to before `end`.
    pub fn add_days(&mut self, first: Date, end: Date, tariff: &Tariff) {
        let days = std::iter::successors(Some(first), |date| date.tomorrow().ok());
        for date in days.take_while(|date| *date < end) {
            if let Some(list) = tariff.list_on(date) {
                if let Some(standing) = list.standing {
                    let among = standing.per.days(date);
                    *self.days.entry((list.valid_from, among)).or_default() += 1;
                }
            }
        }
    }

    /// Adds another stretch of time, by the same tariff.
    pub fn merge(&mut self, other: &Cost) {
        for (position, priced) in &other.energy {
            let sum = self.energy.entry(*position).or_default();
            sum.pulses += priced.pulses;
            sum.price_pulses = sum.price_pulses.saturating_add(priced.price_pulses);
        }
        for (days, count) in &other.days {
            *self.days.entry(*days).or_default() += count;
        }
    }

    /// The positions of the bill and their sum, each rounded to `places` digits behind the point (2: cents).
    pub fn bill(&self, tariff: &Tariff, places: u32) -> (Vec<BillItem>, Decimal) {
        let items: Vec<BillItem> = self
            .energy_items(tariff, places)
            .into_iter()
            .chain(self.standing_items(tariff, places))
            .collect();
        let total = items.iter().map(BillItem::amount).sum();
        (items, total)
    }

    fn energy_items(&self, tariff: &Tariff, places: u32) -> Vec<BillItem> {
        let mut positions: BTreeMap<Option<(Date, usize)>, (Decimal, Decimal)> = BTreeMap::new();
        for (position, priced) in &self.energy {
            let per_unit = position.pulses_per_unit.units();
            let units = priced.pulses.checked_mul(Decimal::whole(1).units());
            let units = units.and_then(|pulses| Decimal::ratio(pulses, per_unit));
            let amount = Decimal::ratio(priced.price_pulses, per_unit);
            // What is worth nothing by its factor costs nothing.
            let (units, amount) = units.zip(amount).unwrap_or_default();
            let sum = positions.entry(position.rated).or_default();
            *sum = (sum.0 + units, sum.1 + amount);
        }
        let items = positions
            .into_iter()
            .filter(|(_, (units, _))| *units != Decimal::ZERO);
        let items = items.map(|(rated, (units, amount))| {
            let Some((valid_from, number)) = rated else {
                return BillItem::Unpriced { units };
            };
            let rated = tariff.list_on(valid_from).map(|list| list.rated(number));
            BillItem::Energy {
                name: rated.map(|rated| rated.name.clone()).unwrap_or_default(),
                valid_from,
                units,
                price: match rated.map(|rated| rated.price) {
                    Some(UnitPrice::Fixed(price)) => price,
                    _ => Decimal::ratio(amount.units(), units.units()).unwrap_or_default(),
                },
                amount: amount.rounded(places),
            }
        });
        items.collect()
    }

    fn standing_items(&self, tariff: &Tariff, places: u32) -> Vec<BillItem> {
        let mut positions: BTreeMap<Date, (i64, Decimal)> = BTreeMap::new();
        for ((valid_from, among), days) in &self.days {
            let charge = tariff.list_on(*valid_from).and_then(|list| list.standing);
            let amount = charge.and_then(|charge| {
                let units = charge.amount.units().checked_mul(i128::from(*days))?;
                Decimal::ratio(units, i128::from(*among) * Decimal::whole(1).units())
            });
            let sum = positions.entry(*valid_from).or_default();
            *sum = (sum.0 + days, sum.1 + amount.unwrap_or_default());
        }
        let items = positions
            .into_iter()
            .filter_map(|(valid_from, (days, amount))| {
                Some(BillItem::Standing {
                    valid_from,
                    charge: tariff.list_on(valid_from)?.standing?,
                    days,
                    amount: amount.rounded(places),
                })
            });
        items.collect()
    }
}
