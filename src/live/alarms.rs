//! The alarms' part: what waits to be told, and who cannot be told.

/// What the alarms' thread publishes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlarmsLive {
    /// What has begun or ended, and is not told everywhere yet.
    pub undelivered: usize,
    /// Alarms that began and have not ended.
    pub standing: usize,
    /// How many this run has given up, because too many waited.
    pub given_up: u64,
    /// Receivers that take nothing, and why.
    pub failing: Vec<(String, String)>,
}
