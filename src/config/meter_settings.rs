//! A meter as the configuration knows it: its line, and what counts as a pulse on it.

use std::fmt;

use super::dated_factors::DatedFactor;
use crate::energy::factors::Factor;
use crate::energy::periods::Calendar;
use crate::energy::tariff::Direction;
use crate::model::{Bias, CountedEdge, FaceDigits, Level, PulseWorth, Quantity, Role};

/// One meter: a name, a line, and what counts as a pulse on it.
#[derive(Debug, Clone, PartialEq)]
pub struct MeterSettings {
    /// The name; also the value of the tag `PulseType`.
    pub name: String,
    /// What it is to the house; None: a load of its own.
    pub role: Option<Role>,
    /// The line it is wired to.
    pub line: LineSettings,
    /// What counts as a pulse.
    pub filter: FilterSettings,
    /// What it counts.
    pub unit: Quantity,
    /// Pulses for one unit of that, as printed on the meter's face. None: not known.
    pub pulses_per_unit: Option<f64>,
    /// Other factors, each from a date on, in order; the last one is `pulses_per_unit`. Empty: what the journal has noted holds.
    pub factors_since: Vec<DatedFactor>,
    /// The digits of its face. None: not known.
    pub register_digits: Option<FaceDigits>,
    /// The most that can flow through it, in the unit of its rate (watts, m³/h): pulses that mean more are interference.
    pub max_rate: f64,
}

impl MeterSettings {
    /// What one of its pulses is worth. None: not known.
    pub fn worth(&self) -> Option<PulseWorth> {
        let pulses_per_unit = self.pulses_per_unit?;
        Some(PulseWorth::new(self.unit, pulses_per_unit))
    }

    /// Pulses for one kilowatt-hour. None: not known, or it counts something else.
    pub fn imp_per_kwh(&self) -> Option<f64> {
        self.worth()?.imp_per_kwh()
    }

    /// By which tariff its energy is priced. None: by none.
    pub fn priced_by(&self) -> Option<Direction> {
        let role = self.role.filter(|_| self.unit.is_electric())?;
        Direction::of_role(role)
    }

    /// What is dated of what one of its pulses was worth, where days are those of `calendar`.
    pub fn dated_factors(&self, calendar: &Calendar) -> Vec<Factor> {
        let dated = self.factors_since.iter();
        dated
            .map(|dated| dated.factor(self.unit, calendar))
            .collect()
    }

    /// What is to be known of a factor that is dated after `now_s`: what is told of now counts by it already.
    pub fn dated_ahead(&self, calendar: &Calendar, now_s: i64) -> Option<String> {
        let last = self.factors_since.last()?;
        (last.factor(self.unit, calendar).from_s > now_s).then(|| {
            let key = self.worth_key();
            format!(
                "meter \"{}\": \"{last}\" in {key}_since is yet to come, and its power is told by it already: \
                 write it when that day is there",
                self.name
            )
        })
    }

    /// Which key says what a pulse is worth.
    pub fn worth_key(&self) -> &'static str {
        match self.unit {
            Quantity::KilowattHours => "imp_per_kwh",
            _ => "pulses_per_unit",
        }
    }
}

#[cfg(test)]
impl MeterSettings {
    /// A meter on GPIO20 of which each rising edge is a pulse.
    pub(crate) fn plain(name: &str) -> MeterSettings {
        MeterSettings {
            name: name.to_owned(),
            role: Role::of_name(name),
            line: LineSettings {
                chip: None,
                line: LineName::Number(20),
                bias: Bias::Up,
                kernel_debounce_us: 0,
            },
            filter: FilterSettings {
                counted: CountedEdge::Rising,
                active: Level::Low,
                bounce_ns: 0,
                min_width_ns: 0,
                max_width_ns: 0,
                min_interval_ns: 0,
            },
            unit: Quantity::KilowattHours,
            pulses_per_unit: None,
            factors_since: Vec::new(),
            register_digits: None,
            max_rate: 44_000.0,
        }
    }
}

/// Which GPIO line, and how to request it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineSettings {
    /// The chip: a label (`pinctrl-bcm2711`), a name (`gpiochip0`) or a path. None: any chip
    /// that has the line.
    pub chip: Option<String>,
    /// The line on it.
    pub line: LineName,
    /// The resistor to switch on.
    pub bias: Bias,
    /// Debounce period of the kernel in microseconds; 0: none, all edges are seen.
    pub kernel_debounce_us: u32,
}

/// A line by its name or by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineName {
    /// The chip's own name for the line, such as `GPIO20`.
    Name(String),
    /// A GPIO number: the line named `GPIO<number>`, else the offset on the chip.
    Number(u32),
}

impl fmt::Display for LineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineName::Name(name) => f.write_str(name),
            LineName::Number(number) => write!(f, "GPIO{number}"),
        }
    }
}

/// What counts as a pulse: the settings of the pure filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterSettings {
    /// Which transitions count.
    pub counted: CountedEdge,
    /// The level of the line while the meter's output is active; its duration is the width.
    pub active: Level,
    /// How long a level must stay to be accepted, in nanoseconds; 0: every edge is accepted.
    pub bounce_ns: i64,
    /// The shortest active phase that is a pulse, in nanoseconds; 0: any.
    pub min_width_ns: i64,
    /// The longest active phase that is a pulse, in nanoseconds; 0: any. A meter's LED that is lit
    /// steadily while there is no load gives none.
    pub max_width_ns: i64,
    /// The shortest time between two pulses, in nanoseconds; 0: any.
    pub min_interval_ns: i64,
}
