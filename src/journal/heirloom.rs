//! What a new journal takes over from one that was moved aside, besides the pulses: the counts of
//! windows whose pulses are gone, and the ledger. ([`super::registers`] takes the readings.)

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction};

use super::append::{Journal, lose};
use super::compared::note_change;
use super::reader::Reader;
use super::registers::count_window;
use super::salvage::SalvagedWindow;
use super::{JournalError, Named};
use crate::intake::Loss;
use crate::pulse::{LossCause, NS_PER_S};
use crate::rollup::{Level, View};

/// Windows of an hour, by view, start and the meter's row: pulses.
type HourWindows = BTreeMap<(View, i64, i64), i64>;

impl Journal {
    /// Raises windows to what another journal counted in them, if that is more: the pulses behind it are
    /// gone there. What is added to a minute is added to its five minutes and its hour, too, and to the
    /// meter's total. `meter_of` maps the other journal's rows to positions in the list of names. Returns
    /// how many pulses were added. Doing it again adds nothing.
    ///
    /// # Errors
    /// When the disk does not take it; nothing is raised then.
    pub fn raise_windows(
        &mut self,
        windows: &[SalvagedWindow],
        meter_of: &BTreeMap<i64, u16>,
    ) -> Result<i64, JournalError> {
        let mut theirs = HourWindows::new();
        for (view, start_s, meter, pulses) in windows {
            if let Some(position) = meter_of.get(meter) {
                let row = self.meters[usize::from(*position)];
                *theirs.entry((*view, *start_s, row)).or_default() += pulses;
            }
        }
        let transaction = self
            .connection
            .unchecked_transaction()
            .op("begin a commit")?;
        let mut all = 0;
        // What was added to the windows of a finer view stands in the coarser one already.
        let mut added = HourWindows::new();
        for view in View::ALL {
            let mine = |((of, _, _), _): &(&(View, i64, i64), &i64)| *of == view;
            for ((_, start_s, meter), pulses) in theirs.iter().filter(mine) {
                let have: i64 = transaction
                    .prepare_cached(
                        "SELECT pulses FROM window WHERE view = ?1 AND start_s = ?2 AND meter = ?3",
                    )
                    .and_then(|mut select| {
                        let key = (view.width_s(), start_s, meter);
                        select.query_row(key, |row| row.get(0)).optional()
                    })
                    .op("be read")?
                    .unwrap_or(0);
                let more = pulses - have;
                if more <= 0 {
                    continue;
                }
                for coarser in View::ALL.into_iter().filter(|other| *other >= view) {
                    let start_s = coarser.floor_s(*start_s);
                    add_to_window(&transaction, (coarser, start_s, *meter), more)?;
                    *added.entry((coarser, start_s, *meter)).or_default() += more;
                }
            }
        }
        for ((view, start_s, meter), pulses) in added {
            if view == View::Hour {
                all += pulses;
                let until_ns = (start_s + view.width_s()) * NS_PER_S;
                count_window(&transaction, meter, until_ns, pulses)?;
                transaction
                    .prepare_cached(
                        "INSERT INTO line (meter, pulses) VALUES (?1, ?2)
                         ON CONFLICT (meter) DO UPDATE SET pulses = pulses + excluded.pulses",
                    )
                    .and_then(|mut put| put.execute((meter, pulses)))
                    .op("keep a meter's total")?;
            }
        }
        transaction.commit().op("commit")?;
        Ok(all)
    }

    /// Adds another journal's ledger to this one's, once: `id` tells the other journal from all others.
    /// True if it was not there yet.
    ///
    /// # Errors
    /// When the disk does not take it; nothing is added then.
    pub fn inherit_losses(
        &mut self,
        id: &str,
        losses: &[(u16, LossCause, Loss)],
    ) -> Result<bool, JournalError> {
        let transaction = self
            .connection
            .unchecked_transaction()
            .op("begin a commit")?;
        if losses.is_empty() || !mark_once(&transaction, "ledger", id)? {
            return Ok(false);
        }
        for (meter, cause, loss) in losses {
            let row = self.meters[usize::from(*meter)];
            let seen = (loss.first_ns, loss.last_ns);
            lose(&transaction, row, *cause, loss.pulses, seen)?;
        }
        transaction.commit().op("commit")?;
        Ok(true)
    }
}

/// Notes that `what` of the journal `id` was taken over. False: it was before.
pub(super) fn mark_once(
    transaction: &Transaction<'_>,
    what: &str,
    id: &str,
) -> Result<bool, JournalError> {
    let new = transaction
        .execute(
            "INSERT OR IGNORE INTO journal VALUES (?1 || ' of ' || ?2, 1)",
            (what, id),
        )
        .op("keep what was taken over")?;
    Ok(new > 0)
}

fn add_to_window(
    transaction: &Transaction<'_>,
    (view, start_s, meter): (View, i64, i64),
    pulses: i64,
) -> Result<(), JournalError> {
    transaction
        .prepare_cached(
            "INSERT INTO window VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET pulses = pulses + excluded.pulses",
        )
        .and_then(|mut put| put.execute((view.width_s(), start_s, meter, pulses)))
        .op("keep a window")?;
    // No daemon runs meanwhile that could take this change for the last one it has rolled.
    let roll = transaction
        .prepare_cached("SELECT coalesce(sum(last_id - first_id + 1), 0) FROM rolled")
        .and_then(|mut select| select.query_row([], |row| row.get(0)))
        .op("be read")?;
    note_change(transaction, Level::View(view), start_s, roll)
}

impl Reader {
    /// Final offsets from monotonic to wall time, in nanoseconds, by boot.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn boot_offsets(&self) -> Result<BTreeMap<String, i64>, JournalError> {
        self.connection
            .prepare_cached(
                "SELECT boot_id, offset_ns FROM clock_segment WHERE trust > 0 ORDER BY id",
            )
            .and_then(|mut select| select.query_map([], |row| row.try_into())?.collect())
            .op("be read")
    }

    /// What tells this journal from all others, as [`super::foreign::Foreign::journal_id`] does.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn journal_id(&self) -> Result<Option<String>, JournalError> {
        self.connection
            .query_row(super::salvage::JOURNAL_ID, [], |row| row.get(0))
            .optional()
            .op("be read")
    }
}
