//! A talk with a broker that is played by the test.

use super::super::outgoing::{Cadence, Rank, TopicValue};
use super::super::packet::{Incoming, Packets, publish};
use super::*;

const CONFIG: &str = "ha/sensor/powerlogger_1/import_energy/config";

fn topics() -> OwnTopics {
    OwnTopics {
        status: "p/status".to_owned(),
        birth: "ha/status".to_owned(),
        config_prefix: "ha/".to_owned(),
        node: "powerlogger_1".to_owned(),
    }
}

fn messages(energy: &str) -> Messages {
    let one = |topic: &str, payload: &str, rank| {
        let wanted = TopicValue {
            payload: payload.to_owned(),
            pace: Cadence::AtOnce,
            rank,
        };
        (topic.to_owned(), wanted)
    };
    Messages::from([
        one("p/import/energy", energy, Rank::Value),
        one(CONFIG, "{}", Rank::Configuration),
        one("p/status", ONLINE, Rank::Status),
    ])
}

fn begun() -> Talk {
    let hello = Hello {
        client_id: "c",
        user: None,
        password: None,
        will: Some(("p/status", OFFLINE)),
        keep_alive_s: 30,
    };
    let mut talk = Talk::begin(&hello, topics(), 10, 0);
    talk.want(messages("1"));
    talk.step(0, false).unwrap();
    talk.take_out();
    talk
}

/// What goes out, as topic and payload of each message, with the number to acknowledge. The first byte of SUBSCRIBE is
/// none that a broker sends, so it is left out.
fn sent(talk: &mut Talk) -> Vec<(String, String, Option<u16>)> {
    let out = talk.take_out();
    let mut packets = Packets::default();
    let mut rest = &out[..];
    while let [0x82 | 0x40, length, ..] = rest {
        rest = &rest[2 + usize::from(*length)..];
    }
    packets.push(rest);
    let mut all = Vec::new();
    while let Some(packet) = packets.take().unwrap() {
        if let Incoming::Message(message) = packet {
            let payload = String::from_utf8(message.payload).unwrap();
            all.push((message.topic, payload, message.id));
        }
    }
    all
}

/// The broker acknowledges all, and passes on what is listened to, if it `lets` it.
fn answer(
    talk: &mut Talk,
    said: &[(String, String, Option<u16>)],
    lets: bool,
    now_ns: MonoNs,
) -> Vec<TalkEvent> {
    let mut events = Vec::new();
    for (topic, payload, id) in said {
        if let Some(id) = id {
            let [high, low] = id.to_be_bytes();
            events.extend(talk.receive(&[0x40, 2, high, low], now_ns).unwrap());
        }
        if lets && (topic == "p/status" || topic == CONFIG) {
            let message = publish(topic, payload.as_bytes(), false, None);
            events.extend(talk.receive(&message, now_ns).unwrap());
        }
    }
    events
}

fn open(lets: bool) -> Talk {
    let mut talk = begun();
    let events = talk.receive(b"\x20\x02\x00\x00", 0).unwrap();
    assert_eq!(events, [TalkEvent::Accepted]);
    let subscribed = b"\x90\x05\x00\x01\x00\x00\x00";
    assert_eq!(talk.receive(subscribed, 0).unwrap(), []);
    talk.step(0, false).unwrap();
    let said = sent(&mut talk);
    let order: Vec<&str> = said.iter().map(|(topic, ..)| topic.as_str()).collect();
    assert_eq!(order, ["p/import/energy", CONFIG, "p/status"]);
    assert!(said.iter().all(|(.., id)| id.is_some()));
    assert_eq!(answer(&mut talk, &said, lets, 1), []);
    talk
}

#[test]
fn what_is_said_comes_back_or_is_called_refused() {
    let talk = open(true);
    assert!(talk.is_heard() && talk.is_settled());
    let mut talk = open(false);
    assert_eq!(talk.refused_topic(ANSWER_MAX_NS - 1), None);
    assert!(talk.due_ns(1) <= ANSWER_MAX_NS);
    assert_eq!(talk.refused_topic(ANSWER_MAX_NS), Some(CONFIG));
    // What the broker had kept is no proof.
    let old = publish(CONFIG, b"{}", true, None);
    talk.receive(&old, 2).unwrap();
    assert_eq!(talk.refused_topic(ANSWER_MAX_NS), Some(CONFIG));
    let new = publish(CONFIG, b"{}", false, None);
    talk.receive(&new, 2).unwrap();
    assert_eq!(talk.refused_topic(ANSWER_MAX_NS), Some("p/status"));
}

