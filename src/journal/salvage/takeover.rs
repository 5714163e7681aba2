//! What a journal takes over from another one, besides the pulses: the counts of windows whose pulses are
//! gone, and the ledger. ([`crate::journal::salvage::readings`] takes the readings.)

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Transaction};

use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::salvage::file::Foreign;
use crate::journal::salvage::kinship::{is_same, journal_id};
use crate::journal::salvage::readings::count_window;
use crate::journal::tables::compared::note_change;
use crate::journal::tables::days::forget_days;
use crate::journal::tables::hours::{Hours, hours_of, months};
use crate::journal::tables::ledger::inherit;
use crate::journal::tables::windows::add_to_window;
use crate::journal::{JournalError, OpContext};
use crate::model::hour::{HourCounts, Part};
use crate::model::{Loss, LossCause, MeterRow, WallNs, WindowCount, WindowKey};
use crate::model::{Tier, View};

/// An entry of another journal's ledger: the meter's position in the list of names, why, how many and when.
pub type TheirLoss = (u16, LossCause, Loss);

/// Pulses that arrive, or that are here under another stamp, counted by the start of the hour and the meter's position in the list of names.
pub type ArrivedHours = BTreeMap<(i64, u16), HourCounts>;

impl Journal {
    /// Raises windows to what another journal counted in them, if that is more: the pulses behind it are
    /// gone there. Each time is compared in the finest view that still tells all that is counted of it here
    /// ([`HourCounts::raise`]). What is added to a minute is added to its five minutes and its hour, too, and
    /// to the meter's total. `meter_of` maps the other journal's rows to positions in the list of names;
    /// `moved`: pulses that are counted there in another window than here.
    /// Returns how many pulses were added. Doing it again adds nothing.
    ///
    /// # Errors
    /// When the disk does not take it; nothing is raised then.
    pub fn raise_windows(
        &mut self,
        theirs: &Foreign,
        meter_of: &BTreeMap<MeterRow, u16>,
        moved: &ArrivedHours,
    ) -> Result<i64, JournalError> {
        let transaction = self
            .connection
            .unchecked_transaction()
            .op("begin a commit")?;
        let rows = meter_of.iter();
        let rows = rows.map(|(row, position)| (*row, self.meters[usize::from(*position)]));
        let row_of: BTreeMap<MeterRow, MeterRow> = rows.collect();
        theirs.inherit_factors(&transaction, &row_of)?;
        let moved_hours = moved.keys();
        let moved_hours =
            moved_hours.map(|(hour_s, position)| (*hour_s, self.meters[usize::from(*position)]));
        let moved_hours = moved_hours.collect();
        let (mut added, mut has_changed) = (0, false);
        for month in theirs.window_span().into_iter().flat_map(months) {
            let mut ours = hours_of(&transaction, month, None)?;
            for ((hour_s, meter), theirs) in here(theirs.hours(month), meter_of, moved) {
                let meter = self.meters[usize::from(meter)];
                for part in ours.entry((hour_s, meter)).or_default().raise(&theirs) {
                    add_part(&transaction, (hour_s, meter), part)?;
                    added += part.pulses;
                }
            }
            has_changed |= theirs.refine_quarters(&transaction, month, &row_of, &moved_hours)?;
        }
        // The daemon fills them again: which pulses a day holds may have changed, and what its peaks were.
        if has_changed || added > 0 {
            forget_days(&transaction)?;
        }
        transaction.commit().op("commit")?;
        Ok(added)
    }

