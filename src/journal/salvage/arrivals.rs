//! Pulses that come from elsewhere: another logger's queue, a file, a damaged journal. They keep the
//! wall time they have there, to the nanosecond; docs/development/import.md tells why and how.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;

use rusqlite::{OptionalExtension, Transaction, params};

use crate::clock::segment::Trust;
use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::{Reader, StoredPulse};
use crate::journal::ids::IdRanges;
use crate::journal::stages::roller::Roller;
use crate::journal::tables::hours::{hours_of, months};
use crate::journal::tables::readings::count_arrivals;
use crate::journal::{JournalError, OpContext, file_in};
use crate::model::View;
use crate::model::WallNs;
use crate::model::hour::Told;

/// In place of a boot's id: the one segment whose pulses hold wall time as it is, offset 0.
pub(in crate::journal) const IMPORT_BOOT: &str = "import";

/// Pulses a commit.
pub const ARRIVALS_A_COMMIT: usize = 5_000;

/// Pulses a read.
const PAGE_PULSES: usize = 10_000;

/// A pulse from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    /// Its wall time.
    pub wall_ns: WallNs,
    /// Its meter, by position in the list of names that the journal was opened with.
    pub meter: u16,
    /// The stamp is a guess.
    pub estimated: bool,
    /// Its wall time here if it was captured here, too, and its segment was settled to another offset.
    pub here_ns: WallNs,
}

impl Arrival {
    /// One that has but one stamp.
    pub fn new(meter: u16, wall_ns: WallNs, estimated: bool) -> Arrival {
        Arrival {
            wall_ns,
            meter,
            estimated,
            here_ns: wall_ns,
        }
    }
}

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

/// What raw does not take any more: the destination's row, and the stamp before which pulses arrive in
/// their windows only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// The destination's row.
    pub destination: i64,
    /// Older pulses are not sent.
    pub before_ns: WallNs,
}

impl Journal {
    /// Keeps up to [`ARRIVALS_A_COMMIT`] of the arrivals (in order of time) in one commit; returns how
    /// many.
    ///
    /// # Errors
    /// When the disk does not take it; nothing of them is kept then.
    pub fn put_arrivals(
        &mut self,
        arrivals: &[Arrival],
        expiry: Option<Expiry>,
    ) -> Result<usize, JournalError> {
        let arrivals = &arrivals[..arrivals.len().min(ARRIVALS_A_COMMIT)];
        let transaction = self
            .connection
            .unchecked_transaction()
            .op("begin a commit")?;
        let segment = import_segment(&transaction)?;
        let first = self.newest + 1;
        let mut id = self.newest;
        let mut totals: BTreeMap<u16, (i64, WallNs)> = BTreeMap::new();
        let mut expired = 0;
        for arrival in arrivals {
            id += 1;
            let meter = self.meters[usize::from(arrival.meter)];
            transaction
                .prepare_cached("INSERT INTO pulse VALUES (?1, ?2, ?3, ?4, ?5)")
                .and_then(|mut put| {
                    put.execute((id, meter, segment, arrival.wall_ns, arrival.estimated))
                })
                .op("keep a pulse")?;
            let total = totals.entry(arrival.meter).or_default();
            *total = (total.0 + 1, arrival.wall_ns);
            expired += i64::from(expiry.is_some_and(|expiry| arrival.wall_ns < expiry.before_ns));
        }
        for (meter, (pulses, last_ns)) in totals {
            let meter = self.meters[usize::from(meter)];
            put_total(&transaction, (meter, segment), pulses, last_ns)?;
        }
        count_arrivals(&transaction, &self.meters, arrivals)?;
        if let Some(expiry) = expiry.filter(|_| expired > 0) {
            // In order of time, so that the old ones are the first.
            let range = (expiry.destination, first, first + expired - 1);
            mark_delivered(&transaction, range)?;
        }
        transaction.commit().op("commit")?;
        self.newest = id;
        Ok(arrivals.len())
    }

    /// Counts everything that is not counted in windows yet, as the roller does while `run` runs.
    /// Only for a journal whose commits are all durable.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn roll_up_all(&mut self) -> Result<(), JournalError> {
        self.sync()?;
        let mut roller = Roller::open(self)?;
        let newest = self.newest;
        while roller.step(self, newest, 0)? {}
        Ok(())
    }

    /// Makes all commits durable, and moves what can be moved from the WAL into the database.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn sync(&self) -> Result<(), JournalError> {
        let wal = file_in(self.dir()).with_extension("sqlite-wal");
        File::open(wal)
            .and_then(|wal| wal.sync_data())
            .map_err(|source| JournalError::Sync { source })?;
        // A reader beside may keep some of it back; it is durable in the WAL.
        self.connection
            .query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))
            .op("be checkpointed")
    }
}

/// The row of the segment of imported pulses, made if it is new.
fn import_segment(transaction: &Transaction<'_>) -> Result<i64, JournalError> {
    let known = transaction
        .prepare_cached("SELECT id FROM clock_segment WHERE boot_id = ?1")
        .and_then(|mut select| select.query_row([IMPORT_BOOT], |row| row.get(0)).optional())
        .op("be read")?;
    if let Some(segment) = known {
        return Ok(segment);
    }
    transaction
        .execute(
            "INSERT INTO clock_segment (boot_id, begins_ns, offset_ns, trust)
             VALUES (?1, 0, 0, ?2)",
            params![IMPORT_BOOT, Trust::Assumed.as_code()],
        )
        .op("keep a clock segment")?;
    Ok(transaction.last_insert_rowid())
}

