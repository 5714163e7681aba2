//! `powerlogger.toml` as written: values with their lines, and everything that is no key. Pure.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{KEYS, METER_KEYS, did_you_mean, part_of};
use super::problem::{Origin, Part, Problem, Value};
use super::syntax::{self, part_of_line, part_of_stray, part_of_table};

/// The values of one `[[meter]]`, by key.
pub type MeterValues = BTreeMap<&'static str, Value>;

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Raw {
    /// Values by the name of their key.
    pub values: BTreeMap<&'static str, Value>,
    /// Meters, each with the line it begins at.
    pub meters: Vec<(usize, MeterValues)>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    tables: BTreeSet<String>,
}

/// Reads the text; goes on after each problem.
pub fn parse(text: &str) -> Raw {
    let mut raw = Raw::default();
    let lines = Lines(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    let broken: Vec<Problem> = errors
        .iter()
        .map(|error| {
            let line = error.span().map_or(1, |span| lines.number(span.start));
            let written = text.lines().nth(line - 1).unwrap_or_default();
            let message = syntax::explain(written, error.message());
            Problem::new(Origin::Toml(line), message).of(part_of_line(text, line))
        })
        .collect();
    for (name, value) in document.into_inner() {
        let origin = Origin::Toml(lines.number(name.span().start));
        raw.entry(&name.into_inner(), value, origin, &lines);
    }
    let has_journal = raw.tables.contains("journal");
    let is_whole = syntax::tables_are_whole(text, raw.meters.len(), has_journal);
    let broken = broken.into_iter().map(|problem| match is_whole {
        true => problem,
        false => problem.of(Part::Counting),
    });
    // One line, one fault: the parser complains of what follows it on the line, too.
    for problem in broken {
        if !raw
            .problems
            .iter()
            .any(|known| known.origin == problem.origin)
        {
            raw.problems.push(problem);
        }
    }
    raw.problems.sort_by(|a, b| a.origin.cmp(&b.origin));
    raw
}

fn tables() -> impl Iterator<Item = &'static str> + Clone {
    let mut tables: Vec<&str> = KEYS
        .iter()
        .filter_map(|key| key.name.split_once('.'))
        .map(|s| s.0)
        .collect();
    tables.dedup();
    tables.push("meter");
    tables.into_iter()
}

impl Raw {
    /// What stands at the top: a table, or what is none.
    fn entry(
        &mut self,
        name: &str,
        value: Spanned<DeValue<'_>>,
        origin: Origin,
        lines: &Lines<'_>,
    ) {
        let (part, message) = match value.into_inner() {
            DeValue::Array(meters) if name == "meter" => {
                for meter in meters {
                    self.meter(meter, lines);
                }
                return;
            }
            DeValue::Table(table) if name != "meter" && tables().any(|known| known == name) => {
                self.tables.insert(name.to_owned());
                self.table(name, table, lines);
                return;
            }
            _ if name == "meter" => {
                let message = "a meter is written [[meter]], with two brackets".to_owned();
                (Part::Counting, message)
            }
            DeValue::Table(_) | DeValue::Array(_) => {
                let hint = did_you_mean(name, tables());
                let hint = hint.replace("\"meter\"?", "[[meter]]?");
                (
                    part_of_table(name),
                    format!("unknown table \"{name}\"{hint}"),
                )
            }
            _ => {
                let known: Vec<String> = tables().map(|table| format!("[{table}]")).collect();
                let message = format!(
                    "the key \"{name}\" stands in no table; tables are {}",
                    known.join(" ")
                );
                (part_of_stray(name), message)
            }
        };
        self.problems.push(Problem::new(origin, message).of(part));
    }

    fn table(&mut self, table: &str, entries: DeTable<'_>, lines: &Lines<'_>) {
        let prefix = format!("{table}.");
        let known = || {
            KEYS.iter()
                .filter_map(|key| key.name.strip_prefix(prefix.as_str()))
        };
        for (name, value) in entries {
            let origin = Origin::Toml(lines.number(name.span().start));
            let name = name.into_inner();
            let key = KEYS
                .iter()
                .find(|key| key.name.strip_prefix(prefix.as_str()) == Some(&name));
            let Some(key) = key else {
                let message = if name.contains("token") {
                    format!("\"{name}\" does not belong here: tokens go into .env (INFLUX_TOKEN)")
                } else {
                    format!(
                        "unknown key \"{name}\" in [{table}]{}",
                        did_you_mean(&name, known())
                    )
                };
                self.problems
                    .push(Problem::new(origin, message).of(part_of(table)));
                continue;
            };
            if let Some(text) = self.text(&name, &value, &origin, part_of(table)) {
                self.values.insert(key.name, Value { text, origin });
            }
        }
    }

