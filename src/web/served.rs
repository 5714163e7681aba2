//! What the server counts of itself.

/// What has been served, and since when.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Served {
    /// When the process began, in seconds since 1970.
    pub(super) started_s: f64,
    /// Answers by their status.
    pub(super) answers: Vec<(u16, u64)>,
}
