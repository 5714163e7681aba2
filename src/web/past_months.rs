//! What the months that have passed have cost, once for each start and change of settings, from when somebody looks at the page on:
//! where prices change within a day, ten years are a million quarter hours, which one question would wait for.

use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::Date;

use super::problem::Problem;
use super::source::Source;
use crate::answers::costs::Pricer;
use crate::answers::factors::Factors;
use crate::clock::{Clock, SystemClock};
use crate::energy::periods::{Calendar, Period, PeriodUnit};
use crate::model::MonoNs;

/// After a month other work has the processor for so many times as long as it took.
const REST_TIMES: i64 = 4;

/// Begins to price them, unless that was begun for these settings; `since_s`: when counting began.
pub(super) fn begin(source: &Source, since_s: Option<i64>) {
    // Elsewhere a day is read as a whole, and nothing is remembered.
    let is_worth_it = source.in_use().tariffs.change_within_days();
    let Some(since_s) = since_s.filter(|_| is_worth_it) else {
        return;
    };
    let settings = source.in_use().name();
    if source.begins_months(settings) {
        let source = source.clone();
        tokio::spawn(async move {
            if price(&source, settings, since_s).await.is_err() {
                // The disk has other things to do: whoever looks next begins once more.
                source.ended_months(settings);
            }
        });
    }
}

/// Prices them all, the youngest first.
async fn price(source: &Source, settings: u64, since_s: i64) -> Result<(), Problem> {
    let calendar = source.calendar();
    let first = calendar.date_at(since_s).first_of_month();
    let this = calendar.date_at(source.wall_ns().s()).first_of_month();
    let mut next = before(this);
    while let Some(month) =
        next.filter(|month| *month >= first && source.in_use().name() == settings)
    {
        let began_ns = SystemClock.mono_ns();
        of_month(source, &calendar, month).await?;
        rest(SystemClock.mono_ns() - began_ns).await;
        next = before(month);
    }
    Ok(())
}

fn before(month: Date) -> Option<Date> {
    month.checked_sub(1.month()).ok()
}

async fn rest(took_ns: MonoNs) {
    let rest_ns = took_ns.saturating_mul(REST_TIMES);
    tokio::time::sleep(Duration::from_nanos(rest_ns.unsigned_abs())).await;
}

/// Prices a month, so that it is remembered.
async fn of_month(source: &Source, calendar: &Calendar, month: Date) -> Result<(), Problem> {
    let (calendar, known, now_s) = (
        calendar.clone(),
        source.present().worths(),
        source.wall_ns().s(),
    );
    let memory = source.months();
    let read = source.ask(move |reader, in_use| {
        let span = calendar.span(Period::containing(PeriodUnit::Month, month));
        let factors = Factors::read(reader, &in_use.meters, &known, &calendar)?;
        let meters = in_use.priced_meters();
        let pricer = Pricer {
            memory: Some((&memory, in_use.name())),
            ..in_use.pricer((&meters, &factors), &calendar)
        };
        let parts = [span.start_s, span.end_s];
        pricer.of_parts(reader, (&parts, true), now_s).map(|_| ())
    });
    read.await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::VirtualClock;
    use crate::config::{MeterSettings, Pricing, TariffSettings};
    use crate::energy::tariff::{Direction, PriceList, PriceWindow, Rated, Tariff, UnitPrice};
    use crate::journal::Journal;
    use crate::model::WallNs;
    use crate::web::source::InUse;

    /// 2026-07-15T00:00:00Z.
    const NOW: WallNs = WallNs::of_s(1_784_073_600);

    fn day_and_night() -> TariffSettings {
        let rated = |name: &str, price: &str| Rated {
            name: name.to_owned(),
            price: UnitPrice::Fixed(price.parse().unwrap()),
        };
        let by_day = PriceWindow {
            from_minute: 420,
            to_minute: 1_320,
            weekdays: [true; 7],
            season: None,
        };
        let list = PriceList {
            valid_from: jiff::civil::date(2020, 1, 1),
            base: rated("night", "0.2"),
            windows: vec![(by_day, rated("day", "0.3"))],
            standing: None,
        };
        TariffSettings {
            import: Some(Pricing {
                tariff: Tariff::new(Direction::Import, vec![list]).unwrap(),
                prices_file: None,
                dynamic: Arc::default(),
            }),
            feed_in: None,
        }
    }

    #[test]
    fn nothing_is_begun_where_no_price_changes_within_a_day() {
        let source = Source::new(Arc::default(), Arc::new(VirtualClock::at(NOW)));
        let list = PriceList {
            valid_from: jiff::civil::date(2020, 1, 1),
            base: Rated {
                name: "standard".to_owned(),
                price: UnitPrice::Fixed("0.3".parse().unwrap()),
            },
            windows: Vec::new(),
            standing: None,
        };
        let mut tariffs = day_and_night();
        let pricing = tariffs.import.as_mut().unwrap();
        pricing.tariff = Tariff::new(Direction::Import, vec![list]).unwrap();
        assert!(!tariffs.change_within_days() && day_and_night().change_within_days());
        source.use_settings(InUse {
            tariffs,
            ..InUse::default()
        });
        // Outside of a runtime nothing can be spawned.
        begin(&source, Some(0));
        assert!(source.begins_months(source.in_use().name()));
    }

    #[test]
    fn each_month_that_has_passed_is_priced_once_for_the_settings() {
        let dir = tempfile::tempdir().unwrap();
        drop(Journal::open(dir.path(), &["Import".to_owned()], "boot", NOW).unwrap());
        let source = Source::new(Arc::default(), Arc::new(VirtualClock::at(NOW)));
        let in_use = InUse {
            dir: dir.path().to_owned(),
            meters: vec![MeterSettings::plain("Import")],
            tariffs: day_and_night(),
            ..InUse::default()
        };
        source.use_settings(in_use.clone());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let settings = source.in_use().name();
        // 2026-03-31T00:00:00Z: March to June.
        let since_s = 1_774_915_200;
        runtime.block_on(price(&source, settings, since_s)).unwrap();
        assert_eq!(source.months().known(), 4);
        assert!(source.begins_months(settings) && !source.begins_months(settings));
        source.ended_months(settings);
        assert!(source.begins_months(settings));
        let problem = runtime.block_on(async {
            source.use_settings(InUse {
                dir: dir.path().join("gone"),
                ..in_use
            });
            price(&source, source.in_use().name(), since_s).await
        });
        assert!(problem.is_err());
    }
}
