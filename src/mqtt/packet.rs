//! Packets of MQTT 3.1.1 (OASIS standard, 29 October 2014), as far as a client needs them that publishes with QoS 0 and 1,
//! and subscribes with QoS 0. Numbers in brackets are sections of the standard. Pure.

/// The most bytes of a packet that is looked into; a larger one is skipped.
const PACKET_BYTES_MAX: usize = 64 << 10;

/// A remaining length has at most four bytes [2.2.3].
const LENGTH_BYTES_MAX: usize = 4;

/// What a broker sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// The answer to a connection: 0 is yes, 4 and 5 are a wrong user or password, and one that may not connect [3.2.2.3].
    Accepted(u8),
    /// A message has arrived there.
    Acknowledged(u16),
    /// The answer to a subscription: for each filter the QoS, or 128 for no [3.9.3].
    Subscribed(Vec<u8>),
    /// A message.
    Message(InMessage),
    /// The answer to a ping.
    Pong,
    /// It was too large to be looked into.
    Skipped,
}

/// A message from the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InMessage {
    /// Its topic.
    pub topic: String,
    /// What it says.
    pub payload: Vec<u8>,
    /// It was kept by the broker, and is sent because of a new subscription.
    pub is_retained: bool,
    /// The number that is to be acknowledged; None: none is.
    pub id: Option<u16>,
}

/// What no broker may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PacketError(pub(super) &'static str);

/// How a connection begins.
#[derive(Debug, Clone, Copy)]
pub struct Hello<'a> {
    /// Who we are: another client with this id ends our connection.
    pub client_id: &'a str,
    /// User and password.
    pub user: Option<&'a str>,
    /// The password of that user.
    pub password: Option<&'a str>,
    /// The broker says this when the connection breaks: topic and payload, retained.
    pub will: Option<(&'a str, &'a str)>,
    /// The broker takes us for gone after 1.5 times this without a packet.
    pub keep_alive_s: u16,
}

/// Bytes of a text with its length in front of it [1.5.3].
fn put_text(packet: &mut Vec<u8>, text: &[u8]) {
    // The configuration allows no longer ones.
    let text = &text[..text.len().min(usize::from(u16::MAX))];
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    packet.extend(length.to_be_bytes());
    packet.extend(text);
}

/// A whole packet: its kind and flags, how long it is, what is in it.
fn whole(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut left = body.len();
    loop {
        let low = u8::try_from(left % 128).unwrap_or(0);
        left /= 128;
        packet.push(if left > 0 { low | 0x80 } else { low });
        if left == 0 {
            break;
        }
    }
    packet.extend(body);
    packet
}

/// CONNECT with a clean session [3.1].
pub fn connect(hello: &Hello<'_>) -> Vec<u8> {
    // Clean session.
    let mut flags = 0b10;
    if hello.will.is_some() {
        // With QoS 1, retained.
        flags |= 0b0010_1100;
    }
    flags |= u8::from(hello.user.is_some()) << 7;
    flags |= u8::from(hello.user.is_some() && hello.password.is_some()) << 6;
    let mut body = Vec::new();
    put_text(&mut body, b"MQTT");
    body.extend([4, flags]);
    body.extend(hello.keep_alive_s.to_be_bytes());
    put_text(&mut body, hello.client_id.as_bytes());
    if let Some((topic, payload)) = hello.will {
        put_text(&mut body, topic.as_bytes());
        put_text(&mut body, payload.as_bytes());
    }
    if let Some(user) = hello.user {
        put_text(&mut body, user.as_bytes());
        if let Some(password) = hello.password {
            put_text(&mut body, password.as_bytes());
        }
    }
    whole(0x10, &body)
}

/// PUBLISH [3.3]. `id`: the number of a message that is to be acknowledged (QoS 1), never 0; None: it is not (QoS 0).
pub fn publish(topic: &str, payload: &[u8], is_retained: bool, id: Option<u16>) -> Vec<u8> {
    let mut body = Vec::with_capacity(topic.len() + payload.len() + 4);
    put_text(&mut body, topic.as_bytes());
    if let Some(id) = id {
        body.extend(id.to_be_bytes());
    }
    body.extend(payload);
    let qos = u8::from(id.is_some()) << 1;
    whole(0x30 | qos | u8::from(is_retained), &body)
}

/// SUBSCRIBE with QoS 0 [3.8].
pub fn subscribe(id: u16, filters: &[String]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    for filter in filters {
        put_text(&mut body, filter.as_bytes());
        body.push(0);
    }
    whole(0x82, &body)
}

