//! What a server says: read up to a bound, and turned into an error where it is not what was wanted.

use std::io::Read as _;
use std::time::Duration;

use super::error::{self, Error};

/// The most of an answer that is read: an error of a large batch quotes every bad line.
pub(super) const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// An answer on its way.
pub(super) type Response = ureq::http::Response<ureq::Body>;

/// What the server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, as text.
    pub body: String,
    retry_after: Option<Duration>,
    /// Where a redirect leads.
    location: Option<String>,
}

/// Reads an answer of at most so many bytes.
///
/// # Errors
/// When it breaks off, or is longer. An error is one all the same, with what there is of its text.
pub(super) fn read_answer(mut response: Response, bytes_max: u64) -> Result<Answer, Error> {
    let status = response.status().as_u16();
    let headers = response.headers();
    let retry_after = headers.get("Retry-After");
    let retry_after = retry_after.and_then(|value| error::retry_after(value.to_str().ok()?));
    let location = headers
        .get("Location")
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let mut body = Vec::new();
    let reader = response.body_mut().as_reader();
    // One more than is wanted tells whether there is more.
    let read = reader.take(bytes_max + 1).read_to_end(&mut body);
    let is_long = u64::try_from(body.len()).unwrap_or(u64::MAX) > bytes_max;
    // The status is what counts: an error whose text breaks off, or has no end, is still that error.
    if status < 400 {
        read.map_err(|broken| Error::from(ureq::Error::from(broken)))?;
        if is_long {
            return Err(ureq::Error::BodyExceedsLimit(bytes_max).into());
        }
    }
    body.truncate(usize::try_from(bytes_max).unwrap_or(usize::MAX));
    Ok(Answer {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
        retry_after,
        location,
    })
}

impl Answer {
    /// The error that this answer is, where another one was wanted.
    pub fn into_error(self) -> Error {
        let location = self.location.filter(|_| (300..400).contains(&self.status));
        Error::from_answer(
            self.status,
            &self.body,
            self.retry_after,
            location.as_deref(),
        )
    }
}
