//! Raw against the journal: which minutes differ, and where raw has lost points.

use std::collections::{BTreeMap, HashSet};

use super::compare::{Counts, Difference, RawRead, raw_differences};
use super::examine::{Examiner, Ours, Trouble};
use super::lost;
use super::server::Server;
use crate::journal::{IdRanges, JournalError, RawLosses, StoredPulse};
use crate::model::{MeterRow, PulseId, Spans, Tier, View, WallNs};
use crate::server::failure::Failure;

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
        // Asked before raw is: what is delivered meanwhile is not taken for lost.
        let delivered = match (&self.reader, self.destination) {
            (Some(reader), Some(row)) => reader.delivered(row)?,
            _ => IdRanges::default(),
        };
        let raw = server.raw(Tier::Raw.windows(), from_s, to_s)?;
        let (mut absent, mut refused) = (Counts::new(), HashSet::new());
        for (id, meter, wall_ns) in self.refused(from_s, to_s)? {
            refused.insert(id);
            count(self.names, &mut absent, (meter, wall_ns));
        }
        let differences = raw_differences(&ours.counts, &absent, &raw, &self.meters());
        let mut lost = Spans::default();
        if lost::is_lacking(&differences) {
            // What was never there is not lost.
            self.add_undelivered((from_s, to_s), &delivered, &refused, &mut absent)?;
            let lacking = raw_differences(&ours.counts, &absent, &raw, &self.meters());
            lost = lost::spans(&raw, &lacking);
        }
        Ok(RawCompared {
            counts: raw,
            differences,
            lost,
        })
    }

    /// Points of raw in the windows of a view; None: there is no such bucket, which is the affair of those
    /// that write to it.
    pub(super) fn raw_of(
        &self,
        server: &mut dyn Server,
        view: View,
        (from_s, to_s): (i64, i64),
    ) -> Result<Option<RawRead>, Trouble> {
        let counts = match server.raw(view, from_s, to_s) {
            Ok(counts) => counts,
            Err(Failure::Status { status: 404, .. }) => return Ok(None),
            Err(failure) => return Err(failure.into()),
        };
        let mut lost = self.lost.clone();
        // Looked at after raw was: another one may have noted meanwhile what it lacked, and sent that again.
        if let (Some(reader), Some(row)) = (&self.reader, self.destination) {
            lost.add_all(&reader.raw_lost(row)?);
        }
        Ok(Some(RawRead {
            from_s,
            counts,
            lost: lost.within(from_s, to_s),
        }))
    }

    /// Counts the pulses of the stretch that raw is still to get, without those that are `refused`, into `absent`.
    fn add_undelivered(
        &mut self,
        span_s: (i64, i64),
        delivered: &IdRanges,
        refused: &HashSet<PulseId>,
        absent: &mut Counts,
    ) -> Result<(), JournalError> {
        let ids = self.ids(span_s)?;
        let Some(reader) = &mut self.reader else {
            return Ok(());
        };
        let mut add = |entry: &StoredPulse| {
            if !refused.contains(&entry.id) {
                count(self.names, absent, (entry.meter, entry.wall_ns));
            }
            Ok::<(), JournalError>(())
        };
        for gap in ids.ranges().iter().flat_map(|ids| delivered.gaps(*ids)) {
            reader.each_pulse(gap, &mut add)?;
        }
        Ok(())
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

/// Counts a pulse in its window of raw.
fn count(
    names: &BTreeMap<MeterRow, String>,
    counts: &mut Counts,
    (meter, wall_ns): (MeterRow, WallNs),
) {
    if let Some(name) = names.get(&meter) {
        let window = (name.clone(), Tier::Raw.windows().start_of(wall_ns));
        *counts.entry(window).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::journal::{Journal, Reader};
    use crate::model::DestinationRow;
    use crate::reconcile::compare::ViewRead;
    use crate::reconcile::examine::AskRaw;
    use crate::server::Extras;
    use crate::server::request_size::RequestSize;

    const HOUR_S: i64 = 1_800_000_000;

    /// Raw has lost a point, which another examiner notes and sends again while this one asks.
    #[derive(Debug)]
    struct Mended {
        dir: PathBuf,
        row: DestinationRow,
    }

    impl Server for Mended {
        fn raw(&mut self, _: View, from_s: i64, to_s: i64) -> Result<Counts, Failure> {
            let lost = Spans::new([(from_s, to_s)]);
            let mut losses = RawLosses::open(&self.dir).unwrap();
            losses.note(self.row, &lost).unwrap();
            Ok(Counts::from([(("Import".to_owned(), HOUR_S), 5)]))
        }

        fn view(&mut self, _: View, _: i64, _: i64) -> Result<ViewRead, Failure> {
            Ok(ViewRead::default())
        }

        fn write(&mut self, _: Tier, _: &[u8]) -> Result<(), Failure> {
            Ok(())
        }

        fn refresh_token(&mut self) {}
    }

    #[test]
    fn raw_that_was_mended_while_it_was_read_has_lost_points() {
        let dir = tempfile::tempdir().unwrap();
        let names = ["Import".to_owned()];
        let journal = Journal::open(dir.path(), &names, "boot", WallNs::of_s(HOUR_S)).unwrap();
        let row = journal.destination("influx").unwrap();
        let mut reader = Reader::open(dir.path()).unwrap();
        let mut examiner = Examiner {
            reader: Some(&mut reader),
            destination: Some(row),
            names: &BTreeMap::new(),
            measurement: "m",
            lost: Spans::default(),
            notes_in: None,
            extras: &Extras::default(),
            by_now: false,
            size: &mut RequestSize::new(1),
        };
        let mut server = Mended {
            dir: dir.path().to_owned(),
            row,
        };
        let span = (HOUR_S, HOUR_S + 3_600);
        let seen = examiner.view(&mut server, View::Hour, span, AskRaw::Always(0));
        let lost = seen.unwrap().raw.unwrap().lost;
        assert!(lost.covers(span.0, span.1), "{lost:?}");
    }
}