/// PUBACK [3.4].
pub fn acknowledge(id: u16) -> Vec<u8> {
    whole(0x40, &id.to_be_bytes())
}

/// PINGREQ [3.12].
pub const PING: [u8; 2] = [0xc0, 0];

/// DISCONNECT [3.14]: the broker then does not send the will.
pub const DISCONNECT: [u8; 2] = [0xe0, 0];

/// Takes packets out of what comes in pieces.
#[derive(Debug, Default)]
pub struct Packets {
    bytes: Vec<u8>,
    /// Of a packet that is too large, so much is still to come.
    to_skip: usize,
}

impl Packets {
    /// These bytes have come.
    pub fn push(&mut self, mut bytes: &[u8]) {
        let skipped = self.to_skip.min(bytes.len());
        self.to_skip -= skipped;
        bytes = &bytes[skipped..];
        self.bytes.extend(bytes);
    }

    /// Bytes that are kept: less than one packet, once all whole ones are taken.
    pub fn kept(&self) -> usize {
        self.bytes.len()
    }

    /// The next packet; None: it is not whole yet.
    ///
    /// # Errors
    /// When it is none that a broker may send: the connection is of no use any more.
    pub fn take(&mut self) -> Result<Option<Incoming>, PacketError> {
        let Some((&first, rest)) = self.bytes.split_first() else {
            return Ok(None);
        };
        check_kind(first)?;
        let (mut length, mut shift, mut is_whole) = (0_usize, 0, false);
        let mut head = 1;
        for byte in rest.iter().take(LENGTH_BYTES_MAX) {
            head += 1;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                is_whole = true;
                break;
            }
        }
        if !is_whole {
            return match rest.len() {
                0..LENGTH_BYTES_MAX => Ok(None),
                _ => Err(PacketError("the length of a packet has no end")),
            };
        }
        check_head(first, length)?;
        let there = self.bytes.len() - head;
        if length > PACKET_BYTES_MAX {
            let skipped = there.min(length);
            self.bytes.drain(..head + skipped);
            self.to_skip = length - skipped;
            return Ok(Some(Incoming::Skipped));
        }
        if there < length {
            return Ok(None);
        }
        let packet: Vec<u8> = self.bytes.drain(..head + length).skip(head).collect();
        parse(first, &packet).map(Some)
    }
}

const UNKNOWN: PacketError = PacketError("a packet that no broker sends to such a client");

/// What no broker sends is seen by its first byte: what answers may be another server, and wait for more [2.2.1, 2.2.2].
fn check_kind(first: u8) -> Result<(), PacketError> {
    match first {
        0x20 | 0x30..=0x3f | 0x40 | 0x90 | 0xd0 => Ok(()),
        _ => Err(UNKNOWN),
    }
}

/// The same by its length, where that is always the same.
fn check_head(first: u8, length: usize) -> Result<(), PacketError> {
    match (first, length) {
        (0x20 | 0x40, 2) | (0x90, 3..) | (0xd0, 0) | (0x30..=0x3f, _) => Ok(()),
        _ => Err(UNKNOWN),
    }
}

/// A packet by its first byte and what is behind its length.
fn parse(first: u8, body: &[u8]) -> Result<Incoming, PacketError> {
    match (first >> 4, body) {
        (2, [_, code]) => Ok(Incoming::Accepted(*code)),
        (4, [high, low]) => Ok(Incoming::Acknowledged(u16::from_be_bytes([*high, *low]))),
        (9, [_, _, codes @ ..]) => Ok(Incoming::Subscribed(codes.to_vec())),
        (13, []) => Ok(Incoming::Pong),
        (3, body) => message(first, body).map(Incoming::Message),
        _ => Err(UNKNOWN),
    }
}

