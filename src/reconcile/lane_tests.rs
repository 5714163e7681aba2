//! Tests of a lane: what it compares, in which order, and that nothing makes a look shorter.

use proptest::prelude::*;

use super::*;
use crate::model::View;

const H: i64 = 3_600;
const HOUR: Tier = Tier::View(View::Hour);

fn lane(level: Tier, until: Option<i64>) -> Lane {
    let known = Compared {
        until_s: until.map(|hour| hour * H),
        ..Compared::default()
    };
    Lane::new(level, known, 5_000)
}

fn bounds(oldest: i64, edge: i64) -> Bounds {
    Bounds {
        oldest_s: oldest * H,
        edge_s: edge * H,
        settled_s: edge * H,
    }
}

/// A look at `now`, with windows up to the edge.
fn look_back(lane: &mut Lane, edge: i64, now: i64) {
    lane.look_back(Some((edge - 1) * H), bounds(0, edge), now * H);
}

fn go_on(lane: &mut Lane, bounds: Bounds) -> Option<Stretch> {
    let stretch = lane.next(Vec::new(), bounds, 3, true)?;
    lane.done(&stretch, Spans::default(), bounds, bounds.edge_s);
    Some(stretch)
}

fn spans(lane: &mut Lane, edge: i64) -> Vec<(StretchKind, i64, i64)> {
    let stretches = std::iter::from_fn(|| go_on(lane, bounds(0, edge)));
    stretches
        .map(|stretch| (stretch.kind, stretch.from_s / H, stretch.to_s / H))
        .collect()
}

#[test]
fn a_new_lane_begins_with_the_oldest_window_and_goes_ahead() {
    let mut lane = lane(HOUR, None);
    assert_eq!(spans(&mut lane, 10), [(StretchKind::Ahead, 0, 10)]);
    assert_eq!(spans(&mut lane, 11), [(StretchKind::Ahead, 10, 11)]);
    assert_eq!(spans(&mut lane, 11), []);
    assert_eq!(lane.known.span(), Some((0, 11 * H)));
}

#[test]
fn two_days_are_looked_at_and_everything_once_a_week() {
    let mut lane = lane(HOUR, Some(500));
    lane.known.all_s = 400 * H;
    look_back(&mut lane, 500, 500);
    assert_eq!(lane.known.span(), None, "nothing of it is known yet");
    assert_eq!(spans(&mut lane, 500), [(StretchKind::Look, 452, 500)]);
    assert_eq!(lane.known.span(), Some((452 * H, 500 * H)));
    look_back(&mut lane, 500, 400 + 7 * 24);
    assert_eq!(spans(&mut lane, 500), [(StretchKind::Look, 0, 500)]);
    assert_eq!(lane.known.span(), Some((0, 500 * H)));
    // Whenever that was, it was not in the future.
    lane.known.all_s = 9_000 * H;
    look_back(&mut lane, 500, 600);
    assert_eq!(spans(&mut lane, 500), [(StretchKind::Look, 0, 500)]);
}

#[test]
fn hours_without_a_pulse_prove_nothing() {
    let mut lane = lane(HOUR, Some(500));
    lane.known.all_s = 500 * H;
    lane.look_back(Some(300 * H), bounds(0, 500), 500 * H);
    assert_eq!(spans(&mut lane, 500), [(StretchKind::Look, 253, 500)]);
}

#[test]
fn where_something_was_missing_all_that_is_older_is_looked_at() {
    let mut lane = lane(HOUR, Some(500));
    lane.known.all_s = 500 * H;
    look_back(&mut lane, 500, 500);
    let stretch = lane.next(Vec::new(), bounds(20, 500), 3, true).unwrap();
    assert!(lane.deepen(&stretch, bounds(20, 500)));
    assert_eq!(lane.keeping, Keeping::Span(20 * H, 452 * H));
    assert!(lane.looked().at_once);
    // Killed before the stretch was compared to its end; or after, it is all the same.
    let known = lane.known.clone();
    let mut again = Lane::new(HOUR, known, 5_000);
    assert!(!again.deepen(&stretch, bounds(20, 500)), "it is known");
    look_back(&mut again, 510, 510);
    let mut least = 500 * H;
    while let Some(stretch) = go_on(&mut again, bounds(20, 510)) {
        least = least.min(stretch.from_s);
    }
    assert_eq!(least, 20 * H);
}

#[test]
fn long_stretches_are_cut_and_a_slow_server_is_asked_for_less() {
    let mut lane = lane(Tier::View(View::Minute), None);
    let all = spans(&mut lane, 100);
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|(_, from, to)| to - from <= 34));
    lane.known.to_look.add(0, 100 * H);
    for _ in 0..9 {
        lane.ask_for_less();
    }
    let stretch = go_on(&mut lane, bounds(0, 100)).unwrap();
    assert_eq!(stretch.to_s - stretch.from_s, H);
    for _ in 0..9 {
        lane.known.to_look.add(0, 100 * H);
        while go_on(&mut lane, bounds(0, 100)).is_some() {}
    }
    lane.known.to_look.add(0, 100 * H);
    let stretch = go_on(&mut lane, bounds(0, 100)).unwrap();
    assert!(stretch.to_s - stretch.from_s > 10 * H, "it has grown again");
}

