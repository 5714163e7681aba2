//! Keys that are needed and were not chosen yet.

/// The places where a value of the original's example was not replaced.
const PLACEHOLDERS: [&str; 3] = ["paste_your_token_here", "your_influx", "your-host"];

/// A key that is needed and not there, or still holds what the example says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lacking {
    /// Its name in `.env`.
    pub name: &'static str,
    /// Whether it holds what the example says.
    pub is_placeholder: bool,
}

/// Whether this is what the example file says, and was not chosen.
pub(super) fn is_placeholder(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.starts_with("your_")
        || PLACEHOLDERS
            .iter()
            .any(|placeholder| text.contains(placeholder))
}
