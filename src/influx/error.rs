//! What can go wrong between us and the server, as a closed set.

use std::path::PathBuf;
use std::time::Duration;

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
    /// The answer is longer than any that was asked for.
    #[error("the server's answer is too long: {0}")]
    TooLong(&'static str),
    /// A query failed after its answer had begun.
    #[error("the query failed: {0}")]
    Query(String),
    /// Nothing answers at that address.
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
    /// A proxy stands between.
    #[error("through the proxy {proxy} (a server that needs none is to be named in NO_PROXY)")]
    ThroughProxy {
        /// The proxy and the variable that names it.
        proxy: String,
        /// What failed.
        #[source]
        failed: Box<Error>,
    },
    /// The environment names a proxy that is none we can use.
    #[error(
        "the proxy {0} is no address of an http proxy: correct it, or put the server into NO_PROXY"
    )]
    Proxy(String),
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
            Error::TooLong(_) => "too_long",
            Error::Query(_) => "query",
            Error::Unreachable(_) => "unreachable",
            Error::Timeout(_) => "timeout",
            Error::Tls(_) => "tls",
            Error::Broken(_) => "broken",
            Error::Address(_) => "address",
            Error::ThroughProxy { failed, .. } => failed.kind(),
            Error::Proxy(_) => "proxy",
            Error::CaFile { .. } => "ca_file",
        }
    }

    /// The same, where a proxy stands between us and the server.
    pub(super) fn through(self, proxy: &str) -> Error {
        Error::ThroughProxy {
            proxy: proxy.to_owned(),
            failed: Box::new(self),
        }
    }

    /// Reads an answer: JSON from InfluxDB, anything from a proxy. `location`: where a redirect leads.
    pub fn from_answer(
        status: u16,
        body: &str,
        retry_after: Option<Duration>,
        location: Option<&str>,
    ) -> Error {
        let (code, mut message) = said(body);
        if let Some(location) = location {
            // What is behind the path is the request's own.
            let base = location.split("/api/v2/").next().unwrap_or(location);
            let to = tidy(base);
            message = if to.starts_with('/') {
                format!(
                    "the server has moved to the path {to} (put that behind the port in INFLUX_HOST)"
                )
            } else {
                format!("the server has moved to {to} (put that into INFLUX_HOST)")
            };
        } else if code.is_empty() && (200..300).contains(&status) {
            message = "this is not the API of InfluxDB 2: check INFLUX_HOST".to_owned();
        }
        Error::Status {
            status,
            code,
            message,
            retry_after,
        }
    }
}

/// InfluxDB's word for an error, empty where it was not InfluxDB 2 that answered, and its text, shortened.
fn said(body: &str) -> (String, String) {
    let mut said: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    if !said.is_object() && body.trim_start().starts_with('{') {
        // JSON that broke off: its first texts may be whole.
        for name in ["code", "message", "error"] {
            if let Some(text) = text_after(body, name) {
                said[name] = text.into();
            }
        }
    }
    if !said.is_object() {
        return (String::new(), tidy(&without_markup(body)));
    }
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let (code, mut message) = (text(&said["code"]), text(&said["message"]));
    // InfluxDB 1 and 3, VictoriaMetrics and others say `error`; 3 names the lines beside it.
    if message.is_empty() {
        message = text(&said["error"]);
    }
    let line = &said["data"][0];
    if let Some(quoted) = line["original_line"].as_str() {
        let why = text(&line["error_message"]);
        message = format!("{message}: unable to parse '{quoted}': {why}");
    }
    let has_words =
        |value: &serde_json::Value| value.is_string() || value.is_object() || value.is_array();
    let unknown = said
        .as_object()
        .is_some_and(|fields| fields.values().any(has_words));
    if code.is_empty() && message.is_empty() && unknown {
        // Another program's words, wherever they stand in it.
        body.clone_into(&mut message);
    }
    (tidy(&code), tidy(&message))
}

/// The text that is the value of `name` in JSON that may break off in it.
fn text_after(json: &str, name: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!("\"{name}\""))?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let rest = rest.strip_prefix('"')?;
    let mut escaped = false;
    let end = rest.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    let text = end.map_or(rest, |end| &rest[..end]);
    let whole = serde_json::from_str(&format!("\"{text}\""));
    // A piece that ends in the middle of an escape is as good without it.
    Some(whole.unwrap_or_else(|_| text.replace('\\', "")))
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
/// the machine's clock; one that has passed is "now". A number has no bound there.
pub fn retry_after(text: &str) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = text.parse().unwrap_or(u64::MAX);
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

