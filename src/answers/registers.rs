//! The registers as they are answered: what the meters' faces show, and the readings they are counted from.

use serde::{Deserialize, Serialize};

use crate::energy::register;
use crate::journal::{JournalError, Reader};
use crate::model::{Quantity, Reading};

/// The register of one meter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Register {
    /// The meter's name.
    pub meter: String,
    /// Pulses ever journaled.
    pub pulses: i64,
    /// What its face shows, in kWh; None: no reading was entered, or it counts no electric energy.
    pub kwh: Option<f64>,
    /// In which unit its face is read.
    #[serde(default)]
    pub unit: Quantity,
    /// What its face shows, in that; None: no reading was entered.
    #[serde(default)]
    pub shown: Option<f64>,
    /// The pulses are made up: by the simulated house, or from a recording.
    pub simulated: bool,
    /// All readings, in the order in which they were taken.
    pub readings: Vec<Reading>,
}

/// Takes the registers of all meters that the journal knows.
///
/// # Errors
/// When the journal cannot be read.
pub fn take(reader: &Reader) -> Result<Vec<Register>, JournalError> {
    let simulated = reader.is_simulated()?;
    let totals = reader.totals()?.into_iter();
    let of_meter = |totals: crate::journal::MeterTotals| {
        let readings = reader.readings(&totals.name)?;
        let shown = register::shown(&readings, totals.pulses);
        let unit = register::base(&readings).map(|base| base.worth.quantity);
        let unit = unit.unwrap_or_default();
        Ok(Register {
            kwh: shown.and_then(|shown| Quantity::KilowattHours.of(unit, shown)),
            unit,
            shown,
            meter: totals.name,
            pulses: totals.pulses,
            simulated,
            readings,
        })
    };
    totals.map(of_meter).collect()
}
