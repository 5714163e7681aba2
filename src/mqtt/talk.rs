//! What is said on a connection from its begin to its end: subscriptions, everything that is to stand at the broker, what
//! is to go from there, and whether what was said comes back. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::outgoing::{Messages, Outgoing};
use super::packet::{Hello, InMessage};
use super::session::{ANSWER_MAX_NS, Broken, Session, SessionEvent};
use crate::model::{MonoNs, NS_PER_S};

/// What is said on the topic of the state.
pub(super) const ONLINE: &str = "online";

/// What the broker says there when the connection breaks, and the daemon before it ends one.
pub(super) const OFFLINE: &str = "offline";

/// So many topics that are none of ours any more are taken away at a time, whatever a broker sends.
const HEARD_MAX: usize = 256;

/// All is announced again no more often than this, however often it is asked for.
const ANNOUNCE_PAUSE_NS: i64 = 10 * NS_PER_S;

/// The topics that have a meaning of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnTopics {
    /// Of the state: `online` or `offline`.
    pub status: String,
    /// Where Home Assistant says that it has come: `online`.
    pub birth: String,
    /// What all configurations of this installation begin with, up to the component: `homeassistant/`,
    pub config_prefix: String,
    /// and the level behind that: `powerlogger_1a2b3c4d`.
    pub node: String,
}

impl OwnTopics {
    /// What is listened to.
    fn filters(&self) -> Vec<String> {
        vec![
            self.status.clone(),
            self.birth.clone(),
            format!("{}+/{}/+/config", self.config_prefix, self.node),
        ]
    }

    /// Whether it is the topic of a configuration of this installation.
    pub(super) fn is_config(&self, topic: &str) -> bool {
        let rest = topic.strip_prefix(&self.config_prefix);
        let levels: Vec<&str> = rest.unwrap_or_default().split('/').collect();
        matches!(levels[..], [_, node, _, "config"] if node == self.node)
    }
}

/// What the outside must know of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TalkEvent {
    /// The broker has taken us.
    Accepted,
    /// Nothing stands on this topic any more.
    Removed(String),
    /// The broker does not let this be read: what is said there cannot be checked.
    Unreadable(String),
    /// Another client has said on our topic that we are gone.
    Contradicted,
}

/// The talk on one connection.
#[derive(Debug)]
pub(super) struct Talk {
    topics: OwnTopics,
    session: Session,
    outgoing: Outgoing,
    /// Topics that are to be empty.
    to_remove: BTreeSet<String>,
    /// What was said and has not come back yet, and since when.
    unheard: BTreeMap<String, MonoNs>,
    /// Which of these cannot come back, by the broker's own word: of the state, of configurations.
    is_deaf: [bool; 2],
    announced_ns: Option<MonoNs>,
    announce_at_ns: Option<MonoNs>,
    is_ending: bool,
}

impl Talk {
    /// One that begins.
    pub(super) fn begin(
        hello: &Hello<'_>,
        topics: OwnTopics,
        interval_s: u32,
        now_ns: MonoNs,
    ) -> Talk {
        Talk {
            topics,
            session: Session::begin(hello, now_ns),
            outgoing: Outgoing::new(interval_s),
            to_remove: BTreeSet::new(),
            unheard: BTreeMap::new(),
            is_deaf: [false; 2],
            announced_ns: None,
            announce_at_ns: None,
            is_ending: false,
        }
    }

    /// These are all topics, and the newest values.
    pub(super) fn want(&mut self, messages: Messages) {
        self.to_remove.retain(|topic| !messages.contains_key(topic));
        self.unheard.retain(|topic, _| messages.contains_key(topic));
        self.outgoing.want(messages);
    }

    /// Nothing is to stand on these topics.
    pub(super) fn remove(&mut self, topics: impl IntoIterator<Item = String>) {
        let unwanted = topics
            .into_iter()
            .filter(|topic| self.outgoing.wanted(topic).is_none());
        self.to_remove.extend(unwanted);
    }

    /// These bytes have come.
    pub(super) fn receive(
        &mut self,
        bytes: &[u8],
        now_ns: MonoNs,
    ) -> Result<Vec<TalkEvent>, Broken> {
        let mut events = Vec::new();
        for event in self.session.receive(bytes, now_ns)? {
            match event {
                SessionEvent::Accepted => {
                    let filters = self.topics.filters();
                    self.session.subscribe(&filters, now_ns);
                    self.announced_ns = Some(now_ns);
                    events.push(TalkEvent::Accepted);
                }
                SessionEvent::RefusedFilters(places) => {
                    let filters = self.topics.filters();
                    for place in places.into_iter().filter(|place| *place < filters.len()) {
                        match place {
                            0 => self.is_deaf[0] = true,
                            2 => self.is_deaf[1] = true,
                            _ => {}
                        }
                        events.push(TalkEvent::Unreadable(filters[place].clone()));
                    }
                }
                SessionEvent::Arrived(topic) => {
                    // What has arrived may be what stood there before.
                    let is_last =
                        !self.to_remove.contains(&topic) && !self.session.is_under_way(&topic);
                    if is_last && self.outgoing.wanted(&topic).is_none() {
                        events.push(TalkEvent::Removed(topic));
                    }
                }
                SessionEvent::Message(message) => events.extend(self.hear(&message, now_ns)),
            }
        }
        Ok(events)
    }

