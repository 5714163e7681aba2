//! The answers to the scripts of [`super::shapes`], with the words and the order of columns of v2.9.1. Any other script
//! is refused, noted, and fails the test when the fake is dropped.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lines::Value;
use super::rights::Resource;
use super::shapes::{self, Values, fit};
use super::store::Store;

/// Who asks, and when.
#[derive(Debug)]
pub struct Run<'a> {
    pub store: &'a mut Store,
    /// None: the server itself, in a task.
    pub token: Option<&'a str>,
    pub now_ns: i64,
    /// The server's own time, for writes.
    pub real_ns: i64,
}

/// Why a script failed before its first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
}

impl Failed {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Failed {
        let message = message.into();
        Failed {
            status,
            code,
            message,
        }
    }
}

/// Rows under one header.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    columns: Vec<String>,
    /// The type of what is in them: another one has a header of its own.
    kind: &'static str,
    rows: Vec<Vec<String>>,
}

/// What a script gives.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What the server calls it; the planner adds a number to `to`.
    name: &'static str,
    tables: Vec<Table>,
    /// What went wrong after the first byte: it stands as a table of its own inside a 200.
    pub error: Option<String>,
}

/// A field of a series, as it was found in a stretch of time.
struct Series {
    /// Measurement and tags, escaped as on the wire.
    wire: Arc<str>,
    field: String,
    /// `_measurement`, `_field` and the tags.
    columns: BTreeMap<String, String>,
    points: Vec<(i64, Value)>,
}

type Bounds = (i64, i64);

const MINUTE_NS: i64 = 60_000_000_000;
const STATE: &str = "failed to initialize execute state: ";

/// Runs a script.
pub fn run(script: &str, run: &mut Run<'_>) -> Result<Outcome, Failed> {
    let answered = if let Some(values) = fit(shapes::POINTS, script) {
        points(&values, run)
    } else if let Some(values) = fit(shapes::SUMS, script) {
        sums(&values, run)
    } else if let Some(values) = fit(shapes::READABLE, script) {
        readable(&values, run)
    } else if let Some(values) = fit(shapes::TAGGED, script) {
        tagged(&values, run)
    } else if let Some(values) = fit(shapes::COUNT, script) {
        count(&values, run)
    } else if let Some(values) = fit(shapes::OLDEST, script) {
        oldest(&values, run)
    } else if let Some(values) = fit(shapes::TASK, script) {
        return task(&values, run);
    } else {
        return Err(unknown(run, script));
    };
    Ok(Outcome {
        name: "_result",
        tables: answered?,
        error: None,
    })
}

fn unknown(run: &mut Run<'_>, what: &str) -> Failed {
    run.store.refused.push(what.to_owned());
    let message = format!("the fake does not know this: {what}");
    Failed::new(500, "internal error", message)
}

fn points(values: &Values, run: &mut Run<'_>) -> Result<Vec<Table>, Failed> {
    let bucket = named(values.text("bucket"), run)?;
    let bounds = bounds(values)?;
    Ok(of_field(values, run.store, &bucket, bounds)
        .map(|series| series.table(series.points.iter().map(|(t, v)| (*t, shown(v)))))
        .collect())
}

fn sums(values: &Values, run: &mut Run<'_>) -> Result<Vec<Table>, Failed> {
    let bucket = named(values.text("bucket"), run)?;
    let bounds = bounds(values)?;
    let windows = windows(values, run, &bucket, bounds)?.into_iter();
    // The first window is cut to the range.
    let cut = |(time_ns, value): &(i64, Value)| (*time_ns.max(&bounds.0), shown(value));
    Ok(windows
        .map(|series| series.table(series.points.iter().map(cut)))
        .collect())
}

/// What is found, summed up.
fn windows(
    values: &Values,
    run: &mut Run<'_>,
    bucket: &str,
    bounds: Bounds,
) -> Result<Vec<Series>, Failed> {
    let every_ns = values.duration_ns("every").expect("the program's own");
    let found = of_field(values, run.store, bucket, bounds);
    let summed: Option<Vec<Series>> = found.map(|series| series.summed(every_ns)).collect();
    summed.ok_or_else(|| unknown(run, "a sum of other values than integers"))
}

