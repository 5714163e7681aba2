//! Which pulses from elsewhere the journal has already.

use std::collections::{BTreeMap, HashMap};

use crate::journal::handles::reader::Reader;
use crate::journal::ids::IdRanges;
use crate::journal::salvage::arrival::Arrival;
use crate::journal::tables::hours::{hours_of, months};
use crate::journal::{JournalError, OpContext};
use crate::model::hour::Told;
use crate::model::{MeterRow, SegmentRow, View, WallNs};

/// Whether the journal has a pulse already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is new.
    No,
    /// Under the same stamp.
    Same,
    /// Under the stamp of its segment here, [`Arrival::here_ns`].
    Here,
    /// It is held here: it is counted in no window before the clock is known.
    Held,
}

impl Reader {
    /// Which of these pulses (in order, each once) the journal has already. `rows`: the meters' rows
    /// by position, None where the journal does not know the meter. `lent`: offsets of segments that are not
    /// final here, where another journal knows them ([`crate::journal::salvage::file::Foreign::lent_offsets`]).
    ///
    /// A pulse with the same meter and stamp is the same; where it was captured here, too, its stamp is that
    /// of its segment here. Pulses that have left the journal are known by the counts of their windows only:
    /// where a window counts more than the journal still holds, so many of the arrivals are taken for those.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn known_of(
        &mut self,
        arrivals: &[Arrival],
        rows: &[Option<MeterRow>],
        lent: &HashMap<SegmentRow, i64>,
    ) -> Result<Vec<Presence>, JournalError> {
        let mut known = vec![Presence::No; arrivals.len()];
        let stamps = || arrivals.iter().flat_map(|a| [a.wall_ns, a.here_ns]);
        let (Some(oldest_ns), Some(newest_ns)) = (stamps().min(), stamps().max()) else {
            return Ok(known);
        };
        let from_s = View::Hour.start_of(oldest_ns);
        let to_s = View::Hour.start_of(newest_ns) + View::Hour.width_s();
        let by_row: BTreeMap<MeterRow, u16> = (0..)
            .zip(rows)
            .filter_map(|(meter, row)| Some(((*row)?, meter)))
            .collect();
        let mut gone = self.counted((from_s, to_s), &by_row)?;
        let moved = Moved::of(arrivals);
        let rolled = self.rolled()?;
        for range in self.candidates(from_s, to_s, &rolled)?.ranges() {
            self.each_pulse(*range, &mut |entry| {
                let Some(&meter) = by_row.get(&entry.meter) else {
                    return Ok(());
                };
                let key = (entry.wall_ns, meter);
                if let Ok(at) = arrivals.binary_search_by_key(&key, |a| (a.wall_ns, a.meter)) {
                    known[at] = Presence::Same;
                }
                for at in moved.find(key) {
                    known[at] = Presence::Here;
                }
                if rolled.contains(entry.id) {
                    gone.take(entry.wall_ns, meter);
                }
                Ok::<(), JournalError>(())
            })?;
        }
        for (wall_ns, row) in self.held_stamps(&rolled, lent)? {
            let Some(&meter) = by_row.get(&row) else {
                continue;
            };
            let key = (wall_ns, meter);
            if let Ok(at) = arrivals.binary_search_by_key(&key, |a| (a.wall_ns, a.meter)) {
                known[at] = Presence::Held;
            }
        }
        for (arrival, known) in arrivals.iter().zip(&mut known) {
            let is_moved = arrival.here_ns != arrival.wall_ns;
            if *known == Presence::No && is_moved && gone.take(arrival.here_ns, arrival.meter) {
                *known = Presence::Here;
            }
            if *known == Presence::No && gone.take(arrival.wall_ns, arrival.meter) {
                *known = Presence::Same;
            }
        }
        Ok(known)
    }

    /// The stamps of pulses that are held here, by the offsets that another journal knows; with the rows of
    /// their meters.
    fn held_stamps(
        &self,
        rolled: &IdRanges,
        lent: &HashMap<SegmentRow, i64>,
    ) -> Result<Vec<(WallNs, MeterRow)>, JournalError> {
        let (Some(bounds), false) = (self.bounds()?, lent.is_empty()) else {
            return Ok(Vec::new());
        };
        let mut stamps = Vec::new();
        for range in rolled.gaps(bounds) {
            let mut select = self
                .connection
                .prepare_cached(
                    "SELECT meter, segment, mono_ns FROM pulse WHERE id BETWEEN ?1 AND ?2",
                )
                .op("be read")?;
            let rows = select
                .query_map((range.first, range.last), |row| row.try_into())
                .and_then(Iterator::collect::<rusqlite::Result<Vec<(MeterRow, SegmentRow, i64)>>>)
                .op("be read")?;
            stamps.extend(rows.into_iter().filter_map(|(meter, segment, mono_ns)| {
                let wall_ns = mono_ns.checked_add(*lent.get(&segment)?)?;
                Some((WallNs(wall_ns), meter))
            }));
        }
        Ok(stamps)
    }

    /// What is counted of a time, each part of it in the finest view that tells all.
    fn counted(
        &self,
        span: (i64, i64),
        by_row: &BTreeMap<MeterRow, u16>,
    ) -> Result<Gone, JournalError> {
        let mut gone = Gone::default();
        for month in months(span) {
            for ((hour_s, row), counts) in hours_of(&self.connection, month, None)? {
                let Some(meter) = by_row.get(&row) else {
                    continue;
                };
                gone.told.insert((hour_s, *meter), counts.told());
                for part in counts.told_windows() {
                    let window = (part.view, hour_s + part.after_s, *meter);
                    gone.left.insert(window, part.pulses);
                }
            }
        }
        Ok(gone)
    }

    /// The ids among which are all pulses of a time: those of its hours, and those that are not
    /// counted yet.
    fn candidates(
        &self,
        from_s: i64,
        to_s: i64,
        rolled: &IdRanges,
    ) -> Result<IdRanges, JournalError> {
        let Some(bounds) = self.bounds()? else {
            return Ok(IdRanges::default());
        };
        let mut ids = IdRanges::from_ranges(rolled.gaps(bounds));
        for hour in self.hours_ids(from_s, to_s)? {
            ids.add(hour.within(bounds));
        }
        Ok(ids)
    }
}

