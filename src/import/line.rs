//! One line of line protocol, as the Python edition queued it and as `powerlogger export` writes it. Pure.

use super::{ROW_PULSES_MAX, Taken, Unclear};
use crate::model::{FIELD, TAG, WallNs};

/// A line: measurement, meter, time in nanoseconds, pulses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The measurement.
    pub measurement: String,
    /// The value of the tag that names the meter.
    pub meter: String,
    /// When, in nanoseconds since 1970.
    pub wall_ns: i64,
    /// How many pulses.
    pub pulses: u32,
}

impl Line {
    /// With its time in nanoseconds, where by its size it is in seconds, milliseconds or microseconds.
    pub fn to_nanoseconds(mut self) -> Line {
        let scale = crate::civil::scale_ns(self.wall_ns);
        self.wall_ns = self.wall_ns.saturating_mul(scale);
        self
    }

    /// What the line says, if it is of `measurement`.
    ///
    /// # Errors
    /// A sentence about what is not understood.
    pub fn taken(&self, measurement: &str) -> Result<Taken<'_>, Unclear> {
        if self.measurement != measurement {
            return Err(super::other_measurement(&self.measurement, measurement));
        }
        if self.pulses == 0 {
            return Ok(Taken::LeftOut("lines of 0 pulses"));
        }
        Ok(Taken::Pulses {
            meter: &self.meter,
            wall_ns: WallNs(self.wall_ns),
            pulses: self.pulses,
            estimated: self.pulses > 1,
        })
    }
}

/// Reads a line.
///
/// # Errors
/// A sentence about what is not understood.
pub fn parse(line: &str) -> Result<Line, Unclear> {
    // Quotes mean something in the values of fields only.
    let (series, rest) = cut(line.trim_start_matches(' '), ' ');
    let Some(rest) = rest else {
        return Err("it is not a line of line protocol".to_owned());
    };
    let parts = split(rest, ' ', true).into_iter();
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    let (fields, time) = match parts[..] {
        [fields, time] => (fields, time),
        [_] => return Err("it has no time".to_owned()),
        _ => return Err("it is not a line of line protocol".to_owned()),
    };
    let series = split(series, ',', false);
    let (measurement, tags) = series.split_first().expect("split gives one part at least");
    let mut meter = None;
    for tag in tags {
        let (key, value) = pair(tag, false).ok_or_else(|| format!("{tag:?} is not a tag"))?;
        if key != TAG {
            return Err(format!(
                "it has the tag {key:?}: its point would be another one"
            ));
        }
        if meter.replace(value).is_some() {
            return Err(format!("it has the tag {TAG} twice"));
        }
    }
    let meter = meter.filter(|meter| !meter.is_empty());
    let meter = meter.ok_or_else(|| format!("it has no tag {TAG}"))?;
    let mut pulses = None;
    for field in split(fields, ',', true) {
        let (key, value) = pair(field, true).ok_or_else(|| format!("{field:?} is not a field"))?;
        if key == FIELD {
            pulses = Some(count(&value)?);
        }
    }
    Ok(Line {
        measurement: unescape(measurement),
        meter,
        wall_ns: time
            .parse()
            .map_err(|_| format!("{time:?} is not a time in nanoseconds"))?,
        pulses: pulses.ok_or_else(|| format!("it has no field {FIELD}"))?,
    })
}

/// A number of pulses as a field's value: `1i`, `1u`, `1`, `1.0`.
fn count(value: &str) -> Result<u32, Unclear> {
    let digits = value.strip_suffix(['i', 'u']).unwrap_or(value);
    let whole = digits.strip_suffix(".0").unwrap_or(digits);
    let number = whole.parse::<u32>().ok();
    number
        .filter(|pulses| *pulses <= ROW_PULSES_MAX)
        .ok_or_else(|| format!("{value:?} is not a number of pulses"))
}

/// What stands before the first bare `at`, and what behind it.
fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    let first = split(text, at, false)[0];
    (first, text.get(first.len() + at.len_utf8()..))
}

