//! Amounts of money as they are answered: decimal, in texts, positive where it costs. Each position of a bill is rounded once, and
//! sums are those of rounded positions, so that what is shown adds up.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::costs::{Costs, Pricer};
use crate::energy::cost::{BillItem, Cost};
use crate::energy::decimal::Decimal;
use crate::energy::tariff::{ChargePer, Direction};
use crate::journal::{JournalError, Reader};

/// More digits than a bill has: amounts of parts are no positions of one.
const PARTS_PLACES: u32 = 2;

/// What the energy of a period costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Money {
    /// In what.
    pub currency: String,
    /// What was bought; None: that has no tariff.
    pub import: Option<String>,
    /// What was sold: less than nothing where it earns; None: that has no tariff.
    pub export: Option<String>,
    /// Standing charges; None: there are none.
    pub standing: Option<String>,
    /// All of it.
    pub total: Option<String>,
    /// Whether all energy has a price: else the amounts are those of a part of it.
    pub complete: bool,
    /// Energy that has no price, in kWh.
    pub unpriced_kwh: String,
}

impl Money {
    /// With what has come since: the same of a shorter time `before` and `after`. To a unit of the last digit: each of them is rounded.
    pub fn grown(&self, before: &Money, after: &Money) -> Money {
        let places = self.total.as_ref().map_or(0, |total| {
            total.split_once('.').map_or(0, |(_, part)| part.len())
        });
        let places = u32::try_from(places).unwrap_or(0);
        let read = |amount: &Option<String>| amount.as_ref()?.parse::<Decimal>().ok();
        let sum = |own: &Option<String>, was: &Option<String>, is: &Option<String>| {
            let sum = read(own)? + read(is).unwrap_or_default() - read(was).unwrap_or_default();
            Some(sum.to_places(places))
        };
        Money {
            import: sum(&self.import, &before.import, &after.import),
            export: sum(&self.export, &before.export, &after.export),
            standing: sum(&self.standing, &before.standing, &after.standing),
            total: sum(&self.total, &before.total, &after.total),
            complete: self.complete && after.complete,
            ..self.clone()
        }
    }
}

/// What the energy in each part of a period costs, without standing charges.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MoneyParts {
    /// What was bought.
    pub import: Option<Vec<String>>,
    /// What was sold.
    pub export: Option<Vec<String>>,
}

/// A position of a bill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// `import`, `export`, `standing` or `unpriced`.
    pub kind: String,
    /// The name of the price.
    pub name: Option<String>,
    /// The first day of its price list; None: energy without a price.
    pub valid_from: Option<String>,
    /// Energy; None: a standing charge.
    pub kwh: Option<String>,
    /// Of one kWh (the mean where it is dynamic), or the standing charge.
    pub price: Option<String>,
    /// For what the standing charge is paid: `day`, `month`, `year`.
    pub per: Option<String>,
    /// Days of a standing charge.
    pub days: Option<i64>,
    /// What is paid; less than nothing where it earns.
    pub amount: Option<String>,
}

/// A bill.
#[derive(Debug, Clone, PartialEq)]
pub struct Bill {
    /// Its sums.
    pub money: Money,
    /// What it is made of.
    pub positions: Vec<Position>,
}

