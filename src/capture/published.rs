//! What capture shows of its lines on the live board.

use super::Capture;
use crate::model::{LineNow, MeterId};

impl Capture {
    /// A line is read from now on, or is not for this reason: told at once.
    pub(super) fn note_line(&mut self, meter: MeterId, why: Option<String>) {
        let since_ns = self.clock.wall_ns();
        self.intake.board().publish_capture(|capture| {
            capture.note_line(meter, LineNow { since_ns, why });
            if let Some(known) = capture.line(meter) {
                let live = &mut self.lines[meter.index()].live;
                (live.now, live.is_tried) = (known.now.clone(), known.is_tried);
            }
        });
        // The journal keeps it for the commands beside the daemon.
        self.intake.wake();
    }

    /// Publishes the lines on which something has come.
    pub(super) fn publish(&mut self) {
        if !self.lines.iter().any(|line| line.is_news) {
            return;
        }
        let lines = &mut self.lines;
        self.intake.board().publish_capture(|capture| {
            for (line, known) in lines.iter_mut().zip(&mut capture.lines) {
                if std::mem::take(&mut line.is_news) {
                    line.live.tally = line.tally.judged();
                    known.clone_from(&line.live);
                }
            }
        });
    }
}
