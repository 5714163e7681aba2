//! What pulses cost is a recount of them: by whole days or by quarter hours, in parts or at once, whatever the zone, whatever is not
//! in a window yet, whatever a pulse was worth then.

use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use crate::answers::costs::{Costs, Pricer};
use crate::answers::factors::Factors;
use crate::answers::money::{Bill, priced_span, span_costs};
use crate::answers::month_memory::MonthMemory;
use crate::clock::segment::Trust;
use crate::config::{Currency, DatedFactor, MeterSettings, Since, TariffSettings};
use crate::energy::cost::{Cost, Quarter};
use crate::energy::decimal::Decimal;
use crate::energy::periods::Calendar;
use crate::energy::tariff::{
    ChargePer, Direction, DynamicPrices, PriceList, PriceWindow, Rated, StandingCharge, Tariff,
    UnitPrice,
};
use crate::journal::tests::{Bench, pending, segment};
use crate::model::{
    MeterId, NS_PER_S, Pulse, PulseWorth, QUARTER_S, S_PER_DAY, STAMP_STEP_NS, SegmentNo, WallNs,
};

/// Zones with days of 23, 25, 23.5 hours, off the hour, that begin at 01:00, and a second of that day.
const ODD: [(&str, i64); 6] = [
    ("Europe/Berlin", 1_774_747_000),
    ("Europe/Berlin", 1_792_886_400),
    ("Asia/Kathmandu", 1_780_000_000),
    ("Australia/Lord_Howe", 1_775_318_400),
    ("Africa/Cairo", 1_776_981_600),
    ("America/St_Johns", 1_793_500_000),
];

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn fixed(name: &str, price: &str) -> Rated {
    Rated {
        name: name.to_owned(),
        price: UnitPrice::Fixed(decimal(price)),
    }
}

