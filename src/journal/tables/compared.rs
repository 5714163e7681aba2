//! How far the server has been compared with the journal's windows, and what has changed since.

use rusqlite::{OptionalExtension, Transaction};

use crate::journal::handles::journal::{Comparing, Journal};
use crate::journal::handles::reader::Reader;
use crate::journal::tables::compare_spans::{TO_LOOK, UNEQUAL, add_lost, put_spans, spans};
use crate::journal::{JournalError, OpContext};
use crate::live::TierLive;
use crate::model::Tier;
use crate::model::{DestinationRow, Spans};

/// A window that has changed after the server was compared with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// Its start, in seconds since 1970.
    pub start_s: i64,
    /// Which change this is: a later one has a greater number.
    pub roll: i64,
}

/// What the reconciler wants kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciled {
    /// The level.
    pub level: Tier,
    /// Windows before this have been compared.
    pub until_s: Option<i64>,
    /// Changed windows that have been compared since.
    pub changed: Vec<Changed>,
    /// How the looking back stands; None: as before.
    pub looked: Option<Looked>,
}

impl Reconciled {
    /// Whether it cannot wait until the next time that what was delivered is saved.
    pub(in crate::journal) fn is_urgent(&self) -> bool {
        !self.changed.is_empty() || self.looked.as_ref().is_some_and(|looked| looked.at_once)
    }

    /// Whether one entry can say this and the next: of the same level, and without windows that another
    /// number of windows would have to be told from.
    pub(in crate::journal) fn takes(&self, next: &Reconciled) -> bool {
        let unequal = self
            .looked
            .as_ref()
            .and_then(|looked| looked.unequal.as_ref());
        self.level == next.level && unequal.is_none()
    }

    /// Says the next as well.
    pub(in crate::journal) fn merge(&mut self, next: Reconciled) {
        self.until_s = next.until_s.or(self.until_s);
        self.changed.extend(next.changed);
        let before = self.looked.take();
        self.looked = next.looked.or(before.clone());
        if let (Some(looked), Some(before)) = (&mut self.looked, before) {
            looked.at_once |= before.at_once;
            looked.lost.add_all(&before.lost);
        }
    }
}

/// How the looking back over windows that were compared before stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// What is still to be looked at.
    pub to_look: Spans,
    /// Back to where the last look goes when nothing is left of it, in seconds since 1970.
    pub from_s: i64,
    /// When the last look over all that is kept was begun, in seconds since 1970.
    pub all_s: i64,
    /// In this span these windows are not equal and are left so, and no others.
    pub unequal: Option<((i64, i64), Spans)>,
    /// Raw had lost points here, which is kept for ever: what it holds since then vouches for nothing.
    pub lost: Spans,
    /// It is to be kept before anything is written to the server.
    pub at_once: bool,
}

/// What is known of a level of a destination.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// Windows before this have been compared, in seconds since 1970; None: none has.
    pub until_s: Option<i64>,
    /// What is still to be looked at once more.
    pub to_look: Spans,
    /// Back to where the last look goes when nothing is left of it, in seconds since 1970.
    pub from_s: i64,
    /// When the last look over all that is kept was begun, in seconds since 1970; 0: never.
    pub all_s: i64,
    /// Windows in which the server was left as it is: it holds more than the journal, or does not take what
    /// it lacks.
    pub unequal: Spans,
}

impl Compared {
    /// What the live board shows of it; None: nothing was compared yet.
    pub fn live(&self, tier: Tier) -> Option<TierLive> {
        let until_s = self.until_s?;
        let (from_s, to_s) = self.span().unzip();
        // What was written while it was young is looked at again in any case.
        let left = self.to_look.iter().next();
        let left = left.filter(|(left_s, _)| to_s.is_none_or(|to_s| *left_s < to_s));
        Some(TierLive {
            until_s,
            from_s,
            to_s,
            unequal: self.unequal.length_s() / tier.windows().width_s(),
            to_look_from_s: left.map(|(left_s, _)| left_s),
            all_s: self.all_s,
        })
    }

    /// The newest span over which the two were compared by the last look; None: it is still to come.
    pub fn span(&self) -> Option<(i64, i64)> {
        let mut to_s = self.until_s?;
        let mut from_s = self.from_s;
        for (left_s, end_s) in self.to_look.iter().rev() {
            if end_s >= to_s {
                // The newest windows are looked at once more when no task reaches them any longer.
                to_s = to_s.min(left_s);
            } else {
                from_s = from_s.max(end_s);
                break;
            }
        }
        (from_s < to_s).then_some((from_s, to_s))
    }
}

impl Journal {
    /// A window that was compared with the server's, or is at this moment, is different now.
    pub(in crate::journal) fn note_change(
        &self,
        transaction: &Transaction<'_>,
        level: Tier,
        start_s: i64,
        roll: i64,
    ) -> Result<(), JournalError> {
        note_change(transaction, level, start_s, roll)?;
        let level = level.as_code();
        let Comparing {
            destination,
            until_s,
        } = &self.comparing;
        if until_s
            .get(&level)
            .is_some_and(|until_s| *until_s > start_s)
        {
            transaction
                .prepare_cached(
                    "INSERT INTO changed_window VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET roll = excluded.roll",
                )
                .and_then(|mut put| put.execute((*destination, level, start_s, roll)))
                .op("keep a window")?;
        }
        Ok(())
    }
}

