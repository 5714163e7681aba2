//! The journal's windows against the server's: which agree, which are to be written, which are
//! another program's affair. Pure.
//!
//! | the server's window | raw, if it was read for this very window | then |
//! |---|---|---|
//! | the larger of journal and raw | not more than the journal, or not read | nothing |
//! | lower than that | | that number is written: so many pulses there were at least |
//! | higher than the journal | more than the journal | reported: another program writes there, or the journal lacks something |
//! | higher | not more | the journal's number is written if it knows the whole window, else reported |
//! | higher | not read, expired, or without any of the pulses that the journal has | reported |
//! | higher | has lost points there (`reconcile::lost`): what it holds is what the journal has sent again | reported |
//!
//! So nothing is lowered that raw does not vouch for. Recomputing from raw (`--from raw`) has a rule of
//! its own ([`super::from_raw`]).

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Spans, View, WallNs};

/// Pulses by meter's name and start of the window.
pub type Counts = BTreeMap<(String, i64), i64>;

/// What a view holds on the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ViewRead {
    /// The sums of the windows.
    pub counts: Counts,
    /// Points that do not stand at the start of a window, by meter and window: a run of a task at an
    /// odd time left them.
    pub strays: BTreeMap<(String, i64), Vec<WallNs>>,
}

impl ViewRead {
    /// Adds a point of a view.
    pub fn add(&mut self, view: View, meter: &str, time_ns: WallNs, pulses: i64) {
        let start_s = view.start_of(time_ns);
        let window = (meter.to_owned(), start_s);
        if time_ns != WallNs::of_s(start_s) && pulses != 0 {
            self.strays.entry(window.clone()).or_default().push(time_ns);
        }
        *self.counts.entry(window).or_default() += pulses;
    }
}

/// When each meter was watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage(Vec<(String, i64, i64)>);

impl Coverage {
    /// From stretches of seconds, ends not included.
    pub fn new(stretches: impl IntoIterator<Item = (String, i64, i64)>) -> Coverage {
        Coverage(stretches.into_iter().collect())
    }

    /// Whether the journal knows all of the window.
    pub fn covers(&self, view: View, meter: &str, start_s: i64) -> bool {
        let end_s = start_s + view.width_s();
        let within = |begins_s, ends_s| begins_s <= start_s && end_s <= ends_s;
        self.0
            .iter()
            .any(|(of, begins_s, ends_s)| of == meter && within(*begins_s, *ends_s))
    }
}

/// What raw holds, in the windows of a view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawRead {
    /// Windows that start before this were not read, in seconds since 1970.
    pub from_s: i64,
    /// The others.
    pub counts: Counts,
    /// Where raw has lost points: what it holds there since then vouches for nothing.
    pub lost: Spans,
}

impl RawRead {
    /// Points in a window; None: it was not read.
    pub fn of(&self, window: &(String, i64)) -> Option<i64> {
        let read = window.1 >= self.from_s;
        read.then(|| self.counts.get(window).copied().unwrap_or(0))
    }

    /// Whether it has lost points in this window of `view`.
    fn has_lost(&self, view: View, start_s: i64) -> bool {
        let lost = self.lost.within(start_s, start_s + view.width_s());
        !lost.is_empty()
    }
}

/// What is to be done about a window that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowVerdict {
    /// This number belongs there.
    Write(i64),
    /// The pulses in it are to be sent again.
    Resend,
    /// The server has more, and the journal cannot say that this is wrong.
    Foreign,
    /// Recomputed from raw it would be this number, and pulses that are nowhere else would vanish: only
    /// with a yes.
    Vanishes(i64),
}

/// A window that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The meter's name.
    pub meter: String,
    /// The start of the window.
    pub start_s: i64,
    /// Pulses in the journal.
    pub journal: i64,
    /// Points in raw; None: not asked for, or expired.
    pub raw: Option<i64>,
    /// Pulses in the server's bucket of this level.
    pub found: i64,
    /// What is to be done.
    pub verdict: WindowVerdict,
    /// Points of this window at odd times, which are to become 0.
    pub strays: Vec<WallNs>,
    /// Why it could not be put right.
    pub failed: Option<Failed>,
}

