//! The register of a meter: the kilowatt-hours on its face, from a reading and the pulses counted since.
//! Pure.

use crate::journal::registers::Reading;

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
}

/// Compares a reading with the earlier ones. `decimals`: how many digits behind the point it has. None: there
/// is nothing to compare with.
pub fn drift(earlier: &[Reading], reading: &Reading, decimals: usize) -> Option<Drift> {
    let base = base(earlier)?;
    let expected_kwh = kwh(earlier, reading.pulses)?;
    let by_kwh = reading.kwh - expected_kwh;
    let consumed_kwh = reading.kwh - base.kwh;
    let digits = i32::try_from(decimals).unwrap_or(0);
    Some(Drift {
        expected_kwh,
        kwh: by_kwh,
        pulses: by_kwh * base.imp_per_kwh,
        percent: (consumed_kwh > 0.0).then(|| by_kwh / consumed_kwh * 100.0),
        is_rounding: by_kwh.abs() <= 10f64.powi(-digits),
    })
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
