//! Reads a table of the configuration, key by key. The line that reads a key declares it: name, default, range and
//! meaning. A value that is not allowed is a problem with its place, and the default stands in for it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::given::{FLAGS, Filled, Given};
use super::key::{Form, Key, Takes};
use super::problem::{ConfigPart, ConfigProblem, Findings, Origin, Value};
use super::raw_table::RawTable;
use super::seconds;
use super::size::parse_bytes;
use crate::energy::decimal::Decimal;

/// What all sections share.
#[derive(Debug, Default)]
pub(super) struct SectionContext {
    /// What `.env`, the environment and the command line set, by the name in `.env`.
    pub env: BTreeMap<&'static str, Value>,
    /// What is wrong, and what is worth knowing.
    pub findings: Findings,
    /// Nothing is read: only which keys there are is wanted.
    is_description: bool,
}

impl SectionContext {
    /// With what `.env` and others set, and what has been found so far.
    pub(super) fn new(env: BTreeMap<&'static str, Value>, findings: Findings) -> SectionContext {
        SectionContext {
            env,
            findings,
            is_description: false,
        }
    }
}

/// What has been read of a table.
#[derive(Debug)]
pub(super) struct Done {
    /// The keys and tables that were asked for.
    pub form: Form,
    /// Their values; those of tables in it, too, unless there may be several of them.
    pub filled: Filled,
    /// The values of the tables of which there may be several.
    pub many: BTreeMap<&'static str, Vec<Filled>>,
}

/// A table that is being read.
#[derive(Debug)]
pub(super) struct Section<'a> {
    shared: &'a mut SectionContext,
    written: RawTable,
    done: Done,
    is_wrong: bool,
}