    /// Takes over another journal's ledger: `id` tells it from all others. That of another journal is added,
    /// once; a copy of this very journal, made before or gone its own way since, has counted most of it here
    /// already, and each entry is raised to what it counted, if that is more. True if anything was new.
    ///
    /// # Errors
    /// When the disk does not take it; nothing is added then.
    pub fn inherit_losses(&mut self, id: &str, losses: &[TheirLoss]) -> Result<bool, JournalError> {
        let transaction = self
            .connection
            .unchecked_transaction()
            .op("begin a commit")?;
        let more = losses_more(&transaction, id, losses, |position| {
            Some(self.meters[usize::from(position)])
        })?;
        if more.is_empty() {
            return Ok(false);
        }
        mark(&transaction, id)?;
        for (position, cause, loss) in &more {
            let row = self.meters[usize::from(*position)];
            inherit(&transaction, row, *cause, *loss)?;
        }
        transaction.commit().op("commit")?;
        Ok(true)
    }
}

/// The entries of another journal's ledger that are not in this one's, as [`Journal::inherit_losses`] tells.
fn losses_more(
    connection: &Connection,
    id: &str,
    losses: &[TheirLoss],
    row_of: impl Fn(u16) -> Option<MeterRow>,
) -> Result<Vec<TheirLoss>, JournalError> {
    let own = journal_id(connection);
    if !own.is_some_and(|own| is_same(&own, id)) {
        let taken = is_marked(connection, id)?;
        return Ok(if taken { Vec::new() } else { losses.to_vec() });
    }
    let mut more = Vec::new();
    for (position, cause, loss) in losses {
        let counted: Option<i64> = connection
            .prepare_cached("SELECT pulses FROM ledger WHERE meter = ?1 AND cause = ?2")
            .and_then(|mut select| {
                let row = (row_of(*position), cause.as_str());
                select.query_row(row, |row| row.get(0)).optional()
            })
            .op("be read")?;
        let counted = counted.unwrap_or(0).unsigned_abs();
        let pulses = loss.pulses.saturating_sub(counted);
        if pulses > 0 {
            more.push((*position, *cause, Loss { pulses, ..*loss }));
        }
    }
    Ok(more)
}

/// The word before a journal's id where it is noted that its ledger was taken over.
const LEDGER_OF: &str = "ledger of ";

fn mark(transaction: &Transaction<'_>, id: &str) -> Result<(), JournalError> {
    transaction
        .execute(
            "INSERT OR IGNORE INTO journal VALUES (?1 || ?2, 1)",
            (LEDGER_OF, id),
        )
        .op("keep what was taken over")?;
    Ok(())
}

fn is_marked(connection: &Connection, id: &str) -> Result<bool, JournalError> {
    let keys: Vec<String> = connection
        .prepare("SELECT key FROM journal WHERE substr(key, 1, length(?1)) = ?1")
        .and_then(|mut select| select.query_map([LEDGER_OF], |row| row.get(0))?.collect())
        .op("be read")?;
    let mut ids = keys.iter().filter_map(|key| key.strip_prefix(LEDGER_OF));
    Ok(ids.any(|taken| is_same(taken, id)))
}

/// Another journal's hours by the positions of its meters here; those that have none are left out.
fn here(
    theirs: Hours,
    meter_of: &BTreeMap<MeterRow, u16>,
    moved: &ArrivedHours,
) -> BTreeMap<(i64, u16), HourCounts> {
    let mut here: BTreeMap<(i64, u16), HourCounts> = BTreeMap::new();
    for ((hour_s, meter), counts) in theirs {
        if let Some(position) = meter_of.get(&meter) {
            // Two meters there may be one here.
            here.entry((hour_s, *position))
                .or_default()
                .add_all(&counts);
        }
    }
    for (hour, counts) in &mut here {
        if let Some(moved) = moved.get(hour) {
            counts.add_all(moved);
        }
    }
    here
}

