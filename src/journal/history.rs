//! What was counted in parts of a span, to the pulse: from windows, and from the pulses that are in none yet.

use std::collections::BTreeMap;

use super::handles::reader::Reader;
use super::{JournalError, OpContext};
use crate::model::{LossCause, NS_PER_S, View};

/// Windows of five minutes are taken for spans up to this; longer ones are counted from hours.
const FINE_MAX_S: i64 = 40 * 86_400;

/// Pulses that are in no window yet are read so many at a time.
const PAGE: usize = 4_096;

/// What was counted of one meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedParts {
    /// The meter's name.
    pub meter: String,
    /// Pulses in each part.
    pub pulses: Vec<i64>,
    /// For how many seconds of each its line was watched, as far as that is saved.
    pub watched_s: Vec<i64>,
    /// Until when its line is known to have been watched, in seconds since 1970; 0: never.
    pub watched_until_s: i64,
    /// Pulses ever journaled, at the same moment.
    pub total: i64,
}

impl Reader {
    /// What was counted in the parts that begin at `starts_s` (in seconds since 1970, in order; the last one is where the
    /// last part ends), at one moment.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn counted_parts(
        &mut self,
        starts_s: &[i64],
        now_s: i64,
    ) -> Result<Vec<CountedParts>, JournalError> {
        self.connection.execute_batch("BEGIN").op("be read")?;
        let counted = self.counted_now(starts_s, now_s);
        // Nothing was written.
        let _ = self.connection.execute_batch("ROLLBACK");
        counted
    }

    /// How many of the pulses of a span were put back by number, by the meter's name, as far as the pulses themselves are
    /// still there.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn restored_between(
        &self,
        from_s: i64,
        to_s: i64,
    ) -> Result<BTreeMap<String, i64>, JournalError> {
        let (from_ns, to_ns) = (from_s * NS_PER_S, to_s * NS_PER_S);
        // Mostly there were none, and no pulse needs to be looked at.
        let has_some = self.ledger()?.iter().any(|(_, cause, loss)| {
            *cause == LossCause::Restored && loss.first_ns < to_ns && loss.last_ns >= from_ns
        });
        let Some((first, last)) = self.ids_between(from_s, to_s)?.filter(|_| has_some) else {
            return Ok(BTreeMap::new());
        };
        self.connection
            .prepare_cached(
                "SELECT name, count(*) FROM pulse p
                     JOIN clock_segment s ON s.id = p.segment AND s.trust > 0 JOIN meter ON meter.id = p.meter
                 WHERE p.id BETWEEN ?1 AND ?2 AND p.estimated
                     AND p.mono_ns + s.offset_ns >= ?3 AND p.mono_ns + s.offset_ns < ?4
                 GROUP BY name",
            )
            .and_then(|mut select| {
                let counts = select.query_map((first, last, from_ns, to_ns), |row| row.try_into())?;
                counts.collect()
            })
            .op("be read")
    }

    fn counted_now(
        &mut self,
        starts_s: &[i64],
        now_s: i64,
    ) -> Result<Vec<CountedParts>, JournalError> {
        let names = self.meter_names()?;
        let totals = self.totals()?;
        let parts = starts_s.len().saturating_sub(1);
        let mut found: BTreeMap<i64, CountedParts> = BTreeMap::new();
        for (row, name) in names {
            let of_meter = totals.iter().find(|totals| totals.name == name);
            let counted = CountedParts {
                meter: name,
                pulses: vec![0; parts],
                watched_s: vec![0; parts],
                watched_until_s: 0,
                total: of_meter.map_or(0, |totals| totals.pulses),
            };
            found.insert(row, counted);
        }
        let (Some(from_s), Some(to_s)) = (starts_s.first(), starts_s.last()) else {
            return Ok(found.into_values().collect());
        };
        let view = finest(*from_s, *to_s, now_s);
        for window in self.windows(view, *from_s, *to_s)? {
            add(
                &mut found,
                starts_s,
                (window.meter, window.start_s),
                window.pulses,
            );
        }
        self.add_uncounted(&mut found, starts_s)?;
        for (row, begins_s, ends_s) in self.watched(*from_s, i64::MAX)? {
            let Some(counted) = found.get_mut(&row) else {
                continue;
            };
            counted.watched_until_s = counted.watched_until_s.max(ends_s);
            overlaps(starts_s, (begins_s, ends_s), &mut counted.watched_s);
        }
        Ok(found.into_values().collect())
    }

    /// Adds the pulses that no window has yet.
    fn add_uncounted(
        &mut self,
        found: &mut BTreeMap<i64, CountedParts>,
        starts_s: &[i64],
    ) -> Result<(), JournalError> {
        let Some((first, last)) = self.bounds()? else {
            return Ok(());
        };
        for (mut next, end) in self.rolled()?.gaps(first, last) {
            while next <= end {
                let page = self.page(next, end, PAGE)?;
                let reached = page.covered.iter().chain(&page.held).map(|ids| ids.1).max();
                for pulse in &page.entries {
                    let at_s = pulse.wall_ns.div_euclid(NS_PER_S);
                    add(found, starts_s, (pulse.meter, at_s), 1);
                }
                match reached {
                    Some(reached) if reached >= next => next = reached + 1,
                    _ => break,
                }
            }
        }
        Ok(())
    }
}

/// The view whose windows are there for all of a span, and not too many.
fn finest(from_s: i64, to_s: i64, now_s: i64) -> View {
    let fine = View::FiveMinutes;
    let is_kept = fine
        .kept_from_s(now_s)
        .is_none_or(|kept_s| from_s >= kept_s);
    if is_kept && to_s - from_s <= FINE_MAX_S {
        fine
    } else {
        View::Hour
    }
}

fn add(
    found: &mut BTreeMap<i64, CountedParts>,
    starts_s: &[i64],
    (row, at_s): (i64, i64),
    pulses: i64,
) {
    let after = starts_s.partition_point(|start_s| *start_s <= at_s);
    let part = after.checked_sub(1);
    let counted = found.get_mut(&row);
    if let Some((counted, part)) = counted.zip(part) {
        if let Some(sum) = counted.pulses.get_mut(part) {
            *sum += pulses;
        }
    }
}

/// Adds the seconds that a range has in common with each part.
fn overlaps(starts_s: &[i64], (begins_s, ends_s): (i64, i64), seconds: &mut [i64]) {
    let first = starts_s.partition_point(|start_s| *start_s <= begins_s);
    for part in first.saturating_sub(1)..seconds.len() {
        let (start_s, end_s) = (starts_s[part], starts_s[part + 1]);
        if start_s >= ends_s {
            break;
        }
        seconds[part] += (end_s.min(ends_s) - start_s.max(begins_s)).max(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_fall_into_the_parts_they_are_in() {
        let mut seconds = [0; 3];
        let starts_s = [100, 200, 300, 400];
        for range in [(0, 50), (50, 150), (190, 310), (390, 999)] {
            overlaps(&starts_s, range, &mut seconds);
        }
        assert_eq!(seconds, [60, 100, 20]);
    }

    #[test]
    fn long_spans_and_old_ones_are_counted_from_hours() {
        let now_s = 2_000_000_000;
        let day = 86_400;
        assert_eq!(finest(now_s - day, now_s, now_s), View::FiveMinutes);
        assert_eq!(finest(now_s - 60 * day, now_s, now_s), View::Hour);
        assert_eq!(
            finest(now_s - 500 * day, now_s - 499 * day, now_s),
            View::Hour
        );
    }
}
