//! Once when it begins, once when it ends, never for what does not last.

use proptest::prelude::*;

use super::*;

fn rules(after_s: u32, clear_after_s: u32) -> AlarmRules {
    AlarmRules::of(&AlarmSettings {
        after_s,
        clear_after_s,
        ..AlarmSettings::default()
    })
}

fn found(subject: &str) -> Found {
    Found {
        word: "line_not_read",
        subject: subject.to_owned(),
        severity: Severity::Critical,
        is_event: false,
        sentence: format!("{subject} is not read"),
        remedy: String::new(),
    }
}

/// Looks at a second; what was told: `+` or `-` and the subject.
fn look(machine: &mut AlarmMachine, at_s: i64, subjects: &[&str]) -> String {
    let all: Vec<Found> = subjects.iter().map(|subject| found(subject)).collect();
    let now = (at_s * NS_PER_S, WallNs::of_s(1_000 + at_s));
    let changes = machine.look(now, &all, &BTreeSet::new());
    let told = changes.iter().map(|change| {
        let sign = if change.is_end { "-" } else { "+" };
        format!("{sign}{}", change.alarm.subject)
    });
    told.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_lasts_is_told_once_and_what_is_right_again_for_long_once() {
    let mut machine = AlarmMachine::new(rules(60, 300));
    assert_eq!(look(&mut machine, 0, &["A"]), "");
    assert_eq!(machine.due_in_ns(10 * NS_PER_S), Some(50 * NS_PER_S));
    assert_eq!(look(&mut machine, 59, &["A"]), "");
    assert_eq!(look(&mut machine, 60, &["A"]), "+A");
    assert_eq!(machine.due_in_ns(0), None);
    assert_eq!(look(&mut machine, 100, &["A"]), "");
    assert_eq!(look(&mut machine, 200, &[]), "");
    assert_eq!(machine.due_in_ns(200 * NS_PER_S), Some(300 * NS_PER_S));
    assert_eq!(look(&mut machine, 499, &["A"]), "", "it was not over");
    assert_eq!(look(&mut machine, 500, &[]), "");
    assert_eq!(look(&mut machine, 799, &[]), "");
    assert_eq!(look(&mut machine, 800, &[]), "-A");
    assert_eq!(look(&mut machine, 801, &[]), "");
}

#[test]
fn what_flickers_is_not_told() {
    let mut machine = AlarmMachine::new(rules(60, 300));
    for at_s in 0..1_000 {
        let is_wrong = at_s % 50 != 0;
        let subjects: &[&str] = if is_wrong { &["A"] } else { &[] };
        assert_eq!(look(&mut machine, at_s, subjects), "");
    }
}

#[test]
fn an_event_is_told_at_once_and_two_subjects_are_two_alarms() {
    let mut machine = AlarmMachine::new(rules(60, 10));
    let event = Found {
        is_event: true,
        ..found("A")
    };
    let changes = machine.look((0, WallNs(5)), &[event, found("B")], &BTreeSet::new());
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].alarm.since_ns, WallNs(5));
    assert_eq!(look(&mut machine, 1, &["B"]), "");
    assert_eq!(look(&mut machine, 60, &["B"]), "+B -A");
}

#[test]
fn the_end_of_an_event_tells_the_last_of_it_and_that_of_a_state_its_begin() {
    let said = |is_event, sentence: &str| Found {
        is_event,
        sentence: sentence.to_owned(),
        ..found("A")
    };
    for (is_event, end) in [(true, "third"), (false, "first")] {
        let mut machine = AlarmMachine::new(rules(0, 10));
        let mut look = |at_s: i64, all: &[Found]| {
            let changes =
                machine.look((at_s * NS_PER_S, WallNs::of_s(at_s)), all, &BTreeSet::new());
            let told = changes.into_iter().map(|change| change.alarm.sentence);
            told.collect::<Vec<_>>()
        };
        assert_eq!(look(0, &[said(is_event, "first")]), ["first"]);
        assert!(look(1, &[said(is_event, "second")]).is_empty());
        assert!(look(2, &[]).is_empty());
        assert!(look(9, &[said(is_event, "third")]).is_empty());
        assert!(look(10, &[]).is_empty());
        assert_eq!(look(20, &[]), [end]);
    }
}

#[test]
fn a_reboot_does_not_repeat_what_was_told_and_tells_its_end() {
    let mut machine = AlarmMachine::new(rules(0, 5));
    assert_eq!(look(&mut machine, 0, &["A", "B"]), "+A +B");
    let kept: Vec<Alarm> = machine.standing().cloned().collect();
    let mut machine = AlarmMachine::new(rules(0, 5));
    machine.restore(kept);
    assert_eq!(look(&mut machine, 3, &["A", "C"]), "+C");
    assert_eq!(look(&mut machine, 8, &["A", "C"]), "-B");
}

