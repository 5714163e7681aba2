//! The fake without HTTP: a sink for virtual time.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use powerlogger::clock::{Clock, VirtualClock};
use powerlogger::deliver::retry::Failure;
use powerlogger::deliver::sink::Sink;

use super::fault::Fault;
use super::store::{Reply, Store, Write};

pub const ORG: &str = "home";
pub const BUCKET: &str = "PowerLogger_raw";
pub const TOKEN: &str = "writer";

/// The server at the far end; clones are the same one.
#[derive(Debug, Clone)]
pub struct Remote {
    pub store: Arc<Mutex<Store>>,
    fault: Arc<Mutex<Option<Fault>>>,
    clock: VirtualClock,
}

impl Remote {
    /// A server with one bucket of 30 days and a token for it.
    pub fn new(clock: VirtualClock) -> Remote {
        let mut store = Store::default();
        store.add_org(ORG);
        store.add_bucket(BUCKET, Some(30 * 86_400 * 1_000_000_000));
        store.add_token(TOKEN, &[BUCKET]);
        Remote {
            store: Arc::new(Mutex::new(store)),
            fault: Arc::default(),
            clock,
        }
    }

    pub fn set_fault(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap() = fault;
    }

    /// The stamps of a series.
    pub fn stamps(&self, series: &str) -> BTreeSet<i64> {
        let points = self.store.lock().unwrap().points(BUCKET);
        let times = points.get(&format!("{series} Pulse"));
        times
            .map(|times| times.keys().copied().collect())
            .unwrap_or_default()
    }

    fn write(&self, body: &[u8], gzip: bool) -> Reply {
        let write = Write {
            org: Some(ORG),
            bucket: Some(BUCKET),
            precision: Some("ns"),
            token: Some(TOKEN),
            gzip,
            body,
        };
        self.store
            .lock()
            .unwrap()
            .write(&write, self.clock.wall_ns())
    }
}

/// The text of a body.
pub fn plain(body: &[u8], gzip: bool) -> String {
    let mut bytes = Vec::new();
    if gzip {
        let _ = flate2::read::GzDecoder::new(body).read_to_end(&mut bytes);
    } else {
        bytes.extend_from_slice(body);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The answer to a request that contains poison, if it does.
pub fn poisoned(body: &[u8], gzip: bool, contains: &str) -> Option<Reply> {
    let text = plain(body, gzip);
    let bad: Vec<String> = text
        .lines()
        .filter(|line| line.contains(contains))
        .map(|line| format!("unable to parse '{line}': poison"))
        .collect();
    (!bad.is_empty()).then(|| Reply::error(400, "invalid", &bad.join("\n")))
}

/// [`Sink`] to a [`Remote`].
#[derive(Debug)]
pub struct MemorySink(Remote);

impl MemorySink {
    pub fn new(remote: Remote) -> MemorySink {
        MemorySink(remote)
    }
}

impl Sink for MemorySink {
    fn send(&mut self, body: &[u8], compressed: bool) -> Result<(), Failure> {
        let broken = |kind| Failure::Transport {
            kind,
            message: kind.to_owned(),
        };
        let fault = self.0.fault.lock().unwrap().clone();
        let reply = match fault {
            Some(Fault::Refuse) => return Err(broken("unreachable")),
            Some(Fault::LoseRequest | Fault::CloseMidBody) => return Err(broken("broken")),
            Some(Fault::Stall) => return Err(broken("timeout")),
            Some(Fault::LoseReply) => {
                self.0.write(body, compressed);
                return Err(broken("broken"));
            }
            Some(Fault::TooMany { retry_after_s }) => Reply {
                retry_after: Some(retry_after_s),
                ..Reply::error(429, "too many requests", "")
            },
            Some(Fault::Unavailable { retry_after_s }) => Reply {
                retry_after: retry_after_s,
                ..Reply::error(503, "unavailable", "")
            },
            Some(Fault::Unauthorized) => Reply::error(401, "unauthorized", "unauthorized access"),
            Some(Fault::TooLarge { body_bytes_max }) if body.len() > body_bytes_max => {
                Reply::error(413, "request too large", "too large")
            }
            Some(Fault::HtmlPage200) => Reply {
                body: "<html>".to_owned(),
                ..Reply::empty(200)
            },
            Some(Fault::CorruptGzip) if compressed => {
                Reply::error(500, "internal error", "An internal error has occurred")
            }
            Some(Fault::Poison { contains }) => {
                let poisoned = poisoned(body, compressed, &contains);
                poisoned.unwrap_or_else(|| self.0.write(body, compressed))
            }
            _ => self.0.write(body, compressed),
        };
        if reply.status == 204 {
            return Ok(());
        }
        Err(Failure::Status {
            status: reply.status,
            message: reply.body,
            retry_after: reply.retry_after.map(Duration::from_secs),
        })
    }

    fn refresh_token(&mut self) {}
}