/// A server's words as they may be shown: in one line, without what a terminal would obey, shortened.
pub(super) fn tidy(text: &str) -> String {
    let text = text.trim();
    let blank = |c: char| if c.is_ascii_whitespace() { ' ' } else { c };
    let shown = text.chars().map(blank).filter(|c| !c.is_control());
    shorten(&shown.collect::<String>())
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
        match Error::from_answer(status, body, None, None) {
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
    fn the_words_of_other_programs_are_kept() {
        for (status, body, want) in [
            (
                404,
                r#"{"error":"database not found: \"x\""}"#,
                "database not found: \"x\"",
            ),
            (
                400,
                r#"{"error":"partial write of line protocol occurred","data":[{"original_line":"p v=",
                    "line_number":1,"error_message":"no value"}]}"#,
                "partial write of line protocol occurred: unable to parse 'p v=': no value",
            ),
            (401, r#"{"error":"unauthorized"}"#, "unauthorized"),
            (500, r#"["a"]"#, r#"["a"]"#),
            (500, r#"{"message":7}"#, ""),
            (502, r#"{"detail":"no route"}"#, r#"{"detail":"no route"}"#),
            (
                422,
                r#"{"error":["a","b"],"data":null}"#,
                r#"{"error":["a","b"],"data":null}"#,
            ),
            (500, "{}", ""),
        ] {
            assert_eq!(message(status, body), want);
            let Error::Status { code, .. } = Error::from_answer(status, body, None, None) else {
                panic!("{body}");
            };
            assert_eq!(code, "", "not InfluxDB 2");
        }
    }

    #[test]
    fn no_terminal_obeys_a_server() {
        for body in [
            "{\"code\":\"x\\u001b[31m\",\"message\":\"a\\u001b[2J\\r\\n b\\u0007\\u009b1m\"}",
            "{\"error\":\"a\\u001b[2J b\"}",
            "{\"error\":[\"a\u{9b} b\u{1b}\"]}",
            "a\u{1b}[2J\u{7f} b",
        ] {
            let (code, message) = said(body);
            let obeyed = |text: &str| text.chars().any(char::is_control);
            assert!(!obeyed(&code) && !obeyed(&message), "{code:?} {message:?}");
            assert!(message.contains('a') && message.contains(" b"), "{message}");
        }
    }

    #[test]
    fn an_error_that_breaks_off_keeps_what_there_is_of_it() {
        let whole = r#"{"code":"invalid","message":"unable to parse 'a \"b\" c': bad\nunable to parse 'd'"}"#;
        for cut in 20..whole.len() {
            let (code, message) = said(&whole[..cut]);
            assert_eq!(code, if cut < 16 { "" } else { "invalid" }, "{cut}");
            let full = "unable to parse 'a \"b\" c': bad unable to parse 'd'";
            let plain = |text: &str| text.replace(['"', '\n', 'n'], "");
            assert!(
                plain(full).starts_with(&plain(&message)),
                "{cut}: {message}"
            );
        }
        assert!(said(&whole[..60]).1.starts_with("unable to parse 'a"));
    }

    #[test]
    fn a_redirect_says_where_to() {
        let to = |location| match Error::from_answer(308, "", None, Some(location)) {
            Error::Status { message, .. } => message,
            other => panic!("{other}"),
        };
        let moved = to("https://influx.example/base/api/v2/write?org=o&bucket=b");
        assert!(moved.contains(" https://influx.example/base "), "{moved}");
        assert!(moved.contains("INFLUX_HOST"));
        let below = to("/influx/api/v2/write?org=o");
        assert!(below.contains(" path /influx ("), "{below}");
        assert!(to("/else\u{1b}[2Jwhere").contains("/else[2Jwhere"));
        assert!(to(&"x".repeat(100_000)).len() < 1_000);
    }

    #[test]
    fn retry_after_in_seconds_and_as_a_date() {
        let parse = retry_after;
        assert_eq!(parse(" 120 "), Some(Duration::from_secs(120)));
        let century = Duration::from_secs(3_000_000_000);
        assert!(parse("99999999999999999999999").is_some_and(|after| after > century));
        assert_eq!(
            [parse("-5"), parse("+5"), parse("1.5"), parse("")],
            [None; 4]
        );
        assert_eq!(parse("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        let far = parse("Fri, 31 Dec 2100 23:59:59 GMT").unwrap();
        assert!(far > Duration::from_secs(86_400 * 365));
        assert_eq!(parse("soon"), None);
    }
}
