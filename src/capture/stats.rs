//! What capture shows.

use std::sync::atomic::AtomicU64;

/// What capture shows to the rest of the house while it runs.
#[derive(Debug, Default)]
pub struct CaptureStats {
    /// Edges read since the start.
    pub edges: AtomicU64,
    /// Pulses handed to the journal since the start.
    pub pulses: AtomicU64,
    /// Lines that are requested now.
    pub lines_up: AtomicU64,
    /// Steps made: it is alive while they grow.
    pub steps: AtomicU64,
}
