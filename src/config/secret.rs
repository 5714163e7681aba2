//! A token and the secret in it, wherever they were found.

use std::fmt;

use super::text::invisible;

/// A token and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// The secret itself.
    pub secret: Secret,
    /// Where it was found.
    pub source: TokenSource,
}

/// Where the token of `run` comes from; the first that is there wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// A systemd credential (`$CREDENTIALS_DIRECTORY/influx-token`).
    Credential,
    /// `INFLUX_WRITER_TOKEN`.
    WriterEnv,
    /// `writer.token` beside the configuration, written by `setup`.
    WriterFile,
    /// `INFLUX_TOKEN`.
    AdminEnv,
}

/// A secret: cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret into custody.
    pub fn new(secret: impl Into<String>) -> Secret {
        Secret(secret.into())
    }

    /// The secret itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A token that a header can carry: what was copied with a quote, a mark or a blank that cannot be seen is told
/// here, with its place, and not by a server that does not know it.
pub(super) fn check_carried(text: &str) -> Result<&str, String> {
    let text = text.trim();
    let Some(odd) = text.chars().find(|c| !matches!(c, ' '..='~')) else {
        return Ok(text);
    };
    let at = text.chars().take_while(|c| matches!(c, ' '..='~')).count() + 1;
    let code = u32::from(odd);
    let shown = if invisible(&odd.to_string()).is_some() || odd.is_whitespace() {
        "an invisible character".to_owned()
    } else {
        format!("\"{odd}\"")
    };
    Err(format!(
        "{shown} (U+{code:04X}, its character {at}) cannot be in a token: copy it once more, without \
         quotes around it"
    ))
}
