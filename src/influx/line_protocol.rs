//! Line protocol: one integer field a point.
//!
//! InfluxDB's parser (v2.9.1 `models/points.go`) takes `\,`, `\ ` and (in tags and field keys) `\=`
//! for the plain characters; a backslash before anything else is itself. Nothing stands for a
//! newline, and nothing for a backslash: one before a comma is answered 204 and never found again, one
//! before a blank, with a quote later in the line, swallows the next line (both seen on v2.9.1). Names
//! with either are refused.
//! The crate `influxdb-line-protocol` builds each point from its parts; here all but two numbers of a line is
//! the same for ever, and is copied.

/// Why a name cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It is empty.
    #[error("an empty name cannot be written as line protocol")]
    Empty,
    /// It holds a line break or another control character.
    #[error("{0:?} holds a control character, which line protocol cannot carry")]
    Control(String),
    /// It holds a backslash.
    #[error("{0:?} holds a backslash, which line protocol cannot carry safely")]
    Backslash(String),
    /// It begins a comment.
    #[error("{0:?} begins with #, which line protocol takes for a comment")]
    Comment(String),
}

/// Writes the points of one series.
#[derive(Debug, Clone)]
pub struct LineEncoder {
    /// Measurement, tags and field, up to the `=`.
    prefix: Vec<u8>,
}

impl LineEncoder {
    /// For points of this measurement, with these tags and one integer field.
    ///
    /// # Errors
    /// When a name cannot be carried.
    pub fn new(
        measurement: &str,
        tags: &[(&str, &str)],
        field: &str,
    ) -> Result<LineEncoder, LineError> {
        if measurement.starts_with('#') {
            return Err(LineError::Comment(measurement.to_owned()));
        }
        let mut prefix = String::new();
        escape(measurement, &[',', ' '], &mut prefix)?;
        for (key, value) in tags {
            prefix.push(',');
            escape(key, &[',', ' ', '='], &mut prefix)?;
            prefix.push('=');
            escape(value, &[',', ' ', '='], &mut prefix)?;
        }
        prefix.push(' ');
        escape(field, &[',', ' ', '='], &mut prefix)?;
        prefix.push('=');
        Ok(LineEncoder {
            prefix: prefix.into_bytes(),
        })
    }

    /// Appends a line: this value at this time (nanoseconds since 1970).
    pub fn push(&self, out: &mut Vec<u8>, value: i64, timestamp_ns: i64) {
        self.push_with(out, value, &[], timestamp_ns);
    }

    /// The same with further fields, whose keys hold nothing that needs an escape; what is not finite is left out.
    pub fn push_with(
        &self,
        out: &mut Vec<u8>,
        value: i64,
        extra: &[(&str, f64)],
        timestamp_ns: i64,
    ) {
        out.extend_from_slice(&self.prefix);
        push_integer(out, value);
        out.push(b'i');
        for (key, value) in extra.iter().filter(|(_, value)| value.is_finite()) {
            // Without an `i` a number is a float, whole or not.
            out.extend_from_slice(format!(",{key}={value}").as_bytes());
        }
        out.push(b' ');
        push_integer(out, timestamp_ns);
        out.push(b'\n');
    }
}

/// The same lines of [`LineEncoder`] with their first field alone.
pub fn without_extra_fields(body: &[u8]) -> Vec<u8> {
    let mut bare = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let time = line.iter().rposition(|byte| *byte == b' ').unwrap_or(0);
        let fields = line[..time].iter().rposition(|byte| *byte == b' ');
        let extra = line[fields.unwrap_or(0)..time]
            .iter()
            .position(|byte| *byte == b',');
        let end = extra.map_or(time, |at| fields.unwrap_or(0) + at);
        bare.extend_from_slice(&line[..end]);
        bare.extend_from_slice(&line[time..]);
    }
    bare
}

