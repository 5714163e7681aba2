//! The register of a meter: the kilowatt-hours on its face, from a reading and the pulses counted since.
//! Pure.

use crate::journal::Reading;

/// The register, if `pulses` of the meter are in the journal: that of the last reading that was adopted, and
/// `pulses / imp_per_kwh` since. None: none was.
pub fn kwh(readings: &[Reading], pulses: i64) -> Option<f64> {
    let base = base(readings)?;
    Some(base.kwh + energy_kwh(pulses - base.pulses, base.imp_per_kwh))
}

/// The reading from which the register is counted.
pub fn base(readings: &[Reading]) -> Option<&Reading> {
    readings.iter().rev().find(|reading| reading.adopted)
}

fn energy_kwh(pulses: i64, imp_per_kwh: f64) -> f64 {
    pulses as f64 / imp_per_kwh
}

/// How a reading differs from what was counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// What the pulses since the last adopted reading come to, in kWh.
    pub expected_kwh: f64,
    /// The reading less that, in kWh: positive where pulses were missed.
    pub kwh: f64,
    /// The same in pulses.
    pub pulses: f64,
    /// In per cent of what was consumed since; None: nothing was.
    pub percent: Option<f64>,
    /// It is less than one unit of the last digit on the face.
    pub is_rounding: bool,
    /// It is too large for pulses that were missed: a slip of the pen, another meter, or another imp_per_kwh.
    pub is_implausible: bool,
}

/// More than this, in kWh, and more than a tenth of what was counted, is not taken for pulses that were missed.
const PLAUSIBLE_KWH: f64 = 10.0;

/// Compares a reading with the earlier ones. `decimals`: how many digits behind the point it has. None: there
/// is nothing to compare with.
pub fn drift(earlier: &[Reading], reading: &Reading, decimals: usize) -> Option<Drift> {
    let base = base(earlier)?;
    let expected_kwh = kwh(earlier, reading.pulses)?;
    let round_kwh = gone_round_kwh(base.kwh, reading.kwh, expected_kwh);
    let by_kwh = reading.kwh + round_kwh - expected_kwh;
    let consumed_kwh = reading.kwh + round_kwh - base.kwh;
    let digits = i32::try_from(decimals).unwrap_or(0);
    Some(Drift {
        expected_kwh,
        kwh: by_kwh,
        pulses: by_kwh * base.imp_per_kwh,
        percent: (consumed_kwh > 0.0).then(|| by_kwh / consumed_kwh * 100.0),
        is_rounding: by_kwh.abs() <= 10f64.powi(-digits),
        is_implausible: by_kwh.abs() > PLAUSIBLE_KWH.max((expected_kwh - base.kwh) / 10.0),
    })
}

/// How much a face has lost that has gone round since `base`, such as 100000 kWh from 99999.5 to 00000.5; 0: it has
/// not. It goes round at a power of ten, and then shows about what was counted, less that.
fn gone_round_kwh(base: f64, shown: f64, expected: f64) -> f64 {
    if shown >= base {
        return 0.0;
    }
    let rounds = (3..=9).map(|digits| 10f64.powi(digits));
    let fits = |round: &f64| base < *round && (shown + round - expected).abs() < round / 20.0;
    rounds.into_iter().find(fits).unwrap_or(0.0)
}

