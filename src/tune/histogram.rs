//! How often lengths come, in classes of equal factors. Pure.

use serde::Serialize;

/// Classes for a factor of ten.
const PER_DECADE: f64 = 6.0;

/// A class of lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Class {
    /// The shortest length in it, in nanoseconds.
    pub from_ns: i64,
    /// Below this.
    pub to_ns: i64,
    /// How many.
    pub count: u64,
}

/// The classes from the shortest length to the longest, empty ones between them too.
pub fn histogram(lengths_ns: impl IntoIterator<Item = i64>) -> Vec<Class> {
    let mut of_class = std::collections::BTreeMap::<i32, u64>::new();
    for length_ns in lengths_ns {
        *of_class.entry(class(length_ns)).or_default() += 1;
    }
    let (Some(first), Some(last)) = (of_class.keys().next(), of_class.keys().next_back()) else {
        return Vec::new();
    };
    (*first..=*last)
        .map(|at| Class {
            from_ns: begin(at),
            to_ns: begin(at + 1),
            count: of_class.get(&at).copied().unwrap_or(0),
        })
        .collect()
}

fn class(length_ns: i64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "at most 6 times 19")]
    let class = ((length_ns.max(1) as f64).log10() * PER_DECADE + 1e-9).floor() as i32;
    class
}

fn begin(class: i32) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a length in nanoseconds")]
    let begin = 10_f64.powf(f64::from(class) / PER_DECADE) as i64;
    begin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_in_one_class() {
        let lengths = [1, 999, 40_000_000, 40_500_000, 1_000_000_000, 1_000_000_001];
        let classes = histogram(lengths);
        let all: u64 = classes.iter().map(|class| class.count).sum();
        assert_eq!(all, 6);
        assert_eq!(classes.iter().map(|class| class.count).max(), Some(2));
        for pair in classes.windows(2) {
            assert_eq!(pair[0].to_ns, pair[1].from_ns);
        }
        assert!(histogram([]).is_empty());
    }
}
