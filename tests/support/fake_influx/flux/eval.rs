//! Flux carried out over a store.

use std::collections::{BTreeMap, BTreeSet};

use super::parse::{Expr, Statement, script};
use crate::support::fake_influx::lines::Value;
use crate::support::fake_influx::store::Store;

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    Integer(i64),
    Text(String),
    Time(i64),
}

impl Cell {
    /// As it stands in CSV, unquoted.
    pub fn shown(&self) -> String {
        match self {
            Cell::Integer(value) => value.to_string(),
            Cell::Text(text) => text.clone(),
            Cell::Time(ns) => jiff::Timestamp::from_nanosecond(i128::from(*ns))
                .expect("a time")
                .to_string(),
        }
    }
}

pub type Row = BTreeMap<String, Cell>;

/// A table: its rows agree in the columns of the key.
#[derive(Debug, Clone, Default)]
pub struct Table {
    key: BTreeSet<String>,
    pub rows: Vec<Row>,
}

/// What an expression is worth.
#[derive(Debug, Clone)]
enum Worth {
    Text(String),
    Integer(i64),
    Duration(i64),
    Time(i64),
    Boolean(bool),
    Word(String),
    List(Vec<String>),
    Lambda(Expr),
    /// A bucket that has not been read.
    Bucket(String),
    Tables(Vec<Table>, (i64, i64)),
}

/// Why a script failed: status and message.
pub type Failed = (u16, String);

fn invalid(message: impl Into<String>) -> Failed {
    (400, message.into())
}

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

/// Runs a script; the tables of what it yields.
pub fn run(text: &str, run: &mut Run<'_>) -> Result<Vec<Table>, Failed> {
    let statements = script(text).map_err(|why| invalid(format!("compilation failed: {why}")))?;
    let mut names = BTreeMap::new();
    let mut yielded = Vec::new();
    for statement in &statements {
        match statement {
            Statement::Import(package) if package == "date" => {}
            Statement::Import(package) => {
                return Err(invalid(format!("the package {package} is not known here")));
            }
            Statement::Option(..) => {}
            Statement::Assign(name, expr) => {
                let worth = eval(expr, run, &names)?;
                names.insert(name.clone(), worth);
            }
            Statement::Expression(expr) => match eval(expr, run, &names)? {
                Worth::Tables(tables, _) => yielded.extend(tables),
                other => return Err(invalid(format!("yields no tables: {other:?}"))),
            },
        }
    }
    Ok(yielded)
}

/// `option task = {…}`: name, every and offset in nanoseconds.
pub fn task_options(text: &str) -> Result<(String, i64, i64), String> {
    for statement in script(text)? {
        let Statement::Option(name, Expr::Record(fields)) = statement else {
            continue;
        };
        if name != "task" {
            continue;
        }
        let field = |wanted: &str| {
            fields
                .iter()
                .find(|(name, _)| name == wanted)
                .map(|(_, e)| e)
        };
        let (Some(Expr::Text(name)), Some(Expr::Duration(every))) = (field("name"), field("every"))
        else {
            return Err("task options need name and every".to_owned());
        };
        let offset = match field("offset") {
            Some(Expr::Duration(offset)) => *offset,
            _ => 0,
        };
        return Ok((name.clone(), *every, offset));
    }
    Err("invalid options: no task options defined".to_owned())
}

type Names = BTreeMap<String, Worth>;

fn eval(expr: &Expr, run: &mut Run<'_>, names: &Names) -> Result<Worth, Failed> {
    Ok(match expr {
        Expr::Text(text) => Worth::Text(text.clone()),
        Expr::Integer(value) => Worth::Integer(*value),
        Expr::Duration(ns) => Worth::Duration(*ns),
        Expr::Time(ns) => Worth::Time(*ns),
        Expr::Lambda(body) => Worth::Lambda((**body).clone()),
        Expr::Name(name) => match (name.as_str(), names.get(name)) {
            ("true", _) => Worth::Boolean(true),
            ("false", _) => Worth::Boolean(false),
            (_, Some(worth)) => worth.clone(),
            _ => Worth::Word(name.clone()),
        },
        Expr::List(items) => {
            let mut texts = Vec::new();
            for item in items {
                match eval(item, run, names)? {
                    Worth::Text(text) => texts.push(text),
                    other => return Err(invalid(format!("a list of {other:?}"))),
                }
            }
            Worth::List(texts)
        }
        Expr::Call(function, arguments) => {
            let arguments = all(arguments, run, names)?;
            match &**function {
                Expr::Name(name) if name == "from" => from(&arguments, run)?,
                Expr::Name(name) if name == "now" => Worth::Time(run.now_ns),
                Expr::Member(package, name) if **package == Expr::Name("date".to_owned()) => {
                    date(name, &arguments)?
                }
                other => return Err(invalid(format!("undefined identifier {other:?}"))),
            }
        }
        Expr::Pipe(left, right) => {
            let left = eval(left, run, names)?;
            let Expr::Call(function, arguments) = &**right else {
                return Err(invalid("a pipe leads to a call"));
            };
            let Expr::Name(name) = &**function else {
                return Err(invalid(format!("undefined identifier {function:?}")));
            };
            let arguments = all(arguments, run, names)?;
            pipe(left, name, &arguments, run)?
        }
        other => return Err(invalid(format!("not known here: {other:?}"))),
    })
}

