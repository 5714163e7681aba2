//! Tables, and what makes other tables of them. Names, order of columns and group keys are those of
//! v2.9.1, where it matters whether storage does the work or memory does.

use std::collections::BTreeMap;

use super::parse::Expr;
use crate::support::fake_influx::lines::Value;
use crate::support::fake_influx::store::Store;

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    Integer(i64),
    Unsigned(u64),
    /// As it is written: no test calculates with it.
    Float(String),
    Boolean(bool),
    Text(String),
    Time(i64),
}

impl Cell {
    fn of(value: &Value) -> Cell {
        match value {
            Value::Integer(value) => Cell::Integer(*value),
            Value::Unsigned(value) => Cell::Unsigned(*value),
            Value::Float(value) => Cell::Float(value.to_string()),
            Value::Boolean(value) => Cell::Boolean(*value),
            Value::Text(text) => Cell::Text(text.clone()),
        }
    }

    /// As it stands in CSV, unquoted.
    pub fn shown(&self) -> String {
        match self {
            Cell::Integer(value) => value.to_string(),
            Cell::Unsigned(value) => value.to_string(),
            Cell::Boolean(value) => value.to_string(),
            Cell::Float(text) | Cell::Text(text) => text.clone(),
            Cell::Time(ns) => jiff::Timestamp::from_nanosecond(i128::from(*ns))
                .expect("a time")
                .to_string(),
        }
    }

    /// Its type in the annotation `#datatype`.
    pub fn datatype(&self) -> &'static str {
        match self {
            Cell::Integer(_) => "long",
            Cell::Unsigned(_) => "unsignedLong",
            Cell::Float(_) => "double",
            Cell::Boolean(_) => "boolean",
            Cell::Text(_) => "string",
            Cell::Time(_) => "dateTime:RFC3339",
        }
    }

    /// Flux's word for its type.
    fn type_name(&self) -> &'static str {
        match self {
            Cell::Integer(_) => "int",
            Cell::Unsigned(_) => "uint",
            Cell::Float(_) => "float",
            Cell::Boolean(_) => "bool",
            Cell::Text(_) => "string",
            Cell::Time(_) => "time",
        }
    }
}

/// A row: a column that is missing is null.
pub type Row = BTreeMap<String, Cell>;

/// A table: its rows agree in the columns of the key.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub columns: Vec<String>,
    pub key: Vec<String>,
    pub rows: Vec<Row>,
}

/// Who does the work: storage, for what stands at the front of a pipeline, or memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Read,
    Grouped,
    Memory,
}

/// Why it cannot be done: the message of a 400.
pub type Refused = String;

const FRONT: [&str; 4] = ["_start", "_stop", "_time", "_value"];

/// A bucket's points of a time, a table for each series and field.
pub fn read(store: &Store, bucket: &str, start: i64, stop: i64) -> Vec<Table> {
    let mut tables: BTreeMap<Vec<(String, Cell)>, Table> = BTreeMap::new();
    for ((series, time), point) in store.points(bucket) {
        if *time < start || *time >= stop {
            continue;
        }
        let tags = columns_of(series);
        for (field, value) in &point.fields {
            let mut row = tags.clone();
            row.insert("_field".to_owned(), Cell::Text(field.clone()));
            let names: Vec<String> = row.keys().cloned().collect();
            // By measurement, tags and field, as storage keeps them.
            let mut order: Vec<(String, Cell)> = row.clone().into_iter().collect();
            order.sort_by_key(|(name, _)| match name.as_str() {
                "_measurement" => (0, String::new()),
                "_field" => (2, String::new()),
                name => (1, name.to_owned()),
            });
            row.insert("_time".to_owned(), Cell::Time(*time));
            row.insert("_value".to_owned(), Cell::of(value));
            row.insert("_start".to_owned(), Cell::Time(start));
            row.insert("_stop".to_owned(), Cell::Time(stop));
            let table = tables.entry(order).or_insert_with(|| Table {
                columns: FRONT
                    .iter()
                    .map(|n| (*n).to_owned())
                    .chain(names.clone())
                    .collect(),
                key: FRONT[..2]
                    .iter()
                    .map(|n| (*n).to_owned())
                    .chain(names)
                    .collect(),
                rows: Vec::new(),
            });
            table.rows.push(row);
        }
    }
    tables.into_values().collect()
}

