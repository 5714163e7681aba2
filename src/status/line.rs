//! How a meter's line stands, from what the daemon has told of it and whether that daemon still runs. Pure.

use serde::{Deserialize, Serialize};

use crate::journal::Holder;
use crate::model::WallNs;

/// Why no line is read while no daemon runs.
pub const NOT_RUNNING: &str = "powerlogger is not running";

/// Why a line is not known to be read of which the daemon has told nothing.
const NOT_TOLD: &str = "the running powerlogger has not told of it: it has just started and its journal is not open yet, or \
                        the meter was added since (restart powerlogger)";

/// The daemon, as far as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Daemon {
    /// It runs: what it tells of its lines is so.
    Running,
    /// None runs.
    Stopped,
    /// The caller has no right to see it.
    Unseen,
}

impl Daemon {
    pub(super) fn running() -> Daemon {
        Daemon::Running
    }
}

impl From<Holder> for Daemon {
    fn from(holder: Holder) -> Daemon {
        match holder {
            Holder::InUse => Daemon::Running,
            Holder::Free => Daemon::Stopped,
            Holder::Unknown => Daemon::Unseen,
        }
    }
}

/// A meter's line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineStatus {
    /// Whether it is read: else nothing is counted on it.
    pub is_read: bool,
    /// Since when it is so; None: it is not known.
    pub since_ns: Option<WallNs>,
    /// Why it is not read, and what to do about it; empty: it is.
    pub why: String,
}

/// How the line of a configured meter stands. `told`: what the last daemon told of it,
/// since when it is not read for this reason, or (None) is; `watched_until_ns`: until when it
/// is known to have been read. None: it is not known, or its pulses are made up and none can be missed.
pub fn line_status(
    daemon: Daemon,
    is_simulated: bool,
    told: Option<(WallNs, Option<String>)>,
    watched_until_ns: Option<WallNs>,
) -> Option<LineStatus> {
    let unread = |since_ns, why: String| LineStatus {
        is_read: false,
        since_ns,
        why,
    };
    match (daemon, told) {
        (Daemon::Stopped, _) if is_simulated => None,
        (Daemon::Stopped, _) => Some(unread(watched_until_ns, NOT_RUNNING.to_owned())),
        (Daemon::Running | Daemon::Unseen, Some((since_ns, Some(why)))) => {
            Some(unread(Some(since_ns), why))
        }
        (Daemon::Running, Some((since_ns, None))) => Some(LineStatus {
            is_read: true,
            since_ns: Some(since_ns),
            why: String::new(),
        }),
        (Daemon::Running, None) if !is_simulated => {
            Some(unread(watched_until_ns, NOT_TOLD.to_owned()))
        }
        (Daemon::Running | Daemon::Unseen, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(why: Option<&str>) -> Option<(WallNs, Option<String>)> {
        Some((WallNs(7), why.map(str::to_owned)))
    }

    #[test]
    fn a_line_is_read_only_where_the_running_daemon_says_so() {
        let is_read = |daemon, told| {
            let line = line_status(daemon, false, told, Some(WallNs(5)));
            line.map(|line| (line.is_read, line.since_ns))
        };
        assert_eq!(
            is_read(Daemon::Running, told(None)),
            Some((true, Some(WallNs(7))))
        );
        assert_eq!(
            is_read(Daemon::Running, told(Some("busy"))),
            Some((false, Some(WallNs(7))))
        );
        assert_eq!(
            is_read(Daemon::Running, None),
            Some((false, Some(WallNs(5))))
        );
        for told in [told(None), told(Some("busy")), None] {
            assert_eq!(
                is_read(Daemon::Stopped, told),
                Some((false, Some(WallNs(5))))
            );
        }
        assert_eq!(is_read(Daemon::Unseen, told(None)), None);
        assert_eq!(
            is_read(Daemon::Unseen, told(Some("busy"))),
            Some((false, Some(WallNs(7))))
        );
    }

    #[test]
    fn nothing_is_missed_of_a_simulation_that_has_ended() {
        assert_eq!(line_status(Daemon::Stopped, true, told(None), None), None);
        assert_eq!(line_status(Daemon::Running, true, None, None), None);
    }
}
