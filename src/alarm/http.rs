//! One request to a service, by the client that delivery uses: its proxies, its certificates, its bounds.

use std::path::PathBuf;
use std::time::Duration;

use super::sink::SinkError;
use crate::influx::error::{Error, chain};
use crate::influx::{Client, ClientSettings};

/// How long a look whether a server answers may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// Letters of an answer that are shown.
const SHOWN_MAX: usize = 200;

/// A request.
#[derive(Debug)]
pub(super) struct Request<'a> {
    /// The method.
    pub(super) method: &'static str,
    /// Scheme, host and port.
    pub(super) origin: &'a str,
    /// Path and query.
    pub(super) path: &'a str,
    /// Headers, beside those that every request has.
    pub(super) headers: &'a [(String, String)],
    /// The body.
    pub(super) body: &'a [u8],
    /// Certificates to trust beside the system's.
    pub(super) ca_file: Option<PathBuf>,
    /// The longest it may take.
    pub(super) timeout: Duration,
}

impl Request<'_> {
    /// Sends it. The connection is not kept: days may pass until the next one, and a new file of certificates is read
    /// each time.
    ///
    /// # Errors
    /// When there was no answer, or one that does not say that it was taken.
    pub(super) fn send(self) -> Result<(), SinkError> {
        let (status, failed) = self.ask()?;
        if (200..300).contains(&status) {
            return Ok(());
        }
        let retry_after = match &failed {
            Error::Status { retry_after, .. } => *retry_after,
            _ => None,
        };
        let why = match (status, failed) {
            (301 | 302 | 303 | 307 | 308, _) => format!(
                "it answers that it is elsewhere (HTTP {status}): correct the address (https instead of http?)"
            ),
            (_, Error::Status { message, .. }) if !message.is_empty() => {
                let said: String = message.chars().take(SHOWN_MAX).collect();
                format!("HTTP {status}: {said}{}", hint(status))
            }
            _ => format!("HTTP {status}{}", hint(status)),
        };
        Err(SinkError { why, retry_after })
    }

    /// Whether a server answers, whatever it says: nothing is asked of it but its first page's head.
    ///
    /// # Errors
    /// Why it does not.
    pub(super) fn look(origin: &str, ca_file: Option<PathBuf>) -> Result<(), String> {
        let look = Request {
            method: "HEAD",
            origin,
            path: "/",
            headers: &[],
            body: &[],
            ca_file,
            timeout: LOOK_TIMEOUT,
        };
        look.ask().map(drop).map_err(|failed| failed.why)
    }

    /// The status that was answered, and the answer as the error that it would be.
    fn ask(self) -> Result<(u16, Error), SinkError> {
        let settings = ClientSettings {
            host: self.origin.to_owned(),
            org: String::new(),
            token: None,
            ca_file: self.ca_file,
            timeout: self.timeout,
        };
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let answered = Client::new(&settings)
            .and_then(|client| client.request(self.method, self.path, &headers, self.body));
        match answered {
            Ok(answer) => Ok((answer.status, answer.into_error())),
            // The address itself is a secret.
            Err(Error::Address(_)) => Err(SinkError::new("its address or a header is not valid")),
            Err(failed) => Err(SinkError::new(chain(&failed))),
        }
    }
}

/// What to do about a status.
fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => " (look at its token)",
        404 | 410 => " (look at its address)",
        400 | 415 | 422 => " (look at its body and headers)",
        _ => "",
    }
}