fn all(arguments: &[(String, Expr)], run: &mut Run<'_>, names: &Names) -> Result<Names, Failed> {
    arguments
        .iter()
        .map(|(name, expr)| Ok((name.clone(), eval(expr, run, names)?)))
        .collect()
}

fn date(name: &str, arguments: &Names) -> Result<Worth, Failed> {
    let time = |name: &str| match arguments.get(name) {
        Some(Worth::Time(ns)) => Ok(*ns),
        other => Err(invalid(format!("{name} is {other:?}"))),
    };
    let duration = |name: &str| match arguments.get(name) {
        Some(Worth::Duration(ns)) => Ok(*ns),
        other => Err(invalid(format!("{name} is {other:?}"))),
    };
    match name {
        "truncate" => {
            let (t, unit) = (time("t")?, duration("unit")?);
            Ok(Worth::Time(t - t.rem_euclid(unit)))
        }
        "sub" => Ok(Worth::Time(time("from")? - duration("d")?)),
        "add" => Ok(Worth::Time(time("to")? + duration("d")?)),
        other => Err(invalid(format!("date.{other} is not known here"))),
    }
}

/// The bucket that is named, if the token may do this with it.
fn bucket(arguments: &Names, run: &Run<'_>, actions: &[&str]) -> Result<String, Failed> {
    let (wanted, shown) = match (arguments.get("bucket"), arguments.get("bucketID")) {
        (Some(Worth::Text(name)), None) => (run.store.bucket_named(name), name),
        (None, Some(Worth::Text(id))) => (run.store.bucket_with_id(id), id),
        other => return Err(invalid(format!("which bucket? {other:?}"))),
    };
    let allowed = |id: &str| {
        let may = |action: &&str| run.token.is_none_or(|t| run.store.may(t, action, id));
        actions.iter().all(may)
    };
    match wanted {
        Some((name, id)) if allowed(&id) => Ok(name),
        _ => {
            let message =
                format!("failed to initialize execute state: could not find bucket {shown:?}");
            Err((404, message))
        }
    }
}

fn from(arguments: &Names, run: &Run<'_>) -> Result<Worth, Failed> {
    Ok(Worth::Bucket(bucket(arguments, run, &["read"])?))
}

fn pipe(left: Worth, name: &str, arguments: &Names, run: &mut Run<'_>) -> Result<Worth, Failed> {
    if let (Worth::Bucket(bucket), "range") = (&left, name) {
        return range(bucket, arguments, run);
    }
    let Worth::Tables(tables, bounds) = left else {
        return Err(invalid(format!(
            "cannot submit unbounded read, or {left:?} |> {name}"
        )));
    };
    let columns = || match arguments.get("columns") {
        Some(Worth::List(columns)) => Ok(columns.iter().cloned().collect::<BTreeSet<String>>()),
        None => Ok(BTreeSet::new()),
        other => Err(invalid(format!("columns: {other:?}"))),
    };
    let tables = match name {
        "yield" => tables,
        "filter" => match arguments.get("fn") {
            Some(Worth::Lambda(body)) => filter(tables, body)?,
            other => return Err(invalid(format!("filter by {other:?}"))),
        },
        "aggregateWindow" => aggregate_window(tables, bounds, arguments)?,
        "group" => {
            let key = columns()?;
            regroup(tables.into_iter().flat_map(|table| table.rows), |_| {
                key.clone()
            })
        }
        "keep" => {
            let kept = columns()?;
            let rows = tables.into_iter().flat_map(|table| {
                let key: BTreeSet<String> = table.key.intersection(&kept).cloned().collect();
                let kept = kept.clone();
                table.rows.into_iter().map(move |mut row| {
                    row.retain(|column, _| kept.contains(column));
                    (key.clone(), row)
                })
            });
            let rows: Vec<(BTreeSet<String>, Row)> = rows.collect();
            let keys: Vec<BTreeSet<String>> = rows.iter().map(|(key, _)| key.clone()).collect();
            let mut keys = keys.into_iter();
            regroup(rows.into_iter().map(|(_, row)| row), |_| {
                keys.next().expect("one each")
            })
        }
        "count" | "sum" => tables.iter().map(|table| total(table, name)).collect(),
        "first" | "last" => tables.iter().map(|table| end(table, name)).collect(),
        "limit" => match arguments.get("n") {
            Some(Worth::Integer(n)) => {
                let n = usize::try_from(*n).expect("a number of rows");
                let cut = |mut table: Table| {
                    table.rows.truncate(n);
                    table
                };
                tables.into_iter().map(cut).collect()
            }
            other => return Err(invalid(format!("limit to {other:?}"))),
        },
        "to" => {
            to(&tables, arguments, run)?;
            tables
        }
        other => return Err(invalid(format!("{other} is not known here"))),
    };
    Ok(Worth::Tables(tables, bounds))
}

