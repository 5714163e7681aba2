//! How long before a pulse the one before it came: the power in between, whatever a pulse is worth.
//!
//! Two pulses of a meter are neighbours if they follow each other in the journal's order, were captured by the same clock
//! segment, and the line was watched from the one to the other. All of that is in the journal, so that a gap does not depend on
//! when it is counted, but in two cases, in which it is not known: the pulse before has left the journal (thinned), or is more
//! than [`LOOK_BACK`] ids back and was counted by another run; and the run was killed before it had kept how far it watched.

use std::collections::BTreeMap;

use crate::journal::JournalError;
use crate::journal::handles::reader::Reader;
use crate::journal::tables::pulses::StoredPulse;
use crate::model::{IdRange, MeterRow, PulseId, STAMP_STEP_NS, WallNs};

/// So many ids back the pulses before the first ones of a page are looked for.
const LOOK_BACK: i64 = 5_000;

/// The last pulse of each meter that was counted.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    /// By the meter's row.
    last: BTreeMap<MeterRow, WallNs>,
    /// The id up to which `last` knows of all pulses.
    until: PulseId,
}

/// Since when lines are watched without a break up to now, by the meter's row.
pub(in crate::journal) type WatchedSince = BTreeMap<MeterRow, WallNs>;

impl Neighbours {
    /// The gaps before these pulses, in nanoseconds, None where one is not known. `ids`: those that they stand for.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) fn gaps(
        &mut self,
        reader: &mut Reader,
        entries: &[StoredPulse],
        ids: IdRange,
        since: &WatchedSince,
    ) -> Result<Vec<Option<i64>>, JournalError> {
        if self.until.next() != ids.first {
            self.last.clear();
            let before = IdRange::new(ids.first - LOOK_BACK, ids.first.previous());
            let before = reader.page(before, usize::MAX)?;
            for pulse in &before.entries {
                self.last.insert(pulse.meter, pulse.wall_ns);
            }
        }
        self.until = ids.last;
        let watched = Watches::of(reader, entries, &self.last, since)?;
        let gaps = entries.iter().map(|pulse| {
            let before_ns = self.last.insert(pulse.meter, pulse.wall_ns)?;
            let is_one_segment = (pulse.wall_ns - before_ns) % STAMP_STEP_NS == 0;
            let is_known = is_one_segment
                && before_ns < pulse.wall_ns
                && watched.covers(pulse.meter, before_ns, pulse.wall_ns);
            is_known.then_some(pulse.wall_ns - before_ns)
        });
        Ok(gaps.collect())
    }
}

/// Stretches over which lines were watched, by the meter's row.
struct Watches<'a> {
    kept: BTreeMap<MeterRow, Vec<(WallNs, WallNs)>>,
    since: &'a WatchedSince,
}

impl Watches<'_> {
    /// Those around some pulses and the ones before them.
    fn of<'a>(
        reader: &Reader,
        entries: &[StoredPulse],
        before: &BTreeMap<MeterRow, WallNs>,
        since: &'a WatchedSince,
    ) -> Result<Watches<'a>, JournalError> {
        let mut kept: BTreeMap<MeterRow, Vec<(WallNs, WallNs)>> = BTreeMap::new();
        let stamps = || {
            let pulses = entries.iter().map(|pulse| pulse.wall_ns);
            pulses.chain(before.values().copied())
        };
        let is_live = entries.iter().all(|pulse| {
            let since_ns = since.get(&pulse.meter);
            let before_ns = before.get(&pulse.meter).unwrap_or(&pulse.wall_ns);
            since_ns.is_some_and(|since_ns| since_ns <= before_ns && *since_ns <= pulse.wall_ns)
        });
        // Mostly all is of the stretch that goes on.
        if let (false, Some(first_ns), Some(last_ns)) = (is_live, stamps().min(), stamps().max()) {
            let span_s = (first_ns.s(), last_ns.s() + 1);
            for (meter, begins_s, ends_s) in reader.watched(span_s.0, span_s.1)? {
                let stretch = (WallNs::of_s(begins_s), WallNs::of_s(ends_s));
                kept.entry(meter).or_default().push(stretch);
            }
        }
        Ok(Watches { kept, since })
    }

    fn covers(&self, meter: MeterRow, from_ns: WallNs, to_ns: WallNs) -> bool {
        let is_live = self
            .since
            .get(&meter)
            .is_some_and(|since_ns| *since_ns <= from_ns);
        let mut kept = self.kept.get(&meter).into_iter().flatten();
        is_live || kept.any(|(begins_ns, ends_ns)| *begins_ns <= from_ns && to_ns <= *ends_ns)
    }
}
