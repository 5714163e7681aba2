//! The line of state in the log, from the live board: every 5 s while anything moves or waits, once a minute at
//! least. And what has become wrong, or right again.

use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, info, warn};

use super::Status;
use super::condition::Condition;
use crate::clock::Clock;
use crate::live::Board;
use crate::model::{MonoNs, NS_PER_S};

/// The users' documents promise the queue size every 5 s.
const EVERY_NS: i64 = 5 * NS_PER_S;

/// Also when nothing moves.
const AT_LEAST_EVERY_NS: i64 = 60 * NS_PER_S;

/// Reports.
#[derive(Debug)]
pub struct Reporter {
    // Dependencies.
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
    // State.
    said_ns: MonoNs,
    said_loudly_ns: MonoNs,
    edges: u64,
    pulses: u64,
    points: u64,
    lost: u64,
    conditions: Vec<Condition>,
}

impl Reporter {
    /// Reports how the board stands; what is told by the second is counted from here.
    pub fn new(board: Arc<Board>, clock: Arc<dyn Clock>) -> Reporter {
        let (said_ns, now) = (clock.mono_ns(), board.snapshot());
        Reporter {
            said_ns,
            said_loudly_ns: said_ns,
            edges: now.capture.edges(),
            pulses: now.capture.pulses(),
            points: now.delivery.map_or(0, |delivery| delivery.points),
            lost: 0,
            conditions: Vec::new(),
            board,
            clock,
        }
    }

    /// Reports if it is time to. Returns how long to wait before the next call.
    pub fn report(&mut self) -> Duration {
        let now_ns = self.clock.mono_ns();
        let passed_ns = now_ns - self.said_ns;
        if passed_ns < EVERY_NS {
            return duration(EVERY_NS - passed_ns);
        }
        self.said_ns = now_ns;
        let now = self.board.snapshot();
        let status = Status::from_board(&now, self.clock.wall_ns());
        self.tell_conditions(status.conditions());
        let seconds = passed_ns as f64 / NS_PER_S as f64;
        let rate = |was: &mut u64, is: u64| {
            let since = is.saturating_sub(std::mem::replace(was, is));
            format!("{:.1}", since as f64 / seconds)
        };
        let edges = rate(&mut self.edges, now.capture.edges());
        let pulses = rate(&mut self.pulses, now.capture.pulses());
        let points = now.delivery.as_ref().map_or(0, |delivery| delivery.points);
        let points = rate(&mut self.points, points);
        let in_memory = now.waiting;
        let waiting = i64::try_from(in_memory).unwrap_or(i64::MAX / 2);
        // All that is counted and not acknowledged, wherever it waits.
        let delivery = status.delivery.as_ref().filter(|delivery| delivery.raw);
        let backlog = delivery.map(|delivery| delivery.backlog + waiting);
        let waits = backlog.unwrap_or(waiting);
        let lag_s = delivery.and_then(|delivery| delivery.lag_ns.map(|ns| ns.max(0) / NS_PER_S));
        let (lost, rejected) = (status.lost(), status.rejected());
        let (lines_up, counted) = (now.capture.lines_up(), counts(&status));
        let moved = edges != "0.0" || points != "0.0" || waits > 0 || lost != self.lost;
        self.lost = lost;
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
        if moved || now_ns - self.said_loudly_ns >= AT_LEAST_EVERY_NS {
            self.said_loudly_ns = now_ns;
            line!(info);
        } else {
            line!(debug);
        }
        duration(EVERY_NS)
    }

    /// Says what has become wrong, or right again, since the last look.
    fn tell_conditions(&mut self, now: Vec<Condition>) {
        for new in now.iter().filter(|found| !self.conditions.contains(found)) {
            if !is_told_by_its_stage(new) {
                let (condition, meter) = (new.word(), new.meter());
                warn!(condition, meter, "{}", new.advice());
            }
        }
        let is_over = |known: &&Condition| {
            let is_same =
                |now: &Condition| now.word() == known.word() && now.meter() == known.meter();
            !now.iter().any(is_same)
        };
        for old in self.conditions.iter().filter(is_over) {
            if !is_told_by_its_stage(old) {
                let (condition, meter) = (old.word(), old.meter());
                info!(condition, meter, "condition cleared");
            }
        }
        self.conditions = now;
    }
}

/// Whether the stage that found it has logged it, with more than is known here.
fn is_told_by_its_stage(condition: &Condition) -> bool {
    matches!(
        condition,
        Condition::LineNotRead { .. } | Condition::JournalFails { .. } | Condition::DiskStalled
    )
}

fn duration(ns: i64) -> Duration {
    Duration::from_nanos(u64::try_from(ns).unwrap_or(0))
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

/// How many pulses are lost.
pub(super) fn lost_words(status: &Status) -> String {
    match status.lost() {
        // What comes on a line that is not read is not known.
        0 if status.unread().next().is_some() && !status.simulated => "lost not known".to_owned(),
        lost => format!("{lost} lost"),
    }
}

/// What each meter has counted.
pub(super) fn counts(status: &Status) -> String {
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
