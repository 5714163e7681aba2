//! Comma-separated files: as `powerlogger export --format csv` writes them, `time,meter[,pulses]`, or as
//! InfluxDB answers queries. What separates the fields is decided once, by the first line. Pure.

use super::{ROW_PULSES_MAX, Taken, Unclear};
use crate::civil::{self, Zone};
use crate::model::{FIELD, TAG, WallNs};
use crate::text::csv::Splitter;

/// What may stand between fields, that first which stands least in other texts.
const SEPARATORS: [char; 3] = ['\t', ';', ','];

/// The splitter for a separator; one that is not ASCII separates nothing.
fn splitter(separator: char) -> Option<Splitter> {
    let separator = u8::try_from(separator).ok();
    separator.filter(u8::is_ascii).map(Splitter::new)
}

/// Where the columns are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    splitter: Splitter,
    count: usize,
    time: usize,
    meter: usize,
    pulses: Option<usize>,
    estimated: Option<usize>,
    /// Of an answer of InfluxDB.
    measurement: Option<usize>,
    field: Option<usize>,
}

/// The separator that a spreadsheet declares in a first line of its own: `sep=;`.
pub fn declared(line: &str) -> Option<char> {
    let mut rest = line.trim_end().strip_prefix("sep=")?.chars();
    let separator = rest.next().filter(|_| rest.next().is_none());
    separator.filter(|separator| splitter(*separator).is_some())
}

impl Columns {
    /// From the first line: a header (true), or else `time,meter[,pulses]`. `declared`: the separator, if a
    /// line before has said it.
    ///
    /// # Errors
    /// A sentence about a line that does not tell what is needed.
    pub fn from_first(line: &str, declared: Option<char>) -> Result<(Columns, bool), Unclear> {
        let candidates = declared.map_or(SEPARATORS.to_vec(), |one| vec![one]);
        let candidates: Vec<Splitter> = candidates.into_iter().filter_map(splitter).collect();
        for splitter in &candidates {
            if let Some(columns) = Columns::from_header(line, splitter)? {
                return Ok((columns, true));
            }
        }
        let split = |splitter: &&Splitter| {
            let fields = splitter.trimmed_cells(line);
            fields.len() > 1 && fields[0].starts_with(|c: char| !c.is_alphabetic())
        };
        let tells_a_time = |splitter: &&Splitter| {
            let zone = Zone::of(jiff::tz::TimeZone::UTC);
            let first = || splitter.trimmed_cells(line).swap_remove(0);
            split(splitter) && time(&first(), splitter.separator(), &zone).is_ok()
        };
        let splitter = candidates.iter().find(tells_a_time);
        let Some(splitter) = splitter.or_else(|| candidates.iter().find(split)) else {
            return Err(
                "it has neither a header with the columns time and meter nor rows of time,meter"
                    .to_owned(),
            );
        };
        let count = splitter.trimmed_cells(line).len();
        if count > 3 {
            return Err(format!(
                "it has no header, and {count} fields in a row where time,meter or time,meter,pulses are \
                 expected: put a line before that names the columns"
            ));
        }
        let bare = Columns {
            splitter: splitter.clone(),
            count,
            time: 0,
            meter: 1,
            pulses: (count > 2).then_some(2),
            estimated: None,
            measurement: None,
            field: None,
        };
        Ok((bare, false))
    }

    /// None: it is not a header with this separator.
    fn from_header(line: &str, splitter: &Splitter) -> Result<Option<Columns>, Unclear> {
        let names = splitter.trimmed_cells(line);
        let at = |wanted: &str| {
            names
                .iter()
                .position(|name| name.eq_ignore_ascii_case(wanted))
        };
        if at("start_s").is_some() {
            return Err(
                "it is an export of windows (--view), which do not tell when the pulses came: export \
                 the pulses"
                    .to_owned(),
            );
        }
        let is_answer = at("_time").is_some() && at("_value").is_some();
        let (time, meter, pulses) = if is_answer {
            (at("_time"), at(TAG).or(at("meter")), at("_value"))
        } else {
            (at("time_ns").or(at("time")), at("meter"), at("pulses"))
        };
        if is_answer && meter.is_none() {
            return Err(format!(
                "it is an answer of InfluxDB without the column {TAG}"
            ));
        }
        let Some((time, meter)) = time.zip(meter) else {
            return Ok(None);
        };
        Ok(Some(Columns {
            splitter: splitter.clone(),
            count: names.len(),
            time,
            meter,
            pulses,
            estimated: at("estimated"),
            measurement: at("_measurement").filter(|_| is_answer),
            field: at("_field").filter(|_| is_answer),
        }))
    }

