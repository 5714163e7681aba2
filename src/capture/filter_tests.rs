//! Truth tables and properties of the filter.

use proptest::prelude::*;

use super::*;
use crate::model::{MeterId, NS_PER_MS};

/// Bounce 5 ms, active low, rising counts: the defaults.
fn settings() -> FilterSettings {
    FilterSettings {
        counted: CountedEdge::Rising,
        active: Level::Low,
        bounce_ns: 5 * NS_PER_MS,
        min_width_ns: 0,
        max_width_ns: 0,
        min_interval_ns: 0,
    }
}

/// Plays a wire drawn as the instants (ms) of its edges, alternating from high, and lets it rest.
fn play(settings: FilterSettings, edges_ms: &[i64]) -> Vec<Decision> {
    let mut filter = Filter::new(settings, Level::High, 0);
    let mut out = Vec::new();
    for (n, ms) in edges_ms.iter().enumerate() {
        filter.edge(edge(n, *ms), &mut out);
    }
    let end = edges_ms.last().copied().unwrap_or(0) + 10_000;
    filter.settle(end * NS_PER_MS, &mut out);
    assert_eq!(filter.due_ns(), None, "nothing stays open");
    out
}

fn edge(n: usize, ms: i64) -> Edge {
    Edge {
        meter: MeterId(0),
        kind: if n % 2 == 0 {
            EdgeKind::Falling
        } else {
            EdgeKind::Rising
        },
        mono_ns: ms * NS_PER_MS,
        line_seqno: u32::try_from(n).unwrap() + 1,
    }
}

fn pulses_ms(out: &[Decision]) -> Vec<i64> {
    out.iter()
        .filter_map(|o| match o {
            Decision::Pulse(ns) => Some(ns / NS_PER_MS),
            _ => None,
        })
        .collect()
}

fn rejected(out: &[Decision], wanted: LossCause) -> u32 {
    out.iter()
        .map(|o| match o {
            Decision::Rejected { cause, edges, .. } if *cause == wanted => *edges,
            _ => 0,
        })
        .sum()
}

#[test]
fn a_clean_pulse_counts_at_its_counted_edge() {
    for (counted, want) in [
        (CountedEdge::Rising, vec![150]),
        (CountedEdge::Falling, vec![100]),
        (CountedEdge::Both, vec![100, 150]),
    ] {
        let out = play(
            FilterSettings {
                counted,
                ..settings()
            },
            &[100, 150],
        );
        assert_eq!(pulses_ms(&out), want, "{counted:?}");
    }
}

#[test]
fn bounces_are_one_transition_stamped_at_its_first_edge() {
    // Falls with bounces at 100, rises with bounces at 150.
    let out = play(settings(), &[100, 101, 102, 150, 151, 152, 153, 154]);
    assert_eq!(pulses_ms(&out), [150]);
    // The rising edges at 101, 152 and 154; the one at 150 stands.
    assert_eq!(rejected(&out, LossCause::Bounce), 1 + 2);
}

#[test]
fn a_spike_shorter_than_the_bounce_time_is_nothing() {
    let out = play(settings(), &[100, 104]);
    assert_eq!(pulses_ms(&out), Vec::<i64>::new());
    assert_eq!(rejected(&out, LossCause::Bounce), 1);
    assert_eq!(
        pulses_ms(&play(settings(), &[100, 105])),
        [105],
        "exactly the bounce time"
    );
}

