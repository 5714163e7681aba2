//! How a command asks the daemon that runs: one GET over its unix socket, with a deadline for all of it. A daemon that
//! does not answer, or has other settings than the files, is as good as none: the journal says the same.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::socket;
use crate::config::described::Described;
use crate::owner::as_owner_of;

/// How long the daemon may take.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// An answer is no longer than this.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// Header lines of an answer.
const HEADERS_MAX: usize = 32;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked<T> {
    /// The daemon has answered.
    Answered(T),
    /// No daemon runs that has these settings.
    NoDaemon,
    /// One runs, and has not answered in time.
    Silent,
}

impl<T> Asked<T> {
    /// The same, without giving it away.
    pub fn as_ref(&self) -> Asked<&T> {
        match self {
            Asked::Answered(answer) => Asked::Answered(answer),
            Asked::NoDaemon => Asked::NoDaemon,
            Asked::Silent => Asked::Silent,
        }
    }

    /// The answer, if there is one.
    pub fn answered(self) -> Option<T> {
        match self {
            Asked::Answered(answer) => Some(answer),
            Asked::NoDaemon | Asked::Silent => None,
        }
    }
}

/// Asks the daemon of the journal in `dir` for `path`. `settings`: what the files say; a daemon with other ones refuses.
/// None: whatever it has.
pub fn ask<T: DeserializeOwned>(path: &str, dir: &Path, settings: Option<&Described>) -> Asked<T> {
    let if_match = settings.map_or_else(String::new, |settings| {
        format!("If-Match: {}\r\n", socket::tag(settings))
    });
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n{if_match}Connection: close\r\n\r\n"
    );
    // What listens there may be another user's.
    let Ok(_acting) = as_owner_of(dir) else {
        return Asked::NoDaemon;
    };
    for candidate in socket::candidates(dir) {
        match within(PATIENCE, candidate, request.clone()) {
            Asked::Answered(body) => match serde_json::from_slice(&body) {
                Ok(answer) => return Asked::Answered(answer),
                // Of another version.
                Err(_) => return Asked::NoDaemon,
            },
            Asked::NoDaemon => {}
            Asked::Silent => return Asked::Silent,
        }
    }
    Asked::NoDaemon
}

/// In a thread of its own: connecting waits without end where the daemon stands still.
fn within(patience: Duration, socket: PathBuf, request: String) -> Asked<Vec<u8>> {
    let (told, heard) = channel();
    let asking = std::thread::Builder::new().name("ask".to_owned());
    let spawned = asking.spawn(move || drop(told.send(exchange(&socket, &request))));
    if spawned.is_err() {
        return Asked::NoDaemon;
    }
    heard.recv_timeout(patience).unwrap_or(Asked::Silent)
}

/// The body of a 200; no daemon: there is none, or it refuses.
fn exchange(socket: &Path, request: &str) -> Asked<Vec<u8>> {
    match answer(socket, request) {
        Ok(answer) => body(answer).map_or(Asked::NoDaemon, Asked::Answered),
        // Which of the two waits ends first is up to the machine.
        Err(failed) if matches!(failed.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Asked::Silent
        }
        Err(_) => Asked::NoDaemon,
    }
}

/// All that comes for a request.
fn answer(socket: &Path, request: &str) -> io::Result<Vec<u8>> {
    let (path, _open) = socket::short(socket)?;
    let mut stream = UnixStream::connect(path)?;
    // Nothing is left hanging behind a command that has given up.
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(answer)
}

/// The body of an answer that is whole and good.
fn body(mut answer: Vec<u8>) -> Option<Vec<u8>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut headers);
    let begins = match head.parse(&answer).ok()? {
        httparse::Status::Complete(begins) => begins,
        httparse::Status::Partial => return None,
    };
    let is_length =
        |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case("content-length");
    let length = head.headers.iter().find(is_length);
    let length: usize = std::str::from_utf8(length?.value).ok()?.parse().ok()?;
    if head.code != Some(200) || answer.len() - begins != length {
        return None;
    }
    Some(answer.split_off(begins))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_answer_counts() {
        let of = |text: &str| {
            body(text.as_bytes().to_vec()).map(|body| String::from_utf8(body).unwrap())
        };
        let good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]";
        assert_eq!(of(good).as_deref(), Some("[]"));
        for bad in [
            "",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[]",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n[]",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n[]",
            "HTTP/1.1 200 OK\r\n\r\n[]",
            "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 2\r\n\r\n[]",
            "no http",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_daemon_that_stands_still_is_given_up_on() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join(socket::SOCKET);
        let _listens = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(exchange(&socket, "GET /"), Asked::Silent, "by either wait");
        let asked: Asked<Vec<u8>> = ask("/", dir.path(), Some(&Described::new()));
        assert_eq!(asked, Asked::Silent);
        // A machine that gives the asking thread no turn for so long is told from a daemon by another try.
        let nobody = tempfile::tempdir().unwrap();
        let mut asked = (0..100).map(|_| ask("/", nobody.path(), None));
        let told: Option<Asked<Vec<u8>>> = asked.find(|asked| *asked != Asked::Silent);
        assert_eq!(told, Some(Asked::NoDaemon));
    }
}