/// Measurement and tags of a series, unescaped.
fn columns_of(series: &str) -> Row {
    let mut parts = vec![String::new()];
    let mut chars = series.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ (',' | ' ')) => parts.last_mut().expect("one").push(c),
                Some('=') => parts.last_mut().expect("one").push('\u{0}'),
                Some(c) => parts.last_mut().expect("one").extend(['\\', c]),
                None => parts.last_mut().expect("one").push('\\'),
            },
            ',' => parts.push(String::new()),
            c => parts.last_mut().expect("one").push(c),
        }
    }
    let text = |text: &str| Cell::Text(text.replace('\u{0}', "="));
    let mut row = Row::from([("_measurement".to_owned(), text(&parts[0]))]);
    for part in &parts[1..] {
        let (key, value) = part.split_once('=').expect("a tag");
        row.insert(key.replace('\u{0}', "="), text(value));
    }
    row
}

/// Puts rows with the same key into one table.
pub fn merge(
    function: &str,
    tables: impl IntoIterator<Item = Table>,
) -> Result<Vec<Table>, Refused> {
    let mut merged: BTreeMap<Vec<(String, bool, Option<Cell>)>, Table> = BTreeMap::new();
    for table in tables {
        for row in table.rows {
            // Null comes last.
            let mut key: Vec<(String, bool, Option<Cell>)> = table
                .key
                .iter()
                .map(|name| {
                    (
                        name.clone(),
                        !row.contains_key(name),
                        row.get(name).cloned(),
                    )
                })
                .collect();
            key.sort();
            let into = merged.entry(key).or_insert_with(|| Table {
                columns: Vec::new(),
                key: table.key.clone(),
                rows: Vec::new(),
            });
            for name in &table.columns {
                if !into.columns.contains(name) {
                    into.columns.push(name.clone());
                }
            }
            into.rows.push(row);
        }
    }
    for table in merged.values() {
        for column in &table.columns {
            let mut cells = table.rows.iter().filter_map(|row| row.get(column));
            let first = cells.next();
            let other = cells.find(|cell| Some(cell.datatype()) != first.map(Cell::datatype));
            if let (Some(first), Some(other)) = (first, other) {
                let (a, b) = (other.type_name(), first.type_name());
                return Err(format!(
                    "{function}: schema collision detected: column {column:?} is both of type {a} and {b}"
                ));
            }
        }
    }
    Ok(merged.into_values().collect())
}

/// Keeps the rows that a function says yes to, and the tables that have any.
pub fn filter(stage: Stage, mut tables: Vec<Table>, body: &Expr) -> Result<Vec<Table>, Refused> {
    for table in &mut tables {
        let mut kept = Vec::new();
        for row in std::mem::take(&mut table.rows) {
            if holds(stage, body, &row)? == Some(true) {
                kept.push(row);
            }
        }
        table.rows = kept;
    }
    tables.retain(|table| !table.rows.is_empty());
    Ok(tables)
}

/// None: null, which is neither. Storage takes a missing tag for an empty one, memory for null.
fn holds(stage: Stage, expr: &Expr, row: &Row) -> Result<Option<bool>, Refused> {
    let column = |expr: &Expr| match expr {
        Expr::Member(row, column) if **row == Expr::Name("r".to_owned()) => Ok(column.clone()),
        Expr::Member(other, _) => match &**other {
            Expr::Name(name) => Err(format!("error @: undefined identifier {name}")),
            other => Err(format!("the fake does not know a filter by {other:?}")),
        },
        other => Err(format!("the fake does not know a filter by {other:?}")),
    };
    match expr {
        Expr::Exists(inner) => Ok(Some(row.contains_key(&column(inner)?))),
        Expr::Binary("and", left, right) => {
            let (left, right) = (holds(stage, left, row)?, holds(stage, right, row)?);
            Ok(Some(left == Some(true) && right == Some(true)))
        }
        Expr::Binary("or", left, right) => {
            let (left, right) = (holds(stage, left, row)?, holds(stage, right, row)?);
            Ok(Some(left == Some(true) || right == Some(true)))
        }
        Expr::Binary(sign, left, right) => {
            let name = column(left)?;
            let wanted = match &**right {
                Expr::Text(text) => Cell::Text(text.clone()),
                Expr::Integer(value) => Cell::Integer(*value),
                other => return Err(format!("the fake does not compare with {other:?}")),
            };
            let found = match row.get(&name) {
                Some(found) => found.clone(),
                None if stage == Stage::Read => Cell::Text(String::new()),
                None => return Ok(None),
            };
            if found.datatype() != wanted.datatype() {
                return Err(format!(
                    "the fake does not compare {found:?} with {wanted:?}"
                ));
            }
            Ok(Some(match *sign {
                "==" => found == wanted,
                "!=" => found != wanted,
                "<" => found < wanted,
                ">" => found > wanted,
                "<=" => found <= wanted,
                ">=" => found >= wanted,
                other => return Err(format!("the fake does not know {other}")),
            }))
        }
        other => Err(format!("the fake does not know a filter by {other:?}")),
    }
}

