//! One level's own pace: what of it is to be compared next. Pure.

use std::collections::HashMap;

use super::sweep::{Seen, Sweep};
use crate::journal::compared::Changed;
use crate::pulse::MonoNs;
use crate::rollup::Level;

/// Changed windows that are looked at together.
pub(super) const CHANGED_MAX: usize = 500;

/// Windows in a stretch, over all meters: what a query's answer may cost in memory.
const WINDOWS_MAX: usize = 6_000;

/// Why a stretch is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is due for the first time.
    Ahead,
    /// Windows in it have changed.
    Changed,
    /// To be sure.
    Sweep,
}

/// A stretch of windows to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) kind: Kind,
    pub(super) from_s: i64,
    pub(super) to_s: i64,
    pub(super) changed: Vec<Changed>,
}

/// A level.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) level: Level,
    /// Windows before this have been compared; None: none yet.
    pub(super) until_s: Option<i64>,
    pub(super) failures: u32,
    pub(super) not_before_ns: MonoNs,
    pub(super) trouble: Option<(&'static str, String)>,
    sweep: Option<Sweep>,
    /// What was put right outside of the sweep since it began: where it agrees now, it did not before.
    repaired: Option<(i64, i64)>,
    /// Changes that have been compared and may still stand in the journal: it is told late.
    compared: HashMap<i64, i64>,
}

impl Lane {
    pub(super) fn new(level: Level, until_s: Option<i64>) -> Lane {
        let mut lane = Lane {
            level,
            until_s,
            failures: 0,
            not_before_ns: 0,
            trouble: None,
            sweep: None,
            repaired: None,
            compared: HashMap::new(),
        };
        lane.begin_sweep();
        lane
    }

    pub(super) fn begin_sweep(&mut self) {
        self.sweep = self.until_s.map(Sweep::back_from);
        self.repaired = None;
    }

    /// What to compare next. `oldest_s`: windows before it are not kept; `edge_s`: windows from it on
    /// are not ours yet.
    pub(super) fn next(
        &mut self,
        mut changed: Vec<Changed>,
        oldest_s: i64,
        edge_s: i64,
        meters: usize,
    ) -> Option<Stretch> {
        let width_s = self.level.windows().width_s();
        let windows = i64::try_from((WINDOWS_MAX / meters.max(1)).max(60)).unwrap_or(60);
        let longest_s = windows * width_s;
        changed.retain(|window| self.compared.get(&window.start_s) != Some(&window.roll));
        if let Some(first) = changed.first() {
            let from_s = first.start_s;
            changed.retain(|window| window.start_s < from_s + longest_s);
            let to_s = changed.last().map_or(from_s, |window| window.start_s) + width_s;
            return Some(Stretch {
                kind: Kind::Changed,
                from_s,
                to_s,
                changed,
            });
        }
        let stretch = |kind, from_s, to_s| Stretch {
            kind,
            from_s,
            to_s,
            changed: Vec::new(),
        };
        let from_s = self.until_s.unwrap_or(oldest_s).max(oldest_s);
        if from_s < edge_s {
            return Some(stretch(Kind::Ahead, from_s, edge_s.min(from_s + longest_s)));
        }
        let back = self.sweep.as_ref()?.next(oldest_s, longest_s);
        if back.is_none() {
            self.sweep = None;
        }
        back.map(|(from_s, to_s)| stretch(Kind::Sweep, from_s, to_s))
    }

