//! Whether a meter's filter fits what comes on its line: most of what looks like pulses is counted, and
//! what is counted is no more than can flow through the meter. Pure.

use serde::{Deserialize, Serialize};

use super::words::{self, Word};
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
    #[serde(default, deserialize_with = "words::too_many")]
    pub too_many: Option<Word>,
    /// The power in watts that the latest pulses mean, where it is more than can flow through the meter.
    pub excess_w: Option<u32>,
}

impl FilterStatus {
    /// Judges a tally.
    pub fn of(tally: &FilterTally) -> FilterStatus {
        let causes = [
            ("bounce", tally.bounce),
            ("width", tally.width),
            ("long", tally.long),
            ("interval", tally.interval),
            ("merged", tally.merged),
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
            too_many: most.map(|(cause, _)| *cause).filter(|_| too_many),
            excess_w: tally.excess_w,
        }
    }

    /// The machine words of what is not as it should be.
    pub fn words(&self) -> impl Iterator<Item = &'static str> + use<> {
        let rejected = self.too_many.map(|cause| match cause {
            "bounce" => "rejected_bounce",
            "width" => "rejected_width",
            "long" => "rejected_long",
            "interval" => "rejected_interval",
            _ => "rejected_merged",
        });
        rejected
            .into_iter()
            .chain(self.excess_w.map(|_| "power_implausible"))
    }
}

/// What such a word means, and which key of the meter to look at. None: it is a word of something else.
pub fn sentence(word: &str) -> Option<&'static str> {
    Some(match word {
        "rejected_bounce" => {
            "many short pulses are rejected because their level does not stay for bounce_ms: make bounce_ms smaller \
             if the meter gives such; if not, the wire catches interference"
        }
        "rejected_width" => {
            "many pulses are rejected because they are shorter than min_width_ms: make min_width_ms smaller"
        }
        "rejected_long" => {
            "many pulses are rejected because they are longer than max_width_ms: make max_width_ms larger, or look \
             whether bias and active are right"
        }
        "rejected_interval" => {
            "many pulses are rejected because they come within min_interval_ms of the one before: make \
             min_interval_ms smaller if the meter gives so many; if its contact bounces, make bounce_ms larger"
        }
        "rejected_merged" => {
            "many transitions are too short for the chip to see: the wire catches interference (bounce_ms rejects \
             it, a capacitor keeps it away), or the pulses are shorter than the chip can follow"
        }
        "power_implausible" => {
            "its pulses mean more power than can flow through it (max_power_kw): an open or unshielded wire that \
             catches the mains' hum, a contact that bounces longer than bounce_ms, or an imp_per_kwh that is not \
             the meter's (1000 where none is set)"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(tally: FilterTally) -> Vec<&'static str> {
        FilterStatus::of(&tally).words().collect()
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
            let found = words(tally);
            assert_eq!(found.len(), 1, "{tally:?}");
            let sentence = sentence(found[0]).unwrap();
            assert!(sentence.contains(key), "{sentence}");
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
            assert_eq!(words(tally), Vec::<&str>::new(), "{tally:?}");
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
        assert_eq!(words(hum), ["rejected_interval", "power_implausible"]);
        assert_eq!(sentence("meter_silent"), None);
    }
}