    fn hear(&mut self, message: &InMessage, now_ns: MonoNs) -> Option<TalkEvent> {
        let InMessage {
            topic,
            payload,
            is_retained,
            ..
        } = message;
        let wanted = self.outgoing.wanted(topic);
        if *topic == self.topics.birth {
            if !is_retained && payload == ONLINE.as_bytes() {
                let earliest_ns = self
                    .announced_ns
                    .map_or(now_ns, |at| at + ANNOUNCE_PAUSE_NS);
                self.announce_at_ns = Some(earliest_ns.max(now_ns));
            }
            return None;
        }
        if wanted.is_some_and(|wanted| wanted.as_bytes() == payload) {
            if !is_retained {
                self.unheard.remove(topic);
            }
            return None;
        }
        if *topic == self.topics.status && !is_retained && !self.is_ending {
            self.outgoing.forget_topic(topic);
            return Some(TalkEvent::Contradicted);
        }
        // What a broker kept for longer than it should: a meter that is gone, of a backup of its own.
        let has_room = self.to_remove.len() < HEARD_MAX;
        if has_room
            && wanted.is_none()
            && *is_retained
            && self.topics.is_config(topic)
            && !payload.is_empty()
        {
            self.to_remove.insert(topic.clone());
        }
        None
    }

    /// Does what is due: fills what is to be sent. `hurry`: values that have changed are due, whatever their pace.
    pub(super) fn step(&mut self, now_ns: MonoNs, hurry: bool) -> Result<(), Broken> {
        self.session.tick(now_ns)?;
        if self.announce_at_ns.is_some_and(|at_ns| at_ns <= now_ns) {
            self.announce_at_ns = None;
            self.announced_ns = Some(now_ns);
            self.outgoing.forget();
        }
        while self.session.has_room() {
            if let Some(topic) = self.to_remove.pop_first() {
                self.session.publish(&topic, "", true, now_ns);
                continue;
            }
            let Some(due) = self.outgoing.next(now_ns, hurry) else {
                break;
            };
            let is_status = due.topic == self.topics.status;
            let is_config = self.topics.is_config(&due.topic);
            let comes_back = (is_status && !self.is_deaf[0]) || (is_config && !self.is_deaf[1]);
            if comes_back {
                self.unheard.entry(due.topic.clone()).or_insert(now_ns);
            }
            // Also where nothing comes back an answer shows that the broker is there.
            let sure = due.is_new || is_status || is_config;
            self.session.publish(&due.topic, &due.payload, sure, now_ns);
        }
        Ok(())
    }

    /// Says `offline`, and nothing after it.
    pub(super) fn goodbye(&mut self, now_ns: MonoNs) {
        self.is_ending = true;
        let status = self.topics.status.clone();
        self.session.publish(&status, OFFLINE, true, now_ns);
    }

    /// Ends the connection as it should end.
    pub(super) fn disconnect(&mut self, now_ns: MonoNs) {
        self.session.disconnect(now_ns);
    }

    /// What is to be sent.
    pub(super) fn take_out(&mut self) -> Vec<u8> {
        self.session.take_out()
    }

    /// Whether the broker has taken us.
    pub(super) fn is_accepted(&self) -> bool {
        self.session.is_accepted()
    }

    /// Whether all that was sent has arrived.
    pub(super) fn is_settled(&self) -> bool {
        self.session.is_settled()
    }

    /// A topic that was said and has not come back in time: the broker does not let it be written, or read.
    pub(super) fn refused_topic(&self, now_ns: MonoNs) -> Option<&str> {
        let mut late = self.unheard.iter();
        let late = late.find(|(_, since_ns)| now_ns - **since_ns >= ANSWER_MAX_NS);
        late.map(|(topic, _)| topic.as_str())
    }

    /// Whether all that was said has come back.
    pub(super) fn is_heard(&self) -> bool {
        self.unheard.is_empty()
    }

    /// When [`Talk::step`] is to be called next.
    pub(super) fn due_ns(&self, now_ns: MonoNs) -> MonoNs {
        let is_open = self.session.is_accepted();
        let said_ns = is_open.then(|| self.outgoing.due_ns(now_ns)).flatten();
        let said_ns = said_ns.filter(|_| self.session.has_room());
        let late_ns = self
            .unheard
            .values()
            .map(|since_ns| since_ns + ANSWER_MAX_NS);
        let late_ns = late_ns.filter(|at_ns| *at_ns > now_ns).min();
        let all = [said_ns, self.announce_at_ns, late_ns];
        all.into_iter()
            .flatten()
            .fold(self.session.due_ns(), MonoNs::min)
    }
}

#[cfg(test)]
#[path = "talk_tests.rs"]
mod tests;
