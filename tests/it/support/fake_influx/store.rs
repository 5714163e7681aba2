//! InfluxDB 2 in memory: what it holds, and its answer to a write. No HTTP, no clock of its own.
//!
//! The order of the checks and the words are those of v2.9.1 (`http/write_handler.go`,
//! `http/points`, `v1/coordinator/points_writer.go`, `tsdb/shard.go`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::sync::Arc;

use super::lines::{self, Line, Value};
use super::reply::{Reply, internal, partial};
use super::retention::{self, group_start};
use super::rights::{Denied, Resource, Right, Tokens};

/// A request to `POST /api/v2/write`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Write<'a> {
    /// Query `org`: name or id.
    pub org: Option<&'a str>,
    /// Query `bucket`: name or id.
    pub bucket: Option<&'a str>,
    /// The token, without its scheme.
    pub token: Option<&'a str>,
    /// Query `precision`.
    pub precision: Option<&'a str>,
    /// `Content-Encoding: gzip`.
    pub content_encoding_gzip: bool,
    /// The body as sent.
    pub body: &'a [u8],
}

impl Write<'_> {
    /// The body's lines; None: it is not what it says that it is.
    pub fn text(&self) -> Option<String> {
        if !self.content_encoding_gzip {
            return Some(String::from_utf8_lossy(self.body).into_owned());
        }
        let mut text = String::new();
        flate2::read::GzDecoder::new(self.body)
            .read_to_string(&mut text)
            .ok()?;
        Some(text)
    }
}

/// A stored point: the last value of each field, and how often it was written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Point {
    pub fields: BTreeMap<String, Value>,
    pub writes: u32,
}

impl Point {
    /// The integer in this field.
    pub fn integer(&self, field: &str) -> Option<i64> {
        match self.fields.get(field) {
            Some(Value::Integer(value)) => Some(*value),
            _ => None,
        }
    }
}

/// Points by series (measurement and sorted tags, escaped as on the wire) and time.
pub type Points = BTreeMap<(Arc<str>, i64), Point>;

#[derive(Debug, Clone)]
pub(super) struct Bucket {
    pub(super) id: String,
    pub(super) org_id: String,
    /// 0: for ever.
    pub(super) retention_ns: i64,
    pub(super) description: String,
    /// The length of a shard group as it is told; a change of the retention leaves it.
    pub(super) group_ns: i64,
    pub(super) created_ns: i64,
    pub(super) updated_ns: i64,
    points: Points,
    /// The type of each field, by shard group, measurement and field.
    types: HashMap<(i64, String, String), &'static str>,
    series: BTreeSet<Arc<str>>,
}

type Note = dyn Fn(&[u8]) + Send + Sync;

/// Told of every body before it is stored: for those who outlive the server.
#[derive(Clone)]
pub struct Notebook(Arc<Note>);

impl Notebook {
    /// A notebook that `note` writes.
    pub fn new(note: impl Fn(&[u8]) + Send + Sync + 'static) -> Notebook {
        Notebook(Arc::new(note))
    }
}

impl std::fmt::Debug for Notebook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Notebook")
    }
}

/// Organizations, buckets, tokens and points.
#[derive(Debug, Clone, Default)]
pub struct Store {
    notebook: Option<Notebook>,
    pub(super) organizations: BTreeMap<String, String>,
    pub(super) buckets: BTreeMap<String, Bucket>,
    pub(super) tasks: BTreeMap<String, super::api::tasks::Task>,
    pub(super) authorizations: BTreeMap<String, super::api::authorizations::Entry>,
    pub(super) tokens: Tokens,
    /// The user who has made everything.
    pub(super) owner_id: String,
    /// Scripts that were refused because the fake does not know them.
    pub refused: Vec<String>,
    ids: u64,
    writes: u64,
}

impl Store {
    /// A server with this one organization.
    pub fn new(org: &str) -> Store {
        let mut store = Store::default();
        store.owner_id = store.new_id();
        store.add_organization(org);
        store
    }

    pub(super) fn new_id(&mut self) -> String {
        self.ids += 1;
        format!("{:016x}", 0x0a00_0000_0000_0000 + self.ids)
    }

    /// Notes every body of a write from now on.
    pub fn keep_notebook(&mut self, notebook: Notebook) {
        self.notebook = Some(notebook);
    }

