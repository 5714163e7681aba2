//! What Flux needs and gives: literals to write into a script, and the annotated CSV that a query
//! answers with (RFC 4180 with tables one after another, each under its own header).

use std::fmt::Write as _;
use std::io::{self, BufRead, Read as _};

use crate::text::csv::Splitter;

/// A text as a Flux string literal. Inside quotes Flux knows `\` escapes and `${…}`; `\$` is one only
/// before a `{`, elsewhere a syntax error (tried on v2.9.1).
pub fn string(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' | '\\' => {
                literal.push('\\');
                literal.push(c);
            }
            '$' if chars.peek() == Some(&'{') => literal.push_str("\\$"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            c if c.is_control() => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    write!(literal, "\\x{byte:02x}").expect("a string takes everything");
                }
            }
            c => literal.push(c),
        }
    }
    literal.push('"');
    literal
}

/// A second since 1970 as a Flux time literal.
///
/// # Panics
/// Never for the years 0 to 9999.
pub fn time_s(wall_s: i64) -> String {
    jiff::Timestamp::from_second(wall_s)
        .expect("a year that RFC 3339 knows")
        .to_string()
}

/// One row of a table: cells by the names of the header above it.
#[derive(Debug)]
pub struct Row<'a> {
    header: &'a [String],
    cells: &'a [String],
}

impl<'a> Row<'a> {
    /// The names of the columns that are not empty.
    pub fn columns(&self) -> impl Iterator<Item = &'a str> + '_ {
        let columns = self.header.iter().zip(self.cells);
        let full = columns.filter(|(_, cell)| !cell.is_empty());
        full.map(|(name, _)| name.as_str())
    }

    /// The cell under this name; None: the table has no such column, or the cell is empty.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let at = self.header.iter().position(|column| column == name)?;
        self.cells
            .get(at)
            .map(String::as_str)
            .filter(|cell| !cell.is_empty())
    }
}

/// The most of an answer that is read, in bytes and in rows: what the largest question can have for an answer,
/// some times over.
const ANSWER_BYTES_MAX: u64 = 32 << 20;
const ROWS_MAX: usize = 200_000;

/// The longest record: a row of ours has a hundred bytes, an error some hundreds.
const RECORD_BYTES_MAX: usize = 64 << 10;

