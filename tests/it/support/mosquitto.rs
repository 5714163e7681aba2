//! A true MQTT broker, Debian's `mosquitto`, and a client that sees what it keeps.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use powerlogger::mqtt::packet::{
    Hello, InMessage, Incoming, Packets, acknowledge, connect, publish, subscribe,
};
use rustix::process::{Signal, geteuid};

use super::port::Port;
use super::program::{Program, find, skip};
use super::wait::{PATIENCE, wait_for};

/// How long a read may wait: who waits for something asks again.
const READ_MAX: Duration = Duration::from_millis(200);

/// A broker, its port and its directory.
pub(crate) struct Mosquitto {
    binary: PathBuf,
    port: Port,
    dir: tempfile::TempDir,
    /// Lines of its configuration.
    pub(crate) settings: String,
    running: Option<Program>,
}

impl Mosquitto {
    /// One that runs, takes everybody, and keeps nothing on its disk; None: there is none on this machine, and `test` is
    /// skipped.
    pub(crate) fn start(test: &str) -> Option<Mosquitto> {
        let mut broker = Mosquitto::prepare(test)?;
        broker.go();
        Some(broker)
    }

    /// One that does not run yet.
    pub(crate) fn prepare(test: &str) -> Option<Mosquitto> {
        // Debian puts it where a user's PATH does not lead.
        let installed = Path::new("/usr/sbin/mosquitto").to_owned();
        let installed = installed.is_file().then_some(installed);
        let Some(binary) = find(Some("MOSQUITTO"), "mosquitto").or(installed) else {
            skip(test, "no mosquitto on PATH or in /usr/sbin");
            return None;
        };
        Some(Mosquitto {
            binary,
            port: Port::keep(),
            dir: tempfile::tempdir().unwrap(),
            settings: "allow_anonymous true\n".to_owned(),
            running: None,
        })
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port.number()
    }

    /// Its directory, for files that its settings name.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts it, with its present settings.
    pub(crate) fn go(&mut self) {
        let config = self.dir.path().join("mosquitto.conf");
        // As root it would change to a user of its own, who may not write here.
        let user = if geteuid().is_root() {
            "user root\n"
        } else {
            ""
        };
        let text = format!(
            "{user}listener {} 127.0.0.1\npersistence_location {}/\n{}",
            self.port(),
            self.dir.path().display(),
            self.settings
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new(&self.binary);
        command.arg("-c").arg(&config);
        let log = self.dir.path().join("log");
        let mut program = Program::start(&mut command, &log);
        program.wait_for_log(PATIENCE, |log| log.contains(" running").then_some(()));
        self.running = Some(program);
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        let running = self.running.take().unwrap();
        running.end(Signal::KILL, PATIENCE);
    }

    /// Ends it as a machine that goes down does: what it is to remember is on its disk.
    pub(crate) fn stop(&mut self) {
        let running = self.running.take().unwrap();
        running.end(Signal::TERM, PATIENCE);
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let running = self.running.as_ref().unwrap();
        running.signal(signal);
    }

    /// Adds a user.
    pub(crate) fn user(&self, name: &str, password: &str) {
        let file = self.dir.path().join("users");
        let tool = find(None, "mosquitto_passwd").unwrap();
        if !file.exists() {
            fs::write(&file, "").unwrap();
        }
        let added = Command::new(tool)
            .arg("-b")
            .arg(&file)
            .args([name, password])
            .stderr(Stdio::null())
            .status();
        assert!(added.unwrap().success());
    }

    /// All that it keeps, by topic, as this user (name and password) sees it.
    pub(crate) fn kept(&self, user: Option<(&str, &str)>) -> BTreeMap<String, String> {
        let mut client =
            Watcher::connect(self.port(), "watcher", user).expect("a broker that runs");
        client.send(&subscribe(1, &["#".to_owned()]));
        // What is kept comes before what is said after the subscription.
        client.send(&publish("watcher/end", b"", false, None));
        let mut all = BTreeMap::new();
        loop {
            let message = wait_for("what the broker keeps", PATIENCE, || client.message());
            if message.topic == "watcher/end" {
                return all;
            }
            if message.is_retained {
                let payload = String::from_utf8(message.payload).unwrap();
                all.insert(message.topic, payload);
            }
        }
    }
}

/// A client without TLS.
pub(crate) struct Watcher {
    stream: TcpStream,
    packets: Packets,
    messages: Vec<InMessage>,
}

impl Watcher {
    /// Connects with this id; None: nothing listens, or the broker does not take it.
    pub(crate) fn connect(port: u16, id: &str, user: Option<(&str, &str)>) -> Option<Watcher> {
        Watcher::begin(port, id, user, |_| ())
    }

