//! Brings a source's pulses into the journal: those that are not there yet, each under its own stamp.

use std::collections::{BTreeMap, HashMap};

use super::Taken;
use super::source::{Context, ImportFile, SourceError};
use super::survey::Survey;
use crate::journal::salvage::{
    Arrival, ArrivedHours, Expiry, Foreign, Presence, TheirLoss, would_raise,
};
use crate::journal::{Journal, JournalError, Reader};
use crate::model::{MeterRow, SegmentRow, View};
use crate::model::{Reading, WallNs};

/// Pulses in memory at a time: 32 MiB.
pub const SLICE_PULSES: u64 = 1_400_000;

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
pub struct BroughtPulses {
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
    /// Counts what is new by the hour; None: that is not asked for.
    pub arrived: Option<ArrivedHours>,
    /// Pulses that are here under another stamp, or held: taken out of their hour there, added to the one here.
    pub moved: ArrivedHours,
}

/// Counts a pulse in its hour.
fn count(hours: &mut ArrivedHours, meter: u16, wall_ns: WallNs, pulses: i64) {
    let hour_s = View::Hour.start_of(wall_ns);
    let counts = hours.entry((hour_s, meter)).or_default();
    for view in View::ALL {
        counts.add(view, view.start_of(wall_ns), pulses);
    }
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
        source: &ImportFile,
        survey: &Survey,
        mut journal: Option<&mut Journal>,
        progress: &mut dyn FnMut(f64),
    ) -> Result<BTreeMap<u16, BroughtPulses>, BringError> {
        let mut outcomes = BTreeMap::new();
        let here = &self.context.here;
        let lent = source.journal().map(|theirs| theirs.lent_offsets(here));
        let lent = lent.unwrap_or_default();
        let slices = survey.slices(SLICE_PULSES);
        let parts = slices.len() as f64;
        for (no, slice) in slices.into_iter().enumerate() {
            let mut share = |of_slice: f64| progress((no as f64 + of_slice) / parts);
            let arrivals = self.read_slice(source, slice, &mut outcomes, &mut share)?;
            let new = self.new_of(&arrivals, &lent, &mut outcomes)?;
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
        source: &ImportFile,
        (from_s, to_s): (i64, i64),
        outcomes: &mut BTreeMap<u16, BroughtPulses>,
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
                let mut arrival = Arrival::new(meter, wall_ns + n, estimated);
                arrival.here_ns = row.here_ns.unwrap_or(arrival.wall_ns);
                arrivals.push(arrival);
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
        lent: &HashMap<SegmentRow, i64>,
        outcomes: &mut BTreeMap<u16, BroughtPulses>,
    ) -> Result<Vec<Arrival>, JournalError> {
        let known = match &mut self.reader {
            None => vec![Presence::No; arrivals.len()],
            Some(reader) => {
                let rows = reader.meter_rows(self.names)?;
                reader.known_of(arrivals, &rows, lent)?
            }
        };
        let mut new = Vec::new();
        for (arrival, known) in arrivals.iter().zip(known) {
            let outcome = outcomes.entry(arrival.meter).or_default();
            if known == Presence::No {
                outcome.new += 1;
                new.push(*arrival);
                if let Some(arrived) = &mut self.arrived {
                    count(arrived, arrival.meter, arrival.wall_ns, 1);
                }
                continue;
            }
            outcome.known += 1;
            if known != Presence::Same {
                count(&mut self.moved, arrival.meter, arrival.wall_ns, -1);
            }
            if known == Presence::Here {
                count(&mut self.moved, arrival.meter, arrival.here_ns, 1);
            }
        }
        Ok(new)
    }
}

/// What a journal has brought besides its pulses, or would.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inherited {
    /// Pulses that were added to windows.
    pub pulses: i64,
    /// Its ledger holds something that is new here.
    pub ledger: bool,
    /// So many of its readings of registers are new here.
    pub readings: u64,
}

/// What a journal knows besides its pulses, of the meters that are known here.
struct Heirloom<'a> {
    theirs: &'a Foreign,
    rows: BTreeMap<MeterRow, u16>,
    id: Option<String>,
    losses: Vec<TheirLoss>,
    readings: Vec<(u16, Reading)>,
}

impl Heirloom<'_> {
    /// None: the source is no journal.
    fn of<'a>(source: &'a ImportFile, meter_of: &MeterOf) -> Option<Heirloom<'a>> {
        let theirs = source.journal()?;
        let names = theirs.meters().into_iter();
        let rows: BTreeMap<MeterRow, u16> = names
            .filter_map(|(row, name)| Some((row, (*meter_of.get(&name)?)?)))
            .collect();
        let losses = theirs.losses().into_iter();
        let losses = losses.filter_map(|(row, cause, loss)| Some((*rows.get(&row)?, cause, loss)));
        let readings = theirs.readings().into_iter();
        let readings = readings.filter_map(|(row, reading)| Some((*rows.get(&row)?, reading)));
        Some(Heirloom {
            theirs,
            id: theirs.journal_id(),
            losses: losses.collect(),
            readings: readings.collect(),
            rows,
        })
    }
}

/// Takes over what a journal knows besides its pulses, after them; `moved` is what [`Bringer::moved`] was then.
///
/// # Errors
/// When the disk does not take it.
pub fn inherit(
    source: &ImportFile,
    meter_of: &MeterOf,
    moved: &ArrivedHours,
    journal: &mut Journal,
) -> Result<Inherited, JournalError> {
    let Some(heirloom) = Heirloom::of(source, meter_of) else {
        return Ok(Inherited::default());
    };
    let pulses = journal.raise_windows(heirloom.theirs, &heirloom.rows, moved)?;
    let ledger = match &heirloom.id {
        Some(id) => journal.inherit_losses(id, &heirloom.losses)?,
        None => false,
    };
    Ok(Inherited {
        pulses,
        ledger,
        readings: journal.inherit_readings(&heirloom.readings)?,
    })
}

/// What [`inherit`] would take over after the pulses that [`Bringer::arrived`] has counted.
///
/// # Errors
/// When the journal cannot be read.
pub fn would_inherit(
    source: &ImportFile,
    bringer: &mut Bringer<'_>,
) -> Result<Inherited, JournalError> {
    let Some(heirloom) = Heirloom::of(source, bringer.meter_of) else {
        return Ok(Inherited::default());
    };
    let arrived = bringer.arrived.take().unwrap_or_default();
    let rows = match &bringer.reader {
        Some(reader) => reader.meter_rows(bringer.names)?,
        None => Vec::new(),
    };
    let reader = bringer.reader.as_deref_mut();
    let pulses = would_raise(
        reader,
        heirloom.theirs,
        &heirloom.rows,
        &rows,
        (&arrived, &bringer.moved),
    )?;
    let Some(reader) = &bringer.reader else {
        return Ok(Inherited {
            pulses,
            ledger: heirloom.id.is_some() && !heirloom.losses.is_empty(),
            readings: u64::try_from(heirloom.readings.len()).unwrap_or(0),
        });
    };
    let ledger = match &heirloom.id {
        Some(id) => reader.would_inherit_losses(id, &heirloom.losses, &rows)?,
        None => false,
    };
    Ok(Inherited {
        pulses,
        ledger,
        readings: reader.new_readings(&heirloom.readings, &rows)?,
    })
}