/// Of each window, what it counts of pulses that are not there any more.
#[derive(Debug, Default)]
struct Gone {
    told: BTreeMap<(i64, u16), Told>,
    left: BTreeMap<(View, i64, u16), i64>,
}

impl Gone {
    /// Takes a pulse out of its window; false: there is none left in it.
    fn take(&mut self, wall_ns: WallNs, meter: u16) -> bool {
        let hour_s = View::Hour.start_of(wall_ns);
        let Some(told) = self.told.get(&(hour_s, meter)) else {
            return false;
        };
        let (view, start_s) = told.window(wall_ns);
        let left = self.left.get_mut(&(view, start_s, meter));
        let Some(left) = left.filter(|left| **left > 0) else {
            return false;
        };
        *left -= 1;
        true
    }
}

/// Arrivals that may be here under another stamp, in the order of that.
struct Moved(Vec<(WallNs, u16, usize)>);

impl Moved {
    fn of(arrivals: &[Arrival]) -> Moved {
        let moved = (0..).zip(arrivals).filter(|(_, a)| a.here_ns != a.wall_ns);
        let mut moved: Vec<_> = moved
            .map(|(at, arrival)| (arrival.here_ns, arrival.meter, at))
            .collect();
        moved.sort_unstable();
        Moved(moved)
    }

    fn find(&self, key: (WallNs, u16)) -> impl Iterator<Item = usize> + '_ {
        let from = self.0.partition_point(|moved| (moved.0, moved.1) < key);
        let same = self.0[from..].iter();
        same.take_while(move |moved| (moved.0, moved.1) == key)
            .map(|moved| moved.2)
    }
}
