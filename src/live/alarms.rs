//! The alarms' part: what waits to be told, and who cannot be told.

/// What the alarms' thread publishes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlarmsLive {
    /// What has begun or ended, and is not told everywhere yet.
    pub undelivered: usize,
    /// Receivers that take nothing, and why.
    pub failing: Vec<(String, String)>,
}