#[test]
fn what_may_not_be_read_is_not_waited_for() {
    let mut talk = begun();
    talk.receive(b"\x20\x02\x00\x00", 0).unwrap();
    let events = talk.receive(b"\x90\x05\x00\x01\x80\x00\x80", 0).unwrap();
    assert_eq!(
        events,
        [
            TalkEvent::Unreadable("p/status".to_owned()),
            TalkEvent::Unreadable("ha/+/powerlogger_1/+/config".to_owned())
        ]
    );
    talk.step(0, false).unwrap();
    assert!(talk.is_heard());
}

#[test]
fn a_broker_that_is_gone_is_known_also_where_nothing_may_be_read() {
    let mut talk = begun();
    let power = TopicValue {
        payload: "1".to_owned(),
        pace: Cadence::Steady,
        rank: Rank::Value,
    };
    let mut wanted = messages("1");
    wanted.insert("p/import/power".to_owned(), power);
    talk.want(wanted);
    talk.receive(b"\x20\x02\x00\x00", 0).unwrap();
    talk.receive(b"\x90\x05\x00\x01\x80\x00\x80", 0).unwrap();
    talk.step(0, false).unwrap();
    let said = sent(&mut talk);
    answer(&mut talk, &said, false, 1);
    let mut now_ns = 1;
    while talk.step(now_ns, false).is_ok() {
        now_ns = talk.due_ns(now_ns);
        assert!(now_ns <= 70 * NS_PER_S, "power alone asks for no answer");
    }
    assert_eq!(talk.step(now_ns, false), Err(Broken::Silent("PUBLISH")));
}

#[test]
fn all_is_said_again_when_home_assistant_comes_but_not_more_often_than_it_can() {
    let mut talk = open(true);
    let birth = publish("ha/status", b"online", false, None);
    let quiet_ns = 20 * NS_PER_S;
    talk.receive(&publish("ha/status", b"online", true, None), quiet_ns)
        .unwrap();
    talk.receive(&publish("ha/status", b"offline", false, None), quiet_ns)
        .unwrap();
    talk.step(quiet_ns, false).unwrap();
    assert_eq!(sent(&mut talk), []);
    for _ in 0..100 {
        talk.receive(&birth, quiet_ns).unwrap();
    }
    talk.step(quiet_ns, false).unwrap();
    assert_eq!(sent(&mut talk).len(), 3);
    talk.receive(&birth, quiet_ns + 1).unwrap();
    talk.step(quiet_ns + 1, false).unwrap();
    assert_eq!(sent(&mut talk), []);
    let again_ns = quiet_ns + ANNOUNCE_PAUSE_NS;
    assert!(talk.due_ns(quiet_ns + 1) <= again_ns);
    talk.receive(
        b"\x40\x02\x00\x05\x40\x02\x00\x06\x40\x02\x00\x07",
        quiet_ns + 1,
    )
    .unwrap();
    talk.step(again_ns - 1, false).unwrap();
    talk.step(again_ns, false).unwrap();
    assert_eq!(sent(&mut talk).len(), 3);
}

#[test]
fn what_is_gone_is_taken_away_and_so_is_what_a_broker_kept_too_long() {
    let mut talk = open(true);
    talk.remove(["p/old/energy".to_owned(), "p/import/energy".to_owned()]);
    let old = "ha/sensor/powerlogger_1/old_energy/config";
    for (topic, is_retained) in [
        (old, true),
        ("ha/sensor/powerlogger_2/old_energy/config", true),
        ("ha/sensor/powerlogger_1/new_energy/config", false),
        ("ha/sensor/powerlogger_1/a/b/config", true),
    ] {
        talk.receive(&publish(topic, b"{}", is_retained, None), 1)
            .unwrap();
    }
    talk.receive(
        &publish("ha/sensor/powerlogger_1/x/config", b"", true, None),
        1,
    )
    .unwrap();
    talk.step(1, false).unwrap();
    let said = sent(&mut talk);
    let topics: Vec<&str> = said.iter().map(|(topic, ..)| topic.as_str()).collect();
    assert_eq!(topics, [old, "p/old/energy"]);
    assert!(said.iter().all(|(_, payload, _)| payload.is_empty()));
    let removed = answer(&mut talk, &said, false, 2);
    assert_eq!(
        removed,
        [
            TalkEvent::Removed(old.to_owned()),
            TalkEvent::Removed("p/old/energy".to_owned())
        ]
    );
}

