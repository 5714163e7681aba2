//! Pulses that come from elsewhere: another logger's queue, a file, a damaged journal. They keep the
//! wall time they have there, to the nanosecond; docs/design/import.md tells why and how.

use std::collections::BTreeMap;
use std::fs::File;

use rusqlite::{OptionalExtension, Transaction, params};

use super::append::Journal;
use super::ranges::IdRanges;
use super::reader::Reader;
use super::registers::count_arrivals;
use super::roller::Roller;
use super::{JournalError, Named, file_in};
use crate::clock::segment::Trust;
use crate::pulse::{NS_PER_S, WallNs};
use crate::rollup::View;

/// In place of a boot's id: the one segment whose pulses hold wall time as it is, offset 0.
pub(super) const IMPORT_BOOT: &str = "import";

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
    super::delivery::put_delivered(transaction, destination, &delivered)
}

impl Reader {
    /// Which of these pulses (in order, each once) the journal has already. `rows`: the meters' rows
    /// by position, None where the journal does not know the meter; `now_s`: the time, in seconds.
    ///
    /// A pulse with the same meter and stamp is the same. Pulses that have left the journal are known
    /// by the counts of their windows only: where a window counts more than the journal still holds,
    /// so many of the arrivals are taken for those.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn known_of(
        &mut self,
        arrivals: &[Arrival],
        rows: &[Option<i64>],
        now_s: i64,
    ) -> Result<Vec<bool>, JournalError> {
        let mut known = vec![false; arrivals.len()];
        let (Some(oldest), Some(newest)) = (arrivals.first(), arrivals.last()) else {
            return Ok(known);
        };
        let from_s = View::Hour.start_of(oldest.wall_ns);
        let to_s = View::Hour.start_of(newest.wall_ns) + View::Hour.width_s();
        let finest = Finest::at(now_s);
        let by_row: BTreeMap<i64, u16> = (0..)
            .zip(rows)
            .filter_map(|(meter, row)| Some(((*row)?, meter)))
            .collect();
        // Of each window: what it counts, less what the journal still holds of it.
        let mut gone: BTreeMap<(View, i64, u16), i64> = BTreeMap::new();
        for view in View::ALL {
            for window in self.windows(view, from_s, to_s)? {
                if let Some(meter) = by_row.get(&window.meter) {
                    if finest.of(window.start_s) == view {
                        gone.insert((view, window.start_s, *meter), window.pulses);
                    }
                }
            }
        }
        let rolled = self.rolled()?;
        for (first, last) in self.candidates(from_s, to_s, &rolled)?.ranges() {
            let mut next = *first;
            while next <= *last {
                let page = self.page(next, *last, PAGE_PULSES)?;
                for entry in &page.entries {
                    let Some(&meter) = by_row.get(&entry.meter) else {
                        continue;
                    };
                    let key = (entry.wall_ns, meter);
                    if let Ok(at) = arrivals.binary_search_by_key(&key, |a| (a.wall_ns, a.meter)) {
                        known[at] = true;
                    }
                    if rolled.contains(entry.id) {
                        let window = finest.window(entry.wall_ns);
                        if let Some(gone) = gone.get_mut(&(window.0, window.1, meter)) {
                            *gone -= 1;
                        }
                    }
                }
                let reached = page.covered.iter().chain(&page.held).map(|range| range.1);
                next = reached.max().unwrap_or(*last) + 1;
            }
        }
        for (arrival, known) in arrivals.iter().zip(&mut known) {
            let window = finest.window(arrival.wall_ns);
            if let Some(gone) = gone.get_mut(&(window.0, window.1, arrival.meter)) {
                if !*known && *gone > 0 {
                    *gone -= 1;
                    *known = true;
                }
            }
        }
        Ok(known)
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

/// The finest view that is still kept of each time.
pub(super) struct Finest {
    minutes_from_s: i64,
    five_minutes_from_s: i64,
}

impl Finest {
    pub(super) fn at(now_s: i64) -> Finest {
        let kept = |view: View| view.kept_from_s(now_s).unwrap_or(i64::MIN);
        // To the hour, so that the windows of a view in one hour are all kept or all not.
        let hour = |s: i64| View::Hour.floor_s(s) + View::Hour.width_s();
        Finest {
            minutes_from_s: hour(kept(View::Minute)),
            five_minutes_from_s: hour(kept(View::FiveMinutes)),
        }
    }

    pub(super) fn of(&self, wall_s: i64) -> View {
        if wall_s >= self.minutes_from_s {
            View::Minute
        } else if wall_s >= self.five_minutes_from_s {
            View::FiveMinutes
        } else {
            View::Hour
        }
    }

    fn window(&self, wall_ns: WallNs) -> (View, i64) {
        let view = self.of(wall_ns.div_euclid(NS_PER_S));
        (view, view.start_of(wall_ns))
    }
}
