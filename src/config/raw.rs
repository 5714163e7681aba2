//! `powerlogger.toml` as written: tables of values with their lines, and everything that is no key. Pure.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::catalogue::catalogue;
use super::key::{Form, Key, Takes};
use super::nearest::did_you_mean;
use super::problem::{ConfigPart, ConfigProblem, Origin, Value};
use super::raw_table::RawTable;
use super::syntax::{self, part_of_line, part_of_stray, part_of_table};

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Raw {
    /// The tables.
    pub root: RawTable,
    /// What is wrong.
    pub problems: Vec<ConfigProblem>,
}

/// Reads the text; goes on after each problem.
pub(super) fn parse(text: &str) -> Raw {
    let lines = LineNumbers(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    let broken: Vec<ConfigProblem> = errors
        .iter()
        .map(|error| {
            let line = error.span().map_or(1, |span| lines.number(span.start));
            let written = text.lines().nth(line - 1).unwrap_or_default();
            let message = syntax::explain(written, error.message());
            ConfigProblem::new(Origin::Toml(line), message).of(part_of_line(text, line))
        })
        .collect();
    let mut reader = TableReader {
        lines,
        problems: Vec::new(),
    };
    let mut root = reader.table(catalogue(), 0, document.into_inner());
    let mut problems = reader.problems;
    // A table that is not whole may be one that counting depends on.
    let is_whole = syntax::tables_are_whole(text, root.count("meter"), root.count("journal") > 0);
    let broken = broken.into_iter().map(|problem| match is_whole {
        true => problem,
        false => problem.of(ConfigPart::Counting),
    });
    // One line, one fault: the parser complains of what follows it on the line, too.
    for problem in broken {
        // What can be guessed of a line that is no TOML is for messages; no setting comes of it.
        if problem.part == ConfigPart::Aside {
            root.forget(&problem.origin);
        }
        if problems.iter().all(|known| known.origin != problem.origin) {
            problems.push(problem);
        }
    }
    problems.sort_by(|a, b| a.origin.cmp(&b.origin));
    for problem in &problems {
        if let Origin::Toml(line) = problem.origin {
            if let Some(table) = syntax::known_table_of_line(text, line) {
                root.flaw(table);
            }
        }
    }
    Raw { root, problems }
}

/// Reads tables by their forms.
struct TableReader<'a> {
    lines: LineNumbers<'a>,
    problems: Vec<ConfigProblem>,
}

impl TableReader<'_> {
    fn table(&mut self, form: &'static Form, line: usize, entries: DeTable<'_>) -> RawTable {
        let mut table = RawTable {
            line,
            ..RawTable::default()
        };
        for (name, value) in entries {
            let origin = Origin::Toml(self.lines.number(name.span().start));
            let name = name.into_inner();
            let mut keys = form.written_keys();
            if let Some((own, key)) = keys.find(|(own, _)| *own == name) {
                if let Some(text) = self.text(form, key, &value, &origin) {
                    table.set(own, Value { text, origin });
                }
            } else if let Some(inner) = form.table(&name) {
                let inners = self.tables(inner, &origin, value);
                table.tables.insert(inner.name, inners);
            } else {
                self.unknown(form, &name, value.get_ref(), origin);
            }
        }
        table
    }

    /// The tables of one name, as many as may be.
    fn tables(
        &mut self,
        form: &'static Form,
        origin: &Origin,
        value: Spanned<DeValue<'_>>,
    ) -> Vec<RawTable> {
        let begin = self.lines.number(value.span().start);
        match value.into_inner() {
            DeValue::Table(entries) if !form.is_many => vec![self.table(form, begin, entries)],
            DeValue::Array(entries) if form.is_many => {
                let tables = entries.into_iter();
                tables.filter_map(|entry| self.entry(form, entry)).collect()
            }
            _ => {
                let message = if form.is_many {
                    format!(
                        "a {} is written {}, with two brackets",
                        form.name,
                        form.header()
                    )
                } else {
                    format!(
                        "\"{}\" is a table: {} and below it its keys",
                        form.name,
                        form.header()
                    )
                };
                let problem = ConfigProblem::new(origin.clone(), message);
                self.problems.push(problem.of(form.part));
                Vec::new()
            }
        }
    }

    fn entry(&mut self, form: &'static Form, entry: Spanned<DeValue<'_>>) -> Option<RawTable> {
        let begin = self.lines.number(entry.span().start);
        if let DeValue::Table(entries) = entry.into_inner() {
            return Some(self.table(form, begin, entries));
        }
        let message = format!(
            "a {} is a table: {} and below it its keys",
            form.name,
            form.header()
        );
        let problem = ConfigProblem::new(Origin::Toml(begin), message);
        self.problems.push(problem.of(form.part));
        None
    }

    /// What is neither a key of the table nor a table in it.
    fn unknown(&mut self, form: &Form, name: &str, value: &DeValue<'_>, origin: Origin) {
        let is_root = form.name.is_empty();
        let (part, message) = match value {
            DeValue::Table(_) | DeValue::Array(_) if is_root => {
                let mut hint = did_you_mean(name, form.table_names());
                for table in form.tables.iter().filter(|table| table.is_many) {
                    hint = hint.replace(
                        &format!("\"{}\"?", table.name),
                        &format!("{}?", table.header()),
                    );
                }
                let message = format!("unknown table \"{name}\"{hint}");
                (part_of_table(name), message)
            }
            _ if is_root => {
                let known: Vec<String> =
                    form.table_names().map(|name| format!("[{name}]")).collect();
                let message = format!(
                    "the key \"{name}\" stands in no table; tables are {}",
                    known.join(" ")
                );
                (part_of_stray(name), message)
            }
            _ if name.contains("token") && form.table_key("token").is_none() => {
                let message = "does not belong here: tokens go into .env (INFLUX_TOKEN)";
                (form.part, format!("\"{name}\" {message}"))
            }
            _ => {
                let known = form.written_keys().map(|(own, _)| own);
                let known = known.chain(form.table_names());
                let hint = did_you_mean(name, known);
                let message = format!("unknown key \"{name}\" in {}{hint}", form.header());
                (form.part, message)
            }
        };
        self.problems
            .push(ConfigProblem::new(origin, message).of(part));
    }

    /// A plain value as text, and a list as its texts with commas between; what it must be is judged when the
    /// key is read.
    fn text(
        &mut self,
        form: &Form,
        key: &Key,
        value: &Spanned<DeValue<'_>>,
        origin: &Origin,
    ) -> Option<String> {
        let value = value.get_ref();
        let found = match value {
            DeValue::Array(items) if key.takes == Takes::List => {
                let items: Option<Vec<String>> =
                    items.iter().map(|item| plain(item.get_ref())).collect();
                items.map(|items| items.join(", "))
            }
            value => plain(value),
        };
        if found.is_none() {
            let name = key.name_in_table().unwrap_or(key.name);
            let message = if key.takes == Takes::List && value.is_array() {
                format!("\"{name}\" takes a list of plain values")
            } else {
                format!("\"{name}\" takes one plain value, not {}", value.type_str())
            };
            self.problems
                .push(ConfigProblem::new(origin.clone(), message).of(form.part));
        }
        found
    }
}

/// A plain value as text.
fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Datetime(date) => Some(date.to_string()),
        _ => None,
    }
}

/// Line numbers by byte offset.
struct LineNumbers<'a>(&'a str);

impl LineNumbers<'_> {
    fn number(&self, offset: usize) -> usize {
        let before = &self.0.as_bytes()[..offset.min(self.0.len())];
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

#[cfg(test)]
#[path = "raw_tests.rs"]
mod tests;