#[test]
fn changed_windows_come_first_and_once() {
    let mut lane = lane(HOUR, Some(100));
    let changed = |start: i64, roll| Changed {
        start_s: start * H,
        roll,
    };
    let mut next = |mut all: Vec<Changed>, oldest| {
        let bounds = bounds(oldest, 100);
        let gone = lane.forget(&mut all, bounds.oldest_s);
        let stretch = lane.next(all, bounds, 3, true);
        if let Some(stretch) = &stretch {
            lane.done(stretch, Spans::default(), bounds, 100 * H);
        }
        (gone, stretch)
    };
    let first = vec![changed(3, 1), changed(9, 2), changed(9_000, 3)];
    let (_, stretch) = next(first.clone(), 0);
    let stretch = stretch.unwrap();
    assert_eq!((stretch.from_s, stretch.to_s), (3 * H, 10 * H));
    assert_eq!(stretch.changed, first[..2]);
    let (_, stretch) = next(first, 0);
    assert_eq!(stretch.unwrap().changed, [changed(9_000, 3)]);
    let (_, stretch) = next(vec![changed(9, 4)], 0);
    let again = stretch.unwrap();
    assert_eq!((again.kind, again.from_s), (StretchKind::Changed, 9 * H));
    // The server does not keep them any more: they are not compared, and not forgotten either.
    let (gone, stretch) = next(vec![changed(9, 5), changed(12, 6)], 12);
    assert_eq!(gone, [changed(9, 5)]);
    assert_eq!(stretch.unwrap().changed, [changed(12, 6)]);
}

#[test]
fn what_was_written_while_it_was_young_is_looked_at_when_it_is_settled() {
    let mut lane = lane(HOUR, Some(100));
    lane.known.all_s = 100 * H;
    let at = |edge: i64, settled: i64| Bounds {
        oldest_s: 0,
        edge_s: edge * H,
        settled_s: settled * H,
    };
    assert_eq!(
        go_on(&mut lane, at(104, 101)).unwrap().kind,
        StretchKind::Ahead
    );
    assert_eq!(go_on(&mut lane, at(104, 101)), None);
    let stretch = go_on(&mut lane, at(104, 103)).unwrap();
    assert_eq!(
        (stretch.kind, stretch.from_s, stretch.to_s),
        (StretchKind::Look, 101 * H, 103 * H)
    );
    // What can be said meanwhile ends where that begins.
    assert_eq!(lane.known.span(), Some((0, 103 * H)));
}

#[test]
fn a_look_reaches_as_far_as_was_compared_while_the_clock_was_ahead_but_for_years() {
    let mut ahead = lane(HOUR, Some(105));
    ahead.known.all_s = 100 * H;
    look_back(&mut ahead, 100, 100);
    assert_eq!(spans(&mut ahead, 100), [(StretchKind::Look, 52, 100)]);
    let rest = [
        (StretchKind::Ahead, 105, 110),
        (StretchKind::Look, 100, 105),
    ];
    assert_eq!(spans(&mut ahead, 110), rest);
    let mut years = lane(HOUR, Some(20_000));
    years.known.all_s = 100 * H;
    look_back(&mut years, 100, 100);
    assert_eq!(spans(&mut years, 100), [(StretchKind::Look, 52, 100)]);
    assert_eq!(years.known.to_look, Spans::default());
}

proptest! {
    /// Whatever interrupts a look, and whatever is forgotten then: once all is quiet, everything that was
    /// to be looked at has been.
    #[test]
    fn nothing_makes_a_look_shorter(ops in prop::collection::vec((0u8..5, 1i64..90), 0..60)) {
        let mut lane = lane(HOUR, Some(400));
        let mut kept = lane.known.clone();
        let mut wanted = Spans::default();
        let mut now = 400;
        for (op, n) in ops {
            let bounds = bounds(0, 400);
            match op {
                // The process dies: it goes on with what was kept, which may be old.
                0 => {
                    lane = Lane::new(HOUR, kept.clone(), 5_000);
                    look_back(&mut lane, 400, now);
                    wanted.add(352 * H, 400 * H);
                }
                1 => {
                    now += n;
                    look_back(&mut lane, 400, now);
                    wanted.add(352 * H, 400 * H);
                }
                // A stretch in which something is missing: kept before it is mended.
                2 => {
                    if let Some(stretch) = lane.next(Vec::new(), bounds, 3, true) {
                        lane.deepen(&stretch, bounds);
                        kept = lane.known.clone();
                        lane.done(&stretch, Spans::default(), bounds, now * H);
                        wanted.add(0, stretch.from_s);
                        wanted.remove(stretch.from_s, stretch.to_s);
                    }
                }
                3 => kept = lane.known.clone(),
                _ => {
                    if let Some(stretch) = go_on(&mut lane, bounds) {
                        wanted.remove(stretch.from_s, stretch.to_s);
                    }
                }
            }
            for (from_s, to_s) in wanted.iter() {
                prop_assert!(lane.known.to_look.covers(from_s, to_s), "{:?}", lane.known);
            }
        }
    }
}

