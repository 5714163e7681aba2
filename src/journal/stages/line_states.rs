//! Keeps how the lines stand, as capture shows it, for the commands beside the daemon.

use crate::journal::JournalError;
use crate::journal::stages::writer::Writer;
use crate::journal::tables::lines::Lines;
use crate::model::{MeterId, Watched};

impl Writer {
    /// Keeps how the lines stand, when that has changed.
    pub(super) fn keep_lines(&mut self, watched: &Watched) -> Result<(), JournalError> {
        let is_timed = watched.looked_ns.is_some();
        let (capture, ended) = (self.intake.board().snapshot().capture, self.intake.ended());
        let version = capture.lines_version;
        if ended.is_empty() && self.lines == (version, is_timed) {
            return Ok(());
        }
        let now = capture.lines.iter().map(|line| line.now.clone());
        let lines = Lines {
            now: (0..).map(MeterId).zip(now).collect(),
            ended,
        };
        self.journal.keep_lines(&lines, is_timed)?;
        self.intake.ended_kept(lines.ended.len());
        self.lines = (version, is_timed);
        self.marks
            .committed(self.journal.newest(), false, self.clock.mono_ns());
        Ok(())
    }
}
