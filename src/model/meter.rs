//! Meters.

/// A meter, by its position in the configuration. Valid within one run of the program;
/// the journal keeps meters by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeterId(pub u16);

impl MeterId {
    /// The position of this meter in the configuration's list.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What a meter is to the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// From the grid.
    Import,
    /// Into the grid.
    Export,
    /// From a generator of the house.
    Generation,
}

impl Role {
    /// What a meter of this name is where the configuration does not say; None: a load of its own.
    pub fn of_name(name: &str) -> Option<Role> {
        match name.to_lowercase().as_str() {
            "import" => Some(Role::Import),
            "export" => Some(Role::Export),
            "generate" | "generation" => Some(Role::Generation),
            _ => None,
        }
    }
}
