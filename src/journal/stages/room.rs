//! What the writer does about room: pulses leave after the raw retention, and sooner where the disk or our own bound
//! is full.

use tracing::warn;

use crate::journal::JournalError;
use crate::journal::stages::writer::Writer;
use crate::model::{NS_PER_DAY, View, WallNs, Watched};

impl Writer {
    /// One bounded piece of retention; true if there is more to do.
    pub(super) fn prune(&mut self) -> Result<bool, JournalError> {
        if self.journal.is_above(self.settings.max_bytes)? {
            return Ok(self.make_room(self.settings.max_bytes)? > 0);
        }
        // No server has received anything, or it is not known what time it surely is: everything stays while there
        // is room.
        let Some(sure_ns) = self
            .intake
            .watched()
            .sure_ns
            .filter(|_| self.destination.is_some())
        else {
            return Ok(false);
        };
        let keep_ns = i64::from(self.settings.raw_retention_d) * NS_PER_DAY;
        let counted = self.roller.counted_until();
        let pruned = self
            .journal
            .prune(&self.delivered, counted, sure_ns - keep_ns)?;
        if pruned > 0 {
            self.publisher.is_outdated();
        }
        Ok(pruned > 0)
    }

    /// The disk, or our own bound, is full: deletes so that new pulses find room in the file, which need
    /// not grow then. Our bound: the oldest leave. The disk: those that the server has.
    pub(super) fn make_room_on_disk(&mut self) -> Result<(), JournalError> {
        self.reserve.release();
        if self.prune()? || self.destination.is_none() {
            return Ok(());
        }
        let counted = self.roller.counted_until();
        self.journal.prune(&self.delivered, counted, WallNs::MAX)?;
        self.publisher.is_outdated();
        Ok(())
    }

    /// Pulses in windows that a task still recomputes stay: what the task does not find in the raw bucket
    /// it takes out of its window. Far above the bound, on a full disk, or while it is not known what
    /// time it is, they leave as well; their windows are put right when no task reaches them any more.
    fn thinned_before_ns(&self, max_bytes: u64) -> Result<WallNs, JournalError> {
        let full = self.marks.now().failing == Some("disk_full");
        let far_above = self.journal.is_above(max_bytes.saturating_mul(2))?;
        let Watched {
            looked_ns, sure_ns, ..
        } = self.intake.watched();
        let Some(now_ns) = sure_ns.or(looked_ns).filter(|_| !full && !far_above) else {
            return Ok(WallNs::MAX);
        };
        let now_s = now_ns.s();
        Ok(WallNs::of_s(View::Hour.settled_before_s(now_s)))
    }

    fn make_room(&mut self, max_bytes: u64) -> Result<i64, JournalError> {
        let before_ns = self.thinned_before_ns(max_bytes)?;
        // Pulses leave, their windows stay.
        if let Some(last) = self.journal.leaving_next(before_ns)? {
            while self.count_windows(last)? {}
        }
        let delivered = self.destination.map(|_| &self.delivered);
        let now_ns = self.clock.wall_ns();
        let left = self
            .journal
            .make_room(delivered, max_bytes, before_ns, now_ns)?;
        if left > 0 {
            self.publisher.is_outdated();
            warn!(
                pulses = left,
                max_bytes, "the journal's disk bound: the oldest pulses left"
            );
        }
        Ok(left)
    }
}
