//! Merges what was written: defaults, `powerlogger.toml`, `.env`, the environment; later ones win.
//! Pure.

use std::collections::BTreeMap;

use super::dotenv;
use super::keys::{IDLE_KEYS, KEYS, as_written, by_env, part_of};
use super::misspelt::{misspelt, part_of_env};
use super::problem::{Origin, Part, Problem, Value};
use super::raw::{self, MeterValues};
use super::text;

/// The words for yes and no.
pub(super) const FLAGS: [(&str, bool); 8] = [
    ("true", true),
    ("false", false),
    ("1", true),
    ("0", false),
    ("yes", true),
    ("no", false),
    ("on", true),
    ("off", false),
];

/// All values, each with the place it came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values {
    /// By the name of the key; keys that nobody set and that have no default are not there.
    pub values: BTreeMap<&'static str, Value>,
    /// The meters of `powerlogger.toml`, each with the line it begins at.
    pub meters: Vec<(usize, MeterValues)>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

impl Values {
    /// Merges the texts of the two files and the environment.
    pub fn merge(toml: &str, dotenv: &str, env: &BTreeMap<String, String>) -> Values {
        let raw = raw::parse(toml);
        let mut merged = Values {
            meters: raw.meters,
            problems: raw.problems,
            ..Values::default()
        };
        for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
            let value = Value {
                text: key.default.to_owned(),
                origin: Origin::Default,
            };
            merged.values.insert(key.name, value);
        }
        merged.values.extend(raw.values);
        merged.dotenv(dotenv);
        for (key, name) in KEYS.iter().filter_map(|key| Some((key, key.env?))) {
            if let Some(text) = env.get(name) {
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
                    merged.notes.push(note);
                    continue;
                }
                merged.put(key.name, value);
            }
        }
        for name in IDLE_KEYS {
            if let Some(value) = merged.values.get(name) {
                let note = format!(
                    "{}: {name} does nothing any more: edges are not polled for",
                    value.origin
                );
                merged.notes.push(note);
            }
        }
        merged
    }

    fn dotenv(&mut self, text: &str) {
        for line in dotenv::parse(text) {
            let assignment = match line {
                Ok(assignment) => assignment,
                Err(wrong) => {
                    let part = wrong.key.as_deref().map_or(Part::Aside, part_of_name);
                    let problem = Problem::new(Origin::Dotenv(wrong.line), wrong.why);
                    self.problems.push(problem.of(part));
                    continue;
                }
            };
            let origin = Origin::Dotenv(assignment.line);
            if let Some(key) = by_env(&assignment.key) {
                self.put(
                    key.name,
                    Value {
                        text: assignment.value,
                        origin,
                    },
                );
            } else if let Some((message, part)) = misspelt(&assignment.key) {
                self.problems.push(Problem::new(origin, message).of(part));
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
                "{}: the value stands between typographic quotes: write it without, or between \"",
                as_written(name, &value.origin)
            );
            self.complain_about(name, &value.origin, message);
        }
        self.values.insert(name, value);
    }

    /// The value of a key.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// The value of a key if somebody set it.
    pub fn set(&self, name: &str) -> Option<&Value> {
        self.get(name)
            .filter(|value| value.origin != Origin::Default)
    }

    /// Tells of a problem of lines, meters or the journal; once, however many meters have it.
    pub fn complain(&mut self, origin: &Origin, message: impl Into<String>) {
        self.add(Problem::new(origin.clone(), message));
    }

    /// Tells of a problem with the value of a key, which says what part it concerns.
    pub fn complain_about(&mut self, name: &str, origin: &Origin, message: impl Into<String>) {
        self.add(Problem::new(origin.clone(), message).of(part_of(name)));
    }

    fn add(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Says what is worth knowing; once, however many meters it is true of.
    pub fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Whether something is wrong in a table of the TOML file, or in what `.env` says of the same.
    pub fn is_wrong(&self, part: Part) -> bool {
        self.problems.iter().any(|problem| problem.part == part)
    }
}