    /// Makes an organization and returns its id.
    pub fn add_organization(&mut self, name: &str) -> String {
        let id = self.new_id();
        self.organizations.insert(name.to_owned(), id.clone());
        id
    }

    /// Makes a bucket and returns its id, which no bucket before had. Retention 0: for ever.
    pub fn create_bucket(&mut self, org: &str, name: &str, retention_ns: i64) -> String {
        let id = self.new_id();
        let org_id = self.organizations[org].clone();
        let bucket = Bucket {
            id: id.clone(),
            org_id,
            retention_ns,
            description: String::new(),
            group_ns: retention::group_ns(retention_ns),
            created_ns: 0,
            updated_ns: 0,
            points: Points::new(),
            types: HashMap::new(),
            series: BTreeSet::new(),
        };
        assert!(
            self.buckets.insert(name.to_owned(), bucket).is_none(),
            "the name is taken"
        );
        id
    }

    /// Deletes a bucket with all that is in it. Tokens for it stay, and are good for nothing.
    pub fn delete_bucket(&mut self, name: &str) {
        assert!(self.buckets.remove(name).is_some(), "no such bucket");
    }

    /// Makes a token that may write to these buckets (by id).
    pub fn add_token(&mut self, token: &str, bucket_ids: &[&str]) {
        let write = |id: &&str| Right {
            action: "write".to_owned(),
            kind: "buckets".to_owned(),
            id: Some((*id).to_owned()),
            org_id: None,
        };
        self.tokens
            .add(token, Some(bucket_ids.iter().map(write).collect()));
    }

    /// Makes a token that may do everything.
    pub fn add_operator(&mut self, token: &str) {
        self.tokens.add(token, None);
    }

    /// Whether a token may do this with a bucket.
    pub fn may(&self, token: &str, action: &str, bucket_id: &str) -> bool {
        self.judge(token, action, bucket_id).is_ok()
    }

    fn judge(&self, token: &str, action: &str, bucket_id: &str) -> Result<(), Denied> {
        let bucket = self.buckets.values().find(|bucket| bucket.id == bucket_id);
        let org_id = bucket.map(|bucket| bucket.org_id.as_str());
        let wanted = Resource {
            kind: "buckets",
            id: Some(bucket_id),
            org_id,
        };
        self.tokens.allowed(token, action, &wanted)
    }

    /// A bucket's name and id, by name.
    pub fn bucket_named(&self, name: &str) -> Option<(String, String)> {
        let bucket = self.buckets.get(name)?;
        Some((name.to_owned(), bucket.id.clone()))
    }

    /// The same, by id.
    pub fn bucket_with_id(&self, id: &str) -> Option<(String, String)> {
        let found = self.buckets.iter().find(|(_, bucket)| bucket.id == id)?;
        Some((found.0.clone(), id.to_owned()))
    }

    /// Writes lines into a bucket, whoever asks.
    pub fn insert(&mut self, bucket: &str, body: &[u8], now_ns: i64) -> Reply {
        let points = match lines::parse(body, 1, now_ns) {
            Ok(points) => points,
            Err(message) => return Reply::error(400, "invalid", &message),
        };
        let bucket = self
            .buckets
            .get_mut(bucket)
            .expect("the caller has found it");
        bucket
            .insert(points, now_ns)
            .unwrap_or_else(|refused| refused)
    }

    /// Removes the points of a bucket that are meant.
    pub fn remove_points(&mut self, bucket: &str, meant: impl Fn(&str, i64) -> bool) {
        let bucket = self
            .buckets
            .get_mut(bucket)
            .expect("the caller has found it");
        bucket
            .points
            .retain(|(series, time_ns), _| !meant(series, *time_ns));
    }

    /// Sets a token inactive, or active again.
    pub fn set_active(&mut self, token: &str, active: bool) {
        self.tokens.set_active(token, active);
    }

    /// Sets a token inactive: it is still known, and may do nothing.
    pub fn deactivate(&mut self, token: &str) {
        self.set_active(token, false);
    }

    /// Forgets a token: 401 from now on.
    pub fn remove_token(&mut self, token: &str) {
        self.tokens.remove(token);
    }

    /// Whether requests with this token are let in.
    pub fn knows_token(&self, token: &str) -> bool {
        self.tokens.knows(token)
    }

    /// Whether there is a bucket of this name.
    pub fn has_bucket(&self, name: &str) -> bool {
        self.buckets.contains_key(name)
    }