#[test]
fn the_width_is_that_of_the_active_phase() {
    let wide = |counted| FilterSettings {
        counted,
        min_width_ns: 30 * NS_PER_MS,
        ..settings()
    };
    for counted in [CountedEdge::Rising, CountedEdge::Falling] {
        // 29 ms active, then 30 ms active; the inactive time between is short.
        let out = play(wide(counted), &[100, 129, 140, 170]);
        assert_eq!(pulses_ms(&out).len(), 1, "{counted:?}");
        assert_eq!(rejected(&out, LossCause::Width), 1, "{counted:?}");
    }
    let out = play(wide(CountedEdge::Both), &[100, 129, 140, 170]);
    assert_eq!(pulses_ms(&out), [140, 170]);
    assert_eq!(rejected(&out, LossCause::Width), 2);
    let high = FilterSettings {
        active: Level::High,
        ..wide(CountedEdge::Rising)
    };
    assert_eq!(
        pulses_ms(&play(high, &[100, 110, 140, 150, 160])),
        [110],
        "30 ms, then 10 ms high"
    );
}

#[test]
fn a_pulse_at_the_beginning_of_its_phase_waits_for_the_width() {
    let settings = FilterSettings {
        counted: CountedEdge::Falling,
        min_width_ns: 30 * NS_PER_MS,
        ..settings()
    };
    let mut filter = Filter::new(settings, Level::High, 0);
    let mut out = Vec::new();
    filter.edge(edge(0, 100), &mut out);
    assert_eq!(filter.due_ns(), Some(105 * NS_PER_MS));
    filter.settle(105 * NS_PER_MS, &mut out);
    assert_eq!(filter.due_ns(), Some(130 * NS_PER_MS));
    assert!(out.is_empty());
    filter.settle(130 * NS_PER_MS, &mut out);
    assert_eq!(out, [Decision::Pulse(100 * NS_PER_MS)]);
}

#[test]
fn a_pulse_too_soon_is_rejected_and_does_not_push_the_next_one_away() {
    let settings = FilterSettings {
        min_interval_ns: 30 * NS_PER_MS,
        ..settings()
    };
    // Pulses at 110, 130 (20 ms later: too soon), 140 (30 ms after 110).
    let out = play(settings, &[100, 110, 120, 130, 135, 140]);
    assert_eq!(pulses_ms(&out), [110, 140]);
    assert_eq!(rejected(&out, LossCause::Interval), 1);
}

#[test]
fn without_bounce_time_every_edge_is_believed_at_once() {
    let mut filter = Filter::new(
        FilterSettings {
            bounce_ns: 0,
            ..settings()
        },
        Level::High,
        0,
    );
    let mut out = Vec::new();
    filter.edge(edge(0, 100), &mut out);
    filter.edge(edge(1, 101), &mut out);
    assert_eq!(out, [Decision::Pulse(101 * NS_PER_MS)]);
    assert_eq!(filter.due_ns(), None);
}

#[test]
fn two_equal_transitions_are_a_merged_interrupt() {
    let mut filter = Filter::new(settings(), Level::High, 0);
    let mut out = Vec::new();
    let again = Edge {
        kind: EdgeKind::Rising,
        ..edge(0, 100)
    };
    filter.edge(again, &mut out);
    filter.settle(200 * NS_PER_MS, &mut out);
    assert_eq!(rejected(&out, LossCause::Merged), 1);
    assert_eq!(pulses_ms(&out), Vec::<i64>::new());
}

#[test]
fn a_gap_is_counted_by_alternation() {
    for (missing, counted, want) in [
        (4, CountedEdge::Rising, 2),
        (3, CountedEdge::Rising, 2),
        (3, CountedEdge::Falling, 1),
        (3, CountedEdge::Both, 3),
    ] {
        let mut filter = Filter::new(
            FilterSettings {
                counted,
                ..settings()
            },
            Level::High,
            0,
        );
        let mut out = Vec::new();
        filter.edge(edge(0, 100), &mut out); // falls; the next missing one rises
        out.clear();
        let kind = if missing % 2 == 0 {
            EdgeKind::Rising
        } else {
            EdgeKind::Falling
        };
        let next = Edge {
            meter: MeterId(0),
            kind,
            mono_ns: 9_000 * NS_PER_MS,
            line_seqno: 2 + missing,
        };
        filter.edge(next, &mut out);
        let gap = out.iter().find(|o| matches!(o, Decision::Gap { .. }));
        let want = Decision::Gap {
            edges: missing,
            pulses: want,
            since_ns: 100 * NS_PER_MS,
            mono_ns: next.mono_ns,
        };
        assert_eq!(gap, Some(&want), "{missing} {counted:?}");
    }
}

