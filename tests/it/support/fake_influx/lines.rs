//! Line protocol, read as InfluxDB v2.9.1 reads it (`models/points.go`), with its words for what
//! is wrong.

use std::borrow::Cow;

/// What a field holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    Boolean(bool),
    Text(String),
}

impl Value {
    /// The server's word for the type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Integer(_) => "integer",
            Value::Unsigned(_) => "unsigned",
            Value::Float(_) => "float",
            Value::Boolean(_) => "boolean",
            Value::Text(_) => "string",
        }
    }
}

/// A point as it stood in the body.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Measurement and sorted tags, escaped as on the wire: the series.
    pub series: String,
    /// The measurement, escaped as on the wire.
    pub measurement: String,
    /// Field keys and values.
    pub fields: Vec<(String, Value)>,
    /// Nanoseconds since 1970.
    pub ts_ns: i64,
}

/// The first and last stamp that the engine can keep.
const TS_MAX: i64 = i64::MAX - 1;

/// Reads a body. Err: the message that quotes every line that is wrong.
pub fn parse(body: &[u8], unit_ns: i64, now_ns: i64) -> Result<Vec<Line>, String> {
    let (mut points, mut wrong) = (Vec::new(), Vec::new());
    for line in split(body) {
        let start = line
            .iter()
            .position(|b| !matches!(b, b' ' | b'\t' | 0))
            .unwrap_or(line.len());
        let line = &line[start..];
        if line.is_empty() || line[0] == b'#' {
            continue;
        }
        match parse_line(line, unit_ns, now_ns) {
            Ok(point) => points.push(point),
            Err(why) => {
                let quoted = String::from_utf8_lossy(line);
                wrong.push(format!("unable to parse '{quoted}': {why}"));
            }
        }
    }
    if wrong.is_empty() {
        Ok(points)
    } else {
        Err(wrong.join("\n"))
    }
}

/// Lines end at a newline that is not inside the quotes of a field's value.
fn split(body: &[u8]) -> Vec<&[u8]> {
    let (mut lines, mut start) = (Vec::new(), 0);
    let (mut quoted, mut in_fields, mut equals, mut commas) = (false, false, 0, 0);
    let mut at = 0;
    while at < body.len() {
        match body[at] {
            b'\\' if at + 2 < body.len() => at += 1,
            b' ' => in_fields = true,
            b'=' if in_fields && !quoted => equals += 1,
            b',' if in_fields && !quoted => commas += 1,
            b'"' if in_fields && equals > commas => quoted = !quoted,
            b'\n' if !quoted => {
                lines.push(&body[start..at]);
                start = at + 1;
                (in_fields, equals, commas) = (false, 0, 0);
            }
            _ => {}
        }
        at += 1;
    }
    lines.push(&body[start..]);
    lines
}

fn parse_line(line: &[u8], unit_ns: i64, now_ns: i64) -> Result<Line, String> {
    let (key_end, measurement, tags) = scan_key(line)?;
    let (fields_end, fields) = scan_fields(line, key_end)?;
    let ts_ns = scan_time(line, fields_end, unit_ns, now_ns)?;
    let mut series = measurement.clone();
    for (key, value) in &tags {
        series.push(',');
        series.push_str(key);
        series.push('=');
        series.push_str(value);
    }
    Ok(Line {
        series,
        measurement,
        fields,
        ts_ns,
    })
}

type Key = (usize, String, Vec<(String, String)>);

/// Measurement and tags; the tags sorted.
fn scan_key(line: &[u8]) -> Result<Key, String> {
    let mut at = 0;
    if line[0] == b',' {
        return Err("missing measurement".to_owned());
    }
    while at < line.len() && !plain(line, at, b",") && !plain(line, at, b" ") {
        at += 1;
    }
    if at >= line.len() {
        return Err("missing fields".to_owned());
    }
    let measurement = text(&line[..at]).into_owned();
    let mut tags = Vec::new();
    while line[at] == b',' {
        let start = at + 1;
        if matches!(line.get(start), None | Some(b'=' | b' ' | b',')) {
            return Err("missing tag key".to_owned());
        }
        let mut equals = start;
        while equals < line.len() && !plain(line, equals, b"=") {
            if plain(line, equals, b" ,") {
                return Err("missing tag value".to_owned());
            }
            equals += 1;
        }
        if matches!(line.get(equals + 1), None | Some(b',' | b' ')) {
            return Err("missing tag value".to_owned());
        }
        at = equals + 1;
        while at < line.len() && !plain(line, at, b" ,") {
            if plain(line, at, b"=") {
                return Err("invalid tag format".to_owned());
            }
            at += 1;
        }
        if at >= line.len() {
            return Err("missing fields".to_owned());
        }
        let key = text(&line[start..equals]).into_owned();
        tags.push((key, text(&line[equals + 1..at]).into_owned()));
    }
    tags.sort();
    if tags.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err("duplicate tags".to_owned());
    }
    for (key, _) in &tags {
        if matches!(key.as_str(), "time" | "_measurement" | "_field") {
            return Err(format!("cannot use reserved tag key {key:?}"));
        }
    }
    Ok((at, measurement, tags))
}

