//! Decimal arithmetic for prices and money: no binary fractions, so that 0.1 is 0.1 and half a cent is half a cent.
//!
//! Its own few lines instead of a crate: what a bill needs beyond reading, adding and rounding is one exact division at the end
//! (by imp/kWh, which may be 375, or by the days of a month), and a crate of decimals rounds each of them as well.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub};
use std::str::FromStr;

/// Digits behind the point.
const PLACES: u32 = 12;

/// One, in units of the last place.
const ONE: i128 = 1_000_000_000_000;

/// Digits behind the point that are read.
const PLACES_READ: usize = 9;

/// Digits before the point that are read.
const WHOLE_READ: usize = 9;

/// A number with twelve digits behind the point: a price, or an amount of money, in the currency's unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(i128);

impl Decimal {
    /// Nothing.
    pub const ZERO: Decimal = Decimal(0);

    /// A whole number.
    pub fn whole(number: i64) -> Decimal {
        Decimal(i128::from(number) * ONE)
    }

    /// The number that is written as `number`: 0.1 is 0.1, not the binary fraction next to it. None: it has too many digits.
    pub fn from_f64(number: f64) -> Option<Decimal> {
        number.to_string().parse().ok()
    }

    /// The number rounded to nine digits behind the point: what a program has computed with binary fractions. None: it is no number,
    /// or has more than nine digits before the point.
    pub fn from_f64_rounded(number: f64) -> Option<Decimal> {
        format!("{number:.PLACES_READ$}").parse().ok()
    }

    /// The product, to the last place, half away from zero. None: it is too large (10¹³ and more).
    pub fn times(self, other: Decimal) -> Option<Decimal> {
        let product = self.0.checked_mul(other.0)?;
        Some(Decimal(divided(product, ONE)))
    }

    /// `numerator / denominator`, to the last place, half away from zero. None: the denominator is zero, or one of them is too
    /// large (10²⁶).
    pub fn ratio(numerator: i128, denominator: i128) -> Option<Decimal> {
        let rest = numerator.checked_rem(denominator)?.checked_mul(ONE)?;
        let whole = (numerator / denominator).checked_mul(ONE)?;
        whole.checked_add(divided(rest, denominator)).map(Decimal)
    }

    /// In units of the last place, of which there are 10¹² in one.
    pub(super) fn units(self) -> i128 {
        self.0
    }

    /// Rounded to so many digits behind the point, half away from zero, as on a bill: 0.125 is 0.13, -0.125 is -0.13.
    pub fn rounded(self, places: u32) -> Decimal {
        let step = 10i128.pow(PLACES - places.min(PLACES));
        Decimal(divided(self.0, step).saturating_mul(step))
    }

    /// With exactly so many digits behind the point, rounded: `12.30`.
    pub fn to_places(self, places: u32) -> String {
        let places = places.min(PLACES);
        let rounded = self.rounded(places).0;
        let sign = if rounded < 0 { "-" } else { "" };
        let (units, one) = (rounded.unsigned_abs(), ONE.unsigned_abs());
        let whole = units / one;
        if places == 0 {
            return format!("{sign}{whole}");
        }
        let part = format!("{:012}", units % one);
        format!("{sign}{whole}.{}", &part[..places as usize])
    }

    /// The nearest binary fraction, for charts.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / ONE as f64
    }
}

/// `value / by`, half away from zero.
fn divided(value: i128, by: i128) -> i128 {
    let (quotient, rest) = (value / by, value % by);
    let is_half_up = rest.unsigned_abs() >= by.unsigned_abs() - by.unsigned_abs() / 2;
    if rest == 0 || !is_half_up {
        quotient
    } else if (value < 0) == (by < 0) {
        quotient + 1
    } else {
        quotient - 1
    }
}

impl FromStr for Decimal {
    type Err = String;