#[test]
fn what_is_not_known_neither_begins_nor_ends() {
    let mut machine = AlarmMachine::new(rules(0, 0));
    machine.restore(["A", "B"].map(|subject| alarm_of(&found(subject), WallNs(7))));
    let unknown = ["A", "C"].map(|subject| found(subject).key());
    let changes = machine.look((0, WallNs(8)), &[], &BTreeSet::from(unknown));
    let ended = changes
        .iter()
        .map(|change| (change.is_end, change.alarm.subject.as_str()));
    assert_eq!(ended.collect::<Vec<_>>(), [(true, "B")]);
    assert_eq!(look(&mut machine, 1, &["A", "C"]), "+C");
    assert_eq!(look(&mut machine, 2, &["C"]), "-A");
}

#[test]
fn since_is_when_it_began_and_the_words_are_those_of_when_it_is_told() {
    let mut machine = AlarmMachine::new(rules(10, 5));
    look(&mut machine, 0, &["A"]);
    let later = Found {
        sentence: "other".to_owned(),
        ..found("A")
    };
    let changes = machine.look((10 * NS_PER_S, WallNs::of_s(1)), &[later], &BTreeSet::new());
    assert_eq!(changes[0].alarm.sentence, "other");
    assert_eq!(changes[0].alarm.since_ns, WallNs::of_s(1_000));
}

#[test]
fn what_is_only_good_to_know_is_told_when_it_is_asked_for() {
    let info = Found {
        word: "configuration_differs",
        severity: Severity::Info,
        ..found("")
    };
    let told = |settings: AlarmSettings| {
        let mut machine = AlarmMachine::new(AlarmRules::of(&settings));
        machine
            .look(
                (0, WallNs(0)),
                &[info.clone(), found("A")],
                &BTreeSet::new(),
            )
            .len()
    };
    let settings = |conditions: &[&'static str], except: &[&'static str]| AlarmSettings {
        conditions: conditions.to_vec(),
        except: except.to_vec(),
        ..AlarmSettings::default()
    };
    assert_eq!(told(settings(&[], &[])), 1);
    assert_eq!(told(settings(&["configuration_differs"], &[])), 1);
    assert_eq!(
        told(settings(&["configuration_differs", "line_not_read"], &[])),
        2
    );
    assert_eq!(told(settings(&[], &["line_not_read"])), 0);
}

#[test]
fn other_rules_forget_what_they_do_not_tell() {
    let mut machine = AlarmMachine::new(rules(0, 0));
    look(&mut machine, 0, &["A"]);
    machine.use_rules(AlarmRules {
        except: vec!["line_not_read"],
        ..rules(0, 0)
    });
    assert_eq!(machine.standing().count(), 0);
    assert_eq!(look(&mut machine, 1, &[]), "");
}

proptest! {
    /// However it flickers and whenever the machine is restarted: beginnings and ends take turns, a beginning has lasted,
    /// an end has lasted, and in the end what is told is what is.
    #[test]
    fn beginnings_and_ends_take_turns(
        is_wrong in prop::collection::vec(any::<bool>(), 1..60),
        restarts in prop::collection::vec(any::<bool>(), 60),
        step_s in 1i64..40,
    ) {
        let (after_s, clear_s) = (20i64, 50i64);
        let new = || AlarmMachine::new(rules(20, 50));
        let (mut machine, mut told, mut state_since_s) = (new(), Vec::new(), 0);
        let mut last = is_wrong[0];
        for (n, wrong) in is_wrong.iter().enumerate() {
            let at_s = i64::try_from(n).unwrap() * step_s;
            if *wrong != last {
                (last, state_since_s) = (*wrong, at_s);
            }
            if restarts[n] {
                let kept: Vec<Alarm> = machine.standing().cloned().collect();
                machine = new();
                machine.restore(kept);
            }
            let said = look(&mut machine, at_s, if *wrong { &["A"] } else { &[] });
            let lasted_s = at_s - state_since_s;
            match said.as_str() {
                "" => {}
                "+A" => prop_assert!(*wrong && lasted_s >= after_s),
                "-A" => prop_assert!(!*wrong && lasted_s >= clear_s),
                other => prop_assert!(false, "{}", other),
            }
            told.extend(Some(said).filter(|said| !said.is_empty()));
        }
        let end_s = i64::try_from(is_wrong.len()).unwrap() * step_s;
        for at_s in [end_s, end_s + 20, end_s + 70] {
            let said = look(&mut machine, at_s, if last { &["A"] } else { &[] });
            told.extend(Some(said).filter(|said| !said.is_empty()));
        }
        for (n, said) in told.iter().enumerate() {
            prop_assert_eq!(said, if n % 2 == 0 { "+A" } else { "-A" });
        }
        prop_assert_eq!(told.len() % 2 == 1, last);
    }
}
