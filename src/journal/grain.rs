//! From what a question about the past is answered: windows of a view, quarters of an hour, local days; and what of a span
//! which of them tells.

use jiff::tz::TimeZone;

use super::handles::reader::Reader;
use super::tables::counts::{MeterCount, view_counts};
use super::tables::days::FilledFrom;
use super::{JournalError, OpContext};
use crate::model::{QUARTER_S, S_PER_DAY, Spans, View};

/// Windows of five minutes are taken for spans up to this where there are no quarters; longer ones are counted from hours.
const FINE_MAX_S: i64 = 40 * S_PER_DAY;

/// What is known when a question is answered.
#[derive(Debug, Clone)]
pub struct ReadFrom {
    /// The present, in seconds since 1970.
    pub now_s: i64,
    /// What is filled in.
    pub filled: FilledFrom,
    /// Local days that are read by their quarters: some part of what is asked for begins within them.
    pub split_days: Spans,
}

/// How fine a question is answered. What is coarser tells of a longer time, at last of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grain {
    /// 1m.
    Minute,
    /// 5m.
    FiveMinutes,
    /// Quarters of an hour.
    Quarter,
    /// 1h.
    Hour,
    /// Local days of the zone that is asked for.
    Day,
}

impl Grain {
    /// From the finest to the coarsest.
    pub const ALL: [Grain; 5] = [
        Grain::Minute,
        Grain::FiveMinutes,
        Grain::Quarter,
        Grain::Hour,
        Grain::Day,
    ];

    /// How long one is, in seconds; of a day, about.
    pub fn width_s(self) -> i64 {
        match self {
            Grain::Minute => View::Minute.width_s(),
            Grain::FiveMinutes => View::FiveMinutes.width_s(),
            Grain::Quarter => QUARTER_S,
            Grain::Hour => View::Hour.width_s(),
            Grain::Day => S_PER_DAY,
        }
    }

    /// Whether all of the time from `from_s` on is told by it at `now_s`.
    pub fn tells_since(self, from_s: i64, now_s: i64, filled: FilledFrom) -> bool {
        match self {
            Grain::Minute => View::Minute.is_kept_since(from_s, now_s),
            Grain::FiveMinutes => View::FiveMinutes.is_kept_since(from_s, now_s),
            Grain::Quarter => filled.quarters_from_s <= from_s,
            // What days do not tell yet quarters and hours do.
            Grain::Hour | Grain::Day => true,
        }
    }
}

/// What parts of a span are read from what, in order: from `grain` where it is there; what is still to be filled in, from
/// what it will be made of.
fn pieces(grain: Grain, (from_s, to_s): (i64, i64), from: &ReadFrom) -> Vec<(Grain, (i64, i64))> {
    let ReadFrom { now_s, filled, .. } = *from;
    if !matches!(grain, Grain::Quarter | Grain::Day) {
        return vec![(grain, (from_s, to_s))];
    }
    let days_s = match grain {
        Grain::Day => filled.days_from_s.clamp(from_s, to_s),
        _ => to_s,
    };
    let quarters_s = filled.quarters_from_s.clamp(from_s, days_s);
    let is_fine = View::FiveMinutes.is_kept_since(from_s, now_s) && to_s - from_s <= FINE_MAX_S;
    let windows = if is_fine {
        Grain::FiveMinutes
    } else {
        Grain::Hour
    };
    let mut pieces = vec![
        (windows, (from_s, quarters_s)),
        (Grain::Quarter, (quarters_s, days_s)),
    ];
    let mut next_s = days_s;
    for split in from.split_days.within(days_s, to_s).iter() {
        pieces.push((Grain::Day, (next_s, split.0)));
        pieces.push((Grain::Quarter, split));
        next_s = split.1;
    }
    pieces.push((Grain::Day, (next_s, to_s)));
    pieces.retain(|(_, (from_s, to_s))| from_s < to_s);
    pieces
}

