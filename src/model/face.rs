//! The face of a meter: how many digits it has before it goes round.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// More digits no meter has.
const WHOLE_MAX: u8 = 9;
const DECIMALS_MAX: u8 = 6;

/// The digits of a face, written as `6.1`: six before the point, one behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct FaceDigits {
    whole: u8,
    decimals: u8,
}

impl FaceDigits {
    /// At this number the face goes round: 100000 with five digits before the point.
    pub fn round(self) -> f64 {
        10f64.powi(i32::from(self.whole))
    }

    /// What the face shows of an amount: it has gone round as often as it had to.
    pub fn wrapped(self, amount: f64) -> f64 {
        amount.rem_euclid(self.round())
    }

    /// The digits themselves, with leading zeros, cut off behind the last one as a face does: `004321.5`.
    pub fn digits(self, amount: f64) -> String {
        let steps = 10f64.powi(i32::from(self.decimals));
        // A millionth of a step is the error of a double, and no digit.
        let cut =
            ((self.wrapped(amount) * steps + 1e-6).floor() / steps).min(self.round() - 1.0 / steps);
        let decimals = usize::from(self.decimals);
        let point = usize::from(self.decimals > 0);
        let width = usize::from(self.whole) + point + decimals;
        format!("{cut:0width$.decimals$}")
    }
}

impl fmt::Display for FaceDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.decimals {
            0 => write!(f, "{}", self.whole),
            decimals => write!(f, "{}.{decimals}", self.whole),
        }
    }
}

impl From<FaceDigits> for String {
    fn from(digits: FaceDigits) -> String {
        digits.to_string()
    }
}

impl TryFrom<String> for FaceDigits {
    type Error = String;

    fn try_from(text: String) -> Result<FaceDigits, String> {
        text.parse()
    }
}

impl FromStr for FaceDigits {
    type Err = String;

    fn from_str(text: &str) -> Result<FaceDigits, String> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digit = |text: &str, most: u8| {
            let is_digit = text.len() == 1 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|n| is_digit && *n <= most)
        };
        let whole = digit(whole, WHOLE_MAX).filter(|whole| *whole > 0);
        whole
            .zip(digit(decimals, DECIMALS_MAX))
            .map(|(whole, decimals)| FaceDigits { whole, decimals })
            .ok_or_else(|| {
                format!(
                    "\"{text}\" is not how many digits a face has, such as 6.1: 1 to {WHOLE_MAX} before the point and \
                     up to {DECIMALS_MAX} behind it"
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(text: &str) -> FaceDigits {
        text.parse().unwrap()
    }

    #[test]
    fn a_face_shows_its_digits_and_goes_round() {
        assert_eq!(face("5.1").digits(99_999.95), "99999.9");
        assert_eq!(face("5.1").digits(100_000.25), "00000.2");
        assert_eq!(face("5.3").digits(4_321.5), "04321.500");
        assert_eq!(face("6").digits(4_321.999_999_999), "004322");
        assert_eq!(face("6").digits(4_321.99), "004321");
        // What an amount of 0.1 steps adds up to is no more than the face can show.
        assert_eq!(face("1.1").digits((0..99).map(|_| 0.1).sum()), "9.9");
        assert_eq!(face("1.1").digits(9.999_999_99), "9.9");
        assert!((face("5.1").wrapped(300_007.5) - 7.5).abs() < 1e-9);
    }

    #[test]
    fn digits_are_written_as_they_are_counted() {
        for text in ["6.1", "5", "9.6"] {
            assert_eq!(face(text).to_string(), text);
        }
        assert_eq!(face("5.0"), face("5"));
        for wrong in [
            "", "0", "0.1", "10", "5.7", "5.", ".1", "5.1.1", "-5", "5,1", "six",
        ] {
            assert!(wrong.parse::<FaceDigits>().is_err(), "{wrong}");
        }
    }
}
