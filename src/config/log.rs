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
    let name = "GPIO_LOG_EDGES";
    let is_edge = |text: &str| EDGES.iter().any(|edge| text.eq_ignore_ascii_case(edge));
    if let Some(value) = s.of_env(name).filter(|value| is_edge(&value.text)) {
        let text = "true".to_owned();
        let origin = value.origin.clone();
        s.set_env(name, super::problem::Value { text, origin });
    }
    LogSettings {
        debug: s.flag(key("log.debug", "log at debug level").env("DEBUG"), false),
        edges: s.flag(key("log.edges", "log every edge").env(name), false),
    }
}
