//! What a meter counts, and what one pulse of it is worth.

/// Nanoseconds in an hour.
const NS_PER_H: f64 = 3.6e12;

/// What a meter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// Electric energy in kilowatt-hours.
    KilowattHours,
    /// Electric energy in watt-hours.
    WattHours,
    /// Gas or water in cubic metres.
    CubicMetres,
    /// Water or oil in litres.
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

    /// One unit an hour in units of the rate: 1 kWh an hour is 1,000 W.
    fn rate_of_one_per_hour(self) -> f64 {
        match self {
            Quantity::KilowattHours => 1_000.0,
            Quantity::WattHours | Quantity::CubicMetres | Quantity::Litres => 1.0,
        }
    }
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
    /// Of an electric meter with so many pulses for one kilowatt-hour.
    pub fn of_kwh(imp_per_kwh: f64) -> PulseWorth {
        PulseWorth {
            quantity: Quantity::KilowattHours,
            pulses_per_unit: imp_per_kwh,
        }
    }

    /// The amount of so many pulses, in units of the quantity.
    pub fn amount(&self, pulses: i64) -> f64 {
        pulses as f64 / self.pulses_per_unit
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
    fn words_are_found_again() {
        for quantity in Quantity::ALL {
            assert_eq!(Quantity::from_word(quantity.as_str()), Some(quantity));
            assert_eq!(quantity.is_electric(), quantity.rate_unit() == "W");
        }
        assert_eq!(Quantity::from_word("kwh"), None);
    }
}
