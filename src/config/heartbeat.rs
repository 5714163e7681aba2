//! `[heartbeat]`: who is told, again and again, that all is well, so that silence is noticed elsewhere.

use std::path::{Path, PathBuf};

use super::key::key;
use super::place::place;
use super::section::Section;
use super::web_address::{self, WebAddress};

/// A service that notices when it is told nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatSettings {
    /// What is asked for while all is well.
    pub url: WebAddress,
    /// How often, in seconds.
    pub interval_s: u32,
    /// What is asked for once when something is wrong; None: then nothing is asked for.
    pub fail_url: Option<WebAddress>,
    /// Certificates (PEM) to trust beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// Reads the table; `dir`: where the files are.
pub(super) fn read(s: &mut Section<'_>, dir: &Path) -> Option<HeartbeatSettings> {
    let url = s.text_if_set(key("heartbeat.url", "what is asked for while all is well").secret());
    let interval = key("heartbeat.interval_s", "how often");
    let interval_s = s.number(interval, 300, 10..=86_400);
    let fail = key(
        "heartbeat.fail_url",
        "what is asked for once when something is wrong",
    );
    let fail_url = s.text_if_set(fail.secret());
    let ca_file = s.text_if_set(key(
        "heartbeat.ca_file",
        "certificates to trust beside the system's (PEM)",
    ));
    let mut checked = |given: Option<super::given::Given>| {
        let given = given.filter(|given| !given.text.trim().is_empty())?;
        match web_address::parse(&given.text) {
            Ok(url) if !url.rest.has_placeholder() => Some(url),
            Ok(_) => {
                s.complain(&given, "no placeholder belongs into it");
                None
            }
            Err(why) => {
                s.complain(&given, why);
                None
            }
        }
    };
    let (url, fail_url) = (checked(url), checked(fail_url));
    Some(HeartbeatSettings {
        url: url?,
        interval_s,
        fail_url,
        ca_file: ca_file.map(|given| place(dir, given.text)),
    })
}
