//! `[journal]`: where and how pulses are kept.

use std::path::{Path, PathBuf};

use super::key::key;
use super::section::Section;

/// Where and how pulses are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalSettings {
    /// The directory of the journal (`QUEUE_DIR`).
    pub dir: PathBuf,
    /// Within how long a committed pulse survives a power cut, in milliseconds.
    pub sync_interval_ms: u64,
    /// The most the journal may take on the disk, in bytes.
    pub max_bytes: u64,
    /// How long delivered pulses are kept, in days; also the retention of the raw bucket.
    pub raw_retention_d: u32,
}

/// The journal's place on an installed system.
pub(super) const SYSTEM_DIR: &str = "/var/lib/powerlogger";

/// The journal's place elsewhere.
const LOCAL_DIR: &str = "queue";

/// Reads the table; and the most pulses that wait in memory, 24 bytes each. The directory is as written, or
/// relative where none is and there is no installed system.
pub(super) fn read(s: &mut Section<'_>) -> (JournalSettings, usize) {
    let dir = s.text_if_set(key("journal.dir", "the journal's directory").env("QUEUE_DIR"));
    let settings = JournalSettings {
        dir: dir.map_or_else(found_dir, |dir| PathBuf::from(dir.text)),
        sync_interval_ms: s.number(
            key(
                "journal.sync_interval_ms",
                "a power cut costs at most this much",
            ),
            1_000,
            10..=60_000,
        ),
        // Below the least the journal cannot work: its WAL alone takes as much.
        max_bytes: s.size(
            key(
                "journal.max_bytes",
                "when it is reached the oldest pulses leave, counted",
            ),
            "1 GiB",
            "1 MiB",
        ),
        raw_retention_d: s.number(
            key(
                "journal.raw_retention_d",
                "delivered pulses are kept this long, also in the raw bucket",
            ),
            30,
            1..=36_500,
        ),
    };
    let waiting_pulses_max = s.number(
        key(
            "journal.waiting_pulses_max",
            "pulses that wait in memory while the disk does not take them",
        ),
        1_000_000,
        1_000..=100_000_000,
    );
    (settings, waiting_pulses_max)
}

fn found_dir() -> PathBuf {
    let system = Path::new(SYSTEM_DIR);
    let found = if system.is_dir() {
        system
    } else {
        Path::new(LOCAL_DIR)
    };
    found.to_owned()
}
