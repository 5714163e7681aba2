//! What a command reads of the daemon's `/api/v1/now`: power of each meter and of the house, and today.

use jiff::Timestamp;
use serde::Deserialize;

use super::money::Money;
use crate::model::{PulseWorth, Quantity, Role, WallNs};

/// The state of a moment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct NowAnswer {
    /// Its moment, in RFC 3339.
    pub as_of: String,
    /// The zone of local days.
    pub zone: String,
    /// The local day.
    pub today: NowDay,
    /// The configured meters.
    pub meters: Vec<NowMeterAnswer>,
    /// The house.
    #[serde(default)]
    pub flow: FlowAnswer,
}

/// The local day that it is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct NowDay {
    /// Its date.
    pub date: String,
    /// What it has cost by now; None: nothing has a price.
    #[serde(default)]
    pub money: Option<Money>,
}

/// One meter.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct NowMeterAnswer {
    /// Its name.
    pub meter: String,
    /// What it is to the house: `import`, `export`, `generation` or `other`.
    pub role: String,
    /// How many of its pulses are a kWh; None: not known.
    pub imp_per_kwh: Option<f64>,
    /// Its power in watts; None: not known.
    pub power_w: Option<f64>,
    /// What it counts.
    #[serde(default)]
    pub unit: Quantity,
    /// How many of its pulses are one unit of that; None: not known.
    #[serde(default)]
    pub pulses_per_unit: Option<f64>,
    /// Its power or flow, in the unit of its rate; None: not known.
    #[serde(default)]
    pub rate: Option<f64>,
    /// The rate is what the silence since the last pulse allows at most.
    pub is_bound: bool,
    /// What was counted today.
    pub today: NowCount,
}

/// What was counted of a span.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct NowCount {
    /// Pulses; None: not known.
    pub pulses: Option<i64>,
}

/// Power of the house, in watts; None: not known, or not all meters are there.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct FlowAnswer {
    /// What the house uses.
    pub house_w: Option<f64>,
    /// What it uses of its own generation.
    pub self_w: Option<f64>,
    /// Why that is not known.
    #[serde(default)]
    pub why: Option<String>,
}

impl NowMeterAnswer {
    /// What one of its pulses is worth; None: not known.
    pub fn worth(&self) -> Option<PulseWorth> {
        // A daemon of an earlier version knows kWh alone.
        let of_kwh = self.imp_per_kwh.map(PulseWorth::of_kwh);
        let of_unit = |factor| PulseWorth::new(self.unit, factor);
        self.pulses_per_unit.map(of_unit).or(of_kwh)
    }

    /// Its rate: what is said of power alone is watts.
    pub fn shown_rate(&self) -> Option<f64> {
        self.rate.or(self.power_w)
    }

    /// What it is to the house; None: a load of its own.
    pub fn house_role(&self) -> Option<Role> {
        Role::of_name(&self.role)
    }
}

impl NowAnswer {
    /// Its moment, in nanoseconds since 1970; 0 where it is told in another form.
    pub fn at_ns(&self) -> WallNs {
        let at = self.as_of.parse::<Timestamp>().ok();
        WallNs(
            at.and_then(|at| i64::try_from(at.as_nanosecond()).ok())
                .unwrap_or(0),
        )
    }
}
