//! What can go wrong between us and the server, as a closed set.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use ureq::http::HeaderValue;

/// The most characters of an answer that go into a message.
const MESSAGE_CHARS_MAX: usize = 600;

/// No 204.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server, or a proxy before it, answered something else.
    #[error("HTTP {status}: {message}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// InfluxDB's own word for the error; empty where it was not InfluxDB that answered.
        code: String,
        /// What it said, shortened, without markup.
        message: String,
        /// What it asked for in `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// A query failed after its answer had begun.
    #[error("the query failed: {0}")]
    Query(String),
    /// Nobody answers at that address.
    #[error("cannot reach the server")]
    Unreachable(#[source] ureq::Error),
    /// The answer did not come in time; the request may have been carried out.
    #[error("no answer in time")]
    Timeout(#[source] ureq::Error),
    /// The certificate, or TLS itself.
    #[error("no secure connection (if the server's certificate is your own, name it in ca_file)")]
    Tls(#[source] ureq::Error),
    /// The connection broke; the request may have been carried out.
    #[error("the connection broke")]
    Broken(#[source] ureq::Error),
    /// The address is none.
    #[error("the server's address is not valid")]
    Address(#[source] ureq::Error),
    /// The certificates to trust cannot be read.
    #[error("cannot read the certificates in {}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// A machine word for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Error::Status { .. } => "status",
            Error::Query(_) => "query",
            Error::Unreachable(_) => "unreachable",
            Error::Timeout(_) => "timeout",
            Error::Tls(_) => "tls",
            Error::Broken(_) => "broken",
            Error::Address(_) => "address",
            Error::CaFile { .. } => "ca_file",
        }
    }

    /// Reads an answer: JSON from InfluxDB, anything from a proxy.
    pub(super) fn from_answer(status: u16, body: &str, retry_after: Option<Duration>) -> Error {
        #[derive(Deserialize)]
        struct Said {
            #[serde(default)]
            code: String,
            #[serde(default)]
            message: String,
        }
        let said = serde_json::from_str::<Said>(body);
        let (code, message) = match said {
            Ok(said) => (said.code, shorten(&said.message)),
            Err(_) if (200..300).contains(&status) => {
                let page = "this is not the API of InfluxDB 2: check INFLUX_HOST";
                (String::new(), page.to_owned())
            }
            Err(_) => (String::new(), shorten(&without_markup(body))),
        };
        Error::Status {
            status,
            code,
            message,
            retry_after,
        }
    }
}

impl From<ureq::Error> for Error {
    fn from(error: ureq::Error) -> Error {
        use std::io::ErrorKind as K;
        match &error {
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                Error::Unreachable(error)
            }
            ureq::Error::Timeout(_) => Error::Timeout(error),
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => Error::Unreachable(error),
            ureq::Error::Io(io) => match io.kind() {
                K::ConnectionRefused | K::HostUnreachable | K::NetworkUnreachable => {
                    Error::Unreachable(error)
                }
                K::TimedOut | K::WouldBlock => Error::Timeout(error),
                // rustls reports a refused certificate as invalid data of the stream.
                K::InvalidData => Error::Tls(error),
                _ if is_lookup(io) => Error::Unreachable(error),
                _ => Error::Broken(error),
            },
            ureq::Error::Tls(_) | ureq::Error::Pem(_) | ureq::Error::Rustls(_) => Error::Tls(error),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => Error::Address(error),
            _ => Error::Broken(error),
        }
    }
}

/// Whether a host name could not be resolved: std has no kind for that, only words.
fn is_lookup(error: &std::io::Error) -> bool {
    error
        .to_string()
        .starts_with("failed to lookup address information")
}

/// `Retry-After` in seconds or as a date (RFC 9110, 10.2.3). A date is taken relative to now by
/// the machine's clock; one that has passed is "now".
pub(super) fn retry_after(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let left = until.duration_since(jiff::Timestamp::now());
    Some(Duration::try_from(left).unwrap_or(Duration::ZERO))
}

/// An error with its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// The text of a page: without tags, blanks folded.
fn without_markup(page: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for c in page.chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                text.push(' ');
            }
            _ if !in_tag => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= MESSAGE_CHARS_MAX {
        return text.to_owned();
    }
    // The end of a partial write's message says how many points were dropped.
    let head: String = text.chars().take(MESSAGE_CHARS_MAX - 100).collect();
    let tail: Vec<char> = text.chars().rev().take(100).collect();
    format!("{head} … {}", tail.into_iter().rev().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(status: u16, body: &str) -> String {
        match Error::from_answer(status, body, None) {
            Error::Status { message, .. } => message,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn answers_become_messages() {
        let json = r#"{"code":"invalid","message":"unable to parse 'x'"}"#;
        assert_eq!(message(400, json), "unable to parse 'x'");
        let page = "<html><head><title>502</title></head><body><h1>Bad  Gateway</h1></body></html>";
        assert_eq!(message(502, page), "502 Bad Gateway");
        assert!(message(200, "<html>InfluxDB UI</html>").contains("INFLUX_HOST"));
        let long = message(
            422,
            &format!(r#"{{"message":"{} dropped=7"}}"#, "x".repeat(5_000)),
        );
        assert!(long.len() < 800 && long.ends_with("dropped=7"), "{long}");
    }

    #[test]
    fn retry_after_in_seconds_and_as_a_date() {
        let parse = |text: &str| retry_after(&HeaderValue::from_str(text).unwrap());
        assert_eq!(parse("120"), Some(Duration::from_secs(120)));
        assert_eq!(parse("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        let far = parse("Fri, 31 Dec 2100 23:59:59 GMT").unwrap();
        assert!(far > Duration::from_secs(86_400 * 365));
        assert_eq!(parse("soon"), None);
    }
}
