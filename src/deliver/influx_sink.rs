//! The sink that is an InfluxDB 2: the raw bucket behind [`crate::influx::Client`].

use super::sink::Sink;
use crate::config::InfluxSettings;
use crate::influx::Error;
use crate::server::connection::{Connection, TokenLookup, failure};
use crate::server::failure::Failure;

/// The raw bucket of a server.
#[derive(Debug)]
pub struct InfluxSink {
    connection: Connection,
    bucket: String,
}

impl InfluxSink {
    /// A sink for the raw bucket; nothing is sent yet.
    ///
    /// # Errors
    /// When the CA file cannot be read.
    pub fn new(settings: &InfluxSettings, lookup: TokenLookup) -> Result<InfluxSink, Error> {
        Ok(InfluxSink {
            connection: Connection::new(settings, lookup)?,
            bucket: settings.raw_bucket.clone(),
        })
    }
}

impl Sink for InfluxSink {
    fn send(&mut self, body: &[u8], compressed: bool) -> Result<(), Failure> {
        let written = self
            .connection
            .client()
            .write(&self.bucket, body, compressed);
        written.map_err(|error| failure(&error))
    }

    fn refresh_token(&mut self) {
        self.connection.refresh_token();
    }
}
