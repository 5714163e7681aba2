//! What is counted of one meter in one hour, in all three views; which of them still tell all of it, and
//! what another journal counted more. Pure.
//!
//! The windows of a finer view leave before those of a coarser one. What they held is still counted in the
//! coarser one, so that a finer window that is not there does not mean that nothing was counted. Only where
//! the finer windows add up to the coarser one do they tell all.

use super::{View, WallNs};

const HOUR_S: i64 = 3_600;
const FIVES: usize = 12;
const MINUTES_A_FIVE: usize = 5;

/// What was counted of one meter in one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourCounts {
    minutes: [i64; FIVES * MINUTES_A_FIVE],
    fives: [i64; FIVES],
    hour: i64,
}

impl Default for HourCounts {
    fn default() -> HourCounts {
        HourCounts {
            minutes: [0; FIVES * MINUTES_A_FIVE],
            fives: [0; FIVES],
            hour: 0,
        }
    }
}

/// Which views tell all that is counted in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    fives: bool,
    /// One bit for each five minutes: their minutes tell all of them.
    minutes: u16,
}

impl Told {
    /// The finest window around a time of this hour that tells all that was counted in it.
    pub fn window(self, wall_ns: WallNs) -> (View, i64) {
        let hour_s = View::Hour.start_of(wall_ns);
        let five_s = View::FiveMinutes.start_of(wall_ns);
        let view = if !self.fives {
            View::Hour
        } else if self.minutes & (1 << index(five_s - hour_s, View::FiveMinutes)) == 0 {
            View::FiveMinutes
        } else {
            View::Minute
        };
        (view, view.start_of(wall_ns))
    }
}

/// Pulses in one window of the hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The window's view.
    pub view: View,
    /// The window's start, in seconds after that of the hour.
    pub after_s: i64,
    /// How many.
    pub pulses: i64,
}

impl HourCounts {
    /// Adds to the window of a view that begins at `start_s`, in seconds since 1970 or since any full hour.
    pub fn add(&mut self, view: View, start_s: i64, pulses: i64) {
        *self.count(view, start_s.rem_euclid(HOUR_S)) += pulses;
    }

    /// Adds all that was counted of the same hour elsewhere.
    pub fn add_all(&mut self, other: &HourCounts) {
        for view in View::ALL {
            for after_s in starts(view) {
                self.add(view, after_s, other.get(view, after_s));
            }
        }
    }

    /// Adds a pulse, as it is counted in all views.
    pub fn add_pulse(&mut self, wall_ns: WallNs) {
        for view in View::ALL {
            self.add(view, view.start_of(wall_ns), 1);
        }
    }

    fn count(&mut self, view: View, after_s: i64) -> &mut i64 {
        let at = index(after_s, view);
        match view {
            View::Minute => &mut self.minutes[at],
            View::FiveMinutes => &mut self.fives[at],
            View::Hour => &mut self.hour,
        }
    }

    fn get(&self, view: View, after_s: i64) -> i64 {
        let at = index(after_s, view);
        match view {
            View::Minute => self.minutes[at],
            View::FiveMinutes => self.fives[at],
            View::Hour => self.hour,
        }
    }

    /// Which views tell all that is counted.
    pub fn told(&self) -> Told {
        let fives = self.fives.iter().sum::<i64>() == self.hour;
        let minutes = self.minutes.chunks(MINUTES_A_FIVE).zip(&self.fives);
        let minutes = (0..).zip(minutes).filter(|(_, (minutes, five))| {
            let told: i64 = minutes.iter().sum();
            told == **five
        });
        Told {
            fives,
            minutes: minutes.fold(0, |bits, (at, _)| bits | 1 << at),
        }
    }

    /// The windows by which pulses are looked for that are not there any more: around each time the finest
    /// that tells all. Those of 0 pulses are left out.
    pub fn told_windows(&self) -> Vec<Part> {
        let told = self.told();
        let mut windows = Vec::new();
        for view in View::ALL {
            for after_s in starts(view) {
                let pulses = self.get(view, after_s);
                if pulses != 0 && told.window(WallNs::of_s(after_s)).0 == view {
                    windows.push(Part {
                        view,
                        after_s,
                        pulses,
                    });
                }
            }
        }
        windows
    }

    /// How many pulses are in windows that begin `after_s` after the hour's start or later, each counted in
    /// the finest window that tells of it.
    pub fn from(&self, after_s: i64) -> i64 {
        let windows = HourCounts::default().raise(self);
        let later = windows.iter().filter(|window| window.after_s >= after_s);
        later.map(|window| window.pulses).sum()
    }

