//! Whether bodies go out compressed: they do, until this connection has shown that it does not take that.

use tracing::{debug, info};

use super::failure::{Failure, quoted_line, quotes_a_line};

/// So much of the beginning of a quoted line tells whether it is one of ours: its end may be shortened.
const QUOTE_CHARS: usize = 16;

/// Sends one body and waits for the answer; it is told whether the body is compressed.
pub type Send<'a> = &'a mut dyn FnMut(&[u8], bool) -> Result<(), Failure>;

/// What is known of a connection.
#[derive(Debug, Default)]
pub struct Encoding {
    plain_only: bool,
}

impl Encoding {
    /// Whether nothing is compressed any more.
    pub fn is_plain_only(&self) -> bool {
        self.plain_only
    }

    /// Sends a body, compressed if that may help; once more plain where the refusal may be of the
    /// compression: a proxy or a server that knows no gzip answers 415, 406 or 501, or 400 or 422 with words
    /// of its own. What is shown so is remembered. `send` is told whether its body is compressed.
    ///
    /// # Errors
    /// The last failure.
    pub fn send(&mut self, plain: &[u8], compressed: &[u8], send: Send<'_>) -> Result<(), Failure> {
        if self.plain_only {
            return send(plain, false);
        }
        let Err(first) = send(compressed, true) else {
            return Ok(());
        };
        if !may_be_the_compression(&first, plain) {
            return Err(first);
        }
        debug!(
            failure = first.message(),
            "sending it again without compression"
        );
        let again = send(plain, false);
        self.plain_only = shows_it(&first, again.as_ref().err());
        if self.plain_only {
            info!(
                why = first.message(),
                "no compressed requests are taken there: they are sent plain from now on"
            );
        }
        again
    }
}

fn may_be_the_compression(failure: &Failure, plain: &[u8]) -> bool {
    let Failure::Status {
        status, message, ..
    } = failure
    else {
        return false;
    };
    match status {
        400 => !quotes(message, plain),
        422 => !message.contains("partial write") && !quotes(message, plain),
        406 | 415 | 500 | 501 => true,
        _ => false,
    }
}

/// Whether the server's text quotes a line of this body. Where a proxy takes `Content-Encoding` away the server
/// reads the compressed bytes as lines, and quotes those.
fn quotes(message: &str, plain: &[u8]) -> bool {
    let Some(quoted) = quoted_line(message) else {
        return false;
    };
    let begins: String = quoted.chars().take(QUOTE_CHARS).collect();
    !begins.is_empty() && String::from_utf8_lossy(plain).contains(&begins)
}

/// Whether `first`, over a compressed body, was about the compression, by what the plain one got. A 500 may
/// have passed meanwhile, or the body may have been damaged on its way: it says nothing lasting.
fn shows_it(first: &Failure, plain: Option<&Failure>) -> bool {
    let status = |failure: &Failure| match failure {
        Failure::Status { status, .. } => Some(*status),
        Failure::Transport { .. } => None,
    };
    match (status(first), plain) {
        (Some(400 | 406 | 415 | 422 | 501), None) => true,
        (Some(415), Some(plain)) => status(plain).is_some_and(|status| status != 415),
        (Some(400), Some(Failure::Status { message, .. })) => quotes_a_line(message),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16, message: &str) -> Result<(), Failure> {
        Err(Failure::Status {
            status,
            message: message.to_owned(),
            retry_after: None,
            foreign: true,
        })
    }

    /// Sends three bodies; which of them were compressed, a digit a request, and the last outcome.
    fn sent(
        gzip: &Result<(), Failure>,
        plain: &Result<(), Failure>,
    ) -> (String, Result<(), Failure>) {
        let (mut encoding, mut seen, mut last) = (Encoding::default(), String::new(), Ok(()));
        for _ in 0..3 {
            last = encoding.send(b"plain", b"gzip", &mut |body, compressed| {
                assert_eq!(body, if compressed { &b"gzip"[..] } else { b"plain" });
                seen.push(if compressed { '1' } else { '0' });
                if compressed {
                    gzip.clone()
                } else {
                    plain.clone()
                }
            });
        }
        (seen, last)
    }

    #[test]
    fn what_does_not_take_gzip_gets_it_once() {
        for (gzip, plain, want) in [
            (Ok(()), Ok(()), "111"),
            (status(400, "400 Bad Request"), Ok(()), "1000"),
            (status(400, ""), Ok(()), "1000"),
            (status(415, "Unsupported Media Type"), Ok(()), "1000"),
            (status(406, ""), Ok(()), "1000"),
            (status(501, "not implemented"), Ok(()), "1000"),
            (status(422, "cannot decode"), Ok(()), "1000"),
            // The header was taken away: the compressed bytes are read as lines.
            (
                status(400, "unable to parse '\u{8b}': missing fields"),
                Ok(()),
                "1000",
            ),
            (
                status(400, "unable to parse '': missing fields"),
                Ok(()),
                "1000",
            ),
            // The line is bad as well: the next ones need not be.
            (status(415, ""), status(400, "unable to parse 'x'"), "1000"),
            (
                status(400, "who knows"),
                status(400, "unable to parse 'x'"),
                "1000",
            ),
            // Nothing is shown: neither is taken.
            (status(415, "no"), status(415, "no"), "101010"),
            (status(400, "no"), status(400, "no"), "101010"),
            (status(400, "no"), status(503, "later"), "101010"),
            (status(500, "damaged"), Ok(()), "101010"),
            // Not about the compression.
            (status(400, "unable to parse 'plain': bad"), Ok(()), "111"),
            (status(422, "unable to parse 'plain': bad"), Ok(()), "111"),
            (status(401, "who are you"), Ok(()), "111"),
            (status(413, "large"), Ok(()), "111"),
            (status(422, "partial write"), Ok(()), "111"),
        ] {
            let (seen, last) = sent(&gzip, &plain);
            assert_eq!(seen, want, "{gzip:?} {plain:?}");
            let want = if want == "111" { gzip } else { plain };
            assert_eq!(last, want);
        }
    }
}
