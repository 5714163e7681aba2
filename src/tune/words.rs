//! Lengths and keys as people read them. Pure.

use crate::model::{NS_PER_MS, NS_PER_S};

/// A length of time in the unit that fits, with three digits at most: `1.5 ms`, `80 ms`, `2.5 s`, `3.0 h`.
pub fn length(ns: i64) -> String {
    let (ns, ms, s) = (ns as f64, NS_PER_MS as f64, NS_PER_S as f64);
    let (value, unit) = if ns < s {
        (ns / ms, "ms")
    } else if ns < 120.0 * s {
        (ns / s, "s")
    } else if ns < 7_200.0 * s {
        (ns / s / 60.0, "min")
    } else {
        (ns / s / 3_600.0, "h")
    };
    let digits = if value >= 99.95 || (value - value.round()).abs() < 0.005 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {unit}")
}

/// Milliseconds of a setting, without digits that say nothing.
pub fn ms(ns: i64) -> f64 {
    (ns as f64 / 1e3).round() / 1e3
}

/// The largest number that people would write, not above this: 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8 times a power of ten.
pub fn round_down(ns: i64) -> i64 {
    const STEPS: [i64; 9] = [10, 15, 20, 25, 30, 40, 50, 60, 80];
    let mut ten: i64 = 1;
    while ten.saturating_mul(100) <= ns {
        ten *= 10;
    }
    let steps = STEPS.iter().map(|step| step * ten);
    steps.take_while(|step| *step <= ns).last().unwrap_or(ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_the_unit_that_fits() {
        for (ns, text) in [
            (1_500_000, "1.50 ms"),
            (80_000_000, "80 ms"),
            (22_500_000, "22.5 ms"),
            (2_500_000_000, "2.50 s"),
            (180_000_000_000, "3 min"),
            (10_800_000_000_000, "3 h"),
            (0, "0 ms"),
        ] {
            assert_eq!(length(ns), text);
        }
    }

    #[test]
    fn numbers_are_those_that_people_write() {
        for (ns, down) in [
            (11_250_000, 10_000_000),
            (999, 800),
            (10, 10),
            (8_181_818, 8_000_000),
            (195_756_000, 150_000_000),
            (5, 5),
        ] {
            assert_eq!(round_down(ns), down, "{ns}");
        }
    }
}