fn readable(values: &Values, run: &mut Run<'_>) -> Result<Vec<Table>, Failed> {
    let bucket = named(values.text("bucket"), run)?;
    let bounds = (run.now_ns - MINUTE_NS, run.now_ns);
    let found = read(run.store, &bucket, bounds, |_| true).into_iter();
    let whole = found.map(|series| series.whole(bounds));
    Ok(whole
        .map(|mut table| {
            table.rows.truncate(1);
            table
        })
        .collect())
}

fn tagged(values: &Values, run: &mut Run<'_>) -> Result<Vec<Table>, Failed> {
    let bucket = named(values.text("bucket"), run)?;
    let bounds = bounds(values)?;
    let wanted = |columns: &BTreeMap<String, String>| {
        columns["_measurement"] == values.text("measurement")
            && columns.get("PulseType").map(String::as_str) == Some(values.text("meter"))
    };
    let found = read(run.store, &bucket, bounds, wanted).into_iter();
    Ok(found.map(|series| series.whole(bounds)).collect())
}

fn count(values: &Values, run: &mut Run<'_>) -> Result<Vec<Table>, Failed> {
    let found = read_all(values, run)?.into_iter();
    let rows = found.map(|series| vec![series.points.len().to_string()]);
    Ok(one_column("_value", rows.collect()))
}

fn oldest(values: &Values, run: &mut Run<'_>) -> Result<Vec<Table>, Failed> {
    let found = read_all(values, run)?.into_iter();
    let rows = found.map(|series| vec![time(series.points[0].0)]);
    Ok(one_column("_time", rows.collect()))
}

fn one_column(name: &str, rows: Vec<Vec<String>>) -> Vec<Table> {
    let columns = vec![name.to_owned()];
    let kind = "";
    vec![Table {
        columns,
        kind,
        rows,
    }]
}

/// Counts whole windows up to now into another bucket. What the target refuses comes out after the first byte.
fn task(values: &Values, run: &mut Run<'_>) -> Result<Outcome, Failed> {
    let duration = |name| values.duration_ns(name).expect("the program's own");
    let every_ns = duration("every");
    let floor = |ns: i64| ns - ns.rem_euclid(every_ns);
    let stop = floor(run.now_ns);
    let start = floor(stop - duration("reach"));
    let bucket = named(values.text("bucket"), run)?;
    let target = target(values, run)?;
    let sums = windows(values, run, &bucket, (start, stop))?;
    let body: String = sums.iter().map(Series::lines).collect();
    let reply = run.store.insert(&target, body.as_bytes(), run.real_ns);
    let message = reply.message();
    let bare = message.strip_prefix("failure writing points to database: ");
    let error = bare.unwrap_or(&message).to_owned();
    Ok(Outcome {
        name: "to",
        tables: sums.iter().map(|sums| sums.whole((start, stop))).collect(),
        error: (reply.status >= 300).then_some(error),
    })
}

/// Where a task may write.
fn target(values: &Values, run: &Run<'_>) -> Result<String, Failed> {
    let org = values.text("org");
    let id = match values.text("org_by") {
        "org" => run.store.organizations.get(org),
        _ => run.store.organizations.values().find(|id| *id == org),
    };
    let may_read = |id: &String| {
        let wanted = Resource::global("orgs", Some(id));
        let tokens = &run.store.tokens;
        run.token
            .is_none_or(|token| tokens.allowed(token, "read", &wanted).is_ok())
    };
    if !id.is_some_and(may_read) {
        let why = format!("{STATE}could not find org {org:?}");
        return Err(Failed::new(404, "not found", why));
    }
    let name = named(values.text("to"), run)?;
    let (_, id) = run.store.bucket_named(&name).expect("just found");
    if run
        .token
        .is_some_and(|token| !run.store.may(token, "write", &id))
    {
        let why = format!("{STATE}user not authorized to write");
        return Err(Failed::new(403, "forbidden", why));
    }
    Ok(name)
}

