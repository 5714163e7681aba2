//! Costs and bills: by hand, and what holds for any.

use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::cost::{BillItem, Cost, Quarter};
use super::decimal::Decimal;
use super::periods::{Period, PeriodUnit};
use super::tariff::{
    ChargePer, Direction, DynamicPrices, PriceList, Rated, StandingCharge, Tariff, UnitPrice,
};
use super::tariff_tests::{
    calendar, cost_of, day_and_night, decimal, energy, fixed, list, quarter, tariff, texts,
};

#[test]
fn a_bill_is_rounded_once_and_adds_up() {
    let tariff = day_and_night();
    let day = Period::containing(PeriodUnit::Day, date(2026, 6, 21));
    // A watt-hour a quarter: 0.064 kWh · 0.30 = 0.0192, 0.032 · 0.20 = 0.0064. By the quarter each would be nothing.
    let (items, total) = energy(&cost_of(day, 1, &tariff, "Europe/Berlin"), &tariff);
    let want = [("day", "0.064", "0.02"), ("night", "0.032", "0.01")];
    assert_eq!((items, total.as_str()), (texts(&want), "0.03"));
    // Half a cent goes up, also by a disc of 375 turns: 3 kWh · 0.335 = 1.005.
    let tariff =
        super::tariff_tests::tariff(vec![list(date(2020, 1, 1), fixed("all", "0.335"), vec![])]);
    let mut cost = Cost::default();
    for pulses in [1, 374, 750] {
        let of = Quarter {
            pulses_per_unit: Decimal::whole(375),
            ..quarter(0, pulses)
        };
        let of = Quarter {
            start_s: 1_767_268_800,
            ..of
        };
        cost.add_quarter(&of, &tariff, &DynamicPrices::default(), &calendar("UTC"));
    }
    assert_eq!(energy(&cost, &tariff).1, "1.01");
    assert_eq!(cost.bill(&tariff, 4).1.to_string(), "1.005");
}

#[test]
fn an_exchanged_meter_stays_one_position() {
    let tariff = tariff(vec![list(date(2020, 1, 1), fixed("all", "0.25"), vec![])]);
    let mut cost = Cost::default();
    for (pulses, factor) in [(1_000, "1000"), (800, "800"), (75, "37.5"), (9, "0")] {
        let of = Quarter {
            start_s: 1_767_268_800,
            pulses,
            pulses_per_unit: decimal(factor),
        };
        cost.add_quarter(&of, &tariff, &DynamicPrices::default(), &calendar("UTC"));
    }
    // 1 + 1 + 2 kWh; what has no factor has no worth.
    assert_eq!(
        energy(&cost, &tariff),
        (texts(&[("all", "4", "1.00")]), "1.00".to_owned())
    );
}

#[test]
fn dynamic_prices_by_the_quarter() {
    let base = Rated {
        name: "spot".to_owned(),
        price: UnitPrice::Dynamic {
            factor: Decimal::whole(1),
            surcharge: decimal("0.15"),
        },
    };
    let tariff = Tariff::new(
        Direction::Import,
        vec![list(date(2020, 1, 1), base, vec![])],
    )
    .unwrap();
    let noon_s = 1_767_268_800;
    let dynamic = DynamicPrices::new([
        (noon_s + 900, decimal("-0.25")),
        (noon_s, decimal("0.99")),
        (noon_s, decimal("0.10")),
    ]);
    assert_eq!(dynamic.at(noon_s + 1), None);
    let mut cost = Cost::default();
    for (after_s, pulses) in [(0, 1_000), (900, 3_000), (1_800, 700)] {
        let of = quarter(noon_s + after_s, pulses);
        cost.add_quarter(&of, &tariff, &dynamic, &calendar("UTC"));
    }
    // 1 kWh · (0.10 + 0.15) + 3 kWh · (-0.25 + 0.15) = 0.25 - 0.30; 0.7 kWh have no price.
    let (items, total) = cost.bill(&tariff, 2);
    assert_eq!(total.to_places(2), "-0.05");
    let spot = BillItem::Energy {
        name: "spot".to_owned(),
        valid_from: date(2020, 1, 1),
        units: Decimal::whole(4),
        price: decimal("-0.0125"),
        amount: decimal("-0.05"),
    };
    let unpriced = BillItem::Unpriced {
        units: decimal("0.7"),
    };
    assert_eq!(items, [unpriced, spot]);
}

