//! Comma-separated files: as `powerlogger export --format csv` writes them, or `time,meter[,pulses]`. Pure.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ZonedDateTime};

use super::{ROW_PULSES_MAX, Taken, Unclear};

/// Where the columns are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    time: usize,
    meter: usize,
    pulses: Option<usize>,
    estimated: Option<usize>,
}

impl Columns {
    /// From the first line: a header, or else `time,meter[,pulses]`. None: it is a header that lacks
    /// what is needed.
    ///
    /// # Errors
    /// A sentence about a header that does not tell what is needed.
    pub fn from_first(line: &str) -> Result<(Columns, bool), Unclear> {
        let names = fields(line);
        let names: Vec<String> = names
            .iter()
            .map(|name| name.trim().to_lowercase())
            .collect();
        let at = |wanted: &str| names.iter().position(|name| name == wanted);
        if at("start_s").is_some() {
            return Err(
                "it is an export of windows (--view), which do not tell when the pulses came: export \
                 the pulses"
                    .to_owned(),
            );
        }
        if let (Some(time), Some(meter)) = (at("time_ns").or(at("time")), at("meter")) {
            let (pulses, estimated) = (at("pulses"), at("estimated"));
            return Ok((
                Columns {
                    time,
                    meter,
                    pulses,
                    estimated,
                },
                true,
            ));
        }
        if names.len() < 2 || names[0].chars().next().is_none_or(char::is_alphabetic) {
            return Err(
                "it has neither a header with the columns time and meter nor rows of time,meter"
                    .to_owned(),
            );
        }
        let bare = Columns {
            time: 0,
            meter: 1,
            pulses: (names.len() > 2).then_some(2),
            estimated: None,
        };
        Ok((bare, false))
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvRow {
    meter: String,
    wall_ns: i64,
    pulses: u32,
    estimated: bool,
}

impl CsvRow {
    /// What it says.
    pub fn taken(&self) -> Taken<'_> {
        if self.pulses == 0 {
            return Taken::LeftOut("rows of 0 pulses");
        }
        Taken::Pulses {
            meter: &self.meter,
            wall_ns: self.wall_ns,
            pulses: self.pulses,
            estimated: self.estimated || self.pulses > 1,
        }
    }
}

/// Reads a row. Times without an offset are in `zone`.
///
/// # Errors
/// A sentence about what is not understood.
pub fn parse(line: &str, columns: &Columns, zone: &TimeZone) -> Result<CsvRow, Unclear> {
    let fields = fields(line);
    let field = |at: usize, name: &str| {
        let field = fields.get(at).map(|field| field.trim());
        field
            .filter(|field| !field.is_empty())
            .ok_or_else(|| format!("it has no {name}"))
    };
    let optional = |at: Option<usize>, name: &str| at.map(|at| field(at, name)).transpose();
    let pulses = match optional(columns.pulses, "number of pulses")? {
        None => 1,
        Some(text) => text
            .parse()
            .ok()
            .filter(|pulses| *pulses <= ROW_PULSES_MAX)
            .ok_or_else(|| format!("{text:?} is not a number of pulses"))?,
    };
    let estimated = match optional(columns.estimated, "`estimated`")? {
        None | Some("0") => false,
        Some("1") => true,
        Some(text) => return Err(format!("{text:?} is neither 0 nor 1")),
    };
    Ok(CsvRow {
        wall_ns: time(field(columns.time, "time")?, zone)?,
        meter: field(columns.meter, "meter")?.to_owned(),
        pulses,
        estimated,
    })
}

/// An instant: a number of seconds, milliseconds, microseconds or nanoseconds since 1970 by its size;
/// with an offset; or local time.
fn time(text: &str, zone: &TimeZone) -> Result<i64, Unclear> {
    if let Ok(number) = text.parse::<i64>() {
        let scale = match number.unsigned_abs() {
            0..100_000_000_000 => 1_000_000_000,
            100_000_000_000..100_000_000_000_000 => 1_000_000,
            100_000_000_000_000..100_000_000_000_000_000 => 1_000,
            _ => 1,
        };
        return number
            .checked_mul(scale)
            .ok_or_else(|| format!("{text} is too far away"));
    }
    let with_offset = text
        .parse::<Timestamp>()
        .or_else(|_| text.parse::<ZonedDateTime>().map(|zoned| zoned.timestamp()));
    let timestamp =
        match with_offset {
            Ok(timestamp) => timestamp,
            Err(_) => {
                let civil: DateTime = text
                    .parse()
                    .map_err(|_| format!("{text:?} is not a time"))?;
                let ambiguous = zone.to_ambiguous_zoned_datetime(civil);
                let offset = ambiguous.offset();
                ambiguous.unambiguous().map(|zoned| zoned.timestamp()).map_err(|_| {
                if matches!(offset, AmbiguousOffset::Fold { .. }) {
                    format!("{text} came twice that day: write it with its offset, such as +01:00")
                } else if matches!(offset, AmbiguousOffset::Gap { .. }) {
                    format!("{text} never came: the clock was set forward over it")
                } else {
                    format!("{text} is too far away")
                }
            })?
            }
        };
    i64::try_from(timestamp.as_nanosecond()).map_err(|_| format!("{text} is too far away"))
}

/// The fields of a line (RFC 4180); quotes are taken away.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let field = fields.last_mut().expect("one is there from the start");
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                field.push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            ',' | ';' if !quoted => fields.push(String::new()),
            _ => field.push(c),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    fn row(first: &str, line: &str) -> Result<CsvRow, Unclear> {
        let (columns, _) = Columns::from_first(first)?;
        parse(line, &columns, &berlin())
    }