/// Why a window could not be put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// The server has dropped what was written: its bucket does not keep this time.
    Dropped,
    /// The pulses have left the journal.
    Gone,
    /// Another program has written the field with another type into the shard that holds it.
    Held,
}

impl Difference {
    /// Whether the two are equal once the repair is over.
    pub fn is_put_right(&self) -> bool {
        matches!(
            self.verdict,
            WindowVerdict::Write(_) | WindowVerdict::Resend
        ) && self.failed.is_none()
    }
}

/// All that is known about the windows of a view over some time.
#[derive(Debug)]
pub struct Sides<'a> {
    /// The view.
    pub view: View,
    /// What the journal counts; meters without an entry count 0.
    pub journal: &'a Counts,
    /// Where it knows everything.
    pub coverage: &'a Coverage,
    /// What raw holds, where that was asked for.
    pub raw: Option<&'a RawRead>,
    /// What the view holds.
    pub found: &'a ViewRead,
}

impl Sides<'_> {
    /// The windows of these meters that differ.
    pub fn differences(&self, meters: &BTreeSet<&str>) -> Vec<Difference> {
        self.windows()
            .into_iter()
            .filter(|(meter, _)| meters.contains(meter.as_str()))
            .filter_map(|window| Some(self.difference(window, self.verdict(window)?)))
            .collect()
    }

    /// The windows in which any side has something, by meter and time.
    pub(super) fn windows(&self) -> BTreeSet<&(String, i64)> {
        let raw = self.raw.map(|raw| raw.counts.keys());
        let keys = self.journal.keys().chain(self.found.counts.keys());
        keys.chain(raw.into_iter().flatten()).collect()
    }

    /// Pulses in the journal, in raw (None: not read), on the server.
    pub(super) fn of(&self, window: &(String, i64)) -> (i64, Option<i64>, i64) {
        let of = |counts: &Counts| counts.get(window).copied().unwrap_or(0);
        let raw = self.raw.and_then(|raw| raw.of(window));
        (of(self.journal), raw, of(&self.found.counts))
    }

    /// The table above.
    pub(super) fn verdict(&self, window: &(String, i64)) -> Option<WindowVerdict> {
        let (journal, raw, found) = self.of(window);
        let least = raw.unwrap_or(journal).max(journal);
        if found < least {
            return Some(WindowVerdict::Write(least));
        }
        if found == journal {
            return None;
        }
        // Raw that has none of the journal's pulses has lost this time: it does not say what was in it.
        let lost = |raw: &RawRead| raw.has_lost(self.view, window.1);
        let vouched = raw.is_some_and(|raw| raw <= journal && (raw > 0 || journal == 0))
            && !self.raw.is_some_and(lost);
        let covered = || self.coverage.covers(self.view, &window.0, window.1);
        Some(if vouched && covered() {
            WindowVerdict::Write(journal)
        } else {
            WindowVerdict::Foreign
        })
    }

    pub(super) fn difference(&self, window: &(String, i64), verdict: WindowVerdict) -> Difference {
        let (journal, raw, found) = self.of(window);
        let strays = self.found.strays.get(window).cloned();
        Difference {
            meter: window.0.clone(),
            start_s: window.1,
            journal,
            raw,
            found,
            verdict,
            strays: strays.unwrap_or_default(),
            failed: None,
        }
    }
}

