//! What can go wrong at a server, or on the way to it.

/// A fault of the server; while it is set, requests meet it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nobody listens.
    Refuse,
    /// The request is lost: the connection ends before it was carried out.
    LoseRequest,
    /// The request is carried out and the answer lost.
    LoseReply,
    /// 429.
    TooMany { retry_after_s: u64 },
    /// 503.
    Unavailable { retry_after_s: Option<u64> },
    /// 400 for every line that contains this.
    Poison { contains: String },
    /// 401.
    Unauthorized,
    /// 413 above so many bytes of body, as it came.
    TooLarge { body_bytes_max: usize },
    /// No answer within anybody's patience; the request is not carried out.
    Stall,
    /// The connection ends in the middle of the body.
    CloseMidBody,
    /// 200 with a page.
    HtmlPage200,
    /// 500 over every compressed body.
    CorruptGzip,
}
