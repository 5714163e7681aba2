//! What a meter counts, and what one pulse of it is worth.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Nanoseconds in an hour.
const NS_PER_H: f64 = 3.6e12;

/// What a meter counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Quantity {
    /// Electric energy in kilowatt-hours.
    #[default]
    #[serde(rename = "kWh")]
    KilowattHours,
    /// Electric energy in watt-hours.
    #[serde(rename = "Wh")]
    WattHours,
    /// Gas or water in cubic metres.
    #[serde(rename = "m3")]
    CubicMetres,
    /// Water or oil in litres.
    #[serde(rename = "l")]
    Litres,
}

impl Quantity {
    /// All, in the order in which they are documented.
    pub const ALL: [Quantity; 4] = [
        Quantity::KilowattHours,
        Quantity::WattHours,
        Quantity::CubicMetres,
        Quantity::Litres,
    ];

    /// The word in configuration and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Quantity::KilowattHours => "kWh",
            Quantity::WattHours => "Wh",
            Quantity::CubicMetres => "m3",
            Quantity::Litres => "l",
        }
    }

    /// The quantity with this word.
    pub fn from_word(word: &str) -> Option<Quantity> {
        Quantity::ALL
            .into_iter()
            .find(|quantity| quantity.as_str() == word)
    }

    /// The unit as people write it.
    pub fn symbol(self) -> &'static str {
        match self {
            Quantity::CubicMetres => "m³",
            other => other.as_str(),
        }
    }

    /// The unit of its rate, as it is shown: power, or flow per hour.
    pub fn rate_unit(self) -> &'static str {
        match self {
            Quantity::KilowattHours | Quantity::WattHours => "W",
            Quantity::CubicMetres => "m³/h",
            Quantity::Litres => "l/h",
        }
    }

    /// Whether its rate is electric power.
    pub fn is_electric(self) -> bool {
        matches!(self, Quantity::KilowattHours | Quantity::WattHours)
    }

    /// How many of this unit are one of `other`; None: they measure something else.
    pub fn per(self, other: Quantity) -> Option<f64> {
        // Watt-hours and litres are the smaller ones, by the same factor.
        let in_small = |quantity| match quantity {
            Quantity::KilowattHours | Quantity::CubicMetres => 1_000.0,
            Quantity::WattHours | Quantity::Litres => 1.0,
        };
        let is_same_kind = self.is_electric() == other.is_electric();
        is_same_kind.then(|| in_small(other) / in_small(self))
    }

    /// An amount of `other` in this unit; None: it is something else.
    pub fn of(self, other: Quantity, amount: f64) -> Option<f64> {
        Some(amount * self.per(other)?)
    }

    /// An amount as it is told: to a millionth, of kWh to that of a watt-hour.
    pub fn told(self, amount: f64) -> f64 {
        match self {
            Quantity::KilowattHours => to_steps(amount, 1e9),
            Quantity::WattHours | Quantity::CubicMetres | Quantity::Litres => to_millionths(amount),
        }
    }

    /// A rate for people: power in kW, flow in its unit.
    pub fn shown_rate(self, rate: f64) -> String {
        match self.is_electric() {
            true => format!("{:.1} kW", rate / 1_000.0),
            false => format!("{rate:.1} {}", self.rate_unit()),
        }
    }

    /// The same with the decimals that it has.
    pub fn plain_rate(self, rate: f64) -> String {
        match self.is_electric() {
            true => format!("{} kW", rate / 1_000.0),
            false => format!("{rate} {}", self.rate_unit()),
        }
    }

    /// One unit an hour in units of the rate: 1 kWh an hour is 1,000 W.
    pub fn rate_of_one_per_hour(self) -> f64 {
        match self {
            Quantity::KilowattHours => 1_000.0,
            Quantity::WattHours | Quantity::CubicMetres | Quantity::Litres => 1.0,
        }
    }
}

/// To a millionth: what sums of binary fractions have beyond that is no measure.
pub fn to_millionths(amount: f64) -> f64 {
    to_steps(amount, 1e6)
}

/// To a step, of which there are so many in one; of a large number no finer than a binary fraction tells surely: 15 digits.
fn to_steps(amount: f64, mut steps: f64) -> f64 {
    while steps > 1.0 && amount.abs() * steps >= 1e15 {
        steps /= 10.0;
    }
    // No sum is -0.
    (amount * steps).round() / steps + 0.0
}

/// What one pulse of a meter is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PulseWorth {
    /// What the meter counts.
    pub quantity: Quantity,
    /// How many of its pulses are one unit of that, such as 1000 imp/kWh.
    pub pulses_per_unit: f64,
}

impl PulseWorth {
    /// So many pulses are one unit of a quantity.
    pub fn new(quantity: Quantity, pulses_per_unit: f64) -> PulseWorth {
        PulseWorth {
            quantity,
            pulses_per_unit,
        }
    }

    /// Of an electric meter with so many pulses for one kilowatt-hour.
    pub fn of_kwh(imp_per_kwh: f64) -> PulseWorth {
        PulseWorth::new(Quantity::KilowattHours, imp_per_kwh)
    }

    /// What a pulse is taken to be worth where nothing is configured: what most such meters give.
    pub fn usual(quantity: Quantity) -> PulseWorth {
        let pulses_per_unit = match quantity {
            Quantity::KilowattHours => 1_000.0,
            Quantity::WattHours | Quantity::Litres => 1.0,
            Quantity::CubicMetres => 100.0,
        };
        PulseWorth::new(quantity, pulses_per_unit)
    }

    /// Pulses for one kilowatt-hour; None: the meter counts no electric energy.
    pub fn imp_per_kwh(&self) -> Option<f64> {
        self.pulses_per(Quantity::KilowattHours)
    }

