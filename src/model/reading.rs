//! A reading of a meter's register.

use serde::{Deserialize, Serialize};

use super::{FaceDigits, PulseWorth, Quantity, WallNs};

/// What a reading has to do with an exchange of the meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exchange {
    /// The last one of the old meter.
    Old,
    /// The first one of the new meter.
    New,
}

impl Exchange {
    /// The word in the journal and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Exchange::Old => "old",
            Exchange::New => "new",
        }
    }

    /// The one with this word.
    pub fn from_word(word: &str) -> Option<Exchange> {
        let all = [Exchange::Old, Exchange::New];
        all.into_iter().find(|exchange| exchange.as_str() == word)
    }
}

/// What stood on a meter's face at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// The digits of the face, as configured then. None: not known, and it is not known when it goes round.
    pub digits: Option<FaceDigits>,
    /// The meter was exchanged then. None: it was not.
    pub exchange: Option<Exchange>,
    /// The number on the new meter.
    pub serial: Option<String>,
}

/// A reading as it is answered. Numbers of electric meters are in kWh, too.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digits: Option<FaceDigits>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exchange: Option<Exchange>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
}

impl Reading {
    /// The number on the face, with the digits that it has; with three decimals where these are not known.
    pub fn face(&self, shown: f64) -> String {
        face_text(self.digits, shown)
    }
}

/// A number on a face with these digits; with three decimals where they are not known.
pub fn face_text(digits: Option<FaceDigits>, shown: f64) -> String {
    digits.map_or_else(|| format!("{shown:.3}"), |digits| digits.digits(shown))
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
            digits: reading.digits,
            exchange: reading.exchange,
            serial: reading.serial,
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
            digits: words.digits,
            exchange: words.exchange,
            serial: words.serial,
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
                digits: Some("5.1".parse().unwrap()),
                exchange: Some(Exchange::New),
                serial: Some("1EMH00".to_owned()),
            };
            let json = serde_json::to_value(reading.clone()).unwrap();
            assert_eq!(json["kwh"].is_f64(), quantity.is_electric(), "{json}");
            assert_eq!(serde_json::from_value::<Reading>(json).unwrap(), reading);
        }
        let earlier = r#"{"at_ns":7,"pulses":3,"kwh":12.5,"imp_per_kwh":800.0,"adopted":false}"#;
        let reading: Reading = serde_json::from_str(earlier).unwrap();
        assert_eq!(reading.worth, PulseWorth::of_kwh(800.0));
    }
}
