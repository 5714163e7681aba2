//! Whether a meter has been silent for longer than usual, by its own history. Pure.
//!
//! What is usual is the longest run of hours without a pulse in the last four weeks: the nights of a
//! generation meter, the sunny hours of an import meter. Half as long again, and at least three hours, is
//! unusual.

use crate::model::View;
use crate::model::{NS_PER_S, WallNs};

/// So far back is looked.
const HISTORY_S: i64 = 28 * 86_400;

/// Before so much is known, nothing is unusual.
const HISTORY_MIN_S: i64 = 3 * 86_400;

/// From when on hours are needed, in seconds since 1970, if it is `now_s`.
pub fn history_from_s(now_s: i64) -> i64 {
    View::Hour.floor_s(now_s - HISTORY_S)
}

/// For how many seconds a meter may be silent; None: too little is known. `hours`: the starts of the hours
/// with pulses, in order, in seconds since 1970.
pub fn usual_s(hours: &[i64], now_s: i64) -> Option<i64> {
    let first_s = *hours.first()?;
    if now_s - first_s < HISTORY_MIN_S {
        return None;
    }
    let width_s = View::Hour.width_s();
    let apart = hours.windows(2).map(|pair| pair[1] - pair[0] - width_s);
    // Pulses may stand at the far ends of the hours on both sides.
    let longest_s = apart.max().unwrap_or(0) + 2 * width_s;
    Some(longest_s + longest_s / 2)
}

/// Whether a meter that gave its last pulse at `last_ns` is silent for longer than `usual_s`.
pub fn is_unusual(last_ns: WallNs, usual_s: i64, now_ns: WallNs) -> bool {
    now_ns - last_ns > usual_s.saturating_mul(NS_PER_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    const H: i64 = 3_600;

    #[test]
    fn nights_are_usual_and_days_are_not() {
        // Ten days of sun from 7 to 20 h.
        let hours: Vec<i64> = (0..10)
            .flat_map(|day| (7..20).map(move |hour| (day * 24 + hour) * H))
            .collect();
        let usual = usual_s(&hours, 240 * H).unwrap();
        assert!((13 * H..22 * H).contains(&usual), "{usual}");
        assert!(!is_unusual(WallNs(0), usual, WallNs::of_s(14 * H)));
        assert!(is_unusual(WallNs(0), usual, WallNs::of_s(24 * H)));
    }

    #[test]
    fn a_meter_that_never_rests_is_missed_soon() {
        let hours: Vec<i64> = (0..100).map(|hour| hour * H).collect();
        assert_eq!(usual_s(&hours, 100 * H), Some(3 * H));
    }

    #[test]
    fn too_little_history_says_nothing() {
        assert_eq!(usual_s(&[], 0), None);
        assert_eq!(usual_s(&[0, H], 2 * H), None);
    }
}
