//! What is told of a broker that cannot be used: a connection that breaks now and then is nothing to tell of, one that
//! does not come about, or does not last, is. Pure.

use crate::model::{MonoNs, NS_PER_S, Notice};

/// A broker may be away for so long, for a restart of its machine, before that is told.
const AWAY_MAX_NS: i64 = 60 * NS_PER_S;

/// A connection that has lasted for so long ends what was told.
const LASTS_NS: i64 = 30 * NS_PER_S;

/// Why nothing is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BrokerFailure {
    /// The broker does not answer, or a connection does not last: the text says how.
    Away(String),
    /// It will not work before the operator has changed something: wrong password, unknown certificate.
    Refused(String),
}

/// What is told, and what it depends on.
#[derive(Debug, Default)]
pub(super) struct BrokerTrouble {
    told: Option<Notice>,
    /// Since when no connection has lasted; None: one lasts.
    away_since_ns: Option<MonoNs>,
    /// Since when the one that is open is.
    open_since_ns: Option<MonoNs>,
}

impl BrokerTrouble {
    /// What is to be told at this moment. `broker`: its address.
    pub(super) fn told(&self) -> Option<&Notice> {
        self.told.as_ref()
    }

    /// The broker has taken us.
    pub(super) fn accepted(&mut self, now_ns: MonoNs) {
        self.open_since_ns = Some(now_ns);
        if matches!(self.told, Some(Notice::BrokerRefuses(_))) {
            self.told = None;
        }
    }

    /// The connection is open. `refused_topic`: a topic whose messages do not come back; `is_heard`: all do.
    pub(super) fn goes_on(
        &mut self,
        refused_topic: Option<&str>,
        is_heard: bool,
        user: Option<&str>,
        now_ns: MonoNs,
    ) {
        if let Some(topic) = refused_topic {
            let user = user.map_or_else(
                || "a client without a name".to_owned(),
                |user| format!("user \"{user}\""),
            );
            self.told = Some(Notice::TopicRefused(format!(
                "the broker takes what is published to {topic} and does not keep it: its access rules do not allow {user} \
                 to write that topic, or to read it; allow both"
            )));
        } else if is_heard && matches!(self.told, Some(Notice::TopicRefused(_))) {
            self.told = None;
        }
        let lasts = self
            .open_since_ns
            .is_some_and(|since_ns| now_ns - since_ns >= LASTS_NS);
        if lasts {
            self.away_since_ns = None;
            if matches!(self.told, Some(Notice::BrokerUnreachable(_))) {
                self.told = None;
            }
        }
    }

    /// The connection has broken, or none came about. `broker`: its address.
    pub(super) fn failed(&mut self, failure: &BrokerFailure, broker: &str, now_ns: MonoNs) {
        // A connection that has lasted was no part of a time without one.
        if let Some(open_ns) = self.open_since_ns.take() {
            if now_ns - open_ns >= LASTS_NS {
                self.away_since_ns = None;
            }
        }
        let since_ns = *self.away_since_ns.get_or_insert(now_ns);
        match failure {
            BrokerFailure::Refused(why) => {
                let text = format!("nothing is published by MQTT: {broker}: {why}");
                self.told = Some(Notice::BrokerRefuses(text));
            }
            BrokerFailure::Away(why) if now_ns - since_ns >= AWAY_MAX_NS => {
                let text = format!(
                    "nothing is published by MQTT: {broker}: {why}; start the broker, or correct mqtt.url"
                );
                self.told = Some(Notice::BrokerUnreachable(text));
            }
            // It was told of a broker that answered.
            BrokerFailure::Away(_) => {}
        }
    }

    /// How long it is until what is told may change while nothing else happens.
    pub(super) fn due_ns(&self) -> Option<MonoNs> {
        let is_away = matches!(self.told, Some(Notice::BrokerUnreachable(_)));
        let open_ns = self.open_since_ns.filter(|_| is_away)?;
        Some(open_ns + LASTS_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away() -> BrokerFailure {
        BrokerFailure::Away("no answer".to_owned())
    }

    fn is_told(trouble: &BrokerTrouble) -> bool {
        matches!(trouble.told(), Some(Notice::BrokerUnreachable(_)))
    }

    #[test]
    fn a_short_break_is_not_told_and_a_long_one_until_a_connection_lasts() {
        let mut trouble = BrokerTrouble::default();
        let s = |s: i64| s * NS_PER_S;
        trouble.accepted(s(0));
        trouble.failed(&away(), "b", s(100));
        trouble.failed(&away(), "b", s(159));
        assert!(!is_told(&trouble));
        trouble.failed(&away(), "b", s(160));
        assert!(is_told(&trouble));
        trouble.accepted(s(170));
        assert_eq!(trouble.due_ns(), Some(s(200)));
        trouble.goes_on(None, true, None, s(199));
        assert!(is_told(&trouble));
        trouble.failed(&away(), "b", s(199));
        trouble.accepted(s(210));
        trouble.goes_on(None, true, None, s(240));
        assert!(!is_told(&trouble));
        trouble.failed(&away(), "b", s(241));
        assert!(!is_told(&trouble), "a new break has its own time");
    }

    #[test]
    fn connections_that_do_not_last_are_a_broker_that_is_away() {
        let mut trouble = BrokerTrouble::default();
        for n in 0..8 {
            trouble.accepted(n * 10 * NS_PER_S);
            trouble.goes_on(None, true, None, (n * 10 + 8) * NS_PER_S);
            trouble.failed(&away(), "b", (n * 10 + 9) * NS_PER_S);
        }
        assert!(is_told(&trouble));
    }

    #[test]
    fn what_only_the_operator_can_mend_is_told_at_once() {
        let mut trouble = BrokerTrouble::default();
        let wrong = BrokerFailure::Refused("it does not take user and password".to_owned());
        trouble.failed(&wrong, "mqtt://b:1883", 0);
        let Some(Notice::BrokerRefuses(text)) = trouble.told() else {
            panic!("{trouble:?}");
        };
        assert!(text.contains("mqtt://b:1883: it does not take user and password"));
        trouble.failed(&away(), "b", NS_PER_S);
        assert!(matches!(trouble.told(), Some(Notice::BrokerRefuses(_))));
        trouble.accepted(2 * NS_PER_S);
        assert_eq!(trouble.told(), None);
        trouble.goes_on(Some("p/status"), false, Some("me"), 3 * NS_PER_S);
        let Some(Notice::TopicRefused(text)) = trouble.told() else {
            panic!("{trouble:?}");
        };
        assert!(
            text.contains("p/status") && text.contains("\"me\""),
            "{text}"
        );
        trouble.goes_on(None, false, Some("me"), 4 * NS_PER_S);
        assert!(trouble.told().is_some(), "not before it has come back");
        trouble.goes_on(None, true, Some("me"), 5 * NS_PER_S);
        assert_eq!(trouble.told(), None);
    }
}
