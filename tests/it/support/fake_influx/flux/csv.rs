//! Annotated CSV as v2.9.1 writes it (flux `csv/result.go`).

use super::eval::Outcome;
use super::table::{Cell, Table};

/// How the answer is wanted.
#[derive(Debug, Clone)]
pub struct Dialect {
    pub header: bool,
    pub delimiter: char,
    pub annotations: Vec<String>,
}

impl Dialect {
    fn has(&self, annotation: &str) -> bool {
        self.annotations.iter().any(|known| known == annotation)
    }

    fn line(&self, cells: &[String]) -> String {
        let cells: Vec<String> = cells.iter().map(|cell| self.quoted(cell)).collect();
        cells.join(&self.delimiter.to_string()) + "\r\n"
    }

    /// Line breaks in a cell become two characters, as everywhere in the answer.
    fn quoted(&self, cell: &str) -> String {
        let odd = |c: char| c == self.delimiter || matches!(c, '"' | '\n' | '\r');
        if cell == "\\." || cell.contains(odd) || cell.starts_with(char::is_whitespace) {
            let cell = cell.replace('\r', "").replace('\n', "\r\n");
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.to_owned()
        }
    }
}

/// Writes an outcome.
pub fn encode(outcome: &Outcome, dialect: &Dialect) -> String {
    let mut text = String::new();
    for (name, tables) in &outcome.results {
        let mut under = None;
        let filled = tables.iter().filter(|table| !table.rows.is_empty());
        for (n, table) in filled.enumerate() {
            let head = head(name, table, dialect);
            if under.as_ref() != Some(&head) {
                if under.is_some() {
                    text.push_str("\r\n");
                }
                text.push_str(&head.text);
                under = Some(head);
            }
            for row in &table.rows {
                // With a default the name is not repeated.
                let named = if dialect.has("default") { "" } else { name };
                let mut cells = vec![String::new(), named.to_owned(), n.to_string()];
                let values = table.columns.iter();
                cells.extend(values.map(|c| row.get(c).map(Cell::shown).unwrap_or_default()));
                text.push_str(&dialect.line(&cells));
            }
        }
        if under.is_some() {
            text.push_str("\r\n");
        }
    }
    if let Some(message) = &outcome.error {
        text.push_str(&error(message, dialect));
    } else if text.is_empty() {
        text.push_str("\r\n");
    }
    text
}

/// What stands above a table; a new one is written when any of it changes.
#[derive(PartialEq, Eq)]
struct Head {
    columns: Vec<String>,
    types: Vec<String>,
    key: Vec<bool>,
    text: String,
}

fn head(name: &str, table: &Table, dialect: &Dialect) -> Head {
    let type_of = |column: &String| {
        let cell = table.rows.iter().find_map(|row| row.get(column));
        cell.map_or("string", Cell::datatype).to_owned()
    };
    let types: Vec<String> = table.columns.iter().map(type_of).collect();
    let key: Vec<bool> = table
        .columns
        .iter()
        .map(|c| table.key.contains(c))
        .collect();
    let mut text = String::new();
    for annotation in &dialect.annotations {
        let front: [&str; 3] = match annotation.as_str() {
            "datatype" => ["#datatype", "string", "long"],
            "group" => ["#group", "false", "false"],
            _ => ["#default", name, ""],
        };
        let mut cells: Vec<String> = front.map(str::to_owned).to_vec();
        cells.extend((0..types.len()).map(|n| match annotation.as_str() {
            "datatype" => types[n].clone(),
            "group" => key[n].to_string(),
            _ => String::new(),
        }));
        text.push_str(&dialect.line(&cells));
    }
    if dialect.header {
        let mut cells: Vec<String> = ["", "result", "table"].map(str::to_owned).to_vec();
        cells.extend(table.columns.iter().cloned());
        text.push_str(&dialect.line(&cells));
    }
    Head {
        columns: table.columns.clone(),
        types,
        key,
        text,
    }
}

/// The table that tells of an error after the first byte.
pub fn error(message: &str, dialect: &Dialect) -> String {
    let mut text = String::new();
    for annotation in &dialect.annotations {
        let cells = match annotation.as_str() {
            "datatype" => ["#datatype", "string", "string"],
            "group" => ["#group", "true", "true"],
            _ => ["#default", "", ""],
        };
        text.push_str(&dialect.line(&cells.map(str::to_owned)));
    }
    text.push_str(&dialect.line(&["", "error", "reference"].map(str::to_owned)));
    text.push_str(&dialect.line(&["", message, ""].map(str::to_owned)));
    text
}
