//! Merges what was written: defaults, `powerlogger.toml`, `.env`, the environment; later ones win.
//! Pure.

use std::collections::BTreeMap;

use super::dotenv;
use super::keys::{IDLE_KEYS, KEYS, by_env, nearest};
use super::problem::{Origin, Problem, Value};
use super::raw::{self, MeterValues};

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
                Err((line, why)) => {
                    self.problems.push(Problem::new(Origin::Dotenv(line), why));
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
            } else if let Some(message) = misspelt(&assignment.key) {
                self.problems.push(Problem::new(origin, message));
            }
        }
    }

    /// An empty value says nothing: it leaves what was said before.
    fn put(&mut self, name: &'static str, value: Value) {
        if !value.text.is_empty() {
            self.values.insert(name, value);
        }
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

    /// Tells of a problem.
    pub fn complain(&mut self, origin: &Origin, message: impl Into<String>) {
        self.problems.push(Problem::new(origin.clone(), message));
    }
}

/// Why a key of `.env` that is not ours is probably meant to be; None: it belongs to another
/// program.
fn misspelt(name: &str) -> Option<String> {
    let ours = KEYS.iter().filter_map(|key| key.env);
    let near = nearest(name, ours.clone()).filter(|near| strsim::levenshtein(near, name) <= 2);
    if let Some(near) = near {
        return Some(format!("unknown key \"{name}\": did you mean \"{near}\"?"));
    }
    let prefix = ["INFLUX_", "GPIO_"]
        .into_iter()
        .find(|prefix| name.starts_with(prefix))?;
    let meant = nearest(name, ours.clone());
    let hint = meant.map_or_else(
        || {
            let all: Vec<&str> = ours.filter(|key| key.starts_with(prefix)).collect();
            format!("; there are {}", all.join(", "))
        },
        |near| format!(": did you mean \"{near}\"?"),
    );
    Some(format!("unknown key \"{name}\"{hint}"))
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
        assert!(told[3].contains("INFLUX_HOST"), "{}", told[3]);
    }

    #[test]
    fn idle_keys_are_noted() {
        let values = merge("", "GPIO_POLL_DEBUG=true\n", &[]);
        assert!(values.problems.is_empty());
        assert!(values.notes[0].contains("does nothing"));
    }
}
