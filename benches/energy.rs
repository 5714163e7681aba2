//! Power per pulse, local days, cost of quarter hours. Budgets: a microsecond for a pulse and the rate after it, on the thread that
//! counts; 2 ms for the days of ten years, a tenth of what a query of the page may take.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a program that measures"
)]

use std::hint::black_box;
use std::time::Instant;

use jiff::civil::date;
use jiff::tz::TimeZone;
use powerlogger::energy::cost::{Cost, Quarter};
use powerlogger::energy::days::LocalDays;
use powerlogger::energy::decimal::Decimal;
use powerlogger::energy::periods::{Calendar, Period, PeriodUnit};
use powerlogger::energy::power::PulseRate;
use powerlogger::energy::tariff::{Direction, DynamicPrices, PriceList, Rated, Tariff, UnitPrice};
use powerlogger::model::{PulseWorth, Quantity};

const PULSES: i64 = 2_000_000;

fn main() {
    for (name, apart_ns) in [
        ("1 pulse/s", 1_000_000_000),
        ("30 pulses/s", 33_000_000),
        ("120 pulses/s", 8_300_000),
    ] {
        power(name, apart_ns);
    }
    for zone in ["Europe/Berlin", "Asia/Kathmandu"] {
        let calendar = Calendar::new(TimeZone::get(zone).unwrap());
        days(zone, &calendar);
        cost(zone, &calendar);
    }
}

/// The boundaries of all days, and the day of each quarter hour.
fn days(zone: &str, calendar: &Calendar) {
    for years in [1, 10] {
        let (first, end) = (date(2026, 1, 1), date(2026 + years, 1, 1));
        let [from_s, to_s] = [first, end].map(|date| calendar.day_start_s(date));
        let begin = Instant::now();
        let days = LocalDays::covering(calendar, from_s, to_s);
        let days_ms = begin.elapsed().as_secs_f64() * 1e3;
        let begin = Instant::now();
        let quarters = (from_s..to_s).step_by(900);
        let found = quarters.filter(|start_s| days.date_of(*start_s).is_some());
        let found = black_box(found.count());
        let quarter_ns = begin.elapsed().as_secs_f64() * 1e9 / found as f64;
        println!(
            "days, {zone:<15} {years:>2} years {days_ms:>6.2} ms for {} days, {quarter_ns:>4.0} ns a quarter hour",
            days.iter().count()
        );
    }
}

/// A year of quarter hours at a fixed price.
fn cost(zone: &str, calendar: &Calendar) {
    let base = Rated {
        name: "all".to_owned(),
        price: UnitPrice::Fixed("0.3215".parse().unwrap()),
    };
    let list = PriceList {
        valid_from: date(2020, 1, 1),
        base,
        windows: vec![],
        standing: None,
    };
    let tariff = Tariff::new(Direction::Import, vec![list]).unwrap();
    let year = calendar.span(Period::containing(PeriodUnit::Year, date(2026, 1, 1)));
    let begin = Instant::now();
    let mut cost = Cost::default();
    for start_s in year.quarters() {
        let quarter = Quarter {
            start_s,
            pulses: 250,
            pulses_per_unit: Decimal::whole(1_000),
        };
        cost.add_quarter(&quarter, &tariff, &DynamicPrices::default(), calendar);
    }
    black_box(cost.bill(&tariff, 2));
    let year_ms = begin.elapsed().as_secs_f64() * 1e3;
    println!("cost, {zone:<15} a year of quarter hours {year_ms:>6.2} ms");
}

fn power(name: &str, apart_ns: i64) {
    let worth = PulseWorth {
        quantity: Quantity::KilowattHours,
        pulses_per_unit: 10_000.0,
    };
    let mut rate = PulseRate::new(worth, 1_000_000, 0);
    let begin = Instant::now();
    for n in 1..=PULSES {
        rate.pulse(n * apart_ns);
    }
    let pulse_ns = each_ns(begin, PULSES);
    let end_ns = PULSES * apart_ns;
    let begin = Instant::now();
    for n in 0..PULSES {
        black_box(rate.at(end_ns + n));
    }
    let at_ns = each_ns(begin, PULSES);
    let begin = Instant::now();
    for n in 0..PULSES {
        black_box(rate.mean(end_ns + n, 60_000_000_000));
    }
    let mean_ns = each_ns(begin, PULSES);
    println!(
        "power, {name:<14} pulse {pulse_ns:>4.0} ns, rate {at_ns:>4.0} ns, mean of a minute {mean_ns:>4.0} ns"
    );
}

fn each_ns(begin: Instant, times: i64) -> f64 {
    begin.elapsed().as_secs_f64() * 1e9 / times as f64
}
