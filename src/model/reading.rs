//! A reading of a meter's register.

use serde::{Deserialize, Serialize};

use super::{PulseWorth, Quantity, WallNs};

/// What stood on a meter's face at a time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "ReadingWords", try_from = "ReadingWords")]
pub struct Reading {
    /// When it was taken.
    pub at_ns: WallNs,
    /// The meter's pulses in the journal by then.
    pub pulses: i64,
    /// What the meter's face showed, in the unit of `worth`.
    pub shown: f64,
    /// What a pulse was worth, as configured then.
    pub worth: PulseWorth,
    /// The register is counted from it; else it is but a note.
    pub adopted: bool,
}

/// A reading as it is answered. Numbers of electric meters are in kWh, too.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct ReadingWords {
    at_ns: WallNs,
    pulses: i64,
    kwh: Option<f64>,
    imp_per_kwh: Option<f64>,
    adopted: bool,
    #[serde(default)]
    unit: Quantity,
    #[serde(default)]
    shown: Option<f64>,
    #[serde(default)]
    pulses_per_unit: Option<f64>,
}

impl From<Reading> for ReadingWords {
    fn from(reading: Reading) -> ReadingWords {
        let Reading { shown, worth, .. } = reading;
        let unit = worth.quantity;
        ReadingWords {
            at_ns: reading.at_ns,
            pulses: reading.pulses,
            kwh: Quantity::KilowattHours.of(unit, shown),
            imp_per_kwh: worth.imp_per_kwh(),
            adopted: reading.adopted,
            unit,
            shown: Some(shown),
            pulses_per_unit: Some(worth.pulses_per_unit),
        }
    }
}

impl TryFrom<ReadingWords> for Reading {
    type Error = &'static str;

    fn try_from(words: ReadingWords) -> Result<Reading, &'static str> {
        // A daemon of an earlier version says kWh alone.
        let (shown, factor) = match (words.shown, words.pulses_per_unit) {
            (Some(shown), Some(factor)) => (shown, factor),
            _ => {
                let known = words.kwh.zip(words.imp_per_kwh);
                known.ok_or("a reading without a number")?
            }
        };
        Ok(Reading {
            at_ns: words.at_ns,
            pulses: words.pulses,
            shown,
            worth: PulseWorth::new(words.unit, factor),
            adopted: words.adopted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_comes_back_as_it_was_answered() {
        for quantity in Quantity::ALL {
            let reading = Reading {
                at_ns: WallNs(7),
                pulses: 3,
                shown: 12.5,
                worth: PulseWorth::new(quantity, 100.0),
                adopted: true,
            };
            let json = serde_json::to_value(reading).unwrap();
            assert_eq!(json["kwh"].is_f64(), quantity.is_electric(), "{json}");
            assert_eq!(serde_json::from_value::<Reading>(json).unwrap(), reading);
        }
        let earlier = r#"{"at_ns":7,"pulses":3,"kwh":12.5,"imp_per_kwh":800.0,"adopted":false}"#;
        let reading: Reading = serde_json::from_str(earlier).unwrap();
        assert_eq!(reading.worth, PulseWorth::of_kwh(800.0));
    }
}