#[test]
fn standing_charges_are_paid_by_the_day() {
    let with = |valid_from, amount: &str, per| PriceList {
        standing: Some(StandingCharge {
            amount: decimal(amount),
            per,
        }),
        ..list(valid_from, fixed("all", "0.3"), vec![])
    };
    let paid = |tariff: &Tariff, first: Date, end: Date| {
        let mut cost = Cost::default();
        cost.add_days(first, end, tariff);
        cost.bill(tariff, 2).1.to_places(2)
    };
    let monthly = tariff(vec![with(date(2020, 1, 1), "12.90", ChargePer::Month)]);
    assert_eq!(paid(&monthly, date(2028, 1, 1), date(2029, 1, 1)), "154.80");
    assert_eq!(paid(&monthly, date(2028, 2, 1), date(2028, 3, 1)), "12.90");
    // 10 of 29 days: 4.448; 10 of 28: 4.607.
    assert_eq!(paid(&monthly, date(2028, 2, 1), date(2028, 2, 11)), "4.45");
    assert_eq!(paid(&monthly, date(2027, 2, 1), date(2027, 2, 11)), "4.61");
    let yearly = tariff(vec![with(date(2020, 1, 1), "99", ChargePer::Year)]);
    assert_eq!(paid(&yearly, date(2028, 1, 1), date(2029, 1, 1)), "99.00");
    assert_eq!(paid(&yearly, date(2028, 2, 29), date(2028, 3, 1)), "0.27");
    let daily = tariff(vec![with(date(2020, 1, 1), "0.33", ChargePer::Day)]);
    assert_eq!(paid(&daily, date(2026, 3, 28), date(2026, 3, 31)), "0.99");
    // Another charge from the 16th of June: half of 10, half of 12; nothing before the first list.
    let changed = tariff(vec![
        with(date(2026, 6, 1), "10", ChargePer::Month),
        with(date(2026, 6, 16), "12", ChargePer::Month),
    ]);
    assert_eq!(paid(&changed, date(2026, 5, 1), date(2026, 7, 1)), "11.00");
    let (items, _) = {
        let mut cost = Cost::default();
        cost.add_days(date(2026, 5, 1), date(2026, 7, 1), &changed);
        cost.bill(&changed, 2)
    };
    let days: Vec<_> = items
        .iter()
        .map(|item| match item {
            BillItem::Standing { days, amount, .. } => (*days, amount.to_places(2)),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(days, [(15, "5.00".to_owned()), (15, "6.00".to_owned())]);
}

proptest! {
    /// Before rounding; whatever the parts, whatever their order.
    #[test]
    fn the_cost_of_a_period_is_that_of_its_parts(
        quarters in prop::collection::vec((0i64..200, 0i64..5_000, 0usize..3), 1..60), cut in 0usize..60,
    ) {
        let tariff = day_and_night();
        let berlin = calendar("Europe/Berlin");
        let factors = ["1000", "375", "800"].map(decimal);
        // Around the change of the clock in October.
        let from_s = 1_792_800_000;
        let all: Vec<Quarter> = quarters
            .iter()
            .map(|(n, pulses, factor)| Quarter {
                start_s: from_s + n * 900,
                pulses: *pulses,
                pulses_per_unit: factors[*factor],
            })
            .collect();
        let cost = |quarters: &[Quarter]| {
            let mut cost = Cost::default();
            for quarter in quarters {
                cost.add_quarter(quarter, &tariff, &DynamicPrices::default(), &berlin);
            }
            cost.add_days(date(2026, 10, 1), date(2026, 10, 1), &tariff);
            cost
        };
        let (first, second) = all.split_at(cut.min(all.len()));
        let mut parts = cost(second);
        parts.merge(&cost(first));
        let whole = cost(&all);
        prop_assert_eq!(&parts, &whole);
        // Not further from the sum of exact quarters than half a cent a position.
        let (items, total) = whole.bill(&tariff, 2);
        let exact: f64 = all
            .iter()
            .map(|quarter| {
                let (_, minute) = berlin.wall_clock(quarter.start_s);
                let price = if (360..1_320).contains(&minute) { 0.3 } else { 0.2 };
                price * quarter.pulses as f64 / quarter.pulses_per_unit.to_f64()
            })
            .sum();
        prop_assert!((total.to_f64() - exact).abs() <= 0.005 * items.len() as f64 + 1e-9);
    }

    /// Days of a month, with a price list that changes within it, make up the month.
    #[test]
    fn the_days_of_a_month_are_the_month(month in 1i8..=12, pulses in 0i64..100, change in 1i8..28) {
        let first = date(2028, month, 1);
        let standing = |amount: &str| Some(StandingCharge { amount: decimal(amount), per: ChargePer::Month });
        let tariff = tariff(vec![
            PriceList { standing: standing("9.99"), ..list(date(2020, 1, 1), fixed("old", "0.3"), vec![]) },
            PriceList { standing: standing("7.77"), ..list(date(2028, month, change), fixed("new", "0.31"), vec![]) },
        ]);
        let period = Period::containing(PeriodUnit::Month, first);
        let whole = cost_of(period, pulses, &tariff, "Europe/Berlin");
        let mut parts = Cost::default();
        for day in period.split(PeriodUnit::Day) {
            parts.merge(&cost_of(day, pulses, &tariff, "Europe/Berlin"));
        }
        prop_assert_eq!(parts, whole);
    }
}
