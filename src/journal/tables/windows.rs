//! The tables of windows, both sides: what the roller writes, what the reconciler reads.

use rusqlite::{Connection, Row, Transaction};

use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::ids::IdRanges;
use crate::journal::sql::{id_range, id_range_if_any};
use crate::journal::tables::confirmed::put_confirmed;
use crate::journal::tables::counts::{MERGE_GAPS, columns};
use crate::journal::tables::days::put_days;
use crate::journal::tables::deliveries::ranges_of;
use crate::journal::tables::quarters::add_to_quarter;
use crate::journal::{JournalError, OpContext};
use crate::model::{IdRange, MeterRow, WallNs, Watched, WindowKey};
use crate::model::{Tier, View, WindowCount, WindowCounts};

/// Windows that leave in one commit, at most so many seconds of them.
const PRUNE_S: i64 = 86_400;

/// What is watched is kept inwards to whole seconds: ranges that are apart by less touch.
const WATCHED_APART_MIN_S: i64 = 3;

/// A stretch over which a meter's line was not watched: how many pulses came then is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwatched {
    /// The meter's name.
    pub meter: String,
    /// Its begin, in seconds since 1970.
    pub from_s: i64,
    /// Its end.
    pub until_s: i64,
}

/// A window as the journal counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its start, in seconds since 1970.
    pub start_s: i64,
    /// The row of the meter.
    pub meter: MeterRow,
    /// Pulses in it.
    pub pulses: i64,
}

/// The windows of a view (?1) from a time (?2) to another (?3), in order.
pub(in crate::journal) const SELECT: &str = "SELECT start_s, meter, pulses FROM window
     WHERE view = ?1 AND start_s >= ?2 AND start_s < ?3 ORDER BY start_s, meter";

impl Window {
    /// From a row of [`SELECT`].
    pub(in crate::journal) fn of(row: &Row<'_>) -> rusqlite::Result<Window> {
        Ok(Window {
            start_s: row.get(0)?,
            meter: row.get(1)?,
            pulses: row.get(2)?,
        })
    }
}

/// The windows of a view with `from_s <= start < to_s`, in order.
pub(in crate::journal) fn windows_of(
    connection: &Connection,
    view: View,
    (from_s, to_s): (i64, i64),
) -> Result<Vec<Window>, JournalError> {
    connection
        .prepare_cached(SELECT)
        .and_then(|mut select| {
            let windows = select.query_map((view.width_s(), from_s, to_s), Window::of)?;
            windows.collect()
        })
        .op("be read")
}

/// Adds what is counted to a window.
pub(in crate::journal) fn add_to_window(
    transaction: &Transaction<'_>,
    window: WindowKey,
    count: WindowCount,
) -> Result<(), JournalError> {
    let (shortest_ms, longest_ms) = columns(count.gaps);
    transaction
        .prepare_cached(&format!(
            "INSERT INTO window VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET pulses = pulses + excluded.pulses, {MERGE_GAPS}"
        ))
        .and_then(|mut put| {
            put.execute((
                window.view.width_s(),
                window.start_s,
                window.meter,
                count.pulses,
                shortest_ms,
                longest_ms,
            ))
        })
        .op("keep a window")?;
    Ok(())
}

/// Keeps that a meter's line was watched from one second to another (not included).
pub(in crate::journal) fn put_watched(
    transaction: &Transaction<'_>,
    meter: MeterRow,
    (begins_s, ends_s): (i64, i64),
) -> Result<(), JournalError> {
    transaction
        .prepare_cached(
            "INSERT INTO watched VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET ends_s = max(ends_s, excluded.ends_s)",
        )
        .and_then(|mut put| put.execute((meter, begins_s, ends_s)))
        .op("keep what was watched")?;
    Ok(())
}

