//! Records of a text: a line each, or several lines where a quoted cell of CSV goes over them.

use std::collections::VecDeque;
use std::fs::File;
use std::io;

use super::csv::Columns;
use super::text::{LINE_BYTES_MAX, TextLines};

/// The most lines of a record: a quote that is never closed must not take the rows behind it along.
const RECORD_LINES_MAX: usize = 64;

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// The number of its first line.
    pub(super) number: i64,
    /// About how many bytes of the file it takes.
    pub(super) bytes: u64,
    /// What it says, or why that cannot be told.
    pub(super) text: Result<String, &'static str>,
}

/// The records of a file, one after another.
pub(super) struct Records {
    lines: TextLines,
    /// Lines that were read ahead and belong to no record that was begun.
    ahead: VecDeque<Record>,
}

impl Records {
    pub(super) fn open(file: File) -> io::Result<Records> {
        Ok(Records {
            lines: TextLines::open(file)?,
            ahead: VecDeque::new(),
        })
    }

    /// The next record. `columns`: of CSV, as soon as they are known.
    pub(super) fn next(&mut self, columns: Option<&Columns>) -> io::Result<Option<Record>> {
        let Some(line) = self.line()? else {
            return Ok(None);
        };
        let text = line.text.as_deref().unwrap_or_default();
        match columns.filter(|columns| !text.starts_with('#') && columns.is_open(text)) {
            Some(columns) => self.joined(line, columns).map(Some),
            None => Ok(Some(line)),
        }
    }

    /// A line that ends between quotes, with those up to the one that closes them; alone, if none does.
    fn joined(&mut self, first: Record, columns: &Columns) -> io::Result<Record> {
        let mut record = first.clone();
        let mut taken = Vec::new();
        while taken.len() + 1 < RECORD_LINES_MAX {
            let Some(line) = self.line()? else {
                break;
            };
            let (Ok(text), Ok(more)) = (&mut record.text, &line.text) else {
                taken.push(line);
                break;
            };
            text.push('\n');
            text.push_str(more);
            record.bytes += line.bytes;
            let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
            let is_open = columns.is_open(text);
            if !is_open && columns.is_well_quoted(text) {
                return Ok(record);
            }
            taken.push(line);
            if !is_open || length > LINE_BYTES_MAX {
                break;
            }
        }
        for line in taken.into_iter().rev() {
            self.ahead.push_front(line);
        }
        Ok(first)
    }

    fn line(&mut self) -> io::Result<Option<Record>> {
        if let Some(line) = self.ahead.pop_front() {
            return Ok(Some(line));
        }
        let Some(bytes) = self.lines.next()? else {
            return Ok(None);
        };
        Ok(Some(Record {
            number: self.lines.number,
            bytes,
            text: self.lines.text().map(str::to_owned),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    /// The numbers and texts of the records below this header, and the bytes of all of them.
    fn records(header: &str, rows: &str) -> (Vec<(i64, String)>, u64) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(rows.as_bytes()).unwrap();
        file.rewind().unwrap();
        let (columns, _) = Columns::from_first(header, None).unwrap();
        let mut records = Records::open(file).unwrap();
        let (mut found, mut bytes) = (Vec::new(), 0);
        while let Some(record) = records.next(Some(&columns)).unwrap() {
            bytes += record.bytes;
            found.push((record.number, record.text.unwrap()));
        }
        (found, bytes)
    }

    #[test]
    fn a_quoted_cell_may_go_over_lines() {
        let rows = "1,a,\"x\r\n\r\n# \"\"y\"\"\"\r\n2,b,z\n# 3,\"c\n4,d,\"5\" pipe\"\n";
        let (found, bytes) = records("time,meter,note", rows);
        let want = [
            (1, "1,a,\"x\n\n# \"\"y\"\"\""),
            (4, "2,b,z"),
            (5, "# 3,\"c"),
            (6, "4,d,\"5\" pipe\""),
        ];
        assert_eq!(found, want.map(|(number, text)| (number, text.to_owned())));
        assert_eq!(usize::try_from(bytes).unwrap(), rows.len());
    }

    #[test]
    fn a_quote_that_is_never_closed_takes_no_other_row_along() {
        let bad = "1,\"a\n";
        for rows in [
            format!("{bad}2,b\n3,c"),
            format!("{bad}{}", "2,b\n".repeat(200)),
            format!("{bad}{bad}2,b\n"),
            bad.repeat(100),
        ] {
            let (found, bytes) = records("time,meter", &rows);
            let want = (1..).zip(rows.lines().map(str::to_owned));
            assert_eq!(found, want.collect::<Vec<_>>());
            assert_eq!(usize::try_from(bytes).unwrap(), rows.len());
        }
    }
}