/// A window that was compared with the server's is different now. `roll`: names this change; a later one
/// has a greater number.
pub(in crate::journal) fn note_change(
    transaction: &Transaction<'_>,
    level: Tier,
    start_s: i64,
    roll: i64,
) -> Result<(), JournalError> {
    transaction
        .prepare_cached(
            "INSERT INTO changed_window
             SELECT destination, level, ?2, ?3 FROM reconciled WHERE level = ?1 AND until_s > ?2
             ON CONFLICT DO UPDATE SET roll = excluded.roll",
        )
        .and_then(|mut put| put.execute((level.as_code(), start_s, roll)))
        .op("keep a window")?;
    Ok(())
}

/// Keeps how far a destination has been compared.
pub(in crate::journal) fn put_reconciled(
    transaction: &Transaction<'_>,
    destination: DestinationRow,
    news: &Reconciled,
) -> Result<(), JournalError> {
    let level = news.level.as_code();
    if let Some(until_s) = news.until_s {
        transaction
            .prepare_cached(
                "INSERT INTO reconciled (destination, level, until_s) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET until_s = excluded.until_s",
            )
            .and_then(|mut put| put.execute((destination, level, until_s)))
            .op("keep what was compared")?;
    }
    if let Some(looked) = &news.looked {
        put_looked(transaction, (destination, level), looked)?;
    }
    for changed in &news.changed {
        transaction
            .prepare_cached(
                "DELETE FROM changed_window
                 WHERE destination = ?1 AND level = ?2 AND start_s = ?3 AND roll <= ?4",
            )
            .and_then(|mut put| put.execute((destination, level, changed.start_s, changed.roll)))
            .op("keep what was compared")?;
    }
    Ok(())
}

fn put_looked(
    transaction: &Transaction<'_>,
    (destination, level): (DestinationRow, i64),
    looked: &Looked,
) -> Result<(), JournalError> {
    let kept = "keep what was compared";
    transaction
        .prepare_cached(
            "UPDATE reconciled SET looked_from_s = ?3, all_s = ?4
             WHERE destination = ?1 AND level = ?2",
        )
        .and_then(|mut put| put.execute((destination, level, looked.from_s, looked.all_s)))
        .op(kept)?;
    let put = |kind, old: &Spans, new: &Spans| {
        put_spans(transaction, (destination, level, kind), old, new).op(kept)
    };
    let old = spans(transaction, (destination, level, TO_LOOK)).op(kept)?;
    put(TO_LOOK, &old, &looked.to_look)?;
    if let Some(((from_s, to_s), windows)) = &looked.unequal {
        let old = spans(transaction, (destination, level, UNEQUAL)).op(kept)?;
        let mut new = old.clone();
        new.remove(*from_s, *to_s);
        new.add_all(windows);
        put(UNEQUAL, &old, &new)?;
    }
    if looked.lost.is_empty() {
        return Ok(());
    }
    add_lost(transaction, destination, &looked.lost)
}

impl Reader {
    /// What is known of a level of a destination.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn compared(
        &self,
        destination: DestinationRow,
        level: Tier,
    ) -> Result<Compared, JournalError> {
        let code = level.as_code();
        let known: Option<(i64, i64, i64)> = self
            .connection
            .prepare_cached(
                "SELECT until_s, looked_from_s, all_s FROM reconciled
                 WHERE destination = ?1 AND level = ?2",
            )
            .and_then(|mut select| {
                let known = select.query_row((destination, code), |row| row.try_into());
                known.optional()
            })
            .op("be read")?;
        let of = |kind| spans(&self.connection, (destination, code, kind)).op("be read");
        let (to_look, unequal) = (of(TO_LOOK)?, of(UNEQUAL)?);
        let (_, from_s, all_s) = known.unwrap_or_default();
        Ok(Compared {
            until_s: known.map(|(until_s, ..)| until_s),
            to_look,
            from_s,
            all_s,
            unequal,
        })
    }

    /// Windows before `before_s` that have changed since they were compared, oldest first.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn changed_windows(
        &self,
        destination: DestinationRow,
        level: Tier,
        before_s: i64,
        limit: usize,
    ) -> Result<Vec<Changed>, JournalError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.connection
            .prepare_cached(
                "SELECT start_s, roll FROM changed_window
                 WHERE destination = ?1 AND level = ?2 AND start_s < ?3 ORDER BY start_s LIMIT ?4",
            )
            .and_then(|mut select| {
                let changed =
                    select.query_map((destination, level.as_code(), before_s, limit), |row| {
                        Ok(Changed {
                            start_s: row.get(0)?,
                            roll: row.get(1)?,
                        })
                    })?;
                changed.collect()
            })
            .op("be read")
    }
}
