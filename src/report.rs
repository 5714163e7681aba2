//! The line of state in the log: every 5 s while anything moves or waits, once a minute at least.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{debug, info, warn};

use crate::capture::stats::CaptureStats;
use crate::clock::Clock;
use crate::deliver::stats::DeliverStats;
use crate::journal::Reader;
use crate::model::{MonoNs, NS_PER_S};
use crate::status::conditions::{Condition, conditions};
use crate::status::line::Daemon;
use crate::status::{Status, Wanted};
use crate::system::systemd;

/// The users' documents promise the queue size every 5 s.
const EVERY_NS: i64 = 5 * NS_PER_S;

/// Also when nothing moves.
const AT_LEAST_EVERY_NS: i64 = 60 * NS_PER_S;

/// The longest the caller may wait before it calls again.
const LOOK: Duration = Duration::from_secs(1);

/// What is to be told beside what the journal tells: a machine word, and a text for people with what to do.
#[derive(Debug, Default)]
pub struct Notices(Mutex<Vec<(&'static str, String)>>);

impl Notices {
    /// These are to be told from here on.
    pub fn set(&self, notices: Vec<(&'static str, String)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = notices;
    }

    fn now(&self) -> Vec<(&'static str, String)> {
        let notices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notices.clone()
    }
}

/// Reports.
#[derive(Debug)]
pub struct Reporter {
    // Dependencies.
    reader: Reader,
    notices: Arc<Notices>,
    destination: Option<String>,
    meters: Vec<String>,
    clock: Arc<dyn Clock>,
    // State.
    said_ns: MonoNs,
    said_loudly_ns: MonoNs,
    edges: u64,
    pulses: u64,
    points: u64,
    lost: u64,
    damage: bool,
    unreadable: bool,
    conditions: Vec<Condition>,
    noticed: Vec<(&'static str, String)>,
}

impl Reporter {
    /// Reports what `reader` reads, with how delivery to `destination` stands.
    pub fn new(
        reader: Reader,
        destination: Option<String>,
        meters: Vec<String>,
        clock: Arc<dyn Clock>,
    ) -> Reporter {
        let said_ns = clock.mono_ns();
        let said_loudly_ns = said_ns;
        let (edges, pulses, points, lost) = (0, 0, 0, 0);
        let damage = false;
        Reporter {
            reader,
            notices: Arc::default(),
            destination,
            meters,
            clock,
            said_ns,
            said_loudly_ns,
            edges,
            pulses,
            points,
            lost,
            damage,
            unreadable: false,
            conditions: Vec::new(),
            noticed: Vec::new(),
        }
    }

    /// Tells these, too.
    pub fn tell_also(&mut self, notices: Arc<Notices>) {
        self.notices = notices;
    }

    /// Says what has become wrong, or right again, beside the journal.
    fn tell_notices(&mut self) {
        let now = self.notices.now();
        for (word, text) in now.iter().filter(|new| !self.noticed.contains(new)) {
            warn!(condition = word, "{text}");
        }
        let is_over = |known: &&(&str, String)| now.iter().all(|(word, _)| *word != known.0);
        for (word, _) in self.noticed.iter().filter(is_over) {
            info!(condition = word, "no longer so");
        }
        self.noticed = now;
    }

    /// Counts from here what is told by the second.
    pub fn count_from(&mut self, captured: &CaptureStats) {
        self.edges = captured.edges.load(Ordering::Relaxed);
        self.pulses = captured.pulses.load(Ordering::Relaxed);
    }

    /// Says what has become wrong, or right again, since the last look.
    fn tell_conditions(&mut self, now: Vec<Condition>) {
        // Of a line that is not read capture has told.
        let is_told = |found: &&Condition| found.word != "line_not_read";
        let is_new = |found: &&Condition| !self.conditions.contains(found);
        for new in now.iter().filter(is_new).filter(is_told) {
            warn!(
                condition = new.word,
                meter = new.meter,
                "{}",
                new.sentence()
            );
        }
        let is_over = |known: &&Condition| !now.contains(known);
        for old in self.conditions.iter().filter(is_over).filter(is_told) {
            info!(condition = old.word, meter = old.meter, "no longer so");
        }
        self.conditions = now;
    }

    /// Whether the journal turned out to be damaged when it was read for a report.
    pub fn found_damage(&self) -> bool {
        self.damage
    }

    fn status(&mut self) -> Option<Status> {
        let wanted = Wanted {
            destination: self.destination.as_deref(),
            meters: &self.meters,
            daemon: Daemon::Running,
        };
        let status = Status::take(&mut self.reader, wanted, self.clock.wall_ns());
        let was_unreadable = std::mem::replace(&mut self.unreadable, status.is_err());
        if let Err(failed) = &status {
            self.damage |= failed.is_corrupt();
            if !was_unreadable {
                warn!(error = %failed, "the state cannot be read from the journal");
            }
        }
        status.ok()
    }

    fn tell_unreadable(&self, waiting: usize, failing: Option<&'static str>) {
        let wrong = self.wrong(failing);
        systemd::status(&format!(
            "counting; {waiting} waiting in memory; the journal cannot be read{wrong}"
        ));
    }

    /// The words for what is not as it should be, to stand behind the state.
    fn wrong(&self, failing: Option<&'static str>) -> String {
        let of = |found: &Condition| match &found.meter {
            Some(meter) => format!("{} {meter}", found.word),
            None => found.word.to_owned(),
        };
        let words = self.conditions.iter().map(of);
        let noticed = self.noticed.iter().map(|(word, _)| (*word).to_owned());
        let failing = failing.map(str::to_owned);
        let words: Vec<String> = words.chain(noticed).chain(failing).collect();
        if words.is_empty() {
            return String::new();
        }
        format!("; {}", words.join(", "))
    }

    /// Reports if it is time to. Returns how long to wait before the next call. `in_memory`:
    /// pulses that the disk has not taken; `newest`: the newest id that it has. `failing`: how commits fail, if they do.
    pub fn report(
        &mut self,
        captured: &CaptureStats,
        delivered: Option<&DeliverStats>,
        (in_memory, newest): (usize, i64),
        failing: Option<&'static str>,
    ) -> Duration {
        let now_ns = self.clock.mono_ns();
        let passed_ns = now_ns - self.said_ns;
        if passed_ns < EVERY_NS {
            let left_ns = u64::try_from(EVERY_NS - passed_ns).expect("positive");
            return Duration::from_nanos(left_ns);
        }
        self.said_ns = now_ns;
        self.tell_notices();
        let Some(status) = self.status() else {
            self.tell_unreadable(in_memory, failing);
            return LOOK;
        };
        self.tell_conditions(conditions(&status));
        let seconds = passed_ns as f64 / NS_PER_S as f64;
        let rate = |was: &mut u64, is: u64| {
            let since = is - std::mem::replace(was, is);
            format!("{:.1}", since as f64 / seconds)
        };
        let edges = rate(&mut self.edges, captured.edges.load(Ordering::Relaxed));
        let pulses = rate(&mut self.pulses, captured.pulses.load(Ordering::Relaxed));
        let points = delivered.map_or(0, |stats| stats.points.load(Ordering::Relaxed));
        let points = rate(&mut self.points, points);
        let in_memory_pulses = i64::try_from(in_memory).unwrap_or(i64::MAX);
        // All that is counted and not acknowledged, wherever it waits.
        let backlog = delivered.map(|stats| stats.backlog_of(newest) + in_memory_pulses);
        let (lost, rejected) = (status.lost(), status.rejected());
        let lines_up = captured.lines_up.load(Ordering::Relaxed);
        let counted = counts(&status);
        let waits = backlog.unwrap_or(in_memory_pulses);
        let delivery = status.delivery.as_ref().filter(|_| waits > 0);
        let lag_s = delivery.and_then(|d| d.lag_ns.map(|ns| ns.max(0) / NS_PER_S));
        let moved = edges != "0.0" || points != "0.0" || waits > 0 || lost != self.lost;
        self.lost = lost;
        let loud = moved || now_ns - self.said_loudly_ns >= AT_LEAST_EVERY_NS;
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    lines_up,
                    backlog,
                    in_memory,
                    lag_s,
                    edges_per_s = edges,
                    pulses_per_s = pulses,
                    points_per_s = points,
                    lost,
                    rejected,
                    "counted {counted}"
                )
            };
        }
        let wrong = self.wrong(failing);
        let lost_words = lost_words(&status, lines_up >= self.meters.len() as u64);
        systemd::status(&format!(
            "counted {counted}; backlog {waits}, {lost_words}{wrong}"
        ));
        if loud {
            self.said_loudly_ns = now_ns;
            line!(info);
        } else {
            line!(debug);
        }
        LOOK
    }
}

/// A name that is one word in the log: in quotes where it holds blanks, `=` or quotes.
fn one_word(name: &str) -> String {
    let splits = |c: char| c.is_whitespace() || matches!(c, '=' | '"');
    if name.is_empty() || name.contains(splits) {
        format!("{name:?}")
    } else {
        name.to_owned()
    }
}

/// How many pulses are lost. `all_up`: capture reads all lines.
fn lost_words(status: &Status, all_up: bool) -> String {
    let all_read = all_up && status.unread().next().is_none();
    match status.lost() {
        // What comes on a line that is not read nobody knows.
        0 if !all_read && !status.simulated => "lost not known".to_owned(),
        lost => format!("{lost} lost"),
    }
}

/// What each meter has counted.
fn counts(status: &Status) -> String {
    let what = if status.simulated {
        "SIMULATED pulses "
    } else {
        ""
    };
    let counts = status
        .meters
        .iter()
        .map(|meter| format!("{}={}", one_word(&meter.name), meter.pulses));
    format!("{what}{}", counts.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_word_each() {
        assert_eq!(one_word("Zähler"), "Zähler");
        assert_eq!(one_word("Heat pump"), "\"Heat pump\"");
        assert_eq!(one_word("a=\"b\""), "\"a=\\\"b\\\"\"");
        assert_eq!(one_word(""), "\"\"");
    }
}