/// Splits where `at` stands bare: not behind a backslash; with `quotes`, not between quotes.
fn split(text: &str, at: char, quotes: bool) -> Vec<&str> {
    let (mut parts, mut begin) = (Vec::new(), 0);
    let (mut escaped, mut quoted) = (false, false);
    for (place, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == '"' && quotes {
            quoted = !quoted;
        } else if c == at && !quoted {
            parts.push(&text[begin..place]);
            begin = place + c.len_utf8();
        }
    }
    parts.push(&text[begin..]);
    parts
}

fn pair(text: &str, quotes: bool) -> Option<(String, String)> {
    match split(text, '=', quotes)[..] {
        [key, value] => Some((unescape(key), unescape(value))),
        _ => None,
    }
}

/// Takes away the backslashes that stand before `,`, ` ` and `=`.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\\' && matches!(chars.peek(), Some(',' | ' ' | '=')) {
            continue;
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::influx::line_protocol::LineEncoder;

    #[test]
    fn lines_as_the_python_edition_wrote_them() {
        let line = parse("PowerPulse,PulseType=Import Pulse=1i 1767268800123456789").unwrap();
        assert_eq!(line.meter, "Import");
        assert_eq!(line.wall_ns, 1_767_268_800_123_456_789);
        assert_eq!(
            line.taken("PowerPulse").unwrap(),
            Taken::Pulses {
                meter: "Import",
                wall_ns: WallNs(line.wall_ns),
                pulses: 1,
                estimated: false
            }
        );
        assert!(line.taken("Other").unwrap_err().contains("MEASUREMENT"));
        for pulses in ["1", "1.0", "1u"] {
            assert_eq!(
                parse(&format!("m,PulseType=a Pulse={pulses} 7"))
                    .unwrap()
                    .pulses,
                1
            );
        }
        let with_more = parse("m,PulseType=a Pulse=3i,note=\"a, b=c d\" 7").unwrap();
        assert_eq!(with_more.pulses, 3);
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (line, why) in [
            ("", "not a line"),
            ("PowerPulse", "not a line"),
            ("PowerPulse,PulseType=Import Pulse=1i", "no time"),
            ("PowerPulse,PulseType=Import Pulse=1i 17x", "not a time"),
            ("PowerPulse Pulse=1i 17", "no tag"),
            ("PowerPulse,PulseType= Pulse=1i 17", "no tag"),
            ("PowerPulse,PulseType=a,PulseType=b Pulse=1i 17", "twice"),
            ("PowerPulse,host=pi,PulseType=a Pulse=1i 17", "another one"),
            ("PowerPulse,PulseType=Import Pulses=1i 17", "no field"),
            ("PowerPulse,PulseType=Import Pulse=-1i 17", "not a number"),
            ("PowerPulse,PulseType=Import Pulse=1.5 17", "not a number"),
            (
                "PowerPulse,PulseType=Import Pulse=999999999i 17",
                "not a number",
            ),
            (
                "PowerPulse,PulseType=Import Pulse=1i 99999999999999999999",
                "not a time",
            ),
        ] {
            let said = parse(line).unwrap_err();
            assert!(said.contains(why), "{line}: {said}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            measurement in "[a-zA-Z][a-z ,=ü]{0,8}",
            meter in "[^\\p{Cc}\\\\]{0,9}[^\\p{Cc}\\\\\\s][^\\p{Cc}\\\\]{0,3}",
            pulses in 0u32..=ROW_PULSES_MAX,
            wall_ns in any::<i64>(),
        ) {
            let encoder = LineEncoder::new(&measurement, &[(TAG, &meter)], FIELD).unwrap();
            let mut text = Vec::new();
            encoder.push(&mut text, i64::from(pulses), wall_ns);
            let text = String::from_utf8(text).unwrap();
            let line = parse(text.trim_end_matches('\n')).unwrap();
            prop_assert_eq!(line, Line { measurement, meter, wall_ns, pulses });
        }

        #[test]
        fn nothing_makes_it_panic(text in ".*") {
            let _ = parse(&text);
        }
    }
}
