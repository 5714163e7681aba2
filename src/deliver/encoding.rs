//! Whether bodies go out compressed: they do, until this connection has shown that it does not take that.

use tracing::{debug, info};

use super::retry::{Failure, quotes_a_line};

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
    /// compression: a proxy or a server that knows no gzip answers 415, or 400 with words of its own. What
    /// is shown so is remembered. `send` is told whether its body is compressed.
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
        if !may_be_the_compression(&first) {
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

fn may_be_the_compression(failure: &Failure) -> bool {
    let Failure::Status {
        status, message, ..
    } = failure
    else {
        return false;
    };
    match status {
        400 => !quotes_a_line(message),
        415 | 500 => true,
        _ => false,
    }
}

/// Whether `first`, over a compressed body, was about the compression, by what the plain one got. A 500 may
/// have passed meanwhile, or the body may have been damaged on its way: it says nothing lasting.
fn shows_it(first: &Failure, plain: Option<&Failure>) -> bool {
    let status = |failure: &Failure| match failure {
        Failure::Status { status, .. } => Some(*status),
        Failure::Transport { .. } => None,
    };
    match (status(first), plain) {
        (Some(400 | 415), None) => true,
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
            (status(400, "unable to parse 'x'"), Ok(()), "111"),
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
