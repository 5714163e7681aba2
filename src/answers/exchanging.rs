//! A meter was exchanged: the last reading of the old one and the first of the new one, and what a pulse of that is worth.

use std::path::Path;

use serde::Serialize;

use super::entering::{DriftAnswer, NotKept, counted_by};
use crate::energy::register::{Drift, MeterFace, NewReading, base, drift};
use crate::journal::{Reader, Registers};
use crate::model::{Exchange, Quantity, Reading, WallNs};

/// An exchange that is to be entered.
#[derive(Debug, Clone, PartialEq)]
pub struct ExchangeEntry<'a> {
    /// The meter's name.
    pub meter: &'a str,
    /// When it was, and what the old one showed.
    pub old: NewReading,
    /// Digits behind the point of that.
    pub decimals: usize,
    /// What the new one showed then.
    pub new_shown: f64,
    /// What is configured of the meter now.
    pub configured: MeterFace,
    /// Pulses for one unit of the new one; None: as configured.
    pub pulses_per_unit: Option<f64>,
    /// The number on the new one.
    pub serial: Option<&'a str>,
    /// It is right, however far the old one's reading is from what was counted.
    pub is_confirmed: bool,
}

/// An exchange that is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchanged {
    /// The last reading of the old meter.
    pub old: Reading,
    /// The first reading of the new one.
    pub new: Reading,
    /// How the old one differs from what was counted; None: there is nothing to compare with.
    pub drift: Option<Drift>,
}

/// Keeps an exchange in the journal in `dir`, in a commit that is durable.
///
/// # Errors
/// The rule that it breaks, or why the journal does not take it: then nothing is kept.
pub fn exchange(
    dir: &Path,
    entry: &ExchangeEntry<'_>,
    now_ns: WallNs,
) -> Result<Exchanged, NotKept> {
    let reader = Reader::open(dir)?;
    let earlier = reader.readings(entry.meter)?;
    let before = base(&earlier);
    // The old one was read and counted as it was configured then.
    let old_face = MeterFace {
        worth: before.map_or(entry.configured.worth, |base| base.worth),
        digits: before.map_or(entry.configured.digits, |base| base.digits),
    };
    let mut new_worth = entry.configured.worth;
    new_worth.pulses_per_unit = entry.pulses_per_unit.unwrap_or(new_worth.pulses_per_unit);
    let new_face = MeterFace {
        worth: new_worth,
        digits: entry.configured.digits,
    };
    let new = NewReading {
        shown: entry.new_shown,
        adopt: true,
        ..entry.old
    };
    entry
        .old
        .check_face(old_face.digits)
        .and_then(|()| new.check_face(new_face.digits))
        .and_then(|()| entry.old.check_time(&earlier, now_ns))
        .map_err(NotKept::Refused)?;
    let (counted, pulses) = counted_by(&reader, entry.meter, &entry.old)?;
    let old = Reading {
        adopted: false,
        exchange: Some(Exchange::Old),
        ..entry.old.to_reading(&earlier, pulses, old_face)
    };
    let new = Reading {
        exchange: Some(Exchange::New),
        serial: entry.serial.map(str::to_owned),
        ..new.to_reading(&earlier, pulses, new_face)
    };
    let by = drift(&earlier, &old, entry.decimals);
    match by {
        Some(by) if by.is_implausible && !entry.is_confirmed => {
            return Err(NotKept::Implausible(old, by));
        }
        _ => {}
    }
    let kept = Registers::open(dir)?.exchange(entry.meter, [old, new], counted)?;
    let [old, new] = kept.ok_or(NotKept::UnknownMeter)?;
    Ok(Exchanged {
        drift: drift(&earlier, &old, entry.decimals),
        old,
        new,
    })
}

/// An exchange that was kept, as it is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExchangedAnswer<'a> {
    meter: &'a str,
    at_ns: WallNs,
    unit: Quantity,
    old: f64,
    new: f64,
    pulses_per_unit: f64,
    serial: Option<&'a str>,
    drift: Option<DriftAnswer>,
}

impl<'a> ExchangedAnswer<'a> {
    /// Of an exchange of `meter`.
    pub fn of(meter: &'a str, kept: &'a Exchanged) -> ExchangedAnswer<'a> {
        ExchangedAnswer {
            meter,
            at_ns: kept.new.at_ns,
            unit: kept.new.worth.quantity,
            old: kept.old.shown,
            new: kept.new.shown,
            pulses_per_unit: kept.new.worth.pulses_per_unit,
            serial: kept.new.serial.as_deref(),
            drift: kept.drift.as_ref().map(DriftAnswer::of),
        }
    }
}
