//! One connection to a broker, without the connection: bytes and times in, bytes and events out. Pure.

use std::collections::BTreeMap;
use std::fmt;

use super::packet::{self, Hello, InMessage, Incoming, PacketError, Packets};
use crate::model::{MonoNs, NS_PER_S};

/// The broker takes us for gone, and sends our will, after 1.5 times this.
pub(super) const KEEP_ALIVE_S: u16 = 30;

/// A ping goes out when nothing else has for so long.
const PING_AFTER_NS: i64 = 25 * NS_PER_S;

/// A broker that has not answered by then is gone.
pub(super) const ANSWER_MAX_NS: i64 = 10 * NS_PER_S;

/// Messages that are not acknowledged yet, at a time: Mosquitto's `max_inflight_messages` is 20.
const IN_FLIGHT_MAX: usize = 16;

/// What the broker has said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SessionEvent {
    /// It takes us.
    Accepted,
    /// These subscriptions, by their places in the list, are refused.
    RefusedFilters(Vec<usize>),
    /// The message on this topic has arrived.
    Arrived(String),
    /// A message.
    Message(InMessage),
}

/// Why a connection is of no use any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The broker does not take us, for this reason of its own [MQTT 3.1.1, 3.2.2.3].
    Refused(u8),
    /// It has not answered in time, to what.
    Silent(&'static str),
    /// It says what no broker says.
    Nonsense(PacketError),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Refused(1) => f.write_str("it does not speak MQTT 3.1.1"),
            Broken::Refused(2) => f.write_str("it refuses the client's id"),
            Broken::Refused(3) => f.write_str("it says that it is not available"),
            Broken::Refused(4) => f.write_str("it does not take user and password"),
            Broken::Refused(5) => f.write_str("the client may not connect (user or password)"),
            Broken::Refused(code) => write!(f, "it refuses the connection with code {code}"),
            Broken::Silent(what) => {
                write!(
                    f,
                    "no answer within {} s to {what}",
                    ANSWER_MAX_NS / NS_PER_S
                )
            }
            Broken::Nonsense(error) => write!(f, "what answers is no MQTT broker: {error}"),
        }
    }
}

/// The connection.
#[derive(Debug)]
pub(super) struct Session {
    packets: Packets,
    out: Vec<u8>,
    begun_ns: MonoNs,
    is_accepted: bool,
    /// Topics by the number of the message, and when that was sent.
    in_flight: BTreeMap<u16, (String, MonoNs)>,
    last_id: u16,
    /// When the subscription was sent that is not answered yet.
    subscribing_ns: Option<MonoNs>,
    pinged_ns: Option<MonoNs>,
    sent_ns: MonoNs,
}

impl Session {
    /// One that begins.
    pub(super) fn begin(hello: &Hello<'_>, now_ns: MonoNs) -> Session {
        Session {
            packets: Packets::default(),
            out: packet::connect(hello),
            begun_ns: now_ns,
            is_accepted: false,
            in_flight: BTreeMap::new(),
            last_id: 0,
            subscribing_ns: None,
            pinged_ns: None,
            sent_ns: now_ns,
        }
    }

    /// Whether the broker has taken us.
    pub(super) fn is_accepted(&self) -> bool {
        self.is_accepted
    }

    /// Whether one more message can be sent.
    pub(super) fn has_room(&self) -> bool {
        self.is_accepted && self.in_flight.len() < IN_FLIGHT_MAX
    }

    /// Whether all that was sent has arrived.
    pub(super) fn is_settled(&self) -> bool {
        self.in_flight.is_empty() && self.out.is_empty()
    }

    /// Sends a message that the broker keeps. `sure`: it is to be acknowledged.
    pub(super) fn publish(&mut self, topic: &str, payload: &str, sure: bool, now_ns: MonoNs) {
        let id = sure.then(|| self.next_id());
        if let Some(id) = id {
            self.in_flight.insert(id, (topic.to_owned(), now_ns));
        }
        self.send(
            &packet::publish(topic, payload.as_bytes(), true, id),
            now_ns,
        );
    }

    /// Sends a message that the broker passes on and does not keep.
    pub(super) fn publish_once(&mut self, topic: &str, payload: &str, now_ns: MonoNs) {
        let id = self.next_id();
        self.in_flight.insert(id, (topic.to_owned(), now_ns));
        self.send(
            &packet::publish(topic, payload.as_bytes(), false, Some(id)),
            now_ns,
        );
    }

    /// Asks for what comes on these topics.
    pub(super) fn subscribe(&mut self, filters: &[String], now_ns: MonoNs) {
        let id = self.next_id();
        self.subscribing_ns = Some(now_ns);
        self.send(&packet::subscribe(id, filters), now_ns);
    }

