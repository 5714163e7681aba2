//! Numbers as people read them.

/// An integer in groups of three digits: `2,069,068`.
pub fn grouped(number: impl Into<i128>) -> String {
    let number = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if number < 0 {
        grouped.insert(0, '-');
    }
    grouped
}

/// A number with so many decimals, in groups of three digits: `12,345.678`.
pub fn grouped_to(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    match whole.parse::<i64>() {
        // The sign of what is rounded to nothing is left out.
        Ok(0) if fraction.chars().all(|c| matches!(c, '.' | '0')) => format!("0{fraction}"),
        Ok(0) => text,
        Ok(whole) => grouped(whole) + fraction,
        Err(_) => text,
    }
}

/// A decimal number as it was answered, with its digits in groups of three: `-1,234.50`.
pub fn grouped_decimal(text: &str) -> String {
    let places = text.split_once('.').map_or(0, |(_, part)| part.len());
    text.parse()
        .map_or_else(|_| text.to_owned(), |number| grouped_to(number, places))
}

/// A number of things: `1 pulse`, `2 pulses`, `12,480 pulses`.
pub fn count(number: impl Into<i128>, one: &str) -> String {
    match number.into() {
        1 => format!("1 {one}"),
        number => format!("{} {one}s", grouped(number)),
    }
}

/// Bytes, in the unit that fits: `512 KiB`, `1.5 MiB`, `76.0 GiB`.
pub fn size(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if bytes < 1 << 20 {
        format!("{} KiB", bytes.div_ceil(1 << 10))
    } else if mib < 1_024.0 {
        format!("{mib:.1} MiB")
    } else {
        format!("{:.1} GiB", mib / 1_024.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (2_069_068, "2,069,068"),
            (-12_345, "-12,345"),
            (-100, "-100"),
        ] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(
            [0, 1, 12_480].map(|number| count(number, "pulse")),
            ["0 pulses", "1 pulse", "12,480 pulses"]
        );
    }

    #[test]
    fn decimals_stand_behind_the_groups() {
        for (number, decimals, text) in [
            (12_345.678_9, 3, "12,345.679"),
            (999.999, 2, "1,000.00"),
            (0.0, 0, "0"),
            (-0.001, 2, "0.00"),
            (-0.5, 1, "-0.5"),
            (-1_234.5, 1, "-1,234.5"),
            (f64::NAN, 1, "NaN"),
        ] {
            assert_eq!(grouped_to(number, decimals), text);
        }
        for (decimal, text) in [("-1234.50", "-1,234.50"), ("7", "7"), ("x.1", "x.1")] {
            assert_eq!(grouped_decimal(decimal), text);
        }
    }

    #[test]
    fn sizes_have_the_unit_that_fits() {
        assert_eq!(size(0), "0 KiB");
        assert_eq!(size(45_056), "44 KiB");
        assert_eq!(size(3 << 19), "1.5 MiB");
        assert_eq!(size(77_803 << 20), "76.0 GiB");
    }
}
