//! What delivery shows on the live board after each step.

use crate::journal::{IdRanges, JournalError, Mark, Reader};
use crate::live::ServerPart;
use crate::model::{IdRange, MonoNs, NS_PER_S, PulseId, WallNs};

/// While a backlog goes, how old the rest of it is is looked up this often.
const OLDEST_EVERY_NS: i64 = NS_PER_S;

/// What was shown last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// The durable mark up to which nothing was left to send.
    pub(super) idle_at: PulseId,
    /// Points acknowledged since the start.
    pub(super) points: u64,
    missing: i64,
    seen: PulseId,
    is_failing: bool,
    failures: u64,
    /// The oldest pulse that is not acknowledged, and its stamp, where its time was known by then.
    oldest: Option<(PulseId, Option<WallNs>)>,
    /// At which number of settled segments it was looked up, and when.
    settled: u64,
    looked_ns: MonoNs,
}

/// How delivery stands after a step.
#[derive(Debug)]
pub(super) struct Standing<'a> {
    /// What is acknowledged.
    pub(super) delivered: &'a IdRanges,
    /// The journal's marks at the step.
    pub(super) mark: Mark,
    /// The last request failed.
    pub(super) is_failing: bool,
    /// Requests that ended otherwise, since the start.
    pub(super) failures: u64,
    /// The next step follows at once.
    pub(super) goes_on: bool,
    /// When the step ended.
    pub(super) now_ns: MonoNs,
}

impl Shown {
    /// Shows how delivery stands.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) fn show(
        &mut self,
        now: &Standing<'_>,
        reader: &mut Reader,
        board: &ServerPart,
    ) -> Result<(), JournalError> {
        let before = self.clone();
        let bounds = board.snapshot().journal.bounds;
        let first = bounds.map_or(now.mark.durable.next(), |ids| ids.first);
        let gaps = now.delivered.gaps(IdRange::new(first, now.mark.durable));
        self.missing = gaps.iter().map(|gap| gap.len()).sum();
        self.seen = now.mark.durable;
        self.is_failing = now.is_failing;
        self.failures = now.failures;
        self.look_up_oldest(gaps.first().map(|gap| gap.first), now, reader)?;
        if *self == before {
            return Ok(());
        }
        board.publish_delivery(|delivery| {
            (delivery.missing, delivery.seen) = (self.missing, self.seen);
            (delivery.points, delivery.failures) = (self.points, self.failures);
            (delivery.is_failing, delivery.idle_at) = (self.is_failing, self.idle_at);
            delivery.oldest_ns = self.oldest.and_then(|(_, stamp_ns)| stamp_ns);
        });
        Ok(())
    }

    fn look_up_oldest(
        &mut self,
        oldest: Option<PulseId>,
        now: &Standing<'_>,
        reader: &mut Reader,
    ) -> Result<(), JournalError> {
        let Some(id) = oldest else {
            self.oldest = None;
            return Ok(());
        };
        let is_known = self.oldest.is_some_and(|(known, _)| known == id)
            && self.settled == now.mark.segments_settled;
        if is_known || (now.goes_on && now.now_ns - self.looked_ns < OLDEST_EVERY_NS) {
            return Ok(());
        }
        (self.settled, self.looked_ns) = (now.mark.segments_settled, now.now_ns);
        self.oldest = Some((id, reader.stamp_of(id)?));
        Ok(())
    }
}
