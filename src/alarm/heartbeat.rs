//! The heartbeat: asks for its address when [`Heart`] says so.

use std::time::Duration;

use tracing::warn;

use super::heart::{Beat, Heart};
use super::http::Request;
use super::receiver::FAILURES_SHOWN;
use super::sink::SinkError;
use crate::clock::Clock;
use crate::config::{HeartbeatSettings, Placeholder};
use crate::model::{MonoNs, NS_PER_S};

/// The longest that a heartbeat may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What fails, and what an alarm of it is about.
pub(super) const HEARTBEAT: &str = "heartbeat";

/// The heartbeat.
#[derive(Debug)]
pub(super) struct Heartbeat {
    settings: HeartbeatSettings,
    heart: Heart,
    why: String,
}

impl Heartbeat {
    /// One that begins now.
    pub(super) fn new(settings: &HeartbeatSettings, now_ns: MonoNs) -> Heartbeat {
        let interval_ns = i64::from(settings.interval_s) * NS_PER_S;
        Heartbeat {
            heart: Heart::new(interval_ns, settings.fail_url.is_some(), now_ns),
            settings: settings.clone(),
            why: String::new(),
        }
    }

    /// Asks for its address, if that is due; true: it was.
    pub(super) fn beat(&mut self, is_well: bool, clock: &dyn Clock) -> bool {
        let Some(beat) = self.heart.beat(is_well, clock.mono_ns()) else {
            return false;
        };
        let address = match (beat, &self.settings.fail_url) {
            (Beat::Wrong, Some(address)) => address,
            _ => &self.settings.url,
        };
        let path = address.rest.render(|_: Placeholder| String::new());
        let request = Request {
            method: "GET",
            origin: &address.origin,
            path: &path,
            headers: &[],
            body: &[],
            ca_file: self.settings.ca_file.clone(),
            timeout: TIMEOUT,
        };
        let sent = request.send();
        let now_ns = clock.mono_ns();
        match sent {
            Ok(()) => {
                self.heart.said(beat, now_ns);
                self.why.clear();
            }
            Err(SinkError { why, retry_after }) => {
                self.heart.failed(retry_after, fastrand::f64(), now_ns);
                if self.heart.failures() == FAILURES_SHOWN {
                    warn!(why, "the heartbeat is not taken; tried again");
                }
                self.why = why;
            }
        }
        true
    }

    /// In how many nanoseconds there is something to ask for, if nothing changes; None: never.
    pub(super) fn due_in_ns(&self, is_well: bool, now_ns: MonoNs) -> Option<i64> {
        self.heart.due_in_ns(is_well, now_ns)
    }

    /// Its name, and why it fails; None: it does not.
    pub(super) fn failing(&self) -> Option<(String, String)> {
        let is_failing = self.heart.failures() >= FAILURES_SHOWN;
        is_failing.then(|| (HEARTBEAT.to_owned(), self.why.clone()))
    }
}