/// Why an answer cannot be used.
#[derive(Debug)]
pub enum CsvError {
    /// It is longer than any that was asked for: which bound it breaks.
    TooLong(&'static str),
    /// The query failed after the first byte had been sent: an error table inside a 200.
    Query(String),
    /// The connection broke.
    Io(io::Error),
}

/// Reads an answer without annotations and hands each row to `each`.
///
/// # Errors
/// When the connection breaks, the answer has no end in sight, or an error stands among the tables: what was
/// read is not complete.
pub fn read_rows(answer: &mut dyn BufRead, each: &mut dyn FnMut(Row<'_>)) -> Result<(), CsvError> {
    let mut header: Vec<String> = Vec::new();
    let mut record = Vec::new();
    // One more than is wanted tells whether there is more.
    let mut answer = answer.take(ANSWER_BYTES_MAX + 1);
    let mut rows = 0;
    let splitter = Splitter::new(b',');
    while read_record(&mut answer, &splitter, &mut record)? {
        if answer.limit() == 0 {
            return Err(CsvError::TooLong("more than 32 MiB"));
        }
        rows += 1;
        if rows > ROWS_MAX {
            return Err(CsvError::TooLong("more than 200,000 rows"));
        }
        if record.iter().all(String::is_empty) {
            header.clear();
        } else if header.is_empty() {
            std::mem::swap(&mut header, &mut record);
        } else {
            let row = Row {
                header: &header,
                cells: &record,
            };
            if header.iter().any(|name| name == "error") {
                let said = row.get("error").unwrap_or("the query failed");
                return Err(CsvError::Query(said.to_owned()));
            }
            each(row);
        }
    }
    Ok(())
}

/// Reads the cells of one record, which may go over several lines; false at the end.
fn read_record(
    answer: &mut dyn BufRead,
    splitter: &Splitter,
    cells: &mut Vec<String>,
) -> Result<bool, CsvError> {
    cells.clear();
    let mut line = Vec::new();
    if !read_line(answer, &mut line)? {
        return Ok(false);
    }
    // Inside quotes a line break belongs to the cell: quotes come in pairs.
    let (mut seen, mut quotes) = (0, 0);
    loop {
        quotes += line[seen..].iter().filter(|byte| **byte == b'"').count();
        seen = line.len();
        if quotes % 2 == 0 {
            break;
        }
        if !read_line(answer, &mut line)? {
            return Err(CsvError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
    }
    let text = String::from_utf8_lossy(&line);
    cells.extend(splitter.cells(text.trim_end_matches(['\n', '\r'])));
    Ok(true)
}

/// Adds a line with its end to what is there; false: there is none any more.
fn read_line(answer: &mut dyn BufRead, line: &mut Vec<u8>) -> Result<bool, CsvError> {
    let left = RECORD_BYTES_MAX.saturating_sub(line.len());
    let most = u64::try_from(left).unwrap_or(0) + 1;
    let read = answer.take(most).read_until(b'\n', line);
    let read = read.map_err(CsvError::Io)?;
    if line.len() > RECORD_BYTES_MAX {
        return Err(CsvError::TooLong("a row of more than 64 KiB"));
    }
    Ok(read > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(csv: &str) -> Result<Vec<(String, String)>, CsvError> {
        let mut rows = Vec::new();
        read_rows(&mut csv.as_bytes(), &mut |row| {
            let cell = |name| row.get(name).unwrap_or("-").to_owned();
            rows.push((cell("_value"), cell("PulseType")));
        })
        .map(|()| rows)
    }

    #[test]
    fn literals_mean_what_they_say() {
        assert_eq!(string(r#"a "b" \ ${c}"#), r#""a \"b\" \\ \${c}""#);
        assert_eq!(string("$a $${b"), r#""$a $\${b""#);
        assert_eq!(string("ü\n\u{1}"), "\"ü\\n\\x01\"");
        assert_eq!(time_s(1_767_268_800), "2026-01-01T12:00:00Z");
    }

    #[test]
    fn tables_have_headers_of_their_own() {
        let csv = ",result,table,_value,PulseType\r\n,_result,0,7,\"a, \"\"b\"\"\r\nc\"\r\n\r\n\
                   ,result,table,PulseType,_value\r\n,_result,0,Export,8\r\n\r\n";
        let want = [("7", "a, \"b\"\r\nc"), ("8", "Export")];
        let want = want.map(|(value, name)| (value.to_owned(), name.to_owned()));
        assert_eq!(rows(csv).unwrap(), want);
        assert_eq!(rows("\r\n").unwrap(), []);
    }

    /// How much is read of an answer that repeats `what` without end, and which bound stops it.
    fn endless(what: &str) -> (usize, &'static str) {
        struct Endless<'a>(std::io::Cursor<&'a [u8]>, usize);
        impl std::io::Read for Endless<'_> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                if self.0.position() == self.0.get_ref().len() as u64 {
                    self.0.set_position(0);
                }
                let read = self.0.read(into)?;
                self.1 += read;
                Ok(read)
            }
        }
        let mut answer = std::io::BufReader::new(Endless(std::io::Cursor::new(what.as_bytes()), 0));
        match read_rows(&mut answer, &mut |_| {}) {
            Err(CsvError::TooLong(bound)) => (answer.get_ref().1, bound),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_answer_without_end_is_given_up() {
        for (what, bound, bytes_max) in [
            ("x", "row", 1 << 17),
            ("\"", "row", 1 << 17),
            ("\"\n", "rows", 1 << 20),
            ("a,\"b\n", "rows", 1 << 22),
            (",", "row", 1 << 17),
            ("\r\n", "rows", 1 << 20),
            ("x\n", "rows", 1 << 20),
        ] {
            let (bytes, stopped) = endless(what);
            assert!(stopped.contains(bound), "{what:?}: {stopped}");
            assert!(bytes <= bytes_max, "{what:?}: {bytes}");
        }
        let (bytes, stopped) = endless(&format!("{}\n", "x".repeat(1_000)));
        assert!(
            stopped.contains("MiB") && bytes <= 33 << 20,
            "{stopped}: {bytes}"
        );
        let long = format!("a\n{}\n", "x".repeat(RECORD_BYTES_MAX - 1));
        assert!(rows(&long).is_ok());
    }

    #[test]
    fn an_error_inside_an_answer_is_an_error() {
        let csv = ",result,table,_value\r\n,_result,0,7\r\n\r\n\
                   ,error,reference\r\n,it broke,897\r\n";
        assert!(matches!(rows(csv), Err(CsvError::Query(said)) if said == "it broke"));
        assert!(matches!(rows(",a,\"b"), Err(CsvError::Io(_))));
    }
}
