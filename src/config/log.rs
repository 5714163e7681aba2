//! `[log]`: what is logged.

use super::key::key;
use super::section::Section;

/// What is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSettings {
    /// Log at debug level (`DEBUG`).
    pub debug: bool,
    /// Log each edge (`GPIO_LOG_EDGES`).
    pub edges: bool,
}

/// The Python edition's `GPIO_LOG_EDGES` named the edges to log; all are logged here.
const EDGES: [&str; 3] = ["rising", "falling", "both"];

/// Reads the table.
pub(super) fn read(s: &mut Section<'_>) -> LogSettings {
    let edges = key("log.edges", "log every edge").env("GPIO_LOG_EDGES");
    LogSettings {
        debug: s.flag(key("log.debug", "log at debug level").env("DEBUG"), false),
        edges: s.flag_or_word(edges, false, &EDGES),
    }
}