/// Gives tables another key. Storage keeps the range's bounds in it.
pub fn group(stage: Stage, tables: Vec<Table>, wanted: &[String]) -> Result<Vec<Table>, Refused> {
    let mut order: Vec<String> = Vec::new();
    if stage == Stage::Read {
        order.extend(FRONT[..2].iter().map(|name| (*name).to_owned()));
    }
    for name in wanted {
        if !order.contains(name) {
            order.push(name.clone());
        }
    }
    let regrouped = tables.into_iter().map(|mut table| {
        let known = |name: &&String| stage == Stage::Read || table.columns.contains(name);
        table.key = order.iter().filter(known).cloned().collect();
        table
    });
    merge("group", regrouped)
}

/// Leaves columns out; what then has the same key becomes one table.
pub fn select_columns(
    function: &str,
    tables: Vec<Table>,
    stays: impl Fn(&str) -> bool,
) -> Result<Vec<Table>, Refused> {
    let narrowed = tables.into_iter().map(|mut table| {
        table.columns.retain(|name| stays(name));
        table.key.retain(|name| stays(name));
        for row in &mut table.rows {
            row.retain(|name, _| stays(name));
        }
        table
    });
    merge(function, narrowed)
}

/// Gives a column the same text in all rows.
pub fn set(tables: Vec<Table>, key: &str, value: &str) -> Result<Vec<Table>, Refused> {
    let changed = tables.into_iter().map(|mut table| {
        if !table.columns.iter().any(|name| name == key) {
            table.columns.push(key.to_owned());
        }
        for row in &mut table.rows {
            row.insert(key.to_owned(), Cell::Text(value.to_owned()));
        }
        table
    });
    merge("set", changed)
}

/// The number or the sum of some rows' values.
pub fn total(function: &str, rows: &[&Row]) -> Result<i64, Refused> {
    let mut sum = 0_i64;
    for row in rows {
        match (function, row.get("_value")) {
            (_, None) => return Err(format!("{function}: column \"_value\" does not exist")),
            ("count", Some(_)) => sum += 1,
            ("sum", Some(Cell::Integer(value))) => sum += value,
            ("sum", Some(Cell::Text(_))) => {
                return Err("unsupported input type for sum aggregate: string".to_owned());
            }
            (_, Some(other)) => return Err(format!("the fake does not {function} {other:?}")),
        }
    }
    Ok(sum)
}

/// Makes one row of each table: its key, and the number or sum of its values.
pub fn aggregate(stage: Stage, tables: Vec<Table>, function: &str) -> Result<Vec<Table>, Refused> {
    let mut totals = Vec::new();
    for table in tables {
        let value = total(function, &table.rows.iter().collect::<Vec<_>>())?;
        let mut row = table.rows.first().cloned().unwrap_or_default();
        row.retain(|name, _| table.key.contains(name));
        row.insert("_value".to_owned(), Cell::Integer(value));
        let mut columns = table.key.clone();
        let at = if stage == Stage::Memory {
            columns.len()
        } else {
            2
        };
        columns.insert(at, "_value".to_owned());
        totals.push(Table {
            columns,
            key: table.key,
            rows: vec![row],
        });
    }
    Ok(totals)
}

/// Leaves one row of each table. Storage goes by time, memory by the order of the rows.
pub fn select_row(
    stage: Stage,
    mut tables: Vec<Table>,
    function: &str,
) -> Result<Vec<Table>, Refused> {
    for table in &mut tables {
        let rows = std::mem::take(&mut table.rows);
        let column = if ["min", "max"].contains(&function) {
            "_value"
        } else {
            "_time"
        };
        if (column == "_value" || stage != Stage::Memory)
            && !rows.iter().all(|row| row.contains_key(column))
        {
            return Err(format!("{function}: column {column:?} does not exist"));
        }
        let by = |a: &&Row, b: &&Row| a.get(column).cmp(&b.get(column));
        let chosen = match (function, stage) {
            ("first", Stage::Memory) => rows.first(),
            ("last", Stage::Memory) => rows.last(),
            ("first" | "min", _) => rows.iter().min_by(by),
            // The first among equals: max_by would take the last.
            (_, _) => rows.iter().rev().max_by(by),
        };
        table.rows = chosen.cloned().into_iter().collect();
    }
    Ok(tables)
}
