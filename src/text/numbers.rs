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
    fn sizes_have_the_unit_that_fits() {
        assert_eq!(size(0), "0 KiB");
        assert_eq!(size(45_056), "44 KiB");
        assert_eq!(size(3 << 19), "1.5 MiB");
        assert_eq!(size(77_803 << 20), "76.0 GiB");
    }
}
