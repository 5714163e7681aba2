//! The journal's windows against the server's: which agree, which are to be written, which are
//! somebody else's affair. Pure.
//!
//! | the server's window | raw there | then |
//! |---|---|---|
//! | agrees | | nothing |
//! | lower than the journal | | the journal's number is written: so many pulses there were at least |
//! | higher | more than the journal | reported: somebody else writes there, or the journal lacks something |
//! | higher | not more, or expired | the journal's number is written if it knows the whole window, else reported |
//!
//! With *raw wins* (`--from raw`) a window is what the journal or raw counts, whichever is more, as
//! far as raw reaches.

use std::collections::{BTreeMap, BTreeSet};

use crate::pulse::{NS_PER_S, WallNs};
use crate::rollup::View;

/// Pulses by meter's name and start of the window.
pub type Counts = BTreeMap<(String, i64), i64>;

/// What a view holds on the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The sums of the windows.
    pub counts: Counts,
    /// Points that do not stand at the start of a window, by meter and window: a run of a task at an
    /// odd time left them.
    pub strays: BTreeMap<(String, i64), Vec<WallNs>>,
}

impl Found {
    /// Adds a point of a view.
    pub fn add(&mut self, view: View, meter: &str, time_ns: WallNs, pulses: i64) {
        let start_s = view.start_of(time_ns);
        let window = (meter.to_owned(), start_s);
        if time_ns != start_s * NS_PER_S && pulses != 0 {
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

/// What is to be done about a window that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// This number belongs there.
    Write(i64),
    /// The pulses in it are to be sent again.
    Resend,
    /// The server has more, and the journal cannot say that this is wrong.
    Foreign,
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
    pub verdict: Verdict,
    /// Points of this window at odd times, which are to become 0.
    pub strays: Vec<WallNs>,
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
    pub raw: Option<&'a Counts>,
    /// What the view holds.
    pub found: &'a Found,
    /// Where the journal knows less than raw, raw is right.
    pub raw_wins: bool,
}

impl Sides<'_> {
    /// The windows of these meters that differ.
    pub fn differences(&self, meters: &BTreeSet<&str>) -> Vec<Difference> {
        let raw_keys = self.raw.filter(|_| self.raw_wins).into_iter().flatten();
        let windows: BTreeSet<&(String, i64)> = self
            .journal
            .keys()
            .chain(self.found.counts.keys())
            .chain(raw_keys.map(|(window, _)| window))
            .filter(|(meter, _)| self.raw_wins || meters.contains(meter.as_str()))
            .collect();
        windows
            .into_iter()
            .filter_map(|window| self.judge(window))
            .collect()
    }

    fn judge(&self, window: &(String, i64)) -> Option<Difference> {
        let of = |counts: &Counts| counts.get(window).copied().unwrap_or(0);
        let (journal, raw) = (of(self.journal), self.raw.map(of));
        let found = of(&self.found.counts);
        let covered = || self.coverage.covers(self.view, &window.0, window.1);
        let raw_more = raw.is_some_and(|raw| raw > journal);
        let verdict = match raw.filter(|_| self.raw_wins) {
            Some(raw) if found == raw.max(journal) => return None,
            Some(raw) => Verdict::Write(raw.max(journal)),
            None if found == journal => return None,
            None if found < journal => Verdict::Write(journal),
            None if !raw_more && covered() => Verdict::Write(journal),
            None => Verdict::Foreign,
        };
        let strays = self.found.strays.get(window).cloned();
        Some(Difference {
            meter: window.0.clone(),
            start_s: window.1,
            journal,
            raw,
            found,
            verdict,
            strays: strays.unwrap_or_default(),
        })
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
                Verdict::Resend
            } else if found > counted {
                Verdict::Foreign
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
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_S: i64 = 1_767_268_800;

    fn counts(pulses: i64) -> Counts {
        let window = ("Import".to_owned(), START_S);
        (pulses != 0)
            .then_some((window, pulses))
            .into_iter()
            .collect()
    }

    fn verdict(
        journal: i64,
        covered: bool,
        raw: Option<i64>,
        found: i64,
        raw_wins: bool,
    ) -> Option<Verdict> {
        let coverage = Coverage::new([(
            "Import".to_owned(),
            START_S,
            START_S + if covered { 60 } else { 59 },
        )]);
        let found = Found {
            counts: counts(found),
            ..Found::default()
        };
        let raw = raw.map(counts);
        let sides = Sides {
            view: View::Minute,
            journal: &counts(journal),
            coverage: &coverage,
            raw: raw.as_ref(),
            found: &found,
            raw_wins,
        };
        let differences = sides.differences(&BTreeSet::from(["Import"]));
        differences.first().map(|difference| difference.verdict)
    }

    #[test]
    fn the_table() {
        use Verdict::{Foreign, Write};
        for (journal, covered, raw, found, want) in [
            (5, true, None, 5, None),
            (5, false, Some(5), 5, None),
            (5, false, None, 3, Some(Write(5))),
            (5, false, Some(9), 3, Some(Write(5))),
            (5, true, Some(9), 9, Some(Foreign)),
            (5, true, Some(5), 9, Some(Write(5))),
            (5, true, Some(2), 9, Some(Write(5))),
            (5, true, None, 9, Some(Write(5))),
            (5, false, Some(5), 9, Some(Foreign)),
            (5, false, None, 9, Some(Foreign)),
            (0, true, Some(0), 4, Some(Write(0))),
            (0, false, Some(4), 4, Some(Foreign)),
        ] {
            let got = verdict(journal, covered, raw, found, false);
            assert_eq!(got, want, "{journal} {covered} {raw:?} {found}");
        }
    }

    #[test]
    fn raw_wins_where_it_is_asked_to_and_reaches() {
        assert_eq!(
            verdict(0, false, Some(60), 54, true),
            Some(Verdict::Write(60))
        );
        assert_eq!(
            verdict(0, false, Some(60), 66, true),
            Some(Verdict::Write(60))
        );
        assert_eq!(verdict(0, false, Some(0), 6, true), Some(Verdict::Write(0)));
        assert_eq!(
            verdict(70, true, Some(60), 60, true),
            Some(Verdict::Write(70))
        );
        assert_eq!(verdict(0, false, Some(60), 60, true), None);
        assert_eq!(verdict(0, false, None, 60, true), Some(Verdict::Foreign));
    }

    #[test]
    fn a_stray_point_counts_in_its_window_and_is_to_become_nothing() {
        let mut found = Found::default();
        found.add(View::FiveMinutes, "Import", START_S * NS_PER_S, 300);
        found.add(View::FiveMinutes, "Import", (START_S + 30) * NS_PER_S, 30);
        found.add(View::FiveMinutes, "Import", (START_S + 40) * NS_PER_S, 0);
        let coverage = Coverage::new([("Import".to_owned(), START_S, START_S + 300)]);
        let sides = Sides {
            view: View::FiveMinutes,
            journal: &counts(300),
            coverage: &coverage,
            raw: None,
            found: &found,
            raw_wins: false,
        };
        let differences = sides.differences(&BTreeSet::from(["Import"]));
        assert_eq!(differences.len(), 1);
        assert_eq!(differences[0].verdict, Verdict::Write(300));
        assert_eq!(differences[0].strays, [(START_S + 30) * NS_PER_S]);
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
        assert_eq!(verdict(5, 0, 4), Some(Verdict::Resend));
        assert_eq!(verdict(5, 1, 4), None);
        assert_eq!(verdict(5, 1, 5), None);
        assert_eq!(verdict(5, 0, 6), Some(Verdict::Foreign));
        assert_eq!(verdict(0, 0, 6), Some(Verdict::Foreign));
    }
}
