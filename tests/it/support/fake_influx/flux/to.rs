//! `to`: tables written as points.

use std::fmt::Write as _;

use super::eval::{Failed, Run};
use super::stream::Place;
use super::table::{Cell, Row, Table};

/// Writes tables as points: all texts but measurement and field are tags. Some: what was refused.
pub fn write(
    tables: &[Table],
    place: &Place,
    target: Option<String>,
    run: &mut Run<'_>,
) -> Result<Option<String>, Failed> {
    let mut body = String::new();
    for table in tables {
        let has = |name: &str| table.columns.iter().any(|column| column == name);
        let missing = [
            ("_time", "no time column detected"),
            ("_measurement", "no column with label _measurement exists"),
            ("_field", "table has no _field column"),
            ("_value", "the fake writes only _value"),
        ];
        // The real one looks for the measurement before it looks for the time.
        let order = [1, 0, 2, 3].map(|n| missing[n]);
        if let Some((_, why)) = order.iter().find(|(name, _)| !has(name)) {
            return Err(Failed::invalid(format!("runtime error @: to: {why}")));
        }
        for row in &table.rows {
            body.push_str(&line(row));
        }
    }
    let Some(target) = target else {
        let (Place::Name(id) | Place::Id(id)) = place;
        return Ok(Some(format!("database not found: {id}")));
    };
    let reply = run.store.insert(&target, body.as_bytes(), run.real_ns);
    if reply.status < 300 {
        return Ok(None);
    }
    let message = reply.message();
    let bare = message.strip_prefix("failure writing points to database: ");
    Ok(Some(bare.unwrap_or(&message).to_owned()))
}

/// A row as a line of line protocol; nothing of one that has no time or no value.
fn line(row: &Row) -> String {
    let (Some(Cell::Time(time)), Some(value)) = (row.get("_time"), row.get("_value")) else {
        return String::new();
    };
    let escape = |text: &str| text.replace(',', "\\,").replace(' ', "\\ ");
    let tag = |text: &str| escape(text).replace('=', "\\=");
    let text = |name: &str| row.get(name).map(Cell::shown).unwrap_or_default();
    let mut line = escape(&text("_measurement"));
    for (name, cell) in row.iter().filter(|(name, _)| !name.starts_with('_')) {
        match cell {
            Cell::Text(text) if !text.is_empty() => {
                write!(line, ",{}={}", tag(name), tag(text)).expect("a string takes everything");
            }
            _ => {}
        }
    }
    let value = match value {
        Cell::Integer(value) => format!("{value}i"),
        Cell::Unsigned(value) => format!("{value}u"),
        Cell::Text(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        other => other.shown(),
    };
    let field = tag(&text("_field"));
    line + &format!(" {field}={value} {time}\n")
}