#[test]
fn what_arrives_late_is_not_taken_for_what_takes_it_away() {
    let mut talk = begun();
    talk.receive(b"\x20\x02\x00\x00", 0).unwrap();
    talk.step(0, false).unwrap();
    let said = sent(&mut talk);
    let energy: Vec<_> = said
        .into_iter()
        .filter(|one| one.0 == "p/import/energy")
        .collect();
    // The meter is gone before its last value has arrived.
    let mut rest = messages("1");
    rest.remove("p/import/energy");
    talk.want(rest);
    talk.remove(["p/import/energy".to_owned()]);
    talk.step(1, false).unwrap();
    let gone = sent(&mut talk);
    assert_eq!(answer(&mut talk, &energy, false, 2), []);
    let removed = answer(&mut talk, &gone, false, 3);
    assert_eq!(removed, [TalkEvent::Removed("p/import/energy".to_owned())]);
}

#[test]
fn a_broker_that_makes_topics_up_fills_no_memory() {
    let mut talk = open(true);
    for n in 0..10_000 {
        let topic = format!("ha/sensor/powerlogger_1/{n}/config");
        talk.receive(&publish(&topic, b"{}", true, None), 1)
            .unwrap();
    }
    assert_eq!(talk.to_remove.len(), HEARD_MAX);
}

#[test]
fn who_says_that_we_are_gone_is_contradicted_until_we_are() {
    let mut talk = open(true);
    let offline = publish("p/status", OFFLINE.as_bytes(), false, None);
    let events = talk.receive(&offline, 5).unwrap();
    assert_eq!(events, [TalkEvent::Contradicted]);
    talk.step(5, false).unwrap();
    let said = sent(&mut talk);
    assert_eq!(said[0].1, ONLINE);
    answer(&mut talk, &said, true, 6);
    talk.goodbye(7);
    let said = sent(&mut talk);
    assert_eq!((said.len(), said[0].1.as_str()), (1, OFFLINE));
    assert_eq!(talk.receive(&offline, 8).unwrap(), []);
    assert!(!talk.is_settled());
    answer(&mut talk, &said, false, 9);
    assert!(talk.is_settled());
}

proptest::proptest! {
    #[test]
    fn whatever_a_broker_says_nothing_grows_and_nothing_of_others_is_taken_away(
        said in proptest::collection::vec((0..8_usize, 0..4_usize, proptest::bool::ANY, 0..4_u16), 0..200),
    ) {
        let mut talk = open(true);
        let topics = [
            "p/status", "ha/status", CONFIG, "ha/sensor/powerlogger_1/gone_energy/config",
            "ha/sensor/powerlogger_2/x/config", "p/import/energy", "ha//powerlogger_1//config", "",
        ];
        let payloads = ["online", "offline", "", "{}"];
        for (n, (topic, payload, is_retained, id)) in said.into_iter().enumerate() {
            let id = (id > 0).then_some(id);
            let message = publish(topics[topic], payloads[payload].as_bytes(), is_retained, id);
            let now_ns = MonoNs::try_from(n).unwrap() * NS_PER_S / 50;
            talk.receive(&message, now_ns).unwrap();
            talk.step(now_ns, false).unwrap();
            for (topic, payload, id) in sent(&mut talk) {
                let is_removal = payload.is_empty();
                proptest::prop_assert!(!is_removal || talk.topics.is_config(&topic), "{topic}");
                if let Some(id) = id {
                    let [high, low] = id.to_be_bytes();
                    talk.receive(&[0x40, 2, high, low], now_ns).unwrap();
                }
            }
            proptest::prop_assert!(talk.to_remove.len() <= 2 && talk.unheard.len() <= 2);
        }
    }
}
