//! The store behind a real HTTP server on the loopback: a thread for each connection, faults by
//! programme.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufReader, Read};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use powerlogger::clock::{Clock, SystemClock};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use super::fault::Fault;
use super::http::{self, Request};
use super::reply::Reply;
use super::store::{Store, Write};
use super::{api, queries};
use crate::support::port::{Port, close};

#[derive(Debug, Default)]
struct State {
    /// For the next writes, one each; None: this one goes through.
    queue: VecDeque<Option<Fault>>,
    /// For all other writes.
    standing: Option<Fault>,
    /// The same two for the requests that are no writes.
    queue_elsewhere: VecDeque<Option<Fault>>,
    standing_elsewhere: Option<Fault>,
    /// For the next request of this method whose path begins like this, once.
    aimed: Vec<(String, String, Fault)>,
    /// The time by which the store judges retention; None: the machine's.
    now_ns: Option<i64>,
    writes_seen: u64,
    most_lines_seen: usize,
    others_seen: u64,
    connections_seen: u64,
    open: HashMap<u64, TcpStream>,
    stopping: bool,
}

#[derive(Debug)]
struct Shared {
    store: Arc<Mutex<Store>>,
    state: Mutex<State>,
    tls: Option<Arc<ServerConfig>>,
}

/// The server. Stops when dropped.
#[derive(Debug)]
pub struct FakeInflux {
    shared: Arc<Shared>,
    port: Port,
    listening: Option<(TcpListener, JoinHandle<()>)>,
}

impl FakeInflux {
    /// Starts on a port of the system's choice.
    pub fn start(store: Store) -> FakeInflux {
        FakeInflux::start_with(Arc::new(Mutex::new(store)), None)
    }

    /// Starts over a store that others look into as well, with TLS if so wished.
    pub fn start_with(store: Arc<Mutex<Store>>, tls: Option<Arc<ServerConfig>>) -> FakeInflux {
        let shared = Arc::new(Shared {
            store,
            state: Mutex::default(),
            tls,
        });
        let mut server = FakeInflux {
            shared,
            port: Port::keep(),
            listening: None,
        };
        server.start_again();
        server
    }

    /// The base URL, without a trailing slash.
    pub fn url(&self) -> String {
        let scheme = if self.shared.tls.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://127.0.0.1:{}", self.port.number())
    }

    /// The store.
    pub fn store(&self) -> MutexGuard<'_, Store> {
        self.shared.store()
    }

    /// Sets the fault for all writes from now on. [`Fault::Refuse`] stops the server until
    /// another fault, or none, is set.
    pub fn set_fault(&mut self, fault: Option<Fault>) {
        if fault == Some(Fault::Refuse) {
            self.stop();
        } else {
            self.shared.state().standing = fault;
            self.start_again();
        }
    }

    /// Adds faults for the next writes, one each, before the standing one is in force again.
    pub fn queue(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        let mut state = self.shared.state();
        for fault in faults {
            assert_ne!(
                fault,
                Some(Fault::Refuse),
                "refusing is for a server, not for a request"
            );
            state.queue.push_back(fault);
        }
    }

    /// Sets the fault for all requests that are no writes from now on.
    pub fn set_fault_elsewhere(&mut self, fault: Option<Fault>) {
        if fault == Some(Fault::Refuse) {
            self.stop();
        } else {
            self.shared.state().standing_elsewhere = fault;
            self.start_again();
        }
    }

    /// Adds faults for the next requests that are no writes, one each.
    pub fn queue_elsewhere(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        let mut state = self.shared.state();
        for fault in faults {
            assert_ne!(
                fault,
                Some(Fault::Refuse),
                "refusing is for a server, not for a request"
            );
            state.queue_elsewhere.push_back(fault);
        }
    }

    /// Lets the next request of this method whose path begins like this meet a fault, once.
    pub fn aim(&self, method: &str, path: &str, fault: Fault) {
        assert_ne!(
            fault,
            Fault::Refuse,
            "refusing is for a server, not for a request"
        );
        let aimed = (method.to_owned(), path.to_owned(), fault);
        self.shared.state().aimed.push(aimed);
    }

    /// How many requests that are no writes have come in.
    pub fn others_seen(&self) -> u64 {
        self.shared.state().others_seen
    }

    /// Sets the time by which retention is judged.
    pub fn set_now_ns(&self, now_ns: Option<i64>) {
        self.shared.state().now_ns = now_ns;
    }

    /// The lines of the largest write so far, whatever became of it.
    pub fn most_lines_seen(&self) -> usize {
        self.shared.state().most_lines_seen
    }

    /// How many writes have come in, whatever became of them.
    pub fn writes_seen(&self) -> u64 {
        self.shared.state().writes_seen
    }

    /// How many connections have been taken.
    pub fn connections_seen(&self) -> u64 {
        self.shared.state().connections_seen
    }

    /// Breaks all connections; new ones are refused.
    pub fn stop(&mut self) {
        let Some((listener, thread)) = self.listening.take() else {
            return;
        };
        {
            let mut state = self.shared.state();
            state.stopping = true;
            for (_, stream) in state.open.drain() {
                // The client may have closed it already.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        close(&listener);
        thread.join().expect("the listener ends by itself");
    }

    /// Listens again, on the same port. The ticks of its tasks that fell due meanwhile are lost.
    pub fn start_again(&mut self) {
        if self.listening.is_some() {
            return;
        }
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, self.port.number())).expect("the port is ours");
        self.shared.state().stopping = false;
        let now_ns = self.shared.now_ns();
        self.shared.store().skip_ticks(now_ns);
        let shared = Arc::clone(&self.shared);
        let copy = listener.try_clone().expect("a descriptor");
        let thread = std::thread::spawn(move || accept(&listener, &shared));
        self.listening = Some((copy, thread));
    }
}

