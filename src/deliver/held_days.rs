//! Days whose points a server cannot take, because another program has written the field with another
//! type into the shard that holds them: those wait, and what lies behind them goes on. Pure.

use std::collections::BTreeMap;

use crate::civil::{dates, day_of};
use crate::journal::{IdRanges, Page, StoredPulse};
use crate::model::{IdRange, MonoNs, WallNs};

/// The days, each with the time of the next try.
#[derive(Debug, Default)]
pub struct HeldDays {
    days: BTreeMap<i64, MonoNs>,
    ids: IdRanges,
}

/// Where the day changes: stretches of ids whose entries are of one day each.
pub fn by_day(entries: &[StoredPulse]) -> Vec<IdRange> {
    entries
        .chunk_by(|one, next| day_of(one.wall_ns) == day_of(next.wall_ns))
        .filter_map(|day| Some(IdRange::new(day.first()?.id, day.last()?.id)))
        .collect()
}

impl HeldDays {
    /// Whether any day is held, or on trial after a hold.
    pub fn any(&self) -> bool {
        !self.days.is_empty()
    }

    /// The days, as dates.
    pub fn dates(&self) -> String {
        dates(self.days.keys().copied())
    }

    /// The day of this stamp is held until then.
    pub fn hold(&mut self, wall_ns: WallNs, until_ns: MonoNs) {
        self.days.insert(day_of(wall_ns), until_ns);
    }

    /// Points of these days went through.
    pub fn went_through(&mut self, entries: &[StoredPulse]) {
        if !self.days.is_empty() {
            for entry in entries {
                self.days.remove(&day_of(entry.wall_ns));
            }
        }
    }

    /// Whether a day is due for another try; its ids, and those of the other days, are looked at again.
    pub fn look(&mut self, now_ns: MonoNs) {
        let due = |until_ns: &MonoNs| *until_ns <= now_ns;
        if !self.ids.ranges().is_empty() && self.days.values().any(due) {
            self.ids = IdRanges::default();
        }
    }

    /// Nothing is left to send: a day that is due and has nothing waiting is forgotten.
    pub fn idle(&mut self, now_ns: MonoNs) {
        self.days.retain(|_, until_ns| *until_ns > now_ns);
    }

    /// Takes the entries of held days out of a page; their ids wait.
    pub fn take_out(&mut self, page: &mut Page, now_ns: MonoNs) {
        if self.days.is_empty() {
            return;
        }
        let mut covered = IdRanges::from_ranges(page.covered.iter().copied());
        page.entries.retain(|entry| {
            let day = self.days.get(&day_of(entry.wall_ns));
            let held = day.is_some_and(|until_ns| *until_ns > now_ns);
            if held {
                covered.remove(IdRange::one(entry.id));
                self.ids.add(IdRange::one(entry.id));
            }
            !held
        });
        page.covered = covered.ranges().to_vec();
    }

    /// The ids that wait.
    pub fn ids(&self) -> &IdRanges {
        &self.ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MeterRow, NS_PER_DAY, PulseId};

    fn entry(id: i64, day: i64) -> StoredPulse {
        StoredPulse {
            id: PulseId(id),
            meter: MeterRow(1),
            wall_ns: WallNs(day * NS_PER_DAY + id),
            estimated: false,
        }
    }

    fn page(days: &[i64]) -> Page {
        let entries: Vec<StoredPulse> = (1..).zip(days).map(|(id, day)| entry(id, *day)).collect();
        let covered = vec![IdRange::of(1, entries.len() as i64)];
        Page {
            entries,
            covered,
            held: Vec::new(),
        }
    }

    #[test]
    fn a_held_day_waits_and_the_others_go() {
        let mut days = HeldDays::default();
        let all = [20_000, 20_001, 20_001, 20_002, 20_001];
        assert_eq!(
            by_day(&page(&all).entries),
            [(1, 1), (2, 3), (4, 4), (5, 5)].map(|(first, last)| IdRange::of(first, last))
        );
        days.hold(WallNs(20_001 * NS_PER_DAY), 100);
        let mut seen = page(&all);
        days.take_out(&mut seen, 99);
        let ids: Vec<i64> = seen.entries.iter().map(|entry| entry.id.0).collect();
        let covered = vec![IdRange::of(1, 1), IdRange::of(4, 4)];
        assert_eq!((ids, seen.covered), (vec![1, 4], covered));
        assert_eq!(days.ids().ranges(), [IdRange::of(2, 3), IdRange::of(5, 5)]);
        assert_eq!(days.dates(), "2024-10-05");
        days.hold(WallNs(20_007 * NS_PER_DAY), 100);
        assert_eq!(days.dates(), "2 days from 2024-10-05 to 2024-10-11");
    }

    #[test]
    fn a_day_is_on_trial_until_it_goes_through() {
        let mut days = HeldDays::default();
        days.hold(WallNs(20_001 * NS_PER_DAY), 100);
        let all = [20_001, 20_002];
        days.take_out(&mut page(&all), 0);
        days.look(99);
        assert_eq!(days.ids().ranges(), [IdRange::of(1, 1)]);
        days.look(100);
        assert!(days.ids().ranges().is_empty() && days.any());
        let mut seen = page(&all);
        days.take_out(&mut seen, 100);
        assert_eq!(seen.entries.len(), 2);
        days.went_through(&seen.entries[1..]);
        assert!(days.any(), "another day says nothing of it");
        days.went_through(&seen.entries);
        assert!(!days.any());
        // What waited is gone: given up to the disk's bound, say.
        days.hold(WallNs(20_001 * NS_PER_DAY), 100);
        days.idle(99);
        assert!(days.any());
        days.idle(100);
        assert!(!days.any());
    }
}
