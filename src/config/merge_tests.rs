//! Which of the places wins.

use std::path::Path;

use super::*;
use crate::config::given::Filled;
use crate::config::section::{Section, SectionContext};
use crate::config::sections;

/// What comes of it: the values of all tables, and what was found while merging; notes of reading, too.
struct Seen {
    filled: Filled,
    problems: Vec<ConfigProblem>,
    notes: Vec<String>,
}

impl Seen {
    fn get(&self, name: &str) -> Option<&Value> {
        self.filled.get(name)
    }

    fn set(&self, name: &str) -> Option<&Value> {
        self.get(name)
            .filter(|value| value.origin != Origin::Default)
    }
}

fn merge(toml: &str, dotenv: &str, env: &[(&str, &str)]) -> Seen {
    let env = env
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    let merged = Merged::new(toml, dotenv, &env);
    let problems = merged.findings.problems.clone();
    let mut shared = SectionContext::new(merged.env, merged.findings);
    let mut root = Section::root(&mut shared, merged.toml);
    sections::read(&mut root, Path::new(""));
    Seen {
        filled: root.finish().filled,
        problems,
        notes: shared.findings.notes,
    }
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
    let parts: Vec<ConfigPart> = values.problems.iter().map(|problem| problem.part).collect();
    use ConfigPart::{Aside, Counting, Server};
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
