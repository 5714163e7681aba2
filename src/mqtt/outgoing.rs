//! What is to be said, and when: of each topic the newest value alone, so that nothing grows while the broker is away. Pure.

use std::collections::BTreeMap;

use crate::model::{MonoNs, NS_PER_S};

/// A value that does not change is repeated after this: a broker may have forgotten it.
const REPEAT_NS: i64 = 60 * NS_PER_S;

/// Power that jumps is told at once, but no more often than this.
const JUMP_PAUSE_NS: i64 = NS_PER_S;

/// Such a share of the larger value is a jump,
const JUMP_SHARE: f64 = 0.2;

/// where it is so many watts (or units of a flow) at least.
const JUMP_MIN: f64 = 20.0;

/// How often a topic is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cadence {
    /// As soon as it changes: configuration and state.
    AtOnce,
    /// When it has changed, after the interval.
    Changed,
    /// At each interval, whether or not it has changed: some consumers take a value that is not repeated for lost.
    Steady,
}

/// What comes first: values are there before a configuration says where they are, and `online` is said of what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// What other programs show.
    Value,
    /// What Home Assistant is to make of it.
    Configuration,
    /// That all of it is there.
    Status,
}

/// What is to stand on a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TopicValue {
    /// What it says.
    pub payload: String,
    /// How often.
    pub pace: Cadence,
    /// In which order.
    pub rank: Rank,
}

/// All topics, with what is to stand there.
pub(super) type Messages = BTreeMap<String, TopicValue>;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    payload: String,
    at_ns: MonoNs,
}

/// A message that is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DueMessage {
    /// Its topic.
    pub topic: String,
    /// What it says.
    pub payload: String,
    /// It is to be acknowledged: not where it only repeats what was, nor where it is repeated anyway.
    pub is_new: bool,
}

/// Holds what is to be said, and what was said on this connection.
#[derive(Debug)]
pub(super) struct Outgoing {
    interval_ns: i64,
    wanted: Messages,
    said: BTreeMap<String, Said>,
    /// When something was due last.
    round_ns: Option<MonoNs>,
}

impl Outgoing {
    /// One that has said nothing yet.
    pub(super) fn new(interval_s: u32) -> Outgoing {
        Outgoing {
            interval_ns: i64::from(interval_s) * NS_PER_S,
            wanted: Messages::new(),
            said: BTreeMap::new(),
            round_ns: None,
        }
    }

    /// These are all topics, and the newest values.
    pub(super) fn want(&mut self, messages: Messages) {
        self.said.retain(|topic, _| messages.contains_key(topic));
        self.wanted = messages;
    }

    /// What is to stand on a topic.
    pub(super) fn wanted(&self, topic: &str) -> Option<&str> {
        Some(&self.wanted.get(topic)?.payload)
    }

    /// All is to be said again: the broker, or one who reads there, may have forgotten it.
    pub(super) fn forget(&mut self) {
        self.said.clear();
    }

    /// This topic is to be said again.
    pub(super) fn forget_topic(&mut self, topic: &str) {
        self.said.remove(topic);
    }

    /// The next message that is due, which counts as said. `hurry`: what has changed is due, whatever its pace.
    ///
    /// What is due takes along what would be within half an interval: topics that a jump has set apart are said together
    /// again, and wake the machine once an interval, not once each.
    pub(super) fn next(&mut self, now_ns: MonoNs, hurry: bool) -> Option<DueMessage> {
        if self.due_ns(now_ns).is_some_and(|due_ns| due_ns <= now_ns) {
            self.round_ns = Some(now_ns);
        }
        let is_round = self.round_ns == Some(now_ns);
        let due = self.wanted.iter().filter(|(topic, wanted)| {
            let Some(said) = self.said.get(*topic) else {
                return true;
            };
            let pause_ns = self.pause_ns(said, wanted);
            let reach_ns = pause_ns.min(self.interval_ns) / 2;
            let rides = is_round && said.at_ns + pause_ns <= now_ns + reach_ns;
            self.due_of(topic, wanted, now_ns) <= now_ns
                || rides
                || hurry && said.payload != wanted.payload
        });
        let (topic, wanted) = due.min_by_key(|(_, wanted)| wanted.rank)?;
        let is_steady = wanted.pace == Cadence::Steady;
        let (topic, payload) = (topic.clone(), wanted.payload.clone());
        let said = Said {
            payload: payload.clone(),
            at_ns: now_ns,
        };
        let before = self.said.insert(topic.clone(), said);
        Some(DueMessage {
            is_new: before.is_none_or(|before| before.payload != payload && !is_steady),
            topic,
            payload,
        })
    }