    /// Connects with a session that outlives the connection, and listens to a topic with QoS 1: what is said there meanwhile
    /// comes when it connects again.
    pub(crate) fn lasting(port: u16, id: &str, topic: &str) -> Option<Watcher> {
        // No clean session [MQTT 3.1.1, 3.1.2.4].
        let mut watcher = Watcher::begin(port, id, None, |hello| hello[9] &= !0b10)?;
        let mut subscription = subscribe(1, &[topic.to_owned()]);
        *subscription.last_mut().unwrap() = 1;
        watcher.send(&subscription);
        wait_for("an answer to SUBSCRIBE", PATIENCE, || {
            match watcher.read().expect("the broker keeps the connection")? {
                Incoming::Message(message) => watcher.messages.push(message),
                Incoming::Subscribed(codes) => {
                    assert_eq!(codes, [1]);
                    return Some(());
                }
                _ => {}
            }
            None
        });
        Some(watcher)
    }

    /// `change`: what is to be another one in the CONNECT of a clean session.
    fn begin(
        port: u16,
        id: &str,
        user: Option<(&str, &str)>,
        change: impl Fn(&mut [u8]),
    ) -> Option<Watcher> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
        stream.set_read_timeout(Some(READ_MAX)).unwrap();
        let hello = Hello {
            client_id: id,
            user: user.map(|(name, _)| name),
            password: user.map(|(_, password)| password),
            will: None,
            keep_alive_s: 0,
        };
        let mut hello = connect(&hello);
        change(&mut hello);
        stream.write_all(&hello).ok()?;
        let mut watcher = Watcher {
            stream,
            packets: Packets::default(),
            messages: Vec::new(),
        };
        let accepted = wait_for("an answer to CONNECT", PATIENCE, || match watcher.read() {
            Ok(Some(Incoming::Accepted(code))) => Some(code == 0),
            Ok(_) => None,
            Err(()) => Some(false),
        });
        accepted.then_some(watcher)
    }

    /// Sends a packet.
    pub(crate) fn send(&mut self, packet: &[u8]) {
        self.stream.write_all(packet).unwrap();
    }

    /// Whether the broker has ended the connection.
    pub(crate) fn is_ended(&mut self) -> bool {
        loop {
            match self.read() {
                Ok(Some(Incoming::Message(message))) => self.messages.push(message),
                Ok(Some(_)) => {}
                Ok(None) => return false,
                Err(()) => return true,
            }
        }
    }

    /// The next message, if one has come.
    pub(crate) fn message(&mut self) -> Option<InMessage> {
        while self.messages.is_empty() {
            let packet = self.read().expect("the broker keeps the connection")?;
            if let Incoming::Message(message) = packet {
                self.messages.push(message);
            }
        }
        let message = self.messages.remove(0);
        if let Some(id) = message.id {
            self.send(&acknowledge(id));
        }
        Some(message)
    }

    /// The next packet; None: there is none yet; Err: the connection has ended.
    fn read(&mut self) -> Result<Option<Incoming>, ()> {
        if let Some(packet) = self.packets.take().unwrap() {
            return Ok(Some(packet));
        }
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(0) => Err(()),
            Ok(length) => {
                self.packets.push(&bytes[..length]);
                Ok(self.packets.take().unwrap())
            }
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) =>
            {
                Ok(None)
            }
            Err(_) => Err(()),
        }
    }
}
