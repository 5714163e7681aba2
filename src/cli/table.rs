//! Columns for people, as wide as what stands in them.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

/// How a column is set, and how wide it is at least, in cells of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// Words.
    Left(usize),
    /// Numbers.
    Right(usize),
}

impl Column {
    fn least(self) -> usize {
        match self {
            Column::Left(least) | Column::Right(least) => least,
        }
    }
}

/// A line of a table.
#[derive(Debug)]
enum TableLine {
    /// Cells, and what follows them and lines up with nothing.
    Row(Vec<String>, String),
    /// A text below the row before.
    Text(String),
}

/// Rows whose columns line up.
#[derive(Debug)]
pub(super) struct Table {
    indent: &'static str,
    columns: Vec<Column>,
    lines: Vec<TableLine>,
}

impl Table {
    /// An empty one; `indent` stands before each row.
    pub(super) fn new(indent: &'static str, columns: &[Column]) -> Table {
        Table {
            indent,
            columns: columns.to_vec(),
            lines: Vec::new(),
        }
    }

    /// Adds a row: its cells, and what follows them.
    pub(super) fn row(&mut self, cells: &[&str], rest: impl Into<String>) {
        let cells = cells.iter().map(|cell| (*cell).to_owned()).collect();
        self.lines.push(TableLine::Row(cells, rest.into()));
    }

    /// Adds a line as it is.
    pub(super) fn text(&mut self, text: impl Into<String>) {
        self.lines.push(TableLine::Text(text.into()));
    }

    /// How wide a column is, in cells of a terminal.
    fn width(&self, at: usize) -> usize {
        let cells = self.lines.iter().filter_map(|line| match line {
            TableLine::Row(cells, _) => cells.get(at),
            TableLine::Text(_) => None,
        });
        let widths = cells.map(|cell| cell.width());
        widths.max().unwrap_or(0).max(self.columns[at].least())
    }

    /// All lines.
    pub(super) fn lines(&self) -> Vec<String> {
        let widths: Vec<usize> = (0..self.columns.len()).map(|at| self.width(at)).collect();
        let row = |cells: &[String], rest: &str| {
            let mut line = self.indent.to_owned();
            for ((cell, column), width) in cells.iter().zip(&self.columns).zip(&widths) {
                let blanks = " ".repeat(width.saturating_sub(cell.width()));
                match column {
                    Column::Left(_) => line.extend([cell, blanks.as_str(), " "]),
                    Column::Right(_) => line.extend([blanks.as_str(), cell, " "]),
                }
            }
            line.push_str(rest);
            line.truncate(line.trim_end().len());
            line
        };
        let lines = self.lines.iter().map(|line| match line {
            TableLine::Row(cells, rest) => row(cells, rest),
            TableLine::Text(text) => text.clone(),
        });
        lines.collect()
    }

    /// Writes all lines.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.lines()
            .iter()
            .try_for_each(|line| writeln!(out, "{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_cells_and_marks_take_none() {
        let mut table = Table::new("", &[Column::Left(4), Column::Right(4)]);
        for name in ["電力量", "Nu\u{308}ll", "a"] {
            table.row(&[name, "7"], "");
        }
        assert_eq!(
            table.lines(),
            ["電力量    7", "Nu\u{308}ll      7", "a         7"]
        );
    }

    #[test]
    fn columns_line_up_by_characters_whatever_stands_in_them() {
        let mut table = Table::new("  ", &[Column::Left(6), Column::Right(3)]);
        table.row(&["Import", "7"], "first");
        table.text("    a note");
        table.row(&["Wärmepumpe", "1,234"], "last");
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "  Import         7 first\n    a note\n  Wärmepumpe 1,234 last\n"
        );
    }

    #[test]
    fn a_column_is_as_wide_as_it_is_to_be_at_least() {
        let mut table = Table::new("", &[Column::Left(4)]);
        table.row(&["a"], "b");
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        assert_eq!(out, b"a    b\n");
    }
}