    /// `0.3215` or `-12`; at most nine digits before and nine behind the point.
    fn from_str(text: &str) -> Result<Decimal, String> {
        let wrong = || format!("`{text}` is not a decimal number, such as 0.3215");
        let (sign, bare) = match text.strip_prefix('-') {
            Some(bare) => (-1, bare),
            None => (1, text),
        };
        let (whole, part) = bare.split_once('.').unwrap_or((bare, "0"));
        let is_number = |digits: &str, most: usize| {
            (1..=most).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_number(whole, WHOLE_READ) || !is_number(part, PLACES_READ) {
            return Err(wrong());
        }
        let places = PLACES as usize;
        let digits = format!("{whole}{part:0<places$}");
        let units: i128 = digits.parse().map_err(|_| wrong())?;
        Ok(Decimal(sign * units))
    }
}

impl fmt::Display for Decimal {
    /// Without zeros at the end: `0.3215`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.to_places(PLACES);
        f.write_str(all.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Add for Decimal {
    type Output = Decimal;

    fn add(self, other: Decimal) -> Decimal {
        Decimal(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Decimal {
    fn add_assign(&mut self, other: Decimal) {
        *self = *self + other;
    }
}

impl Sub for Decimal {
    type Output = Decimal;

    fn sub(self, other: Decimal) -> Decimal {
        Decimal(self.0.saturating_sub(other.0))
    }
}

impl Neg for Decimal {
    type Output = Decimal;

    fn neg(self) -> Decimal {
        Decimal(self.0.saturating_neg())
    }
}

impl Sum for Decimal {
    fn sum<I: Iterator<Item = Decimal>>(all: I) -> Decimal {
        all.fold(Decimal::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_read_is_what_is_written() {
        for text in [
            "0",
            "0.3215",
            "-12",
            "999999999.999999999",
            "-0.000000001",
            "375",
        ] {
            assert_eq!(decimal(text).to_string(), text);
        }
        assert_eq!(decimal("00012.500").to_string(), "12.5");
        for wrong in [
            "",
            "-",
            ".5",
            "5.",
            "1,5",
            "1e3",
            "--1",
            "+1",
            "1.0000000001",
            "1234567890",
            "NaN",
            "1 ",
        ] {
            assert!(decimal_or(wrong).is_err(), "{wrong}");
        }
    }

    fn decimal_or(text: &str) -> Result<Decimal, String> {
        text.parse()
    }

    #[test]
    fn a_binary_fraction_is_what_it_is_written_as() {
        for (number, text) in [
            (0.1, "0.1"),
            (187.5, "187.5"),
            (1e-9, "0.000000001"),
            (-0.0, "0"),
            (1_000.0, "1000"),
        ] {
            assert_eq!(Decimal::from_f64(number).unwrap().to_string(), text);
        }
        for number in [f64::NAN, f64::INFINITY, 1e-10, 1e9, 0.1 + 0.2] {
            assert_eq!(Decimal::from_f64(number), None, "{number}");
        }
    }

    #[test]
    fn what_was_computed_in_binary_is_rounded_and_products_are_exact() {
        for (number, text) in [
            (0.1 + 0.2, "0.3"),
            (-0.123_456_789_4, "-0.123456789"),
            (1e-10, "0"),
            (15_000.0, "15000"),
        ] {
            let rounded = Decimal::from_f64_rounded(number).unwrap();
            assert_eq!(rounded.to_string(), text);
        }
        for number in [f64::NAN, f64::INFINITY, 1e9] {
            assert_eq!(Decimal::from_f64_rounded(number), None, "{number}");
        }
        let product = |a, b| {
            decimal(a)
                .times(decimal(b))
                .map(|product| product.to_string())
        };
        // 87.5 EUR/MWh and 19 % in EUR/kWh.
        assert_eq!(product("87.5", "0.00119").unwrap(), "0.104125");
        assert_eq!(product("-12.34", "1.19").unwrap(), "-14.6846");
        assert_eq!(product("0.000000001", "0.0001").unwrap(), "0");
        assert_eq!(product("999999999", "999999999"), None);
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        for (text, places, rounded) in [
            ("0.125", 2, "0.13"),
            ("-0.125", 2, "-0.13"),
            ("0.124999999", 2, "0.12"),
            ("2.675", 2, "2.68"),
            ("1.005", 2, "1.01"),
            ("-0.004", 2, "0.00"),
            ("0.5", 0, "1"),
            ("12.3", 2, "12.30"),
            ("999.995", 2, "1000.00"),
        ] {
            assert_eq!(decimal(text).to_places(places), rounded, "{text}");
        }
    }

    #[test]
    fn one_division_is_right_to_the_last_place() {
        let ratio = |a, b| Decimal::ratio(a, b).map(|ratio| ratio.to_string());
        assert_eq!(ratio(1, 3).unwrap(), "0.333333333333");
        assert_eq!(ratio(-2, 3).unwrap(), "-0.666666666667");
        assert_eq!(ratio(2, -3).unwrap(), "-0.666666666667");
        assert_eq!(ratio(7_000, 1_000).unwrap(), "7");
        assert_eq!(ratio(1, 0), None);
        assert_eq!(ratio(i128::MIN, -1), None);
        assert_eq!(ratio(i128::MAX, 1), None);
        let most = decimal("999999999.999999999");
        assert_eq!((most + Decimal(i128::MAX)).units(), i128::MAX);
        let _ = (
            Decimal(i128::MAX).rounded(2),
            Decimal(i128::MIN).to_places(2),
        );
    }

    proptest! {
        #[test]
        fn sums_are_exact_and_rounding_moves_by_half_a_step_at_most(
            all in prop::collection::vec(-1_000_000_000i64..1_000_000_000, 0..50), places in 0u32..9,
        ) {
            let text = |micro: i64| {
                let sign = if micro < 0 { "-" } else { "" };
                let micro = micro.abs();
                format!("{sign}{}.{:06}", micro / 1_000_000, micro % 1_000_000)
            };
            let sum: Decimal = all.iter().map(|micro| decimal(&text(*micro))).sum();
            prop_assert_eq!(sum, decimal(&text(all.iter().sum())));
            let rounded = sum.rounded(places);
            let step = Decimal::ratio(1, 10i128.pow(places)).unwrap();
            let off = if rounded < sum { sum - rounded } else { rounded - sum };
            prop_assert!(off.units() * 2 <= step.units());
            prop_assert_eq!(rounded.units() % step.units(), 0);
            prop_assert_eq!(-(-sum), sum);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,24}") {
            let _ = text.parse::<Decimal>();
        }
    }
}
