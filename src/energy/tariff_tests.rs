//! Tariffs: prices of quarter hours on hand-made bills.

use jiff::Timestamp;
use jiff::civil::{Date, Weekday, date};
use jiff::tz::TimeZone;

use super::cost::{BillItem, Cost, Quarter};
use super::decimal::Decimal;
use super::periods::{Calendar, Period, PeriodUnit};
use super::tariff::{
    Direction, DynamicPrices, PriceList, PriceWindow, Rated, Tariff, TariffError, UnitPrice,
};

pub(super) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(super) fn fixed(name: &str, price: &str) -> Rated {
    Rated {
        name: name.to_owned(),
        price: UnitPrice::Fixed(decimal(price)),
    }
}

pub(super) fn list(valid_from: Date, base: Rated, windows: Vec<(PriceWindow, Rated)>) -> PriceList {
    PriceList {
        valid_from,
        base,
        windows,
        standing: None,
    }
}

pub(super) fn tariff(lists: Vec<PriceList>) -> Tariff {
    Tariff::new(Direction::Import, lists).unwrap()
}

pub(super) const ALL_WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// 30 cents by day, 20 from 22:00 to 06:00.
pub(super) fn day_and_night() -> Tariff {
    let night = PriceWindow::on(&ALL_WEEK, 22 * 60, 6 * 60);
    let windows = vec![(night, fixed("night", "0.20"))];
    tariff(vec![list(date(2020, 1, 1), fixed("day", "0.30"), windows)])
}

pub(super) fn calendar(zone: &str) -> Calendar {
    Calendar::new(TimeZone::get(zone).unwrap())
}

pub(super) fn quarter(start_s: i64, pulses: i64) -> Quarter {
    Quarter {
        start_s,
        pulses,
        pulses_per_unit: Decimal::whole(1_000),
    }
}

/// The cost of so many pulses in each quarter hour of a period.
pub(super) fn cost_of(period: Period, pulses: i64, tariff: &Tariff, zone: &str) -> Cost {
    let calendar = calendar(zone);
    let mut cost = Cost::default();
    for start_s in calendar.span(period).quarters() {
        let dynamic = DynamicPrices::default();
        cost.add_quarter(&quarter(start_s, pulses), tariff, &dynamic, &calendar);
    }
    cost.add_days(period.first(), period.end(), tariff);
    cost
}

/// Name, units, amount of the energy on the bill, and its total.
pub(super) fn energy(cost: &Cost, tariff: &Tariff) -> (Vec<(String, String, String)>, String) {
    let (items, total) = cost.bill(tariff, 2);
    let items = items.into_iter().filter_map(|item| match item {
        BillItem::Energy {
            name,
            units,
            amount,
            ..
        } => Some((name, units.to_string(), amount.to_places(2))),
        _ => None,
    });
    (items.collect(), total.to_places(2))
}

pub(super) fn texts(all: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    let own = |(a, b, c): &(&str, &str, &str)| (a.to_string(), b.to_string(), c.to_string());
    all.iter().map(own).collect()
}

#[test]
fn a_night_tariff_on_days_of_92_96_and_100_quarters() {
    let tariff = day_and_night();
    for (of, quarters, night, night_amount, total) in [
        (date(2026, 3, 28), 96, "32", "6.40", "25.60"),
        (date(2026, 3, 29), 92, "28", "5.60", "24.80"),
        (date(2026, 10, 25), 100, "36", "7.20", "26.40"),
        (date(2028, 2, 29), 96, "32", "6.40", "25.60"),
    ] {
        let day = Period::containing(PeriodUnit::Day, of);
        let span = calendar("Europe/Berlin").span(day);
        assert_eq!(span.quarters().count(), quarters, "{of}");
        let (items, sum) = energy(&cost_of(day, 1_000, &tariff, "Europe/Berlin"), &tariff);
        let want = [("day", "64", "19.20"), ("night", night, night_amount)];
        assert_eq!((items, sum.as_str()), (texts(&want), total), "{of}");
    }
    // Half an hour more in Lord Howe, off the hour in Nepal.
    for (zone, of, night) in [
        ("Australia/Lord_Howe", date(2026, 4, 5), "34"),
        ("Asia/Kathmandu", date(2026, 6, 21), "32"),
    ] {
        let day = Period::containing(PeriodUnit::Day, of);
        let (items, _) = energy(&cost_of(day, 1_000, &tariff, zone), &tariff);
        assert_eq!(
            (items[0].1.as_str(), items[1].1.as_str()),
            ("64", night),
            "{zone}"
        );
    }
}