/// What a key concerns that may be misspelt.
pub(super) fn part_of_name(name: &str) -> Part {
    misspelt(name).map_or_else(|| part_of_env(name), |(_, part)| part)
}

/// Yes or no, in the words that people use; None: neither.
pub(super) fn as_flag(word: &str) -> Option<bool> {
    let known = FLAGS
        .iter()
        .find(|(known, _)| word.eq_ignore_ascii_case(known));
    known.map(|(_, flag)| *flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(toml: &str, dotenv: &str, env: &[(&str, &str)]) -> Values {
        let env = env
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Values::merge(toml, dotenv, &env)
    }

    #[test]
    fn later_ones_win() {
        let toml = "[influx]\norg = \"toml\"\nhost = \"toml\"\nmeasurement = \"toml\"\n";
        let values = merge(
            toml,
            "INFLUX_HOST=dotenv\nMEASUREMENT=dotenv\n",
            &[("MEASUREMENT", "env")],
        );
        let seen = |name| {
            values
                .get(name)
                .map(|v| (v.text.clone(), v.origin.to_string()))
                .unwrap()
        };
        assert_eq!(
            seen("influx.org"),
            ("toml".into(), "powerlogger.toml:2".into())
        );
        assert_eq!(seen("influx.host"), ("dotenv".into(), ".env:1".into()));
        assert_eq!(
            seen("influx.measurement"),
            ("env".into(), "environment (MEASUREMENT)".into())
        );
        assert_eq!(
            seen("influx.raw_bucket"),
            ("PowerLogger_raw".into(), "default".into())
        );
    }

    #[test]
    fn an_empty_value_says_nothing() {
        let values = merge("", "RAW_BUCKET=\n", &[("RAW_BUCKET", "")]);
        assert_eq!(
            values.get("influx.raw_bucket").unwrap().text,
            "PowerLogger_raw"
        );
    }

    #[test]
    fn misspelt_keys_of_ours_are_told_and_those_of_others_left_alone() {
        let values = merge(
            "",
            "INFLUX_TOKN=x\nGPIO_PUL=up\nRAW_BUKET=x\nINFLUX_FOO_BAR=x\nHOME=x\nMQTT_HOST=y\n",
            &[("GPIO_PUL", "x")],
        );
        let told: Vec<String> = values.problems.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 4, "{told:#?}");
        assert_eq!(
            told[0],
            ".env:1: unknown key \"INFLUX_TOKN\": did you mean \"INFLUX_TOKEN\"?"
        );
        assert!(told[1].contains("GPIO_PULL") && told[2].contains("RAW_BUCKET"));
        assert!(told[3].contains("there are INFLUX_HOST"), "{}", told[3]);
    }

    #[test]
    fn a_misspelt_key_concerns_what_the_right_one_does() {
        let values = merge(
            "",
            "INFLUX_URL=x\nGPIO_PULL_DOWN_ALL=1\nINFLUX_TOKEN=“abc”\nGPIO_IMPORT_PIN 20\njust words\n\
             INFLUX_TOKEN=\"x\nB5M_BUCKET\n",
            &[],
        );
        let parts: Vec<Part> = values.problems.iter().map(|problem| problem.part).collect();
        use Part::{Aside, Counting, Server};
        assert_eq!(
            parts,
            [Server, Counting, Server, Counting, Aside, Server, Server]
        );
        assert!(values.problems[2].message.contains("typographic quotes"));
    }

    #[test]
    fn the_environments_debug_may_be_another_programs() {
        let values = merge("", "", &[("DEBUG", "app:*")]);
        assert_eq!((values.problems.len(), values.set("log.debug")), (0, None));
        assert!(values.notes[0].contains("environment (DEBUG): \"app:*\""));
        let values = merge("", "", &[("DEBUG", "Yes")]);
        assert_eq!(values.set("log.debug").unwrap().text, "Yes");
    }

    #[test]
    fn idle_keys_are_noted() {
        let values = merge("", "GPIO_POLL_DEBUG=true\n", &[]);
        assert!(values.problems.is_empty());
        assert!(values.notes[0].contains("does nothing"));
    }
}
