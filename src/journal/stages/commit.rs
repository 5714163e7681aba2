//! Turns what waits into one commit.

use std::collections::HashMap;

use rusqlite::Transaction;

use crate::clock::segment;
use crate::intake::Pending;
use crate::journal::handles::journal::Journal;
use crate::journal::tables::ledger::lose;
use crate::journal::tables::lines::put_line;
use crate::journal::tables::pulses::{Total, add_to_total, put_pulse};
use crate::journal::tables::segments::{put_segment, settle_former_boots};
use crate::journal::{JournalError, OpContext};
use crate::model::{Losses, MeterId, MeterRow, Pulse, PulseId, SegmentNo, SegmentRow};

/// Segments of this run that are known at most, without those that are not settled: more than capture knows.
const SEGMENTS_KEPT: usize = 4 * segment::KEPT;

impl Journal {
    /// Commits all of `pending`, or nothing. True if a segment became final, so that pulses
    /// that were held may go: such a commit is durable before anybody sees it, because stamps that
    /// have left must never be forgotten.
    ///
    /// # Errors
    /// When the disk does not take it; the journal stays as it was and can be tried again.
    pub fn commit(&mut self, pending: &Pending) -> Result<bool, JournalError> {
        let settles = pending.segments.iter().any(|s| s.trust.is_final());
        if settles {
            self.sync_commits("FULL")?;
        }
        let committed = self.try_commit(pending);
        if settles {
            // Should it fail, commits wait for the card from now on; this one stands.
            let _ = self.sync_commits("NORMAL");
        }
        committed.map(|()| settles)
    }

    fn try_commit(&mut self, pending: &Pending) -> Result<(), JournalError> {
        let transaction = self
            .connection
            .unchecked_transaction()
            .op("begin a commit")?;
        let mut rows = Rows {
            known: &self.segments,
            new: HashMap::new(),
        };
        for segment in &pending.segments {
            let row = put_segment(
                &transaction,
                *segment,
                (rows.of(segment.no), self.wanted.get(&segment.no).copied()),
                &self.boot_id,
            )?;
            rows.new.insert(segment.no, row);
        }
        let settled = pending.segments.iter().rfind(|s| s.trust.is_final());
        if let Some(settled) = settled {
            settle_former_boots(&transaction, &self.boot_id, settled.boot_wall_ns())?;
        }
        let newest = put_pulses(
            &transaction,
            &pending.pulses,
            &self.meters,
            &rows,
            self.newest,
        )?;
        for (meter, state) in &pending.lines {
            put_line(&transaction, self.meters[meter.index()], state)?;
        }
        put_losses(&transaction, &pending.losses, &self.meters)?;
        transaction.commit().op("commit")?;
        let new = rows.new;
        self.segments.extend(new);
        self.newest = newest;
        let changed = pending
            .segments
            .iter()
            .map(|segment| (segment.no, *segment));
        self.standing.0.extend(changed);
        self.forget_segments();
        let changed = pending.lines.iter();
        self.standing
            .1
            .extend(changed.map(|(meter, state)| (*meter, state.clone())));
        Ok(())
    }

    /// Forgets segments that no pulse can come for any more: capture has forgotten them, too.
    fn forget_segments(&mut self) {
        let (standing, segments) = (&mut self.standing.0, &mut self.segments);
        let many = standing.len().saturating_sub(SEGMENTS_KEPT);
        let old = standing.values().filter(|s| s.trust.is_final());
        let old: Vec<SegmentNo> = old.take(many).map(|s| s.no).collect();
        for no in old {
            standing.remove(&no);
            segments.remove(&no);
        }
    }

    fn sync_commits(&self, how: &str) -> Result<(), JournalError> {
        self.connection
            .pragma_update(None, "synchronous", how)
            .op("be set up")
    }
}

/// Rows of this run's segments, within a commit.
struct Rows<'a> {
    known: &'a HashMap<SegmentNo, SegmentRow>,
    new: HashMap<SegmentNo, SegmentRow>,
}

impl Rows<'_> {
    fn of(&self, no: SegmentNo) -> Option<SegmentRow> {
        self.new.get(&no).or_else(|| self.known.get(&no)).copied()
    }
}

/// Keeps the pulses and their lines' totals; returns the newest id.
fn put_pulses(
    transaction: &Transaction<'_>,
    pulses: &[Pulse],
    meters: &[MeterRow],
    segments: &Rows<'_>,
    newest: PulseId,
) -> Result<PulseId, JournalError> {
    let mut id = newest;
    let mut totals: HashMap<MeterId, Total> = HashMap::new();
    for pulse in pulses {
        id = id.next();
        let segment = segments
            .of(pulse.segment)
            .expect("capture tells of a segment before its first pulse");
        let meter = meters[pulse.meter.index()];
        put_pulse(
            transaction,
            (id, meter, segment, pulse.mono_ns, pulse.estimated),
        )?;
        let total = totals.entry(pulse.meter).or_default();
        *total = (total.0 + 1, segment, pulse.mono_ns);
    }
    for (meter, total) in totals {
        add_to_total(transaction, meters[meter.index()], total)?;
    }
    Ok(id)
}

fn put_losses(
    transaction: &Transaction<'_>,
    losses: &Losses,
    meters: &[MeterRow],
) -> Result<(), JournalError> {
    for ((meter, cause), loss) in losses {
        lose(transaction, meters[meter.index()], *cause, *loss)?;
    }
    Ok(())
}
