//! Which ids to send next. Pure.
//!
//! A backlog goes out oldest first, and new pulses do not queue behind it: while there is more
//! than one batch to send, the newest ones get a request of their own every few seconds. What was
//! sent that way is a range of its own in [`IdRanges`] until the backlog has caught up with it.

use crate::journal::IdRanges;
use crate::model::{IdRange, PulseId};

/// More ranges than this mean that live requests cannot keep up; then there is one lane.
const RANGES_MAX: usize = 64;

/// What to send next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Which ids.
    pub ids: IdRange,
    /// It holds the newest pulses.
    pub live: bool,
}

/// Chooses among what is not in `done` up to `newest`; `lines_max` go into a request. `live_due`:
/// the last live request was long enough ago.
pub fn next(done: &IdRanges, newest: PulseId, lines_max: i64, live_due: bool) -> Option<Span> {
    let all = IdRange::up_to(newest);
    let gaps = done.gaps(all);
    let (oldest, youngest) = (*gaps.first()?, *gaps.last()?);
    let backlog = done.missing(all) > lines_max;
    if backlog && live_due && youngest.last == newest && done.ranges().len() < RANGES_MAX {
        let first = youngest.first.max(newest - (lines_max - 1));
        return Some(Span {
            ids: IdRange::new(first, newest),
            live: true,
        });
    }
    let last = oldest.last.min(oldest.first + (lines_max - 1));
    Some(Span {
        ids: IdRange::new(oldest.first, last),
        live: last == newest,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_a_backlog_there_is_one_lane() {
        let done = IdRanges::from_ranges([IdRange::of(1, 90)]);
        let want = Some(Span {
            ids: IdRange::of(91, 100),
            live: true,
        });
        assert_eq!(next(&done, PulseId(100), 10, true), want);
        assert_eq!(next(&done, PulseId(100), 10, false), want);
        assert_eq!(next(&done, PulseId(90), 10, true), None);
    }

    #[test]
    fn new_pulses_overtake_a_backlog() {
        let mut done = IdRanges::from_ranges([IdRange::of(1, 10)]);
        let live = next(&done, PulseId(1_000), 100, true).unwrap();
        assert_eq!(
            live,
            Span {
                ids: IdRange::of(901, 1_000),
                live: true
            }
        );
        done.add(live.ids);
        let oldest = next(&done, PulseId(1_020), 100, false).unwrap();
        assert_eq!(
            oldest,
            Span {
                ids: IdRange::of(11, 110),
                live: false
            }
        );
        let live = next(&done, PulseId(1_020), 100, true).unwrap();
        assert_eq!(
            live,
            Span {
                ids: IdRange::of(1_001, 1_020),
                live: true
            },
            "closes up with the first"
        );
    }

    proptest! {
        #[test]
        fn everything_goes_out_once_whatever_the_turns(
            newest in 1i64..500,
            lines_max in 1i64..50,
            turns in prop::collection::vec(any::<bool>(), 1..20),
            had in prop::collection::vec((1i64..500, 0i64..50), 0..5),
        ) {
            let mut done =
                IdRanges::from_ranges(had.into_iter().map(|(first, len)| IdRange::of(first, first + len)));
            let newest = PulseId(newest);
            let mut sent = done.missing(IdRange::up_to(newest));
            for turn in turns.iter().cycle() {
                let Some(span) = next(&done, newest, lines_max, *turn) else { break };
                prop_assert!(!span.ids.is_empty() && span.ids.last <= newest);
                prop_assert!(span.ids.len() <= lines_max);
                prop_assert_eq!(done.missing(span.ids), span.ids.len());
                sent -= span.ids.len();
                done.add(span.ids);
            }
            prop_assert_eq!(sent, 0);
        }
    }
}
