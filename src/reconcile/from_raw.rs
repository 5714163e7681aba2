//! Views recomputed from raw, where that knows more than the journal: from before PowerLogger was
//! installed. Pure.
//!
//! A window becomes what the journal or raw counts, whichever is more, as far as raw reaches. The Python
//! edition's tasks booked pulses some windows late: where such tasks were, a window may become less whose
//! pulses raw has in the windows before. Any other pulses that raw does not have would be nowhere any more: a
//! window in which raw has no point at all, or in which raw may begin, stays as it is, and the rest is lowered
//! with a yes only.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::{Difference, Sides, WindowVerdict};

/// Over so many windows a pulse was booked late.
const LATE_WINDOWS: i64 = 3;

/// What raw is known to hold, and what was found on the way. One for each view, from old to new.
#[derive(Debug, Clone, Default)]
pub struct FromRaw {
    /// By meter: raw has held everything since then, in seconds since 1970.
    pub whole_from_s: BTreeMap<String, i64>,
    /// Windows may be lowered although pulses vanish.
    pub may_lower: bool,
    /// Tasks that book late have written the windows.
    pub late: bool,
    /// By meter: what may still be booked late.
    unbooked: BTreeMap<String, Unbooked>,
}

/// Pulses that were not booked in their own windows.
#[derive(Debug, Clone, Default)]
struct Unbooked {
    /// How many.
    pulses: i64,
    /// Windows that they may be of, and how many there are in each.
    recent: Vec<(i64, i64)>,
}

impl Unbooked {
    /// Goes on with a window that should hold `number` and holds `found`. True: what it holds too many are
    /// some that were late.
    fn are_found(&mut self, (start_s, width_s): (i64, i64), number: i64, found: i64) -> bool {
        let oldest_s = start_s - LATE_WINDOWS * width_s;
        self.recent.retain(|(start_s, _)| *start_s >= oldest_s);
        let recent: i64 = self.recent.iter().map(|(_, pulses)| pulses).sum();
        self.pulses = self.pulses.min(recent);
        self.recent.push((start_s, number));
        let late = found <= self.pulses + number;
        if late {
            self.pulses += number - found;
        }
        late
    }
}

impl FromRaw {
    /// Raw holds everything since `whole_from_s`, by meter.
    pub fn new(whole_from_s: BTreeMap<String, i64>, may_lower: bool, late: bool) -> FromRaw {
        FromRaw {
            whole_from_s,
            may_lower,
            late,
            unbooked: BTreeMap::new(),
        }
    }

    /// The windows that differ: of all meters that raw knows, of `meters` where raw does not reach.
    pub fn differences(&mut self, sides: &Sides<'_>, meters: &BTreeSet<&str>) -> Vec<Difference> {
        let mut all = Vec::new();
        for window in sides.windows() {
            let verdict = match sides.of(window) {
                (journal, Some(raw), _) => self.verdict(sides, window, raw.max(journal)),
                _ if meters.contains(window.0.as_str()) => sides.verdict(window),
                _ => None,
            };
            all.extend(verdict.map(|verdict| sides.difference(window, verdict)));
        }
        all
    }

