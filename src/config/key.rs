//! What is known of each key: its names, its default, what it takes, what it means. It is declared in the one
//! line of its section that reads it; this is the form in which messages, `config show` and tests see it.

use super::problem::{ConfigPart, Origin};

/// What the value of a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Takes {
    /// Any text.
    Text,
    /// One text, or a list of them.
    List,
    /// Yes or no.
    Flag,
    /// One of these words.
    OneOf(Vec<&'static str>),
    /// A decimal number.
    Decimal,
    /// A number from the first to the second.
    Number(String, String),
    /// A size in bytes, with a unit or without, and the least that is possible.
    Size(&'static str),
}

/// A key of the configuration.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its name: with its table, unless the table is one of several; or that of the environment where
    /// it has no other.
    pub name: &'static str,
    /// Its name in `.env` and in the environment.
    pub env: Option<&'static str>,
    /// The value where none is written; empty: there is none, or it depends on other keys.
    pub default: String,
    /// What its value is.
    pub takes: Takes,
    /// Its value must not be shown.
    pub secret: bool,
    /// What it means, in a few words.
    pub doc: &'static str,
    /// Whether `powerlogger.toml` knows it.
    is_in_toml: bool,
    /// Whether `.env` gives seconds where `powerlogger.toml` gives milliseconds.
    pub(super) is_env_in_seconds: bool,
}

/// Declares a key of `powerlogger.toml`.
pub(super) fn key(name: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        env: None,
        default: String::new(),
        takes: Takes::Text,
        secret: false,
        doc,
        is_in_toml: true,
        is_env_in_seconds: false,
    }
}

/// Declares a key that only `.env` and the environment know.
pub(super) fn env_key(name: &'static str, doc: &'static str) -> Key {
    Key {
        env: Some(name),
        is_in_toml: false,
        ..key(name, doc)
    }
}

impl Key {
    /// With another name in `.env` and the environment. In a table of which there are several the value there
    /// holds for each that does not set its own.
    pub(super) fn env(mut self, name: &'static str) -> Key {
        self.env = Some(name);
        self
    }

    /// The same, in seconds where the key's own unit is the millisecond.
    pub(super) fn env_in_seconds(mut self, name: &'static str) -> Key {
        self.is_env_in_seconds = true;
        self.env(name)
    }

    /// Hidden in all output.
    pub(super) fn secret(mut self) -> Key {
        self.secret = true;
        self
    }

    /// With what its value is, and the default.
    pub(super) fn takes(mut self, takes: Takes, default: String) -> Key {
        self.takes = takes;
        self.default = default;
        self
    }

    /// Its name within its table of `powerlogger.toml`; None: that file does not know it.
    pub fn name_in_table(&self) -> Option<&'static str> {
        let own = self.name.rsplit('.').next().unwrap_or(self.name);
        self.is_in_toml.then_some(own)
    }

    /// What it is called in the file that a value came from.
    pub fn as_written(&self, origin: &Origin) -> &'static str {
        self.env.filter(|_| origin.is_env()).unwrap_or(self.name)
    }

    /// The unit of its value, as its name ends with it; None: it has none.
    pub fn unit(&self) -> Option<&'static str> {
        let units = [
            ("_ms", "ms"),
            ("_s", "s"),
            ("_d", "d"),
            ("_kw", "kW"),
            ("price_per_kwh", "currency/kWh"),
            ("surcharge_per_kwh", "currency/kWh"),
            ("_per_kwh", "1/kWh"),
            ("_bytes", "B"),
        ];
        let found = units.iter().find(|(end, _)| self.name.ends_with(end));
        found.map(|(_, unit)| *unit)
    }

    /// What may be written, in words: the range of a number, the words of a choice.
    pub fn allowed(&self) -> String {
        match &self.takes {
            Takes::Text => "text".to_owned(),
            Takes::List => "text, or a list of texts".to_owned(),
            Takes::Flag => "true or false".to_owned(),
            Takes::Decimal => "a decimal number".to_owned(),
            Takes::OneOf(words) => words.join(", "),
            Takes::Number(least, most) => format!("{least} to {most}"),
            Takes::Size(least) => format!("at least {least}"),
        }
    }
}

/// A table of `powerlogger.toml`: what may stand in it.
#[derive(Debug, Clone)]
pub struct Form {
    /// Its name in the table that it belongs to.
    pub name: &'static str,
    /// Written with two brackets, once for each of several things.
    pub is_many: bool,
    /// What a mistake in it concerns.
    pub part: ConfigPart,
    /// Its keys, in the order in which they are shown.
    pub keys: Vec<Key>,
    /// The tables in it.
    pub tables: Vec<Form>,
}

impl Form {
    /// A table without anything in it.
    pub(super) fn new(name: &'static str, is_many: bool, part: ConfigPart) -> Form {
        Form {
            name,
            is_many,
            part,
            keys: Vec::new(),
            tables: Vec::new(),
        }
    }

    /// The table of this name in it.
    pub fn table(&self, name: &str) -> Option<&Form> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// The names of the tables in it.
    pub fn table_names(&self) -> impl Iterator<Item = &'static str> + Clone + '_ {
        self.tables.iter().map(|table| table.name)
    }

    /// Its keys by their names in `powerlogger.toml`.
    pub fn written_keys(&self) -> impl Iterator<Item = (&'static str, &Key)> + Clone {
        let own = |key| Some((Key::name_in_table(key)?, key));
        self.keys.iter().filter_map(own)
    }

    /// The key of this name in it.
    pub fn table_key(&self, name: &str) -> Option<&Key> {
        let mut keys = self.written_keys();
        keys.find(|(own, _)| *own == name).map(|(_, key)| key)
    }

    /// Its header, as it is written.
    pub fn header(&self) -> String {
        if self.is_many {
            format!("[[{}]]", self.name)
        } else {
            format!("[{}]", self.name)
        }
    }

    /// All keys in it and in its tables, each with what a mistake in it concerns.
    pub fn all_keys(&self) -> Vec<(&Key, ConfigPart)> {
        let own = self.keys.iter().map(|key| (key, self.part));
        let below = self.tables.iter().flat_map(Form::all_keys);
        own.chain(below).collect()
    }
}
