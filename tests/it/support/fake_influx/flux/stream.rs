//! Pipelines: first what they are to do, then, all of a script's together, the doing.

use super::arguments::Arguments;
use super::eval::{Failed, Outcome, Run, Worth};
use super::parse::Expr;
use super::table::{self, Stage, Table};
use super::to::write;
use super::window::{Window, aggregate_window};

/// The functions that a pipe may lead to.
pub const KNOWN: [&str; 16] = [
    "range",
    "filter",
    "aggregateWindow",
    "group",
    "count",
    "sum",
    "first",
    "last",
    "min",
    "max",
    "keep",
    "drop",
    "set",
    "limit",
    "yield",
    "to",
];

/// A bucket as a script names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Name(String),
    Id(String),
}

#[derive(Debug, Clone)]
enum Step {
    Range(i64, i64),
    Filter(Expr),
    Window(Window),
    Group(Vec<String>),
    Aggregate(&'static str),
    SelectRow(&'static str),
    Keep(Vec<String>),
    Drop(Vec<String>),
    Set(String, String),
    Limit(usize),
    Yield(String),
    To(Place, Option<String>),
}

/// A pipeline.
#[derive(Debug, Clone)]
pub struct Stream {
    from: Place,
    steps: Vec<Step>,
}

fn place(function: &str, arguments: &Arguments) -> Result<Place, Failed> {
    match (arguments.text("bucket")?, arguments.text("bucketID")?) {
        (Some(name), None) => Ok(Place::Name(name)),
        (None, Some(id)) => Ok(Place::Id(id)),
        (both, _) => {
            let must = if both.is_some() {
                "must specify only one of bucket or bucketID"
            } else {
                "must specify bucket or bucketID"
            };
            let message = format!("error calling function {function:?} @: {must}");
            Err(Failed::invalid(message))
        }
    }
}

impl Stream {
    /// `from(…)`.
    pub fn from(arguments: &Arguments) -> Result<Stream, Failed> {
        let from = place("from", arguments)?;
        let steps = Vec::new();
        Ok(Stream { from, steps })
    }

    /// `|> name(…)`, one of [`KNOWN`].
    pub fn push(&mut self, name: &str, arguments: &Arguments, now_ns: i64) -> Result<(), Failed> {
        let step = match name {
            "range" => {
                let start = arguments.time("start", now_ns)?;
                let stop = arguments.time("stop", now_ns)?;
                let start = start.ok_or_else(|| arguments.missing("start"))?;
                Step::Range(start, stop.unwrap_or(now_ns))
            }
            "filter" => match arguments.any("fn") {
                Some(Worth::Lambda(parameter, body)) if parameter == "r" => Step::Filter(body),
                Some(Worth::Lambda(other, _)) => {
                    let why = format!("error @: found unexpected argument {other} (Expected `r`)");
                    return Err(Failed::invalid(why));
                }
                Some(other) => {
                    return Err(Failed::invalid(format!(
                        "the fake does not filter by {other:?}"
                    )));
                }
                None => return Err(arguments.missing("fn")),
            },
            "aggregateWindow" => Step::Window(window(arguments)?),
            "group" => Step::Group(arguments.texts("columns")?.unwrap_or_default()),
            "count" => Step::Aggregate("count"),
            "sum" => Step::Aggregate("sum"),
            "first" => Step::SelectRow("first"),
            "last" => Step::SelectRow("last"),
            "min" => Step::SelectRow("min"),
            "max" => Step::SelectRow("max"),
            "keep" | "drop" => {
                let columns = arguments.texts("columns")?.ok_or_else(|| {
                    let neither = "neither column list nor predicate function provided";
                    let error =
                        format!("error calling function {name:?} @: {name} error: {neither}");
                    Failed::invalid(error)
                })?;
                if name == "keep" {
                    Step::Keep(columns)
                } else {
                    Step::Drop(columns)
                }
            }
            "set" => Step::Set(arguments.must_text("key")?, arguments.must_text("value")?),
            "limit" => {
                let rows = usize::try_from(arguments.must_integer("n")?);
                Step::Limit(rows.map_err(|_| Failed::invalid("n must be non-negative"))?)
            }
            "yield" => Step::Yield(arguments.text("name")?.unwrap_or("_result".to_owned())),
            "to" => Step::To(place("to", arguments)?, arguments.text("org")?),
            other => unreachable!("{other} is not among the known"),
        };
        self.steps.push(step);
        Ok(())
    }

    /// What cannot even be planned.
    fn check(&self) -> Result<(), Failed> {
        let plan = "error in building plan while starting program: ";
        match (self.steps.first(), &self.from) {
            (Some(Step::Range(start, stop)), _) if start < stop => {}
            (Some(Step::Range(..)), _) => {
                return Err(Failed::invalid(format!(
                    "{plan}cannot query an empty range"
                )));
            }
            (_, Place::Name(name) | Place::Id(name)) => {
                return Err(Failed::invalid(format!(
                    "{plan}cannot submit unbounded read to {name:?}; try bounding 'from' with a \
                     call to 'range'"
                )));
            }
        }
        let ranges = self
            .steps
            .iter()
            .filter(|step| matches!(step, Step::Range(..)));
        if ranges.count() > 1 {
            return Err(Failed::invalid("the fake knows one range in a pipeline"));
        }
        Ok(())
    }

    /// The names under which it answers. What ends in `to` has one of the planner's making.
    fn results(&self, at: usize) -> Vec<String> {
        let yields = self.steps.iter().filter_map(|step| match step {
            Step::Yield(name) => Some(name.clone()),
            _ => None,
        });
        let mut names: Vec<String> = yields.collect();
        match self.steps.last() {
            Some(Step::Yield(_)) => {}
            Some(Step::To(..)) => names.push(format!("to{}", at + self.steps.len())),
            _ => names.push("_result".to_owned()),
        }
        names
    }
}

fn window(arguments: &Arguments) -> Result<Window, Failed> {
    let every_ns = arguments.must_duration("every")?;
    let function = match arguments.any("fn") {
        Some(Worth::Function(function)) => function,
        Some(other) => {
            return Err(Failed::invalid(format!(
                "the fake does not aggregate by {other:?}"
            )));
        }
        None => return Err(arguments.missing("fn")),
    };
    if every_ns <= 0 {
        return Err(Failed::invalid(
            "error calling function \"aggregateWindow\" @: error calling function \"window\" @: window \
             function requires at least one of \"every\" or \"period\" to be set and non-zero",
        ));
    }
    let at_start = match arguments.text("timeSrc")?.as_deref() {
        None | Some("_stop") => false,
        Some("_start") => true,
        Some(other) => {
            return Err(Failed::invalid(format!(
                "the fake knows no timeSrc {other}"
            )));
        }
    };
    if !matches!(arguments.any("createEmpty"), Some(Worth::Boolean(false))) {
        return Err(Failed::invalid("the fake knows only createEmpty: false"));
    }
    Ok(Window {
        every_ns,
        function,
        at_start,
    })
}

const STATE: &str = "failed to initialize execute state: ";

/// The bucket that is meant: its name. By id nobody is asked whether he may read.
fn source(place: &Place, run: &Run<'_>) -> Result<String, Failed> {
    match place {
        Place::Name(name) if name.is_empty() => {
            let why = format!("{STATE}no bucket name or id have been specified");
            Err(Failed::invalid(why))
        }
        Place::Name(name) => readable(name, run),
        Place::Id(id) if id.len() != 16 => Err(Failed::invalid(format!(
            "{STATE}invalid bucket id: id must have a length of 16 bytes"
        ))),
        Place::Id(id) => match run.store.bucket_with_id(id) {
            Some((name, _)) => Ok(name),
            None => Err(Failed::new(
                500,
                "internal error",
                "An internal error has occurred - check server logs",
            )),
        },
    }
}

fn readable(name: &str, run: &Run<'_>) -> Result<String, Failed> {
    let found = run.store.bucket_named(name);
    let found = found.filter(|(_, id)| run.token.is_none_or(|t| run.store.may(t, "read", id)));
    let missing = || {
        let why = format!("{STATE}could not find bucket {name:?}");
        Failed::new(404, "not found", why)
    };
    found.map(|(name, _)| name).ok_or_else(missing)
}

/// Where `to` may write. None: there is no such bucket, which comes out only when it writes.
fn target(place: &Place, org: Option<&str>, run: &Run<'_>) -> Result<Option<String>, Failed> {
    if let Some(org) = org.filter(|org| !run.store.organisations.contains_key(*org)) {
        let why = format!("{STATE}could not find org {org:?}");
        return Err(Failed::new(404, "not found", why));
    }
    let found = match place {
        Place::Name(name) => {
            readable(name, run)?;
            run.store.bucket_named(name)
        }
        Place::Id(id) => run.store.bucket_with_id(id),
    };
    if let (Some((_, id)), Some(token)) = (&found, run.token) {
        if !run.store.may(token, "write", id) {
            let why = format!("{STATE}user not authorized to write");
            return Err(Failed::new(403, "forbidden", why));
        }
    }
    Ok(found.map(|(name, _)| name))
}

/// Does what all the pipelines say, or refuses before anything is done.
pub fn carry_out(streams: &[Stream], run: &mut Run<'_>) -> Result<Outcome, Failed> {
    let (mut names, mut at) = (Vec::new(), 0);
    for stream in streams {
        stream.check()?;
        for name in stream.results(at) {
            if names.contains(&name) {
                return Err(Failed::invalid(format!(
                    "{STATE}tried to produce more than one result with the name {name:?}"
                )));
            }
            names.push(name);
        }
        at += stream.steps.len() + 1;
    }
    for stream in streams {
        source(&stream.from, run)?;
        for step in &stream.steps {
            if let Step::To(place, org) = step {
                target(place, org.as_deref(), run)?;
            }
        }
    }
    let (mut outcome, mut at) = (Outcome::default(), 0);
    for stream in streams {
        flow(stream, at, run, &mut outcome)?;
        at += stream.steps.len() + 1;
    }
    Ok(outcome)
}

/// What goes wrong while it runs. What has words of its own is told in them.
fn runtime(why: String) -> Failed {
    let bare = ["unsupported", "the fake", "error @", "runtime error"];
    if bare.iter().any(|start| why.starts_with(start)) {
        Failed::invalid(why)
    } else {
        Failed::invalid(format!("runtime error @: {why}"))
    }
}

fn flow(
    stream: &Stream,
    at: usize,
    run: &mut Run<'_>,
    outcome: &mut Outcome,
) -> Result<(), Failed> {
    let bucket = source(&stream.from, run)?;
    let (mut tables, mut stage, mut bounds) = (Vec::new(), Stage::Read, (0, 0));
    for (n, step) in stream.steps.iter().enumerate() {
        let next = match step {
            Step::Group(_) if stage == Stage::Read => Stage::Grouped,
            Step::Range(..) | Step::Filter(_) if stage == Stage::Read => Stage::Read,
            _ => Stage::Memory,
        };
        let done = match step {
            Step::Range(start, stop) => {
                bounds = (*start, *stop);
                Ok(table::read(run.store, &bucket, *start, *stop))
            }
            Step::Filter(body) => table::filter(stage, tables, body),
            Step::Window(window) => aggregate_window(stage, tables, bounds, *window),
            Step::Group(columns) => table::group(stage, tables, columns),
            Step::Aggregate(function) => table::aggregate(stage, tables, function),
            Step::SelectRow(function) => table::select_row(stage, tables, function),
            Step::Keep(names) => {
                table::select_columns("keep", tables, |n| names.iter().any(|m| m == n))
            }
            Step::Drop(names) => {
                table::select_columns("drop", tables, |n| names.iter().all(|m| m != n))
            }
            Step::Set(key, value) => table::set(tables, key, value),
            Step::Limit(rows) => {
                for table in &mut tables {
                    table.rows.truncate(*rows);
                }
                Ok(tables)
            }
            Step::Yield(name) => {
                outcome.results.push((name.clone(), shown(tables.clone())?));
                Ok(tables)
            }
            Step::To(place, org) => {
                let is_last = n + 1 == stream.steps.len();
                let target = target(place, org.as_deref(), run)?;
                let refused = write(&tables, place, target, run)?;
                if refused.is_some() && !is_last {
                    let why = "An internal error has occurred - check server logs";
                    return Err(Failed::new(500, "internal error", why));
                }
                outcome.error = outcome.error.take().or(refused);
                Ok(tables)
            }
        };
        tables = done.map_err(runtime)?;
        stage = next;
    }
    if !matches!(stream.steps.last(), Some(Step::Yield(_))) {
        let name = stream.results(at).pop().expect("one at least");
        outcome.results.push((name, shown(tables)?));
    }
    Ok(())
}

/// Tables that can be answered with.
fn shown(tables: Vec<Table>) -> Result<Vec<Table>, Failed> {
    if tables.iter().any(|table| table.columns.is_empty()) {
        let why = "the fake does not answer with rows of nothing";
        return Err(Failed::invalid(why));
    }
    Ok(tables)
}
