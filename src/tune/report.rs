//! All that tune has to say of a line. Pure.

use serde::Serialize;

use super::catalogue::CatalogueMeter;
use super::count::FilterCount;
use super::finding::Finding;
use super::histogram::Class;
use super::settings::{Change, TunedSettings};
use super::signs::Widths;
use super::wave::WavePhase;
use super::worth::{Evidence, Worth};
use crate::config::MeterSettings;
use crate::model::Quantity;

/// What is tuned, and what is known of it besides the wave.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The meter, as it is configured.
    pub meter: &'a MeterSettings,
    /// The kernel has debounced what came: what it has taken away is not in the wave.
    pub is_debounced: bool,
    /// The load or the readings, if any.
    pub evidence: Option<Evidence>,
}

impl Subject<'_> {
    /// What tells what a pulse is worth: watts say nothing of gas or water.
    pub(super) fn known(&self) -> Option<Evidence> {
        let is_electric = self.meter.unit.is_electric();
        self.evidence
            .filter(|known| is_electric || matches!(known, Evidence::Readings { .. }))
    }
}

impl LineReport {
    /// What a pulse is worth by the configuration as [`Worth`] tells it: of a kWh of an electric meter, else of its unit.
    pub(super) fn configured(&self) -> Option<f64> {
        self.imp_per_kwh.or(self.pulses_per_unit)
    }

    /// That unit.
    pub(super) fn worth_unit(&self) -> &'static str {
        match self.unit.is_electric() {
            true => Quantity::KilowattHours.symbol(),
            false => self.unit.symbol(),
        }
    }
}

/// The report.
#[derive(Debug, Clone, Serialize)]
pub struct LineReport {
    /// The meter's name.
    pub meter: String,
    /// Its line.
    pub line: String,
    /// For how long the line was watched, in seconds.
    pub watched_s: f64,
    /// Edges that came.
    pub edges: u64,
    /// Edges that were not read in time.
    pub missed: u64,
    /// What was found, the most important first.
    pub findings: Vec<Finding>,
    /// The pulses as they were told apart; None: there are none.
    pub pulses: Option<Widths>,
    /// Lengths of the phases at the active level as they came.
    pub active_phases: Vec<Class>,
    /// Lengths of the phases at the other level as they came.
    pub rest_phases: Vec<Class>,
    /// Intervals between pulses by the recommended settings, else by the present ones.
    pub intervals: Vec<Class>,
    /// The present settings.
    pub present: TunedSettings,
    /// What they count.
    pub counted: FilterCount,
    /// What is recommended; None: nothing can be.
    pub recommended: Option<Recommended>,
    /// Other settings, and what they would have counted.
    pub others: Vec<Tried>,
    /// What a pulse is worth, where that can be told.
    pub worth: Option<Worth>,
    /// What the meter counts.
    pub unit: Quantity,
    /// Pulses for one unit of that, by the configuration.
    pub pulses_per_unit: Option<f64>,
    /// Pulses for one kWh, by the configuration.
    pub imp_per_kwh: Option<f64>,
    /// Meters that make such pulses.
    pub likely: Vec<&'static CatalogueMeter>,
    /// A piece of the wave, for the drawing.
    #[serde(skip)]
    pub piece: Vec<WavePhase>,
}

/// What is recommended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recommended {
    /// The settings.
    pub settings: TunedSettings,
    /// What they count.
    pub counted: FilterCount,
    /// Keys that are to be others than now.
    pub changes: Vec<Change>,
    /// The most power that can be counted with them, in watts; None: not known, or no power is counted.
    pub countable_w: Option<f64>,
    /// The most that can be counted with them, in the unit of the meter's rate; None: not known.
    pub countable_rate: Option<f64>,
    /// That is less than can be expected of the meter.
    pub is_bound: bool,
    /// There were enough pulses, and regular ones.
    pub is_sure: bool,
}

/// Settings that were tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// What was changed.
    pub what: String,
    /// What that would have counted.
    pub pulses: u64,
}