impl<'a> Section<'a> {
    /// The whole of the configuration.
    pub(super) fn root(shared: &'a mut SectionContext, written: RawTable) -> Section<'a> {
        Section::new(shared, written, Form::new("", false, ConfigPart::Counting))
    }

    /// The tables and keys that `read` asks for.
    pub(super) fn describe<T>(read: impl FnOnce(&mut Section<'_>) -> T) -> Form {
        let mut shared = SectionContext {
            is_description: true,
            ..SectionContext::default()
        };
        let mut root = Section::root(&mut shared, RawTable::default());
        read(&mut root);
        root.done.form
    }

    fn new(shared: &'a mut SectionContext, written: RawTable, form: Form) -> Section<'a> {
        let done = Done {
            form,
            filled: Filled::new(),
            many: BTreeMap::new(),
        };
        Section {
            shared,
            written,
            done,
            is_wrong: false,
        }
    }

    /// All of it has been read.
    pub(super) fn finish(self) -> Done {
        self.done
    }

    /// Reads a table in this one.
    pub(super) fn table<T>(
        &mut self,
        name: &'static str,
        part: ConfigPart,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> T {
        let written = self.take_tables(name).pop().unwrap_or_default();
        let (value, filled) = self.inner(Form::new(name, false, part), written, read);
        self.done.filled.extend(filled);
        value
    }

    /// The tables of this name, for [`Section::entry`] one by one.
    pub(super) fn take_tables(&mut self, name: &str) -> Vec<RawTable> {
        if self.shared.is_description {
            return vec![RawTable::default()];
        }
        self.written.tables.remove(name).unwrap_or_default()
    }

    /// Reads one of several tables of this name.
    pub(super) fn entry<T>(
        &mut self,
        name: &'static str,
        part: ConfigPart,
        written: RawTable,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> T {
        let (value, filled) = self.inner(Form::new(name, true, part), written, read);
        self.done.many.entry(name).or_default().push(filled);
        value
    }

    fn inner<T>(
        &mut self,
        form: Form,
        written: RawTable,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> (T, Filled) {
        let mut section = Section::new(self.shared, written, form);
        let value = read(&mut section);
        let Done { form, filled, many } = section.finish();
        for (name, entries) in many {
            self.done.many.entry(name).or_default().extend(entries);
        }
        if self.done.form.table(form.name).is_none() {
            self.done.form.tables.push(form);
        }
        (value, filled)
    }

    /// Where it begins in `powerlogger.toml`.
    pub(super) fn begin(&self) -> Origin {
        Origin::Toml(self.written.line)
    }

    /// The value of a key that has been read.
    pub(super) fn filled(&self, name: &str) -> Option<&Value> {
        self.done.filled.get(name)
    }

    /// The same, with the name of the key where it is written.
    pub(super) fn given(&self, name: &str) -> Option<Given> {
        let key = self.done.form.keys.iter().find(|key| key.name == name)?;
        Some(Given::new(key, self.filled(name)?.clone()))
    }

    /// The value that `.env`, the environment or the command line sets.
    pub(super) fn of_env(&self, name: &str) -> Option<&Value> {
        self.shared.env.get(name)
    }

    /// Sets a value as `.env` does.
    pub(super) fn set_env(&mut self, name: &'static str, value: Value) {
        self.shared.env.insert(name, value);
    }

    /// Adds a problem; once, however many tables have it.
    pub(super) fn problem(&mut self, origin: &Origin, message: impl Into<String>) {
        self.is_wrong = true;
        self.problem_of(self.done.form.part, origin, message);
    }

    /// Adds a problem of tables in this one; once, however many of them have it.
    pub(super) fn problem_of(
        &mut self,
        part: ConfigPart,
        origin: &Origin,
        message: impl Into<String>,
    ) {
        let problem = ConfigProblem::new(origin.clone(), message);
        self.shared.findings.add(problem.of(part));
    }

    /// Adds a problem with a value.
    pub(super) fn complain(&mut self, given: &Given, message: impl Display) {
        self.problem(&given.origin, format!("{}: {message}", given.name));
    }

    /// Says what is worth knowing; once, however many tables it is true of.
    pub(super) fn note(&mut self, note: String) {
        self.shared.findings.note(note);
    }

    /// Whether a problem has been added here.
    pub(super) fn is_wrong(&self) -> bool {
        self.is_wrong
    }

    /// Whether something that is written in it, or in another table of its name, could not be read.
    pub(super) fn is_flawed(&self) -> bool {
        self.written.is_flawed
    }

    /// A text.
    pub(super) fn text(&mut self, key: Key, default: &'static str) -> Given {
        let name = key.name;
        let given = self.take(key.takes(Takes::Text, default.to_owned()));
        given.unwrap_or_else(|| Given {
            text: default.to_owned(),
            origin: Origin::Default,
            name,
        })
    }

    /// A text that may be missing.
    pub(super) fn text_if_set(&mut self, key: Key) -> Option<Given> {
        self.take(key)
    }

    /// A text, or several.
    pub(super) fn list(&mut self, key: Key, default: &'static str) -> Option<Given> {
        self.take(key.takes(Takes::List, default.to_owned()))
    }

    /// True or false.
    pub(super) fn flag(&mut self, key: Key, default: bool) -> bool {
        self.flag_or_word(key, default, &[])
    }

    /// True or false; these words mean true, too.
    pub(super) fn flag_or_word(&mut self, key: Key, default: bool, words: &[&str]) -> bool {
        let given = self.take(key.takes(Takes::Flag, default.to_string()));
        let is_word = |given: &Given| {
            words
                .iter()
                .any(|word| given.text.eq_ignore_ascii_case(word))
        };
        if given.as_ref().is_some_and(is_word) {
            return true;
        }
        self.one_of(given.as_ref(), &FLAGS).unwrap_or(default)
    }

    /// True or false, or neither is said.
    pub(super) fn flag_if_set(&mut self, key: Key) -> Option<bool> {
        let given = self.take(key.takes(Takes::Flag, String::new()));
        self.one_of(given.as_ref(), &FLAGS)
    }

    /// A choice among words; the first is the default.
    pub(super) fn choice<T: Copy>(&mut self, key: Key, among: &[(&'static str, T)]) -> T {
        let (default, choice) = among[0];
        let words = among.iter().map(|(word, _)| *word).collect();
        let given = self.take(key.takes(Takes::OneOf(words), default.to_owned()));
        self.one_of(given.as_ref(), among).unwrap_or(choice)
    }

    /// A choice among words that may be missing.
    pub(super) fn choice_if_set<T: Copy>(
        &mut self,
        key: Key,
        among: &[(&'static str, T)],
    ) -> Option<T> {
        let words = among.iter().map(|(word, _)| *word).collect();
        let given = self.take(key.takes(Takes::OneOf(words), String::new()));
        self.one_of(given.as_ref(), among)
    }

    /// A number within a range.
    pub(super) fn number<T>(&mut self, key: Key, default: T, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        let takes = Takes::Number(range.start().to_string(), range.end().to_string());
        let given = self.take(key.takes(takes, default.to_string()));
        self.within(given.as_ref(), &range).unwrap_or(default)
    }

    /// A number within a range that may be missing.
    pub(super) fn number_if_set<T>(&mut self, key: Key, range: RangeInclusive<T>) -> Option<T>
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        let takes = Takes::Number(range.start().to_string(), range.end().to_string());
        let given = self.take(key.takes(takes, String::new()));
        self.within(given.as_ref(), &range)
    }

    /// A decimal number that may be missing: 0.1 is 0.1, whether it is written as a number or as a text.
    pub(super) fn decimal_if_set(&mut self, key: Key) -> Option<Decimal> {
        let given = self.take(key.takes(Takes::Decimal, String::new()))?;
        let wrong = |wrong: &String| self.complain(&given, wrong);
        given.text.parse().inspect_err(wrong).ok()
    }

    /// A size in bytes. Both `default` and `least` are sizes as people write them.
    pub(super) fn size(&mut self, key: Key, default: &'static str, least: &'static str) -> u64 {
        let bytes = |text| parse_bytes(text).expect("the program's own sizes are sizes");
        let given = self.take(key.takes(Takes::Size(least), default.to_owned()));
        let Some(given) = given else {
            return bytes(default);
        };
        match parse_bytes(&given.text) {
            Some(size) if size >= bytes(least) => return size,
            Some(_) => self.complain(&given, format!("at least {least} is needed")),
            None => {
                let message = format!(
                    "\"{}\" is not a size, such as 1073741824 or \"1 GiB\"",
                    given.text
                );
                self.complain(&given, message);
            }
        }
        bytes(default)
    }

    /// The value of a key: of several tables its own wins, else what `.env` says does.
    fn take(&mut self, key: Key) -> Option<Given> {
        let own = key.name_in_table();
        let own = own.and_then(|name| self.written.values.remove(name));
        let env = self.take_env(&key);
        let said = if self.done.form.is_many {
            own.or(env)
        } else {
            env.or(own)
        };
        let value = said.or_else(|| {
            let text = Some(key.default.clone()).filter(|text| !text.is_empty())?;
            let origin = Origin::Default;
            Some(Value { text, origin })
        });
        let given = value.map(|value| {
            self.done.filled.insert(key.name, value.clone());
            Given::new(&key, value)
        });
        self.done.form.keys.push(key);
        given
    }

    /// What `.env` says, in the unit of the key.
    fn take_env(&mut self, key: &Key) -> Option<Value> {
        let name = key.env?;
        let mut value = self.of_env(name)?.clone();
        if !key.is_env_in_seconds {
            return Some(value);
        }
        match seconds::parse(name, &value.text) {
            Ok(number) => {
                if let Some(note) = seconds::in_doubt(name, number) {
                    self.note(format!("{}: {note}", value.origin));
                }
                value.text = (number * 1_000.0).to_string();
                Some(value)
            }
            Err(why) => {
                self.problem(&value.origin, why);
                None
            }
        }
    }

    fn one_of<T: Copy>(&mut self, given: Option<&Given>, among: &[(&'static str, T)]) -> Option<T> {
        let given = given?;
        let is = |(word, _): &&(&str, T)| given.text.eq_ignore_ascii_case(word);
        if let Some((_, choice)) = among.iter().find(is) {
            return Some(*choice);
        }
        let words: Vec<&str> = among.iter().map(|(word, _)| *word).collect();
        let message = format!("\"{}\" is none of {}", given.text, words.join(", "));
        self.complain(given, message);
        None
    }

    fn within<T>(&mut self, given: Option<&Given>, range: &RangeInclusive<T>) -> Option<T>
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        let given = given?;
        let (least, most) = (range.start(), range.end());
        let message = match given.text.parse::<T>() {
            Ok(number) if range.contains(&number) => return Some(number),
            Ok(number) => format!("{number} is out of range ({least} to {most})"),
            Err(_) if given.text.parse::<f64>().is_ok() => {
                format!("\"{}\" is not a whole number", given.text)
            }
            Err(_) => format!("\"{}\" is not a number", given.text),
        };
        self.complain(given, message);
        None
    }
}

#[cfg(test)]
#[path = "section_tests.rs"]
mod tests;