    fn meter(&mut self, meter: Spanned<DeValue<'_>>, lines: &Lines<'_>) {
        let begin = lines.number(meter.span().start);
        let DeValue::Table(entries) = meter.into_inner() else {
            let message = "a meter is a table: [[meter]] and below it its keys";
            self.problems
                .push(Problem::new(Origin::Toml(begin), message));
            return;
        };
        let mut values = MeterValues::new();
        for (name, value) in entries {
            let origin = Origin::Toml(lines.number(name.span().start));
            let name = name.into_inner();
            let known = METER_KEYS.iter().map(|(known, _)| *known);
            let Some(key) = known.clone().find(|known| *known == name) else {
                let message = format!(
                    "unknown key \"{name}\" in [[meter]]{}",
                    did_you_mean(&name, known)
                );
                self.problems.push(Problem::new(origin, message));
                continue;
            };
            if let Some(text) = self.text(&name, &value, &origin, Part::Counting) {
                values.insert(key, Value { text, origin });
            }
        }
        self.meters.push((begin, values));
    }

    /// A plain value as text; what it must be is judged later, by whoever needs it.
    fn text(
        &mut self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        origin: &Origin,
        part: Part,
    ) -> Option<String> {
        match value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(number) => Some(number.to_string()),
            DeValue::Float(number) => Some(number.as_str().to_owned()),
            DeValue::Boolean(flag) => Some(flag.to_string()),
            other => {
                let message = format!("\"{name}\" takes one plain value, not {}", other.type_str());
                self.problems
                    .push(Problem::new(origin.clone(), message).of(part));
                None
            }
        }
    }
}

/// Line numbers by byte offset.
struct Lines<'a>(&'a str);

impl Lines<'_> {
    fn number(&self, offset: usize) -> usize {
        let before = &self.0.as_bytes()[..offset.min(self.0.len())];
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_with_their_lines() {
        let raw = parse(
            "# c\n[journal]\nsync_interval_ms = 2_000\n\n[[meter]]\nname = \"A\"\nline = 20\n",
        );
        assert_eq!(raw.problems, []);
        let value = &raw.values["journal.sync_interval_ms"];
        assert_eq!(
            (value.text.as_str(), &value.origin),
            ("2000", &Origin::Toml(3))
        );
        assert_eq!(raw.meters[0].1["line"].text, "20");
    }

    #[test]
    fn every_problem_is_told_with_its_line() {
        let raw = parse(
            "x = 1\n[jornal]\n[journal]\nsinc_interval_ms = 5\ndir = [1]\n[influx]\ntoken = \"t\"\n\
             [[meter]]\nboune_ms = 5\n",
        );
        let told: Vec<String> = raw.problems.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 6, "{told:#?}");
        for (told, want) in told.iter().zip([
            "powerlogger.toml:1: the key \"x\" stands in no table",
            "powerlogger.toml:2: unknown table \"jornal\": did you mean \"journal\"?",
            "powerlogger.toml:4: unknown key \"sinc_interval_ms\" in [journal]: did you mean \"sync_interval_ms\"?",
            "powerlogger.toml:5: \"dir\" takes one plain value, not array",
            "powerlogger.toml:7: \"token\" does not belong here",
            "powerlogger.toml:9: unknown key \"boune_ms\" in [[meter]]: did you mean \"bounce_ms\"?",
        ]) {
            assert!(told.starts_with(want), "{told}\n{want}");
        }
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line() {
        let raw = parse("[journal]\nmax_bytes = 1 GiB\n");
        assert_eq!(raw.problems[0].origin, Origin::Toml(2));
        let raw = parse("[meter]\nname = \"x\"\n");
        assert!(raw.problems[0].message.contains("[[meter]]"));
    }

    #[test]
    fn what_is_wrong_concerns_the_table_it_stands_in() {
        let parts = |text| {
            let problems = parse(text).problems.into_iter();
            problems.map(|problem| problem.part).collect::<Vec<_>>()
        };
        use Part::{Aside, Counting, Server};
        assert_eq!(
            parts("[influx]\nhost = http://h\nhots = 1\n"),
            [Server, Server]
        );
        assert_eq!(
            parts("[influx]\nhost = h\n[[meter]]\nname = \"A\"\nline = 5\n"),
            [Server]
        );
        assert_eq!(
            parts("[influx]\nhost = \"\"\"h\n[[meter]]\nname = \"A\"\n"),
            [Counting]
        );
        assert_eq!(parts("[[meters]]\nname = \"A\"\n"), [Counting]);
        assert_eq!(
            parts("[mqtt]\nx = 1\n[log]\nx = 1\n[[meter]]\nx = 1\n"),
            [Aside, Aside, Counting]
        );
        let told = parse("[[meters]]\nname = \"A\"\n").problems.remove(0);
        assert!(told.message.contains("did you mean [[meter]]?"), "{told}");
        let told = parse("[[meter]]\nname = Import\n").problems.remove(0);
        assert!(told.message.contains("name = \"Import\""), "{told}");
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            parse(&text);
        }

        #[test]
        fn never_panics_on_what_looks_like_toml(
            lines in prop::collection::vec("(\\[{0,2}(meter|journal|x)\\]{0,2}|[a-z_]{1,8} ?= ?[0-9a-z\".{\\[]{0,9})", 0..12)
        ) {
            parse(&lines.join("\n"));
        }
    }
}
