//! Tests of what is told once, by a broker that says what a test wants, over a true socket.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::*;
use crate::config::{BrokerAddress, Language, Secret};
use crate::mqtt::packet;

/// Who waits for longer hangs.
const PATIENCE: Duration = Duration::from_secs(300);

const TAKEN: &[u8] = b"\x20\x02\x00\x00";

/// A broker for one connection, which says what `script` says.
fn broker<T: Send + 'static>(
    script: impl FnOnce(&mut TcpStream) -> T + Send + 'static,
) -> (MqttSettings, JoinHandle<T>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let said = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        script(&mut stream)
    });
    let settings = MqttSettings {
        broker: BrokerAddress {
            host: "127.0.0.1".to_owned(),
            port,
            is_tls: false,
        },
        user: Some("u".to_owned()),
        password: Some(Secret::new("p")),
        prefix: "home/meter".to_owned(),
        discovery: true,
        discovery_prefix: "homeassistant".to_owned(),
        interval_s: 10,
        ca_file: None,
        language: Language::English,
    };
    (settings, said)
}

/// The next packet: its first byte, and what is behind its length (short packets alone).
fn packet_of(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    assert!(head[1] < 128, "a short packet");
    let mut body = vec![0; usize::from(head[1])];
    stream.read_exact(&mut body).unwrap();
    (head[0], body)
}

/// Takes the client; what its CONNECT says.
fn take(stream: &mut TcpStream) -> Vec<u8> {
    let (kind, body) = packet_of(stream);
    assert_eq!(kind, 0x10);
    stream.write_all(TAKEN).unwrap();
    body
}

#[test]
fn it_is_told_when_it_is_acknowledged_and_is_not_retained() {
    let (settings, said) = broker(|stream| {
        let hello = take(stream);
        let (kind, body) = packet_of(stream);
        stream.write_all(b"\x40\x02").unwrap();
        stream.write_all(&body[18..20]).unwrap();
        (hello, kind, body, packet_of(stream))
    });
    tell_alarm(&settings, "{\"id\":7}", false).unwrap();
    let (hello, kind, body, last) = said.join().unwrap();
    assert_eq!(
        hello[..8],
        *b"\x00\x04MQTT\x04\xc2",
        "a clean session, no will"
    );
    let id = &hello[12..34];
    assert_eq!(hello[10..12], [0, 22]);
    assert!(id.starts_with(b"powerlogger_alarm_"), "{hello:?}");
    assert_eq!(kind, 0x32, "acknowledged, not retained");
    assert_eq!(body[..18], *b"\x00\x10home/meter/alarm");
    assert_eq!(body[20..], *b"{\"id\":7}");
    assert_eq!(last, (0xe0, Vec::new()), "it ends as it should");
}

#[test]
fn what_is_not_acknowledged_is_not_told() {
    let (settings, said) = broker(|stream| {
        take(stream);
        packet_of(stream);
    });
    let why = tell_alarm(&settings, "{}", false).unwrap_err();
    said.join().unwrap();
    assert!(
        why.contains("127.0.0.1") && why.contains("connection"),
        "{why}"
    );
    let (settings, said) = broker(|stream| {
        packet_of(stream);
        stream.write_all(b"\x20\x02\x00\x05").unwrap();
    });
    let why = tell_alarm(&settings, "{}", false).unwrap_err();
    said.join().unwrap();
    assert!(why.contains("user or password"), "{why}");
    let (settings, said) = broker(|_| ());
    let why = broker_answers(&settings);
    said.join().unwrap();
    assert!(why.is_err());
}

/// What a test comes to where the subscription is answered with this, and the message comes back or not.
fn tried(code: u8, comes_back: bool) -> Result<(), String> {
    let (settings, said) = broker(move |stream| {
        take(stream);
        let (kind, body) = packet_of(stream);
        assert_eq!(kind, 0x82);
        stream
            .write_all(&[0x90, 3, body[0], body[1], code])
            .unwrap();
        let (_, body) = packet_of(stream);
        stream.write_all(&[0x40, 2, body[18], body[19]]).unwrap();
        if comes_back {
            let back = packet::publish("home/meter/alarm", &body[20..], false, None);
            stream.write_all(&back).unwrap();
        }
        packet_of(stream);
    });
    let tried = tell_alarm(&settings, "{\"id\":7}", true);
    said.join().unwrap();
    tried
}

#[test]
fn a_test_shows_whether_the_broker_passes_it_on() {
    tried(0, true).unwrap();
    for code in [0, 0x80] {
        let why = tried(code, false).unwrap_err();
        assert!(why.contains("home/meter/alarm"), "{why}");
        assert!(why.contains("access rules"), "{why}");
    }
}

#[test]
fn a_look_publishes_nothing() {
    let (settings, said) = broker(|stream| {
        take(stream);
        packet_of(stream)
    });
    broker_answers(&settings).unwrap();
    assert_eq!(said.join().unwrap(), (0xe0, Vec::new()));
}
