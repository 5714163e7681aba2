//! Asks the daemon that runs, before the journal is read.

use std::io::Write;

use serde::de::DeserializeOwned;

use crate::answers::ask::{self, Asked, PATIENCE};
use crate::config::Loaded;
use crate::config::described::describe;

/// What the daemon of this configuration answers; None: none runs that has just these settings, or it does not answer,
/// which is told.
pub(super) fn from_daemon<T: DeserializeOwned>(path: &str, loaded: &Loaded) -> Option<T> {
    match ask(path, loaded) {
        Asked::Answered(answer) => Some(answer),
        Asked::NoDaemon => None,
        Asked::Silent => {
            let seconds = PATIENCE.as_secs();
            // Beside the answer. That it cannot be told is no reason not to answer.
            let _ = writeln!(
                std::io::stderr(),
                "powerlogger: the daemon does not answer within {seconds} s; this is what the journal says"
            );
            None
        }
    }
}

/// The same; `is_quiet`: without a word.
pub(super) fn answer<T: DeserializeOwned>(
    path: &str,
    loaded: &Loaded,
    is_quiet: bool,
) -> Option<T> {
    match is_quiet {
        true => ask(path, loaded).answered(),
        false => from_daemon(path, loaded),
    }
}

/// The same without a word.
pub(super) fn ask<T: DeserializeOwned>(path: &str, loaded: &Loaded) -> Asked<T> {
    // What is understood of files that are wrong is not what a daemon has been given.
    if !loaded.says_all_that_is_meant() {
        return Asked::NoDaemon;
    }
    let settings = describe(&loaded.settings, &loaded.config_dir);
    ask::ask(path, &loaded.settings.journal.dir, Some(&settings))
}