fn escape(name: &str, special: &[char], out: &mut String) -> Result<(), LineError> {
    if name.is_empty() {
        return Err(LineError::Empty);
    }
    if name.chars().any(char::is_control) {
        return Err(LineError::Control(name.to_owned()));
    }
    if name.contains('\\') {
        return Err(LineError::Backslash(name.to_owned()));
    }
    for c in name.chars() {
        if special.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
    Ok(())
}

/// Decimal digits, most significant first, without the machinery of formatting.
fn push_integer(out: &mut Vec<u8>, number: i64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut left = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(left % 10).expect("a digit");
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(measurement: &str, tag: &str, value: i64, ns: i64) -> String {
        let encoder = LineEncoder::new(measurement, &[("PulseType", tag)], "Pulse").unwrap();
        let mut out = Vec::new();
        encoder.push(&mut out, value, ns);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_pulse() {
        let want = "PowerPulse,PulseType=Import Pulse=1i 1764000000000000001\n";
        assert_eq!(
            line("PowerPulse", "Import", 1, 1_764_000_000_000_000_001),
            want
        );
    }

    #[test]
    fn extra_fields_come_behind_the_pulses_and_off_again() {
        let encoder = LineEncoder::new("Power, x", &[("k", "a, b=c")], "Pulse").unwrap();
        let (mut with, mut bare) = (Vec::new(), Vec::new());
        for (value, extra) in [
            (1, &[("energy_wh", 1.0)][..]),
            (60, &[("energy_wh", 7.5), ("power_w", 450.25)]),
            (2, &[]),
            (3, &[("energy_wh", f64::NAN), ("power_w", f64::INFINITY)]),
            (4, &[("energy_wh", 1e-7), ("power_w", 1e21)]),
        ] {
            encoder.push_with(&mut with, value, extra, 17);
            encoder.push(&mut bare, value, 17);
        }
        let lines: Vec<&str> = std::str::from_utf8(&with).unwrap().lines().collect();
        let fields = lines
            .iter()
            .map(|line| line.strip_prefix("Power\\,\\ x,k=a\\,\\ b\\=c ").unwrap());
        assert_eq!(
            fields.collect::<Vec<_>>(),
            [
                "Pulse=1i,energy_wh=1 17",
                "Pulse=60i,energy_wh=7.5,power_w=450.25 17",
                "Pulse=2i 17",
                "Pulse=3i 17",
                "Pulse=4i,energy_wh=0.0000001,power_w=1000000000000000000000 17",
            ]
        );
        assert_eq!(without_extra_fields(&with), bare);
        assert_eq!(without_extra_fields(&bare), bare);
    }

    #[test]
    fn special_characters_are_escaped() {
        let want = "My\\ Power\\,=x,PulseType=a\\=b\\,c\\ d\"ü Pulse=0i -1\n";
        assert_eq!(line("My Power,=x", "a=b,c d\"ü", 0, -1), want);
    }

    #[test]
    fn what_cannot_be_carried_is_refused() {
        let new = |m, t| LineEncoder::new(m, &[("k", t)], "f").map(|_| ());
        assert_eq!(new("", "t"), Err(LineError::Empty));
        assert_eq!(new("m", ""), Err(LineError::Empty));
        assert!(matches!(new("m", "a\nb"), Err(LineError::Control(_))));
        assert!(matches!(new("m", "a\\ b"), Err(LineError::Backslash(_))));
        assert!(matches!(new("#m", "a"), Err(LineError::Comment(_))));
    }

    /// Splits at a separator that no backslash stands before.
    fn split_plain(text: &str, separator: char) -> Option<(&str, &str)> {
        let mut before = ' ';
        for (at, c) in text.char_indices() {
            if c == separator && before != '\\' {
                return Some((&text[..at], &text[at + c.len_utf8()..]));
            }
            before = c;
        }
        None
    }

    fn unescape(text: &str, special: &[char]) -> String {
        let mut out = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match chars.peek() {
                Some(next) if c == '\\' && special.contains(next) => {
                    out.push(*next);
                    chars.next();
                }
                _ => out.push(c),
            }
        }
        out
    }

    proptest! {
        #[test]
        fn names_come_back_as_they_were(
            measurement in "[a-zA-Z ,=\"'ü]{0,8}[a-z]",
            tag in "[a-zA-Z ,=\"'ü]{0,8}[a-z]",
            value: i64,
            ns: i64,
        ) {
            let line = line(&measurement, &tag, value, ns);
            let (got, rest) = split_plain(line.trim_end(), ',').unwrap();
            prop_assert_eq!(unescape(got, &[',', ' ']), measurement);
            let (tags, rest) = split_plain(rest, ' ').unwrap();
            let (_, got) = tags.split_once('=').unwrap();
            prop_assert_eq!(unescape(got, &[',', ' ', '=']), tag);
            prop_assert_eq!(rest, format!("Pulse={value}i {ns}"));
        }
    }
}
