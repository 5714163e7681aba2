//! The version, as every command names it.

/// What `--version` names: version, commit and build; `build.rs` knows the last two.
pub const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("POWERLOGGER_BUILD"),
    ")"
);
