//! Answers as tables: UTF-8, a header line, CRLF. Pure.

use axum::http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::WallNs;

/// A table that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CsvTable(String);

impl CsvTable {
    /// A table with these columns.
    pub(super) fn new<T: AsRef<str>>(header: impl IntoIterator<Item = T>) -> CsvTable {
        let mut table = CsvTable(String::new());
        table.row(header);
        table
    }

    /// Adds a row. An empty cell: nothing is known.
    pub(super) fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        for (n, cell) in cells.into_iter().enumerate() {
            if n > 0 {
                self.0.push(',');
            }
            let cell = cell.as_ref();
            if cell.contains([',', '"', '\r', '\n']) {
                self.0.push('"');
                self.0.push_str(&cell.replace('"', "\"\""));
                self.0.push('"');
            } else {
                self.0.push_str(cell);
            }
        }
        self.0.push_str("\r\n");
    }

    /// The answer. `name`: what its file is called, without its end.
    pub(super) fn response(self, name: &str) -> Response {
        let csv = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
        let mut response = ([(CONTENT_TYPE, csv)], self.0).into_response();
        let file = format!("attachment; filename=\"powerlogger-{name}.csv\"");
        if let Ok(file) = HeaderValue::from_str(&file) {
            response.headers_mut().insert(CONTENT_DISPOSITION, file);
        }
        response
    }
}

/// The request wants a table: by the end of its path, or by its `Accept`.
pub(super) fn is_wanted(uri: &Uri, headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    uri.path().ends_with(".csv") || accept.is_some_and(|accept| accept.starts_with("text/csv"))
}

/// A name that no spreadsheet takes for a formula.
pub(super) fn name(name: &str) -> String {
    let is_formula = name.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if is_formula {
        format!("'{name}")
    } else {
        name.to_owned()
    }
}

/// A number, or nothing.
pub(super) fn number<T: ToString>(number: Option<T>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

/// A stamp in local time with its offset. `at_ms`: since 1970.
pub(super) fn local(at_ms: i64, zone: &TimeZone) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let at = at.display_with_offset(zone.to_offset(at));
    if at_ms % 1_000 == 0 {
        format!("{at:.0}")
    } else {
        format!("{at:.3}")
    }
}

/// The same of a time, or nothing.
pub(super) fn time(at_ns: Option<WallNs>, zone: &TimeZone) -> String {
    at_ns.map_or_else(String::new, |at_ns| local(at_ns.ms(), zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_formulas_are_not_run() {
        let mut table = CsvTable::new(["start", &name("=1+1,\"x\"")]);
        table.row([number(Some(1.5)), number::<i64>(None)]);
        assert_eq!(table.0, "start,\"'=1+1,\"\"x\"\"\"\r\n1.5,\r\n");
        for formula in ["+a", "-a", "@a"] {
            assert_eq!(name(formula), format!("'{formula}"));
        }
        assert_eq!(name("Import"), "Import");
    }

    #[test]
    fn stamps_have_the_offset_of_their_time() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(local(1_792_879_200_000, &zone), "2026-10-25T00:00:00+02:00");
        assert_eq!(
            local(1_792_936_992_250, &zone),
            "2026-10-25T15:03:12.250+01:00"
        );
        assert_eq!(
            time(Some(WallNs(1_792_936_992_250_999_999)), &zone),
            "2026-10-25T15:03:12.250+01:00"
        );
        assert_eq!(time(None, &zone), "");
    }
}