/// Whether one of these bytes stands here without a backslash before it.
fn plain(line: &[u8], at: usize, any_of: &[u8]) -> bool {
    any_of.contains(&line[at]) && (at == 0 || line[at - 1] != b'\\')
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

type Fields = (usize, Vec<(String, Value)>);

fn scan_fields(line: &[u8], from: usize) -> Result<Fields, String> {
    let mut at = skip_blanks(line, from);
    let mut fields = Vec::new();
    loop {
        let start = at;
        while at < line.len() && !plain(line, at, b"= ,") {
            at += 1;
        }
        match line.get(at) {
            Some(b'=') if at == start => return Err("missing field key".to_owned()),
            Some(b'=') => {}
            _ => return Err("invalid field format".to_owned()),
        }
        let key = text(&line[start..at]).into_owned();
        at += 1;
        let value = match line.get(at) {
            None | Some(b',' | b' ') => return Err("missing field value".to_owned()),
            Some(b'"') => scan_text(line, &mut at)?,
            Some(b'0'..=b'9' | b'.' | b'-' | b'N' | b'n') => scan_number(line, &mut at)?,
            Some(_) => scan_boolean(line, &mut at)?,
        };
        fields.push((key, value));
        match line.get(at) {
            Some(b',') => at += 1,
            Some(b' ') | None => return Ok((at, fields)),
            Some(_) => return Err("invalid field format".to_owned()),
        }
    }
}

fn skip_blanks(line: &[u8], mut at: usize) -> usize {
    while at < line.len() && matches!(line[at], b' ' | b'\t' | 0) {
        at += 1;
    }
    at
}

/// The end of a value that has no quotes.
fn value_end(line: &[u8], at: usize) -> usize {
    let length = line[at..].iter().position(|b| matches!(b, b',' | b' '));
    length.map_or(line.len(), |length| at + length)
}

/// Up to the next separator outside quotes; what follows the closing quote is taken in.
fn scan_text(line: &[u8], at: &mut usize) -> Result<Value, String> {
    let start = *at + 1;
    let (mut end, mut quoted) = (start, true);
    while let Some(byte) = line.get(end) {
        match byte {
            b'\\' if end + 1 < line.len() => end += 1,
            b'"' => quoted = !quoted,
            b',' | b' ' if !quoted => break,
            _ => {}
        }
        end += 1;
    }
    if quoted {
        return Err("unbalanced quotes".to_owned());
    }
    *at = end;
    let value = text(&line[start..end - 1]);
    Ok(Value::Text(
        value.replace("\\\"", "\"").replace("\\\\", "\\"),
    ))
}

fn scan_number(line: &[u8], at: &mut usize) -> Result<Value, String> {
    let end = value_end(line, *at);
    let invalid = || "invalid number".to_owned();
    let word = std::str::from_utf8(&line[*at..end]).map_err(|_| invalid())?;
    *at = end;
    let digits = word.strip_prefix('-').unwrap_or(word);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') || digits == "." {
        return Err(invalid());
    }
    let whole = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let range = |number: &str, kind: &str, call: &str| {
        let why = format!("strconv.{call}: parsing \"{number}\": value out of range");
        format!("unable to parse {kind} {number}: {why}")
    };
    if let Some(digits) = digits.strip_suffix('i') {
        let number = &word[..word.len() - 1];
        return match number.parse() {
            _ if !whole(digits) => Err(invalid()),
            Ok(number) => Ok(Value::Integer(number)),
            Err(_) => Err(range(number, "integer", "ParseInt")),
        };
    }
    if let Some(digits) = digits.strip_suffix('u') {
        return match digits.parse() {
            _ if !whole(digits) || word.starts_with('-') => Err(invalid()),
            Ok(number) => Ok(Value::Unsigned(number)),
            Err(_) => Err(range(digits, "unsigned", "ParseUint")),
        };
    }
    if digits
        .bytes()
        .any(|b| !matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
    {
        return Err(invalid());
    }
    match word.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Value::Float(number)),
        Ok(_) => Err("invalid float".to_owned()),
        Err(_) => Err(invalid()),
    }
}

fn scan_boolean(line: &[u8], at: &mut usize) -> Result<Value, String> {
    let end = value_end(line, *at);
    let word = &line[*at..end];
    *at = end;
    match word {
        b"t" | b"T" | b"true" | b"True" | b"TRUE" => Ok(Value::Boolean(true)),
        b"f" | b"F" | b"false" | b"False" | b"FALSE" => Ok(Value::Boolean(false)),
        _ => Err("invalid boolean".to_owned()),
    }
}

fn scan_time(line: &[u8], from: usize, unit_ns: i64, now_ns: i64) -> Result<i64, String> {
    let start = skip_blanks(line, from);
    if start >= line.len() {
        return Ok(now_ns - now_ns.rem_euclid(unit_ns));
    }
    let end = line[start..]
        .iter()
        .position(|&b| b == b' ')
        .map_or(line.len(), |n| start + n);
    let word = &line[start..end];
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err("bad timestamp".to_owned());
    }
    let word = text(word);
    let number: i64 = word.parse().map_err(|error: std::num::ParseIntError| {
        let why = match error.kind() {
            std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => {
                "value out of range"
            }
            _ => "invalid syntax",
        };
        format!("strconv.ParseInt: parsing {:?}: {why}", word)
    })?;
    let ts = number
        .checked_mul(unit_ns)
        .filter(|ts| (-TS_MAX..=TS_MAX).contains(ts));
    let ts = ts.ok_or_else(|| format!("time outside range -{TS_MAX} - {TS_MAX}"))?;
    if line[end..].iter().any(|&b| b != b' ') {
        return Err("point is invalid".to_owned());
    }
    Ok(ts)
}
