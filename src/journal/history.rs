//! What was counted in parts of a span, to the pulse: from windows, and from the pulses that are in none yet.

use std::collections::BTreeMap;

use super::handles::reader::Reader;
use super::{JournalError, OpContext};
use crate::model::{IdRange, LossCause, MeterRow, NS_PER_S, View};

/// Windows of five minutes are taken for spans up to this; longer ones are counted from hours.
const FINE_MAX_S: i64 = 40 * 86_400;

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

/// The pulses of one meter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MeterPulses {
    /// The meter's name.
    pub meter: String,
    /// The last one before the span, where it was found.
    pub before_ns: Option<i64>,
    /// Their wall times, and whether those are estimated; in order.
    pub stamps: Vec<(i64, bool)>,
    /// When its line was watched, ever, as ranges of seconds since 1970; in order.
    pub watched_s: Vec<(i64, i64)>,
}

impl MeterPulses {
    fn cut(&mut self, from_ns: i64, to_ns: i64) {
        self.stamps.sort_unstable();
        self.stamps.dedup();
        self.watched_s.sort_unstable();
        let begin = self.stamps.partition_point(|(at_ns, _)| *at_ns < from_ns);
        self.before_ns = self
            .stamps
            .drain(..begin)
            .next_back()
            .map(|(at_ns, _)| at_ns);
        let end = self.stamps.partition_point(|(at_ns, _)| *at_ns < to_ns);
        self.stamps.truncate(end);
    }
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
        let (from_s, to_s) = starts_s.first().zip(starts_s.last()).unwrap_or((&0, &0));
        let view = finest(*from_s, *to_s, now_s);
        self.at_one_moment(|reader| reader.counted_now(starts_s, view))
    }

    /// What was counted in each window of a view from `from_s` to `to_s` (in seconds since 1970), at one moment. Memory is
    /// used for each window of each meter: the span should not be longer than the journal.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn counted_windows(
        &mut self,
        view: View,
        from_s: i64,
        to_s: i64,
    ) -> Result<(Vec<i64>, Vec<CountedParts>), JournalError> {
        let width_s = view.width_s();
        let windows = (to_s - view.floor_s(from_s)).div_euclid(width_s) + 1;
        let starts_s: Vec<i64> = (0..=windows.max(1))
            .map(|n| view.floor_s(from_s) + n * width_s)
            .collect();
        let counted = self.at_one_moment(|reader| reader.counted_now(&starts_s, view))?;
        Ok((starts_s, counted))
    }

    /// The pulses of a span in order of time, with the pulse before it where that was found, by the meter's name, and when
    /// its line was watched as ranges of seconds. None: more than `most` would have to be looked at.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn pulses_between(
        &mut self,
        from_s: i64,
        to_s: i64,
        most: usize,
    ) -> Result<Option<Vec<MeterPulses>>, JournalError> {
        self.at_one_moment(|reader| reader.pulses_now(from_s, to_s, most))
    }

    /// When counting began, in seconds since 1970: with the first hour that has pulses, or in it, where lines were watched
    /// from then on. None: nothing is counted yet.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn counting_since_s(&self) -> Result<Option<i64>, JournalError> {
        let Some(first_s) = self.first_window(View::Hour)? else {
            return Ok(None);
        };
        let watched = self.watched(i64::MIN, i64::MAX)?;
        let begins_s = watched.iter().map(|(_, begins_s, _)| *begins_s).min();
        let is_in_it = |begins_s: &i64| View::Hour.floor_s(*begins_s) == first_s;
        Ok(Some(begins_s.filter(is_in_it).unwrap_or(first_s)))
    }

    fn at_one_moment<T>(
        &mut self,
        read: impl FnOnce(&mut Reader) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        self.connection.execute_batch("BEGIN").op("be read")?;
        let found = read(self);
        // Nothing was written.
        let _ = self.connection.execute_batch("ROLLBACK");
        found
    }

    fn pulses_now(
        &mut self,
        from_s: i64,
        to_s: i64,
        most: usize,
    ) -> Result<Option<Vec<MeterPulses>>, JournalError> {
        let mut ranges: Vec<IdRange> = self.ids_between(from_s, to_s)?.into_iter().collect();
        let counted = ranges.first().copied();
        if let Some(bounds) = self.bounds()? {
            let gaps = self.rolled()?.gaps(bounds);
            // Those inside of what is counted are read with it.
            ranges.extend(gaps.into_iter().filter(|gap| {
                counted.is_none_or(|counted| gap.first < counted.first || gap.last > counted.last)
            }));
        }
        let wanted: i64 = ranges.iter().map(|range| range.len()).sum();
        if usize::try_from(wanted).is_ok_and(|wanted| wanted > most) {
            return Ok(None);
        }
        let names = self.meter_names()?;
        let mut found: BTreeMap<MeterRow, MeterPulses> = BTreeMap::new();
        for (row, meter) in names {
            let pulses = MeterPulses {
                meter,
                ..MeterPulses::default()
            };
            found.insert(row, pulses);
        }
        for range in ranges {
            for pulse in self.page(range, most)?.entries {
                if let Some(pulses) = found.get_mut(&pulse.meter) {
                    pulses.stamps.push((pulse.wall_ns, pulse.estimated));
                }
            }
        }
        for (row, begins_s, ends_s) in self.watched(i64::MIN, i64::MAX)? {
            if let Some(pulses) = found.get_mut(&row) {
                pulses.watched_s.push((begins_s, ends_s));
            }
        }
        let mut found: Vec<MeterPulses> = found.into_values().collect();
        for pulses in &mut found {
            pulses.cut(from_s * NS_PER_S, to_s * NS_PER_S);
        }
        Ok(Some(found))
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
        let Some(ids) = self.ids_between(from_s, to_s)?.filter(|_| has_some) else {
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
                let counts = select.query_map((ids.first, ids.last, from_ns, to_ns), |row| row.try_into())?;
                counts.collect()
            })
            .op("be read")
    }

    fn counted_now(
        &mut self,
        starts_s: &[i64],
        view: View,
    ) -> Result<Vec<CountedParts>, JournalError> {
        let names = self.meter_names()?;
        let totals = self.totals()?;
        let parts = starts_s.len().saturating_sub(1);
        let mut found: BTreeMap<MeterRow, CountedParts> = BTreeMap::new();
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
        found: &mut BTreeMap<MeterRow, CountedParts>,
        starts_s: &[i64],
    ) -> Result<(), JournalError> {
        let Some(bounds) = self.bounds()? else {
            return Ok(());
        };
        for ids in self.rolled()?.gaps(bounds) {
            self.each_pulse(ids, &mut |pulse| {
                let at_s = pulse.wall_ns.div_euclid(NS_PER_S);
                add(found, starts_s, (pulse.meter, at_s), 1);
                Ok::<(), JournalError>(())
            })?;
        }
        Ok(())
    }
}

/// The view whose windows are there for all of a span, and not too many.
fn finest(from_s: i64, to_s: i64, now_s: i64) -> View {
    let fine = View::FiveMinutes;
    if fine.is_kept_since(from_s, now_s) && to_s - from_s <= FINE_MAX_S {
        fine
    } else {
        View::Hour
    }
}

fn add(
    found: &mut BTreeMap<MeterRow, CountedParts>,
    starts_s: &[i64],
    (row, at_s): (MeterRow, i64),
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