impl Drop for FakeInflux {
    /// Fails the test whose program has sent a script that the fake does not know.
    fn drop(&mut self) {
        self.stop();
        if !std::thread::panicking() {
            let refused = std::mem::take(&mut self.store().refused);
            assert!(refused.is_empty(), "not known to the fake: {refused:#?}");
        }
    }
}

impl Shared {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().expect("no test panics with the store")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics with the state")
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        let id = {
            let mut state = shared.state();
            if state.stopping {
                return;
            }
            let Ok(stream) = &stream else { continue };
            state.connections_seen += 1;
            let id = state.connections_seen;
            let Ok(handle) = stream.try_clone() else {
                continue;
            };
            state.open.insert(id, handle);
            id
        };
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            let closer = stream.try_clone();
            // A connection that ends in an error is what these tests are about.
            let _ = match &shared.tls {
                None => serve(stream, &shared),
                Some(config) => match ServerConnection::new(Arc::clone(config)) {
                    Ok(connection) => serve(StreamOwned::new(connection, stream), &shared),
                    Err(error) => Err(io::Error::other(error)),
                },
            };
            if let Ok(closer) = closer {
                let _ = closer.shutdown(Shutdown::Both);
            }
            shared.state().open.remove(&id);
        });
    }
}

/// Answers one request after another.
fn serve(stream: impl Read + io::Write, shared: &Shared) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(mut request) = Request::read_head(&mut stream)? {
        let is_write = request.method == "POST" && request.path == "/api/v2/write";
        let fault = shared.next_fault(&request, is_write);
        if fault == Some(Fault::LoseRequest) {
            return Ok(());
        }
        request.read_body(&mut stream)?;
        if fault == Some(Fault::Stall) {
            // Until the client gives up, or the server is stopped.
            return stream.read_to_end(&mut Vec::new()).map(|_| ());
        }
        let reply = if is_write {
            shared.write(&request, fault.as_ref())
        } else {
            shared.other(&request, fault.as_ref())
        };
        match fault {
            Some(Fault::LoseReply) => return Ok(()),
            Some(Fault::CloseMidBody) => return http::send(&mut stream, &half(reply)),
            _ => http::send(&mut stream, &http::answer(&reply))?,
        }
    }
    Ok(())
}

/// An answer that breaks off in its body. A 204 has none: a proxy's page stands in for it.
fn half(reply: Reply) -> Vec<u8> {
    let reply = if reply.status == 204 {
        Reply::page(200, "carried out")
    } else {
        reply
    };
    let mut bytes = http::answer(&reply);
    bytes.truncate(bytes.len() - reply.body.len() / 2);
    bytes
}

impl Shared {
    fn next_fault(&self, request: &Request, is_write: bool) -> Option<Fault> {
        let mut state = self.state();
        let counter = if is_write {
            &mut state.writes_seen
        } else {
            &mut state.others_seen
        };
        *counter += 1;
        let meets = |(method, path, _): &(String, String, Fault)| {
            *method == request.method && request.path.starts_with(path.as_str())
        };
        if let Some(at) = state.aimed.iter().position(meets) {
            return Some(state.aimed.remove(at).2);
        }
        let (queued, standing) = if is_write {
            (state.queue.pop_front(), &state.standing)
        } else {
            (state.queue_elsewhere.pop_front(), &state.standing_elsewhere)
        };
        queued.unwrap_or_else(|| standing.clone())
    }

    fn now_ns(&self) -> i64 {
        self.state()
            .now_ns
            .unwrap_or_else(|| SystemClock.wall_ns().0)
    }

    fn write(&self, request: &Request, fault: Option<&Fault>) -> Reply {
        let encoding = request.header("Content-Encoding").unwrap_or_default();
        let write = Write {
            org: request.query("org"),
            bucket: request.query("bucket"),
            token: request.token(),
            precision: request.query("precision"),
            content_encoding_gzip: matches!(encoding, "gzip" | "x-gzip"),
            body: &request.body,
        };
        let lines = write.text().map_or(0, |text| text.lines().count());
        {
            let mut state = self.state();
            state.most_lines_seen = state.most_lines_seen.max(lines);
        }
        let now_ns = self.now_ns();
        Fault::or_store(fault, &mut self.store(), &write, now_ns)
    }

    /// Everything that is not a write.
    fn other(&self, request: &Request, fault: Option<&Fault>) -> Reply {
        let instead = fault.and_then(|fault| fault.answer_to_any(request.body.len()));
        if let Some(reply) = instead {
            return reply;
        }
        let mut reply = match request.path.as_str() {
            "/ping" => Reply::no_content(),
            "/health" => api::ok(
                200,
                &json!({
                    "name": "influxdb", "message": "ready for queries and writes", "status": "pass",
                    "checks": [], "version": http::VERSION, "commit": "fake",
                }),
            ),
            path if path.starts_with("/api/v2/") => {
                let now_ns = self.now_ns();
                api::answer(&mut self.store(), request, now_ns)
            }
            // The user interface, whatever the method.
            _ => Reply::page(200, "InfluxDB"),
        };
        let is_answered = request.path == "/api/v2/query" && reply.status == 200;
        if let (Some(Fault::QueryError { message }), true) = (fault, is_answered) {
            reply.body.push_str(&queries::error(message));
        }
        reply
    }
}
