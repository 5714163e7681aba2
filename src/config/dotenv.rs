//! `.env` as written: `KEY=value` lines. Pure.
//!
//! Blanks around `=`, `export `, quotes and comments are understood, so that a file that was
//! made for a shell or for python-dotenv says the same here. Nothing is expanded or executed.

/// A line that sets something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Its key.
    pub key: String,
    /// Its value, without quotes and comments.
    pub value: String,
    /// Its number, from 1.
    pub line: usize,
}

/// A line that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Its number, from 1.
    pub line: usize,
    /// The word that it begins with, if that may be a key.
    pub key: Option<String>,
    /// What is wrong with it.
    pub why: String,
}

/// Reads the text. A line that cannot be understood is an error with its number.
pub fn parse(text: &str) -> Vec<Result<Assignment, BadLine>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| {
            assignment(line, number).map_err(|why| BadLine {
                line: number,
                key: first_word(line),
                why,
            })
        })
        .collect()
}

/// What follows `export` where a shell's file says so.
fn without_export(line: &str) -> &str {
    let rest = line.strip_prefix("export");
    rest.filter(|rest| rest.starts_with(char::is_whitespace))
        .map_or(line, str::trim_start)
}

/// The word that a line begins with.
pub fn first_word(line: &str) -> Option<String> {
    let line = without_export(line.trim_start_matches('\u{feff}').trim());
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = line.find(|c| !good(c)).unwrap_or(line.len());
    (end > 0).then(|| line[..end].to_owned())
}

fn assignment(line: &str, number: usize) -> Result<Assignment, String> {
    let line = without_export(line);
    let (key, value) = line
        .split_once('=')
        .ok_or_else(|| "this is not KEY=value; comments begin with #".to_owned())?;
    let key = key.trim();
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.' || c == '-';
    if key.is_empty() || !key.chars().all(good) {
        return Err(format!("\"{key}\" cannot be a key"));
    }
    let value = value.trim();
    let value = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => quoted(&value[1..], quote)?,
        _ => without_comment(value).to_owned(),
    };
    Ok(Assignment {
        key: key.to_owned(),
        value,
        line: number,
    })
}

/// The value between quotes; only within double quotes a backslash escapes.
fn quoted(rest: &str, quote: char) -> Result<String, String> {
    let mut value = String::new();
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quote == '"' => match chars.next() {
                Some(escaped @ ('"' | '\\' | '$')) => value.push(escaped),
                Some(other) => value.extend(['\\', other]),
                None => break,
            },
            c if c == quote => {
                let after = chars.as_str().trim();
                return if after.is_empty() || after.starts_with('#') {
                    Ok(value)
                } else {
                    Err("there is something after the closing quote".to_owned())
                };
            }
            c => value.push(c),
        }
    }
    Err(format!("the closing {quote} is missing"))
}

/// A comment needs a blank before it: tokens may hold a #.
fn without_comment(value: &str) -> &str {
    let blank_hash = value
        .char_indices()
        .find(|(at, c)| *c == '#' && (*at == 0 || value[..*at].ends_with(char::is_whitespace)));
    blank_hash.map_or(value, |(at, _)| value[..at].trim_end())
}

#[cfg(test)]
#[path = "dotenv_tests.rs"]
mod tests;
