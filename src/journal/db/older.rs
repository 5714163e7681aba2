//! Reads a journal of an older schema as if it were of this one, without writing to it: a command may come
//! before the daemon that brings it up to date, and a backup may stay as old as it is.
//!
//! What the newer steps add is laid over the file for this connection alone: a table that is missing is a
//! temporary one, empty but for what was lost before it was known when, a column that is missing has its default, in a temporary view of the table's name.

use std::collections::BTreeMap;

use rusqlite::{Connection, OpenFlags};

use crate::journal::db::migrations::{DATE_LEDGER, MIGRATIONS};
use crate::journal::{JournalError, OpContext};

/// A column's name, and the SQL of its default.
type Column = (String, String);

/// Lays what this schema has more over the older one of `connection`.
///
/// # Errors
/// When the journal cannot be read.
pub(in crate::journal) fn lay_over(connection: &Connection) -> Result<(), JournalError> {
    let model = model()?;
    connection
        .pragma_update(None, "temp_store", "MEMORY")
        .op("be set up")?;
    let there = tables(connection)?;
    for (table, sql) in tables(&model)? {
        if !there.contains_key(&table) {
            let made = sql.replacen("CREATE TABLE", "CREATE TEMP TABLE", 1);
            connection.execute_batch(&made).op("be read")?;
            if table == "ledger_quarter" {
                connection.execute_batch(DATE_LEDGER).op("be read")?;
            }
            continue;
        }
        let known = columns(connection, &table)?;
        let missing: Vec<Column> = columns(&model, &table)?
            .into_iter()
            .filter(|column| !known.iter().any(|(name, _)| *name == column.0))
            .collect();
        if missing.is_empty() {
            continue;
        }
        let mut all: Vec<String> = known
            .into_iter()
            .map(|(name, _)| format!("\"{name}\""))
            .collect();
        all.extend(
            missing
                .into_iter()
                .map(|(name, default)| format!("{default} AS \"{name}\"")),
        );
        let all = all.join(", ");
        connection
            .execute_batch(&format!(
                "CREATE TEMP VIEW \"{table}\" AS SELECT {all} FROM main.\"{table}\""
            ))
            .op("be read")?;
    }
    Ok(())
}

/// An empty journal of the newest schema.
#[expect(
    clippy::disallowed_methods,
    reason = "it is in memory, and no journal of anybody's"
)]
fn model() -> Result<Connection, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let model = Connection::open_with_flags(":memory:", flags).op("be read")?;
    for step in MIGRATIONS {
        model.execute_batch(step).op("be read")?;
    }
    Ok(model)
}

/// The tables, and how they are made.
fn tables(connection: &Connection) -> Result<BTreeMap<String, String>, JournalError> {
    connection
        .prepare(
            "SELECT name, sql FROM main.sqlite_schema
             WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
        )
        .and_then(|mut select| select.query_map([], |row| row.try_into())?.collect())
        .op("be read")
}

fn columns(connection: &Connection, table: &str) -> Result<Vec<Column>, JournalError> {
    connection
        .prepare("SELECT name, coalesce(dflt_value, 'NULL') FROM pragma_table_info(?1, 'main')")
        .and_then(|mut select| select.query_map([table], |row| row.try_into())?.collect())
        .op("be read")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::db::open;
    use crate::journal::handles::reader::Reader;
    use crate::journal::{Grain, ReadFrom};
    use crate::model::{DestinationRow, IdRange, MeterRow, Spans, View, WallNs};

    #[expect(clippy::disallowed_methods, reason = "an older program's journal")]
    fn journal_of(steps: usize) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let old = Connection::open(crate::journal::file_in(dir.path())).unwrap();
        old.pragma_update(None, "journal_mode", "wal").unwrap();
        for step in &MIGRATIONS[..steps] {
            old.execute_batch(step).unwrap();
        }
        old.execute_batch(
            "INSERT INTO meter VALUES (1, 'Import');
             INSERT INTO ledger VALUES (1, 'memory_full', 4, 1078, 1079);
             INSERT INTO clock_segment (id, boot_id, begins_ns, offset_ns, trust)
                 VALUES (1, 'boot', 5, 1000, 3);
             INSERT INTO pulse VALUES (1, 1, 1, 77, 0), (2, 1, 1, 78, 0);
             INSERT INTO line (meter, pulses, last_segment, last_mono_ns) VALUES (1, 2, 1, 78);
             INSERT INTO destination (name) VALUES ('there');",
        )
        .unwrap();
        old.pragma_update(None, "user_version", i64::try_from(steps).unwrap())
            .unwrap();
        dir
    }

    #[test]
    fn every_older_schema_is_read_and_left_as_it_is() {
        for steps in 1..=MIGRATIONS.len() {
            let dir = journal_of(steps);
            let mut reader = Reader::open(dir.path()).unwrap();
            let known = reader.clock_of_boot("boot").unwrap().unwrap();
            let stood = known.stood.unwrap();
            assert_eq!((stood.offset_ns, stood.slept_ns), (1000, 0), "{steps}");
            assert_eq!(reader.totals().unwrap()[0].pulses, 2);
            assert_eq!(
                reader.page(IdRange::of(1, 9), 9).unwrap().entries[1].wall_ns,
                WallNs(1078)
            );
            assert!(reader.readings("Import").unwrap().is_empty());
            let theirs = crate::model::Reading {
                at_ns: WallNs(1),
                pulses: 1,
                shown: 1.0,
                worth: crate::model::PulseWorth::of_kwh(1.0),
                adopted: true,
                digits: None,
                exchange: None,
                serial: None,
            };
            assert_eq!(
                reader
                    .new_readings(&[(0, theirs)], &[Some(MeterRow(1))])
                    .unwrap(),
                1
            );
            // No report of its time is complete.
            let is_dated = reader.dated_ledger().unwrap() == reader.ledger().unwrap();
            assert!(is_dated || steps >= 18, "{steps}");
            assert!(reader.tallies().unwrap().is_empty());
            assert!(reader.factors().unwrap().is_empty());
            assert!(reader.mqtt_kept().unwrap().meters.is_empty());
            assert_eq!(reader.alarm_book().unwrap(), Default::default());
            assert_eq!(reader.elapsed("boot").unwrap(), None);
            assert!(reader.windows(View::Hour, 0, 9).unwrap().is_empty());
            let filled = reader.filled(&jiff::tz::TimeZone::UTC).unwrap();
            let known = ReadFrom {
                now_s: 9,
                filled,
                split_days: Spans::default(),
            };
            let counted = reader.counted_parts(&[0, 9], Grain::Day, &known).unwrap();
            // They are in no window yet.
            assert_eq!(counted[0].pulses, [2], "{steps}");
            assert!(reader.unwatched().unwrap().is_empty());
            assert_eq!(reader.views_state(DestinationRow(1)).unwrap().state, "");
            assert_eq!(reader.quick_check().unwrap(), None);
            drop(reader);
            let found: i64 = open::open_raw(dir.path())
                .unwrap()
                .pragma_query_value(None, "user_version", |row| row.get(0))
                .unwrap();
            assert_eq!(found, i64::try_from(steps).unwrap());
        }
    }
}