#[test]
fn a_lane_that_a_wrong_year_has_led_too_far_comes_back() {
    let mut lane = lane(HOUR, Some(100));
    lane.pull_back(70 * H);
    assert_eq!(lane.known.until_s, Some(100 * H), "hours are no matter");
    lane.known.until_s = Some(90_000 * H);
    lane.catch_up_s = Some(90_001 * H);
    lane.pull_back(104 * H);
    assert_eq!(lane.catch_up_s, None, "nor is it in a hurry until then");
    let stretch = go_on(&mut lane, bounds(0, 105)).unwrap();
    assert_eq!(
        (stretch.kind, stretch.from_s),
        (StretchKind::Ahead, 104 * H)
    );
}

fn changed(hour: i64) -> Changed {
    Changed {
        start_s: hour * H,
        roll: 1,
    }
}

fn lacking(hour: i64) -> Difference {
    Difference {
        meter: "Import".to_owned(),
        start_s: hour * H,
        journal: 5,
        raw: None,
        found: 0,
        verdict: WindowVerdict::Write(5),
        strays: Vec::new(),
        failed: None,
    }
}

#[test]
fn what_is_missing_beside_changed_windows_leads_to_a_look_at_everything() {
    let mut lane = lane(HOUR, Some(500));
    lane.known.all_s = 500 * H;
    let due = vec![changed(300), changed(490)];
    let stretch = lane.next(due, bounds(20, 500), 3, true).unwrap();
    assert_eq!(stretch.kind, StretchKind::Changed);
    assert!(!lane.is_a_loss(&stretch, &lacking(300)), "it has changed");
    assert!(lane.is_a_loss(&stretch, &lacking(400)));
    assert!(lane.deepen(&stretch, bounds(20, 500)));
    assert_eq!(lane.keeping, Keeping::Span(20 * H, 500 * H));
    // Also what was compared while the clock was ahead, but not by years.
    for (until, end) in [(520, 520), (9_000, 480)] {
        let mut lane = self::lane(HOUR, Some(until));
        assert!(lane.deepen(&stretch, bounds(20, 480)));
        assert_eq!(lane.keeping, Keeping::Span(20 * H, end * H));
    }
    // What is due for the first time may be missing, and may be more than we know.
    let ahead = Stretch {
        kind: StretchKind::Ahead,
        ..stretch.clone()
    };
    assert!(!lane.is_a_loss(&ahead, &lacking(400)));
    let foreign = Difference {
        verdict: WindowVerdict::Foreign,
        ..lacking(400)
    };
    assert!(!lane.is_a_loss(&stretch, &foreign));
}

#[test]
fn a_day_that_is_not_taken_waits_and_the_rest_goes_on() {
    let mut lane = lane(HOUR, Some(480));
    lane.known.all_s = 480 * H;
    // Hours 480 to 503 are a day.
    let ahead = lane.next(Vec::new(), bounds(0, 500), 3, true).unwrap();
    lane.held.hold((485 * H, 487 * H), 0, 1_000);
    lane.held.look(0);
    lane.done(&ahead, Spans::default(), bounds(0, 500), 500 * H);
    assert_eq!(lane.known.until_s, Some(500 * H), "it goes on behind it");
    assert_eq!(lane.known.span(), Some((487 * H, 500 * H)));
    assert_eq!(spans(&mut lane, 500), []);
    look_back(&mut lane, 500, 500);
    assert_eq!(spans(&mut lane, 500), [(StretchKind::Look, 452, 480)]);
    // It is its turn: still refused, which is no loss.
    lane.held.look(1_000);
    let again = lane.next(Vec::new(), bounds(0, 500), 3, true).unwrap();
    assert_eq!((again.from_s, again.to_s), (480 * H, 500 * H));
    assert!(!lane.is_a_loss(&again, &lacking(485)) && lane.is_a_loss(&again, &lacking(487)));
    lane.held.compared(again.from_s, again.to_s);
    lane.held.hold((485 * H, 486 * H), 1_000, 2_000);
    lane.held.look(1_000);
    lane.done(&again, Spans::default(), bounds(0, 500), 500 * H);
    assert_eq!(spans(&mut lane, 500), []);
    assert_eq!(lane.known.to_look, Spans::new([(485 * H, 486 * H)]));
    lane.held.look(2_000);
    let last = lane.next(Vec::new(), bounds(0, 500), 3, true).unwrap();
    assert_eq!((last.from_s, last.to_s), (485 * H, 486 * H));
    lane.held.compared(last.from_s, last.to_s);
    lane.done(&last, Spans::default(), bounds(0, 500), 500 * H);
    assert!(lane.known.to_look.is_empty());
}
