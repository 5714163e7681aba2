//! Delivery's seam over the store, without sockets: for simulations in virtual time.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use powerlogger::clock::{Clock, VirtualClock};
use powerlogger::deliver::sink::Sink;
use powerlogger::server::failure::Failure;

use super::fault::Fault;
use super::reply::Reply;
use super::store::{Store, Write};

/// What delivery's thread and the test share.
#[derive(Debug)]
struct Shared {
    fault: Option<Fault>,
    /// What the operator has put into the configuration; taken up by `refresh_token`.
    offered_token: Option<String>,
    sends: u64,
}

/// A sink that writes into a [`Store`]. Clones share store and fault: keep one, give one away.
#[derive(Debug, Clone)]
pub struct MemorySink {
    store: Arc<Mutex<Store>>,
    clock: VirtualClock,
    org: String,
    bucket: String,
    token: Option<String>,
    /// How long a request hangs before the client gives up.
    timeout_ns: i64,
    shared: Arc<Mutex<Shared>>,
}

impl MemorySink {
    /// A sink for a bucket; no fault.
    pub fn new(
        store: Arc<Mutex<Store>>,
        clock: VirtualClock,
        org: &str,
        bucket: &str,
        token: Option<&str>,
    ) -> MemorySink {
        let token = token.map(str::to_owned);
        let shared = Shared {
            fault: None,
            offered_token: token.clone(),
            sends: 0,
        };
        MemorySink {
            store,
            clock,
            org: org.to_owned(),
            bucket: bucket.to_owned(),
            token,
            timeout_ns: 0,
            shared: Arc::new(Mutex::new(shared)),
        }
    }

    /// The same for another bucket; store, fault and token are shared.
    pub fn for_bucket(&self, bucket: &str) -> MemorySink {
        MemorySink {
            bucket: bucket.to_owned(),
            ..self.clone()
        }
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Lets the clock pass by this much in a request that stalls or whose packets are lost.
    pub fn with_timeout_ns(mut self, timeout_ns: i64) -> MemorySink {
        self.timeout_ns = timeout_ns;
        self
    }

    /// Sets the fault for all requests from now on, for all clones.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.shared().fault = fault;
    }

    /// The fault in force.
    pub fn fault(&self) -> Option<Fault> {
        self.shared().fault.clone()
    }

    /// Puts a token where `refresh_token` finds it.
    pub fn offer_token(&self, token: Option<&str>) {
        self.shared().offered_token = token.map(str::to_owned);
    }

    /// How many requests were tried.
    pub fn sends(&self) -> u64 {
        self.shared().sends
    }

    /// The store.
    pub fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().expect("no test panics with the store")
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no test panics with the fault")
    }
}

impl Sink for MemorySink {
    fn send(&mut self, body: &[u8], compressed: bool) -> Result<(), Failure> {
        let fault = {
            let mut shared = self.shared();
            shared.sends += 1;
            shared.fault.clone()
        };
        let write = Write {
            org: Some(&self.org),
            bucket: Some(&self.bucket),
            token: self.token.as_deref(),
            precision: Some("ns"),
            content_encoding_gzip: compressed,
            body,
        };
        let reply = if fault.as_ref().is_none_or(Fault::carries_out) {
            let now_ns = self.clock.wall_ns();
            Some(Fault::or_store(
                fault.as_ref(),
                &mut self.store(),
                &write,
                now_ns.0,
            ))
        } else {
            None
        };
        match (fault, reply) {
            (Some(Fault::Refuse), _) => Err(transport(
                "unreachable",
                "cannot reach the server: connection refused",
            )),
            (Some(Fault::Stall), _) => {
                self.clock.advance(self.timeout_ns);
                Err(transport("timeout", "no answer in time"))
            }
            (Some(Fault::LoseRequest | Fault::LoseReply), _) => {
                self.clock.advance(self.timeout_ns);
                Err(transport("broken", "the connection broke"))
            }
            // A client can only be in the middle of a body that there is.
            (Some(Fault::CloseMidBody), Some(reply)) if reply.status < 400 => {
                Err(transport("broken", "the connection broke"))
            }
            (Some(Fault::CloseMidBody), Some(reply)) => judge(Reply {
                body: String::new(),
                ..reply
            }),
            (_, Some(reply)) => judge(reply),
            (_, None) => Err(transport("broken", "the connection broke")),
        }
    }

    fn refresh_token(&mut self) {
        let offered = self.shared().offered_token.clone();
        self.token = offered;
    }
}

fn transport(kind: &'static str, message: &str) -> Failure {
    Failure::Transport {
        kind,
        message: message.to_owned(),
    }
}

/// What `InfluxSink` makes of an answer.
fn judge(reply: Reply) -> Result<(), Failure> {
    if reply.status == 204 {
        return Ok(());
    }
    let asked = reply
        .headers
        .iter()
        .find(|(name, _)| *name == "Retry-After");
    let retry_after = asked
        .and_then(|(_, value)| value.parse().ok())
        .map(Duration::from_secs);
    Err(Failure::Status {
        status: reply.status,
        message: reply.message(),
        retry_after,
        foreign: !reply.body.is_empty() && reply.message().is_empty(),
    })
}
