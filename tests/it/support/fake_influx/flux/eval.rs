//! A script, from its text to its results: read, evaluated to [`Stream`]s that have done nothing yet,
//! looked over (buckets, rights, names), and only then carried out.

use std::collections::BTreeMap;

use super::arguments::Arguments;
use super::parse::{Expr, Statement, script};
use super::stream::{self, Stream};
use super::table::Table;
use crate::support::fake_influx::store::Store;

/// What an expression is worth.
#[derive(Debug, Clone)]
pub enum Worth {
    Text(String),
    Integer(i64),
    Duration(i64),
    Time(i64),
    Boolean(bool),
    List(Vec<String>),
    Lambda(String, Expr),
    /// A function by its name.
    Function(&'static str),
    Stream(Stream),
}

impl Worth {
    /// Flux's word for its type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Worth::Text(_) => "string",
            Worth::Integer(_) => "int",
            Worth::Duration(_) => "duration",
            Worth::Time(_) => "time",
            Worth::Boolean(_) => "bool",
            Worth::List(_) => "[string] (array)",
            Worth::Lambda(..) | Worth::Function(_) => "function",
            Worth::Stream(_) => "stream[A]",
        }
    }
}

/// Why a script failed before its first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
}

impl Failed {
    /// 400.
    pub fn invalid(message: impl Into<String>) -> Failed {
        Failed::new(400, "invalid", message)
    }

    /// Any other.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Failed {
        let message = message.into();
        Failed {
            status,
            code,
            message,
        }
    }
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

/// What a script gives.
#[derive(Debug, Default)]
pub struct Outcome {
    /// By name, in the order of the script.
    pub results: Vec<(String, Vec<Table>)>,
    /// What went wrong after the first byte: it stands as a table of its own inside a 200.
    pub error: Option<String>,
}

/// Runs a script.
pub fn run(text: &str, run: &mut Run<'_>) -> Result<Outcome, Failed> {
    let compilation = |why| Failed::invalid(format!("compilation failed: error @: {why}"));
    let statements = script(text).map_err(compilation)?;
    let mut scope = Scope {
        now_ns: run.now_ns,
        ..Scope::default()
    };
    let mut streams = Vec::new();
    for statement in &statements {
        match statement {
            Statement::Import(package) if package == "date" => scope.has_date = true,
            Statement::Import(package) => {
                return Err(Failed::invalid(format!(
                    "error @: invalid import path {package}"
                )));
            }
            Statement::Option(name, _) if name == "task" => {}
            Statement::Option(name, _) => {
                return Err(Failed::invalid(format!(
                    "the fake does not know the option {name}"
                )));
            }
            Statement::Assign(name, expr) => {
                let worth = scope.eval(expr)?;
                if scope.names.insert(name.clone(), worth).is_some() {
                    let why = format!("error @: variable {name:?} reassigned");
                    return Err(Failed::invalid(why));
                }
            }
            Statement::Expression(expr) => match scope.eval(expr)? {
                Worth::Stream(stream) => streams.push(stream),
                other => return Err(Failed::invalid(format!("the fake yields no {other:?}"))),
            },
        }
    }
    if streams.is_empty() {
        return Err(Failed::invalid(
            "error in query specification while starting program: this Flux script returns no \
             streaming data. Consider adding a \"yield\" or invoking streaming functions directly, \
             without performing an assignment",
        ));
    }
    stream::carry_out(&streams, run)
}

/// What a script has named so far.
#[derive(Debug, Default)]
struct Scope {
    names: BTreeMap<String, Worth>,
    has_date: bool,
    now_ns: i64,
}

