//! All keys and tables that there are, as the files of the tables declare them.

use std::path::Path;
use std::sync::LazyLock;

use super::key::{Form, Key};
use super::problem::ConfigPart;
use super::{section::Section, sections};

/// The whole configuration: its tables, and the keys that stand in none.
pub fn catalogue() -> &'static Form {
    // Reading nothing names every key: none is asked for only where another has a certain value.
    static CATALOGUE: LazyLock<Form> =
        LazyLock::new(|| Section::describe(|root| sections::read(root, Path::new(""))));
    &CATALOGUE
}

/// What a key concerns, by the table before the dot.
pub fn part_of(name: &str) -> ConfigPart {
    let table = name.split_once('.').map_or(name, |(table, _)| table);
    catalogue()
        .table(table)
        .map_or(ConfigPart::Counting, |table| table.part)
}

/// The key with this name in `.env` and the environment, and what it concerns.
pub fn by_env(name: &str) -> Option<(&'static Key, ConfigPart)> {
    let all = catalogue().all_keys();
    all.into_iter().find(|(key, _)| key.env == Some(name))
}

/// All names in `.env` and the environment.
pub fn env_names() -> impl Iterator<Item = &'static str> {
    let all = catalogue().all_keys();
    all.into_iter().filter_map(|(key, _)| key.env)
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "reference_tests.rs"]
mod reference;
