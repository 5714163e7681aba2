//! At once, in a digest, after the quiet hours; each receiver for itself.

use super::*;
use crate::model::{Alarm, WallNs};

fn event(id: i64, severity: Severity, is_end: bool) -> AlarmEvent {
    AlarmEvent {
        id,
        at_ns: WallNs(id),
        is_end,
        alarm: Alarm {
            word: "delivery_fails".to_owned(),
            subject: String::new(),
            severity: severity.as_str().to_owned(),
            since_ns: WallNs(0),
            sentence: String::new(),
            remedy: String::new(),
        },
        waits_for: ["a", "b"].map(str::to_owned).into(),
    }
}

fn warning(id: i64) -> AlarmEvent {
    event(id, Severity::Warning, false)
}

fn desk(digest_s: i64, wakes: bool) -> AlarmDesk {
    let mut desk = AlarmDesk::default();
    desk.use_settings(digest_s * NS_PER_S, wakes);
    desk
}

fn at(now_s: i64, is_quiet: bool) -> DeskTime {
    DeskTime {
        now_ns: now_s * NS_PER_S,
        is_quiet,
    }
}

fn ids(desk: &AlarmDesk, receiver: &str, time: DeskTime) -> Vec<i64> {
    let batch = desk.batch(receiver, time);
    batch.iter().map(|event| event.id).collect()
}

#[test]
fn each_receiver_is_told_all_once() {
    let mut desk = desk(0, true);
    desk.add(warning(1), 0);
    desk.add(warning(2), 0);
    let batch = desk.batch("a", at(0, false));
    assert_eq!(batch.len(), 2);
    desk.told("a", &batch);
    assert!(ids(&desk, "a", at(1, false)).is_empty());
    assert_eq!(desk.due_in_ns("a", at(1, false)), None);
    assert_eq!(ids(&desk, "b", at(1, false)), [1, 2]);
    desk.told("b", &batch);
    assert_eq!(desk.events().len(), 0);
}

#[test]
fn a_digest_waits_for_more_and_what_is_critical_does_not() {
    let mut desk = desk(600, true);
    desk.add(warning(1), 0);
    assert!(ids(&desk, "a", at(599, false)).is_empty());
    assert_eq!(desk.due_in_ns("a", at(599, false)), Some(NS_PER_S));
    desk.add(event(2, Severity::Critical, true), 500 * NS_PER_S);
    assert!(
        ids(&desk, "a", at(599, false)).is_empty(),
        "an end can wait"
    );
    assert_eq!(ids(&desk, "a", at(600, false)), [1, 2]);
    desk.add(event(3, Severity::Critical, false), 501 * NS_PER_S);
    assert_eq!(
        ids(&desk, "a", at(501, false)),
        [1, 2, 3],
        "what waits goes along"
    );
}

#[test]
fn quiet_hours_hold_what_is_not_critical() {
    let mut wakes = desk(0, true);
    wakes.add(warning(1), 0);
    assert!(ids(&wakes, "a", at(0, true)).is_empty());
    assert_eq!(wakes.due_in_ns("a", at(0, true)), Some(QUIET_LOOK_NS));
    wakes.add(event(2, Severity::Critical, false), 0);
    wakes.add(event(3, Severity::Critical, true), 0);
    assert_eq!(ids(&wakes, "a", at(0, true)), [2]);
    assert_eq!(ids(&wakes, "a", at(0, false)), [1, 2, 3]);
    let mut sleeps = desk(0, false);
    sleeps.add(event(4, Severity::Critical, false), 0);
    assert!(ids(&sleeps, "a", at(0, true)).is_empty());
    assert_eq!(ids(&sleeps, "a", at(1, false)), [4]);
}

#[test]
fn what_an_earlier_run_left_comes_first_and_waits_for_no_digest() {
    let mut desk = desk(600, true);
    desk.add(warning(9), 0);
    assert_eq!(desk.restore(vec![warning(1), warning(2)], 2), 9);
    assert_eq!(ids(&desk, "a", at(1, false)), [1, 2, 9]);
    assert!(
        ids(&desk, "a", at(1, true)).is_empty(),
        "quiet hours are quiet"
    );
}

#[test]
fn what_has_come_since_has_greater_numbers_than_what_an_earlier_run_left() {
    let mut desk = desk(0, true);
    for id in [4, 5, 7, 20] {
        desk.add(warning(id), 0);
    }
    assert_eq!(desk.restore(vec![warning(5)], 6), 20);
    assert_eq!(ids(&desk, "a", at(1, false)), [5, 7, 8, 9, 20]);
}

#[test]
fn receivers_that_are_gone_are_not_waited_for() {
    let mut desk = desk(0, true);
    desk.add(warning(1), 0);
    desk.keep_only(&BTreeSet::from(["b".to_owned()]));
    assert!(ids(&desk, "a", at(0, false)).is_empty());
    desk.keep_only(&BTreeSet::new());
    assert_eq!(desk.events().len(), 0);
    let nobody = AlarmEvent {
        waits_for: BTreeSet::new(),
        ..warning(2)
    };
    desk.add(nobody, 0);
    assert_eq!(desk.events().len(), 0);
}

#[test]
fn the_oldest_of_too_many_is_given_up_and_counted_and_a_message_is_bounded() {
    let mut desk = desk(0, true);
    for id in 0..=i64::try_from(WAITING_MAX).unwrap() {
        desk.add(warning(id), 0);
    }
    assert_eq!((desk.events().len(), desk.given_up()), (WAITING_MAX, 1));
    let batch = ids(&desk, "a", at(0, false));
    assert_eq!((batch[0], batch.len()), (1, BATCH_MAX));
}