    fn verdict(
        &mut self,
        sides: &Sides<'_>,
        window: &(String, i64),
        number: i64,
    ) -> Option<WindowVerdict> {
        let (meter, start_s) = window;
        let (_, raw, found) = sides.of(window);
        let unbooked = self.unbooked.entry(meter.clone()).or_default();
        let at = (*start_s, sides.view.width_s());
        let late = unbooked.are_found(at, number, found) && self.late;
        if found == number {
            return None;
        }
        if found < number || late {
            return Some(WindowVerdict::Write(number));
        }
        let vouched = sides.verdict(window);
        if matches!(vouched, Some(WindowVerdict::Write(_))) {
            return vouched;
        }
        let whole = self.whole_from_s.get(meter).is_some_and(|s| s <= start_s);
        Some(match (whole && raw != Some(0), self.may_lower) {
            (true, true) => WindowVerdict::Write(number),
            (true, false) => WindowVerdict::Vanishes(number),
            (false, _) => WindowVerdict::Foreign,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::View;
    use crate::reconcile::compare::{Counts, Coverage, RawRead, ViewRead};

    /// What becomes of hours: what they hold, what raw holds (from the first of them on), and the first hour
    /// that raw holds wholly.
    fn hours(
        found: &[i64],
        raw: &[i64],
        whole_from: i64,
        (may_lower, late): (bool, bool),
    ) -> Vec<Option<WindowVerdict>> {
        let counts = |pulses: &[i64]| -> Counts {
            let hours = pulses.iter().zip(0..).filter(|(pulses, _)| **pulses > 0);
            hours
                .map(|(pulses, n)| (("Import".to_owned(), n * 3_600), *pulses))
                .collect()
        };
        let whole = BTreeMap::from([("Import".to_owned(), whole_from * 3_600)]);
        let mut from_raw = FromRaw::new(whole, may_lower, late);
        let mut verdicts = vec![None; found.len()];
        // In two stretches, as an audit does it.
        for (from, to) in [(0, 3), (3, 99)] {
            let part = |counts: Counts| -> Counts {
                let within = |s: i64| (from..to).contains(&(s / 3_600));
                counts
                    .into_iter()
                    .filter(|((_, s), _)| within(*s))
                    .collect()
            };
            let raw = RawRead {
                from_s: 0,
                counts: part(counts(raw)),
                ..RawRead::default()
            };
            let found = ViewRead {
                counts: part(counts(found)),
                ..ViewRead::default()
            };
            let sides = Sides {
                view: View::Hour,
                journal: &Counts::new(),
                coverage: &Coverage::default(),
                raw: Some(&raw),
                found: &found,
            };
            for difference in from_raw.differences(&sides, &BTreeSet::new()) {
                let hour = usize::try_from(difference.start_s / 3_600).unwrap();
                verdicts[hour] = Some(difference.verdict);
            }
        }
        verdicts
    }

    use WindowVerdict::{Foreign, Vanishes, Write};

    #[test]
    fn pulses_that_were_booked_late_go_back_where_they_belong() {
        let got = hours(&[0, 3_240, 360], &[3_600, 0, 0], 1, (false, true));
        assert_eq!(got, [Some(Write(3_600)), Some(Write(0)), Some(Write(0))]);
        // Hour after hour, over the bound of two stretches.
        let got = hours(
            &[0, 900, 1_900, 600, 1_000],
            &[1_000, 2_000, 400, 1_000, 1_000],
            0,
            (false, true),
        );
        let want = [
            Some(Write(1_000)),
            Some(Write(2_000)),
            Some(Write(400)),
            Some(Write(1_000)),
            None,
        ];
        assert_eq!(got, want);
    }

    #[test]
    fn a_steady_flow_is_late_to_its_end() {
        let found = [0, 60, 60, 60, 60, 60, 60, 60];
        let raw = [60, 60, 60, 60, 60, 60, 60, 0];
        let got = hours(&found, &raw, 0, (false, true));
        assert_eq!(got[0], Some(Write(60)));
        assert_eq!(got[7], Some(Write(0)));
        assert!(got[1..7].iter().all(Option::is_none));
        let nobody_is_late = hours(&found, &raw, 0, (false, false));
        assert_eq!(nobody_is_late[7], Some(Foreign));
        // Long after the flow has ended nothing is late any more.
        let got = hours(&[0, 0, 0, 0, 0, 60], &[60, 0, 0, 0, 0, 0], 0, (false, true));
        assert_eq!(got[5], Some(Foreign));
    }

    #[test]
    fn where_raw_begins_or_has_a_hole_nothing_is_lowered() {
        let found = [500, 500, 500, 500, 500, 500];
        let got = hours(&found, &[0, 250, 500, 0, 120, 500], 2, (false, true));
        let want = [
            Some(Foreign),
            Some(Foreign),
            None,
            Some(Foreign),
            Some(Vanishes(120)),
            None,
        ];
        assert_eq!(got, want);
        let yes = hours(&found, &[0, 250, 500, 0, 120, 500], 2, (true, true));
        assert_eq!(yes[3..], [Some(Foreign), Some(Write(120)), None]);
        assert_eq!(yes[1], Some(Foreign), "raw begins within it");
    }

    #[test]
    fn a_window_is_raised_wherever_raw_reaches() {
        assert_eq!(
            hours(&[0, 1], &[7, 9], 9, (false, false)),
            [Some(Write(7)), Some(Write(9))]
        );
    }
}