    /// When a message is due next; None: there is nothing to say.
    pub(super) fn due_ns(&self, now_ns: MonoNs) -> Option<MonoNs> {
        let all = self.wanted.iter();
        all.map(|(topic, wanted)| self.due_of(topic, wanted, now_ns))
            .min()
    }

    fn due_of(&self, topic: &str, wanted: &TopicValue, now_ns: MonoNs) -> MonoNs {
        let Some(said) = self.said.get(topic) else {
            return now_ns;
        };
        let is_steady = wanted.pace == Cadence::Steady;
        let pause_ns = if is_steady && is_jump(&said.payload, &wanted.payload) {
            JUMP_PAUSE_NS.min(self.interval_ns)
        } else {
            self.pause_ns(said, wanted)
        };
        said.at_ns + pause_ns
    }

    /// How long after it was said a topic is said again, jumps aside.
    fn pause_ns(&self, said: &Said, wanted: &TopicValue) -> i64 {
        let has_changed = said.payload != wanted.payload;
        match wanted.pace {
            Cadence::AtOnce if has_changed => 0,
            Cadence::AtOnce => REPEAT_NS,
            Cadence::Steady => self.interval_ns,
            Cadence::Changed if has_changed => self.interval_ns,
            Cadence::Changed => REPEAT_NS.max(self.interval_ns),
        }
    }
}

