//! A server that is told things: it keeps each request, and answers as the test wants.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::VecDeque;
use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::fake_influx::http::Request;
use super::port::close;

/// How a request is answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// With this status, further headers, and body.
    Status(u16, &'static str, &'static str),
    /// Not at all: the connection stays open until the client closes it.
    Stall,
    /// The connection is closed.
    Close,
}

#[derive(Debug, Default)]
struct Seen {
    /// Each, and whether it was answered as taken.
    requests: Vec<(Request, bool)>,
    script: VecDeque<Answer>,
    /// What the script has no answer for is refused.
    is_closed: bool,
}

/// The server.
#[derive(Debug)]
pub struct Hooks {
    listener: TcpListener,
    seen: Arc<Mutex<Seen>>,
}

impl Hooks {
    /// One that answers the first requests like this, and all others with 200.
    pub fn start(script: &[Answer]) -> Hooks {
        Hooks::begin(script, false)
    }

    /// One that answers the first requests like this, and refuses all others until it is opened.
    pub fn closed(script: &[Answer]) -> Hooks {
        Hooks::begin(script, true)
    }

    fn begin(script: &[Answer], is_closed: bool) -> Hooks {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let seen = Arc::new(Mutex::new(Seen {
            requests: Vec::new(),
            script: script.iter().cloned().collect(),
            is_closed,
        }));
        let (accepting, shared) = (listener.try_clone().unwrap(), Arc::clone(&seen));
        thread::spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                let shared = Arc::clone(&shared);
                // A client that goes away has its reasons.
                thread::spawn(move || serve(stream, &shared).unwrap_or(()));
            }
        });
        Hooks { listener, seen }
    }

    /// From here on what the script has no answer for is taken.
    pub fn open(&self) {
        self.seen.lock().unwrap().is_closed = false;
    }

    /// Its address, as in a configuration.
    pub fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    /// What it was asked, answered or not; `path` begins so.
    pub fn asked(&self, path: &str) -> usize {
        let seen = self.seen.lock().unwrap();
        let requests = seen.requests.iter();
        let of_path = requests.filter(|(request, _)| request.path.starts_with(path));
        of_path.count()
    }

    /// What `look` makes of each request, in order.
    pub fn each<T>(&self, look: impl Fn(&Request) -> T) -> Vec<T> {
        let seen = self.seen.lock().unwrap();
        seen.requests
            .iter()
            .map(|(request, _)| look(request))
            .collect()
    }

    /// The same of those alone that were answered as taken.
    pub fn each_taken<T>(&self, look: impl Fn(&Request) -> T) -> Vec<T> {
        let seen = self.seen.lock().unwrap();
        let taken = seen.requests.iter().filter(|(_, is_taken)| *is_taken);
        taken.map(|(request, _)| look(request)).collect()
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        close(&self.listener);
    }
}

fn serve(stream: TcpStream, seen: &Mutex<Seen>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    while let Some(mut request) = Request::read_head(&mut reader)? {
        request.read_body(&mut reader)?;
        let is_head = request.method == "HEAD";
        let answer = {
            let mut seen = seen.lock().unwrap();
            let answer = seen.script.pop_front().unwrap_or(if seen.is_closed {
                Answer::Status(503, "", "closed")
            } else {
                Answer::Status(200, "", "ok")
            });
            let is_taken = matches!(answer, Answer::Status(200..300, ..));
            seen.requests.push((request, is_taken));
            answer
        };
        let (status, headers, body) = match answer {
            Answer::Status(status, headers, body) => (status, headers, body),
            Answer::Close => return Ok(()),
            Answer::Stall => {
                // Until the client has had enough.
                let _ = Request::read_head(&mut reader);
                return Ok(());
            }
        };
        let length = body.len();
        let body = if is_head { "" } else { body };
        write!(
            stream,
            "HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        )?;
    }
    Ok(())
}
