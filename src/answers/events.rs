//! The daemon's stream of events, as a command reads it over the unix socket: the whole state, each time it has changed.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::now::NowAnswer;
use super::socket;
use crate::config::described::Described;

/// A stream that says nothing for so long is dead: the state is repeated at least every 20 s.
const SILENCE_MAX: Duration = Duration::from_secs(40);

/// A line is no longer than this.
const LINE_BYTES_MAX: u64 = 4 << 20;

/// Why a stream has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// No daemon runs that has these settings.
    NoDaemon,
    /// It has ended, or is silent.
    Gone,
    /// The follower has had enough.
    Enough,
}

/// Hands each state that the daemon of the journal in `dir` tells to `each`, until that says false or the stream ends.
/// `settings`: what the files say; a daemon with other ones refuses.
pub fn follow(
    dir: &Path,
    settings: &Described,
    each: &mut dyn FnMut(NowAnswer) -> bool,
) -> StreamEnd {
    // HTTP/1.0: the stream comes as it is, not in chunks.
    let request = format!(
        "GET /api/v1/events HTTP/1.0\r\nHost: localhost\r\nAccept: text/event-stream\r\nIf-Match: {}\r\n\r\n",
        socket::tag(settings)
    );
    for candidate in socket::candidates(dir) {
        if let Ok(stream) = open(&candidate, &request) {
            return told(stream, each).unwrap_or(StreamEnd::Gone);
        }
    }
    StreamEnd::NoDaemon
}

/// A stream behind its head.
fn open(socket: &Path, request: &str) -> io::Result<BufReader<UnixStream>> {
    let (path, _open) = socket::short(socket)?;
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_write_timeout(Some(SILENCE_MAX))?;
    stream.write_all(request.as_bytes())?;
    let mut stream = BufReader::new(stream);
    let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
    let first = line(&mut stream)?.ok_or_else(refused)?;
    if first.split(' ').nth(1) != Some("200") {
        return Err(refused());
    }
    while !line(&mut stream)?.ok_or_else(refused)?.is_empty() {}
    Ok(stream)
}

/// A line without its end; None: the stream has ended.
fn line(stream: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = io::Read::take(&mut *stream, LINE_BYTES_MAX).read_line(&mut line)?;
    let is_whole = line.ends_with('\n');
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok((read > 0 && is_whole).then_some(line))
}

/// Hands out the states.
fn told(
    mut stream: impl BufRead,
    each: &mut dyn FnMut(NowAnswer) -> bool,
) -> io::Result<StreamEnd> {
    let mut event = String::new();
    while let Some(line) = line(&mut stream)? {
        if let Some(name) = line.strip_prefix("event: ") {
            name.clone_into(&mut event);
        }
        let data = line.strip_prefix("data: ").filter(|_| event == "now");
        // A daemon of another version tells what this one does not read.
        if let Some(now) = data.and_then(|data| serde_json::from_str(data).ok()) {
            if !each(now) {
                return Ok(StreamEnd::Enough);
            }
        }
    }
    Ok(StreamEnd::Gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = r#"{"as_of":"2026-06-21T16:30:00.000Z","zone":"UTC","today":{"date":"2026-06-21"},"meters":[]}"#;

    fn states(text: &str, most: usize) -> (usize, StreamEnd) {
        let mut states = 0;
        let end = told(text.as_bytes(), &mut |_| {
            states += 1;
            states < most
        });
        (states, end.unwrap())
    }

    #[test]
    fn states_are_read_and_all_else_is_left_alone() {
        let text = format!(
            "retry: 2000\nevent: now\nid: 1\ndata: {NOW}\n\nevent: health\nid: 2\ndata: {{}}\n\n\
             event: now\ndata: not json\n\nevent: now\r\ndata: {NOW}\r\n\r\nevent: bye\ndata: {{}}\n\n"
        );
        assert_eq!(states(&text, 9), (2, StreamEnd::Gone));
        assert_eq!(states(&text, 1), (1, StreamEnd::Enough));
        let cut = &text[..text.len() - 40];
        assert_eq!(states(cut, 9).1, StreamEnd::Gone);
        assert_eq!(states("", 9), (0, StreamEnd::Gone));
    }

    #[test]
    fn where_no_daemon_runs_there_is_no_stream() {
        let dir = tempfile::tempdir().unwrap();
        let end = follow(dir.path(), &Described::new(), &mut |_| true);
        assert_eq!(end, StreamEnd::NoDaemon);
    }
}