fn message(first: u8, body: &[u8]) -> Result<InMessage, PacketError> {
    const SHORT: PacketError = PacketError("a message is shorter than its topic");
    let (length, rest) = body.split_first_chunk::<2>().ok_or(SHORT)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (topic, rest) = rest.split_at_checked(length).ok_or(SHORT)?;
    let topic = std::str::from_utf8(topic).map_err(|_| PacketError("a topic is not UTF-8"))?;
    let (id, payload) = match (first >> 1) & 0b11 {
        0 => (None, rest),
        1 => {
            let (id, rest) = rest.split_first_chunk::<2>().ok_or(SHORT)?;
            (Some(u16::from_be_bytes(*id)), rest)
        }
        _ => return Err(PacketError("a message with a QoS that was not asked for")),
    };
    Ok(InMessage {
        topic: topic.to_owned(),
        payload: payload.to_vec(),
        is_retained: first & 1 == 1,
        id,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken(bytes: &[u8]) -> Result<Vec<Incoming>, PacketError> {
        let mut packets = Packets::default();
        packets.push(bytes);
        let mut all = Vec::new();
        while let Some(packet) = packets.take()? {
            all.push(packet);
        }
        Ok(all)
    }

    #[test]
    fn packets_have_the_bytes_of_the_standard() {
        let hello = Hello {
            client_id: "c",
            user: Some("u"),
            password: Some("p"),
            will: Some(("a/b", "x")),
            keep_alive_s: 30,
        };
        let want =
            b"\x10\x1b\x00\x04MQTT\x04\xee\x00\x1e\x00\x01c\x00\x03a/b\x00\x01x\x00\x01u\x00\x01p";
        assert_eq!(connect(&hello), want);
        let quiet = Hello {
            user: None,
            ..hello
        };
        assert_eq!(
            connect(&quiet)[9],
            0b0010_1110,
            "no password without a user"
        );
        assert_eq!(
            publish("a/b", b"12", true, Some(258)),
            b"\x33\x09\x00\x03a/b\x01\x0212"
        );
        assert_eq!(publish("a", b"", false, None), b"\x30\x03\x00\x01a");
        assert_eq!(
            subscribe(1, &["a/+".to_owned(), "b".to_owned()]),
            b"\x82\x0c\x00\x01\x00\x03a/+\x00\x00\x01b\x00"
        );
        assert_eq!(acknowledge(7), b"\x40\x02\x00\x07");
        let long = publish("t", &[b'x'; 200], false, None);
        assert_eq!(long[..3], [0x30, 0xcb, 0x01], "203 = 0x4b + 1 * 128");
    }

    #[test]
    fn what_a_broker_says_is_understood() {
        let all =
            taken(b"\x20\x02\x00\x05\x40\x02\x01\x02\x90\x04\x00\x01\x00\x80\xd0\x00").unwrap();
        assert_eq!(
            all,
            [
                Incoming::Accepted(5),
                Incoming::Acknowledged(258),
                Incoming::Subscribed(vec![0, 128]),
                Incoming::Pong
            ]
        );
        for wrong in [
            &b"\x10\x00"[..],
            b"\x20\x01\x00",
            b"\x40\x03\x00\x00\x00",
            b"\x30\x01\x00",
            b"\x30\x03\x00\x05a",
            b"\x30\x03\x00\x01\xff",
            b"\x32\x03\x00\x01a",
            b"\x34\x05\x00\x01a\x00\x01",
            b"\x30\xff\xff\xff\xff\x01",
            b"\x00\x00",
        ] {
            assert!(taken(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(taken(b"\x30\xff\xff\xff"), Ok(Vec::new()), "not whole yet");
    }

    #[test]
    fn a_packet_that_is_too_large_is_skipped_and_not_kept() {
        let large = publish("a", &vec![b'x'; 3 << 20], false, None);
        let mut packets = Packets::default();
        let mut all = Vec::new();
        for piece in large.chunks(1_000).chain([&b"\xd0\x00"[..]]) {
            packets.push(piece);
            while let Some(packet) = packets.take().unwrap() {
                all.push(packet);
            }
            assert!(packets.kept() <= 1_000);
        }
        assert_eq!(all, [Incoming::Skipped, Incoming::Pong]);
    }

    proptest! {
        #[test]
        fn a_message_comes_back_as_it_was_sent_however_it_is_cut(
            topic in "[a-z/ä]{0,40}", payload in prop::collection::vec(any::<u8>(), 0..400),
            retained: bool, id in prop::option::of(1_u16..), cut in 1_usize..50,
        ) {
            let bytes = publish(&topic, &payload, retained, id);
            let mut packets = Packets::default();
            let mut all = Vec::new();
            for piece in bytes.chunks(cut) {
                packets.push(piece);
                all.extend(packets.take().unwrap());
            }
            let is_retained = retained;
            prop_assert_eq!(all, [Incoming::Message(InMessage { topic, payload, is_retained, id })]);
            prop_assert_eq!(packets.kept(), 0);
        }

        #[test]
        fn whatever_comes_is_bounded(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20)) {
            let mut packets = Packets::default();
            'all: for piece in pieces {
                packets.push(&piece);
                loop {
                    match packets.take() {
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(_) => break 'all,
                    }
                }
                prop_assert!(packets.kept() <= PACKET_BYTES_MAX + 5);
            }
        }
    }
}