/// The windows in which raw differs from what the journal has sent. `refused`: points that the
/// server has refused for good.
pub fn raw_differences(
    journal: &Counts,
    refused: &Counts,
    raw: &Counts,
    meters: &BTreeSet<&str>,
) -> Vec<Difference> {
    let windows: BTreeSet<&(String, i64)> = journal
        .keys()
        .chain(raw.keys())
        .filter(|(meter, _)| meters.contains(meter.as_str()))
        .collect();
    let of = |counts: &Counts, window| counts.get(window).copied().unwrap_or(0);
    windows
        .into_iter()
        .filter_map(|window| {
            let (counted, found) = (of(journal, window), of(raw, window));
            let sent = counted - of(refused, window);
            // A refused point may have been taken at a later try.
            let verdict = if found < sent {
                WindowVerdict::Resend
            } else if found > counted {
                WindowVerdict::Foreign
            } else {
                return None;
            };
            Some(Difference {
                meter: window.0.clone(),
                start_s: window.1,
                journal: counted,
                raw: Some(found),
                found,
                verdict,
                strays: Vec::new(),
                failed: None,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START_S: i64 = 1_767_268_800;

    fn counts(pulses: i64) -> Counts {
        let window = ("Import".to_owned(), START_S);
        (pulses != 0)
            .then_some((window, pulses))
            .into_iter()
            .collect()
    }

    fn verdict(journal: i64, covered: bool, raw: Option<i64>, found: i64) -> Option<WindowVerdict> {
        let coverage = Coverage::new([(
            "Import".to_owned(),
            START_S,
            START_S + if covered { 60 } else { 59 },
        )]);
        let found = ViewRead {
            counts: counts(found),
            ..ViewRead::default()
        };
        let raw = raw.map(|pulses| RawRead {
            from_s: START_S,
            counts: counts(pulses),
            lost: Spans::default(),
        });
        let sides = Sides {
            view: View::Minute,
            journal: &counts(journal),
            coverage: &coverage,
            raw: raw.as_ref(),
            found: &found,
        };
        let differences = sides.differences(&BTreeSet::from(["Import"]));
        differences.first().map(|difference| difference.verdict)
    }

    #[test]
    fn the_table() {
        use WindowVerdict::{Foreign, Write};
        for (journal, covered, raw, found, want) in [
            (5, true, None, 5, None),
            (5, true, Some(2), 5, None),
            (5, false, Some(5), 5, None),
            (5, false, None, 3, Some(Write(5))),
            (5, false, Some(4), 3, Some(Write(5))),
            // Raised to whichever is more.
            (5, false, Some(9), 3, Some(Write(9))),
            (5, true, Some(9), 5, Some(Write(9))),
            (5, true, Some(9), 7, Some(Write(9))),
            (0, false, Some(9), 0, Some(Write(9))),
            (5, true, Some(9), 9, Some(Foreign)),
            (5, true, Some(9), 11, Some(Foreign)),
            // Lowered only where raw vouches for it.
            (5, true, Some(5), 9, Some(Write(5))),
            (5, true, Some(2), 9, Some(Write(5))),
            (5, true, Some(0), 9, Some(Foreign)),
            (5, true, None, 9, Some(Foreign)),
            (5, false, Some(5), 9, Some(Foreign)),
            (5, false, None, 9, Some(Foreign)),
            (0, true, Some(0), 4, Some(Write(0))),
            (0, true, None, 4, Some(Foreign)),
            (0, false, Some(4), 4, Some(Foreign)),
        ] {
            let got = verdict(journal, covered, raw, found);
            assert_eq!(got, want, "{journal} {covered} {raw:?} {found}");
        }
    }

    #[test]
    fn raw_that_has_lost_points_vouches_for_nothing() {
        let window = |n: i64| ("Import".to_owned(), START_S + n * 300);
        let both = |pulses: i64| Counts::from([(window(0), pulses), (window(1), pulses)]);
        // What it has lost is sent again: it holds what the journal has.
        let raw = RawRead {
            from_s: START_S,
            counts: both(5),
            lost: Spans::new([(START_S + 60, START_S + 120)]),
        };
        let found = ViewRead {
            counts: both(9),
            ..ViewRead::default()
        };
        let coverage = Coverage::new([("Import".to_owned(), START_S, START_S + 600)]);
        let sides = Sides {
            view: View::FiveMinutes,
            journal: &both(5),
            coverage: &coverage,
            raw: Some(&raw),
            found: &found,
        };
        let verdicts = sides.differences(&BTreeSet::from(["Import"]));
        let verdicts: Vec<_> = verdicts.iter().map(|d| d.verdict).collect();
        assert_eq!(verdicts, [WindowVerdict::Foreign, WindowVerdict::Write(5)]);
    }

    #[test]
    fn raw_that_was_read_in_part_vouches_for_that_part_alone() {
        let window = |n: i64| ("Import".to_owned(), START_S + n * 60);
        let both = |pulses: i64| Counts::from([(window(0), pulses), (window(1), pulses)]);
        let raw = RawRead {
            from_s: START_S + 60,
            counts: both(5),
            lost: Spans::default(),
        };
        let found = ViewRead {
            counts: both(9),
            ..ViewRead::default()
        };
        let sides = Sides {
            view: View::Minute,
            journal: &both(5),
            coverage: &Coverage::new([("Import".to_owned(), START_S, START_S + 120)]),
            raw: Some(&raw),
            found: &found,
        };
        let differences = sides.differences(&BTreeSet::from(["Import"]));
        let verdicts: Vec<_> = differences.iter().map(|d| (d.raw, d.verdict)).collect();
        let want = [
            (None, WindowVerdict::Foreign),
            (Some(5), WindowVerdict::Write(5)),
        ];
        assert_eq!(verdicts, want);
    }

    proptest! {
        #[test]
        fn nothing_falls_below_journal_or_raw(
            journal in 0i64..6, covered: bool, raw in prop::option::of(0i64..6), found in 0i64..6,
        ) {
            let left = match verdict(journal, covered, raw, found) {
                None | Some(WindowVerdict::Foreign) => found,
                Some(WindowVerdict::Write(pulses)) => pulses,
                Some(other) => panic!("{other:?}"),
            };
            prop_assert!(left >= journal.max(raw.unwrap_or(0)));
            if left < found {
                prop_assert!(covered && raw.is_some_and(|raw| raw <= journal));
            }
        }
    }

    #[test]
    fn a_stray_point_counts_in_its_window_and_is_to_become_nothing() {
        let mut found = ViewRead::default();
        found.add(View::FiveMinutes, "Import", WallNs::of_s(START_S), 300);
        found.add(View::FiveMinutes, "Import", WallNs::of_s(START_S + 30), 30);
        found.add(View::FiveMinutes, "Import", WallNs::of_s(START_S + 40), 0);
        let coverage = Coverage::new([("Import".to_owned(), START_S, START_S + 300)]);
        let raw = RawRead {
            from_s: START_S,
            counts: counts(300),
            lost: Spans::default(),
        };
        let sides = Sides {
            view: View::FiveMinutes,
            journal: &counts(300),
            coverage: &coverage,
            raw: Some(&raw),
            found: &found,
        };
        let differences = sides.differences(&BTreeSet::from(["Import"]));
        assert_eq!(differences.len(), 1);
        assert_eq!(differences[0].verdict, WindowVerdict::Write(300));
        assert_eq!(differences[0].strays, [WallNs::of_s(START_S + 30)]);
        assert!(
            sides.differences(&BTreeSet::from(["Export"])).is_empty(),
            "not ours"
        );
    }

    #[test]
    fn raw_is_sent_again_where_it_lacks_what_was_not_refused() {
        let verdict = |journal, refused, raw| {
            let (journal, refused, raw) = (counts(journal), counts(refused), counts(raw));
            let differences =
                raw_differences(&journal, &refused, &raw, &BTreeSet::from(["Import"]));
            differences.first().map(|difference| difference.verdict)
        };
        assert_eq!(verdict(5, 0, 5), None);
        assert_eq!(verdict(5, 0, 4), Some(WindowVerdict::Resend));
        assert_eq!(verdict(5, 1, 4), None);
        assert_eq!(verdict(5, 1, 5), None);
        assert_eq!(verdict(5, 0, 6), Some(WindowVerdict::Foreign));
        assert_eq!(verdict(0, 0, 6), Some(WindowVerdict::Foreign));
    }
}
