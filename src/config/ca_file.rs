//! A file of certificates that the user names.

use std::path::Path;

use super::content;

/// What such a file holds.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

/// That there is a certificate in it: a server is not asked with other ones than those that were meant.
///
/// # Errors
/// What is wrong, and what to do.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let why = match content::bytes(path) {
        Ok(bytes) if String::from_utf8_lossy(&bytes).contains(CERTIFICATE) => return Ok(()),
        Ok(_) => "it holds no certificate (-----BEGIN CERTIFICATE-----)".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(format!(
        "{}: {why}; put the certificate there, or correct the path",
        path.display()
    ))
}
