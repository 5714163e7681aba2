//! What was counted in parts of a span, to the pulse: from windows, and from the pulses that are in none yet.

use std::collections::BTreeMap;

use super::grain::{Grain, ReadFrom};
use super::handles::reader::Reader;
use super::tables::windows::Window;
use super::{IdRanges, JournalError};
use crate::model::{MeterRow, PulseGaps, QUARTER_S, View, WallNs, WindowCount};

/// Pulses of parts of time, by their begin (in seconds since 1970) and the row of the meter.
pub type PartPulses = BTreeMap<(i64, MeterRow), i64>;

/// What was counted of one meter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CountedParts {
    /// The meter's name.
    pub meter: String,
    /// Pulses in each part.
    pub pulses: Vec<i64>,
    /// The shortest and the longest gap between them that ends in each part, where that is known.
    pub gaps: Vec<Option<PulseGaps>>,
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
    pub before_ns: Option<WallNs>,
    /// Their wall times, and whether those are estimated; in order.
    pub stamps: Vec<(WallNs, bool)>,
    /// When its line was watched, ever, as ranges of seconds since 1970; in order.
    pub watched_s: Vec<(i64, i64)>,
}

impl MeterPulses {
    fn cut(&mut self, from_ns: WallNs, to_ns: WallNs) {
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
    /// last part ends), at one moment, from what is as fine as `grain`: each part is to be some of those. Memory is used for each
    /// part of each meter.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn counted_parts(
        &mut self,
        starts_s: &[i64],
        grain: Grain,
        from: &ReadFrom,
    ) -> Result<Vec<CountedParts>, JournalError> {
        self.at_one_moment(|reader| reader.counted_now(starts_s, grain, from))
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
    /// from then on. As long as no window is counted yet: with the oldest pulse. None: there is none, or its time is not
    /// known.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn counting_since_s(&mut self) -> Result<Option<i64>, JournalError> {
        let (hour_s, first_s) = match self.first_window(View::Hour)? {
            Some(hour_s) => (hour_s, hour_s),
            None => {
                let oldest = self.bounds()?.map(|bounds| bounds.first);
                let stamp_ns = oldest.map(|oldest| self.stamp_of(oldest)).transpose()?;
                let Some(first_s) = stamp_ns.flatten().map(WallNs::s) else {
                    return Ok(None);
                };
                (View::Hour.floor_s(first_s), first_s)
            }
        };
        let watched = self.watched(i64::MIN, i64::MAX)?;
        let begins_s = watched.iter().map(|(_, begins_s, _)| *begins_s).min();
        let is_in_it = |begins_s: &i64| View::Hour.floor_s(*begins_s) == hour_s;
        Ok(Some(begins_s.filter(is_in_it).unwrap_or(first_s)))
    }

    fn pulses_now(
        &mut self,
        from_s: i64,
        to_s: i64,
        most: usize,
    ) -> Result<Option<Vec<MeterPulses>>, JournalError> {
        let ids = self.ids_now((from_s, to_s))?;
        if usize::try_from(ids.len()).is_ok_and(|wanted| wanted > most) {
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
        for range in ids.ranges() {
            for pulse in self.page(*range, most)?.entries {
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
            pulses.cut(WallNs::of_s(from_s), WallNs::of_s(to_s));
        }
        Ok(Some(found))
    }

    fn counted_now(
        &mut self,
        starts_s: &[i64],
        grain: Grain,
        from: &ReadFrom,
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
                gaps: vec![None; parts],
                watched_s: vec![0; parts],
                watched_until_s: 0,
                total: of_meter.map_or(0, |totals| totals.pulses),
            };
            found.insert(row, counted);
        }
        let (Some(from_s), Some(to_s)) = (starts_s.first(), starts_s.last()) else {
            return Ok(found.into_values().collect());
        };
        for counted in self.counts(grain, (*from_s, *to_s), from)? {
            let at = (counted.meter, counted.start_s);
            add(&mut found, starts_s, at, counted.count);
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
        self.each_uncounted(&mut |row, at_s| {
            let one = WindowCount {
                pulses: 1,
                gaps: None,
            };
            add(found, starts_s, (row, at_s), one);
        })
    }

    /// The windows of a view with `from_s <= start < to_s`, in order, with the pulses that no window has yet.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn windows_by_now(
        &mut self,
        view: View,
        (from_s, to_s): (i64, i64),
    ) -> Result<Vec<Window>, JournalError> {
        let counts = self.at_one_moment(|reader| {
            let windows = reader.windows(view, from_s, to_s)?.into_iter();
            let counted = windows.map(|window| ((window.start_s, window.meter), window.pulses));
            reader.with_uncounted(counted.collect(), view.width_s(), (from_s, to_s))
        })?;
        let window = |((start_s, meter), pulses)| Window {
            start_s,
            meter,
            pulses,
        };
        Ok(counts.into_iter().map(window).collect())
    }