#[test]
fn prices_change_at_local_midnight() {
    let tariff = tariff(vec![
        list(date(2026, 7, 1), fixed("new", "0.35"), vec![]),
        list(date(2026, 1, 1), fixed("old", "0.30"), vec![]),
    ]);
    let berlin = calendar("Europe/Berlin");
    let mut cost = Cost::default();
    for (text, pulses) in [
        ("2025-12-31T22:45:00Z", 5),
        ("2025-12-31T23:00:00Z", 100),
        ("2026-06-30T21:45:00Z", 1_000),
        ("2026-06-30T22:00:00Z", 10_000),
    ] {
        let start_s = text.parse::<Timestamp>().unwrap().as_second();
        let of = quarter(start_s, pulses);
        cost.add_quarter(&of, &tariff, &DynamicPrices::default(), &berlin);
    }
    let (items, total) = energy(&cost, &tariff);
    let want = [("old", "1.1", "0.33"), ("new", "10", "3.50")];
    assert_eq!((items, total.as_str()), (texts(&want), "3.83"));
    let (items, _) = cost.bill(&tariff, 2);
    let unpriced = BillItem::Unpriced {
        units: decimal("0.005"),
    };
    assert!(
        items.contains(&unpriced),
        "before the first list: {items:?}"
    );
    assert_eq!(unpriced.amount(), Decimal::ZERO);
}

#[test]
fn weekdays_and_seasons_and_the_first_that_holds() {
    let weekend = PriceWindow::on(&[Weekday::Saturday, Weekday::Sunday], 0, 0);
    let winter_peak = PriceWindow {
        season: Some(((10, 1), (3, 31))),
        ..PriceWindow::on(&ALL_WEEK, 17 * 60, 20 * 60)
    };
    let summer_noon = PriceWindow {
        season: Some(((4, 1), (9, 30))),
        ..PriceWindow::on(&ALL_WEEK, 12 * 60, 15 * 60 + 15)
    };
    let windows = vec![
        (weekend, fixed("weekend", "0.1")),
        (winter_peak, fixed("peak", "0.5")),
        (summer_noon, fixed("noon", "0.2")),
    ];
    let tariff = tariff(vec![list(date(2020, 1, 1), fixed("base", "0.3"), windows)]);
    let units = |of: Date| {
        let day = Period::containing(PeriodUnit::Day, of);
        let (items, _) = energy(&cost_of(day, 1_000, &tariff, "Europe/Berlin"), &tariff);
        let parts = items
            .into_iter()
            .map(|(name, units, _)| format!("{name} {units}"));
        parts.collect::<Vec<_>>().join(", ")
    };
    // A Monday in winter, the Saturday before, the leap day (a Tuesday), new year's eve (a Thursday), a Wednesday in summer,
    // the last day of winter and the first of summer.
    assert_eq!(units(date(2026, 1, 12)), "base 84, peak 12");
    assert_eq!(units(date(2026, 1, 10)), "weekend 96");
    assert_eq!(units(date(2028, 2, 29)), "base 84, peak 12");
    assert_eq!(units(date(2026, 12, 31)), "base 84, peak 12");
    assert_eq!(units(date(2026, 7, 15)), "base 83, noon 13");
    assert_eq!(units(date(2026, 3, 31)), "base 84, peak 12");
    assert_eq!(units(date(2026, 4, 1)), "base 83, noon 13");
}

#[test]
fn revenue_is_less_than_nothing_as_a_cost() {
    let amount = decimal("8.2");
    assert_eq!(Direction::Import.as_cost(amount), amount);
    assert_eq!(Direction::FeedIn.as_cost(amount), -amount);
    let feed_in = Tariff::new(
        Direction::FeedIn,
        vec![list(date(2020, 1, 1), fixed("feed-in", "0.082"), vec![])],
    );
    assert_eq!(feed_in.unwrap().direction(), Direction::FeedIn);
}

#[test]
fn what_is_no_tariff_is_refused() {
    let day = date(2026, 1, 1);
    let make = |lists| Tariff::new(Direction::Import, lists).map(|_| ());
    assert_eq!(make(vec![]), Err(TariffError::Empty));
    let plain = || list(day, fixed("a", "0.3"), vec![]);
    assert_eq!(make(vec![plain(), plain()]), Err(TariffError::Twice(day)));
    let with = |window: PriceWindow| {
        make(vec![list(
            day,
            fixed("a", "0.3"),
            vec![(window, fixed("b", "1"))],
        )])
    };
    assert_eq!(with(PriceWindow::on(&ALL_WEEK, 0, 1_440)), Ok(()));
    for (from, to) in [(7, 60), (0, 1_455), (1_440, 0)] {
        let window = PriceWindow::on(&ALL_WEEK, from, to);
        assert_eq!(
            with(window),
            Err(TariffError::NotAQuarter(day)),
            "{from} to {to}"
        );
    }
    let season = |first, last| {
        with(PriceWindow {
            season: Some((first, last)),
            ..PriceWindow::on(&ALL_WEEK, 0, 0)
        })
    };
    assert_eq!(season((2, 29), (3, 31)), Ok(()));
    assert_eq!(season((2, 30), (3, 31)), Err(TariffError::NoSuchDay(day)));
    for price in ["10000", "-10000", "32150"] {
        let dear = list(day, fixed("a", price), vec![]);
        assert_eq!(make(vec![dear]), Err(TariffError::TooDear(day)), "{price}");
    }
}