/// The bucket of this name, if it is there and may be read.
fn named(name: &str, run: &Run<'_>) -> Result<String, Failed> {
    let found = run.store.bucket_named(name);
    let found = found.filter(|(_, id)| run.token.is_none_or(|t| run.store.may(t, "read", id)));
    let missing = || {
        let why = format!("{STATE}could not find bucket {name:?}");
        Failed::new(404, "not found", why)
    };
    found.map(|(name, _)| name).ok_or_else(missing)
}

/// All of a bucket with this id, which whoever knows it may read.
fn read_all(values: &Values, run: &Run<'_>) -> Result<Vec<Series>, Failed> {
    let found = run.store.bucket_with_id(values.text("bucket"));
    let (name, _) = found.ok_or_else(|| {
        let why = "An internal error has occurred - check server logs";
        Failed::new(500, "internal error", why)
    })?;
    Ok(read(run.store, &name, (i64::MIN, i64::MAX), |_| true))
}

fn bounds(values: &Values) -> Result<Bounds, Failed> {
    let time = |name| values.time_ns(name).expect("the program's own");
    let (start, stop) = (time("start"), time("stop"));
    if start < stop {
        return Ok((start, stop));
    }
    let why = "error in building plan while starting program: cannot query an empty range";
    Err(Failed::new(400, "invalid", why))
}

fn of_field(
    values: &Values,
    store: &Store,
    bucket: &str,
    bounds: Bounds,
) -> impl Iterator<Item = Series> {
    let wanted = |columns: &BTreeMap<String, String>| {
        columns["_measurement"] == values.text("measurement")
            && columns["_field"] == values.text("field")
    };
    read(store, bucket, bounds, wanted).into_iter()
}

fn read(
    store: &Store,
    bucket: &str,
    (start, stop): Bounds,
    wanted: impl Fn(&BTreeMap<String, String>) -> bool,
) -> Vec<Series> {
    let mut found: BTreeMap<(Arc<str>, String), Series> = BTreeMap::new();
    let within = |time: i64| start <= time && time < stop;
    for ((wire, time), point) in store.points(bucket) {
        for (field, value) in point.fields.iter().filter(|_| within(*time)) {
            let series = found
                .entry((Arc::clone(wire), field.clone()))
                .or_insert_with(|| Series::new(wire, field));
            series.points.push((*time, value.clone()));
        }
    }
    found.retain(|_, series| wanted(&series.columns));
    found.into_values().collect()
}

impl Series {
    fn new(wire: &Arc<str>, field: &str) -> Series {
        let mut columns = columns_of(wire);
        columns.insert("_field".to_owned(), field.to_owned());
        Series {
            wire: Arc::clone(wire),
            field: field.to_owned(),
            columns,
            points: Vec::new(),
        }
    }

    /// The sums of windows at their starts. None: other values than integers have none.
    fn summed(mut self, every_ns: i64) -> Option<Series> {
        let mut windows: BTreeMap<i64, i64> = BTreeMap::new();
        for (time, value) in &self.points {
            let Value::Integer(value) = value else {
                return None;
            };
            *windows.entry(time - time.rem_euclid(every_ns)).or_default() += value;
        }
        let sum = |(start, sum)| (start, Value::Integer(sum));
        self.points = windows.into_iter().map(sum).collect();
        Some(self)
    }

    /// As line protocol.
    fn lines(&self) -> String {
        let (wire, field) = (&self.wire, escaped(&self.field));
        let points = self.points.iter();
        let line = |(time_ns, value): &(i64, Value)| {
            format!("{wire} {field}={}i {time_ns}\n", shown(value))
        };
        points.map(line).collect()
    }

