//! Alarms by MQTT: by the true binary to a true broker (Debian's `mosquitto`) that is away when they begin, to one that
//! acknowledges nothing, over kills, and to one whose access rules drop them. Each is told once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use powerlogger::journal::Reader;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::daemon::Daemon;
use crate::support::gpio::without_chips;
use crate::support::mosquitto::{Mosquitto, Watcher};
use crate::support::wait::{PATIENCE, wait_for};

const TOPIC: &str = "home/meter/alarm";

/// What a broker needs to remember over its own end what a client has not had.
const REMEMBERS: &str = "allow_anonymous true\npersistence true\n";

/// Alarms at once and by MQTT, at the broker of this port.
fn config(port: u16) -> String {
    format!(
        "[alarms]\nafter_s = 0\nclear_after_s = 0\nexcept = [\"disk_stalled\"]\nmqtt = true\n[web]\nlisten = \"off\"\n\
         [mqtt]\nprefix = \"home/meter\"\nurl = \"mqtt://127.0.0.1:{port}\"\n"
    )
}

/// By the journal: how many alarms of lines stand, and how many alarms wait to be told. That the broker is away, or takes
/// none, is an alarm, too, which none is told.
fn book(daemon: &Daemon) -> (usize, usize) {
    let reader = Reader::open(daemon.dir()).ok();
    let book = reader.and_then(|reader| reader.alarm_book().ok());
    book.map_or((0, 0), |book| {
        let standing = book.standing.iter();
        let of_lines = standing.filter(|alarm| alarm.word == "line_not_read");
        (of_lines.count(), book.waiting.len())
    })
}

/// What the journal has, and what the broker keeps, may be of an earlier run.
fn wait_until_it_publishes(daemon: &mut Daemon) {
    daemon.wait_for("values, and the journal", |daemon| {
        let log = daemon.log();
        log.contains("publishing by MQTT") && log.contains("journal open")
    });
}

/// All that is told up to a test, which is sent now: each event's number, and what it is.
fn told(watcher: &mut Watcher, daemon: &Daemon) -> Vec<(i64, String)> {
    let (code, said) = daemon.answer(&["alarm", "test"]);
    assert!(code == Some(0) && said.contains("✓ mqtt: "), "{said}");
    let mut told = Vec::new();
    loop {
        let message = wait_for("what is told", PATIENCE, || watcher.message());
        assert_eq!(message.topic, TOPIC);
        assert!(!message.is_retained);
        let message: Value = serde_json::from_slice(&message.payload).unwrap();
        let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
        if text(&message, "event") == "test" {
            return told;
        }
        for event in message["events"].as_array().unwrap() {
            let what = ["event", "condition", "meter"].map(|key| text(event, key));
            told.push((event["id"].as_i64().unwrap(), what.join(" ")));
        }
    }
}

/// What is wrong on a machine without lines was told, each of it once.
fn assert_told_once(told: &[(i64, String)]) {
    let what: BTreeSet<&str> = told.iter().map(|(_, what)| what.as_str()).collect();
    let want = ["Export", "Generate", "Import"].map(|name| format!("begin line_not_read {name}"));
    assert_eq!(what, want.iter().map(String::as_str).collect());
    assert_eq!(told.len(), want.len(), "none twice: {told:?}");
}

#[test]
fn what_begins_while_the_broker_is_away_is_told_once_over_a_kill() {
    let _lines = without_chips();
    let Some(mut broker) = Mosquitto::prepare("what_begins_while_the_broker_is_away") else {
        return;
    };
    broker.settings = REMEMBERS.to_owned();
    broker.go();
    drop(Watcher::lasting(broker.port(), "listener", TOPIC).unwrap());
    broker.stop();
    let mut daemon = Daemon::start(&config(broker.port()), &[]);
    daemon.wait_for("alarms kept", |daemon| book(daemon) == (3, 3));
    daemon.wait_for("it to be told that none is taken", |daemon| {
        daemon.log().contains("alarms are not taken")
    });
    daemon.kill();
    assert_eq!(book(&daemon), (3, 3), "they wait");
    daemon.start_again();
    broker.go();
    daemon.wait_for("all of it told", |daemon| book(daemon) == (3, 0));
    // Another run, and a broker that was away again, repeat nothing.
    daemon.kill();
    broker.stop();
    broker.go();
    daemon.start_again();
    wait_until_it_publishes(&mut daemon);
    let mut watcher = Watcher::lasting(broker.port(), "listener", TOPIC).unwrap();
    assert_told_once(&told(&mut watcher, &daemon));
    assert_eq!(broker.kept(None).get(TOPIC), None);
    daemon.stop();
}

