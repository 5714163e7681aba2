//! Whether a meter's filter fits what comes on its line: most of what looks like pulses is counted, and
//! what is counted is no more than can flow through the meter. Pure.

use serde::{Deserialize, Serialize, Serializer};

use super::condition::Rejection;
use super::words;
use crate::model::FilterTally;

/// More than one of so many that look like pulses is rejected: a few per cent.
const REJECTED_ONE_IN: u64 = 20;

/// Fewer are no rule: a switch that sparks, a contact that chatters once.
const REJECTED_MIN: u64 = 10;

/// Where nothing is counted at all, so many are wrong, however unlike each other they are.
const NONE_COUNTED_MIN: u64 = 100;

/// What the daemon's filter made of the latest hundreds that look like pulses, since it started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterStatus {
    /// How many looked like pulses.
    pub judged: u64,
    /// How many of them were rejected.
    pub rejected: u64,
    /// Why most of these were, where they are too many to be interference.
    #[serde(serialize_with = "as_cause", deserialize_with = "words::rejection")]
    pub too_many: Option<Rejection>,
    /// The power in watts that the latest pulses mean, where it is more than can flow through the meter.
    pub excess_w: Option<u32>,
    /// The flow in the meter's unit an hour that the latest pulses mean, where it is more than can flow through it.
    #[serde(default)]
    pub excess_flow: Option<u32>,
}

#[expect(clippy::ref_option, reason = "serde calls it like this")]
fn as_cause<S: Serializer>(value: &Option<Rejection>, serializer: S) -> Result<S::Ok, S::Error> {
    value
        .map(|rejection| rejection.cause().as_str())
        .serialize(serializer)
}

impl FilterStatus {
    /// Judges a tally.
    pub fn of(tally: &FilterTally) -> FilterStatus {
        let causes = [
            (Rejection::Bounce, tally.bounce),
            (Rejection::Width, tally.width),
            (Rejection::Long, tally.long),
            (Rejection::Interval, tally.interval),
            (Rejection::Merged, tally.merged),
        ];
        let alike: u64 = causes.iter().map(|(_, edges)| u64::from(*edges)).sum();
        let varied = u64::from(tally.varied);
        let rejected = alike + varied;
        let judged = rejected + u64::from(tally.pulses);
        let most = causes.iter().max_by_key(|(_, edges)| *edges);
        // A meter's pulses are alike. What is now of this length, now of that, is rejected rightly: interference, a
        // contact that bounces for long, a sensor at the edge of its mark.
        let is_regular =
            alike >= REJECTED_MIN && alike > 2 * varied && alike * REJECTED_ONE_IN > judged;
        let is_all = tally.pulses == 0 && rejected >= NONE_COUNTED_MIN;
        let too_many = is_regular || is_all;
        FilterStatus {
            judged,
            rejected,
            too_many: most.map(|(rejection, _)| *rejection).filter(|_| too_many),
            excess_w: tally.excess_w,
            excess_flow: tally.excess_flow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::condition::Condition;
    use super::*;

    fn too_many(tally: FilterTally) -> Option<Rejection> {
        FilterStatus::of(&tally).too_many
    }

    #[test]
    fn more_than_a_few_per_cent_are_too_many_and_their_key_is_named() {
        let counted = |pulses| FilterTally {
            pulses,
            ..FilterTally::default()
        };
        let cases = [
            (
                FilterTally {
                    bounce: 200,
                    ..counted(0)
                },
                "bounce_ms",
            ),
            (
                FilterTally {
                    bounce: 30,
                    varied: 70,
                    ..counted(0)
                },
                "bounce_ms",
            ),
            (
                FilterTally {
                    width: 12,
                    bounce: 3,
                    ..counted(100)
                },
                "min_width_ms",
            ),
            (
                FilterTally {
                    interval: 24,
                    ..counted(16)
                },
                "min_interval_ms",
            ),
            (
                FilterTally {
                    long: 30,
                    ..counted(30)
                },
                "max_width_ms",
            ),
            (
                FilterTally {
                    merged: 30,
                    ..counted(30)
                },
                "bounce_ms",
            ),
        ];
        for (tally, key) in cases {
            let (meter, rejection) = (String::new(), too_many(tally).unwrap());
            let advice = Condition::Rejected { meter, rejection }.advice();
            assert!(advice.contains(key), "{advice}");
            assert_eq!(FilterStatus::of(&tally).excess_w, None, "{tally:?}");
        }
    }

    #[test]
    fn a_filter_at_its_work_is_no_condition() {
        for tally in [
            FilterTally::default(),
            FilterTally {
                pulses: 400,
                bounce: 9,
                interval: 8,
                ..FilterTally::default()
            },
            FilterTally {
                bounce: 9,
                ..FilterTally::default()
            },
            // Interference of all lengths.
            FilterTally {
                pulses: 16,
                bounce: 16,
                varied: 32,
                ..FilterTally::default()
            },
            FilterTally {
                pulses: 11,
                bounce: 60,
                varied: 88,
                ..FilterTally::default()
            },
        ] {
            assert_eq!(too_many(tally), None, "{tally:?}");
        }
    }

    #[test]
    fn hum_is_told_beside_what_is_rejected() {
        let hum = FilterTally {
            pulses: 250,
            interval: 250,
            excess_w: Some(90_000),
            ..FilterTally::default()
        };
        assert_eq!(too_many(hum), Some(Rejection::Interval));
        assert_eq!(FilterStatus::of(&hum).excess_w, Some(90_000));
    }
}
