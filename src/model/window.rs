//! Windows and views: what is counted over a minute, five minutes and an hour. Pure.
//!
//! A window is aligned to UTC and named by its start. A *view* is all windows of one width: 1m,
//! 5m or 1h, kept in the journal and in a bucket of the server.

use std::collections::BTreeMap;

use super::gaps::{PulseGaps, WindowCount};
use super::ids::{IdRange, MeterRow, PulseId};
use super::time::{S_PER_DAY, WallNs};

/// Seconds in a quarter of an hour. The journal keeps quarters for ever beside the views: every local day begins with one,
/// and no server has them.
pub const QUARTER_S: i64 = 900;

/// The begin of the quarter of an hour that a time lies in, both in seconds since 1970. Local days begin with one in every zone.
pub const fn quarter_of(at_s: i64) -> i64 {
    at_s - at_s.rem_euclid(QUARTER_S)
}

/// One of the three widths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// 1m.
    Minute,
    /// 5m.
    FiveMinutes,
    /// 1h.
    Hour,
}

/// A window stays the tasks' for so long after they last reach it: a run may be late.
pub const SETTLE_S: i64 = 15 * 60;

/// How long after a tick the tasks run, in seconds: pulses of the last moment have arrived.
pub const TASK_OFFSET_S: i64 = 15;

impl View {
    /// From the finest to the coarsest.
    pub const ALL: [View; 3] = [View::Minute, View::FiveMinutes, View::Hour];

    /// The width of its windows in seconds.
    pub fn width_s(self) -> i64 {
        match self {
            View::Minute => 60,
            View::FiveMinutes => 300,
            View::Hour => 3_600,
        }
    }

    /// Its name, which is also the width as Flux writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            View::Minute => "1m",
            View::FiveMinutes => "5m",
            View::Hour => "1h",
        }
    }

    /// The view with this name.
    pub fn from_word(word: &str) -> Option<View> {
        View::ALL.into_iter().find(|view| view.as_str() == word)
    }

    /// How far back a task recomputes its windows from raw at each tick, in seconds.
    pub fn reach_s(self) -> i64 {
        match self {
            View::Minute | View::FiveMinutes => 3_600,
            View::Hour => 3 * 3_600,
        }
    }

    /// How long windows are kept, here and on the server, in days; None: for ever.
    pub fn retention_d(self) -> Option<u32> {
        match self {
            View::Minute => Some(90),
            View::FiveMinutes => Some(365),
            View::Hour => None,
        }
    }

    /// The start of the window that holds `wall_ns`, in seconds since 1970.
    pub fn start_of(self, wall_ns: WallNs) -> i64 {
        self.floor_s(wall_ns.s())
    }

    /// The start of the window that holds the second `wall_s`.
    pub fn floor_s(self, wall_s: i64) -> i64 {
        wall_s - wall_s.rem_euclid(self.width_s())
    }

    /// Windows that start before this belong to the daemon: no task reaches them any more.
    pub fn settled_before_s(self, now_s: i64) -> i64 {
        self.floor_s(now_s - self.reach_s() - SETTLE_S)
    }

    /// The oldest window that is kept now, here and on the server; None: all.
    pub fn kept_from_s(self, now_s: i64) -> Option<i64> {
        let kept_s = i64::from(self.retention_d()?) * S_PER_DAY;
        Some(self.floor_s(now_s - kept_s) + self.width_s())
    }

    /// Whether all windows from the second `from_s` on are kept.
    pub fn is_kept_since(self, from_s: i64, now_s: i64) -> bool {
        let kept_s = self.kept_from_s(now_s);
        kept_s.is_none_or(|kept_s| from_s >= kept_s)
    }
}

/// A bucket of the server as the reconciler sees it: the raw pulses or a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// The pulses themselves.
    Raw,
    /// Their windows.
    View(View),
}

impl Tier {
    /// From the finest to the coarsest.
    pub const ALL: [Tier; 4] = [
        Tier::Raw,
        Tier::View(View::Minute),
        Tier::View(View::FiveMinutes),
        Tier::View(View::Hour),
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Tier::Raw => "raw",
            Tier::View(view) => view.as_str(),
        }
    }

    /// The number kept in the journal: the width of its windows in seconds, 0 for raw.
    pub fn as_code(self) -> i64 {
        match self {
            Tier::Raw => 0,
            Tier::View(view) => view.width_s(),
        }
    }

    /// The windows in which it is compared: raw minute by minute.
    pub fn windows(self) -> View {
        match self {
            Tier::Raw => View::Minute,
            Tier::View(view) => view,
        }
    }
}

/// A window of one meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowKey {
    /// Its width.
    pub view: View,
    /// Its start, in seconds since 1970.
    pub start_s: i64,
    /// The row of the meter.
    pub meter: MeterRow,
}

