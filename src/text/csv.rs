//! Records of comma-separated values (RFC 4180), as people, spreadsheets and InfluxDB write them. Pure.

use std::cell::RefCell;
use std::fmt;

use csv_core::{ReadFieldResult, Reader, ReaderBuilder, Terminator};

/// Splits records into their cells.
pub struct Splitter {
    /// Reset before each record; building one takes longer than reading.
    reader: RefCell<Reader>,
    separator: u8,
}

impl Splitter {
    /// What splits at this ASCII character.
    pub fn new(separator: u8) -> Splitter {
        let reader = ReaderBuilder::new()
            .delimiter(separator)
            // Where a record ends its caller knows: a bare CR belongs to a cell.
            .terminator(Terminator::Any(b'\n'))
            .build();
        Splitter {
            reader: RefCell::new(reader),
            separator,
        }
    }

    /// What stands between cells.
    pub fn separator(&self) -> char {
        char::from(self.separator)
    }

    /// The cells of a record, as they stand.
    pub fn cells(&self, record: &str) -> Vec<String> {
        let mut cells = Vec::new();
        self.each(record, false, &mut |_, cell| cells.push(cell.to_owned()));
        cells
    }

    /// The cells of a record that a person may have written: blanks around a cell are its own only between quotes.
    pub fn trimmed_cells(&self, record: &str) -> Vec<String> {
        let mut cells = Vec::new();
        self.each(record, true, &mut |written, cell| {
            if !written.starts_with('"') {
                return cells.push(cell.trim().to_owned());
            }
            // What stands behind the closing quote is added to the cell by the reader.
            let behind = written.len() - written.trim_end().len();
            let behind = if is_open(written) { 0 } else { behind };
            cells.push(cell.get(..cell.len() - behind).unwrap_or(cell).to_owned());
        });
        cells
    }

    /// Whether a record ends between quotes, so that the next line belongs to it, too.
    pub fn is_open(&self, record: &str) -> bool {
        let mut open = false;
        if record.contains('"') {
            self.each(record, true, &mut |written, _| open = is_open(written));
        }
        open
    }

    /// Whether nothing but blanks stands behind a closing quote.
    pub fn is_well_quoted(&self, record: &str) -> bool {
        let mut is_well = true;
        self.each(record, true, &mut |written, _| {
            is_well &= !written.starts_with('"') || written.trim_end().ends_with('"');
        });
        is_well
    }

    /// Hands over each cell: how it is written, and what it means. `blanks`: those before a quote do not count.
    fn each(&self, record: &str, blanks: bool, each: &mut dyn FnMut(&str, &str)) {
        let mut reader = self.reader.borrow_mut();
        reader.reset();
        let mut rest = record;
        // No cell is longer than its record.
        let mut cell = vec![0; record.len() + 1];
        loop {
            if blanks {
                let begin = |c: char| c.is_whitespace() && c != self.separator();
                let begins = rest.trim_start_matches(begin);
                rest = if begins.starts_with('"') {
                    begins
                } else {
                    rest
                };
            }
            let (result, read, length) = reader.read_field(rest.as_bytes(), &mut cell);
            let (written, length, is_last) = match result {
                ReadFieldResult::Field { record_end } => {
                    let end = read.saturating_sub(usize::from(read > 0));
                    (&rest[..end], length, record_end)
                }
                ReadFieldResult::InputEmpty => {
                    let (_, _, more) = reader.read_field(&[], &mut cell[length..]);
                    (rest, length + more, true)
                }
                ReadFieldResult::OutputFull | ReadFieldResult::End => (rest, length, true),
            };
            each(written, &String::from_utf8_lossy(&cell[..length]));
            if is_last {
                return;
            }
            rest = &rest[read..];
        }
    }
}

/// Whether a cell begins with a quote that is not closed: quotes in it are doubled.
fn is_open(written: &str) -> bool {
    let quotes = written.bytes().filter(|byte| *byte == b'"').count();
    written.starts_with('"') && quotes % 2 == 1
}

impl Clone for Splitter {
    /// Builds its reader again: a clone of a built one forgets its tables (csv-core 0.1.13).
    fn clone(&self) -> Splitter {
        Splitter::new(self.separator)
    }
}

impl fmt::Debug for Splitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Splitter").field(&self.separator()).finish()
    }
}

impl PartialEq for Splitter {
    fn eq(&self, other: &Splitter) -> bool {
        self.separator == other.separator
    }
}

impl Eq for Splitter {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cells_stand_as_they_are_written_or_trimmed() {
        let comma = Splitter::new(b',');
        for (record, cells, trimmed) in [
            ("", vec![""], vec![""]),
            (",", vec!["", ""], vec!["", ""]),
            ("a, b ,", vec!["a", " b ", ""], vec!["a", "b", ""]),
            ("\" a\",b", vec![" a", "b"], vec![" a", "b"]),
            (
                "\"a, \"\"b\"\"\",c",
                vec!["a, \"b\"", "c"],
                vec!["a, \"b\"", "c"],
            ),
            ("\"a\r\nb\",c", vec!["a\r\nb", "c"], vec!["a\r\nb", "c"]),
            ("a\rb,c", vec!["a\rb", "c"], vec!["a\rb", "c"]),
            ("a\"b,c", vec!["a\"b", "c"], vec!["a\"b", "c"]),
            ("ü,€ ", vec!["ü", "€ "], vec!["ü", "€"]),
        ] {
            assert_eq!(comma.cells(record), cells, "{record:?}");
            assert_eq!(comma.trimmed_cells(record), trimmed, "{record:?}");
        }
        assert_eq!(comma.trimmed_cells("x, \"a,b\" ,y"), ["x", "a,b", "y"]);
        assert_eq!(comma.trimmed_cells("x,\"a "), ["x", "a "], "never closed");
        assert_eq!(Splitter::new(b';').clone().cells("a,b;c"), ["a,b", "c"]);
    }

    #[test]
    fn a_record_is_open_until_its_quote_is_closed() {
        let comma = Splitter::new(b',');
        for record in ["\"", "a,\"b", "a, \"b, c", "\"a\"\"", "a,\"b\nc"] {
            assert!(comma.is_open(record), "{record:?}");
        }
        assert!(comma.is_well_quoted("a,\"b\" ,c\"") && !comma.is_well_quoted("a,\"b\"c"));
        for record in [
            "",
            "a",
            "a,b\"",
            "5\" pipe,b",
            "\"a\",\"b\"",
            "\"a\nb\"",
            "\"\"",
        ] {
            assert!(!comma.is_open(record), "{record:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back(
            cells in prop::collection::vec("(?s).{0,8}", 1..5),
            separator in prop::sample::select(vec![b',', b';', b'\t']),
        ) {
            let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let record: Vec<String> = cells.iter().map(quoted).collect();
            let record = record.join(&char::from(separator).to_string());
            let splitter = Splitter::new(separator);
            prop_assert!(!splitter.is_open(&record));
            prop_assert_eq!(&splitter.cells(&record), &cells);
            prop_assert_eq!(&splitter.trimmed_cells(&record), &cells);
        }

        #[test]
        fn nothing_makes_it_panic(record in "[a\", \r\n;ü\u{feff}]{0,20}", separator in 0u8..128) {
            let splitter = Splitter::new(separator);
            let _ = (splitter.cells(&record), splitter.trimmed_cells(&record), splitter.is_open(&record));
        }
    }
}