    /// The pulses of quarters of an hour with `from_s <= start < to_s`. Where they are not all there yet ([`Reader::filled`]) they
    /// are less.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn quarter_pulses(&self, (from_s, to_s): (i64, i64)) -> Result<PartPulses, JournalError> {
        let quarters = self.quarters(from_s, to_s)?.into_iter();
        let counted = quarters.map(|of| ((of.start_s, of.meter), of.count.pulses));
        Ok(counted.collect())
    }

    /// The same, with the pulses that no window has yet.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn quarter_pulses_by_now(
        &mut self,
        span_s: (i64, i64),
    ) -> Result<PartPulses, JournalError> {
        self.at_one_moment(|reader| {
            let counted = reader.quarter_pulses(span_s)?;
            reader.with_uncounted(counted, QUARTER_S, span_s)
        })
    }

    /// Adds the pulses that no window has yet to what parts of `width_s` with `from_s <= start < to_s` have counted.
    fn with_uncounted(
        &mut self,
        mut counts: PartPulses,
        width_s: i64,
        (from_s, to_s): (i64, i64),
    ) -> Result<PartPulses, JournalError> {
        self.each_uncounted(&mut |meter, at_s| {
            let start_s = at_s - at_s.rem_euclid(width_s);
            if (from_s..to_s).contains(&start_s) {
                *counts.entry((start_s, meter)).or_default() += 1;
            }
        })?;
        Ok(counts)
    }

    /// Between which ids the pulses with `from_s <= wall time < to_s` are found, with those that no window has yet; others may be
    /// among them.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn ids_by_now(&mut self, (from_s, to_s): (i64, i64)) -> Result<IdRanges, JournalError> {
        self.at_one_moment(|reader| reader.ids_now((from_s, to_s)))
    }

    fn ids_now(&self, (from_s, to_s): (i64, i64)) -> Result<IdRanges, JournalError> {
        let mut ids = IdRanges::from_ranges(self.ids_between(from_s, to_s)?);
        ids.extend(self.uncounted_ids()?);
        Ok(ids)
    }

    /// Tells the pulses that no window has yet: the row of the meter, and the second.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn each_uncounted(
        &mut self,
        tell: &mut dyn FnMut(MeterRow, i64),
    ) -> Result<(), JournalError> {
        for ids in self.uncounted_ids()? {
            self.each_pulse(ids, &mut |pulse| {
                tell(pulse.meter, pulse.wall_ns.s());
                Ok::<(), JournalError>(())
            })?;
        }
        Ok(())
    }
}

/// Adds what was counted from a time on to its part.
fn add(
    found: &mut BTreeMap<MeterRow, CountedParts>,
    starts_s: &[i64],
    (row, at_s): (MeterRow, i64),
    count: WindowCount,
) {
    let after = starts_s.partition_point(|start_s| *start_s <= at_s);
    let counted = found.get_mut(&row);
    let Some((counted, part)) = counted.zip(after.checked_sub(1)) else {
        return;
    };
    if let Some((pulses, gaps)) = counted.pulses.get_mut(part).zip(counted.gaps.get_mut(part)) {
        let mut sum = WindowCount {
            pulses: *pulses,
            gaps: *gaps,
        };
        sum.add(count);
        (*pulses, *gaps) = (sum.pulses, sum.gaps);
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
}
