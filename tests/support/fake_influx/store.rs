//! Buckets, tokens and points; a write is judged in the order in which v2.9.1 does it
//! (`http/write_handler.go`, `http/points`, `v1/coordinator/points_writer.go`).

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

/// A write request without its HTTP.
#[derive(Debug, Clone, Default)]
pub struct Write<'a> {
    pub org: Option<&'a str>,
    pub bucket: Option<&'a str>,
    pub precision: Option<&'a str>,
    pub token: Option<&'a str>,
    pub gzip: bool,
    pub body: &'a [u8],
}

/// An answer without its HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub retry_after: Option<u64>,
    pub content_type: &'static str,
    pub body: String,
}

impl Reply {
    pub fn empty(status: u16) -> Reply {
        Reply {
            status,
            retry_after: None,
            content_type: "application/json",
            body: String::new(),
        }
    }

    pub fn error(status: u16, code: &str, message: &str) -> Reply {
        let body = serde_json::json!({ "code": code, "message": message }).to_string();
        Reply {
            body,
            ..Reply::empty(status)
        }
    }
}

#[derive(Debug, Clone)]
struct Bucket {
    id: u64,
    retention_ns: Option<i64>,
}

#[derive(Debug, Clone)]
struct Token {
    /// Ids of the buckets it may write to.
    buckets: BTreeSet<u64>,
    active: bool,
}

/// A stored value and how often it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub value: String,
    pub writes: u32,
}

/// Points of one bucket: by series and field, then by time.
pub type Points = BTreeMap<String, BTreeMap<i64, Stored>>;

/// The server's state.
#[derive(Debug, Default)]
pub struct Store {
    orgs: BTreeSet<String>,
    buckets: BTreeMap<String, Bucket>,
    tokens: BTreeMap<String, Token>,
    points: BTreeMap<u64, Points>,
    ids: u64,
}

/// A line of line protocol, understood.
struct Point {
    series: String,
    field: String,
    value: String,
    /// The type of the field: i, f, b, s or u.
    kind: char,
    time_ns: i64,
}

impl Store {
    pub fn add_org(&mut self, org: &str) {
        self.orgs.insert(org.to_owned());
    }

    /// A bucket, with a new id also where one of that name was before.
    pub fn add_bucket(&mut self, name: &str, retention_ns: Option<i64>) {
        self.ids += 1;
        self.buckets.insert(
            name.to_owned(),
            Bucket {
                id: self.ids,
                retention_ns,
            },
        );
    }

    pub fn delete_bucket(&mut self, name: &str) {
        if let Some(bucket) = self.buckets.remove(name) {
            self.points.remove(&bucket.id);
        }
    }

    /// A token that may write to these buckets, as they are now.
    pub fn add_token(&mut self, token: &str, buckets: &[&str]) {
        let buckets = buckets.iter().map(|name| self.buckets[*name].id).collect();
        self.tokens.insert(
            token.to_owned(),
            Token {
                buckets,
                active: true,
            },
        );
    }

    pub fn set_active(&mut self, token: &str, active: bool) {
        self.tokens.get_mut(token).unwrap().active = active;
    }

    pub fn points(&self, bucket: &str) -> Points {
        self.buckets
            .get(bucket)
            .and_then(|b| self.points.get(&b.id))
            .cloned()
            .unwrap_or_default()
    }

    /// Points of a bucket, over all series.
    pub fn count(&self, bucket: &str) -> usize {
        self.points(bucket).values().map(BTreeMap::len).sum()
    }

    pub fn write(&mut self, write: &Write<'_>, now_ns: i64) -> Reply {
        match self.try_write(write, now_ns) {
            Ok(()) => Reply::empty(204),
            Err(reply) => reply,
        }
    }

    fn try_write(&mut self, write: &Write<'_>, now_ns: i64) -> Result<(), Reply> {
        let token = write
            .token
            .and_then(|token| self.tokens.get(token))
            .cloned();
        let token =
            token.ok_or_else(|| Reply::error(401, "unauthorized", "unauthorized access"))?;
        let scale = precision(write.precision)?;
        let name = write.bucket.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Reply::error(404, "not found", "bucket not found"))?;
        let body = body(write)?;
        match write.org.filter(|org| !org.is_empty()) {
            None => {
                return Err(Reply::error(
                    400,
                    "invalid",
                    "Please provide either orgID or org",
                ));
            }
            Some(org) if !self.orgs.contains(org) => {
                let message = format!("organization name \"{org}\" not found");
                return Err(Reply::error(404, "not found", &message));
            }
            Some(_) => {}
        }
        let missing = || Reply::error(404, "not found", &format!("bucket \"{name}\" not found"));
        let bucket = self.buckets.get(name).cloned().ok_or_else(missing)?;
        if !token.active {
            let message = "insufficient permissions for write: token is inactive";
            return Err(Reply::error(403, "forbidden", message));
        }
        if !token.buckets.contains(&bucket.id) {
            return Err(Reply::error(
                403,
                "forbidden",
                "insufficient permissions for write",
            ));
        }
        let text = unzip(body)?;
        let points = parse(&text, scale, now_ns)?;
        self.keep(&bucket, points, now_ns)
    }

    /// Stores what the storage takes; the rest is a partial write.
    fn keep(&mut self, bucket: &Bucket, points: Vec<Point>, now_ns: i64) -> Result<(), Reply> {
        let limit_ns = bucket.retention_ns.map(|retention| now_ns - retention);
        let stored = self.points.entry(bucket.id).or_default();
        let (mut old, mut conflict, mut conflicts) = (0, None, 0);
        for point in points {
            if limit_ns.is_some_and(|limit| point.time_ns < limit) {
                old += 1;
                continue;
            }
            let series = format!("{} {}", point.series, point.field);
            let measurement = point.series.split(',').next().unwrap().to_owned();
            let other = stored
                .iter()
                .filter(|(key, _)| key.starts_with(&measurement) && key.ends_with(&point.field))
                .find_map(|(_, times)| Some(kind_of(&times.values().next()?.value)))
                .filter(|known| *known != point.kind);
            if let Some(known) = other {
                conflicts += 1;
                conflict.get_or_insert_with(|| {
                    format!(
                        "field type conflict: input field \"{}\" on measurement \"{measurement}\" is \
                         type {}, already exists as type {}",
                        point.field, type_name(point.kind), type_name(known)
                    )
                });
                continue;
            }
            let times = stored.entry(series).or_default();
            let writes = times.get(&point.time_ns).map_or(0, |stored| stored.writes) + 1;
            times.insert(
                point.time_ns,
                Stored {
                    value: point.value,
                    writes,
                },
            );
        }
        let partial = |reason: &str, dropped: usize| {
            let message = format!(
                "failure writing points to database: partial write: {reason} dropped={dropped} for \
                 database: {:016x} for retention policy: autogen",
                bucket.id
            );
            Reply::error(422, "unprocessable entity", &message)
        };
        if let Some(reason) = conflict {
            return Err(partial(&reason, conflicts));
        }
        if old > 0 {
            let reason = format!("dropped {old} points outside retention policy of duration");
            return Err(partial(&reason, old));
        }
        Ok(())
    }
}