impl Journal {
    /// Adds the windows of some pulses; `rolled` is all that is counted then.
    ///
    /// # Errors
    /// When the disk does not take it; nothing is counted then.
    pub(in crate::journal) fn keep_windows(
        &mut self,
        tally: &WindowCounts,
        rolled: &IdRanges,
    ) -> Result<(), JournalError> {
        let transaction = self
            .connection
            .unchecked_transaction()
            .op("begin a commit")?;
        self.put_windows(&transaction, tally, rolled)?;
        for (start_s, ids) in tally.hours() {
            transaction
                .prepare_cached(
                    "INSERT INTO hour_ids VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET
                         first_id = min(first_id, excluded.first_id),
                         last_id = max(last_id, excluded.last_id)",
                )
                .and_then(|mut put| put.execute((start_s, ids.first, ids.last)))
                .op("keep a window")?;
        }
        transaction
            .execute("DELETE FROM rolled", [])
            .op("keep what is rolled up")?;
        for range in rolled.ranges() {
            transaction
                .prepare_cached("INSERT INTO rolled VALUES (?1, ?2)")
                .and_then(|mut put| put.execute((range.first, range.last)))
                .op("keep what is rolled up")?;
        }
        transaction.commit().op("commit")
    }

    /// Adds the windows of some pulses, in a commit of the caller's.
    pub(in crate::journal) fn put_windows(
        &self,
        transaction: &Transaction<'_>,
        tally: &WindowCounts,
        rolled: &IdRanges,
    ) -> Result<(), JournalError> {
        let roll = roll_number(transaction, rolled)?;
        for (window, count) in tally.windows() {
            let WindowKey { view, start_s, .. } = window;
            add_to_window(transaction, window, count)?;
            self.note_change(transaction, Tier::View(view), start_s, roll)?;
            if view == Tier::Raw.windows() {
                self.note_change(transaction, Tier::Raw, start_s, roll)?;
            }
        }
        for ((start_s, meter), count) in tally.quarters() {
            add_to_quarter(transaction, (start_s, meter), count)?;
        }
        put_days(transaction, self.day_zone.as_ref(), tally)
    }

    /// Keeps when the meters' lines were watched.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(in crate::journal) fn keep_watched(
        &mut self,
        watched: &Watched,
    ) -> Result<(), JournalError> {
        let transaction = self
            .connection
            .unchecked_transaction()
            .op("begin a commit")?;
        if let Some(looked_ns) = watched.looked_ns.filter(|_| watched.synchronised) {
            put_confirmed(&transaction, looked_ns)?;
        }
        for (meter, watch) in &watched.meters {
            // Inwards to whole seconds: what is said to be watched was.
            let since_ns = watch.since_ns.max(self.vouches_from_ns);
            let begins_s = since_ns.s() + 1;
            let ends_s = watch.until_ns.s();
            if begins_s >= ends_s {
                continue;
            }
            let row = self.meters[meter.index()];
            put_watched(&transaction, row, (begins_s, ends_s))?;
        }
        transaction.commit().op("commit")
    }

    /// Deletes windows that are older than their view keeps. True if there may be more.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(in crate::journal) fn prune_windows(
        &mut self,
        now_ns: WallNs,
    ) -> Result<bool, JournalError> {
        let now_s = now_ns.s();
        let mut more = false;
        for view in View::ALL {
            let Some(keep_s) = view.kept_from_s(now_s) else {
                continue;
            };
            let Some(oldest_s) = first_window(&self.connection, view)? else {
                continue;
            };
            if oldest_s >= keep_s {
                continue;
            }
            let before_s = keep_s.min(oldest_s + PRUNE_S);
            self.connection
                .execute(
                    "DELETE FROM window WHERE view = ?1 AND start_s < ?2",
                    (view.width_s(), before_s),
                )
                .op("delete windows")?;
            more |= before_s < keep_s;
        }
        Ok(more)
    }
}

/// A number that grows with every change of windows: no two changes of one are taken for the same. `rolled`:
/// what is counted, which does not grow by what was thinned.
fn roll_number(transaction: &Transaction<'_>, rolled: &IdRanges) -> Result<i64, JournalError> {
    let thinned: i64 = transaction
        .prepare_cached("SELECT coalesce(max(value), 0) FROM journal WHERE key = 'thinned'")
        .and_then(|mut select| select.query_row([], |row| row.get(0)))
        .op("be read")?;
    Ok(rolled.len() + thinned)
}