    /// Raises these counts to another journal's of the same hour, and returns what was missed here. Each
    /// part of the hour is compared in the finest view that tells all that is counted here, so that nothing
    /// is added that a coarser window holds already. What is added to a window is added to the coarser ones
    /// around it, too.
    pub fn raise(&mut self, theirs: &HourCounts) -> Vec<Part> {
        let told = self.told();
        let mut missed = Vec::new();
        for view in View::ALL {
            for after_s in starts(view) {
                let is_told = told.window(WallNs::of_s(after_s)).0 <= view;
                let pulses = theirs.get(view, after_s) - self.get(view, after_s);
                if !is_told || pulses <= 0 {
                    continue;
                }
                for coarser in View::ALL.into_iter().filter(|other| *other >= view) {
                    self.add(coarser, coarser.floor_s(after_s), pulses);
                }
                missed.push(Part {
                    view,
                    after_s,
                    pulses,
                });
            }
        }
        missed
    }
}

/// When a view's windows begin, in seconds after the start of the hour.
fn starts(view: View) -> impl Iterator<Item = i64> {
    (0..HOUR_S / view.width_s()).map(move |n| n * view.width_s())
}

/// Which of a view's windows in an hour is under way so many seconds after its start.
fn index(after_s: i64, view: View) -> usize {
    usize::try_from(after_s / view.width_s()).expect("within an hour")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::NS_PER_S;

    const HOUR_NS: WallNs = WallNs::of_s(1_767_268_800);

    /// Pulses at these seconds of the hour.
    fn counted(seconds: &[i64]) -> HourCounts {
        let mut counts = HourCounts::default();
        for second in seconds {
            counts.add_pulse(HOUR_NS + second * NS_PER_S);
        }
        counts
    }

    /// As a view is pruned: its windows before a time leave.
    fn prune(counts: &mut HourCounts, view: View, before_s: i64) {
        for after_s in starts(view).filter(|after_s| *after_s < before_s) {
            *counts.count(view, after_s) = 0;
        }
    }

    #[test]
    fn what_has_left_the_finer_views_is_not_missed() {
        let whole = counted(&[0, 1, 59, 60, 299, 300, 3_599]);
        let mut here = whole.clone();
        for (view, before_s) in [
            (View::Minute, 120),
            (View::Minute, 3_600),
            (View::FiveMinutes, 600),
            (View::FiveMinutes, 3_600),
        ] {
            prune(&mut here, view, before_s);
            let before = here.clone();
            assert_eq!(here.raise(&whole), [], "{view:?} before {before_s}");
            assert_eq!(here, before);
        }
        // What comes new is added where it can be told.
        let mut theirs = whole.clone();
        theirs.add_pulse(HOUR_NS + 1_800 * NS_PER_S);
        let missed = here.raise(&theirs);
        let after_s = 0;
        let want = Part {
            view: View::Hour,
            after_s,
            pulses: 1,
        };
        assert_eq!(missed, [want]);
        assert_eq!(here.raise(&theirs), []);
    }

    #[test]
    fn what_is_known_by_the_hour_alone_stays_in_the_hour() {
        let mut theirs = counted(&[10, 20, 700]);
        prune(&mut theirs, View::Minute, 300);
        prune(&mut theirs, View::FiveMinutes, 300);
        let mut here = HourCounts::default();
        let parts: Vec<_> = here
            .raise(&theirs)
            .into_iter()
            .map(|part| (part.view, part.after_s, part.pulses))
            .collect();
        assert_eq!(parts, [(View::Minute, 660, 1), (View::Hour, 0, 2)]);
        assert_eq!(here, theirs);
        assert_eq!(here.from(0), 3);
        assert_eq!(
            here.from(60),
            1,
            "those of the hour are not after its start"
        );
    }

    proptest! {
        #[test]
        fn raised_once_and_never_above_what_was_there(
            // Whether it is here, in the other journal, and the second.
            pulses in prop::collection::vec((any::<bool>(), any::<bool>(), 0i64..3_600), 0..60),
            cuts in prop::collection::vec((any::<bool>(), any::<bool>(), 0i64..3_601), 0..4),
        ) {
            let of = |which: fn(&(bool, bool, i64)) -> bool| {
                let seconds = pulses.iter().filter(|pulse| which(pulse)).map(|pulse| pulse.2);
                counted(&seconds.collect::<Vec<_>>())
            };
            let (mut here, mut theirs) = (of(|p| p.0), of(|p| p.1));
            let before = here.hour;
            for (is_here, is_minute, before_s) in cuts {
                let view = if is_minute { View::Minute } else { View::FiveMinutes };
                prune(if is_here { &mut here } else { &mut theirs }, view, before_s);
            }
            let missed: i64 = here.raise(&theirs).iter().map(|part| part.pulses).sum();
            prop_assert_eq!(here.hour, before + missed);
            let union = pulses.iter().filter(|p| p.0 || p.1).count();
            prop_assert!(here.hour <= i64::try_from(union).unwrap(), "counted twice");
            prop_assert!(here.hour >= theirs.hour, "lost");
            prop_assert_eq!(here.raise(&theirs), []);
            // The parts tell of each pulse once.
            let parts: i64 = here.told_windows().iter().map(|part| part.pulses).sum();
            prop_assert_eq!(parts, here.hour);
            prop_assert_eq!(here.from(0), here.hour);
        }
    }
}