impl Reader {
    /// What was counted with `from_s <= start < to_s`, in order, as fine as `grain`; what is still to be filled in, from what
    /// there is instead.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn counts(
        &self,
        grain: Grain,
        (from_s, to_s): (i64, i64),
        from: &ReadFrom,
    ) -> Result<Vec<MeterCount>, JournalError> {
        let mut all = Vec::new();
        let view = |view, span_s| view_counts(&self.connection, view, span_s);
        for (grain, span_s) in pieces(grain, (from_s, to_s), from) {
            let mut found = match grain {
                Grain::Minute => view(View::Minute, span_s)?,
                Grain::FiveMinutes => view(View::FiveMinutes, span_s)?,
                Grain::Quarter => self.quarters(span_s.0, span_s.1)?,
                Grain::Hour => view(View::Hour, span_s)?,
                Grain::Day => self.days(from.filled, span_s.0, span_s.1)?,
            };
            if all.is_empty() {
                all = found;
            } else {
                all.append(&mut found);
            }
        }
        Ok(all)
    }

    /// What is known at `now_s` of questions whose parts are whole local days of `zone`.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn read_from(&self, zone: &TimeZone, now_s: i64) -> Result<ReadFrom, JournalError> {
        Ok(ReadFrom {
            now_s,
            filled: self.filled(zone)?,
            split_days: Spans::default(),
        })
    }

    /// Does some reads at one moment of the journal: no commit comes between them.
    ///
    /// # Errors
    /// When the journal cannot be read, or `read` fails.
    pub fn at_one_moment<T>(
        &mut self,
        read: impl FnOnce(&mut Reader) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        self.connection.execute_batch("BEGIN").op("be read")?;
        let found = read(self);
        // Nothing was written.
        let _ = self.connection.execute_batch("ROLLBACK");
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: i64 = 2_000_000_000;

    fn filled(quarters_from_s: i64, days_from_s: i64) -> FilledFrom {
        FilledFrom {
            quarters_from_s,
            days_from_s,
            zone: Some(1),
        }
    }

    fn from(filled: FilledFrom) -> ReadFrom {
        ReadFrom {
            now_s: NOW_S,
            filled,
            split_days: Spans::default(),
        }
    }

    #[test]
    fn days_in_which_a_part_begins_are_read_by_quarters() {
        let day = |n| NOW_S + n * S_PER_DAY;
        let split = ReadFrom {
            split_days: Spans::new([(day(2), day(3)), (day(9), day(10))]),
            ..from(filled(0, 0))
        };
        let want = [
            (Grain::Day, (day(0), day(2))),
            (Grain::Quarter, (day(2), day(3))),
            (Grain::Day, (day(3), day(9))),
            (Grain::Quarter, (day(9), day(10))),
        ];
        assert_eq!(pieces(Grain::Day, (day(0), day(10)), &split), want);
    }

    #[test]
    fn what_is_not_filled_in_yet_is_read_from_what_it_is_made_of() {
        let years = (NOW_S - 3_000 * S_PER_DAY, NOW_S);
        let of = |grain, filled| pieces(grain, years, &from(filled));
        assert_eq!(of(Grain::Day, filled(0, 0)), [(Grain::Day, years)]);
        let (q, d) = (NOW_S - 20 * S_PER_DAY, NOW_S - 10 * S_PER_DAY);
        let want = [
            (Grain::Hour, (years.0, q)),
            (Grain::Quarter, (q, d)),
            (Grain::Day, (d, years.1)),
        ];
        assert_eq!(of(Grain::Day, filled(q, d)), want);
        assert_eq!(
            of(Grain::Day, filled(0, i64::MAX)),
            [(Grain::Quarter, years)]
        );
        assert_eq!(
            of(Grain::Quarter, filled(i64::MAX, 0)),
            [(Grain::Hour, years)]
        );
        assert_eq!(of(Grain::Hour, filled(i64::MAX, 0)), [(Grain::Hour, years)]);
        let week = (NOW_S - 7 * S_PER_DAY, NOW_S);
        let found = pieces(Grain::Day, week, &from(filled(i64::MAX, i64::MAX)));
        assert_eq!(found, [(Grain::FiveMinutes, week)]);
    }

    #[test]
    fn what_has_left_is_told_by_what_is_coarser() {
        let from_s = NOW_S - 100 * S_PER_DAY;
        let first = |filled| {
            let mut all = Grain::ALL.into_iter();
            all.find(|grain| grain.tells_since(from_s, NOW_S, filled))
        };
        assert_eq!(first(filled(0, 0)), Some(Grain::FiveMinutes));
        let from_s = NOW_S - 400 * S_PER_DAY;
        assert!(Grain::Quarter.tells_since(from_s, NOW_S, filled(0, 0)));
        assert!(!Grain::Quarter.tells_since(from_s, NOW_S, filled(from_s + 1, 0)));
        assert!(!Grain::FiveMinutes.tells_since(from_s, NOW_S, filled(0, 0)));
    }
}
