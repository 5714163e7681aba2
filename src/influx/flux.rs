//! What Flux needs and gives: literals to write into a script, and the annotated CSV that a query
//! answers with (RFC 4180 with tables one after another, each under its own header).

use std::fmt::Write as _;
use std::io::{self, BufRead};

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
    /// The cell under this name; None: the table has no such column, or the cell is empty.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let at = self.header.iter().position(|column| column == name)?;
        self.cells
            .get(at)
            .map(String::as_str)
            .filter(|cell| !cell.is_empty())
    }
}

/// Why an answer cannot be used.
#[derive(Debug)]
pub enum CsvError {
    /// The query failed after the first byte had been sent: an error table inside a 200.
    Query(String),
    /// The connection broke.
    Io(io::Error),
}

/// Reads an answer without annotations and hands each row to `each`.
///
/// # Errors
/// When the connection breaks, or an error stands among the tables: what was read is not complete.
pub fn read_rows(answer: &mut dyn BufRead, each: &mut dyn FnMut(Row<'_>)) -> Result<(), CsvError> {
    let mut header: Vec<String> = Vec::new();
    let mut record = Vec::new();
    while read_record(answer, &mut record).map_err(CsvError::Io)? {
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
fn read_record(answer: &mut dyn BufRead, cells: &mut Vec<String>) -> io::Result<bool> {
    cells.clear();
    let mut line = Vec::new();
    if answer.read_until(b'\n', &mut line)? == 0 {
        return Ok(false);
    }
    // Inside quotes a line break belongs to the cell: quotes come in pairs.
    while line.iter().filter(|byte| **byte == b'"').count() % 2 == 1 {
        if answer.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let text = String::from_utf8_lossy(&line);
    let mut chars = text.trim_end_matches(['\n', '\r']).chars().peekable();
    let (mut cell, mut quoted) = (String::new(), false);
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    cells.push(cell);
    Ok(true)
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

    #[test]
    fn an_error_inside_an_answer_is_an_error() {
        let csv = ",result,table,_value\r\n,_result,0,7\r\n\r\n\
                   ,error,reference\r\n,it broke,897\r\n";
        assert!(matches!(rows(csv), Err(CsvError::Query(said)) if said == "it broke"));
        assert!(matches!(rows(",a,\"b"), Err(CsvError::Io(_))));
    }
}
