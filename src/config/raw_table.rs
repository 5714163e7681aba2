//! A table of `powerlogger.toml` as written.

use std::collections::BTreeMap;

use super::problem::{Origin, Value};

/// A table of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RawTable {
    /// The line it begins at; 0: it is not written.
    pub line: usize,
    /// Its values, by the names of their keys in it.
    pub values: BTreeMap<&'static str, Value>,
    /// The tables in it, by name. There may be several of one name where their [`Form`] says so.
    pub tables: BTreeMap<&'static str, Vec<RawTable>>,
    /// Something in it, or in another table of its name, could not be read.
    pub is_flawed: bool,
}

impl RawTable {
    /// Sets a value, by the name of its key in the table.
    pub(super) fn set(&mut self, name: &'static str, value: Value) {
        self.values.insert(name, value);
    }

    /// Leaves out what is written at a place, here and in the tables in it.
    pub(super) fn forget(&mut self, origin: &Origin) {
        self.values.retain(|_, value| value.origin != *origin);
        for table in self.tables.values_mut().flatten() {
            table.forget(origin);
        }
    }

    /// Notes that something in the tables of a name could not be read.
    pub(super) fn flaw(&mut self, name: &str) {
        for table in self.tables.get_mut(name).into_iter().flatten() {
            table.is_flawed = true;
        }
    }

    /// How many tables of a name are in it.
    pub(super) fn count(&self, name: &str) -> usize {
        self.tables.get(name).map_or(0, Vec::len)
    }
}
