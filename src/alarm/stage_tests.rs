//! The stage with a virtual clock, a real journal, and receivers that fail: none lost, none twice.

use std::collections::BTreeMap;

use proptest::prelude::*;

#[path = "stage_world_tests.rs"]
mod world;

use super::*;
use crate::alarm::look::{Found, Look};
use crate::config::QuietHours;
use crate::journal::Reader;
use crate::live::JournalPhase;
use crate::model::{Notice, WallNs};
use crate::status::Severity;
use world::*;

#[test]
fn a_beginning_and_an_end_are_told_once_over_reboots() {
    let mut world = World::new(settings(), &["a"]);
    world.wrong = true;
    world.pass(50);
    assert_eq!(world.told("a"), "");
    world.pass(20);
    assert_eq!(world.told("a"), "+page_not_reachable");
    assert_eq!(world.kept().standing.len(), 1);
    assert!(world.kept().waiting.is_empty());
    world.reboot();
    world.pass(600);
    assert_eq!(world.told("a"), "+page_not_reachable");
    world.wrong = false;
    world.pass(200);
    world.reboot();
    world.pass(200);
    assert_eq!(world.told("a"), "+page_not_reachable", "it begins anew");
    world.pass(200);
    assert_eq!(world.told("a"), "+page_not_reachable | -page_not_reachable");
    assert!(world.kept().standing.is_empty());
}

#[test]
fn nothing_is_told_before_it_is_kept_unless_the_disk_takes_too_long() {
    let mut world = World::new(settings(), &["a"]);
    world.pass(5);
    world.wrong = true;
    world.step();
    world.clock.advance(60 * NS_PER_S);
    for _ in 0..5 {
        let wait = world.step();
        assert!(wait <= Duration::from_millis(50), "{wait:?}");
    }
    assert_eq!(world.told("a"), "", "the writer has not come by");
    world.clock.advance(5 * NS_PER_S);
    world.step();
    assert_eq!(world.told("a"), "+page_not_reachable", "a disk that fails");
}

#[test]
fn what_was_not_told_is_told_by_the_next_run() {
    let mut world = World::new(settings(), &["a", "b"]);
    world.refuse("a", Some(None));
    world.wrong = true;
    world.pass(70);
    assert_eq!(
        (world.told("a"), world.told("b").len()),
        (String::new(), 19)
    );
    world.reboot();
    world.refuse("a", None);
    world.settle();
    assert_eq!(world.told("a"), "+page_not_reachable");
    assert_eq!(world.told("b"), "+page_not_reachable");
}

#[test]
fn a_receiver_that_fails_is_a_condition_that_others_hear_of() {
    let mut world = World::new(settings(), &["a", "b"]);
    world.refuse("a", Some(None));
    world.wrong = true;
    world.pass(60);
    world.pass(180);
    let b = world.told("b");
    assert_eq!(b, "+page_not_reachable | +alarms_fail");
    let shown = world.run.board.snapshot().alarms.unwrap();
    assert_eq!(shown.failing, [("a".to_owned(), "refused".to_owned())]);
    assert_eq!(shown.undelivered, 1, "not the one about itself");
    world.refuse("a", None);
    world.pass(400);
    assert_eq!(
        world.told("a"),
        "+page_not_reachable",
        "nothing about itself"
    );
    assert_eq!(world.told("b"), format!("{b} | -alarms_fail"));
    assert!(
        world
            .run
            .board
            .snapshot()
            .alarms
            .unwrap()
            .failing
            .is_empty()
    );
}