    /// The columns of a further table, if this line is its header: InfluxDB answers in several.
    pub fn again(&self, line: &str) -> Option<Columns> {
        let begins = self.measurement.or(self.field).is_some() && line.contains("_time");
        let again = begins.then(|| Columns::from_header(line, &self.splitter));
        again?.ok().flatten()
    }

    /// Whether a record ends between quotes, so that the next line belongs to it, too.
    pub fn is_open(&self, record: &str) -> bool {
        self.splitter.is_open(record)
    }

    /// Whether nothing but blanks stands behind a closing quote.
    pub fn is_well_quoted(&self, record: &str) -> bool {
        self.splitter.is_well_quoted(record)
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvRow {
    meter: String,
    wall_ns: WallNs,
    pulses: u32,
    estimated: bool,
    measurement: Option<String>,
    field: Option<String>,
}

impl CsvRow {
    /// What it says; `measurement`: that of lines that are ours.
    ///
    /// # Errors
    /// A sentence about a point that is not ours.
    pub fn taken(&self, measurement: &str) -> Result<Taken<'_>, Unclear> {
        if let Some(of) = self.measurement.as_ref().filter(|of| *of != measurement) {
            return Err(super::other_measurement(of, measurement));
        }
        if self.field.as_ref().is_some_and(|field| field != FIELD) {
            return Ok(Taken::LeftOut("rows of other fields"));
        }
        if self.pulses == 0 {
            return Ok(Taken::LeftOut("rows of 0 pulses"));
        }
        Ok(Taken::Pulses {
            meter: &self.meter,
            wall_ns: self.wall_ns,
            pulses: self.pulses,
            estimated: self.estimated || self.pulses > 1,
        })
    }
}

/// Reads a row. Times without an offset are in `zone`.
///
/// # Errors
/// A sentence about what is not understood.
pub fn parse(line: &str, columns: &Columns, zone: &Zone) -> Result<CsvRow, Unclear> {
    let mut fields = columns.splitter.trimmed_cells(line);
    let separator = columns.splitter.separator();
    if fields
        .iter()
        .skip(columns.count)
        .any(|field| !field.is_empty())
    {
        return Err(format!(
            "it has {} fields, not {}: what holds {:?} itself, such as a number with a decimal comma, must \
             stand in quotes",
            fields.len(),
            columns.count,
            separator
        ));
    }
    let mut field = |at: usize, name: &str| {
        let field = fields.get_mut(at).map(std::mem::take);
        field
            .filter(|field| !field.is_empty())
            .ok_or_else(|| format!("it has no {name}"))
    };
    let pulses = match columns.pulses {
        None => 1,
        Some(at) => count(&field(at, "number of pulses")?)?,
    };
    let estimated = match columns.estimated.map(|at| field(at, "`estimated`")) {
        None => false,
        Some(text) => match text?.as_str() {
            "0" => false,
            "1" => true,
            text => return Err(format!("{text:?} is neither 0 nor 1")),
        },
    };
    Ok(CsvRow {
        wall_ns: time(&field(columns.time, "time")?, separator, zone)?,
        meter: field(columns.meter, "meter")?,
        pulses,
        estimated,
        measurement: columns.measurement.and_then(|at| field(at, "").ok()),
        field: columns.field.and_then(|at| field(at, "").ok()),
    })
}

/// A number of pulses: whole, whatever zeros stand behind the point.
fn count(text: &str) -> Result<u32, Unclear> {
    let (whole, zeros) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let number = whole
        .parse()
        .ok()
        .filter(|_| zeros.bytes().all(|b| b == b'0'));
    number
        .filter(|pulses| *pulses <= ROW_PULSES_MAX)
        .ok_or_else(|| format!("{text:?} is not a number of pulses"))
}

/// An instant: a number of seconds, milliseconds, microseconds or nanoseconds since 1970 by its size;
/// with an offset; or local time.
fn time(text: &str, separator: char, zone: &Zone) -> Result<WallNs, Unclear> {
    let is_decimal = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b',');
    let pointed;
    let text = if separator != ',' && is_decimal(text) {
        pointed = text.replacen(',', ".", 1);
        &pointed
    } else {
        text
    };
    civil::since_1970(text).unwrap_or_else(|| civil::parse(text, zone))
}

