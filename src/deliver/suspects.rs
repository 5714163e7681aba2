//! Which line does a server refuse? Halves of what was refused are tried until a line stands alone, and a
//! line is given up only when another one has gone through after it: a server that refuses whatever it
//! gets says nothing about lines. Pure.

use std::collections::BTreeSet;

use crate::journal::RefusedPulse;
use crate::model::{IdRange, PulseId};

/// So many lines refused alone, one after another, with nothing going through: the fault is not the lines'.
const IN_A_ROW_MAX: usize = 20;

/// A line that was refused although it stood alone.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Alone {
    point: RefusedPulse,
    /// The server's text quotes it.
    certain: bool,
}

/// What to do about a line that was refused alone.
#[derive(Debug, PartialEq, Eq)]
pub enum Ruling {
    /// Try the others; it waits for one of them to go through.
    Wait,
    /// It is the line: it was refused before and after another one went through.
    Quarantine(RefusedPulse),
    /// It is not the lines: nothing goes through.
    NotTheLines,
}

/// Stretches of ids under suspicion, and lines that were refused alone.
#[derive(Debug, Default)]
pub struct Suspects {
    /// To be tried, the last one first.
    stretches: Vec<IdRange>,
    alone: Vec<Alone>,
    /// Lines that are tried again, after another one went through.
    again: BTreeSet<PulseId>,
    /// The later half is tried first: the earlier one has led nowhere.
    newest_first: bool,
}

impl Suspects {
    /// What to try next; None: nothing is suspected.
    pub fn next_stretch(&mut self) -> Option<IdRange> {
        self.stretches.pop()
    }

    /// A stretch was refused; `middle` begins its second half.
    pub fn halve(&mut self, stretch: IdRange, middle: PulseId) {
        let mut halves = [
            IdRange::new(middle, stretch.last),
            IdRange::new(stretch.first, middle.previous()),
        ];
        if self.newest_first {
            halves.reverse();
        }
        self.stretches.extend(halves);
    }

    /// Stretches to be tried one by one, in this order.
    pub fn one_by_one(&mut self, stretches: &[IdRange]) {
        self.stretches.extend(stretches.iter().rev());
    }

    /// A line was refused although it stood alone. `certain`: the server's text quotes it.
    pub fn alone(&mut self, point: RefusedPulse, certain: bool) -> Ruling {
        if self.again.remove(&point.pulse) {
            return Ruling::Quarantine(point);
        }
        self.alone.push(Alone { point, certain });
        if self.alone.len() < IN_A_ROW_MAX {
            return Ruling::Wait;
        }
        self.put_off();
        self.newest_first = !self.newest_first;
        Ruling::NotTheLines
    }

    /// Something went through. Those that were refused alone before it, and quoted by the server, are given
    /// back for quarantine; others are tried once more.
    pub fn went_through(&mut self) -> Vec<RefusedPulse> {
        self.newest_first = false;
        let mut quarantine = Vec::new();
        for Alone { point, certain } in self.alone.drain(..) {
            if certain {
                quarantine.push(point);
            } else {
                self.again.insert(point.pulse);
                self.stretches.push(IdRange::one(point.pulse));
            }
        }
        quarantine
    }

    /// Ids that wait for another one to go through: not to be sent meanwhile.
    pub fn waiting(&self) -> impl Iterator<Item = PulseId> {
        self.alone.iter().map(|alone| alone.point.pulse)
    }

    /// What the server said of the first that waits; None: none does.
    pub fn why(&self) -> Option<&str> {
        self.alone.first().map(|alone| alone.point.message.as_str())
    }

    /// All is as before the first suspicion: it is sent again as if nothing had been.
    pub fn put_off(&mut self) {
        self.stretches.clear();
        self.alone.clear();
        self.again.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MeterRow;
    use crate::model::WallNs;

    fn point(pulse: PulseId) -> RefusedPulse {
        RefusedPulse {
            pulse,
            meter: MeterRow(1),
            wall_ns: WallNs(pulse.0 * 1_000),
            message: "no".to_owned(),
        }
    }

    /// A server, and delivery of `newest` lines to it, the whole at first; the ids in quarantine, and
    /// whether it was put on hold.
    fn deliver(
        newest: i64,
        certain: bool,
        mut takes: impl FnMut(i64, i64) -> bool,
    ) -> (Vec<i64>, bool) {
        let (mut suspects, mut quarantine) = (Suspects::default(), Vec::new());
        suspects.one_by_one(&[IdRange::of(1, newest)]);
        while let Some(stretch) = suspects.next_stretch() {
            if takes(stretch.first.0, stretch.last.0) {
                let given = suspects.went_through();
                quarantine.extend(given.iter().map(|point| point.pulse.0));
            } else if stretch.len() > 1 {
                suspects.halve(stretch, stretch.first + stretch.len() / 2);
            } else {
                match suspects.alone(point(stretch.first), certain) {
                    Ruling::Wait => {}
                    Ruling::Quarantine(point) => quarantine.push(point.pulse.0),
                    Ruling::NotTheLines => return (quarantine, true),
                }
            }
        }
        quarantine.sort_unstable();
        (quarantine, false)
    }

    #[test]
    fn the_bad_lines_are_found_and_their_neighbours_go_through() {
        for bad in [vec![1], vec![37], vec![5, 6, 7, 8], vec![1, 50, 99]] {
            for certain in [true, false] {
                let takes = |first, last| !bad.iter().any(|id| (first..=last).contains(id));
                let mut found = deliver(100, certain, takes);
                found.0.sort_unstable();
                assert_eq!(found, (bad.clone(), false), "{certain}");
            }
        }
    }

    #[test]
    fn a_server_that_refuses_everything_puts_nothing_into_quarantine() {
        for certain in [true, false] {
            assert_eq!(deliver(5_000, certain, |_, _| false), (vec![], true));
        }
    }

    #[test]
    fn a_server_that_refuses_now_and_then_puts_nothing_into_quarantine() {
        // Each line is refused once, alone or not, in words that name none.
        let mut seen = BTreeSet::new();
        let takes = |first, last| first == last && !seen.insert(first);
        let mut takes = takes;
        let found = deliver(12, false, |first, last| {
            first % 3 == 0 || takes(first, last)
        });
        assert_eq!(found, (vec![], false));
    }

    #[test]
    fn after_a_hold_the_other_end_is_tried_first() {
        let mut suspects = Suspects::default();
        for id in (1..=19).map(PulseId) {
            assert_eq!(suspects.alone(point(id), true), Ruling::Wait);
        }
        assert_eq!(suspects.waiting().count(), 19);
        assert_eq!(
            suspects.alone(point(PulseId(20)), true),
            Ruling::NotTheLines
        );
        assert_eq!(
            (suspects.next_stretch(), suspects.waiting().count()),
            (None, 0)
        );
        suspects.halve(IdRange::of(1, 100), PulseId(51));
        assert_eq!(suspects.next_stretch(), Some(IdRange::of(51, 100)));
        assert!(suspects.went_through().is_empty());
        suspects.halve(IdRange::of(1, 50), PulseId(25));
        assert_eq!(suspects.next_stretch(), Some(IdRange::of(1, 24)));
    }
}