#[test]
fn that_the_broker_is_away_is_told_to_all_but_those_who_listen_there() {
    let mut world = World::new(settings(), &["a", MQTT]);
    let say = |world: &World, notice| world.run.board.set_broker(Some(&notice));
    say(&world, Notice::BrokerUnreachable("away".to_owned()));
    world.pass(70);
    say(&world, Notice::BrokerRefuses("wrong password".to_owned()));
    world.pass(370);
    assert!(world.kept().waiting.is_empty());
    assert_eq!(world.told(MQTT), "");
    say(&world, Notice::TopicRefused("home/status".to_owned()));
    world.pass(370);
    let refused = "+mqtt_topic_refused";
    assert_eq!(
        world.told(MQTT),
        refused,
        "the alarms' topic may be another"
    );
    for word in [
        "+mqtt_unreachable",
        "-mqtt_unreachable",
        "+mqtt_refused",
        refused,
    ] {
        assert!(
            world.told("a").contains(word),
            "{word}: {}",
            world.told("a")
        );
    }
}

#[test]
fn a_receiver_is_left_alone_for_as_long_as_it_asks() {
    let mut world = World::new(settings(), &["a"]);
    world.refuse("a", Some(Some(Duration::from_secs(300))));
    world.wrong = true;
    world.pass(65);
    let tries = || world.outside.lock().unwrap().tries;
    assert_eq!(tries(), 1);
    world.pass(250);
    assert_eq!(world.outside.lock().unwrap().tries, 1);
    world.refuse("a", None);
    world.pass(60);
    assert_eq!(world.told("a"), "+page_not_reachable");
}

#[test]
fn failures_are_tried_ever_more_rarely() {
    let mut world = World::new(settings(), &["a"]);
    world.refuse("a", Some(None));
    world.wrong = true;
    world.pass(3_600);
    let tries = world.outside.lock().unwrap().tries;
    assert!((50..80).contains(&tries), "{tries} tries in an hour");
}

#[test]
fn quiet_hours_and_a_digest() {
    let at = |hour| jiff::civil::Time::new(hour, 0, 0, 0).unwrap();
    let quiet = QuietHours {
        from: at(12),
        to: at(13),
    };
    let mut world = World::new(
        AlarmSettings {
            quiet_hours: Some(quiet),
            ..settings()
        },
        &["a"],
    );
    world.wrong = true;
    world.pass(100);
    world.wrong = false;
    world.pass(400);
    assert_eq!(world.told("a"), "");
    world.lost = 3;
    world.pass(5);
    assert_eq!(world.told("a"), "+pulses_lost", "it is critical");
    world.reboot();
    world.pass(3_600 - 510);
    assert_eq!(world.told("a"), "+pulses_lost");
    world.pass(70);
    assert_eq!(
        world.told("a"),
        "+pulses_lost | +page_not_reachable -page_not_reachable -pulses_lost"
    );
}

#[test]
fn what_comes_within_the_time_of_a_digest_is_one_message() {
    let mut world = World::new(
        AlarmSettings {
            digest_s: 900,
            ..settings()
        },
        &["a"],
    );
    world.wrong = true;
    world.pass(100);
    world.wrong = false;
    world.pass(850);
    assert_eq!(world.told("a"), "");
    world.pass(20);
    assert_eq!(world.told("a"), "+page_not_reachable -page_not_reachable");
}

#[test]
fn losses_are_told_at_once_and_those_of_a_kill_by_the_next_run() {
    let mut world = World::new(settings(), &["a"]);
    world.lost = 7;
    world.pass(10);
    assert_eq!(world.told("a"), "", "they are known");
    world.lost = 8;
    world.settle();
    assert_eq!(world.told("a"), "+pulses_lost");
    world.pass(310);
    world.lost = 20;
    world.reboot();
    world.settle();
    assert_eq!(
        world.told("a"),
        "+pulses_lost | -pulses_lost | +pulses_lost"
    );
    let outside = world.outside.lock().unwrap();
    let last = outside.told["a"].last().unwrap();
    assert_eq!(last.events[0].alarm.sentence, "Import: 12 pulses are lost");
}