/// A broker that takes each client and acknowledges nothing; how often it has got an alarm.
fn mute() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let alarms = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&alarms);
    let serve = |mut stream: TcpStream, seen: Arc<AtomicUsize>| {
        let (mut all, mut bytes) = (Vec::new(), [0; 4096]);
        let _ = stream.write_all(b"\x20\x02\x00\x00");
        while let Ok(1..) = stream
            .read(&mut bytes)
            .inspect(|n| all.extend(&bytes[..*n]))
        {
            let is_alarm = |part: &[u8]| part == TOPIC.as_bytes();
            if all.windows(TOPIC.len()).any(is_alarm) {
                seen.fetch_add(1, Ordering::SeqCst);
                all.clear();
            }
        }
    };
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&seen);
            thread::spawn(move || serve(stream, seen));
        }
    });
    (port, alarms)
}

#[test]
fn what_a_broker_has_not_acknowledged_when_the_daemon_is_killed_is_told_by_the_next_run() {
    let _lines = without_chips();
    let test = "what_a_broker_has_not_acknowledged_when_the_daemon_is_killed";
    let Some(broker) = Mosquitto::start(test) else {
        return;
    };
    let mut watcher = Watcher::lasting(broker.port(), "listener", TOPIC).unwrap();
    let (port, alarms) = mute();
    let mut daemon = Daemon::start(&config(port), &[]);
    daemon.wait_for("an alarm sent", |_| alarms.load(Ordering::SeqCst) > 0);
    daemon.wait_for("alarms kept", |daemon| book(daemon) == (3, 3));
    daemon.kill();
    assert_eq!(
        book(&daemon),
        (3, 3),
        "what is not acknowledged is not told"
    );
    fs::write(daemon.dir().join("powerlogger.toml"), config(broker.port())).unwrap();
    daemon.start_again();
    daemon.wait_for("all of it told", |daemon| book(daemon) == (3, 0));
    daemon.kill();
    daemon.start_again();
    wait_until_it_publishes(&mut daemon);
    assert_told_once(&told(&mut watcher, &daemon));
    daemon.stop();
}

#[test]
fn a_test_shows_that_access_rules_drop_what_the_broker_acknowledges() {
    let _lines = without_chips();
    let Some(mut broker) = Mosquitto::prepare("a_test_shows_that_access_rules_drop") else {
        return;
    };
    let rules = broker.dir().join("rules");
    let narrow = "topic readwrite home/meter/+/+\ntopic readwrite home/meter/status\n";
    fs::write(&rules, narrow).unwrap();
    broker.settings = format!("allow_anonymous true\nacl_file {}\n", rules.display());
    broker.go();
    let daemon = Daemon::start(&config(broker.port()), &[]);
    let (code, said) = daemon.answer(&["alarm", "test"]);
    assert_eq!(code, Some(1));
    let dropped = format!("acknowledges what is published to {TOPIC} and does not pass it on");
    assert!(said.contains(&dropped), "{said}");
    let (_, said) = daemon.answer(&["verify", "--json"]);
    let takes = format!("takes them for {TOPIC}; `powerlogger alarm test` sends a test");
    assert!(said.contains(&takes), "{said}");
    fs::write(&rules, "topic readwrite home/meter/#\n").unwrap();
    broker.signal(Signal::HUP);
    let tested = || daemon.answer(&["alarm", "test"]).0 == Some(0);
    wait_for("the rules taken up", PATIENCE, || tested().then_some(()));
    broker.kill();
    let (code, said) = daemon.answer(&["verify", "--json"]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("alarms wait until it can be reached"),
        "{said}"
    );
    // Without a line it may have ended by itself.
    drop(daemon);
}
