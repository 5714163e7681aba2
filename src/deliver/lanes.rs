//! Which ids to send next. Pure.
//!
//! A backlog goes out oldest first, and new pulses do not queue behind it: while there is more
//! than one batch to send, the newest ones get a request of their own every few seconds. What was
//! sent that way is a range of its own in [`IdRanges`] until the backlog has caught up with it.

use crate::journal::IdRanges;

/// More ranges than this mean that live requests cannot keep up; then there is one lane.
const RANGES_MAX: usize = 64;

/// What to send next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first id.
    pub first: i64,
    /// The last one.
    pub last: i64,
    /// It holds the newest pulses.
    pub live: bool,
}

/// Chooses among what is not in `done` up to `newest`; `lines_max` go into a request. `live_due`:
/// the last live request was long enough ago.
pub fn next(done: &IdRanges, newest: i64, lines_max: i64, live_due: bool) -> Option<Span> {
    let gaps = done.gaps(1, newest);
    let (oldest, youngest) = (*gaps.first()?, *gaps.last()?);
    let backlog = done.missing(1, newest) > lines_max;
    if backlog && live_due && youngest.1 == newest && done.ranges().len() < RANGES_MAX {
        let first = youngest.0.max(newest - lines_max + 1);
        return Some(Span {
            first,
            last: newest,
            live: true,
        });
    }
    let last = oldest.1.min(oldest.0.saturating_add(lines_max - 1));
    Some(Span {
        first: oldest.0,
        last,
        live: last == newest,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_a_backlog_there_is_one_lane() {
        let done = IdRanges::from_ranges([(1, 90)]);
        let want = Some(Span {
            first: 91,
            last: 100,
            live: true,
        });
        assert_eq!(next(&done, 100, 10, true), want);
        assert_eq!(next(&done, 100, 10, false), want);
        assert_eq!(next(&done, 90, 10, true), None);
    }

    #[test]
    fn new_pulses_overtake_a_backlog() {
        let mut done = IdRanges::from_ranges([(1, 10)]);
        let live = next(&done, 1_000, 100, true).unwrap();
        assert_eq!(
            live,
            Span {
                first: 901,
                last: 1_000,
                live: true
            }
        );
        done.add(live.first, live.last);
        let oldest = next(&done, 1_020, 100, false).unwrap();
        assert_eq!(
            oldest,
            Span {
                first: 11,
                last: 110,
                live: false
            }
        );
        let live = next(&done, 1_020, 100, true).unwrap();
        assert_eq!(
            live,
            Span {
                first: 1_001,
                last: 1_020,
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
                IdRanges::from_ranges(had.into_iter().map(|(first, len)| (first, first + len)));
            let mut sent = done.gaps(1, newest).iter().map(|g| g.1 - g.0 + 1).sum::<i64>();
            for turn in turns.iter().cycle() {
                let Some(span) = next(&done, newest, lines_max, *turn) else { break };
                prop_assert!(span.first <= span.last && span.last <= newest);
                prop_assert!(span.last - span.first < lines_max);
                prop_assert_eq!(done.missing(span.first, span.last), span.last - span.first + 1);
                sent -= span.last - span.first + 1;
                done.add(span.first, span.last);
            }
            prop_assert_eq!(sent, 0);
        }
    }
}