    /// Pulses for one unit of `quantity`; None: the meter counts something else.
    pub fn pulses_per(&self, quantity: Quantity) -> Option<f64> {
        Some(self.pulses_per_unit * self.quantity.per(quantity)?)
    }

    /// The amount of so many pulses, in units of the quantity.
    pub fn amount(&self, pulses: i64) -> f64 {
        pulses as f64 / self.pulses_per_unit
    }

    /// The same in another unit; None: the meter counts something else. Of no pulses it is 0 of anything.
    pub fn amount_in(&self, quantity: Quantity, pulses: i64) -> Option<f64> {
        match self.pulses_per(quantity) {
            Some(pulses_per_unit) => Some(pulses as f64 / pulses_per_unit),
            None => (pulses == 0).then_some(0.0),
        }
    }

    /// The energy of so many pulses in kilowatt-hours; None: the meter counts no electric energy.
    pub fn kwh(&self, pulses: i64) -> Option<f64> {
        match self.quantity {
            Quantity::KilowattHours => Some(self.amount(pulses)),
            Quantity::WattHours => Some(self.amount(pulses) / 1_000.0),
            Quantity::CubicMetres | Quantity::Litres => None,
        }
    }

    /// The rate of so many pulses in `over_ns`: for kWh P = pulses · 3.6e6 / (imp_per_kwh · seconds), in watts.
    pub fn rate(&self, pulses: f64, over_ns: f64) -> f64 {
        let per_hour = pulses * NS_PER_H / (self.pulses_per_unit * over_ns);
        per_hour * self.quantity.rate_of_one_per_hour()
    }

    /// The time between two pulses at this rate, in nanoseconds: 1 at least.
    pub fn apart_ns(&self, rate: f64) -> i64 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float is cut at the largest"
        )]
        let apart_ns = self.rate(1.0, rate) as i64;
        apart_ns.max(1)
    }
}

impl fmt::Display for PulseWorth {
    /// As on a meter's face: `1000 imp/kWh`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (factor, unit) = (self.pulses_per_unit, self.quantity.symbol());
        write!(f, "{factor} imp/{unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_is_worth_what_the_face_says() {
        let rate = |quantity, pulses_per_unit, over_s: f64| {
            let worth = PulseWorth {
                quantity,
                pulses_per_unit,
            };
            worth.rate(1.0, over_s * 1e9)
        };
        // 1 Wh in 3.6 s; the same written in Wh; a pulse of 10 l of gas in 36 s; a litre in 6 s.
        assert_eq!(rate(Quantity::KilowattHours, 1_000.0, 3.6), 1_000.0);
        assert_eq!(rate(Quantity::WattHours, 1.0, 3.6), 1_000.0);
        assert_eq!(rate(Quantity::CubicMetres, 100.0, 36.0), 1.0);
        assert_eq!(rate(Quantity::Litres, 1.0, 6.0), 600.0);
    }

    #[test]
    fn sums_have_no_more_digits_than_they_mean() {
        for (sum, told) in [
            (25_432.000_000_000_004, "25432"),
            (3_560.000_000_000_002_3, "3560"),
            (0.1 + 0.2, "0.3"),
            (59_950_799.999_999_99, "59950800"),
            (361_234_567_890.123 + 6e-5, "361234567890.123"),
            (0.1 + 0.2 - 0.3, "0"),
            (0.3 - 0.1 - 0.2, "0"),
            (2.0 / 3.0, "0.666667"),
            (1e300, "1e300"),
            (f64::INFINITY, "inf"),
        ] {
            let text = to_millionths(sum).to_string();
            let told: f64 = told.parse().unwrap();
            assert_eq!(text, told.to_string(), "{sum}");
            assert_eq!(to_millionths(-sum), -to_millionths(sum));
        }
        assert!(to_millionths(-1e-17).is_sign_positive());
        // A pulse of 375 imp/kWh is the same in both units.
        assert_eq!(Quantity::WattHours.told(1_000.0 / 375.0), 2.666_667);
        assert_eq!(Quantity::KilowattHours.told(1.0 / 375.0), 0.002_666_667);
    }

    #[test]
    fn a_rate_tells_how_far_apart_pulses_are() {
        let gas = PulseWorth::new(Quantity::CubicMetres, 100.0);
        assert_eq!(gas.apart_ns(1.0), 36_000_000_000);
        assert_eq!(PulseWorth::of_kwh(1_000.0).apart_ns(1_000.0), 3_600_000_000);
        assert_eq!(PulseWorth::of_kwh(1e6).apart_ns(1e18), 1);
    }

    #[test]
    fn words_are_found_again() {
        for quantity in Quantity::ALL {
            assert_eq!(Quantity::from_word(quantity.as_str()), Some(quantity));
            assert_eq!(quantity.is_electric(), quantity.rate_unit() == "W");
        }
        assert_eq!(Quantity::from_word("kwh"), None);
    }

    #[test]
    fn units_of_one_kind_are_converted_and_no_others() {
        use Quantity::{CubicMetres, KilowattHours, Litres, WattHours};
        let a_wh = PulseWorth::new(WattHours, 1.0);
        assert_eq!(a_wh.imp_per_kwh(), Some(1_000.0));
        assert_eq!(a_wh.amount_in(KilowattHours, 2_500), Some(2.5));
        let ten_litres = PulseWorth::new(CubicMetres, 100.0);
        assert_eq!(ten_litres.pulses_per(Litres), Some(0.1));
        assert_eq!(ten_litres.amount_in(Litres, 3), Some(30.0));
        assert_eq!(ten_litres.imp_per_kwh(), None);
        assert_eq!(ten_litres.amount_in(KilowattHours, 3), None);
        assert_eq!(ten_litres.amount_in(KilowattHours, 0), Some(0.0));
    }
}
