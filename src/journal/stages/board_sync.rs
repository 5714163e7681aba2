//! Between the live board and the journal: keeps how the lines stand, as capture shows it, for the commands beside
//! the daemon; and shows on the board what no commit tells.

use tracing::debug;

use crate::journal::JournalError;
use crate::journal::stages::writer::Writer;
use crate::journal::tables::lines::Lines;
use crate::model::{MeterId, MonoNs, Watched};

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

    /// Shows what no commit tells. A journal that cannot be read takes commits all the same, unless it is damaged.
    pub(super) fn bring_board_up_to_date(&mut self, now_ns: MonoNs) {
        let commits = self.marks.now().commits;
        let now = (now_ns, self.clock.wall_ns());
        if let Err(failed) = self.publisher.look(commits, now) {
            debug!(error = %failed, "the board is brought up to date later");
            if failed.is_corrupt() {
                self.marks.damaged();
            }
        }
    }
}