/// Counts pulses in a window and those around it, in the meter's total and in the readings that came later.
fn add_part(
    transaction: &Transaction<'_>,
    (hour_s, meter): (i64, MeterRow),
    part: Part,
) -> Result<(), JournalError> {
    let start_s = hour_s + part.after_s;
    for coarser in View::ALL.into_iter().filter(|other| *other >= part.view) {
        let window = WindowKey {
            view: coarser,
            start_s: coarser.floor_s(start_s),
            meter,
        };
        raise_window(transaction, window, part.pulses)?;
    }
    let until_ns = WallNs::of_s(start_s + part.view.width_s());
    count_window(transaction, meter, until_ns, part.pulses)?;
    transaction
        .prepare_cached(
            "INSERT INTO line (meter, pulses) VALUES (?1, ?2)
             ON CONFLICT (meter) DO UPDATE SET pulses = pulses + excluded.pulses",
        )
        .and_then(|mut put| put.execute((meter, part.pulses)))
        .op("keep a meter's total")?;
    Ok(())
}

fn raise_window(
    transaction: &Transaction<'_>,
    window: WindowKey,
    pulses: i64,
) -> Result<(), JournalError> {
    let count = WindowCount { pulses, gaps: None };
    add_to_window(transaction, window, count)?;
    // No daemon runs meanwhile that could take this change for the last one it has rolled.
    let roll = transaction
        .prepare_cached("SELECT coalesce(sum(last_id - first_id + 1), 0) FROM rolled")
        .and_then(|mut select| select.query_row([], |row| row.get(0)))
        .op("be read")?;
    note_change(transaction, Tier::View(window.view), window.start_s, roll)
}

/// How many pulses [`Journal::raise_windows`] would add to the journal that `reader` reads (None: there is
/// none yet) after these arrivals were brought in. `rows`: the meters' rows by position.
///
/// # Errors
/// When the journal cannot be read.
pub fn would_raise(
    reader: Option<&mut Reader>,
    theirs: &Foreign,
    meter_of: &BTreeMap<MeterRow, u16>,
    rows: &[Option<MeterRow>],
    (arrivals, moved): (&ArrivedHours, &ArrivedHours),
) -> Result<i64, JournalError> {
    // What is not counted in windows yet will be by then.
    let (mut waiting, reader) = match reader {
        None => (Hours::new(), None),
        Some(reader) => (reader.uncounted_hours()?, Some(&*reader)),
    };
    let mut added = 0;
    for month in theirs.window_span().into_iter().flat_map(months) {
        let ours = reader.map_or(Ok(Hours::new()), |reader| {
            hours_of(&reader.connection, month, None)
        })?;
        for ((hour_s, position), theirs) in here(theirs.hours(month), meter_of, moved) {
            // A meter may have no row yet.
            let row = rows.get(usize::from(position)).copied().flatten();
            let key = row.map(|row| (hour_s, row));
            let mut counts = key
                .and_then(|key| ours.get(&key).cloned())
                .unwrap_or_default();
            if let Some(waiting) = key.and_then(|key| waiting.remove(&key)) {
                counts.add_all(&waiting);
            }
            if let Some(arrived) = arrivals.get(&(hour_s, position)) {
                counts.add_all(arrived);
            }
            let missed = counts.raise(&theirs).into_iter();
            added += missed.map(|part| part.pulses).sum::<i64>();
        }
    }
    Ok(added)
}

impl Reader {
    /// Whether [`Journal::inherit_losses`] would take over anything.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn would_inherit_losses(
        &self,
        id: &str,
        losses: &[TheirLoss],
        rows: &[Option<MeterRow>],
    ) -> Result<bool, JournalError> {
        let row_of = |position: u16| rows.get(usize::from(position)).copied().flatten();
        Ok(!losses_more(&self.connection, id, losses, row_of)?.is_empty())
    }

    /// Pulses whose time is known and that are not counted in windows yet, by the hour.
    fn uncounted_hours(&mut self) -> Result<Hours, JournalError> {
        let mut hours = Hours::new();
        for ids in self.uncounted_ids()? {
            self.each_pulse(ids, &mut |entry| {
                let hour_s = View::Hour.start_of(entry.wall_ns);
                let counts = hours.entry((hour_s, entry.meter)).or_default();
                counts.add_pulse(entry.wall_ns);
                Ok::<(), JournalError>(())
            })?;
        }
        Ok(hours)
    }
}
