//! `option task = {…}` (v2.9.1 `task/options/options.go`).

use super::duration::ns_of;
use super::shapes::literal;

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

/// Reads the options of a script, of which nothing else is read but its brackets. Err: the server's words, without
/// `invalid options: `; a script that cannot be read at all begins with `loc `.
pub fn task_options(script: &str) -> Result<TaskOptions, String> {
    if script.matches('(').count() != script.matches(')').count() {
        return Err("loc 1:1: brackets do not match".to_owned());
    }
    let (_, record) = script
        .split_once("option task = {")
        .ok_or("no task options defined")?;
    let fields = fields(record);
    let field = |wanted: &str| {
        let found = fields.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| *value)
    };
    let bad = |name: &str| format!("failed to parse field '{name}' in task options");
    let text = |name: &'static str, value| match literal(value) {
        Some((text, "")) => Ok(text),
        _ => Err(bad(name)),
    };
    let duration = |name: &'static str, value| {
        let ns = ns_of(value).filter(|ns| *ns >= 0);
        ns.ok_or_else(|| bad(name))
    };
    let name = text(
        "name",
        field("name").ok_or("missing required option: name")?,
    )?;
    if name.is_empty() {
        return Err("invalid options: name required".to_owned());
    }
    let mut options = TaskOptions {
        name,
        ..TaskOptions::default()
    };
    match (field("every"), field("cron")) {
        (None, None) => return Err("missing required option: cron or every".to_owned()),
        (Some(_), Some(_)) => {
            return Err("cannot use both cron and every in task options".to_owned());
        }
        (None, Some(cron)) => options.cron = text("cron", cron)?,
        (Some(every), None) => {
            options.every_ns = duration("every", every)?;
            every.clone_into(&mut options.every_text);
        }
    }
    if options.cron.is_empty() {
        if options.every_ns == 0 {
            let why = "invalid options: must specify exactly one of either cron or every";
            return Err(why.to_owned());
        }
        if options.every_ns < NS_PER_S {
            return Err("invalid options: every option must be at least 1 second".to_owned());
        }
    }
    if let Some(offset) = field("offset") {
        options.offset_ns = duration("offset", offset)?;
    }
    Ok(options)
}

/// Names and values of a record, up to its end.
fn fields(record: &str) -> Vec<(&str, &str)> {
    let (mut fields, mut rest) = (Vec::new(), record);
    while let Some((name, value)) = rest.split_once(": ") {
        let end = match literal(value) {
            Some((_, after)) => value.len() - after.len(),
            None if value.starts_with('"') => value[1..].find('"').map_or(0, |at| at + 2),
            None => value.find([',', '}']).unwrap_or(value.len()),
        };
        fields.push((name, &value[..end]));
        match value[end..].strip_prefix(", ") {
            Some(after) => rest = after,
            None => break,
        }
    }
    fields
}