fn precision(precision: Option<&str>) -> Result<i64, Reply> {
    match precision {
        None | Some("ns") => Ok(1),
        Some("us") => Ok(1_000),
        Some("ms") => Ok(1_000_000),
        Some("s") => Ok(1_000_000_000),
        Some(_) => {
            let message = "invalid precision; valid precision units are ns, us, ms, and s";
            Err(Reply::error(400, "invalid", message))
        }
    }
}

/// The body as it came, its gzip header checked.
enum Body<'a> {
    Plain(&'a [u8]),
    Gzip(&'a [u8]),
}

fn body<'a>(write: &Write<'a>) -> Result<Body<'a>, Reply> {
    if !write.gzip {
        return Ok(Body::Plain(write.body));
    }
    // The header is read before organisation and bucket are looked up.
    let good = write.body.len() >= 10 && write.body.starts_with(&[0x1f, 0x8b, 8]);
    if good {
        Ok(Body::Gzip(write.body))
    } else {
        Err(internal())
    }
}

fn internal() -> Reply {
    let message = "An internal error has occurred - check server logs";
    Reply::error(500, "internal error", message)
}

fn unzip(body: Body<'_>) -> Result<String, Reply> {
    let bytes = match body {
        Body::Plain(bytes) => bytes.to_vec(),
        Body::Gzip(bytes) => {
            let mut plain = Vec::new();
            let read = flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain);
            match read {
                Ok(_) => plain,
                Err(error) if error.to_string().contains("checksum") => {
                    let message = "unable to read data: gzip: invalid checksum";
                    return Err(Reply::error(400, "invalid", message));
                }
                Err(_) => {
                    let message = "unable to read data: unexpected EOF";
                    return Err(Reply::error(500, "internal error", message));
                }
            }
        }
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// All points, or every bad line quoted and nothing written.
fn parse(text: &str, scale: i64, now_ns: i64) -> Result<Vec<Point>, Reply> {
    let mut points = Vec::new();
    let mut bad = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
    {
        match point(line, scale, now_ns) {
            Ok(point) => points.push(point),
            Err(why) => bad.push(format!("unable to parse '{line}': {why}")),
        }
    }
    if bad.is_empty() {
        Ok(points)
    } else {
        Err(Reply::error(400, "invalid", &bad.join("\n")))
    }
}

fn point(line: &str, scale: i64, now_ns: i64) -> Result<Point, &'static str> {
    let (series, rest) = split_plain(line, ' ').ok_or("missing fields")?;
    if series.is_empty() || series.starts_with(',') {
        return Err("missing measurement");
    }
    if split_plain(series, ',').is_some_and(|(_, tags)| tags.split(',').any(|t| !t.contains('='))) {
        return Err("missing tag value");
    }
    let (fields, time) = match split_plain(rest, ' ') {
        Some((fields, time)) => (fields, Some(time)),
        None => (rest, None),
    };
    let (field, value) = fields.split_once('=').ok_or("invalid field format")?;
    let kind = kind_of(value);
    let digits = value.trim_end_matches(['i', 'u']);
    let number = digits.parse::<f64>().is_ok();
    if value.is_empty() {
        return Err("missing field value");
    }
    if (matches!(kind, 'i' | 'u') && digits.parse::<i128>().is_err()) || (kind == 'f' && !number) {
        return Err("invalid number");
    }
    let time_ns = match time {
        None => now_ns,
        Some(time) => {
            let time = time.parse::<i64>().map_err(|_| "bad timestamp")?;
            time.checked_mul(scale).ok_or("time outside range")?
        }
    };
    let (series, field, value) = (series.to_owned(), field.to_owned(), value.to_owned());
    Ok(Point {
        series,
        field,
        value,
        kind,
        time_ns,
    })
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

fn kind_of(value: &str) -> char {
    match value.chars().last() {
        Some('i') => 'i',
        Some('u') => 'u',
        Some('"') => 's',
        _ if matches!(value, "t" | "T" | "true" | "f" | "F" | "false") => 'b',
        _ => 'f',
    }
}

fn type_name(kind: char) -> &'static str {
    match kind {
        'i' => "integer",
        'u' => "unsigned",
        's' => "string",
        'b' => "boolean",
        _ => "float",
    }
}