fn range(bucket: &str, arguments: &Names, run: &Run<'_>) -> Result<Worth, Failed> {
    let bound = |name: &str| match arguments.get(name) {
        Some(Worth::Time(ns)) => Ok(Some(*ns)),
        Some(Worth::Duration(ns)) => Ok(Some(run.now_ns + ns)),
        None => Ok(None),
        other => Err(invalid(format!("{name}: {other:?}"))),
    };
    let start = bound("start")?.ok_or_else(|| invalid("range needs a start"))?;
    let stop = bound("stop")?.unwrap_or(run.now_ns);
    if start >= stop {
        let why = "error in building plan while starting program: cannot query an empty range";
        return Err(invalid(why));
    }
    let mut rows = Vec::new();
    for ((series, time), point) in run.store.points(bucket) {
        if *time < start || *time >= stop {
            continue;
        }
        for (field, value) in &point.fields {
            let value = match value {
                Value::Integer(value) => Cell::Integer(*value),
                Value::Text(text) => Cell::Text(text.clone()),
                other => return Err(invalid(format!("a field of {}", other.type_name()))),
            };
            let mut row = columns_of(series);
            row.insert("_field".to_owned(), Cell::Text(field.clone()));
            row.insert("_time".to_owned(), Cell::Time(*time));
            row.insert("_value".to_owned(), value);
            row.insert("_start".to_owned(), Cell::Time(start));
            row.insert("_stop".to_owned(), Cell::Time(stop));
            rows.push(row);
        }
    }
    let tables = regroup(rows.into_iter(), |row| {
        let columns = row
            .keys()
            .filter(|name| !matches!(name.as_str(), "_time" | "_value"));
        columns.cloned().collect()
    });
    Ok(Worth::Tables(tables, (start, stop)))
}

/// Measurement and tags of a series, unescaped.
fn columns_of(series: &str) -> Row {
    let mut parts = vec![String::new()];
    let mut chars = series.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ (',' | ' ')) => parts.last_mut().expect("one").push(c),
                Some('=') => parts.last_mut().expect("one").push('\u{0}'),
                Some(c) => parts.last_mut().expect("one").extend(['\\', c]),
                None => parts.last_mut().expect("one").push('\\'),
            },
            ',' => parts.push(String::new()),
            c => parts.last_mut().expect("one").push(c),
        }
    }
    let mut row = Row::new();
    let text = |text: &str| Cell::Text(text.replace('\u{0}', "="));
    for (n, part) in parts.iter().enumerate() {
        match part.split_once('=') {
            Some((key, value)) if n > 0 => {
                row.insert(key.replace('\u{0}', "="), text(value));
            }
            _ => {
                row.insert("_measurement".to_owned(), text(part));
            }
        }
    }
    row
}

fn regroup(
    rows: impl Iterator<Item = Row>,
    mut key_of: impl FnMut(&Row) -> BTreeSet<String>,
) -> Vec<Table> {
    let mut tables: BTreeMap<Vec<(String, Cell)>, Table> = BTreeMap::new();
    for row in rows {
        let key = key_of(&row);
        let values = row.iter().filter(|(name, _)| key.contains(*name));
        let values: Vec<(String, Cell)> = values.map(|(n, c)| (n.clone(), c.clone())).collect();
        let table = tables.entry(values).or_insert_with(|| Table {
            key,
            rows: Vec::new(),
        });
        table.rows.push(row);
    }
    tables.into_values().collect()
}

fn filter(tables: Vec<Table>, body: &Expr) -> Result<Vec<Table>, Failed> {
    let mut kept = Vec::new();
    for mut table in tables {
        let mut rows = Vec::new();
        for row in table.rows {
            if holds(body, &row)? {
                rows.push(row);
            }
        }
        table.rows = rows;
        if !table.rows.is_empty() {
            kept.push(table);
        }
    }
    Ok(kept)
}