#[test]
fn the_end_of_an_alarm_tells_all_that_was_lost_also_over_reboots() {
    let mut world = World::new(settings(), &["a"]);
    world.lost = 5;
    world.pass(10);
    world.lost = 6;
    world.pass(10);
    world.lost = 90_000;
    world.pass(200);
    assert_eq!(world.kept().lost["Import"], 5);
    world.reboot();
    world.lost = 100_005;
    world.pass(200);
    world.reboot();
    world.pass(310);
    world.lost += 2;
    world.pass(310);
    let outside = world.outside.lock().unwrap();
    let told: Vec<String> = outside.told["a"].iter().map(AlarmMessage::text).collect();
    let told: Vec<&str> = told
        .iter()
        .map(|text| text.split(';').next().unwrap())
        .collect();
    assert_eq!(
        told,
        [
            "Import: 1 pulse is lost",
            "Over after 11 min 50 s: Import: 100000 pulses are lost",
            "Import: 2 pulses are lost",
            "Over after 5 min: Import: 2 pulses are lost"
        ]
    );
}

#[test]
fn what_no_alarm_tells_is_in_no_later_one() {
    let mut world = World::new(settings(), &["a"]);
    world.settings.except = vec![PULSES_LOST];
    world.reboot();
    world.pass(10);
    world.lost = 3;
    world.pass(10);
    assert_eq!(world.told("a"), "");
    world.settings.except.clear();
    world.reboot();
    world.pass(10);
    assert_eq!(world.told("a"), "", "it was known");
    world.lost = 4;
    world.pass(310);
    let outside = world.outside.lock().unwrap();
    let told = outside.told["a"].iter().flat_map(|message| &message.events);
    let told: Vec<&str> = told.map(|event| event.alarm.sentence.as_str()).collect();
    assert_eq!(told, ["Import: 1 pulse is lost"; 2]);
}

#[test]
fn a_journal_that_does_not_open_is_told_although_nothing_is_known() {
    let mut world = World::new(settings(), &["a"]);
    world.unopened(NOON);
    let phase = JournalPhase::Opening {
        since_ns: 0,
        refused: Some("read_only"),
    };
    world
        .run
        .board
        .publish_journal(|journal| journal.phase = phase);
    for _ in 0..40 {
        world.clock.advance(5 * NS_PER_S);
        while world.step() == Duration::ZERO {}
    }
    assert_eq!(world.told("a"), "+journal_fails");
    // It opens, and what was told is kept there.
    let phase = JournalPhase::Open;
    world.run.open(world.dir.path(), &world.clock);
    world
        .run
        .board
        .publish_journal(|journal| journal.phase = phase);
    world.pass(310);
    assert_eq!(world.told("a"), "+journal_fails | -journal_fails");
    assert_eq!(world.kept().standing.len(), 0);
}

#[test]
fn a_receiver_with_a_mistake_is_waited_for_and_one_that_is_gone_is_not() {
    let mut world = World::new(settings(), &["a", "b"]);
    world.refuse("a", Some(None));
    world.wrong = true;
    world.pass(70);
    let wrong = AlarmSettings {
        left_out: vec!["a".to_owned()],
        webhooks: Vec::new(),
        ..settings()
    };
    (world.settings, world.receivers) = (wrong, vec!["b"]);
    world.reboot();
    world.pass(10);
    assert_eq!(world.kept().waiting.len(), 1);
    world.refuse("a", None);
    (world.settings, world.receivers) = (settings(), vec!["a", "b"]);
    world.reboot();
    world.settle();
    assert_eq!(world.told("a"), "+page_not_reachable");
    world.refuse("b", Some(None));
    world.wrong = false;
    world.pass(310);
    assert_eq!(world.kept().waiting.len(), 1);
    world.receivers = vec!["a"];
    world.reboot();
    world.settle();
    assert!(world.kept().waiting.is_empty());
}

