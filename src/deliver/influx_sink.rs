//! The sink that is an InfluxDB 2: the raw bucket behind [`crate::influx::Client`].

use std::fmt;
use std::time::Duration;

use super::retry::Failure;
use super::sink::Sink;
use crate::config::{InfluxSettings, Token};
use crate::influx::{Client, ClientSettings, Error};

/// Looks the token up again.
pub type TokenLookup = Box<dyn Fn() -> Option<Token> + Send>;

/// The raw bucket of a server.
pub struct InfluxSink {
    client: Client,
    bucket: String,
    token: Option<Token>,
    lookup: TokenLookup,
}

impl fmt::Debug for InfluxSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InfluxSink")
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}

impl InfluxSink {
    /// A sink for the raw bucket; nothing is sent yet.
    ///
    /// # Errors
    /// When the CA file cannot be read.
    pub fn new(settings: &InfluxSettings, lookup: TokenLookup) -> Result<InfluxSink, Error> {
        let client = Client::new(&ClientSettings {
            host: settings.host.clone(),
            org: settings.org.clone(),
            token: settings
                .token
                .as_ref()
                .map(|token| token.secret.expose().to_owned()),
            ca_file: settings.ca_file.clone(),
            timeout: Duration::from_millis(settings.timeout_ms),
        })?;
        let (bucket, token) = (settings.raw_bucket.clone(), settings.token.clone());
        Ok(InfluxSink {
            client,
            bucket,
            token,
            lookup,
        })
    }
}

impl Sink for InfluxSink {
    fn send(&mut self, body: &[u8], compressed: bool) -> Result<(), Failure> {
        self.client
            .write(&self.bucket, body, compressed)
            .map_err(|error| match error {
                Error::Status {
                    status,
                    ref message,
                    retry_after,
                    ..
                } => Failure::Status {
                    status,
                    message: message.clone(),
                    retry_after,
                },
                other => Failure::Transport {
                    kind: other.kind(),
                    message: chain(&other),
                },
            })
    }

    fn refresh_token(&mut self) {
        let found = (self.lookup)();
        if found.is_some() && found != self.token {
            self.client
                .set_token(found.as_ref().map(|token| token.secret.expose().to_owned()));
            self.token = found;
        }
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
