//! Arguments of a call: each is known, of its type, and used, or the script fails.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::eval::{Failed, Worth};

/// The arguments of one call.
#[derive(Debug)]
pub struct Arguments {
    function: String,
    given: BTreeMap<String, Worth>,
    asked: RefCell<BTreeSet<String>>,
}

impl Arguments {
    /// The arguments of this function.
    pub fn new(function: &str, given: BTreeMap<String, Worth>) -> Arguments {
        Arguments {
            function: function.to_owned(),
            given,
            asked: RefCell::default(),
        }
    }

    fn get(&self, name: &str) -> Option<&Worth> {
        self.asked.borrow_mut().insert(name.to_owned());
        self.given.get(name)
    }

    /// Any value, if it is given.
    pub fn any(&self, name: &str) -> Option<Worth> {
        self.get(name).cloned()
    }

    /// The argument is missing.
    pub fn missing(&self, name: &str) -> Failed {
        Failed::invalid(format!("error @: missing required argument {name}"))
    }

    fn wrong(&self, name: &str, expected: &str, found: &Worth) -> Failed {
        let found = found.type_name();
        Failed::invalid(format!(
            "error @: expected {expected} but found {found} (argument {name})"
        ))
    }

    /// A text, if it is given.
    pub fn text(&self, name: &str) -> Result<Option<String>, Failed> {
        match self.get(name) {
            None => Ok(None),
            Some(Worth::Text(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.wrong(name, "string", other)),
        }
    }

    /// A text that must be given.
    pub fn must_text(&self, name: &str) -> Result<String, Failed> {
        self.text(name)?.ok_or_else(|| self.missing(name))
    }

    /// A whole number that must be given.
    pub fn must_integer(&self, name: &str) -> Result<i64, Failed> {
        match self.get(name) {
            None => Err(self.missing(name)),
            Some(Worth::Integer(number)) => Ok(*number),
            Some(other) => Err(self.wrong(name, "int", other)),
        }
    }

    /// A duration that must be given, in nanoseconds.
    pub fn must_duration(&self, name: &str) -> Result<i64, Failed> {
        match self.get(name) {
            None => Err(self.missing(name)),
            Some(Worth::Duration(ns)) => Ok(*ns),
            Some(other) => Err(self.wrong(name, "duration", other)),
        }
    }

    /// A time, if it is given: by itself, in seconds since 1970, or from now.
    pub fn time(&self, name: &str, now_ns: i64) -> Result<Option<i64>, Failed> {
        match self.get(name) {
            None => Ok(None),
            Some(Worth::Time(ns)) => Ok(Some(*ns)),
            Some(Worth::Duration(ns)) => Ok(Some(now_ns + ns)),
            Some(Worth::Integer(seconds)) => Ok(Some(seconds * 1_000_000_000)),
            Some(other) => Err(self.wrong(name, "time", other)),
        }
    }

    /// A list of texts, if it is given.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Failed> {
        match self.get(name) {
            None => Ok(None),
            Some(Worth::List(texts)) => Ok(Some(texts.clone())),
            Some(other) => Err(self.wrong(name, "[string] (array)", other)),
        }
    }

    /// Refuses what nobody has asked for: the real one does not know it, or this one does not.
    pub fn done(&self) -> Result<(), Failed> {
        let asked = self.asked.borrow();
        let unknown = self.given.keys().find(|name| !asked.contains(*name));
        match unknown {
            None => Ok(()),
            Some(name) => Err(Failed::invalid(format!(
                "error @: found unexpected argument {name} (of {}, as far as the fake knows)",
                self.function
            ))),
        }
    }
}
