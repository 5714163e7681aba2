//! Fills in quarters of an hour and local days: of what was counted before the journal had them, and of another zone. A piece
//! a commit, the newest first, while counting goes on; how far it has come is in the journal, so that a kill in between costs
//! nothing.
//!
//! Quarters are made of windows and days of quarters, as a whole each time: what is counted meanwhile is in both, and it does
//! not matter what comes first.

use rusqlite::{Connection, Transaction};
use tracing::info;

use crate::journal::handles::day_zone::DayZone;
use crate::journal::handles::journal::Journal;
use crate::journal::tables::days::{day_starts, days_from_s, fill_days};
use crate::journal::tables::fill::{Quarters, fill_quarters};
use crate::journal::tables::quarters::{QUARTERS_FROM, quarters_from_s};
use crate::journal::{JournalError, OpContext};
use crate::model::{MonoNs, NS_PER_S, S_PER_DAY, View};

/// Hours that are filled in one commit: some ten milliseconds on a small board.
const HOURS_S: i64 = 48 * 3_600;

/// Local days that are filled in one commit, about.
const DAYS_S: i64 = 16 * S_PER_DAY;

/// Days that are looked at, and that leave, in one piece.
const LOOK_DAYS: i64 = 200;
const LEAVE_S: i64 = 400 * S_PER_DAY;

/// How often the log says how far it has come.
const SAY_NS: i64 = 5 * NS_PER_S;

/// Before the first second of 1970 nothing was counted.
const ALL_S: i64 = 0;

/// What is to be done next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Quarters,
    /// The days after this one are compared with what the zone says today: its rules may have changed.
    Look(i64),
    Days,
    /// Days of zones that were left.
    Leave,
    Nothing,
}

/// What the log says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    what: &'static str,
    /// Where it began, in seconds since 1970.
    newest_s: i64,
    at_ns: MonoNs,
}

/// The stage, stepped by the writer.
#[derive(Debug, Default)]
pub(in crate::journal) struct Backfill {
    next: Next,
    said: Option<Said>,
}

impl Backfill {
    /// One piece of work; true if there is more to do.
    ///
    /// # Errors
    /// When the journal cannot be read or the disk does not take it; nothing of the piece is kept then.
    pub(in crate::journal) fn step(
        &mut self,
        journal: &mut Journal,
        now_ns: MonoNs,
    ) -> Result<bool, JournalError> {
        self.next = match (self.next, journal.day_zone.clone()) {
            (Next::Quarters, _) => self.quarters(journal, now_ns)?,
            (Next::Nothing, _) | (_, None) => Next::Nothing,
            (Next::Look(after_s), Some(zone)) => look(journal, &zone, after_s)?,
            (Next::Days, Some(zone)) => self.days(journal, &zone, now_ns)?,
            (Next::Leave, Some(zone)) => leave(journal, &zone)?,
        };
        Ok(self.next != Next::Nothing)
    }

    fn quarters(&mut self, journal: &Journal, now_ns: MonoNs) -> Result<Next, JournalError> {
        let from_s = quarters_from_s(&journal.connection)?;
        if from_s <= ALL_S {
            return Ok(Next::Look(i64::MIN));
        }
        let hours = "SELECT max(start_s), (SELECT min(start_s) FROM window WHERE view = 3600)
             FROM window WHERE view = 3600 AND start_s < ?1";
        let mut until_s = ALL_S;
        let transaction = begin(journal)?;
        if let Some((newest_s, oldest_s)) = span_before(&transaction, hours, from_s)? {
            let end_s = newest_s + View::Hour.width_s();
            until_s = end_s - HOURS_S;
            fill_quarters(&transaction, (until_s, end_s), &Quarters::new())?;
            self.say("quarter hours", (newest_s, until_s, oldest_s), now_ns);
        }
        let until_s = until_s.max(ALL_S);
        transaction
            .prepare_cached("INSERT OR REPLACE INTO journal VALUES (?1, ?2)")
            .and_then(|mut put| put.execute((QUARTERS_FROM, until_s)))
            .op("keep what is filled")?;
        transaction.commit().op("commit")?;
        self.said = self.said.filter(|_| until_s > ALL_S);
        Ok(Next::Quarters)
    }