#[test]
fn settings_that_change_hold_at_once() {
    let mut world = World::new(AlarmSettings::default(), &["a"]);
    world.wrong = true;
    world.pass(100);
    assert_eq!(world.told("a"), "");
    world.run.feed.use_settings(&settings());
    world.pass(70);
    assert_eq!(world.told("a"), "+page_not_reachable");
    let none = AlarmSettings {
        except: vec!["page_not_reachable"],
        ..settings()
    };
    world.run.feed.use_settings(&none);
    world.wrong = false;
    world.pass(400);
    assert_eq!(world.told("a"), "+page_not_reachable");
    assert!(world.kept().standing.is_empty());
}

#[test]
fn nothing_is_done_while_nothing_happens() {
    let mut world = World::new(settings(), &["a"]);
    world.settle();
    let kept = world.run.stage.put.1;
    for _ in 0..100 {
        world.clock.advance(5 * NS_PER_S);
        assert_eq!(world.step(), IDLE);
    }
    assert_eq!(world.run.stage.put.1, kept, "nothing is written");
    let version = world.run.feed.now().version;
    world.step();
    assert_eq!(world.run.feed.now().version, version, "nothing wakes it");
}

/// A look of this moment.
fn fed_now(feed: &AlarmFeed, look: Look, now_ns: MonoNs) -> Fed {
    Fed {
        look: Some(Arc::new(look)),
        looked_ns: now_ns,
        ..feed.now()
    }
}

#[test]
fn a_meter_that_is_called_like_the_heartbeat_stops_it_too() {
    let world = World::new(settings(), &["a"]);
    let (mut stage, now_ns) = (world.run.stage, world.clock.mono_ns());
    let mut is_well = |word| {
        let found = Found {
            word,
            subject: HEARTBEAT.to_owned(),
            severity: Severity::Critical,
            is_event: true,
            sentence: String::new(),
            remedy: String::new(),
        };
        let look = Look {
            found: vec![found],
            lost: Some(BTreeMap::new()),
            ..Look::default()
        };
        let fed = fed_now(&world.run.feed, look, now_ns);
        stage.look(&fed, now_ns);
        stage.is_well(&fed, now_ns)
    };
    assert!(is_well("alarms_fail"), "it is tried again");
    assert!(!is_well("line_not_read"));
}

#[test]
fn what_is_not_known_yet_is_no_good_news() {
    let world = World::new(settings(), &["a"]);
    let now_ns = world.clock.mono_ns();
    let is_well = |undecided| {
        let look = Look {
            lost: Some(BTreeMap::new()),
            undecided,
            ..Look::default()
        };
        let fed = fed_now(&world.run.feed, look, now_ns);
        world.run.stage.is_well(&fed, now_ns)
    };
    assert!(is_well(BTreeSet::new()));
    let not_read = ("line_not_read".to_owned(), "Import".to_owned());
    assert!(!is_well(BTreeSet::from([not_read])));
}

/// The numbers of what a receiver was told.
fn ids(world: &World) -> Vec<i64> {
    let outside = world.outside.lock().unwrap();
    let events = outside.told["a"].iter().flat_map(|message| &message.events);
    events.map(|event| event.id).collect()
}

#[test]
fn numbers_grow_where_the_clock_is_set_back_over_a_reboot() {
    let mut world = World::new(settings(), &["a"]);
    world.refuse("a", Some(None));
    world.wrong = true;
    world.pass(70);
    world.reboot_at(WallNs::of_s(100));
    world.wrong = false;
    world.pass(310);
    world.refuse("a", None);
    world.pass(70);
    world.reboot_at(WallNs::of_s(50));
    world.wrong = true;
    world.pass(70);
    assert_eq!(
        world.told("a"),
        "+page_not_reachable -page_not_reachable | +page_not_reachable"
    );
    assert!(ids(&world).is_sorted_by(|a, b| a < b), "{:?}", ids(&world));
}