#[test]
fn a_gap_is_worth_no_more_than_the_filter_lets_through() {
    let settings = FilterSettings {
        min_interval_ns: 100 * NS_PER_MS,
        ..settings()
    };
    let mut filter = Filter::new(settings, Level::High, 0);
    let mut out = Vec::new();
    let next = Edge {
        line_seqno: 1001,
        ..edge(0, 1_000)
    };
    filter.edge(next, &mut out);
    let want = Decision::Gap {
        edges: 1000,
        pulses: 11,
        since_ns: 0,
        mono_ns: next.mono_ns,
    };
    assert_eq!(out.first(), Some(&want));
}

#[test]
fn a_line_requested_anew_is_no_gap() {
    let mut filter = Filter::new(settings(), Level::High, 0);
    let mut out = Vec::new();
    filter.edge(edge(0, 100), &mut out);
    filter.edge(edge(1, 150), &mut out);
    filter.line_up(Level::High, 500 * NS_PER_MS, &mut out);
    filter.edge(edge(0, 600), &mut out);
    filter.edge(edge(1, 650), &mut out);
    filter.settle(700 * NS_PER_MS, &mut out);
    assert_eq!(pulses_ms(&out), [150, 650]);
    assert!(!out.iter().any(|o| matches!(o, Decision::Gap { .. })));
}

/// All that was counted, put back by number too.
fn counted(out: &[Decision]) -> u32 {
    let pulses = out.iter().map(|outcome| match outcome {
        Decision::Pulse(_) => 1,
        Decision::Gap { pulses, .. } => *pulses,
        Decision::Rejected { .. } => 0,
    });
    pulses.sum()
}

/// A wire of `count` edges that is low and high for so many milliseconds in turn; edges with a number in
/// `missed` are not read.
fn square(
    settings: FilterSettings,
    (count, low_ms, high_ms): (usize, i64, i64),
    missed: std::ops::Range<usize>,
) -> Vec<Decision> {
    let mut filter = Filter::new(settings, Level::High, 0);
    let (mut out, mut ms) = (Vec::new(), 1_000);
    for n in 0..count {
        if !missed.contains(&n) {
            filter.edge(edge(n, ms), &mut out);
        }
        ms += if n % 2 == 0 { low_ms } else { high_ms };
    }
    filter.settle((ms + 10_000) * NS_PER_MS, &mut out);
    out
}

#[test]
fn a_gap_is_worth_what_it_held_whichever_edges_count() {
    for counts in [CountedEdge::Rising, CountedEdge::Falling, CountedEdge::Both] {
        for (bounce, width, interval, wire) in [
            (5, 0, 0, (2_000, 6, 6)),
            (5, 50, 0, (1_000, 60, 10)),
            (5, 50, 8, (1_000, 52, 9)),
            (0, 0, 0, (1_000, 1, 1)),
            (3, 0, 20, (1_000, 21, 22)),
        ] {
            let settings = FilterSettings {
                counted: counts,
                bounce_ns: bounce * NS_PER_MS,
                min_width_ns: width * NS_PER_MS,
                min_interval_ns: interval * NS_PER_MS,
                ..settings()
            };
            let whole = counted(&square(settings, wire, 0..0));
            for missed in [100..900, 101..900, 7..8, 8..400] {
                let gap = counted(&square(settings, wire, missed.clone()));
                assert_eq!(gap, whole, "{settings:?} {wire:?} {missed:?}");
            }
        }
    }
}