    /// Says that the connection ends as it should.
    pub(super) fn disconnect(&mut self, now_ns: MonoNs) {
        self.send(&packet::DISCONNECT, now_ns);
    }

    /// What is to be sent.
    pub(super) fn take_out(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// These bytes have come.
    pub(super) fn receive(
        &mut self,
        bytes: &[u8],
        now_ns: MonoNs,
    ) -> Result<Vec<SessionEvent>, Broken> {
        self.packets.push(bytes);
        let mut events = Vec::new();
        while let Some(packet) = self.packets.take().map_err(Broken::Nonsense)? {
            events.extend(self.one(packet, now_ns)?);
        }
        Ok(events)
    }

    fn one(&mut self, packet: Incoming, now_ns: MonoNs) -> Result<Option<SessionEvent>, Broken> {
        if !self.is_accepted && !matches!(packet, Incoming::Accepted(_)) {
            let early = PacketError("it does not answer the connection first");
            return Err(Broken::Nonsense(early));
        }
        Ok(match packet {
            Incoming::Accepted(_) if self.is_accepted => {
                let twice = PacketError("it answers the connection twice");
                return Err(Broken::Nonsense(twice));
            }
            Incoming::Accepted(0) => {
                self.is_accepted = true;
                Some(SessionEvent::Accepted)
            }
            Incoming::Accepted(code) => return Err(Broken::Refused(code)),
            Incoming::Acknowledged(id) => {
                let arrived = self.in_flight.remove(&id);
                arrived.map(|(topic, _)| SessionEvent::Arrived(topic))
            }
            Incoming::Subscribed(codes) => {
                self.subscribing_ns = None;
                let codes = codes.iter().enumerate();
                let refused = codes.filter(|(_, code)| **code & 0x80 != 0);
                let refused: Vec<usize> = refused.map(|(place, _)| place).collect();
                (!refused.is_empty()).then_some(SessionEvent::RefusedFilters(refused))
            }
            Incoming::Message(message) => {
                if let Some(id) = message.id {
                    self.send(&packet::acknowledge(id), now_ns);
                }
                Some(SessionEvent::Message(message))
            }
            Incoming::Pong => {
                self.pinged_ns = None;
                None
            }
            Incoming::Skipped => None,
        })
    }

    /// Time has passed: pings, and ends a connection on which nothing is answered.
    pub(super) fn tick(&mut self, now_ns: MonoNs) -> Result<(), Broken> {
        let first = self.in_flight.values().map(|(_, sent_ns)| *sent_ns).min();
        let waits = [
            ((!self.is_accepted).then_some(self.begun_ns), "CONNECT"),
            (first, "PUBLISH"),
            (self.subscribing_ns, "SUBSCRIBE"),
            (self.pinged_ns, "PINGREQ"),
        ];
        for (since_ns, what) in waits {
            if since_ns.is_some_and(|since_ns| now_ns - since_ns >= ANSWER_MAX_NS) {
                return Err(Broken::Silent(what));
            }
        }
        let is_quiet = now_ns - self.sent_ns >= PING_AFTER_NS;
        if self.is_accepted && self.pinged_ns.is_none() && is_quiet {
            self.pinged_ns = Some(now_ns);
            self.send(&packet::PING, now_ns);
        }
        Ok(())
    }

    /// When [`Session::tick`] is to be called next.
    pub(super) fn due_ns(&self) -> MonoNs {
        let first = self.in_flight.values().map(|(_, sent_ns)| *sent_ns).min();
        let connecting = (!self.is_accepted).then_some(self.begun_ns);
        let waits = [connecting, first, self.subscribing_ns, self.pinged_ns];
        let deadlines = waits.into_iter().flatten();
        let deadline_ns = deadlines.map(|since_ns| since_ns + ANSWER_MAX_NS).min();
        let ping_ns = self.sent_ns + PING_AFTER_NS;
        deadline_ns.map_or(ping_ns, |deadline_ns| deadline_ns.min(ping_ns))
    }

    fn send(&mut self, bytes: &[u8], now_ns: MonoNs) {
        self.out.extend(bytes);
        self.sent_ns = now_ns;
    }

    /// The next number that no message under way has; never 0 [2.3.1].
    fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.in_flight.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: Hello<'static> = Hello {
        client_id: "c",
        user: None,
        password: None,
        will: Some(("p/status", "offline")),
        keep_alive_s: KEEP_ALIVE_S,
    };

