//! Durations as Flux writes them: `1h30m`, `-1m`, `90s`.

/// In nanoseconds; None: it is none, or one of months or years.
pub fn ns_of(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let mut ns = 0_i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit());
        let (unit, after) = rest.split_at(unit.unwrap_or(rest.len()));
        ns += count
            * match unit {
                "ns" => 1,
                "us" => 1_000,
                "ms" => 1_000_000,
                "s" => 1_000_000_000,
                "m" => 60 * 1_000_000_000,
                "h" => 3_600 * 1_000_000_000,
                "d" => 86_400 * 1_000_000_000,
                "w" => 7 * 86_400 * 1_000_000_000,
                _ => return None,
            };
        rest = after;
    }
    (!text.is_empty()).then_some(sign * ns)
}
