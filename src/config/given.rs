//! Values as they were given, with the place each came from. Pure.

use std::collections::BTreeMap;

use super::key::Key;
use super::problem::{Origin, Value};

/// Values by the name of their key, defaults included; keys without a value are not in it.
pub type Filled = BTreeMap<&'static str, Value>;

/// A value that was read, with the name of its key in the file that it came from.
#[derive(Debug, Clone)]
pub(super) struct Given {
    /// As written, without quotes.
    pub text: String,
    /// Where.
    pub origin: Origin,
    /// What the key is called there.
    pub name: &'static str,
}

impl Given {
    /// The value of this key.
    pub(super) fn new(key: &Key, value: Value) -> Given {
        Given {
            name: key.as_written(&value.origin),
            text: value.text,
            origin: value.origin,
        }
    }

    /// What a list has in it.
    pub(super) fn items(&self) -> impl Iterator<Item = &str> {
        let items = self.text.split(',').map(str::trim);
        items.filter(|item| !item.is_empty())
    }
}

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

/// Yes or no, in the words that people use; None: neither.
pub(super) fn as_flag(word: &str) -> Option<bool> {
    let known = FLAGS
        .iter()
        .find(|(known, _)| word.eq_ignore_ascii_case(known));
    known.map(|(_, flag)| *flag)
}
