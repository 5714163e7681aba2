//! The local day, as it was last read from the journal.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;

use super::in_use::InUse;
use super::worth_sums::WorthSums;
use crate::answers::costs::Costs;
use crate::answers::factors::Factors;
use crate::answers::money::{Bill, Money};
use crate::energy::factors::FactorHistory;
use crate::energy::periods::Calendar;
use crate::journal::CountedParts;
use crate::model::{PulseWorth, QUARTER_S, WallNs};

/// What was counted of the local day when the journal was read.
#[derive(Debug, Clone)]
pub(super) struct DayRead {
    pub(super) date: Date,
    pub(super) from_s: i64,
    pub(super) to_s: i64,
    /// When counting began; None: nothing is counted yet.
    pub(super) since_s: Option<i64>,
    /// Seconds since then in which a line was not watched.
    pub(super) unwatched_s: i64,
    pub(super) read_ns: WallNs,
    pub(super) meters: BTreeMap<String, MeterRead>,
    pub(super) priced: PricedDay,
}

/// What a meter had counted in a span when the journal was read.
#[derive(Debug, Clone)]
pub(super) struct MeterRead {
    sums: WorthSums,
    factors: FactorHistory,
    /// All pulses of the journal by then.
    pub(super) total: i64,
    /// For how many seconds it was watched, as far as that is saved, and until when it is.
    pub(super) watched_s: i64,
    pub(super) watched_until_s: i64,
}

impl MeterRead {
    /// Of parts that are split where a factor changes; `starts_s`: their begins.
    pub(super) fn of(parts: &CountedParts, starts_s: &[i64], factors: FactorHistory) -> MeterRead {
        let mut sums = WorthSums::default();
        for (start_s, pulses) in starts_s.iter().zip(&parts.pulses) {
            sums.add(*pulses, factors.at(*start_s));
        }
        MeterRead {
            sums,
            factors,
            total: parts.total,
            watched_s: parts.watched_s.iter().sum(),
            watched_until_s: parts.watched_until_s,
        }
    }

    /// Of a meter that the journal did not know.
    pub(super) fn none() -> MeterRead {
        MeterRead {
            sums: WorthSums::default(),
            factors: FactorHistory::default(),
            total: 0,
            watched_s: 0,
            watched_until_s: 0,
        }
    }

    /// How many pulses have come since, when `pulses` are in the journal.
    pub(super) fn since(&self, pulses: i64) -> i64 {
        (pulses - self.total).max(0)
    }

    /// All `pulses` of the journal at `now_s`, where all of its time was read: also those whose time is not known yet.
    pub(super) fn all_now(
        &self,
        pulses: i64,
        now_s: i64,
        present: Option<PulseWorth>,
    ) -> WorthSums {
        let read = MeterRead {
            total: self.sums.pulses(),
            ..self.clone()
        };
        read.sums_now(pulses, now_s, present)
    }

    /// With what was counted since, when `pulses` are in the journal at `now_s`. A quarter of an hour counts by the factor that
    /// held when it began, here as when it is read.
    pub(super) fn sums_now(
        &self,
        pulses: i64,
        now_s: i64,
        present: Option<PulseWorth>,
    ) -> WorthSums {
        let mut sums = self.sums.clone();
        // The journal may have been read a moment before the board that tells `pulses`, or after it.
        let since = (pulses - self.total).max(-sums.pulses());
        if since != 0 {
            let quarter_s = now_s - now_s.rem_euclid(QUARTER_S);
            sums.add(since, self.factors.at(quarter_s).or(present));
        }
        sums
    }
}

/// What the day has cost by then.
#[derive(Debug, Clone)]
pub(super) struct PricedDay {
    /// The settings by which it was priced.
    pub(super) in_use: Arc<InUse>,
    /// What pulses of that day are worth.
    pub(super) factors: Factors,
    /// With the standing charge of the day.
    pub(super) costs: Costs,
}

impl PricedDay {
    /// Whether these settings price it and say when it is: it may have been read while there were others.
    pub(super) fn is_by(&self, in_use: &Arc<InUse>) -> bool {
        let (own, now) = (&self.in_use, in_use);
        Arc::ptr_eq(own, now) || (own.tariffs == now.tariffs && own.site == now.site)
    }

    /// What the day has cost by now: `since` tells the pulses of a meter since it was read, which are priced by the present quarter
    /// hour. None: nothing has a price.
    pub(super) fn money(
        &self,
        calendar: &Calendar,
        now_s: i64,
        since: &dyn Fn(&str) -> i64,
    ) -> Option<Money> {
        let meters = self.in_use.priced_meters();
        let pricer = self.in_use.pricer((&meters, &self.factors), calendar);
        let mut costs = self.costs.clone();
        let quarter_s = now_s - now_s.rem_euclid(QUARTER_S);
        for (meter, _) in &meters {
            pricer.add(&mut costs, meter, (quarter_s, since(meter)));
        }
        Bill::of(&costs, &pricer).map(|bill| bill.money)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SiteSettings;
    use crate::web::source::Source;

    fn day(in_use: Arc<InUse>) -> Arc<DayRead> {
        Arc::new(DayRead {
            date: jiff::civil::date(2026, 6, 20),
            from_s: 0,
            to_s: 86_400,
            since_s: None,
            unwatched_s: 0,
            read_ns: WallNs(0),
            meters: BTreeMap::new(),
            priced: PricedDay {
                in_use,
                factors: Factors::default(),
                costs: Costs::default(),
            },
        })
    }

    #[test]
    fn a_day_that_was_read_before_the_settings_changed_is_not_told_after() {
        let source = Source::default();
        let before = source.in_use();
        source.set_day(day(Arc::clone(&before)));
        assert!(source.day().is_some());
        // Told again, they are the same.
        source.use_settings((*before).clone());
        assert!(source.day().is_some());
        let site = SiteSettings {
            name: Some("lake".to_owned()),
            ..SiteSettings::default()
        };
        source.use_settings(InUse {
            site,
            ..(*before).clone()
        });
        assert!(source.day().is_none());
        // The answer of a slow disk to what was asked before.
        source.set_day(day(before));
        assert!(source.day().is_none());
    }
}