/// What each window of each view and each quarter of an hour holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WindowCounts {
    counts: BTreeMap<WindowKey, WindowCount>,
    quarters: BTreeMap<(i64, MeterRow), WindowCount>,
    hours: BTreeMap<i64, IdRange>,
}

impl WindowCounts {
    /// Counts a pulse. `gap_ns`: the time since the pulse before it, where that is known.
    pub fn add(&mut self, id: PulseId, meter: MeterRow, wall_ns: WallNs, gap_ns: Option<i64>) {
        let gaps = gap_ns.map(PulseGaps::of);
        self.count(meter, wall_ns, WindowCount { pulses: 1, gaps });
        let hour = self.hours.entry(View::Hour.start_of(wall_ns));
        let ids = hour.or_insert(IdRange::one(id));
        *ids = IdRange::new(ids.first.min(id), ids.last.max(id));
    }

    /// Counts pulses that have no id any more.
    pub fn add_pulses(&mut self, meter: MeterRow, wall_ns: WallNs, pulses: i64) {
        self.count(meter, wall_ns, WindowCount { pulses, gaps: None });
    }

    fn count(&mut self, meter: MeterRow, wall_ns: WallNs, count: WindowCount) {
        for view in View::ALL {
            let start_s = view.start_of(wall_ns);
            let window = WindowKey {
                view,
                start_s,
                meter,
            };
            self.counts.entry(window).or_default().add(count);
        }
        let wall_s = wall_ns.s();
        let quarter = (quarter_of(wall_s), meter);
        self.quarters.entry(quarter).or_default().add(count);
    }

    /// Windows, and what they hold.
    pub fn windows(&self) -> impl Iterator<Item = (WindowKey, WindowCount)> + '_ {
        self.counts.iter().map(|(window, count)| (*window, *count))
    }

    /// Quarters of an hour (start, in seconds since 1970, and the meter's row), and what they hold.
    pub fn quarters(&self) -> impl Iterator<Item = ((i64, MeterRow), WindowCount)> + '_ {
        self.quarters.iter().map(|(at, count)| (*at, *count))
    }

    /// The starts of hours in seconds since 1970, and from the least to the greatest id among their pulses.
    pub fn hours(&self) -> impl Iterator<Item = (i64, IdRange)> + '_ {
        self.hours.iter().map(|(hour_s, ids)| (*hour_s, *ids))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_its_start_and_not_its_end() {
        let noon_s = 1_767_268_800;
        for view in View::ALL {
            assert_eq!(view.start_of(WallNs::of_s(noon_s)), noon_s);
            assert_eq!(
                view.start_of(WallNs::of_s(noon_s) - 1),
                noon_s - view.width_s()
            );
            let end_s = noon_s + view.width_s();
            assert_eq!(view.start_of(WallNs::of_s(end_s) - 1), noon_s);
            assert_eq!(View::from_word(view.as_str()), Some(view));
        }
        assert_eq!(View::Minute.start_of(WallNs(-1)), -60, "also before 1970");
    }

    #[test]
    fn a_window_settles_when_no_task_reaches_it() {
        let tick_s = 1_767_268_800;
        for view in View::ALL {
            let oldest_of_the_task = tick_s - view.reach_s();
            assert!(view.settled_before_s(tick_s + SETTLE_S - 1) <= oldest_of_the_task);
            assert!(view.settled_before_s(tick_s + SETTLE_S + view.width_s()) > oldest_of_the_task);
        }
    }

    #[test]
    fn a_pulse_counts_once_in_each_view() {
        let mut tally = WindowCounts::default();
        let hour_s = 1_767_268_800;
        for (id, s) in [(4, 0), (5, 59), (6, 60), (7, 3_599), (3, 300)] {
            tally.add(PulseId(id), MeterRow(1), WallNs::of_s(hour_s + s), None);
        }
        let of = |view| {
            tally
                .windows()
                .filter(move |(window, _)| window.view == view)
        };
        for view in View::ALL {
            assert_eq!(of(view).map(|(_, count)| count.pulses).sum::<i64>(), 5);
        }
        let quarters: Vec<_> = tally
            .quarters()
            .map(|((s, meter), count)| (s - hour_s, meter.0, count.pulses))
            .collect();
        assert_eq!(quarters, [(0, 1, 4), (2_700, 1, 1)]);
        let minutes: Vec<_> = of(View::Minute)
            .map(|(window, n)| (window.start_s - hour_s, n.pulses))
            .collect();
        assert_eq!(minutes, [(0, 2), (60, 1), (300, 1), (3_540, 1)]);
        let ids = IdRange::new(PulseId(3), PulseId(7));
        assert_eq!(tally.hours().collect::<Vec<_>>(), [(hour_s, ids)]);
    }

    #[test]
    fn levels_have_numbers_of_their_own() {
        let numbers = Tier::ALL.map(Tier::as_code);
        let own: std::collections::BTreeSet<i64> = numbers.into_iter().collect();
        assert_eq!(own.len(), Tier::ALL.len());
    }
}