/// Flat until the change, then by time of day (or by dynamic prices), with a standing charge.
fn tariff(change: jiff::civil::Date, is_dynamic: bool) -> Tariff {
    let night = PriceWindow {
        from_minute: 22 * 60,
        to_minute: 6 * 60,
        weekdays: [true, true, true, true, true, false, false],
        season: None,
    };
    let flat = PriceList {
        valid_from: date(2020, 1, 1),
        base: fixed("flat", "0.3333"),
        windows: Vec::new(),
        standing: None,
    };
    let base = match is_dynamic {
        false => fixed("day", "0.3215"),
        true => Rated {
            name: "spot".to_owned(),
            price: UnitPrice::Dynamic {
                factor: decimal("0.00119"),
                surcharge: decimal("0.1845"),
            },
        },
    };
    let timed = PriceList {
        valid_from: change,
        base,
        windows: vec![(night, fixed("night", "0.2745"))],
        standing: Some(StandingCharge {
            amount: decimal("12.90"),
            per: ChargePer::Month,
        }),
    };
    Tariff::new(Direction::Import, vec![flat, timed]).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_cost_of_a_journal_is_that_of_its_pulses(
        odd in 0..ODD.len(),
        mut seconds in prop::collection::vec(1..5 * S_PER_DAY, 1..200),
        (change_day, is_dynamic, gaps) in (0i64..6, any::<bool>(), prop::collection::vec(any::<bool>(), 7)),
        (factor_s, uncounted) in (0i64..5 * 96, 0usize..40),
    ) {
        let zone = TimeZone::get(ODD[odd].0).unwrap();
        let calendar = Calendar::new(zone.clone());
        let mut bench = Bench::new(|_| {});
        bench.writer.count_days_in(&zone).unwrap();
        let begin_s = ODD[odd].1 - 2 * S_PER_DAY;
        seconds.sort_unstable();
        seconds.dedup();
        let at = |second: &i64| Pulse {
            meter: MeterId(0),
            segment: SegmentNo(0),
            mono_ns: second * NS_PER_S / STAMP_STEP_NS * STAMP_STEP_NS,
            estimated: false,
        };
        // The last ones are in no window yet.
        let (counted, late) = seconds.split_at(seconds.len().saturating_sub(uncounted));
        let settled = segment(0, WallNs::of_s(begin_s), Trust::Assumed);
        bench.push(pending(vec![settled], counted.iter().map(at).collect()));
        bench.close();
        bench.push(pending(vec![], late.iter().map(at).collect()));
        bench.writer.step();
        let stamps: Vec<i64> = bench.stamps().iter().map(|(_, wall_ns)| wall_ns.s()).collect();
        prop_assert_eq!(stamps.len(), seconds.len());

        let change = calendar.date_at(begin_s + change_day * S_PER_DAY);
        let change_s = begin_s - begin_s.rem_euclid(QUARTER_S) + factor_s * QUARTER_S;
        let factor = DatedFactor {
            since: Since::Instant(jiff::Timestamp::from_second(change_s).unwrap()),
            pulses_per_unit: 800.0,
        };
        let earlier = DatedFactor { since: Since::Date(date(1970, 1, 1)), pulses_per_unit: 375.0 };
        let meters = [MeterSettings { pulses_per_unit: Some(800.0), factors_since: vec![earlier, factor], ..MeterSettings::plain("Import") }];
        let reader = bench.reader();
        let present = [("Import".to_owned(), Some(PulseWorth::of_kwh(800.0)))];
        let factors = Factors::read(&reader, &meters, &present, &calendar).unwrap();
        drop(reader);
        let first_s = calendar.day_start_s(calendar.date_at(begin_s));
        let prices = (0..7 * 100i64).filter(|n| gaps[usize::try_from(n % 7).unwrap()]);
        let prices = prices.map(|n| (first_s - first_s.rem_euclid(QUARTER_S) + n * QUARTER_S, Decimal::whole(50 + n % 90)));
        let dynamic = DynamicPrices::new(prices);
        let tariff = tariff(change, is_dynamic);
        let tariffs = TariffSettings {
            import: Some(crate::config::Pricing {
                tariff: tariff.clone(),
                prices_file: None,
                dynamic: std::sync::Arc::new(dynamic.clone()),
            }),
            feed_in: None,
        };
        let (currency, priced) = (Currency::default(), vec![("Import".to_owned(), Direction::Import)]);
        let pricer = Pricer { tariffs: &tariffs, currency: &currency, meters: &priced, factors: &factors, calendar: &calendar, memory: None };

        // A recount, pulse by pulse.
        let mut recount = Cost::default();
        for at_s in &stamps {
            let quarter = Quarter {
                start_s: at_s - at_s.rem_euclid(QUARTER_S),
                pulses: 1,
                pulses_per_unit: Decimal::whole(if *at_s < change_s { 375 } else { 800 }),
            };
            recount.add_quarter(&quarter, &tariff, &dynamic, &calendar);
        }
        let (first, last) = (calendar.date_at(begin_s), calendar.date_at(begin_s + 6 * S_PER_DAY));
        let (from_s, to_s) = (calendar.day_start_s(first), calendar.day_start_s(last));
        let now_s = to_s + S_PER_DAY;
        let mut reader = bench.reader();
        let whole = pricer.of_parts(&mut reader, (&[from_s, to_s], true), now_s).unwrap();
        prop_assert_eq!(&whole[0].import, &recount);
        // The same in hours, and in days.
        let hours: Vec<i64> = (from_s..to_s).step_by(3_600).chain([to_s]).collect();
        for (parts, by_day) in [(hours, false), (vec![from_s, calendar.day_start_s(change.max(first).min(last)), to_s], true)] {
            // Also where the clock was set back meanwhile: what has been counted has its price all the same.
            for now_s in [now_s, from_s + 3_600] {
                let each = pricer.of_parts(&mut reader, (&parts, by_day), now_s).unwrap();
                let mut sum = Costs::default();
                each.iter().for_each(|part| sum.merge(part));
                prop_assert_eq!(&sum.import, &recount);
            }
        }
        // What is remembered of a month is used while it is the same, and computed again when more has come.
        let memory = MonthMemory::default();
        let remembering = Pricer { memory: Some((&memory, 7)), ..pricer.clone() };
        for _ in 0..2 {
            let each = remembering.of_parts(&mut reader, (&[from_s, to_s], true), now_s).unwrap();
            prop_assert_eq!(&each[0].import, &recount);
        }
        bench.close();
        let each = remembering.of_parts(&mut bench.reader(), (&[from_s, to_s], true), now_s).unwrap();
        prop_assert_eq!(&each[0].import, &recount, "what was in no window is in one now");
        // With the standing charge of the days from which it is paid on.
        recount.add_days(first, last, &tariff);
        let began_s = Some(from_s);
        let costs = span_costs(&pricer, &mut reader, (from_s, to_s), (now_s, began_s)).unwrap();
        prop_assert_eq!(&costs.import, &recount);
        let priced = priced_span(&pricer, &mut reader, (&[from_s, to_s], true), (now_s, began_s)).unwrap().unwrap();
        let bill = Bill::of(&costs, &pricer).unwrap();
        prop_assert_eq!(&priced.bill, &bill);
        let (_, total) = recount.bill(&tariff, 2);
        prop_assert_eq!(priced.bill.money.total, Some(total.to_places(2)));
    }
}