/// What an earlier run has left is not known for a minute, and the clock shows what it showed then, or less.
#[test]
fn numbers_grow_where_the_clock_is_set_back_and_the_journal_is_read_late() {
    for back_s in [0, 3_600] {
        let mut world = World::new(settings(), &["a"]);
        world.refuse("a", Some(None));
        world.wrong = true;
        world.pass(70);
        let first = world.kept().waiting[0].at_ns;
        // It is told 120 s after the boot.
        world.unopened(WallNs::of_s(first.s() - 120 - back_s));
        for _ in 0..130 {
            world.clock.advance(NS_PER_S);
            while world.step() == Duration::ZERO {}
        }
        world.run.open(world.dir.path(), &world.clock);
        world.pass(10);
        world.reboot();
        world.refuse("a", None);
        world.pass(70);
        let told = world.told("a");
        assert_eq!(told, "+page_not_reachable +page_not_reachable");
        assert!(ids(&world).is_sorted_by(|a, b| a < b), "{:?}", ids(&world));
    }
}

/// What may happen in between.
#[derive(Debug, Clone, Copy)]
enum Op {
    Wrong(bool),
    Lose,
    Pass(i64),
    Step,
    Write,
    Kill,
    Refuse(bool),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        any::<bool>().prop_map(Op::Wrong),
        Just(Op::Lose),
        (1i64..400).prop_map(Op::Pass),
        Just(Op::Step),
        Just(Op::Step),
        Just(Op::Write),
        Just(Op::Write),
        Just(Op::Kill),
        any::<bool>().prop_map(Op::Refuse),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Killed between any two steps, with a receiver that comes and goes: each alarm that began is told, and its end,
    /// in turns; a repetition has the number of what it repeats.
    #[test]
    fn none_is_lost_and_none_is_told_twice(ops in prop::collection::vec(op(), 1..50)) {
        let mut world = World::new(settings(), &["a"]);
        world.settle();
        for op in ops {
            match op {
                Op::Wrong(wrong) => world.wrong = wrong,
                Op::Lose => world.lost += 1,
                Op::Pass(seconds) => {
                    world.clock.advance(seconds * NS_PER_S);
                    // The writer comes by in time: a disk that fails is another test.
                    world.step();
                    world.run.writer.as_mut().unwrap().step();
                }
                Op::Step => drop(world.step()),
                Op::Write => drop(world.run.writer.as_mut().unwrap().step()),
                Op::Kill => world.reboot(),
                Op::Refuse(refuses) => world.refuse("a", refuses.then_some(None)),
            }
        }
        world.refuse("a", None);
        world.pass(400);
        world.wrong = true;
        world.pass(70);
        world.wrong = false;
        world.pass(400);
        let outside = world.outside.lock().unwrap();
        let events = outside.told["a"].iter().flat_map(|message| &message.events);
        let mut by_word: BTreeMap<String, BTreeMap<i64, bool>> = BTreeMap::new();
        let mut lost: BTreeMap<i64, u64> = BTreeMap::new();
        for event in events {
            if event.is_end && event.alarm.word == PULSES_LOST {
                let pulses = event.alarm.sentence.split(' ').nth(1).unwrap();
                lost.insert(event.id, pulses.parse().unwrap());
            }
            let ids = by_word.entry(event.alarm.word.clone()).or_default();
            if let Some(before) = ids.insert(event.id, event.is_end) {
                prop_assert_eq!(before, event.is_end, "one number, one event");
            }
        }
        for (word, ids) in &by_word {
            for (n, is_end) in ids.values().enumerate() {
                prop_assert_eq!(*is_end, n % 2 == 1, "{}: {:?}", word, ids);
            }
            prop_assert_eq!(ids.len() % 2, 0, "{} has ended", word);
        }
        prop_assert!(by_word.contains_key("page_not_reachable"));
        let kept = Reader::open(world.dir.path()).unwrap().alarm_book().unwrap();
        prop_assert!(kept.waiting.is_empty() && kept.standing.is_empty());
        prop_assert_eq!(kept.lost["Import"], world.lost);
        prop_assert_eq!(lost.values().sum::<u64>(), world.lost, "each is told once");
        prop_assert_eq!(by_word.contains_key("pulses_lost"), world.lost > 0);
    }
}