    fn days(
        &mut self,
        journal: &Journal,
        zone: &DayZone,
        now_ns: MonoNs,
    ) -> Result<Next, JournalError> {
        let from_s = days_from_s(&journal.connection, zone.row)?;
        if from_s <= ALL_S {
            return Ok(Next::Leave);
        }
        let quarters = "SELECT max(start_s), (SELECT min(start_s) FROM quarter)
             FROM quarter WHERE start_s < ?1";
        let mut until_s = ALL_S;
        let transaction = begin(journal)?;
        if let Some((newest_s, oldest_s)) = span_before(&transaction, quarters, from_s)? {
            until_s = zone.day_start_s(newest_s - DAYS_S);
            fill_days(&transaction, zone, (until_s, zone.day_end_s(newest_s)))?;
            self.say("local days", (newest_s, until_s, oldest_s), now_ns);
        }
        let until_s = until_s.max(ALL_S);
        transaction
            .prepare_cached("UPDATE zone SET days_from_s = ?2 WHERE id = ?1")
            .and_then(|mut put| put.execute((zone.row, until_s)))
            .op("keep what is filled")?;
        transaction.commit().op("commit")?;
        self.said = self.said.filter(|_| until_s > ALL_S);
        Ok(Next::Days)
    }

    /// Says now and then how far it has come.
    fn say(
        &mut self,
        what: &'static str,
        (newest_s, until_s, oldest_s): (i64, i64, i64),
        now_ns: MonoNs,
    ) {
        let known = self.said.filter(|said| said.what == what);
        let mut said = known.unwrap_or(Said {
            what,
            newest_s,
            at_ns: now_ns - SAY_NS,
        });
        if now_ns - said.at_ns >= SAY_NS {
            let all_s = (said.newest_s - oldest_s).max(1);
            let percent = (said.newest_s - until_s).clamp(0, all_s) * 100 / all_s;
            info!(percent, "{what} are filled in from what was counted before");
            said.at_ns = now_ns;
        }
        self.said = Some(said);
    }
}

fn begin(journal: &Journal) -> Result<Transaction<'_>, JournalError> {
    journal
        .connection
        .unchecked_transaction()
        .op("begin a commit")
}

/// The newest start before `before_s` and the oldest of all; None: there is none.
fn span_before(
    connection: &Connection,
    select: &str,
    before_s: i64,
) -> Result<Option<(i64, i64)>, JournalError> {
    connection
        .prepare_cached(select)
        .and_then(|mut select| {
            select.query_row([before_s], |row| {
                let newest_s: Option<i64> = row.get(0)?;
                Ok(newest_s.zip(row.get(1)?))
            })
        })
        .op("be read")
}

/// Compares some of the days that are kept with what the zone says. Where one begins at another time now, all are filled again.
fn look(journal: &mut Journal, zone: &DayZone, after_s: i64) -> Result<Next, JournalError> {
    let starts = day_starts(&journal.connection, (zone.row, after_s), LOOK_DAYS)?;
    if starts
        .iter()
        .any(|start_s| zone.day_start_s(*start_s) != *start_s)
    {
        info!("the rules of the time zone have changed: local days are counted again");
        let kept = DayZone::keep(&journal.connection, zone.calendar.zone(), true)?;
        journal.day_zone = Some(kept);
        return Ok(Next::Days);
    }
    Ok(starts
        .last()
        .map_or(Next::Days, |last_s| Next::Look(*last_s)))
}

/// Deletes some of the days of zones that were left.
fn leave(journal: &Journal, zone: &DayZone) -> Result<Next, JournalError> {
    let connection = &journal.connection;
    let left = span_before(
        connection,
        "SELECT min(zone), (SELECT min(start_s) FROM day WHERE zone = (SELECT min(zone) FROM day))
         FROM day WHERE zone < ?1",
        zone.row,
    )?;
    if let Some((left, first_s)) = left {
        connection
            .execute(
                "DELETE FROM day WHERE zone = ?1 AND start_s < ?2",
                (left, first_s.saturating_add(LEAVE_S)),
            )
            .op("delete days")?;
        return Ok(Next::Leave);
    }
    let others: bool = connection
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM zone WHERE id < ?1)",
            [zone.row],
            |row| row.get(0),
        )
        .op("be read")?;
    if others {
        connection
            .execute("DELETE FROM zone WHERE id < ?1", [zone.row])
            .op("delete days")?;
    }
    Ok(Next::Nothing)
}
