//! Reads a text line by line: line protocol, or CSV in one of its forms, which its first line tells.

use std::fs::File;
use std::path::Path;

use super::context::Context;
use super::csv::{self, Columns};
use super::file_kind::{FileKind, SourceError};
use super::text::TextLines;
use super::{Taken, Unclear, line};
use crate::model::TAG;

/// How far a text is read.
pub(super) enum TextReading {
    /// Line protocol.
    Lines,
    /// CSV: the separator if it was declared, the columns if they are known.
    Csv(Option<char>, Option<Box<Columns>>),
}

impl TextReading {
    /// At the begin of a text.
    pub(super) fn of(kind: &FileKind) -> TextReading {
        match kind {
            FileKind::LineProtocol => TextReading::Lines,
            _ => TextReading::Csv(None, None),
        }
    }

    /// The columns of CSV, if they are known.
    pub(super) fn columns(&self) -> Option<&Columns> {
        match self {
            TextReading::Lines => None,
            TextReading::Csv(_, columns) => columns.as_deref(),
        }
    }

    /// Reads a record that says something.
    pub(super) fn line(
        &mut self,
        text: &str,
        context: &Context,
        say: &mut dyn FnMut(Result<Taken<'_>, Unclear>, &str),
    ) {
        let (declared, known) = match self {
            TextReading::Csv(declared, known) => (declared, known),
            TextReading::Lines if is_ddl(text) => {
                return say(Ok(Taken::LeftOut("lines of DDL")), text);
            }
            TextReading::Lines => {
                return match line::parse(text.trim()).map(line::Line::to_nanoseconds) {
                    Ok(line) => say(line.taken(&context.measurement), text),
                    Err(why) => say(Err(why), text),
                };
            }
        };
        let columns = match known {
            None if csv::declared(text).is_some() => {
                *declared = csv::declared(text);
                return;
            }
            None => match Columns::from_first(text, *declared) {
                Ok((columns, true)) => {
                    *known = Some(Box::new(columns));
                    return;
                }
                Ok((columns, false)) => known.insert(Box::new(columns)),
                Err(why) => return say(Err(why), text),
            },
            Some(columns) => columns,
        };
        if let Some(again) = columns.again(text) {
            **columns = again;
            return;
        }
        match csv::parse(text, columns, &context.zone) {
            Ok(row) => say(row.taken(&context.measurement), text),
            Err(why) => say(Err(why), text),
        }
    }
}

/// A line of what `influxd inspect export-lp` writes before the points.
fn is_ddl(text: &str) -> bool {
    text.starts_with("CREATE DATABASE ")
}

/// What a text is, by its first line that says something.
pub(super) fn text_kind(
    path: &Path,
    io: &dyn Fn(std::io::Error) -> SourceError,
    unknown: &dyn Fn(String) -> SourceError,
) -> Result<FileKind, SourceError> {
    let mut lines = File::open(path).and_then(TextLines::open).map_err(io)?;
    let neither = "it is neither an SQLite database, nor what is left of a journal";
    let mut declared = None;
    while lines.next().map_err(io)?.is_some() {
        let text = lines
            .text()
            .map_err(|why| unknown(format!("{neither}, nor text: {why}")))?;
        if text.trim().is_empty() || text.starts_with('#') || is_ddl(text) {
            continue;
        }
        if declared.is_none() && csv::declared(text).is_some() {
            declared = csv::declared(text);
            continue;
        }
        if line::parse(text.trim()).is_ok() || text.contains(&format!(",{TAG}=")) {
            return Ok(FileKind::LineProtocol);
        }
        return match Columns::from_first(text, declared) {
            Ok(_) => Ok(FileKind::Csv),
            Err(why) => Err(unknown(format!(
                "{neither}; as line protocol it is not understood, and as comma-separated values: {why}"
            ))),
        };
    }
    Err(unknown("it is empty".to_owned()))
}