impl Scope {
    fn eval(&self, expr: &Expr) -> Result<Worth, Failed> {
        Ok(match expr {
            Expr::Text(text) => Worth::Text(text.clone()),
            Expr::Integer(value) => Worth::Integer(*value),
            Expr::Duration(duration) => Worth::Duration(duration.ns),
            Expr::Time(ns) => Worth::Time(*ns),
            Expr::Lambda(parameter, body) => Worth::Lambda(parameter.clone(), (**body).clone()),
            Expr::Name(name) => self.named(name)?,
            Expr::List(items) => {
                let mut texts = Vec::new();
                for item in items {
                    match self.eval(item)? {
                        Worth::Text(text) => texts.push(text),
                        other => {
                            return Err(Failed::invalid(format!("the fake lists no {other:?}")));
                        }
                    }
                }
                Worth::List(texts)
            }
            Expr::Call(function, arguments) => self.call(function, arguments)?,
            Expr::Pipe(left, right) => self.pipe(left, right)?,
            other => return Err(Failed::invalid(format!("the fake does not know {other:?}"))),
        })
    }

    fn named(&self, name: &str) -> Result<Worth, Failed> {
        if let Some(worth) = self.names.get(name) {
            return Ok(worth.clone());
        }
        match name {
            "true" => Ok(Worth::Boolean(true)),
            "false" => Ok(Worth::Boolean(false)),
            "sum" => Ok(Worth::Function("sum")),
            "count" => Ok(Worth::Function("count")),
            _ => Err(undefined(name)),
        }
    }

    fn arguments(&self, function: &str, given: &[(String, Expr)]) -> Result<Arguments, Failed> {
        let mut worths = BTreeMap::new();
        for (name, expr) in given {
            let worth = self.eval(expr)?;
            if worths.insert(name.clone(), worth).is_some() {
                return Err(Failed::invalid(format!("{name} is given twice")));
            }
        }
        Ok(Arguments::new(function, worths))
    }

    fn call(&self, function: &Expr, given: &[(String, Expr)]) -> Result<Worth, Failed> {
        match function {
            Expr::Name(name) if name == "from" => {
                let arguments = self.arguments(name, given)?;
                let stream = Stream::from(&arguments)?;
                arguments.done()?;
                Ok(Worth::Stream(stream))
            }
            Expr::Name(name) if name == "now" && given.is_empty() => Ok(Worth::Time(self.now_ns)),
            Expr::Name(name) => Err(undefined(name)),
            Expr::Member(package, name) if **package == Expr::Name("date".to_owned()) => {
                if !self.has_date {
                    return Err(undefined("date"));
                }
                let arguments = self.arguments(name, given)?;
                let time = self.date(name, &arguments)?;
                arguments.done()?;
                Ok(Worth::Time(time))
            }
            other => Err(Failed::invalid(format!("the fake does not call {other:?}"))),
        }
    }

    fn date(&self, name: &str, arguments: &Arguments) -> Result<i64, Failed> {
        let time = |name| {
            let time = arguments.time(name, self.now_ns)?;
            time.ok_or_else(|| arguments.missing(name))
        };
        match name {
            "truncate" => {
                let (t, unit) = (time("t")?, arguments.must_duration("unit")?);
                if unit <= 0 {
                    return Err(Failed::invalid("the fake truncates to positive units"));
                }
                Ok(t - t.rem_euclid(unit))
            }
            "sub" => Ok(time("from")? - arguments.must_duration("d")?),
            "add" => Ok(time("to")? + arguments.must_duration("d")?),
            other => Err(Failed::invalid(format!(
                "the fake does not know date.{other}"
            ))),
        }
    }

    fn pipe(&self, left: &Expr, right: &Expr) -> Result<Worth, Failed> {
        let left = self.eval(left)?;
        let Expr::Call(function, given) = right else {
            return Err(Failed::invalid("the fake pipes only into a call"));
        };
        let Expr::Name(name) = &**function else {
            return Err(Failed::invalid(format!(
                "the fake does not pipe into {function:?}"
            )));
        };
        let Worth::Stream(mut stream) = left else {
            let found = left.type_name();
            return Err(Failed::invalid(format!(
                "error @: expected stream[A] but found {found}"
            )));
        };
        if !stream::KNOWN.contains(&name.as_str()) {
            return Err(undefined(name));
        }
        let arguments = self.arguments(name, given)?;
        stream.push(name, &arguments, self.now_ns)?;
        arguments.done()?;
        Ok(Worth::Stream(stream))
    }
}

fn undefined(name: &str) -> Failed {
    Failed::invalid(format!("error @: undefined identifier {name}"))
}
