//! What may go wrong between delivery and the server.

use super::reply::Reply;
use super::store::{Store, Write};

/// A fault, in force for some requests or until it is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nobody listens.
    Refuse,
    /// The request is lost on its way: nothing is written, the connection breaks.
    LoseRequest,
    /// The request is carried out and its answer is lost.
    LoseReply,
    /// 429.
    TooMany { retry_after_s: u64 },
    /// 503.
    Unavailable { retry_after_s: Option<u64> },
    /// 400 over a line that holds this text, quoting it; otherwise all is well.
    Poison { contains: String },
    /// 401, whatever the token.
    Unauthorized,
    /// 413 over a body (as sent) of more bytes than this.
    TooLarge { body_bytes_max: usize },
    /// No answer at all; the request is not carried out.
    Stall,
    /// The request is carried out; its answer breaks off in the middle of its body.
    CloseMidBody,
    /// 200 with a page: a proxy, or the user interface.
    HtmlPage200,
    /// 500 over a compressed body, as from a server that got it damaged.
    CorruptGzip,
    /// A query that fails after its first byte: the error stands as a table inside a 200.
    QueryError { message: String },
}

impl Fault {
    /// The answer in place of the store's, for faults that only answer. None: the request goes
    /// on to the store.
    pub fn answer(&self, write: &Write<'_>) -> Option<Reply> {
        match self {
            Fault::Poison { contains } => poisoned(write, contains),
            Fault::CorruptGzip if write.content_encoding_gzip => {
                let message = "An internal error has occurred - check server logs";
                Some(Reply::error(500, "internal error", message))
            }
            _ => self.answer_to_any(write.body.len()),
        }
    }

    /// The same for what is no write, where neither lines nor compression matter.
    pub fn answer_to_any(&self, body_bytes: usize) -> Option<Reply> {
        match self {
            Fault::TooMany { retry_after_s } => Some(asking(
                Reply::error(429, "too many requests", "slow down"),
                Some(*retry_after_s),
            )),
            Fault::Unavailable { retry_after_s } => Some(asking(
                Reply::error(503, "unavailable", "not now"),
                *retry_after_s,
            )),
            Fault::Unauthorized => Some(Reply::error(401, "unauthorized", "unauthorized access")),
            Fault::TooLarge { body_bytes_max } if body_bytes > *body_bytes_max => {
                Some(Reply::page(413, "413 Request Entity Too Large"))
            }
            Fault::HtmlPage200 => Some(Reply::page(200, "InfluxDB")),
            _ => None,
        }
    }

    /// Whether the store is to carry the request out.
    pub fn carries_out(&self) -> bool {
        !matches!(self, Fault::Refuse | Fault::LoseRequest | Fault::Stall)
    }

    /// The store's answer, or the fault's in its place.
    pub fn or_store(
        fault: Option<&Fault>,
        store: &mut Store,
        write: &Write<'_>,
        now_ns: i64,
    ) -> Reply {
        fault
            .and_then(|fault| fault.answer(write))
            .unwrap_or_else(|| store.write(write, now_ns))
    }
}

fn asking(mut reply: Reply, retry_after_s: Option<u64>) -> Reply {
    if let Some(seconds) = retry_after_s {
        reply.headers.push(("Retry-After", seconds.to_string()));
    }
    reply
}

fn poisoned(write: &Write<'_>, contains: &str) -> Option<Reply> {
    let bad: Vec<String> = write
        .text()?
        .lines()
        .filter(|line| line.contains(contains))
        .map(|line| format!("unable to parse '{line}': invalid field format"))
        .collect();
    (!bad.is_empty()).then(|| Reply::error(400, "invalid", &bad.join("\n")))
}
