//! The check of the daemon that runs: whether it has the settings that the files have.

use super::check::{Check, Checks};
use super::error::VerifyError;
use crate::capture::waker::Waker;
use crate::clock::{Clock, SystemClock};
use crate::config::in_use::SettingsInUse;
use crate::config::{Influx, Loaded};
use crate::journal::{Reader, is_locked};
use crate::model::{NS_PER_MS, NS_PER_S};

/// The daemon looks at the files every 10 s, and what they say is in the journal a little later.
const TAKEN_UP_NS: i64 = 20 * NS_PER_S;

/// Between looks at what it has noted.
const LOOK_NS: i64 = 500 * NS_PER_MS;

pub(super) fn running(loaded: &Loaded, checks: &mut Checks<'_>) -> Result<(), VerifyError> {
    let dir = &loaded.settings.journal.dir;
    if !is_locked(dir) {
        return Ok(());
    }
    let what = "settings of the running daemon";
    let pause = Waker::new().map_err(VerifyError::Waker)?;
    let deadline_ns = SystemClock.mono_ns() + TAKEN_UP_NS;
    let in_use = loop {
        let noted = Reader::open(dir).and_then(|reader| reader.noted_settings());
        let in_use = match noted {
            Ok(noted) => SettingsInUse::new(&noted, loaded),
            Err(failed) => {
                return checks.add(Check::not_checked(what, failed.to_string()));
            }
        };
        // What was edited a moment ago is about to be taken up.
        let is_pending = in_use
            .as_ref()
            .is_some_and(|in_use| !in_use.of_server.is_empty() && in_use.other_dir.is_none());
        if !is_pending || SystemClock.mono_ns() > deadline_ns {
            break in_use;
        }
        pause.wait(Some(LOOK_NS));
    };
    checks.add(match in_use {
        None => Check::not_checked(what, "it does not tell: restart it after an upgrade"),
        Some(in_use) if in_use.is_same() => {
            let sends = match (&in_use.sends_to, &loaded.settings.influx) {
                (Ok(host), _) => format!("those of the files; it sends to {host}"),
                (Err(_), Influx::NotConfigured(_)) => {
                    "those of the files; it sends nothing".to_owned()
                }
                (Err(why), _) => format!("those of the files; it sends nothing: {why}"),
            };
            Check::good(what, sends)
        }
        Some(in_use) => Check::bad(what, in_use.shown(), in_use.remedy()),
    })
}