impl Bill {
    /// Of these costs. None: nothing has a price.
    pub fn of(costs: &Costs, pricer: &Pricer<'_>) -> Option<Bill> {
        let (currency, places) = (pricer.currency, pricer.currency.places());
        let side = |direction, cost: &Cost| {
            let pricing = pricer.pricing(direction)?;
            let (items, _) = cost.bill(&pricing.tariff, places);
            Some((direction, items))
        };
        let sides = [
            side(Direction::Import, &costs.import),
            side(Direction::FeedIn, &costs.feed_in),
        ];
        if sides.iter().all(Option::is_none) {
            return None;
        }
        let sum = |direction, wanted: fn(&BillItem) -> bool| {
            let side = sides.iter().flatten().find(|(of, _)| *of == direction)?;
            let items = side.1.iter().filter(|item| wanted(item));
            let sum: Decimal = items.map(BillItem::amount).sum();
            Some(direction.as_cost(sum))
        };
        let is_energy = |item: &BillItem| !matches!(item, BillItem::Standing { .. });
        let is_standing = |item: &BillItem| matches!(item, BillItem::Standing { .. });
        let all = || sides.iter().flatten().flat_map(|(_, items)| items);
        let standing = all().any(is_standing);
        let standing = sum(Direction::Import, is_standing).filter(|_| standing);
        let (import, export) = (
            sum(Direction::Import, is_energy),
            sum(Direction::FeedIn, is_energy),
        );
        let total: Decimal = [import, export, standing].into_iter().flatten().sum();
        let unpriced: Decimal = all()
            .map(|item| match item {
                BillItem::Unpriced { units } => *units,
                _ => Decimal::ZERO,
            })
            .sum();
        let text = |amount: Decimal| amount.to_places(places);
        let positions = sides.iter().flatten().flat_map(|(direction, items)| {
            let position = |item| Position::of(*direction, item, places);
            items.iter().map(position)
        });
        Some(Bill {
            money: Money {
                currency: currency.as_str().to_owned(),
                import: import.map(text),
                export: export.map(text),
                standing: standing.map(text),
                total: Some(text(total)),
                complete: unpriced == Decimal::ZERO && costs.worthless == 0,
                unpriced_kwh: unpriced.rounded(6).to_string(),
            },
            positions: positions.collect(),
        })
    }
}

impl Position {
    fn of(direction: Direction, item: &BillItem, places: u32) -> Position {
        let none = Position {
            kind: String::new(),
            name: None,
            valid_from: None,
            kwh: None,
            price: None,
            per: None,
            days: None,
            amount: Some(direction.as_cost(item.amount()).to_places(places)),
        };
        match item {
            BillItem::Energy {
                name,
                valid_from,
                units,
                price,
                ..
            } => Position {
                kind: word(direction).to_owned(),
                name: Some(name.clone()),
                valid_from: Some(valid_from.to_string()),
                kwh: Some(units.rounded(6).to_string()),
                price: Some(price_text(*price, places)),
                ..none
            },
            BillItem::Standing {
                valid_from,
                charge,
                days,
                ..
            } => Position {
                kind: "standing".to_owned(),
                valid_from: Some(valid_from.to_string()),
                price: Some(price_text(charge.amount, places)),
                per: Some(per_word(charge.per).to_owned()),
                days: Some(*days),
                ..none
            },
            BillItem::Unpriced { units } => Position {
                kind: "unpriced".to_owned(),
                name: Some(word(direction).to_owned()),
                kwh: Some(units.rounded(6).to_string()),
                amount: None,
                ..none
            },
        }
    }
}

impl MoneyParts {
    /// Of the costs of each part.
    pub fn of(parts: &[Costs], pricer: &Pricer<'_>) -> MoneyParts {
        let places = pricer.currency.places() + PARTS_PLACES;
        let of = |direction, cost: fn(&Costs) -> &Cost| {
            let pricing = pricer.pricing(direction)?;
            let amounts = parts.iter().map(|costs| {
                let (_, total) = cost(costs).bill(&pricing.tariff, places);
                direction.as_cost(total).to_places(places)
            });
            Some(amounts.collect())
        };
        MoneyParts {
            import: of(Direction::Import, |costs| &costs.import),
            export: of(Direction::FeedIn, |costs| &costs.feed_in),
        }
    }
}

/// A price with all its digits, and no fewer than an amount has.
fn price_text(price: Decimal, places: u32) -> String {
    let text = price.rounded(6).to_string();
    let digits = text.split_once('.').map_or(0, |(_, part)| part.len());
    match u32::try_from(digits).is_ok_and(|digits| digits < places) {
        true => price.to_places(places),
        false => text,
    }
}

fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Import => "import",
        Direction::FeedIn => "export",
    }
}

fn per_word(per: ChargePer) -> &'static str {
    match per {
        ChargePer::Day => "day",
        ChargePer::Month => "month",
        ChargePer::Year => "year",
    }
}

/// A span that has been priced.
#[derive(Debug, Clone, PartialEq)]
pub struct PricedSpan {
    /// Its bill, with the standing charges of its days.
    pub bill: Bill,
    /// The energy of its parts.
    pub parts: MoneyParts,
}