/// A reading as people write it: `12345.6` or `12345,6`. Returns it with the number of its decimals.
///
/// # Errors
/// A sentence for the person who wrote it.
pub fn parse_kwh(text: &str) -> Result<(f64, usize), String> {
    let wrong = || format!("`{text}` is not what a meter shows in kWh, such as 12345.6");
    let plain = text.trim().replace(',', ".");
    let (whole, decimals) = plain.split_once('.').unwrap_or((&plain, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > 9
        || decimals.len() > 6
        || !digits(whole)
        || !digits(decimals)
    {
        return Err(wrong());
    }
    let kwh = plain.trim_end_matches('.').parse().map_err(|_| wrong())?;
    Ok((kwh, decimals.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(pulses: i64, kwh: f64, adopted: bool) -> Reading {
        Reading {
            at_ns: pulses,
            pulses,
            kwh,
            imp_per_kwh: 1_000.0,
            adopted,
        }
    }

    #[test]
    fn the_register_is_the_last_adopted_reading_and_what_was_counted_since() {
        let all = [
            reading(100, 50.0, true),
            reading(2_000, 60.0, true),
            reading(3_000, 99.0, false),
        ];
        assert_eq!(kwh(&all, 2_500), Some(60.5));
        assert_eq!(kwh(&all[..1], 100), Some(50.0));
        assert_eq!(kwh(&all[2..], 100), None, "a note is no register");
    }

    #[test]
    fn drift_is_what_the_face_has_more() {
        let base = [reading(0, 100.0, true)];
        let missed = drift(&base, &reading(9_900, 110.0, false), 1).unwrap();
        assert!((missed.kwh - 0.1).abs() < 1e-9 && (missed.pulses - 100.0).abs() < 1e-6);
        assert!((missed.percent.unwrap() - 1.0).abs() < 1e-9);
        assert!(missed.is_rounding, "within the last digit");
        let extra = drift(&base, &reading(11_000, 110.0, false), 1).unwrap();
        assert!(extra.kwh < -0.99 && !extra.is_rounding);
        assert_eq!(
            drift(&base, &reading(0, 100.0, false), 0).unwrap().percent,
            None
        );
        assert_eq!(drift(&[], &reading(0, 100.0, false), 0), None);
    }

    #[test]
    fn a_face_that_goes_round_has_lost_nothing() {
        let base = [reading(0, 99_999.5, true)];
        let by = drift(&base, &reading(1_200, 0.5, false), 1).unwrap();
        assert!((by.kwh + 0.2).abs() < 1e-6 && !by.is_implausible, "{by:?}");
        // Six digits do not.
        let by = drift(&base, &reading(1_200, 100_000.5, false), 1).unwrap();
        assert!((by.kwh + 0.2).abs() < 1e-6, "{by:?}");
        // Four digits do.
        let by = drift(
            &[reading(0, 9_990.0, true)],
            &reading(25_000, 16.0, false),
            0,
        )
        .unwrap();
        assert!((by.kwh - 1.0).abs() < 1e-6 && by.is_rounding, "{by:?}");
        // A slip of the pen is none.
        let by = drift(&[reading(0, 12_345.6, true)], &reading(10, 5.0, false), 0).unwrap();
        assert!(by.kwh < -12_000.0 && by.is_implausible, "{by:?}");
    }

    #[test]
    fn what_pulses_that_were_missed_cannot_explain_is_implausible() {
        let by = |pulses: i64, shown: f64| {
            let base = [reading(0, 500.0, true)];
            drift(&base, &reading(pulses, shown, false), 1)
                .unwrap()
                .is_implausible
        };
        assert!(!by(100_000, 609.0), "9 kWh of 100");
        assert!(by(100_000, 511.0) && by(100_000, 611.0), "11 kWh of 100");
        assert!(!by(0, 509.0) && by(0, 511.0), "nothing was counted");
        assert!(!by(4_000_000, 4_890.0), "a tenth of much");
    }

    #[test]
    fn readings_are_written_as_they_stand() {
        assert_eq!(parse_kwh("12345.6"), Ok((12_345.6, 1)));
        assert_eq!(parse_kwh(" 012345,67"), Ok((12_345.67, 2)));
        assert_eq!(parse_kwh("7"), Ok((7.0, 0)));
        for wrong in [
            "",
            "-1",
            "1e5",
            "1.2.3",
            ".5",
            "12 kWh",
            "9999999999",
            "NaN",
        ] {
            assert!(parse_kwh(wrong).is_err(), "{wrong}");
        }
    }
}
