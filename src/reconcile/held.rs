//! Days of a level that the server cannot take, because another program has written the field with another
//! type into the shard that holds them: they are tried again now and then, and what lies behind them goes
//! on. Pure.

use std::collections::BTreeMap;

use crate::civil::{dates, day_of};
use crate::model::MonoNs;
use crate::model::{Spans, WallNs};

const DAY_S: i64 = 86_400;

/// The days, and the windows in them that were refused.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// By day: when it is tried again.
    days: BTreeMap<i64, MonoNs>,
    windows: Spans,
    waiting: Spans,
}

impl Held {
    /// A window was refused; its day is tried again at that time, or earlier if that was said before.
    pub(super) fn hold(&mut self, (from_s, to_s): (i64, i64), now_ns: MonoNs, until_ns: MonoNs) {
        self.windows.add(from_s, to_s);
        let next_ns = self.days.entry(day_of(WallNs::of_s(from_s))).or_default();
        if *next_ns <= now_ns {
            *next_ns = until_ns;
        }
    }

    /// All windows in `from_s..to_s` have been compared: those that are refused once more are to be held again.
    pub(super) fn compared(&mut self, from_s: i64, to_s: i64) {
        self.windows.remove(from_s, to_s);
    }

    /// It is this time now: days that are due are not waited for, and those without windows are forgotten.
    pub(super) fn look(&mut self, now_ns: MonoNs) {
        let windows = &self.windows;
        let refused = |day: &i64| !windows.within(day * DAY_S, (day + 1) * DAY_S).is_empty();
        self.days.retain(|day, _| refused(day));
        let waiting = self.days.iter().filter(|(_, until_ns)| **until_ns > now_ns);
        self.waiting = Spans::new(waiting.map(|(day, _)| (day * DAY_S, (day + 1) * DAY_S)));
    }

    /// The days that are not tried now.
    pub(super) fn waiting(&self) -> &Spans {
        &self.waiting
    }

    /// The windows that were refused.
    pub(super) fn windows(&self) -> &Spans {
        &self.windows
    }

    /// The days with windows that were refused, for people; None: there is none.
    pub(super) fn dates(&self) -> Option<String> {
        let of = |(from_s, to_s): (i64, i64)| {
            day_of(WallNs::of_s(from_s))..=day_of(WallNs::of_s(to_s - 1))
        };
        let mut days: Vec<i64> = self.windows.iter().flat_map(of).collect();
        days.dedup();
        (!days.is_empty()).then(|| dates(days.into_iter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_waits_and_is_free_when_none_of_its_windows_is_refused() {
        let mut held = Held::default();
        let noon_s = 20_001 * DAY_S + DAY_S / 2;
        held.hold((noon_s, noon_s + 60), 0, 100);
        held.hold((noon_s + 600, noon_s + 660), 50, 150);
        held.look(99);
        let day = Spans::new([(20_001 * DAY_S, 20_002 * DAY_S)]);
        assert_eq!(held.waiting(), &day);
        assert_eq!(held.dates().unwrap(), "2024-10-05");
        held.look(100);
        assert!(held.waiting().is_empty());
        // One is refused again, the other has not been tried yet.
        held.compared(noon_s + 600, noon_s + 660);
        held.hold((noon_s + 600, noon_s + 660), 100, 200);
        held.look(100);
        assert_eq!(held.waiting(), &day);
        held.compared(noon_s, noon_s + 3_600);
        held.look(150);
        assert!(held.waiting().is_empty() && held.dates().is_none());
    }
}
