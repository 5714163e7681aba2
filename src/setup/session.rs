//! Who sets up which server, with which token.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::installation::{self, FoundInstallation, Installation};
use crate::config::{ConfigError, Influx, InfluxSettings, Loaded};
use crate::influx::{Client, ClientSettings, Error};

/// Why no server can be set up.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It names no server: why.
    #[error("InfluxDB is not configured: {0}")]
    NotConfigured(String),
    /// It names no token that may do it.
    #[error(
        "this needs the admin token: set INFLUX_TOKEN in {} (it can be removed again afterwards)",
        .0.display()
    )]
    NoToken(PathBuf),
}

/// The server as it is configured, and the token that may set it up.
///
/// # Errors
/// When there is no server or no such token.
pub fn admin(loaded: &Loaded) -> Result<(&InfluxSettings, String), AdminError> {
    let influx = match &loaded.settings.influx {
        Influx::Configured(influx) => influx,
        Influx::NotConfigured(why) => {
            loaded.check()?;
            return Err(AdminError::NotConfigured(why.clone()));
        }
    };
    match loaded.admin_token() {
        Some(token) => Ok((influx, token.expose().to_owned())),
        None => Err(AdminError::NoToken(loaded.config_dir.join(".env"))),
    }
}

/// A client of the configured server.
///
/// # Errors
/// When the file of certificates cannot be used.
pub fn client(influx: &InfluxSettings, token: Option<String>) -> Result<Client, Error> {
    Client::new(&ClientSettings {
        host: influx.host.clone(),
        org: influx.org.clone(),
        token,
        ca_file: influx.ca_file.clone(),
        timeout: Duration::from_millis(influx.timeout_ms),
    })
}

/// This installation, and the id of the one that it is a copy of. With `dry_run` nothing is written, not even the id.
///
/// # Errors
/// When its file cannot be read or written.
pub fn here(config_dir: &Path, dry_run: bool) -> io::Result<(Installation, Option<String>)> {
    if !dry_run {
        return installation::find_or_make(config_dir);
    }
    Ok(match installation::find(config_dir)? {
        FoundInstallation::Here(installation) => (installation, None),
        FoundInstallation::Elsewhere(id) => (Installation::new(), Some(id)),
        FoundInstallation::Nothing => (Installation::new(), None),
    })
}