fn holds(expr: &Expr, row: &Row) -> Result<bool, Failed> {
    let Expr::Binary(sign, left, right) = expr else {
        return Err(invalid(format!("a filter by {expr:?}")));
    };
    match *sign {
        "and" => Ok(holds(left, row)? && holds(right, row)?),
        "or" => Ok(holds(left, row)? || holds(right, row)?),
        sign => {
            let (Expr::Member(_, column), Expr::Text(text)) = (&**left, &**right) else {
                return Err(invalid(format!("a filter by {left:?} {sign} {right:?}")));
            };
            let same = row.get(column) == Some(&Cell::Text(text.clone()));
            Ok(same == (sign == "=="))
        }
    }
}

fn aggregate_window(
    tables: Vec<Table>,
    (start, stop): (i64, i64),
    arguments: &Names,
) -> Result<Vec<Table>, Failed> {
    let Some(Worth::Duration(every)) = arguments.get("every") else {
        return Err(invalid("aggregateWindow needs every"));
    };
    let Some(Worth::Word(function)) = arguments.get("fn") else {
        return Err(invalid("aggregateWindow needs fn"));
    };
    if !matches!(arguments.get("createEmpty"), Some(Worth::Boolean(false))) {
        return Err(invalid("createEmpty: true is not known here"));
    }
    let at_start = match arguments.get("timeSrc") {
        None => false,
        Some(Worth::Text(source)) if source == "_stop" => false,
        Some(Worth::Text(source)) if source == "_start" => true,
        other => return Err(invalid(format!("timeSrc: {other:?}"))),
    };
    let mut windowed = Vec::new();
    for table in tables {
        let mut windows: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
        for row in &table.rows {
            let Some(Cell::Time(time)) = row.get("_time") else {
                return Err(invalid("a row without time"));
            };
            windows
                .entry(time - time.rem_euclid(*every))
                .or_default()
                .push(row);
        }
        let mut rows = Vec::new();
        for (window, inside) in windows {
            // The first and the last one are cut to the range.
            let time = if at_start {
                window.max(start)
            } else {
                (window + every).min(stop)
            };
            let mut row = inside[0].clone();
            row.retain(|name, _| table.key.contains(name));
            row.insert("_time".to_owned(), Cell::Time(time));
            row.insert(
                "_value".to_owned(),
                Cell::Integer(aggregate(&inside, function)?),
            );
            rows.push(row);
        }
        windowed.push(Table {
            key: table.key.clone(),
            rows,
        });
    }
    Ok(windowed)
}

fn aggregate(rows: &[&Row], function: &str) -> Result<i64, Failed> {
    let values = rows.iter().map(|row| match row.get("_value") {
        Some(Cell::Integer(value)) => *value,
        _ => 0,
    });
    match function {
        "sum" => Ok(values.sum()),
        "count" => Ok(i64::try_from(rows.len()).expect("few")),
        other => Err(invalid(format!("fn: {other} is not known here"))),
    }
}

fn total(table: &Table, function: &str) -> Table {
    let rows: Vec<&Row> = table.rows.iter().collect();
    let mut row = table.rows.first().cloned().unwrap_or_default();
    row.retain(|name, _| table.key.contains(name));
    let value = aggregate(&rows, function).expect("a known function");
    row.insert("_value".to_owned(), Cell::Integer(value));
    Table {
        key: table.key.clone(),
        rows: vec![row],
    }
}

fn end(table: &Table, which: &str) -> Table {
    let time = |row: &&Row| row.get("_time").cloned();
    let row = if which == "first" {
        table.rows.iter().min_by_key(time)
    } else {
        table.rows.iter().max_by_key(time)
    };
    Table {
        key: table.key.clone(),
        rows: row.cloned().into_iter().collect(),
    }
}

fn to(tables: &[Table], arguments: &Names, run: &mut Run<'_>) -> Result<(), Failed> {
    let rights: &[&str] = if arguments.contains_key("bucketID") {
        &["write"]
    } else {
        &["read", "write"]
    };
    let target = bucket(arguments, run, rights)?;
    let escape = |text: &str| text.replace(',', "\\,").replace(' ', "\\ ");
    let mut body = String::new();
    for row in tables.iter().flat_map(|table| &table.rows) {
        let (Some(Cell::Time(time)), Some(Cell::Integer(value))) =
            (row.get("_time"), row.get("_value"))
        else {
            continue;
        };
        let text = |name: &str| row.get(name).map(Cell::shown).unwrap_or_default();
        body.push_str(&escape(&text("_measurement")));
        for (name, cell) in row.iter().filter(|(name, _)| !name.starts_with('_')) {
            let tag = |text: &str| escape(text).replace('=', "\\=");
            body.push_str(&format!(",{}={}", tag(name), tag(&cell.shown())));
        }
        body.push_str(&format!(" {}={value}i {time}\n", escape(&text("_field"))));
    }
    let reply = run.store.insert(&target, body.as_bytes(), run.real_ns);
    if reply.status >= 300 {
        return Err(invalid(reply.message()));
    }
    Ok(())
}
