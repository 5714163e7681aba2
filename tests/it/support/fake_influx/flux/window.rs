//! `aggregateWindow`: windows aligned to 1970 and cut to the range.

use std::collections::BTreeMap;

use super::table::{Cell, Refused, Row, Stage, Table, total};

/// What `aggregateWindow` was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub every_ns: i64,
    pub function: &'static str,
    /// Stamped with the window's start, not its end.
    pub at_start: bool,
}

/// Makes one row of each window of each table that has any.
pub fn aggregate_window(
    stage: Stage,
    tables: Vec<Table>,
    (start, stop): (i64, i64),
    window: Window,
) -> Result<Vec<Table>, Refused> {
    let mut windowed = Vec::new();
    for table in tables {
        let mut windows: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
        for row in &table.rows {
            let Some(Cell::Time(time)) = row.get("_time") else {
                return Err("runtime error: no time column: _time".to_owned());
            };
            if *time < start || *time >= stop {
                // The real one makes a row of nothing at the start of the range from these.
                return Err("the fake does not window points that lie outside the range".to_owned());
            }
            if !row.contains_key("_value") {
                return Err("runtime error: column \"_value\" does not exist".to_owned());
            }
            let begins = time - time.rem_euclid(window.every_ns);
            windows.entry(begins).or_default().push(row);
        }
        let (mut key, mut columns) = (table.key.clone(), table.columns.clone());
        if stage != Stage::Read {
            for bound in ["_start", "_stop"] {
                if !key.iter().any(|name| name == bound) {
                    key.push(bound.to_owned());
                }
            }
            columns = vec!["_time".to_owned()];
            columns.extend(key.iter().cloned());
            columns.push("_value".to_owned());
        }
        let mut rows = Vec::new();
        for (begins, inside) in windows {
            // The first and the last one are cut to the range.
            let time = if window.at_start {
                begins.max(start)
            } else {
                (begins + window.every_ns).min(stop)
            };
            let value = total(window.function, &inside)?;
            let mut row = inside[0].clone();
            row.retain(|name, _| key.contains(name));
            row.insert("_start".to_owned(), Cell::Time(start));
            row.insert("_stop".to_owned(), Cell::Time(stop));
            row.insert("_time".to_owned(), Cell::Time(time));
            row.insert("_value".to_owned(), Cell::Integer(value));
            rows.push(row);
        }
        windowed.push(Table { columns, key, rows });
    }
    Ok(windowed)
}