    fn open() -> Session {
        let mut session = Session::begin(&HELLO, 0);
        session.take_out();
        let events = session.receive(b"\x20\x02\x00\x00", 0).unwrap();
        assert_eq!(events, [SessionEvent::Accepted]);
        session
    }

    #[test]
    fn what_is_not_answered_in_time_ends_it() {
        let mut waiting = Session::begin(&HELLO, 0);
        assert_eq!(waiting.due_ns(), ANSWER_MAX_NS);
        assert_eq!(waiting.tick(ANSWER_MAX_NS - 1), Ok(()));
        assert_eq!(waiting.tick(ANSWER_MAX_NS), Err(Broken::Silent("CONNECT")));
        let mut session = open();
        session.publish("p/a", "1", true, NS_PER_S);
        assert_eq!(session.due_ns(), NS_PER_S + ANSWER_MAX_NS);
        session.receive(b"\x40\x02\x00\x01", 2 * NS_PER_S).unwrap();
        assert!(session.tick(20 * NS_PER_S).is_ok());
        session.subscribe(&["a".to_owned()], 20 * NS_PER_S);
        assert_eq!(
            session.tick(30 * NS_PER_S),
            Err(Broken::Silent("SUBSCRIBE"))
        );
    }

    #[test]
    fn a_quiet_connection_is_kept_by_pings() {
        let mut session = open();
        let due_ns = session.due_ns();
        assert!(due_ns < i64::from(KEEP_ALIVE_S) * NS_PER_S);
        session.tick(due_ns).unwrap();
        assert_eq!(session.take_out(), packet::PING);
        session.receive(b"\xd0\x00", due_ns + 1).unwrap();
        session.tick(due_ns + ANSWER_MAX_NS).unwrap();
        assert!(session.take_out().is_empty());
        let again_ns = session.due_ns();
        session.tick(again_ns).unwrap();
        assert_eq!(
            session.tick(again_ns + ANSWER_MAX_NS),
            Err(Broken::Silent("PINGREQ"))
        );
    }

    #[test]
    fn numbers_are_never_zero_and_never_twice_under_way() {
        let mut session = open();
        session.last_id = u16::MAX - 1;
        session.publish("p/a", "1", true, 0);
        session.publish("p/b", "1", true, 0);
        session.publish("p/c", "1", false, 0);
        let ids: Vec<u16> = session.in_flight.keys().copied().collect();
        assert_eq!(ids, [1, u16::MAX]);
        session.last_id = u16::MAX;
        session.publish("p/d", "1", true, 0);
        assert!(session.in_flight.contains_key(&2));
        assert!(!session.is_settled());
    }

    #[test]
    fn no_more_are_under_way_than_a_broker_takes() {
        let mut session = open();
        let mut sent = 0;
        while session.has_room() {
            session.publish("p/a", "1", true, 0);
            sent += 1;
        }
        assert_eq!(sent, IN_FLIGHT_MAX);
        let arrived = session.receive(b"\x40\x02\x00\x05", 0).unwrap();
        assert_eq!(arrived, [SessionEvent::Arrived("p/a".to_owned())]);
        assert!(session.has_room());
    }

    #[test]
    fn refusals_and_nonsense_are_named() {
        for (code, want) in [
            (4, "user and password"),
            (5, "may not connect"),
            (9, "code 9"),
        ] {
            let mut session = Session::begin(&HELLO, 0);
            let broken = session.receive(&[0x20, 2, 0, code], 0).unwrap_err();
            assert_eq!(broken, Broken::Refused(code));
            assert!(broken.to_string().contains(want), "{broken}");
        }
        let mut session = Session::begin(&HELLO, 0);
        let web = session.receive(b"HTTP/1.1 400 Bad Request\r\n\r\n", 0);
        assert!(matches!(web, Err(Broken::Nonsense(_))), "{web:?}");
        assert!(open().receive(b"\x20\x02\x00\x00", 0).is_err(), "twice");
        let mut early = Session::begin(&HELLO, 0);
        assert!(early.receive(b"\xd0\x00", 0).is_err());
    }

    #[test]
    fn a_message_is_acknowledged_where_the_broker_asks_for_it() {
        let mut session = open();
        let message = packet::publish("a", b"x", false, Some(9));
        let events = session.receive(&message, 0).unwrap();
        assert!(matches!(&events[..], [SessionEvent::Message(one)] if one.topic == "a"));
        assert_eq!(session.take_out(), packet::acknowledge(9));
        let events = session.receive(b"\x90\x05\x00\x01\x00\x80\x01", 0).unwrap();
        assert_eq!(events, [SessionEvent::RefusedFilters(vec![1])]);
    }
}