#[test]
fn a_phase_longer_than_the_longest_width_is_no_pulse() {
    let longest = |counted, min_ms: i64| FilterSettings {
        counted,
        min_width_ns: min_ms * NS_PER_MS,
        max_width_ns: 200 * NS_PER_MS,
        ..settings()
    };
    for min_ms in [0, 20] {
        // 40 ms, an hour, 200 ms to the very end, 201 ms.
        let wire = [
            1_000, 1_040, 5_000, 3_605_000, 3_606_000, 3_606_200, 3_607_000, 3_607_201,
        ];
        for (counted, want, long) in [
            (CountedEdge::Rising, vec![1_040, 3_606_200], 2),
            (CountedEdge::Falling, vec![1_000, 3_606_000], 2),
            (
                CountedEdge::Both,
                vec![1_000, 1_040, 3_606_000, 3_606_200],
                4,
            ),
        ] {
            let out = play(longest(counted, min_ms), &wire);
            assert_eq!(pulses_ms(&out), want, "{counted:?} {min_ms}");
            assert_eq!(
                rejected(&out, LossCause::Long),
                long,
                "{counted:?} {min_ms}"
            );
        }
    }
}

#[test]
fn a_steady_phase_that_was_under_way_at_the_request_is_no_pulse_either() {
    let settings = FilterSettings {
        max_width_ns: 200 * NS_PER_MS,
        ..settings()
    };
    for (until_ms, pulses) in [(150, 1), (5_000, 0)] {
        let mut filter = Filter::new(settings, Level::Low, 0);
        let mut out = Vec::new();
        let rises = Edge {
            line_seqno: 1,
            ..edge(1, until_ms)
        };
        filter.edge(rises, &mut out);
        filter.settle((until_ms + 100) * NS_PER_MS, &mut out);
        assert_eq!(counted(&out), pulses, "{out:?}");
    }
}

/// What of the rejected edges looks like a pulse.
fn alike(out: &[Decision]) -> u32 {
    let alike = out.iter().map(|outcome| match outcome {
        Decision::Rejected { alike, .. } => *alike,
        _ => 0,
    });
    alike.sum()
}

#[test]
fn chatter_does_not_look_like_pulses_and_short_pulses_do() {
    // A contact that bounces at both ends.
    let mut bouncing = Vec::new();
    let mut flashes = Vec::new();
    for n in 0..30 {
        let ms = n * 1_000;
        bouncing.extend([0, 1, 3, 4, 6, 50, 51, 52].map(|at| ms + at));
        flashes.extend([ms, ms + 2]);
    }
    let out = play(settings(), &bouncing);
    assert_eq!((counted(&out), alike(&out)), (30, 0));
    assert_eq!(rejected(&out, LossCause::Bounce), 30 * 3);
    let out = play(settings(), &flashes);
    assert_eq!((counted(&out), alike(&out)), (0, 30));
}

#[test]
fn what_a_burst_without_end_takes_away_is_told_while_it_goes_on() {
    // Pulses whose phases are all shorter than the bounce time.
    let settings = FilterSettings {
        bounce_ns: 100 * NS_PER_MS,
        ..settings()
    };
    let mut filter = Filter::new(settings, Level::High, 0);
    let mut out = Vec::new();
    for n in 0..1_000 {
        filter.edge(edge(n, 1_000 + 40 * i64::try_from(n).unwrap()), &mut out);
    }
    assert!(alike(&out) > 400, "{}", alike(&out));
    filter.settle(100_000 * NS_PER_MS, &mut out);
    assert_eq!(rejected(&out, LossCause::Bounce) + counted(&out), 500);
}

/// The same wire, judged without a state machine: cut it into stretches of one level, drop
/// those shorter than the bounce time that are followed by an edge, and look at what is left.
fn by_hand(edges_ms: &[i64], bounce_ms: i64) -> Vec<i64> {
    let mut stable = Level::High;
    let mut burst_since = None;
    let mut found = Vec::new();
    for (n, at) in edges_ms.iter().enumerate() {
        let level = if n % 2 == 0 { Level::Low } else { Level::High };
        let since = *burst_since.get_or_insert(*at);
        let stays = edges_ms
            .get(n + 1)
            .is_none_or(|next| next - at >= bounce_ms);
        if stays {
            burst_since = None;
            if level != stable && level == Level::High {
                found.push(since);
            }
            stable = level;
        }
    }
    found
}