    /// Times and values, beside the tags.
    fn table(&self, rows: impl Iterator<Item = (i64, String)>) -> Table {
        let tags = self
            .columns
            .iter()
            .filter(|(name, _)| !name.starts_with('_'));
        let (names, texts): (Vec<String>, Vec<String>) = tags
            .map(|(name, text)| (name.clone(), text.clone()))
            .unzip();
        let front = ["_time", "_value"].map(str::to_owned);
        let row = |(time_ns, value)| [vec![time(time_ns), value], texts.clone()].concat();
        Table {
            columns: [front.to_vec(), names].concat(),
            kind: self.points[0].1.type_name(),
            rows: rows.map(row).collect(),
        }
    }

    /// Points with all their columns.
    fn whole(&self, (start, stop): Bounds) -> Table {
        let front = ["_start", "_stop", "_time", "_value"].map(str::to_owned);
        let names = self.columns.keys().cloned().collect();
        let row = |(at, value): &(i64, Value)| {
            let front = vec![time(start), time(stop), time(*at), shown(value)];
            [front, self.columns.values().cloned().collect()].concat()
        };
        Table {
            columns: [front.to_vec(), names].concat(),
            kind: self.points[0].1.type_name(),
            rows: self.points.iter().map(row).collect(),
        }
    }
}

/// Measurement and tags of a series, unescaped.
fn columns_of(wire: &str) -> BTreeMap<String, String> {
    let mut parts = vec![String::new()];
    let mut chars = wire.chars();
    while let Some(c) = chars.next() {
        let part = parts.last_mut().expect("one at least");
        match c {
            '\\' => match chars.next() {
                Some(c @ (',' | ' ')) => part.push(c),
                Some('=') => part.push('\u{0}'),
                other => part.extend(std::iter::once('\\').chain(other)),
            },
            ',' => parts.push(String::new()),
            c => part.push(c),
        }
    }
    let text = |text: &str| text.replace('\u{0}', "=");
    let mut columns = BTreeMap::from([("_measurement".to_owned(), text(&parts[0]))]);
    for part in &parts[1..] {
        let (name, value) = part.split_once('=').expect("a tag");
        columns.insert(text(name), text(value));
    }
    columns
}

fn escaped(name: &str) -> String {
    let name = name.replace(',', "\\,").replace(' ', "\\ ");
    name.replace('=', "\\=")
}

fn shown(value: &Value) -> String {
    match value {
        Value::Integer(value) => value.to_string(),
        Value::Unsigned(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::Text(text) => text.clone(),
    }
}

fn time(ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(ns))
        .expect("a time")
        .to_string()
}

/// An outcome as CSV without annotations (flux `csv/result.go`).
pub fn encode(outcome: &Outcome) -> String {
    let mut text = String::new();
    let mut under: Option<(&[String], &str)> = None;
    let filled = outcome.tables.iter().filter(|table| !table.rows.is_empty());
    for (n, table) in filled.enumerate() {
        let head = (table.columns.as_slice(), table.kind);
        if under != Some(head) {
            if under.is_some() {
                text.push_str("\r\n");
            }
            text += &line(["", "result", "table"].map(str::to_owned), &table.columns);
            under = Some(head);
        }
        for row in &table.rows {
            text += &line([String::new(), outcome.name.to_owned(), n.to_string()], row);
        }
    }
    if under.is_some() {
        text.push_str("\r\n");
    }
    match &outcome.error {
        Some(message) => text += &error(message),
        None if text.is_empty() => text.push_str("\r\n"),
        None => {}
    }
    text
}

/// The table that tells of an error after the first byte.
pub fn error(message: &str) -> String {
    let cells = |cells: [&str; 3]| line(cells.map(str::to_owned), &[]);
    cells(["", "error", "reference"]) + &cells(["", message, ""])
}

fn line(front: [String; 3], cells: &[String]) -> String {
    let cells: Vec<String> = front.iter().chain(cells).map(|c| quoted(c)).collect();
    cells.join(",") + "\r\n"
}

/// Line breaks in a cell become two characters, as everywhere in the answer.
fn quoted(cell: &str) -> String {
    let odd = |c: char| matches!(c, ',' | '"' | '\n' | '\r');
    if cell == "\\." || cell.contains(odd) || cell.starts_with(char::is_whitespace) {
        let cell = cell.replace('\r', "").replace('\n', "\r\n");
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
