//! A meter's place, with or without its line.

use super::backoff::LineBackoff;
use super::find;
use super::line::RequestedLine;
use crate::config::LineSettings;
use crate::model::{MeterId, MonoNs};
use crate::system::systemd::StoredDescriptor;

/// A meter's place, with or without its line.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) meter: MeterId,
    pub(super) name: String,
    pub(super) settings: LineSettings,
    pub(super) line: LineRead,
    pub(super) backoff: LineBackoff,
    /// A request that an earlier run has left, with its id.
    pub(super) kept: Option<(u64, StoredDescriptor)>,
    /// The name under which the present one is kept.
    pub(super) kept_as: Option<String>,
}

/// How its line is.
#[derive(Debug)]
pub(super) enum LineRead {
    Up(RequestedLine),
    Down {
        retry_at: MonoNs,
        /// The reason last told; None: none yet.
        told: Option<String>,
    },
}

impl Slot {
    /// Whether it is that line that it reads.
    pub(super) fn reads(&self, found: &find::FoundLine) -> bool {
        matches!(&self.line, LineRead::Up(line) if line.is_at(found))
    }

    /// When its line is tried again; None: it is read.
    pub(super) fn retry_at(&self) -> Option<MonoNs> {
        match &self.line {
            LineRead::Up(_) => None,
            LineRead::Down { retry_at, .. } => Some(*retry_at),
        }
    }
}
