//! The scripts that PowerLogger sends, word for word, with `<name>` where a value stands. The fake answers these and no
//! others: a script that the program changes is refused until it is changed here, too, and judged by the contract test
//! on a real server.

use std::collections::BTreeMap;

use super::duration::ns_of;

/// Points of a field: the reconciler, `audit`. Tests read with it, too.
pub const POINTS: &str = "from(bucket: <bucket>)\n  \
    |> range(start: <start>, stop: <stop>)\n  \
    |> filter(fn: (r) => r._measurement == <measurement> and r._field == <field>)\n  \
    |> drop(columns: [\"_start\", \"_stop\", \"_measurement\", \"_field\"])\n";

/// The same, summed up in windows.
pub const SUMS: &str = "from(bucket: <bucket>)\n  \
    |> range(start: <start>, stop: <stop>)\n  \
    |> filter(fn: (r) => r._measurement == <measurement> and r._field == <field>)\n  \
    |> aggregateWindow(every: <every>, fn: sum, timeSrc: \"_start\", createEmpty: false)\n  \
    |> drop(columns: [\"_start\", \"_stop\", \"_measurement\", \"_field\"])\n";

/// Whether a bucket is there and may be read: `verify`.
pub const READABLE: &str = "from(bucket: <bucket>) |> range(start: -1m) |> limit(n: 1)";

/// The point of `verify`.
pub const TAGGED: &str = "from(bucket: <bucket>) |> range(start: <start>, stop: <stop>) \
    |> filter(fn: (r) => r._measurement == <measurement> and r.PulseType == <meter>)";

/// How many points a bucket holds: `delete-buckets`.
pub const COUNT: &str = "from(bucketID: <bucket>)\n  \
    |> range(start: 1678-01-01T00:00:00Z, stop: 2262-01-01T00:00:00Z)\n  \
    |> count() |> keep(columns: [\"_value\"])";

/// Since when.
pub const OLDEST: &str = "from(bucketID: <bucket>)\n  \
    |> range(start: 1678-01-01T00:00:00Z, stop: 2262-01-01T00:00:00Z)\n  \
    |> first() |> keep(columns: [\"_time\"])";

/// The task of a view.
pub const TASK: &str = "// Made by `powerlogger setup`, which also repairs it.\n\
    import \"date\"\n\n\
    option task = {name: <name>, every: <every>, offset: <offset>}\n\n\
    stop = date.truncate(t: now(), unit: <every>)\n\
    start = date.truncate(t: date.sub(from: stop, d: <reach>), unit: <every>)\n\n\
    from(bucket: <bucket>)\n    \
    |> range(start: start, stop: stop)\n    \
    |> filter(fn: (r) => r._measurement == <measurement> and r._field == <field>)\n    \
    |> aggregateWindow(every: <every>, fn: sum, timeSrc: \"_start\", createEmpty: false)\n    \
    |> to(bucket: <to>, <org_by>: <org>)\n";

/// What stands in a script's places; texts without their quotes.
#[derive(Debug, Default)]
pub struct Values(BTreeMap<&'static str, String>);

impl Values {
    pub fn text(&self, name: &str) -> &str {
        &self.0[name]
    }

    /// A time, in nanoseconds since 1970.
    pub fn time_ns(&self, name: &str) -> Option<i64> {
        let time: jiff::Timestamp = self.text(name).parse().ok()?;
        i64::try_from(time.as_nanosecond()).ok()
    }

    pub fn duration_ns(&self, name: &str) -> Option<i64> {
        ns_of(self.text(name))
    }
}

/// What stands in the places of `shape`, if `script` is of it.
pub fn fit(shape: &'static str, script: &str) -> Option<Values> {
    let (mut values, mut rest) = (Values::default(), script);
    let mut parts = shape.split('<');
    rest = rest.strip_prefix(parts.next()?)?;
    for part in parts {
        let (name, then) = part.split_once('>')?;
        let (found, after) = value(rest)?;
        let known = values.0.insert(name, found.clone());
        if known.is_some_and(|known| known != found) {
            return None;
        }
        rest = after.strip_prefix(then)?;
    }
    rest.is_empty().then_some(values)
}

/// A script of `shape` with these values, as Flux writes them.
pub fn fill(shape: &str, values: &[(&str, &str)]) -> String {
    let mut script = shape.to_owned();
    for (name, value) in values {
        script = script.replace(&format!("<{name}>"), value);
    }
    script
}

/// The value that `text` begins with: a text in quotes, a time, a duration, a word. And what follows.
fn value(text: &str) -> Option<(String, &str)> {
    if text.starts_with('"') {
        return literal(text);
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"-.:".contains(c));
    let word = text[..end.unwrap_or(text.len())].trim_end_matches(':');
    (!word.is_empty()).then(|| (word.to_owned(), &text[word.len()..]))
}

/// A text in quotes, and what follows. None: it has no end, or something is put together in it.
pub fn literal(text: &str) -> Option<(String, &str)> {
    let (mut bytes, mut rest) = (Vec::new(), text.strip_prefix('"')?);
    loop {
        let c = rest.chars().next()?;
        rest = &rest[c.len_utf8()..];
        match c {
            '"' => return Some((String::from_utf8(bytes).ok()?, rest)),
            '$' if rest.starts_with('{') => return None,
            '\\' => {
                let (byte, length) = match rest.chars().next()? {
                    c @ ('"' | '\\' | '$') => (u8::try_from(c).ok()?, 1),
                    'n' => (b'\n', 1),
                    'r' => (b'\r', 1),
                    't' => (b'\t', 1),
                    'x' => (u8::from_str_radix(rest.get(1..3)?, 16).ok()?, 3),
                    _ => return None,
                };
                bytes.push(byte);
                rest = &rest[length..];
            }
            c => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
}
