//! The fake behind HTTP on the loopback.

use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::fault::Fault;
use super::memory::poisoned;
use super::store::{Reply, Store, Write};

/// How long a stalled request is kept waiting; longer than any test's timeout.
const STALL: Duration = Duration::from_secs(20);

/// A running server.
#[derive(Debug)]
pub struct Server {
    pub store: Arc<Mutex<Store>>,
    pub fault: Arc<Mutex<Option<Fault>>>,
    /// Requests answered or spoiled so far.
    pub requests: Arc<Mutex<u64>>,
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// One request, read.
struct Request {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    fn param(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Server {
    /// Starts one for this state, on a free port.
    pub fn start(store: Store) -> Server {
        let mut server = Server {
            store: Arc::new(Mutex::new(store)),
            fault: Arc::default(),
            requests: Arc::default(),
            address: "127.0.0.1:0".parse().unwrap(),
            stop: Arc::default(),
            thread: None,
        };
        server.start_again();
        server
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn set_fault(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap() = fault;
    }

    /// Closes the port: connections are refused.
    pub fn stop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = TcpStream::connect(self.address);
            thread.join().unwrap();
        }
    }

    /// Opens it again, on the same port.
    pub fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).unwrap();
        self.address = listener.local_addr().unwrap();
        self.stop = Arc::default();
        let (stop, store, fault, requests) = (
            Arc::clone(&self.stop),
            Arc::clone(&self.store),
            Arc::clone(&self.fault),
            Arc::clone(&self.requests),
        );
        self.thread = Some(thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (stop, store, fault, requests) = (
                    Arc::clone(&stop),
                    Arc::clone(&store),
                    Arc::clone(&fault),
                    Arc::clone(&requests),
                );
                thread::spawn(move || {
                    let connection = Connection {
                        store,
                        fault,
                        requests,
                        stop,
                    };
                    connection.serve(stream);
                });
            }
        }));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Connection {
    store: Arc<Mutex<Store>>,
    fault: Arc<Mutex<Option<Fault>>>,
    requests: Arc<Mutex<u64>>,
    stop: Arc<AtomicBool>,
}

impl Connection {
    /// Answers requests until the connection ends, or must.
    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        loop {
            let fault = || self.fault.lock().unwrap().clone();
            let (mut request, length) = head(&mut reader)?;
            *self.requests.lock().unwrap() += 1;
            if fault() == Some(Fault::CloseMidBody) {
                let _ = reader.read(&mut [0; 16]);
                return None;
            }
            request.body = vec![0; length];
            reader.read_exact(&mut request.body).ok()?;
            if self.stop.load(Ordering::SeqCst) {
                return None;
            }
            let reply = match fault() {
                Some(Fault::LoseRequest | Fault::Refuse) => return None,
                Some(Fault::LoseReply) => {
                    self.answer(&request);
                    return None;
                }
                Some(Fault::Stall) => {
                    thread::sleep(STALL);
                    return None;
                }
                Some(fault) => self.spoiled(&fault, &request),
                None => self.answer(&request),
            };
            send(&stream, &reply)?;
        }
    }

    fn spoiled(&self, fault: &Fault, request: &Request) -> Reply {
        let gzip = request.header("content-encoding").is_some();
        match fault {
            Fault::TooMany { retry_after_s } => Reply {
                retry_after: Some(*retry_after_s),
                ..Reply::error(429, "too many requests", "")
            },
            Fault::Unavailable { retry_after_s } => Reply {
                retry_after: *retry_after_s,
                content_type: "text/html",
                body: "<html><body><h1>503 Service Unavailable</h1></body></html>".to_owned(),
                status: 503,
            },
            Fault::Unauthorized => Reply::error(401, "unauthorized", "unauthorized access"),
            Fault::TooLarge { body_bytes_max } if request.body.len() > *body_bytes_max => Reply {
                content_type: "text/html",
                body: "<html><body>413 Request Entity Too Large</body></html>".to_owned(),
                ..Reply::empty(413)
            },
            Fault::HtmlPage200 => page(),
            Fault::CorruptGzip if gzip => {
                let message = "An internal error has occurred - check server logs";
                Reply::error(500, "internal error", message)
            }
            Fault::Poison { contains } => {
                poisoned(&request.body, gzip, contains).unwrap_or_else(|| self.answer(request))
            }
            _ => self.answer(request),
        }
    }

    fn answer(&self, request: &Request) -> Reply {
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/api/v2/write") => {
                let token = request.header("authorization");
                let token = token
                    .and_then(|t| t.split_once(' '))
                    .map(|(_, token)| token);
                let write = Write {
                    org: request.param("org"),
                    bucket: request.param("bucket"),
                    precision: request.param("precision"),
                    token,
                    gzip: request.header("content-encoding") == Some("gzip"),
                    body: &request.body,
                };
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                let now_ns = i64::try_from(now.as_nanos()).unwrap();
                self.store.lock().unwrap().write(&write, now_ns)
            }
            (_, "/ping") => Reply::empty(204),
            (_, "/health") => Reply {
                body: r#"{"name":"influxdb","status":"pass"}"#.to_owned(),
                ..Reply::empty(200)
            },
            (_, path) if path.starts_with("/api/v2") => {
                Reply::error(404, "not found", "path not found")
            }
            _ => page(),
        }
    }
}

fn page() -> Reply {
    let body = "<!doctype html><html><head><title>InfluxDB</title></head></html>".to_owned();
    Reply {
        content_type: "text/html",
        body,
        ..Reply::empty(200)
    }
}

/// Reads the head of a request; None: the connection has ended.
fn head(reader: &mut impl BufRead) -> Option<(Request, usize)> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), decode(value)))
        .collect();
    let path = path.to_owned();
    let mut headers = Vec::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
        if name == "content-length" {
            length = value.parse().ok()?;
        }
        assert_ne!(name, "transfer-encoding", "bodies come with their length");
        headers.push((name, value));
    }
    Some((
        Request {
            method,
            path,
            query,
            headers,
            body: Vec::new(),
        },
        length,
    ))
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            plain.push(u8::from_str_radix(&text[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            plain.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(plain).unwrap()
}

fn send(mut stream: &TcpStream, reply: &Reply) -> Option<()> {
    let mut head = format!(
        "HTTP/1.1 {} X\r\nContent-Type: {}\r\n",
        reply.status, reply.content_type
    );
    if let Some(seconds) = reply.retry_after {
        head.push_str(&format!("Retry-After: {seconds}\r\n"));
    }
    if reply.status != 204 {
        head.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
    }
    stream
        .write_all(format!("{head}\r\n{}", reply.body).as_bytes())
        .ok()
}