/// What a span costs, by the begins of its parts (in seconds since 1970) and last the end of the last one. `by_day`: they are whole
/// local days. `began_s`: when counting began. None: nothing has a price.
///
/// # Errors
/// When the journal cannot be read.
pub fn priced_span(
    pricer: &Pricer<'_>,
    reader: &mut Reader,
    (starts_s, by_day): (&[i64], bool),
    (now_s, began_s): (i64, Option<i64>),
) -> Result<Option<PricedSpan>, JournalError> {
    let ends = starts_s.first().zip(starts_s.last());
    let Some(ends) = ends.filter(|_| pricer.has_any()) else {
        return Ok(None);
    };
    let parts = pricer.of_parts(reader, (starts_s, by_day), now_s)?;
    let mut whole = Costs::default();
    parts.iter().for_each(|part| whole.merge(part));
    add_standing(&mut whole, pricer, ends, (now_s, began_s));
    let bill = Bill::of(&whole, pricer);
    Ok(bill.map(|bill| PricedSpan {
        bill,
        parts: MoneyParts::of(&parts, pricer),
    }))
}

/// The same before it is rounded.
///
/// # Errors
/// When the journal cannot be read.
pub fn span_costs(
    pricer: &Pricer<'_>,
    reader: &mut Reader,
    (from_s, to_s): (i64, i64),
    (now_s, began_s): (i64, Option<i64>),
) -> Result<Costs, JournalError> {
    let parts = pricer.of_parts(reader, (&[from_s, to_s], true), now_s)?;
    let mut whole = parts.into_iter().next().unwrap_or_default();
    add_standing(&mut whole, pricer, (&from_s, &to_s), (now_s, began_s));
    Ok(whole)
}

/// Adds the standing charges of the days of a span.
fn add_standing(
    costs: &mut Costs,
    pricer: &Pricer<'_>,
    (from_s, to_s): (&i64, &i64),
    (now_s, began_s): (i64, Option<i64>),
) {
    let date = |at_s: i64| pricer.calendar.date_at(at_s);
    let days = (date(*from_s), date(*to_s));
    if let Some(days) = standing_days(days, began_s.map(date), date(now_s)) {
        costs.add_days(days, pricer.tariffs);
    }
}

/// The local days of which standing charges are paid: from `first` to before `end`, but neither before counting began nor after
/// `today`. None: there are none.
fn standing_days(
    (first, end): (Date, Date),
    began: Option<Date>,
    today: Date,
) -> Option<(Date, Date)> {
    let first = first.max(began?);
    let end = end.min(today.tomorrow().unwrap_or(today));
    (first < end).then_some((first, end))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn money(import: &str, total: &str) -> Money {
        Money {
            currency: "EUR".to_owned(),
            import: Some(import.to_owned()),
            export: None,
            standing: None,
            total: Some(total.to_owned()),
            complete: true,
            unpriced_kwh: "0".to_owned(),
        }
    }

    #[test]
    fn what_has_come_since_goes_into_the_longer_period() {
        let month = money("27.10", "35.70");
        let grown = month.grown(&money("0.46", "0.89"), &money("0.50", "0.93"));
        assert_eq!(grown, money("27.14", "35.74"));
    }

    #[test]
    fn standing_charges_are_paid_from_the_day_on_which_counting_began_until_today() {
        let month = (date(2026, 6, 1), date(2026, 7, 1));
        let days = |began, today| standing_days(month, began, today);
        let june = |day| date(2026, 6, day);
        assert_eq!(days(Some(date(2026, 1, 1)), date(2026, 8, 1)), Some(month));
        assert_eq!(days(Some(june(19)), june(20)), Some((june(19), june(21))));
        assert_eq!(days(Some(date(2026, 7, 2)), date(2026, 8, 1)), None);
        assert_eq!(days(None, june(20)), None, "nothing is counted yet");
        assert_eq!(
            days(Some(june(1)), date(2026, 5, 31)),
            None,
            "it is to come"
        );
    }

    #[test]
    fn a_price_has_no_fewer_digits_than_an_amount() {
        for (price, text) in [
            ("12.9", "12.90"),
            ("0.3215", "0.3215"),
            ("1", "1.00"),
            ("0.082", "0.082"),
        ] {
            assert_eq!(price_text(price.parse().unwrap(), 2), text);
        }
    }
}
