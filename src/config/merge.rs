//! Merges what was written: `powerlogger.toml`, `.env`, the environment; later ones win. Pure.

use std::collections::BTreeMap;

use super::catalogue::{by_env, env_names};
use super::dotenv;
use super::given::as_flag;
use super::misspelt::{misspelt, part_of_env};
use super::problem::{ConfigPart, ConfigProblem, Findings, Origin, Value};
use super::raw;
use super::raw_table::RawTable;
use super::text;

/// What was written, each value with the place it came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Merged {
    /// What `powerlogger.toml` says.
    pub toml: RawTable,
    /// What `.env` and the environment say, by the name that the key has there.
    pub env: BTreeMap<&'static str, Value>,
    /// What is wrong, and what is worth knowing.
    pub findings: Findings,
}

impl Merged {
    /// Merges the texts of the two files and the environment.
    pub(super) fn new(toml: &str, dotenv: &str, env: &BTreeMap<String, String>) -> Merged {
        let raw = raw::parse(toml);
        let mut merged = Merged {
            toml: raw.root,
            ..Merged::default()
        };
        merged.findings.problems = raw.problems;
        merged.dotenv(dotenv);
        for name in env_names() {
            let Some(text) = env.get(name) else {
                continue;
            };
            let value = Value {
                text: text.trim().to_owned(),
                origin: Origin::Environment(name),
            };
            // Other programs switch their own messages on with it, in words of their own.
            if name == "DEBUG" && !value.text.is_empty() && as_flag(&value.text).is_none() {
                let note = format!(
                    "{}: \"{}\" is another program's, and is ignored",
                    value.origin, value.text
                );
                merged.findings.note(note);
                continue;
            }
            merged.put(name, value);
        }
        merged
    }

    fn dotenv(&mut self, text: &str) {
        for line in dotenv::parse(text) {
            let assignment = match line {
                Ok(assignment) => assignment,
                Err(bad) => {
                    let part = bad.key.as_deref().map_or(ConfigPart::Aside, part_of_name);
                    let problem = ConfigProblem::new(Origin::Dotenv(bad.line), bad.why);
                    self.findings.problems.push(problem.of(part));
                    continue;
                }
            };
            let origin = Origin::Dotenv(assignment.line);
            if let Some(name) = by_env(&assignment.key).and_then(|(key, _)| key.env) {
                let text = assignment.value;
                self.put(name, Value { text, origin });
            } else if let Some((message, part)) = misspelt(&assignment.key) {
                let problem = ConfigProblem::new(origin, message).of(part);
                self.findings.problems.push(problem);
            }
        }
    }

    /// An empty value says nothing: it leaves what was said before.
    fn put(&mut self, name: &'static str, value: Value) {
        if value.text.is_empty() {
            return;
        }
        if text::has_typographic_quotes(&value.text) {
            let message = format!(
                "{name}: the value stands between typographic quotes: write it without, or between \""
            );
            let problem = ConfigProblem::new(value.origin.clone(), message);
            self.findings.add(problem.of(part_of_env(name)));
        }
        self.env.insert(name, value);
    }
}

/// What a key concerns that may be misspelt.
pub(super) fn part_of_name(name: &str) -> ConfigPart {
    misspelt(name).map_or_else(|| part_of_env(name), |(_, part)| part)
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
