//! Looks whether the file is intact, in pieces: one statement over all of it would read for minutes on a card,
//! and while it does no checkpoint gets past it.

use rusqlite::{Connection, Row, Statement, ToSql, params_from_iter};

use crate::journal::handles::reader::Reader;
use crate::journal::{JournalError, OpContext};

/// Rows a piece: some ten milliseconds, a few tenths of a second on a slow card.
const PIECE_ROWS: usize = 5_000;

/// The tables that grow with the pulses, and the columns of their keys. They are read row by row.
const LARGE: [(&str, &[&str]); 3] = [
    ("pulse", &["id"]),
    ("window", &["view", "start_s", "meter"]),
    ("quarter", &["start_s", "meter"]),
];

impl Reader {
    /// Looks whether the file is intact; the first damage found, if there is any. No read lasts long.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn quick_check(&self) -> Result<Option<String>, JournalError> {
        let tables: Vec<String> = self
            .connection
            .prepare(
                "SELECT name FROM main.sqlite_schema
                 WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
            )
            .and_then(|mut select| select.query_map([], |row| row.get(0))?.collect())
            .op("be checked")?;
        for table in tables {
            let large = LARGE.iter().find(|(name, _)| *name == table);
            let checked = match large {
                Some((_, key)) => read_all(&self.connection, &table, key),
                None => check_table(&self.connection, &table),
            };
            match checked {
                Ok(None) => {}
                Err(damaged) if damaged.is_corrupt() => {
                    let cause = std::error::Error::source(&damaged).map(ToString::to_string);
                    return Ok(Some(format!("{table}: {}", cause.unwrap_or_default())));
                }
                found => return found,
            }
        }
        Ok(None)
    }
}

/// SQLite's own check of a small table.
fn check_table(connection: &Connection, table: &str) -> Result<Option<String>, JournalError> {
    let found: String = connection
        .query_row(
            &format!("PRAGMA main.quick_check(\"{table}\")"),
            [],
            |row| row.get(0),
        )
        .op("be checked")?;
    Ok((found != "ok").then_some(found))
}

/// Reads every row of a table in the order of its key, a piece at a time. A row that cannot be decoded, or is
/// out of order, is damage.
fn read_all(
    connection: &Connection,
    table: &str,
    key: &[&str],
) -> Result<Option<String>, JournalError> {
    let columns = key.join(", ");
    let marks: Vec<String> = (1..=key.len()).map(|n| format!("?{n}")).collect();
    let marks = marks.join(", ");
    let select = format!(
        "SELECT {columns}, * FROM main.\"{table}\" WHERE ({columns}) > ({marks})
         ORDER BY {columns} LIMIT {PIECE_ROWS}"
    );
    let mut select = connection.prepare(&select).op("be checked")?;
    let mut last = vec![i64::MIN; key.len()];
    loop {
        let (rows, in_order) = read_piece(&mut select, &mut last).op("be checked")?;
        if !in_order {
            return Ok(Some(format!("{table}: rows out of order at {last:?}")));
        }
        if rows < PIECE_ROWS {
            return Ok(None);
        }
    }
}

/// Reads the rows after `last`, and moves it on. Returns how many there were, and whether their keys grew.
fn read_piece(select: &mut Statement<'_>, last: &mut Vec<i64>) -> rusqlite::Result<(usize, bool)> {
    let after: Vec<&dyn ToSql> = last.iter().map(|part| part as &dyn ToSql).collect();
    let width = select.column_count();
    let mut found = select.query(params_from_iter(after))?;
    let (mut rows, mut newest) = (0, last.clone());
    while let Some(row) = found.next()? {
        let key = key_of(row, last.len())?;
        for column in last.len()..width {
            row.get_ref(column)?;
        }
        if key <= newest {
            drop(found);
            *last = key;
            return Ok((rows, false));
        }
        newest = key;
        rows += 1;
    }
    drop(found);
    *last = newest;
    Ok((rows, true))
}

fn key_of(row: &Row<'_>, parts: usize) -> rusqlite::Result<Vec<i64>> {
    (0..parts).map(|part| row.get(part)).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::*;
    use crate::clock::segment::Trust;
    use crate::journal::handles::journal::Journal;
    use crate::journal::tests::{WALL, names, pending, pulses, segment};

    fn journal(pulses_there: i64) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path(), &names(), "boot", WALL).unwrap();
        journal
            .commit(&pending(
                vec![segment(0, WALL, Trust::Synchronised)],
                pulses(0, 0, pulses_there),
            ))
            .unwrap();
        journal
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
        dir
    }

    #[test]
    fn a_whole_journal_is_found_whole_over_several_pieces() {
        for pulses in [0, 1, 5_000, 12_345] {
            let dir = journal(pulses);
            let reader = Reader::open(dir.path()).unwrap();
            assert_eq!(reader.quick_check().unwrap(), None, "{pulses}");
        }
    }

    #[test]
    fn damage_far_inside_is_found() {
        let dir = journal(12_345);
        let path = crate::journal::file_in(dir.path());
        let pages = std::fs::metadata(&path).unwrap().len() / 512;
        let mut file = std::fs::File::options().write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(pages / 2 * 512)).unwrap();
        file.write_all(&[0x5a; 512]).unwrap();
        drop(file);
        let reader = Reader::open(dir.path()).unwrap();
        let found = reader.quick_check().unwrap().unwrap();
        assert!(found.starts_with("pulse: "), "{found}");
    }
}