/// A field as it is written: quoted where anything else than its own characters could be read.
pub fn quoted(text: &str) -> String {
    let begins_or_ends = |c: char| c.is_whitespace() || c == '#';
    if text.contains(['"', '\n', '\r'])
        || text.contains(SEPARATORS)
        || text.starts_with(begins_or_ends)
        || text.ends_with(begins_or_ends)
    {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn berlin() -> Zone {
        Zone::of(TimeZone::get("Europe/Berlin").unwrap())
    }

    fn row(first: &str, line: &str) -> Result<CsvRow, Unclear> {
        let (columns, _) = Columns::from_first(first, None)?;
        parse(line, &columns, &berlin())
    }

    #[test]
    fn rows_as_export_writes_them() {
        let header = "time,time_ns,meter,estimated";
        let line = "2026-01-01T12:00:00.123456789Z,1767268800123456789,\"a, \"\"b\"\"\",1";
        let got = row(header, line).unwrap();
        assert_eq!(got.wall_ns, WallNs(1_767_268_800_123_456_789));
        assert_eq!(got.meter, "a, \"b\"");
        assert!(got.estimated);
        let windows = "start,start_s,meter,pulses,energy_kwh";
        assert!(
            Columns::from_first(windows, None)
                .unwrap_err()
                .contains("--view")
        );
    }

    #[test]
    fn times_of_all_kinds() {
        for (header, line) in [
            ("time,meter", "1767268800,Import"),
            ("time,meter", "1767268800000,Import"),
            ("time,meter", "1767268800000000000,Import"),
            ("time,meter", "1767268800.0,Import"),
            ("time;meter", "1767268800,0;Import"),
            ("time\tmeter", "1767268800,000\tImport"),
            ("time,meter", "2026-01-01T12:00:00Z,Import"),
            ("Time;Meter", "2026-01-01 13:00:00;Import"),
            ("time;meter", "01.01.2026 13:00;Import"),
            ("time,meter", "\"2026-01-01 13:00:00\",\"Import\""),
            ("\"time\";\"meter\"", "2026-01-01 13:00:00;Import;"),
            (
                ",result,table,_time,_value,PulseType",
                ",,0,2026-01-01T12:00:00Z,1,Import",
            ),
        ] {
            let got = row(header, line).unwrap();
            assert_eq!(
                (got.wall_ns, got.meter.as_str()),
                (WallNs::of_s(1_767_268_800), "Import")
            );
        }
        for (time, why) in [
            ("2026-03-29 02:30:00", "never came"),
            ("yesterday", "not a time"),
            ("9223372036854775808", "too far"),
            ("", "no time"),
        ] {
            let said = row("time,meter", &format!("{time},Import")).unwrap_err();
            assert!(said.contains(why), "{time}: {said}");
        }
    }

    #[test]
    fn a_decimal_comma_is_not_taken_for_a_meter() {
        for (header, line) in [
            ("time,meter", "1767268800,25,Import"),
            ("time,meter,pulses", "1767268800,25,Import,1"),
        ] {
            let said = row(header, line).unwrap_err();
            assert!(said.contains("decimal comma"), "{said}");
        }
        assert!(row("1767268800,25,Import", "1767268800,25,Import").is_err());
        let said = Columns::from_first("1767268800,25,Import,1", None).unwrap_err();
        assert!(said.contains("no header, and 4 fields"), "{said}");
    }

    #[test]
    fn the_separator_is_decided_once() {
        // As it was exported with commas.
        let got = row("time,time_ns,meter,estimated", "x,1767268800,Haus;1,0").unwrap();
        assert_eq!(got.meter, "Haus;1");
        let got = row("time;meter", "1767268800;Haus, 1. Stock").unwrap();
        assert_eq!(got.meter, "Haus, 1. Stock");
        let got = row("2026-01-01T12:00:00Z,Haus;1", "1767268800,Haus;1").unwrap();
        assert_eq!(got.meter, "Haus;1");
        assert_eq!(declared("sep=;\r\n"), Some(';'));
        assert_eq!(
            (declared("sep="), declared("sep=ab"), declared("time")),
            (None, None, None)
        );
        let (columns, header) = Columns::from_first("time|meter", Some('|')).unwrap();
        assert!(header && parse("1767268800|a,b", &columns, &berlin()).unwrap().meter == "a,b");
    }

    #[test]
    fn the_simple_form_needs_no_header() {
        let (columns, header) = Columns::from_first("2026-01-01T12:00:00Z;Import;3", None).unwrap();
        assert!(!header);
        for pulses in ["3", "3.0", "3,00"] {
            let got = parse(&format!("1767268800;Import;{pulses}"), &columns, &berlin()).unwrap();
            let taken = Taken::Pulses {
                meter: "Import",
                wall_ns: WallNs(1_767_268_800_000_000_000),
                pulses: 3,
                estimated: true,
            };
            assert_eq!(got.taken("any"), Ok(taken));
        }
        for (line, why) in [
            ("1767268800;Import;x", "not a number"),
            ("1767268800;Import;2.5", "not a number"),
            ("1767268800;Import;", "no number"),
            ("1767268800;Import;-1", "not a number"),
            ("1767268800", "no number"),
            ("1767268800;;1", "no meter"),
        ] {
            let said = parse(line, &columns, &berlin()).unwrap_err();
            assert!(said.contains(why), "{line}: {said}");
        }
        for first in ["hello world", "", "when,which", "# comment"] {
            assert!(Columns::from_first(first, None).is_err(), "{first}");
        }
    }

    #[test]
    fn answers_of_influxdb() {
        let header = ",result,table,_start,_stop,_time,_value,_field,_measurement,PulseType";
        let line = |value: &str, field: &str, of: &str| {
            format!(
                ",,0,2026-01-01T00:00:00Z,2026-01-02T00:00:00Z,2026-01-01T12:00:00.5Z,{value},{field},{of},Haus"
            )
        };
        let got = row(header, &line("2", "Pulse", "PowerPulse")).unwrap();
        assert!(matches!(
            got.taken("PowerPulse"),
            Ok(Taken::Pulses {
                meter: "Haus",
                pulses: 2,
                ..
            })
        ));
        assert!(got.taken("Other").unwrap_err().contains("MEASUREMENT"));
        let other = row(header, &line("2", "Energy", "PowerPulse")).unwrap();
        assert!(matches!(other.taken("PowerPulse"), Ok(Taken::LeftOut(_))));
        let (columns, _) = Columns::from_first(header, None).unwrap();
        let second = ",result,table,_time,_value,_field,_measurement,PulseType";
        assert_eq!(columns.again(second).map(|columns| columns.time), Some(3));
        assert_eq!(columns.again(&line("2", "Pulse", "PowerPulse")), None);
        let windows = ",result,table,_time,_value,_field,_measurement";
        assert!(
            Columns::from_first(windows, None)
                .unwrap_err()
                .contains("PulseType")
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            // All that a meter may be called: no control characters, no backslash, not blank.
            meter in "[^\\p{Cc}\\\\]{0,6}[^\\p{Cc}\\\\\\s][^\\p{Cc}\\\\]{0,6}",
            odd in "[ ;,\"#\t'=x\u{feff}\u{a0}]{0,8}x[ ;,\"#'=]{0,4}",
            wall_ns in 946_684_800_000_000_000i64..4_000_000_000_000_000_000,
        ) {
            for meter in [meter, odd] {
                let line = format!("any,{wall_ns},{},1", quoted(&meter));
                let got = row("time,time_ns,meter,estimated", &line).unwrap();
                prop_assert_eq!((got.meter, got.wall_ns), (meter, WallNs(wall_ns)));
            }
        }

        #[test]
        fn nothing_makes_it_panic(first in ".*", line in ".*", separator in any::<Option<char>>()) {
            if let Ok((columns, _)) = Columns::from_first(&first, separator) {
                let _ = (parse(&line, &columns, &berlin()), columns.again(&line));
            }
        }
    }
}
