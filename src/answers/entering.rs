//! Entering a reading of a meter's face, and taking the last one back: the same rules for the command and the API.

use std::path::Path;

use serde::Serialize;

use crate::energy::register::{Drift, MeterFace, NewReading, ReadingRefused, base, drift, shown};
use crate::journal::{JournalError, Reader, Registers};
use crate::model::{Quantity, Reading, WallNs};

/// A reading that is to be entered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry<'a> {
    /// The meter's name.
    pub meter: &'a str,
    /// What is configured of it now.
    pub face: MeterFace,
    /// What was read, and when.
    pub new: NewReading,
    /// Digits behind the point that the face has.
    pub decimals: usize,
    /// It is right, however far it is from what was counted.
    pub is_confirmed: bool,
}

/// Why a reading is not kept.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// Its time or its number cannot be.
    #[error("its time or its number is wrong")]
    Refused(ReadingRefused),
    /// Pulses since its time are no longer in the journal: its number is not known.
    #[error("the journal no longer holds every pulse since then")]
    NotHeld,
    /// The register is to be counted from it, and pulses that were missed do not explain it.
    #[error("it is far from what was counted")]
    Implausible(Reading, Drift),
    /// The journal has never seen the meter.
    #[error("the journal does not know the meter yet")]
    UnknownMeter,
    /// The journal cannot be read or written to.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// A reading that is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The readings before it.
    pub earlier: Vec<Reading>,
    /// The reading.
    pub reading: Reading,
    /// How it differs from what was counted; None: there is nothing to compare with.
    pub drift: Option<Drift>,
}

/// Keeps a reading in the journal in `dir`, in a commit that is durable.
///
/// # Errors
/// The rule that it breaks, or why the journal does not take it: then nothing is kept.
pub fn enter(dir: &Path, entry: &Entry<'_>, now_ns: WallNs) -> Result<Kept, NotKept> {
    let Entry { meter, new, .. } = *entry;
    let reader = Reader::open(dir)?;
    let earlier = reader.readings(meter)?;
    new.check_face(entry.face.digits)
        .and_then(|()| new.check_time(&earlier, now_ns))
        .map_err(NotKept::Refused)?;
    let (counted, pulses) = counted_by(&reader, meter, &new)?;
    let reading = new.to_reading(&earlier, pulses, entry.face);
    match drift(&earlier, &reading, entry.decimals) {
        Some(by) if by.is_implausible && new.adopt && !entry.is_confirmed => {
            return Err(NotKept::Implausible(reading, by));
        }
        _ => {}
    }
    let kept = Registers::open(dir)?.put(meter, reading, counted)?;
    let reading = kept.ok_or(NotKept::UnknownMeter)?;
    Ok(Kept {
        drift: drift(&earlier, &reading, entry.decimals),
        earlier,
        reading,
    })
}

/// How many pulses were counted until a reading was taken (None: it is taken now, and more may come), and how many are known.
pub(super) fn counted_by(
    reader: &Reader,
    meter: &str,
    new: &NewReading,
) -> Result<(Option<i64>, i64), NotKept> {
    if new.is_now {
        return Ok((None, pulses_of(reader, meter)?));
    }
    let counted = reader.pulses_by(meter, new.at_ns)?;
    let counted = counted.ok_or(NotKept::NotHeld)?;
    Ok((Some(counted), counted))
}

/// Takes the reading of a meter back that was entered last. Returns it, and the register then with its unit; None: there is
/// none.
///
/// # Errors
/// When the journal cannot be read, or does not take it.
pub fn take_back(dir: &Path, meter: &str) -> Result<Option<TakenBack>, JournalError> {
    let reader = Reader::open(dir)?;
    let Some(taken) = Registers::open(dir)?.take_back(meter)? else {
        return Ok(None);
    };
    let left = reader.readings(meter)?;
    let unit = base(&left).map(|base| base.worth.quantity);
    let register = unit.zip(shown(&left, pulses_of(&reader, meter)?));
    Ok(Some((taken, register)))
}

/// A reading that was taken back, and the register then with its unit; None: no reading is left to count it from.
pub type TakenBack = (Reading, Option<(Quantity, f64)>);

/// How many pulses of a meter are counted.
fn pulses_of(reader: &Reader, meter: &str) -> Result<i64, JournalError> {
    let totals = reader.totals()?;
    let counted = totals.iter().find(|totals| totals.name == meter);
    Ok(counted.map_or(0, |totals| totals.pulses))
}

/// A reading that was kept, as it is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeptAnswer<'a> {
    meter: &'a str,
    kwh: Option<f64>,
    unit: Quantity,
    shown: f64,
    adopted: bool,
    drift: Option<DriftAnswer>,
}

/// How a reading differs from what was counted, as it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DriftAnswer {
    expected_kwh: Option<f64>,
    kwh: Option<f64>,
    unit: Quantity,
    expected: f64,
    by: f64,
    pulses: f64,
    percent: Option<f64>,
    is_rounding: bool,
}

/// A reading that was taken back, as it is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TakenBackAnswer<'a> {
    /// The meter's name.
    pub meter: &'a str,
    /// What was taken back, in kWh; None: the meter counts no electric energy.
    taken_back_kwh: Option<f64>,
    /// When that was read.
    at_ns: WallNs,
    /// The register now, in kWh; None: that, or no reading is left to count it from.
    kwh: Option<f64>,
    /// The unit of what was taken back.
    unit: Quantity,
    /// What that was.
    taken_back: f64,
    /// The register now, in its unit.
    shown: Option<f64>,
}

impl<'a> TakenBackAnswer<'a> {
    /// Of what was taken back of `meter`.
    pub fn of(meter: &'a str, (taken, register): &TakenBack) -> TakenBackAnswer<'a> {
        let unit = taken.worth.quantity;
        let kwh = |(unit, shown): (Quantity, f64)| Quantity::KilowattHours.of(unit, shown);
        TakenBackAnswer {
            meter,
            taken_back_kwh: kwh((unit, taken.shown)),
            at_ns: taken.at_ns,
            kwh: register.and_then(kwh),
            unit,
            taken_back: taken.shown,
            shown: register.map(|(_, shown)| shown),
        }
    }
}

impl<'a> KeptAnswer<'a> {
    /// Of a reading of `meter` that was kept.
    pub fn of(meter: &'a str, kept: &Kept) -> KeptAnswer<'a> {
        let (unit, shown) = (kept.reading.worth.quantity, kept.reading.shown);
        KeptAnswer {
            meter,
            kwh: Quantity::KilowattHours.of(unit, shown),
            unit,
            shown,
            adopted: kept.reading.adopted,
            drift: kept.drift.as_ref().map(DriftAnswer::of),
        }
    }
}

impl DriftAnswer {
    /// Of a difference.
    pub fn of(by: &Drift) -> DriftAnswer {
        let kwh = |amount| Quantity::KilowattHours.of(by.unit, amount);
        DriftAnswer {
            expected_kwh: kwh(by.expected),
            kwh: kwh(by.by),
            unit: by.unit,
            expected: by.expected,
            by: by.by,
            pulses: by.pulses,
            percent: by.percent,
            is_rounding: by.is_rounding,
        }
    }
}
