//! Raw against the journal: which minutes differ, and where raw has lost points.

use super::compare::{Counts, Difference, raw_differences};
use super::examine::{Examiner, Ours, Trouble};
use super::lost;
use super::server::Server;
use crate::journal::{IdRanges, JournalError, RawLosses, StoredPulse};
use crate::model::{Spans, Tier};

/// What raw holds of a stretch, in the windows of its level.
#[derive(Debug)]
pub struct RawCompared {
    /// Its points.
    pub counts: Counts,
    /// Where it differs.
    pub differences: Vec<Difference>,
    /// Where it has lost points: it lacks some that were delivered.
    pub lost: Spans,
}

impl Examiner<'_> {
    /// What raw holds, and the minutes in which it differs.
    ///
    /// # Errors
    /// When one of the sides cannot be read.
    pub fn raw(
        &mut self,
        server: &mut dyn Server,
        (from_s, to_s): (i64, i64),
    ) -> Result<RawCompared, Trouble> {
        let ours = self.ours(Tier::Raw.windows(), from_s, to_s)?;
        self.raw_read(server, (from_s, to_s), &ours)
    }

    /// The same, of the journal's side that is known already.
    pub(super) fn raw_read(
        &mut self,
        server: &mut dyn Server,
        (from_s, to_s): (i64, i64),
        ours: &Ours,
    ) -> Result<RawCompared, Trouble> {
        let view = Tier::Raw.windows();
        // Asked before raw is: what is delivered meanwhile is not taken for lost.
        let delivered = match (&self.reader, self.destination) {
            (Some(reader), Some(row)) => reader.delivered(row)?,
            _ => IdRanges::default(),
        };
        let raw = server.raw(view, from_s, to_s)?;
        let mut refused = Counts::new();
        for (_, meter, wall_ns) in self.refused(from_s, to_s)? {
            if let Some(name) = self.names.get(&meter) {
                let window = (name.clone(), view.start_of(wall_ns));
                *refused.entry(window).or_default() += 1;
            }
        }
        let differences = raw_differences(&ours.counts, &refused, &raw, &self.meters());
        let mut lost = Spans::default();
        if lost::is_lacking(&differences) {
            // What was never there is not lost.
            let mut absent = refused;
            for (window, pulses) in self.undelivered((from_s, to_s), &delivered)? {
                *absent.entry(window).or_default() += pulses;
            }
            let lacking = raw_differences(&ours.counts, &absent, &raw, &self.meters());
            lost = lost::spans(&raw, &lacking);
        }
        Ok(RawCompared {
            counts: raw,
            differences,
            lost,
        })
    }

    /// The pulses of the stretch that raw is still to get.
    fn undelivered(
        &mut self,
        span_s: (i64, i64),
        delivered: &IdRanges,
    ) -> Result<Counts, JournalError> {
        let ids = self.ids(span_s)?;
        let mut counts = Counts::new();
        let Some(reader) = &mut self.reader else {
            return Ok(counts);
        };
        let mut count = |entry: &StoredPulse| {
            if let Some(name) = self.names.get(&entry.meter) {
                let start_s = Tier::Raw.windows().start_of(entry.wall_ns);
                *counts.entry((name.clone(), start_s)).or_default() += 1;
            }
            Ok::<(), JournalError>(())
        };
        for gap in ids.ranges().iter().flat_map(|ids| delivered.gaps(*ids)) {
            reader.each_pulse(gap, &mut count)?;
        }
        Ok(counts)
    }

    /// Takes it that raw has lost points there, which is kept before they are sent again.
    pub(super) fn note_lost(&mut self, lost: &Spans) -> Result<(), JournalError> {
        if let (Some(dir), Some(row), false) = (self.notes_in, self.destination, lost.is_empty()) {
            RawLosses::open(dir)?.note(row, lost)?;
        }
        self.lost.add_all(lost);
        Ok(())
    }
}
