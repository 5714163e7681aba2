//! `option task = {…}` (v2.9.1 `task/options/options.go`).

use super::parse::{Expr, Statement, script};

const NS_PER_S: i64 = 1_000_000_000;

/// What a task says of itself.
#[derive(Debug, Clone, Default)]
pub struct TaskOptions {
    pub name: String,
    pub every_ns: i64,
    /// `every` as it was written.
    pub every_text: String,
    pub cron: String,
    pub offset_ns: i64,
}

impl TaskOptions {
    /// The offset as the server writes it: 90s is 1m30s. Empty: there is none.
    pub fn offset_text(&self) -> String {
        let seconds = self.offset_ns / NS_PER_S;
        let parts = [
            (seconds / 3_600, "h"),
            (seconds / 60 % 60, "m"),
            (seconds % 60, "s"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        parts
            .map(|(count, unit)| format!("{count}{unit}"))
            .collect()
    }
}

/// Reads the options of a script. Err: the server's words, without `invalid options: `; a script
/// that cannot be read at all begins with `loc `.
pub fn task_options(text: &str) -> Result<TaskOptions, String> {
    let statements = script(text).map_err(|why| format!("loc {why}"))?;
    let task = statements
        .into_iter()
        .find_map(|statement| match statement {
            Statement::Option(name, Expr::Record(fields)) if name == "task" => Some(fields),
            _ => None,
        });
    let fields = task.ok_or("no task options defined")?;
    let field = |wanted: &str| {
        let found = fields.iter().find(|(name, _)| name == wanted);
        found.map(|(_, expr)| expr)
    };
    let bad = |name: &str| format!("failed to parse field '{name}' in task options");
    let name = match field("name") {
        None => return Err("missing required option: name".to_owned()),
        Some(Expr::Text(name)) if name.is_empty() => {
            return Err("invalid options: name required".to_owned());
        }
        Some(Expr::Text(name)) => name.clone(),
        Some(_) => return Err(bad("name")),
    };
    let mut options = TaskOptions {
        name,
        ..TaskOptions::default()
    };
    match (field("every"), field("cron")) {
        (None, None) => return Err("missing required option: cron or every".to_owned()),
        (Some(_), Some(_)) => {
            return Err("cannot use both cron and every in task options".to_owned());
        }
        (None, Some(Expr::Text(cron))) => options.cron = cron.clone(),
        (None, Some(_)) => return Err(bad("cron")),
        (Some(Expr::Duration(every)), None) if every.ns >= 0 => {
            options.every_ns = every.ns;
            options.every_text = every.text.clone();
        }
        (Some(_), None) => return Err(bad("every")),
    }
    if options.cron.is_empty() {
        if options.every_ns == 0 {
            return Err(
                "invalid options: must specify exactly one of either cron or every".to_owned(),
            );
        }
        if options.every_ns < NS_PER_S {
            return Err("invalid options: every option must be at least 1 second".to_owned());
        }
    }
    match field("offset") {
        None => {}
        Some(Expr::Duration(offset)) if offset.ns >= 0 => options.offset_ns = offset.ns,
        Some(_) => return Err(bad("offset")),
    }
    Ok(options)
}
