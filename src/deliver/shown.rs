//! What delivery shows on the live board after each step.

use super::Deliverer;
use crate::journal::JournalError;
use crate::journal::Mark;
use crate::model::{MonoNs, NS_PER_S, WallNs};

/// While a backlog goes, how old the rest of it is is looked up this often.
const OLDEST_EVERY_NS: i64 = NS_PER_S;

/// What was shown last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// The durable mark up to which nothing was left to send.
    pub(super) idle_at: i64,
    /// Points acknowledged since the start.
    pub(super) points: u64,
    missing: i64,
    seen: i64,
    is_failing: bool,
    failures: u64,
    /// The oldest pulse that is not acknowledged, and its stamp, where its time was known by then.
    oldest: Option<(i64, Option<WallNs>)>,
    /// At which number of settled segments it was looked up, and when.
    settled: u64,
    looked_ns: MonoNs,
}

impl Deliverer {
    /// Shows how delivery stands. `goes_on`: the next step follows at once.
    pub(super) fn show(&mut self, mark: Mark, goes_on: bool) -> Result<(), JournalError> {
        let before = self.shown.clone();
        let bounds = self.board.snapshot().journal.bounds;
        let first = bounds.map_or(mark.durable + 1, |(first, _)| first);
        let gaps = self.delivered.gaps(first, mark.durable);
        self.shown.missing = gaps.iter().map(|gap| gap.1 - gap.0 + 1).sum();
        self.shown.seen = mark.durable;
        self.shown.is_failing = self.is_failing;
        self.shown.failures = self.requests_failed;
        self.look_up_oldest(gaps.first().map(|gap| gap.0), mark, goes_on)?;
        if self.shown == before {
            return Ok(());
        }
        let shown = &self.shown;
        self.board.publish_delivery(|delivery| {
            (delivery.missing, delivery.seen) = (shown.missing, shown.seen);
            (delivery.points, delivery.failures) = (shown.points, shown.failures);
            (delivery.is_failing, delivery.idle_at) = (shown.is_failing, shown.idle_at);
            delivery.oldest_ns = shown.oldest.and_then(|(_, stamp_ns)| stamp_ns);
        });
        Ok(())
    }

    fn look_up_oldest(
        &mut self,
        oldest: Option<i64>,
        mark: Mark,
        goes_on: bool,
    ) -> Result<(), JournalError> {
        let Some(id) = oldest else {
            self.shown.oldest = None;
            return Ok(());
        };
        let now_ns = self.clock.mono_ns();
        let is_known = self.shown.oldest.is_some_and(|(known, _)| known == id)
            && self.shown.settled == mark.segments_settled;
        if is_known || (goes_on && now_ns - self.shown.looked_ns < OLDEST_EVERY_NS) {
            return Ok(());
        }
        (self.shown.settled, self.shown.looked_ns) = (mark.segments_settled, now_ns);
        self.shown.oldest = Some((id, self.reader.stamp_of(id)?));
        Ok(())
    }
}
