//! What is said where the server cannot be used as it is configured.

use std::path::Path;

use super::inspect::{Refused, Wrong};
use crate::config::InfluxSettings;

/// Characters of a token that may be shown.
const TOKEN_SHOWN: usize = 4;

/// What is wrong and what to do, in one line.
pub fn line(refused: &Refused, influx: &InfluxSettings, config_dir: &Path) -> String {
    let file = config_dir.join(".env");
    let file = file.display();
    let remedy = match refused.wrong {
        Wrong::Host => format!(
            "start the server, and check INFLUX_HOST ({}) in {file}",
            influx.host
        ),
        Wrong::Answer => format!(
            "see the log of the server, or of the proxy before it, and check INFLUX_HOST ({}) in {file}",
            influx.host
        ),
        Wrong::Token => format!(
            "put a token with all rights in the organization into INFLUX_TOKEN in {file} (InfluxDB's page: Load Data, \
             API Tokens)"
        ),
        Wrong::Org => format!("correct INFLUX_ORG in {file}"),
        Wrong::Rights => format!(
            "put a token with all rights in the organization (an all-access token) into INFLUX_TOKEN in {file}"
        ),
    };
    format!("{refused} → {remedy}")
}

/// The same, and below it the message of the Python edition, word for word: its documents show it.
pub fn as_ever(
    refused: &Refused,
    influx: &InfluxSettings,
    token: &str,
    config_dir: &Path,
) -> String {
    let shown: String = token.chars().take(TOKEN_SHOWN).collect();
    let (host, org) = (&influx.host, &influx.org);
    let line = line(refused, influx, config_dir);
    format!(
        "{line}\n\n\
         ❌ ERROR: Cannot connect to InfluxDB or credentials are invalid!\n\n\
         Current configuration from .env:\n  \
         • Host:   {host}\n  \
         • Org:    {org}\n  \
         • Token:  {shown}...\n\n\
         Please check:\n  \
         1. InfluxDB server is running and accessible\n  \
         2. INFLUX_HOST is correct\n  \
         3. INFLUX_ORG matches your organization name\n  \
         4. INFLUX_TOKEN is valid and has admin permissions"
    )
}