    /// Loses all points of a bucket, as one that was made anew with its old tokens.
    pub fn empty_bucket(&mut self, name: &str) {
        let bucket = self.buckets.get_mut(name).expect("no such bucket");
        bucket.points.clear();
        bucket.types.clear();
        bucket.series.clear();
    }

    /// The points of a bucket.
    pub fn points(&self, bucket: &str) -> &Points {
        &self.buckets[bucket].points
    }

    /// How many points a bucket holds; 0 if there is none.
    pub fn count(&self, bucket: &str) -> usize {
        self.buckets
            .get(bucket)
            .map_or(0, |bucket| bucket.points.len())
    }

    /// How often the point that was written most often was written.
    pub fn max_writes_of_a_point(&self, bucket: &str) -> u32 {
        self.points(bucket)
            .values()
            .map(|point| point.writes)
            .max()
            .unwrap_or(0)
    }

    /// How many requests were answered by 204 or 422: carried out.
    pub fn writes(&self) -> u64 {
        self.writes
    }

    /// Drops what the retention service would: shard groups that have wholly expired.
    pub fn expire(&mut self, now_ns: i64) {
        for bucket in self
            .buckets
            .values_mut()
            .filter(|bucket| bucket.retention_ns > 0)
        {
            let (retention, oldest) = (bucket.retention_ns, now_ns - bucket.retention_ns);
            let gone = |group: i64| group + retention::group_ns(retention) <= oldest;
            bucket
                .points
                .retain(|(_, ts), _| !gone(group_start(*ts, retention)));
            bucket.types.retain(|(group, _, _), _| !gone(*group));
        }
    }

    /// Answers a write.
    pub fn write(&mut self, write: &Write<'_>, now_ns: i64) -> Reply {
        let reply = self
            .try_write(write, now_ns)
            .unwrap_or_else(|refused| refused);
        if matches!(reply.status, 204 | 422) {
            self.writes += 1;
        }
        reply
    }

    fn try_write(&mut self, write: &Write<'_>, now_ns: i64) -> Result<Reply, Reply> {
        let name = self.check(write)?.to_owned();
        let unit_ns = unit_ns(write.precision)?;
        let body = unpack(write)?;
        let points = lines::parse(&body, unit_ns, now_ns)
            .map_err(|message| Reply::error(400, "invalid", &message))?;
        if let Some(Notebook(note)) = &self.notebook {
            note(&body);
        }
        let bucket = self.buckets.get_mut(&name).expect("just found");
        bucket.insert(points, now_ns)
    }

    /// Everything before the body; returns the bucket's name.
    fn check(&self, write: &Write<'_>) -> Result<&str, Reply> {
        let not_found = |message: &str| Reply::error(404, "not found", message);
        let Some(token) = write.token.filter(|token| self.tokens.knows(token)) else {
            return Err(Reply::error(401, "unauthorized", "unauthorized access"));
        };
        unit_ns(write.precision)?;
        let wanted = write.bucket.filter(|name| !name.is_empty());
        let wanted = wanted.ok_or_else(|| not_found("bucket not found"))?;
        if write.content_encoding_gzip && !gzip_header(write.body) {
            return Err(internal());
        }
        let Some(org) = write.org.filter(|name| !name.is_empty()) else {
            return Err(Reply::error(
                400,
                "invalid",
                "Please provide either orgID or org",
            ));
        };
        let org_id = self
            .organizations
            .iter()
            .find(|(name, id)| *name == org || *id == org);
        let Some((_, org_id)) = org_id else {
            let by_id = org.len() == 16 && org.bytes().all(|b| b.is_ascii_hexdigit());
            let by_name = format!("organization name {org:?} not found");
            return Err(not_found(if by_id {
                "organization not found"
            } else {
                &by_name
            }));
        };
        let bucket = self.buckets.iter().find(|(name, bucket)| {
            bucket.org_id == *org_id && (*name == wanted || bucket.id == wanted)
        });
        let Some((name, bucket)) = bucket else {
            return Err(not_found(&format!("bucket {wanted:?} not found")));
        };
        let forbidden = "insufficient permissions for write";
        match self.judge(token, "write", &bucket.id) {
            Ok(()) => {}
            Err(Denied::Inactive) => {
                let message = format!("{forbidden}: token is inactive");
                return Err(Reply::error(403, "forbidden", &message));
            }
            Err(Denied::Missing) => return Err(Reply::error(403, "forbidden", forbidden)),
        }
        Ok(name)
    }
}