/// Adds to a meter's total. The last pulse stays the one that is latest by its wall time.
fn put_total(
    transaction: &Transaction<'_>,
    (meter, segment): (i64, i64),
    pulses: i64,
    last_ns: WallNs,
) -> Result<(), JournalError> {
    transaction
        .prepare_cached(
            "INSERT INTO line (meter, pulses, last_segment, last_mono_ns) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (meter) DO UPDATE SET pulses = pulses + excluded.pulses",
        )
        .and_then(|mut put| put.execute((meter, pulses, segment, last_ns)))
        .op("keep a meter's total")?;
    transaction
        .prepare_cached(
            "UPDATE line SET last_segment = ?2, last_mono_ns = ?3
             WHERE meter = ?1 AND (last_segment IS NULL OR EXISTS (
                 SELECT 1 FROM clock_segment s
                 WHERE s.id = last_segment AND s.trust > 0 AND last_mono_ns + s.offset_ns < ?3))",
        )
        .and_then(|mut put| put.execute((meter, segment, last_ns)))
        .op("keep a meter's total")?;
    Ok(())
}

fn mark_delivered(
    transaction: &Transaction<'_>,
    (destination, first, last): (i64, i64, i64),
) -> Result<(), JournalError> {
    let mut delivered: IdRanges = transaction
        .prepare_cached("SELECT first_id, last_id FROM delivered WHERE destination = ?1")
        .and_then(|mut select| {
            let ranges = select.query_map([destination], |row| row.try_into())?;
            ranges.collect::<Result<Vec<_>, _>>()
        })
        .map(IdRanges::from_ranges)
        .op("be read")?;
    delivered.add(first, last);
    crate::journal::tables::deliveries::put_delivered(transaction, destination, &delivered)
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
        rows: &[Option<i64>],
        lent: &HashMap<i64, i64>,
    ) -> Result<Vec<Presence>, JournalError> {
        let mut known = vec![Presence::No; arrivals.len()];
        let stamps = || arrivals.iter().flat_map(|a| [a.wall_ns, a.here_ns]);
        let (Some(oldest_ns), Some(newest_ns)) = (stamps().min(), stamps().max()) else {
            return Ok(known);
        };
        let from_s = View::Hour.start_of(oldest_ns);
        let to_s = View::Hour.start_of(newest_ns) + View::Hour.width_s();
        let by_row: BTreeMap<i64, u16> = (0..)
            .zip(rows)
            .filter_map(|(meter, row)| Some(((*row)?, meter)))
            .collect();
        let mut gone = self.counted((from_s, to_s), &by_row)?;
        let moved = Moved::of(arrivals);
        let rolled = self.rolled()?;
        for range in self.candidates(from_s, to_s, &rolled)?.ranges() {
            self.each_page(*range, &mut |entry| {
                let Some(&meter) = by_row.get(&entry.meter) else {
                    return;
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
        lent: &HashMap<i64, i64>,
    ) -> Result<Vec<(WallNs, i64)>, JournalError> {
        let (Some((oldest, newest)), false) = (self.bounds()?, lent.is_empty()) else {
            return Ok(Vec::new());
        };
        let mut stamps = Vec::new();
        for range in rolled.gaps(oldest, newest) {
            let mut select = self
                .connection
                .prepare_cached(
                    "SELECT meter, segment, mono_ns FROM pulse WHERE id BETWEEN ?1 AND ?2",
                )
                .op("be read")?;
            let rows = select
                .query_map(range, |row| row.try_into())
                .and_then(Iterator::collect::<rusqlite::Result<Vec<(i64, i64, i64)>>>)
                .op("be read")?;
            stamps.extend(rows.into_iter().filter_map(|(meter, segment, mono_ns)| {
                Some((mono_ns.checked_add(*lent.get(&segment)?)?, meter))
            }));
        }
        Ok(stamps)
    }

    /// What is counted of a time, each part of it in the finest view that tells all.
    fn counted(&self, span: (i64, i64), by_row: &BTreeMap<i64, u16>) -> Result<Gone, JournalError> {
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

    /// Reads the pulses of a range of ids whose time is known.
    pub(in crate::journal) fn each_page(
        &mut self,
        (first, last): (i64, i64),
        each: &mut dyn FnMut(&StoredPulse),
    ) -> Result<(), JournalError> {
        let mut next = first;
        while next <= last {
            let page = self.page(next, last, PAGE_PULSES)?;
            page.entries.iter().for_each(&mut *each);
            let reached = page.covered.iter().chain(&page.held).map(|range| range.1);
            next = reached.max().unwrap_or(last) + 1;
        }
        Ok(())
    }

    /// The ids among which are all pulses of a time: those of its hours, and those that are not
    /// counted yet.
    fn candidates(
        &self,
        from_s: i64,
        to_s: i64,
        rolled: &IdRanges,
    ) -> Result<IdRanges, JournalError> {
        let Some((oldest, newest)) = self.bounds()? else {
            return Ok(IdRanges::default());
        };
        let mut ids = IdRanges::from_ranges(rolled.gaps(oldest, newest));
        for (first, last) in self.hours_ids(from_s, to_s)? {
            ids.add(first.max(oldest), last.min(newest));
        }
        Ok(ids)
    }

    /// The rows of meters by name.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn meter_rows(&self, names: &[String]) -> Result<Vec<Option<i64>>, JournalError> {
        let known = self.meter_names()?;
        let row = |name: &String| {
            known
                .iter()
                .find(|(_, of)| *of == name)
                .map(|(row, _)| *row)
        };
        Ok(names.iter().map(row).collect())
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
