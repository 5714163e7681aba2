//! What a source holds: by meter how many pulses and of what time; what is left out and what is not
//! understood. Also how to take it in pieces that fit into a small memory.

use std::collections::BTreeMap;

use super::source::{Context, ImportFile, SourceError};
use super::{ImportRow, Taken};
use crate::model::View;
use crate::model::WallNs;

/// Rows that are not understood and are listed one by one.
const LISTED: usize = 20;

/// Characters of such a row that are shown.
const SHOWN: usize = 80;

/// Pulses of one meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundPulses {
    /// How many.
    pub pulses: u64,
    /// The first one's time.
    pub first_ns: WallNs,
    /// The last one's time.
    pub last_ns: WallNs,
}

/// A row that is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnclearRow {
    /// Its number.
    pub number: i64,
    /// Why.
    pub why: String,
    /// How it begins.
    pub text: String,
}

/// What a source holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Pulses by the meter's name in the source.
    pub meters: BTreeMap<String, FoundPulses>,
    /// Rows left out, by reason.
    pub left_out: BTreeMap<&'static str, u64>,
    /// How many rows are not understood.
    pub unclear: u64,
    /// The first of them.
    pub unclear_rows: Vec<UnclearRow>,
    /// Rows in pages that cannot be read, at most.
    pub damaged: i64,
    /// Pulses by the hour, in seconds since 1970.
    hours: BTreeMap<i64, u64>,
}

/// A file, and what it holds.
#[derive(Debug)]
pub struct Surveyed {
    /// The file.
    pub source: ImportFile,
    /// What it holds.
    pub survey: Survey,
}

impl Survey {
    /// Reads all of a source. `progress` is told how much of 1 is done.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn take(
        source: &ImportFile,
        context: &Context,
        progress: &mut dyn FnMut(f64),
    ) -> Result<Survey, SourceError> {
        let mut survey = Survey::default();
        survey.damaged = source.read(context, &mut |row| {
            progress(row.share);
            survey.add(&row);
        })?;
        Ok(survey)
    }

    /// Adds a row.
    pub fn add(&mut self, row: &ImportRow<'_>) {
        match &row.taken {
            Ok(Taken::Pulses {
                meter,
                wall_ns,
                pulses,
                ..
            }) => self.add_pulses(meter, *wall_ns, *pulses),
            Ok(Taken::LeftOut(why)) => *self.left_out.entry(why).or_default() += 1,
            Err(why) => {
                self.unclear += 1;
                if self.unclear_rows.len() < LISTED {
                    self.unclear_rows.push(UnclearRow {
                        number: row.number,
                        why: why.clone(),
                        text: row.text.chars().take(SHOWN).collect(),
                    });
                }
            }
        }
    }

    fn add_pulses(&mut self, meter: &str, wall_ns: WallNs, pulses: u32) {
        let last_ns = wall_ns + i64::from(pulses) - 1;
        let pulses = u64::from(pulses);
        *self.hours.entry(View::Hour.start_of(wall_ns)).or_default() += pulses;
        if let Some(found) = self.meters.get_mut(meter) {
            found.pulses += pulses;
            found.first_ns = found.first_ns.min(wall_ns);
            found.last_ns = found.last_ns.max(last_ns);
        } else {
            let found = FoundPulses {
                pulses,
                first_ns: wall_ns,
                last_ns,
            };
            self.meters.insert(meter.to_owned(), found);
        }
    }

    /// Whether it has rows, and none of them says anything.
    pub fn is_nothing_understood(&self) -> bool {
        self.unclear > 0 && self.meters.is_empty() && self.left_out.is_empty()
    }

    /// Pulses of all meters.
    pub fn pulses(&self) -> u64 {
        self.meters.values().map(|found| found.pulses).sum()
    }

    /// Whole hours, from and to in seconds, that hold at most so many pulses each (an hour may hold
    /// more), oldest first.
    pub fn slices(&self, pulses_max: u64) -> Vec<(i64, i64)> {
        let mut slices: Vec<(i64, i64)> = Vec::new();
        let mut held = 0;
        for (hour_s, pulses) in &self.hours {
            let end_s = hour_s + View::Hour.width_s();
            held += pulses;
            match slices.last_mut() {
                Some(slice) if held <= pulses_max => slice.1 = end_s,
                _ => {
                    slices.push((*hour_s, end_s));
                    held = *pulses;
                }
            }
        }
        slices
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn slices_hold_everything_once(
            hours in prop::collection::btree_map(0i64..200, 1u32..50, 0..60),
            pulses_max in 1u64..120,
        ) {
            let mut survey = Survey::default();
            for (hour, pulses) in &hours {
                survey.add_pulses("Import", WallNs::of_s(hour * 3_600), *pulses);
            }
            let slices = survey.slices(pulses_max);
            prop_assert!(slices.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            let mut held = 0;
            for (from_s, to_s) in slices {
                let of_slice: Vec<u64> = hours
                    .iter()
                    .filter(|(hour, _)| (from_s..to_s).contains(&(**hour * 3_600)))
                    .map(|(_, pulses)| u64::from(*pulses))
                    .collect();
                let sum: u64 = of_slice.iter().sum();
                prop_assert!(sum <= pulses_max || of_slice.len() == 1);
                held += sum;
            }
            prop_assert_eq!(held, survey.pulses());
        }
    }
}