    #[test]
    fn rows_as_export_writes_them() {
        let header = "time,time_ns,meter,estimated";
        let line = "2026-01-01T12:00:00.123456789Z,1767268800123456789,\"a, \"\"b\"\"\",1";
        let got = row(header, line).unwrap();
        assert_eq!(got.wall_ns, 1_767_268_800_123_456_789);
        assert_eq!(got.meter, "a, \"b\"");
        assert!(got.estimated);
        let windows = "start,start_s,meter,pulses,energy_kwh";
        assert!(Columns::from_first(windows).unwrap_err().contains("--view"));
    }

    #[test]
    fn times_as_people_write_them() {
        for (time, wall_s) in [
            ("1767268800", 1_767_268_800),
            ("1767268800000", 1_767_268_800),
            ("1767268800000000", 1_767_268_800),
            ("1767268800000000000", 1_767_268_800),
            ("2026-01-01T12:00:00Z", 1_767_268_800),
            ("2026-01-01T13:00:00+01:00", 1_767_268_800),
            ("2026-01-01 13:00:00", 1_767_268_800),
            // Both sides of both changes.
            ("2026-03-29 01:59:59", 1_774_745_999),
            ("2026-03-29 03:00:00", 1_774_746_000),
            ("2026-10-25 01:59:59", 1_792_886_399),
            ("2026-10-25 02:30:00+02:00", 1_792_888_200),
            ("2026-10-25 02:30:00+01:00", 1_792_891_800),
            ("2026-10-25 03:00:00", 1_792_893_600),
        ] {
            let got = row("time,meter", &format!("{time},Import")).map(|row| row.wall_ns);
            assert_eq!(got, Ok(wall_s * 1_000_000_000), "{time}");
        }
        for (time, why) in [
            ("2026-03-29 02:30:00", "never came"),
            ("2026-10-25 02:30:00", "came twice"),
            ("yesterday", "not a time"),
            ("9223372036854775808", "not a time"),
            ("9999-12-30T00:00:00Z", "too far"),
            ("", "no time"),
        ] {
            let said = row("time,meter", &format!("{time},Import")).unwrap_err();
            assert!(said.contains(why), "{time}: {said}");
        }
    }

    #[test]
    fn the_simple_form_needs_no_header() {
        let (columns, header) = Columns::from_first("2026-01-01T12:00:00Z,Import,3").unwrap();
        assert!(!header);
        let got = parse("1767268800;Import;3", &columns, &berlin()).unwrap();
        let taken = Taken::Pulses {
            meter: "Import",
            wall_ns: 1_767_268_800_000_000_000,
            pulses: 3,
            estimated: true,
        };
        assert_eq!(got.taken(), taken);
        for (line, why) in [
            ("1767268800,Import,x", "not a number"),
            ("1767268800,Import,", "no number"),
            ("1767268800,Import,-1", "not a number"),
            ("1767268800", "no number"),
            ("1767268800,,1", "no meter"),
        ] {
            let said = parse(line, &columns, &berlin()).unwrap_err();
            assert!(said.contains(why), "{line}: {said}");
        }
        for first in ["hello world", "", "when,which", "# comment"] {
            assert!(Columns::from_first(first).is_err(), "{first}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(first in ".*", line in ".*") {
            if let Ok((columns, _)) = Columns::from_first(&first) {
                let _ = parse(&line, &columns, &berlin());
            }
        }
    }
}