fn wire() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(0i64..40, 0..60).prop_map(|steps| {
        let mut at = 0;
        steps
            .into_iter()
            .map(|step| {
                at += step;
                at
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn debounce_agrees_with_a_plain_reading_of_the_rule(edges in wire(), bounce in 1i64..10) {
        let settings = FilterSettings { bounce_ns: bounce * NS_PER_MS, ..settings() };
        prop_assert_eq!(pulses_ms(&play(settings, &edges)), by_hand(&edges, bounce));
    }

    #[test]
    fn every_counting_edge_ends_in_one_place(
        edges in wire(),
        bounce in 0i64..10,
        width in 0i64..20,
        longest in prop_oneof![Just(0i64), 20i64..40],
        interval in 0i64..50,
        counted in prop_oneof![
            Just(CountedEdge::Rising), Just(CountedEdge::Falling), Just(CountedEdge::Both)
        ],
        active in prop_oneof![Just(Level::Low), Just(Level::High)],
    ) {
        let settings = FilterSettings {
            counted,
            active,
            bounce_ns: bounce * NS_PER_MS,
            min_width_ns: width * NS_PER_MS,
            max_width_ns: longest * NS_PER_MS,
            min_interval_ns: interval * NS_PER_MS,
        };
        let out = play(settings, &edges);
        let counting = (0..edges.len())
            .filter(|n| counted.counts(edge(*n, 0).kind))
            .count();
        let rejects: u32 = LossCause::ALL.iter().map(|c| rejected(&out, *c)).sum();
        prop_assert_eq!(pulses_ms(&out).len() + rejects as usize, counting);
        let stamps = pulses_ms(&out);
        prop_assert!(stamps.windows(2).all(|w| w[1] - w[0] >= interval), "interval kept");
    }

    #[test]
    fn deciding_early_or_late_makes_no_difference(
        edges in wire(),
        longest in prop_oneof![Just(0i64), 10i64..40],
        counted in prop_oneof![
            Just(CountedEdge::Rising), Just(CountedEdge::Falling), Just(CountedEdge::Both)
        ],
        peeks in prop::collection::vec(0i64..2500, 0..30),
    ) {
        let settings = FilterSettings {
            counted,
            min_width_ns: 8 * NS_PER_MS,
            max_width_ns: longest * NS_PER_MS,
            ..settings()
        };
        let mut filter = Filter::new(settings, Level::High, 0);
        let mut out = Vec::new();
        let mut peeks = peeks;
        peeks.sort_unstable();
        for (n, ms) in edges.iter().enumerate() {
            // Time passes and is looked at, but never beyond the next edge.
            for peek in peeks.iter().filter(|p| *p < ms) {
                filter.settle(peek * NS_PER_MS, &mut out);
            }
            filter.edge(edge(n, *ms), &mut out);
        }
        filter.settle((edges.last().unwrap_or(&0) + 10_000) * NS_PER_MS, &mut out);
        prop_assert_eq!(out, play(settings, &edges));
    }
}

#[test]
fn what_cannot_have_been_remembered_is_not_sound() {
    let fresh = Filter::new(settings(), Level::Low, 1_000);
    assert!(fresh.state().is_sound(1_000));
    assert!(!fresh.state().is_sound(999), "a stamp of the future");
    for stamp in ["-9223372036854775808", "9223372036854775807", "-1"] {
        for field in ["burst_since", "active_since", "pending", "last_pulse"] {
            let mut state = serde_json::to_value(fresh.state()).unwrap();
            state[field] = serde_json::from_str(stamp).unwrap();
            let state: FilterState = serde_json::from_value(state).unwrap();
            assert!(!state.is_sound(2_000), "{field} {stamp}");
        }
    }
}
