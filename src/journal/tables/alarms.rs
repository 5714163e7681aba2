//! What the alarms have told, and what is still to be told.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Row};

use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::{JournalError, OpContext};
use crate::model::{Alarm, AlarmBook, AlarmEvent};

/// Between the names of receivers: none has it in it.
const BETWEEN: char = '\n';

impl Journal {
    /// Keeps this in place of what was kept, in one commit.
    ///
    /// # Errors
    /// When the disk does not take it; what was kept stays then.
    pub(in crate::journal) fn keep_alarms(&self, book: &AlarmBook) -> Result<(), JournalError> {
        let transaction = self
            .connection
            .unchecked_transaction()
            .op("begin a commit")?;
        put(&transaction, book).op("keep the alarms")?;
        transaction.commit().op("commit")
    }
}

fn put(connection: &Connection, book: &AlarmBook) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM alarm", [])?;
    for alarm in &book.standing {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO alarm (word, subject, severity, since_ns, sentence, remedy)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((
                &alarm.word,
                &alarm.subject,
                &alarm.severity,
                alarm.since_ns,
                &alarm.sentence,
                &alarm.remedy,
            ))?;
    }
    connection.execute("DELETE FROM alarm_event", [])?;
    for event in &book.waiting {
        let waits_for: Vec<&str> = event.waits_for.iter().map(String::as_str).collect();
        let alarm = &event.alarm;
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO alarm_event (id, at_ns, is_end, word, subject, severity, since_ns, sentence, remedy,
                     waits_for)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute((
                event.id,
                event.at_ns,
                event.is_end,
                &alarm.word,
                &alarm.subject,
                &alarm.severity,
                alarm.since_ns,
                &alarm.sentence,
                &alarm.remedy,
                waits_for.join(&BETWEEN.to_string()),
            ))?;
    }
    connection.execute(
        "INSERT OR REPLACE INTO journal VALUES ('alarm_id', ?1)",
        [book.last_id],
    )?;
    connection.execute("DELETE FROM alarm_lost", [])?;
    for (meter, pulses) in &book.lost {
        let pulses = i64::try_from(*pulses).unwrap_or(i64::MAX);
        connection
            .prepare_cached("INSERT OR REPLACE INTO alarm_lost (meter, pulses) VALUES (?1, ?2)")?
            .execute((meter, pulses))?;
    }
    Ok(())
}

/// An alarm from a row in which column number `from` is its word.
fn alarm(row: &Row<'_>, from: usize) -> rusqlite::Result<Alarm> {
    Ok(Alarm {
        word: row.get(from)?,
        subject: row.get(from + 1)?,
        severity: row.get(from + 2)?,
        since_ns: row.get(from + 3)?,
        sentence: row.get(from + 4)?,
        remedy: row.get(from + 5)?,
    })
}

impl Reader {
    /// What the alarms of earlier runs have left.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn alarm_book(&self) -> Result<AlarmBook, JournalError> {
        let read = || -> rusqlite::Result<AlarmBook> {
            let mut standing = self.connection.prepare(
                "SELECT word, subject, severity, since_ns, sentence, remedy FROM alarm ORDER BY word, subject",
            )?;
            let standing = standing.query_map([], |row| alarm(row, 0))?;
            let mut waiting = self.connection.prepare(
                "SELECT id, at_ns, is_end, waits_for, word, subject, severity, since_ns, sentence, remedy
                 FROM alarm_event ORDER BY id",
            )?;
            let waiting = waiting.query_map([], |row| {
                let waits_for: String = row.get(3)?;
                let names = waits_for.split(BETWEEN).filter(|name| !name.is_empty());
                Ok(AlarmEvent {
                    id: row.get(0)?,
                    at_ns: row.get(1)?,
                    is_end: row.get(2)?,
                    alarm: alarm(row, 4)?,
                    waits_for: names.map(str::to_owned).collect::<BTreeSet<_>>(),
                })
            })?;
            let mut lost = self
                .connection
                .prepare("SELECT meter, pulses FROM alarm_lost")?;
            let lost = lost.query_map([], |row| {
                let pulses: i64 = row.get(1)?;
                Ok((row.get(0)?, u64::try_from(pulses).unwrap_or(0)))
            })?;
            let last_id = self.connection.query_row(
                "SELECT coalesce((SELECT value FROM journal WHERE key = 'alarm_id'), 0)",
                [],
                |row| row.get(0),
            )?;
            Ok(AlarmBook {
                last_id,
                standing: standing.collect::<Result<_, _>>()?,
                waiting: waiting.collect::<Result<_, _>>()?,
                lost: lost.collect::<Result<BTreeMap<_, _>, _>>()?,
            })
        };
        read().op("be read")
    }

    /// How many alarms are not told everywhere yet.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn alarms_undelivered(&self) -> Result<usize, JournalError> {
        let read = "SELECT count(*) FROM alarm_event";
        let count: i64 = self
            .connection
            .query_row(read, [], |row| row.get(0))
            .op("be read")?;
        Ok(usize::try_from(count).unwrap_or(0))
    }
}