    /// A stretch has been compared and put right.
    pub(super) fn done(&mut self, stretch: &Stretch, seen: Seen) {
        match stretch.kind {
            Kind::Ahead => self.until_s = Some(stretch.to_s),
            Kind::Changed => {
                if seen == Seen::Differs {
                    let known = self.repaired.unwrap_or((stretch.from_s, stretch.to_s));
                    let (from_s, to_s) = (stretch.from_s.min(known.0), stretch.to_s.max(known.1));
                    self.repaired = Some((from_s, to_s));
                }
                let compared = stretch.changed.iter().map(|w| (w.start_s, w.roll));
                self.compared.extend(compared);
                if self.compared.len() > 4 * CHANGED_MAX {
                    // They are long gone from the journal, or are compared once more.
                    self.compared.clear();
                }
            }
            Kind::Sweep => {
                let overlaps = |(from_s, to_s)| stretch.from_s < to_s && from_s < stretch.to_s;
                let seen = if self.repaired.is_some_and(overlaps) {
                    Seen::Differs
                } else {
                    seen
                };
                let on = self.sweep.as_mut().map(|s| s.go_on(stretch.from_s, seen));
                if on == Some(false) {
                    self.sweep = None;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollup::View;

    const H: i64 = 3_600;
    const HOUR: Level = Level::View(View::Hour);

    fn spans(lane: &mut Lane, edge_s: i64) -> Vec<(Kind, i64, i64)> {
        let mut all = Vec::new();
        while let Some(stretch) = lane.next(Vec::new(), 0, edge_s, 3) {
            lane.done(&stretch, Seen::Agrees);
            all.push((stretch.kind, stretch.from_s / H, stretch.to_s / H));
        }
        all
    }

    #[test]
    fn a_new_lane_begins_with_the_oldest_window_and_goes_ahead() {
        let mut lane = Lane::new(HOUR, None);
        assert_eq!(spans(&mut lane, 10 * H), [(Kind::Ahead, 0, 10)]);
        assert_eq!(spans(&mut lane, 11 * H), [(Kind::Ahead, 10, 11)]);
        assert_eq!(spans(&mut lane, 11 * H), []);
        lane.begin_sweep();
        assert_eq!(spans(&mut lane, 11 * H), [(Kind::Sweep, 0, 11)]);
    }

    #[test]
    fn a_lane_that_goes_on_sweeps_first_over_what_it_had() {
        let mut lane = Lane::new(HOUR, Some(60 * H));
        let want = [
            (Kind::Ahead, 60, 62),
            (Kind::Sweep, 36, 60),
            (Kind::Sweep, 12, 36),
        ];
        assert_eq!(spans(&mut lane, 62 * H), want);
    }

    #[test]
    fn what_was_just_put_right_is_no_agreement() {
        let mut lane = Lane::new(HOUR, Some(100 * H));
        let changed = vec![Changed {
            start_s: 53 * H,
            roll: 1,
        }];
        let stretch = lane.next(changed, 0, 100 * H, 3).unwrap();
        lane.done(&stretch, Seen::Differs);
        let want = [
            (Kind::Sweep, 76, 100),
            (Kind::Sweep, 52, 76),
            (Kind::Sweep, 4, 52),
        ];
        assert_eq!(spans(&mut lane, 100 * H), want);
    }

    #[test]
    fn long_stretches_are_cut() {
        let mut lane = Lane::new(Level::View(View::Minute), None);
        let all = spans(&mut lane, 100 * H);
        assert_eq!(all.len(), 3);
        assert!(all.iter().all(|(_, from, to)| to - from <= 34));
    }

    #[test]
    fn changed_windows_come_first_and_once() {
        let mut lane = Lane::new(HOUR, Some(100 * H));
        let changed = |start: i64, roll| Changed {
            start_s: start * H,
            roll,
        };
        let first = vec![changed(3, 1), changed(9, 2), changed(9_000, 3)];
        let stretch = lane.next(first.clone(), 0, 100 * H, 3).unwrap();
        assert_eq!((stretch.from_s, stretch.to_s), (3 * H, 10 * H));
        assert_eq!(stretch.changed, first[..2]);
        lane.done(&stretch, Seen::Differs);
        let stretch = lane.next(first, 0, 100 * H, 3).unwrap();
        assert_eq!(stretch.changed, [changed(9_000, 3)]);
        lane.done(&stretch, Seen::Differs);
        let again = lane.next(vec![changed(9, 4)], 0, 100 * H, 3).unwrap();
        assert_eq!((again.kind, again.from_s), (Kind::Changed, 9 * H));
    }
}