impl Bucket {
    /// Writes what can be written, and says what could not.
    fn insert(&mut self, lines: Vec<Line>, now_ns: i64) -> Result<Reply, Reply> {
        let (kept, expired) = retention::split(lines, self.retention_ns, now_ns);
        let (mut reason, mut dropped) = (None, 0);
        for line in kept {
            if let Err((why, lost)) = self.insert_line(line) {
                reason.get_or_insert(why);
                dropped += lost;
            }
        }
        // A shard's complaint hides the retention's.
        if let Some(reason) = &reason {
            if dropped > 0 {
                return Err(partial(&format!("{reason} dropped={dropped}")));
            }
        }
        let reason = reason.or_else(|| retention::message(&expired, self.retention_ns, now_ns));
        let Some(reason) = reason else {
            return Ok(Reply::no_content());
        };
        let (dropped, id) = (expired.len(), &self.id);
        Err(partial(&format!(
            "{reason} dropped={dropped} for database: {id} for retention policy: autogen"
        )))
    }

    /// Err: why, and how many points that cost (a field named `time` costs only the field).
    fn insert_line(&mut self, line: Line) -> Result<(), (String, usize)> {
        let Line {
            series,
            measurement,
            mut fields,
            ts_ns,
        } = line;
        let before = fields.len();
        fields.retain(|(field, _)| field != "time");
        let stripped = before != fields.len();
        let complaint = format!(
            "invalid field name: input field \"time\" on measurement {measurement:?} is invalid"
        );
        if fields.is_empty() {
            return Err((complaint, 1));
        }
        let group = group_start(ts_ns, self.retention_ns);
        for (field, value) in &fields {
            let key = (group, measurement.clone(), field.clone());
            let known = self.types.entry(key).or_insert(value.type_name());
            if *known != value.type_name() {
                let why = format!(
                    "field type conflict: input field {field:?} on measurement {measurement:?} is \
                     type {}, already exists as type {known}",
                    value.type_name()
                );
                return Err((why, 1));
            }
        }
        let series = match self.series.get(series.as_str()) {
            Some(known) => Arc::clone(known),
            None => {
                let series: Arc<str> = series.into();
                self.series.insert(Arc::clone(&series));
                series
            }
        };
        let point = self.points.entry((series, ts_ns)).or_default();
        point.writes += 1;
        point.fields.extend(fields);
        if stripped {
            let complaint = format!("{complaint}. Field \"time\" has been stripped from point.");
            return Err((complaint, 0));
        }
        Ok(())
    }
}

fn unit_ns(precision: Option<&str>) -> Result<i64, Reply> {
    match precision {
        None | Some("" | "ns") => Ok(1),
        Some("us") => Ok(1_000),
        Some("ms") => Ok(1_000_000),
        Some("s") => Ok(1_000_000_000),
        Some(_) => {
            let message = "invalid precision; valid precision units are ns, us, ms, and s";
            Err(Reply::error(400, "invalid", message))
        }
    }
}

fn gzip_header(body: &[u8]) -> bool {
    body.len() >= 10 && body.starts_with(&[0x1f, 0x8b, 8])
}

/// The body as text. The server reads the header of gzip before anything else and the rest only
/// now, which is why one fault of compression is another answer than the other.
fn unpack(write: &Write<'_>) -> Result<Vec<u8>, Reply> {
    if !write.content_encoding_gzip {
        return Ok(write.body.to_vec());
    }
    let mut plain = Vec::new();
    let read = flate2::read::MultiGzDecoder::new(write.body).read_to_end(&mut plain);
    match read {
        Ok(_) => Ok(plain),
        Err(error) if error.to_string().contains("checksum") => Err(Reply::error(
            400,
            "invalid",
            "unable to read data: gzip: invalid checksum",
        )),
        Err(error) if error.to_string().contains("header") => Err(Reply::error(
            400,
            "invalid",
            "unable to read data: gzip: invalid header",
        )),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(Reply::error(
            500,
            "internal error",
            "unable to read data: unexpected EOF",
        )),
        Err(_) => {
            let message = "unable to read data: flate: corrupt input before offset 0";
            Err(Reply::error(500, "internal error", message))
        }
    }
}