fn first_window(connection: &Connection, view: View) -> Result<Option<i64>, JournalError> {
    connection
        .prepare_cached("SELECT min(start_s) FROM window WHERE view = ?1")
        .and_then(|mut select| select.query_row([view.width_s()], |row| row.get(0)))
        .op("be read")
}

impl Reader {
    /// What is counted in windows.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn rolled(&self) -> Result<IdRanges, JournalError> {
        let select = "SELECT first_id, last_id FROM rolled";
        ranges_of(&self.connection, select, [])
    }

    /// The pulses that no window has yet.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn uncounted_ids(&self) -> Result<Vec<IdRange>, JournalError> {
        Ok(match self.bounds()? {
            Some(bounds) => self.rolled()?.gaps(bounds),
            None => Vec::new(),
        })
    }

    /// The windows of a view with `from_s <= start < to_s`, in order.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn windows(&self, view: View, from_s: i64, to_s: i64) -> Result<Vec<Window>, JournalError> {
        windows_of(&self.connection, view, (from_s, to_s))
    }

    /// The start of the oldest window of a view; None: there is none.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn first_window(&self, view: View) -> Result<Option<i64>, JournalError> {
        first_window(&self.connection, view)
    }

    /// The start of the newest window of a view before `before_s`; None: there is none.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn last_window(&self, view: View, before_s: i64) -> Result<Option<i64>, JournalError> {
        self.connection
            .prepare_cached("SELECT max(start_s) FROM window WHERE view = ?1 AND start_s < ?2")
            .and_then(|mut select| select.query_row((view.width_s(), before_s), |row| row.get(0)))
            .op("be read")
    }

    /// When each meter's line was watched, as ranges of seconds (ends not included).
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn watched(
        &self,
        from_s: i64,
        to_s: i64,
    ) -> Result<Vec<(MeterRow, i64, i64)>, JournalError> {
        self.connection
            .prepare_cached(
                "SELECT meter, begins_s, ends_s FROM watched WHERE begins_s < ?2 AND ends_s > ?1",
            )
            .and_then(|mut select| {
                select
                    .query_map((from_s, to_s), |row| row.try_into())?
                    .collect()
            })
            .op("be read")
    }

    /// When the meters' lines were not watched between the first time that they were and the last, by
    /// meter and in order of time. Stretches of less than three seconds are not known.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn unwatched(&self) -> Result<Vec<Unwatched>, JournalError> {
        let mut watched = self.watched(i64::MIN, i64::MAX)?;
        watched.sort_unstable();
        let names = self.meter_names()?;
        let mut found = Vec::new();
        let mut last: Option<(MeterRow, i64)> = None;
        for (meter, begins_s, ends_s) in watched {
            let until_s = last
                .filter(|(of, _)| *of == meter)
                .map(|(_, until_s)| until_s);
            if let Some(from_s) = until_s.filter(|s| begins_s - s >= WATCHED_APART_MIN_S) {
                found.push(Unwatched {
                    meter: names.get(&meter).cloned().unwrap_or_default(),
                    from_s,
                    until_s: begins_s,
                });
            }
            last = Some((meter, ends_s.max(until_s.unwrap_or(ends_s))));
        }
        Ok(found)
    }

    /// Between which ids the pulses with `from_s <= wall time < to_s` are found; others may be
    /// among them.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn ids_between(&self, from_s: i64, to_s: i64) -> Result<Option<IdRange>, JournalError> {
        self.connection
            .prepare_cached(
                "SELECT min(first_id), max(last_id) FROM hour_ids
                 WHERE start_s >= ?1 AND start_s < ?2",
            )
            .and_then(|mut select| {
                select.query_row((View::Hour.floor_s(from_s), to_s), id_range_if_any)
            })
            .op("be read")
    }

    /// Between which ids the pulses of each hour with `from_s <= start < to_s` are found.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn hours_ids(&self, from_s: i64, to_s: i64) -> Result<Vec<IdRange>, JournalError> {
        self.connection
            .prepare_cached(
                "SELECT first_id, last_id FROM hour_ids WHERE start_s >= ?1 AND start_s < ?2",
            )
            .and_then(|mut select| select.query_map((from_s, to_s), id_range)?.collect())
            .op("be read")
    }
}