/// Whether one value is far from another; one that is not known is.
fn is_jump(before: &str, now: &str) -> bool {
    let numbers = before.parse::<f64>().ok().zip(now.parse::<f64>().ok());
    match numbers {
        Some((before, now)) => {
            let step = (now - before).abs();
            step >= JUMP_MIN && step >= JUMP_SHARE * before.abs().max(now.abs())
        }
        None => before != now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(of: &[(&str, &str, Cadence, Rank)]) -> Messages {
        let wanted = |(topic, payload, pace, rank): &(&str, &str, Cadence, Rank)| {
            let payload = (*payload).to_owned();
            let (pace, rank) = (*pace, *rank);
            (
                (*topic).to_owned(),
                TopicValue {
                    payload,
                    pace,
                    rank,
                },
            )
        };
        of.iter().map(wanted).collect()
    }

    fn all_due(outgoing: &mut Outgoing, now_s: i64) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(due) = outgoing.next(now_s * NS_PER_S, false) {
            all.push(due.topic);
        }
        all
    }

    const FIRST: [(&str, &str, Cadence, Rank); 4] = [
        ("energy", "1", Cadence::Changed, Rank::Value),
        ("power", "100", Cadence::Steady, Rank::Value),
        ("status", "online", Cadence::AtOnce, Rank::Status),
        ("config", "{}", Cadence::AtOnce, Rank::Configuration),
    ];

    #[test]
    fn values_come_first_and_online_last() {
        let mut outgoing = Outgoing::new(10);
        assert_eq!(outgoing.due_ns(0), None);
        outgoing.want(messages(&FIRST));
        assert_eq!(outgoing.due_ns(5), Some(5));
        assert_eq!(
            all_due(&mut outgoing, 0),
            ["energy", "power", "config", "status"]
        );
        assert_eq!(outgoing.due_ns(0), Some(10 * NS_PER_S), "power again");
        assert_eq!(all_due(&mut outgoing, 10), ["power"]);
        assert_eq!(
            all_due(&mut outgoing, 60),
            ["energy", "power", "config", "status"]
        );
    }

    #[test]
    fn the_newest_value_alone_is_said_and_a_jump_at_once() {
        let mut outgoing = Outgoing::new(10);
        outgoing.want(messages(&FIRST));
        all_due(&mut outgoing, 0);
        for n in 2..1_000 {
            let energy = n.to_string();
            outgoing.want(messages(&[
                ("energy", &energy, Cadence::Changed, Rank::Value),
                ("power", "119", Cadence::Steady, Rank::Value),
            ]));
        }
        assert_eq!(outgoing.said.len(), 2, "what is gone is forgotten");
        assert!(all_due(&mut outgoing, 9).is_empty());
        let due = outgoing.next(10 * NS_PER_S, false).unwrap();
        assert_eq!((due.payload.as_str(), due.is_new), ("999", true));
        let due = outgoing.next(10 * NS_PER_S, false).unwrap();
        assert_eq!((due.topic.as_str(), due.is_new), ("power", false));
        assert!(all_due(&mut outgoing, 10).is_empty());
        let far = [("power", "200", Cadence::Steady, Rank::Value)];
        outgoing.want(messages(&far));
        assert!(outgoing.next(10 * NS_PER_S, false).is_none());
        assert_eq!(all_due(&mut outgoing, 11), ["power"]);
        outgoing.want(messages(&[("power", "None", Cadence::Steady, Rank::Value)]));
        assert_eq!(all_due(&mut outgoing, 12), ["power"]);
        let repeated = outgoing.next(22 * NS_PER_S, false).unwrap();
        assert!(!repeated.is_new);
    }

    #[test]
    fn what_a_jump_has_set_apart_is_said_together_again() {
        for jump_s in 1..10 {
            let mut outgoing = Outgoing::new(10);
            let power = |power| {
                messages(&[
                    ("a", power, Cadence::Steady, Rank::Value),
                    ("b", "7", Cadence::Steady, Rank::Value),
                    ("c", "{}", Cadence::AtOnce, Rank::Configuration),
                ])
            };
            outgoing.want(power("0"));
            assert_eq!(all_due(&mut outgoing, 0), ["a", "b", "c"]);
            outgoing.want(power("500"));
            assert!(all_due(&mut outgoing, jump_s).contains(&"a".to_owned()));
            let mut wakes = Vec::new();
            let mut now_s = jump_s;
            while now_s < 59 {
                now_s = outgoing.due_ns(now_s * NS_PER_S).unwrap() / NS_PER_S;
                wakes.push((now_s, all_due(&mut outgoing, now_s)));
            }
            // Once each is late by less than an interval both are said at once.
            for (at_s, said) in wakes.iter().filter(|(at_s, _)| *at_s > 20) {
                assert_eq!(said[..2], ["a", "b"], "{jump_s}: {at_s} {wakes:?}");
            }
            assert!(wakes.len() <= 7, "{jump_s}: {wakes:?}");
        }
    }

    #[test]
    fn what_is_taken_along_jumps_no_more_often_than_it_may() {
        let mut outgoing = Outgoing::new(10);
        outgoing.want(messages(&FIRST));
        all_due(&mut outgoing, 0);
        outgoing.want(messages(&[
            ("power", "900", Cadence::Steady, Rank::Value),
            FIRST[2],
        ]));
        assert_eq!(all_due(&mut outgoing, 3), ["power"]);
        let both = [
            ("power", "100", Cadence::Steady, Rank::Value),
            ("status", "gone", Cadence::AtOnce, Rank::Status),
        ];
        outgoing.want(messages(&both));
        let at_ns = 3 * NS_PER_S + 1;
        assert_eq!(outgoing.next(at_ns, false).unwrap().topic, "status");
        assert_eq!(outgoing.next(at_ns, false), None);
        assert_eq!(all_due(&mut outgoing, 4), ["power"]);
    }

    #[test]
    fn what_has_changed_is_due_at_the_end() {
        let mut outgoing = Outgoing::new(3_600);
        outgoing.want(messages(&FIRST));
        all_due(&mut outgoing, 0);
        let changed = [("energy", "2", Cadence::Changed, Rank::Value), FIRST[1]];
        outgoing.want(messages(&changed));
        assert_eq!(outgoing.next(1, false), None);
        assert_eq!(outgoing.next(1, true).unwrap().topic, "energy");
        assert_eq!(outgoing.next(1, true), None);
        outgoing.forget_topic("power");
        assert_eq!(outgoing.next(2, false).unwrap().topic, "power");
    }

    #[test]
    fn a_jump_is_a_share_and_some_watts() {
        for (before, now, want) in [
            ("0.0", "19.9", false),
            ("0.0", "20.0", true),
            ("1000", "1100", false),
            ("1000", "1250", true),
            ("1000", "750", true),
            ("-100", "100", true),
            ("None", "None", false),
            ("None", "1", true),
        ] {
            assert_eq!(is_jump(before, now), want, "{before} {now}");
        }
    }
}
