//! A connection to the server that is configured: a client, and the token it uses now.

use std::fmt;
use std::time::Duration;

use super::failure::Failure;
use crate::config::{InfluxSettings, Token};
use crate::influx::error::chain;
use crate::influx::{Client, ClientSettings, Error};

/// Looks the token up again.
pub type TokenLookup = Box<dyn Fn() -> Option<Token> + Send>;

/// A client that finds a newer token when the server does not like the one at hand.
pub struct Connection {
    client: Client,
    token: Option<Token>,
    lookup: TokenLookup,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// A connection; nothing is sent yet.
    ///
    /// # Errors
    /// When the CA file cannot be read.
    pub fn new(settings: &InfluxSettings, lookup: TokenLookup) -> Result<Connection, Error> {
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
        let token = settings.token.clone();
        Ok(Connection {
            client,
            token,
            lookup,
        })
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Looks for a newer token.
    pub fn refresh_token(&mut self) {
        let found = (self.lookup)();
        if found.is_some() && found != self.token {
            self.client
                .set_token(found.as_ref().map(|token| token.secret.expose().to_owned()));
            self.token = found;
        }
    }
}

/// A failed request, as the table of verdicts wants it.
pub fn failure(error: &Error) -> Failure {
    match error {
        Error::Status {
            status,
            code,
            message,
            retry_after,
        } => Failure::Status {
            status: *status,
            message: message.clone(),
            retry_after: *retry_after,
            // An answer without a word may have broken off.
            foreign: code.is_empty() && !message.is_empty(),
        },
        other => Failure::Transport {
            kind: other.kind(),
            message: chain(other),
        },
    }
}
