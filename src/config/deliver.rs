//! `[deliver]`: how pulses are sent.

use super::key::key;
use super::section::Section;

/// How pulses are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverSettings {
    /// The most lines in one request.
    pub batch_lines_max: usize,
    /// The shortest time between two requests with live data, in milliseconds.
    pub flush_ms: u64,
    /// Quick retries of a failed request, with exponential backoff and jitter.
    pub retries_max: u32,
    /// Time between tries after the quick ones are used up, in milliseconds.
    pub replay_interval_ms: u64,
}

/// Reads the table.
pub(super) fn read(s: &mut Section<'_>) -> DeliverSettings {
    DeliverSettings {
        batch_lines_max: s.number(
            key("deliver.batch_lines_max", "lines in one request"),
            5_000,
            1..=5_000,
        ),
        flush_ms: s.number(
            key(
                "deliver.flush_ms",
                "time between two requests with live data",
            ),
            500,
            0..=60_000,
        ),
        retries_max: s.number(
            key(
                "deliver.retries_max",
                "quick retries, each about twice as late as the one before",
            ),
            8,
            0..=100,
        ),
        replay_interval_ms: s.number(
            key(
                "deliver.replay_interval_ms",
                "time between tries after these",
            ),
            10_000,
            10..=3_600_000,
        ),
    }
}
