//! Brings a source's pulses into the journal: those that are not there yet, each under its own stamp.

use std::collections::BTreeMap;

use super::Taken;
use super::source::{Context, Source, SourceError};
use super::survey::Survey;
use crate::journal::JournalError;
use crate::journal::append::Journal;
use crate::journal::arrivals::{Arrival, Expiry};
use crate::journal::reader::Reader;
use crate::pulse::{NS_PER_S, WallNs};
use crate::rollup::View;

/// Pulses in memory at a time: 32 MiB.
pub const SLICE_PULSES: u64 = 2_000_000;

/// Positions of meters by their name in a source; None: left out.
pub type MeterOf = BTreeMap<String, Option<u16>>;

/// Why it stopped.
#[derive(Debug, thiserror::Error)]
pub enum BringError {
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What came of a meter's pulses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// In the source, each stamp once.
    pub pulses: u64,
    /// Further rows with the same meter and stamp.
    pub repeated: u64,
    /// In the journal already.
    pub known: u64,
    /// Brought in, or to be.
    pub new: u64,
}

/// Brings sources in, or looks what would come of it.
#[derive(Debug)]
pub struct Bringer<'a> {
    /// Names of the meters, by position.
    pub names: &'a [String],
    /// Positions by the name in the source; None: left out.
    pub meter_of: &'a MeterOf,
    /// What rows are judged by.
    pub context: &'a Context,
    /// The journal's reading side; None: there is no journal yet.
    pub reader: Option<&'a mut Reader>,
    /// What raw does not take any more.
    pub expiry: Option<Expiry>,
}

impl Bringer<'_> {
    /// Brings the pulses of one source into `journal`; None: only looks. `progress` is told how much of 1
    /// is done. Returns what came of each meter, by position.
    ///
    /// # Errors
    /// When the source cannot be read or the disk does not take it. What was brought in stays; doing it
    /// again goes on there.
    pub fn bring(
        &mut self,
        source: &Source,
        survey: &Survey,
        mut journal: Option<&mut Journal>,
        progress: &mut dyn FnMut(f64),
    ) -> Result<BTreeMap<u16, Outcome>, BringError> {
        let mut outcomes = BTreeMap::new();
        let slices = survey.slices(SLICE_PULSES);
        let parts = slices.len() as f64;
        for (no, slice) in slices.into_iter().enumerate() {
            let mut share = |of_slice: f64| progress((no as f64 + of_slice) / parts);
            let arrivals = self.read_slice(source, slice, &mut outcomes, &mut share)?;
            let new = self.new_of(&arrivals, &mut outcomes)?;
            if let Some(journal) = &mut journal {
                let mut next = 0;
                while next < new.len() {
                    next += journal.put_arrivals(&new[next..], self.expiry)?;
                    share(0.6 + 0.4 * next as f64 / new.len() as f64);
                }
                journal.sync()?;
            }
        }
        Ok(outcomes)
    }

    /// The pulses of whole hours, in order, each stamp once.
    fn read_slice(
        &self,
        source: &Source,
        (from_s, to_s): (i64, i64),
        outcomes: &mut BTreeMap<u16, Outcome>,
        share: &mut dyn FnMut(f64),
    ) -> Result<Vec<Arrival>, SourceError> {
        let mut arrivals = Vec::new();
        source.read(self.context, &mut |row| {
            share(0.5 * row.share);
            let Ok(Taken::Pulses {
                meter,
                wall_ns,
                pulses,
                estimated,
            }) = row.taken
            else {
                return;
            };
            // A row belongs to the slice of its first pulse.
            if !(from_s..to_s).contains(&View::Hour.start_of(wall_ns)) {
                return;
            }
            let Some(Some(meter)) = self.meter_of.get(meter).copied() else {
                return;
            };
            for n in 0..i64::from(pulses) {
                let wall_ns = wall_ns + n;
                arrivals.push(Arrival {
                    wall_ns,
                    meter,
                    estimated,
                });
            }
        })?;
        // A measured stamp comes before a guess of the same time.
        arrivals.sort_unstable();
        arrivals.dedup_by(|later, earlier| {
            let same = (later.wall_ns, later.meter) == (earlier.wall_ns, earlier.meter);
            if same {
                outcomes.entry(later.meter).or_default().repeated += 1;
            }
            same
        });
        for arrival in &arrivals {
            outcomes.entry(arrival.meter).or_default().pulses += 1;
        }
        Ok(arrivals)
    }

    /// Those that the journal does not have.
    fn new_of(
        &mut self,
        arrivals: &[Arrival],
        outcomes: &mut BTreeMap<u16, Outcome>,
    ) -> Result<Vec<Arrival>, JournalError> {
        let known = match &mut self.reader {
            None => vec![false; arrivals.len()],
            Some(reader) => {
                let rows = reader.meter_rows(self.names)?;
                let now_s = self.context.now_ns.div_euclid(NS_PER_S);
                reader.known_of(arrivals, &rows, now_s)?
            }
        };
        let mut new = Vec::new();
        for (arrival, known) in arrivals.iter().zip(known) {
            let outcome = outcomes.entry(arrival.meter).or_default();
            if known {
                outcome.known += 1;
            } else {
                outcome.new += 1;
                new.push(*arrival);
            }
        }
        Ok(new)
    }
}

/// What a journal has brought besides its pulses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inherited {
    /// Pulses that were added to windows.
    pub pulses: i64,
    /// Its ledger is new here.
    pub ledger: bool,
    /// Its readings of registers are new here.
    pub readings: bool,
}

/// Takes over what a journal knows besides its pulses, after them.
///
/// # Errors
/// When the disk does not take it.
pub fn inherit(
    source: &Source,
    meter_of: &MeterOf,
    own_id: Option<&str>,
    journal: &mut Journal,
    now_ns: WallNs,
) -> Result<Inherited, JournalError> {
    let Some(theirs) = source.journal() else {
        return Ok(Inherited::default());
    };
    let names = theirs.meters().into_iter();
    let rows: BTreeMap<i64, u16> = names
        .filter_map(|(row, name)| Some((row, (*meter_of.get(&name)?)?)))
        .collect();
    let mut inherited = Inherited {
        pulses: journal.raise_windows(&theirs.windows(), &rows)?,
        ..Inherited::default()
    };
    // A copy of this very journal has the ledger and the readings that are here.
    let Some(id) = theirs.journal_id().filter(|id| Some(id.as_str()) != own_id) else {
        return Ok(inherited);
    };
    let losses = theirs.losses().into_iter();
    let losses: Vec<_> = losses
        .filter_map(|(row, cause, loss)| Some((*rows.get(&row)?, cause, loss)))
        .collect();
    inherited.ledger = journal.inherit_losses(&id, &losses)?;
    let readings = theirs.readings().into_iter();
    let readings: Vec<_> = readings
        .filter_map(|(row, reading)| Some((*rows.get(&row)?, reading)))
        .collect();
    let now_s = now_ns.div_euclid(NS_PER_S);
    inherited.readings = journal.inherit_readings(&id, &readings, now_s)?;
    Ok(inherited)
}
