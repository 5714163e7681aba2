//! The little of HTTP/1.1 that a test's server needs: requests with a known length, kept alive.

use std::io::{self, BufRead, BufReader, Read, Write};

use super::reply::Reply;

/// A head longer than this is no head.
const HEAD_LINE_BYTES_MAX: u64 = 64 * 1024;

/// The version that it answers like.
pub const VERSION: &str = "v2.9.1";

/// A request.
#[derive(Debug, Default)]
pub struct Request {
    pub method: String,
    pub path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// A value of the query string, decoded.
    pub fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, |key| key == name)
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, |key| key.eq_ignore_ascii_case(name))
    }

    /// The token, whatever its scheme of the two.
    pub fn token(&self) -> Option<&str> {
        let (scheme, token) = self.header("Authorization")?.split_once(' ')?;
        let known = ["token", "bearer"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known));
        known.then_some(token)
    }

    /// Reads the head; None when the client has no more requests.
    pub fn read_head(stream: &mut BufReader<impl Read>) -> io::Result<Option<Request>> {
        let first = read_line(stream)?;
        if first.is_empty() {
            return Ok(None);
        }
        let mut words = first.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let query = pairs.map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        });
        let mut request = Request {
            method,
            path: path.to_owned(),
            query: query.collect(),
            ..Request::default()
        };
        loop {
            let line = read_line(stream)?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            request
                .headers
                .push((name.to_owned(), value.trim().to_owned()));
        }
        Ok(Some(request))
    }

    /// Reads the body.
    pub fn read_body(&mut self, stream: &mut BufReader<impl Read>) -> io::Result<()> {
        if self.header("Transfer-Encoding").is_some() {
            return Err(io::Error::other("a body without a length"));
        }
        let length = self
            .header("Content-Length")
            .and_then(|length| length.parse().ok());
        self.body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut self.body)
    }
}

fn find(pairs: &[(String, String)], is: impl Fn(&str) -> bool) -> Option<&str> {
    pairs
        .iter()
        .find(|(key, _)| is(key))
        .map(|(_, value)| value.as_str())
}

fn read_line(stream: &mut BufReader<impl Read>) -> io::Result<String> {
    let mut line = String::new();
    stream.take(HEAD_LINE_BYTES_MAX).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn decode(text: &str) -> String {
    let (mut bytes, mut out) = (text.bytes(), Vec::new());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || {
                    char::from(bytes.next().unwrap_or(b'0'))
                        .to_digit(16)
                        .unwrap_or(0)
                };
                u8::try_from(digit() * 16 + digit()).expect("two digits")
            }
            byte => byte,
        });
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The bytes of an answer.
pub fn answer(reply: &Reply) -> Vec<u8> {
    use std::fmt::Write as _;
    let mut text = format!("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status));
    for (name, value) in &reply.headers {
        write!(text, "{name}: {value}\r\n").expect("a string takes everything");
    }
    if reply.status != 204 {
        write!(text, "Content-Length: {}\r\n", reply.body.len())
            .expect("a string takes everything");
    }
    write!(
        text,
        "X-Influxdb-Build: OSS\r\nX-Influxdb-Version: {VERSION}\r\n\r\n"
    )
    .expect("a string takes everything");
    text.push_str(&reply.body);
    text.into_bytes()
}

/// Sends an answer in one piece.
pub fn send(stream: &mut BufReader<impl Read + Write>, bytes: &[u8]) -> io::Result<()> {
    stream.get_mut().write_all(bytes)?;
    stream.get_mut().flush()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        _ => "Other",
    }
}
