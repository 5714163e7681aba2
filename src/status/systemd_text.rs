//! The line of state that systemd shows, from the live board: the only place that words it. Pure.

use super::Status;
use super::condition::Condition;
use super::log_line::{counts, lost_words};
use crate::live::{JournalPhase, Snapshot};
use crate::model::{MonoNs, NS_PER_S, WallNs};

/// A journal that is not open after so long is a matter to be told.
const SLOW_NS: i64 = 5 * NS_PER_S;

/// What `systemctl status` shows; None: nothing is to be said yet.
pub fn status_text(now: &Snapshot, (mono_ns, wall_ns): (MonoNs, WallNs)) -> Option<String> {
    let unread = unread(now);
    let wrong = |words: &str| {
        if words.is_empty() {
            String::new()
        } else {
            format!("; {words}")
        }
    };
    let why = match now.journal.phase {
        JournalPhase::Learning if now.capture.lines.is_empty() => {
            return Some("the kernel counts; the disk does not answer".to_owned());
        }
        JournalPhase::Learning => return Some(unread).filter(|unread| !unread.is_empty()),
        JournalPhase::Opening { since_ns, refused } => {
            if refused.is_none() && mono_ns - since_ns < SLOW_NS {
                return Some(unread).filter(|unread| !unread.is_empty());
            }
            refused.unwrap_or("the disk does not answer")
        }
        JournalPhase::Open => return Some(open(now, (mono_ns, wall_ns), &wrong(&unread))),
    };
    let doing = if now.capture.lines_up() > 0 {
        "counting in memory alone"
    } else {
        "no line is read yet"
    };
    let (waiting, unread) = (now.waiting, wrong(&unread));
    Some(format!(
        "{doing}: {waiting} pulses wait; the journal is not open: {why}{unread}"
    ))
}

fn open(now: &Snapshot, (mono_ns, wall_ns): (MonoNs, WallNs), unread: &str) -> String {
    if let Some(since_ns) = now.journal.stalled_since_ns {
        let (waiting, seconds) = (now.waiting, (mono_ns - since_ns) / NS_PER_S);
        return format!(
            "counting; {waiting} waiting in memory; the disk has not answered for {seconds} s{unread}"
        );
    }
    let status = Status::from_board(now, wall_ns);
    let backlog = status
        .delivery
        .as_ref()
        .map_or(0, |delivery| delivery.backlog);
    let waits = backlog + i64::try_from(now.waiting).unwrap_or(i64::MAX / 2);
    let words = status
        .conditions()
        .iter()
        .filter_map(word)
        .collect::<Vec<_>>();
    let words = words.iter().map(|word| format!("; {word}"));
    format!(
        "counted {}; backlog {waits}, {}{}{unread}",
        counts(&status),
        lost_words(&status),
        words.collect::<String>()
    )
}

/// The word of a condition; None: it is said with its reason elsewhere.
fn word(condition: &Condition) -> Option<String> {
    match condition {
        Condition::LineNotRead { .. } => None,
        Condition::JournalFails { kind, .. } => Some((*kind).to_owned()),
        other => Some(match other.meter() {
            Some(meter) => format!("{} {meter}", other.word()),
            None => other.word().to_owned(),
        }),
    }
}

/// The lines that are not read, with why; empty: all are.
fn unread(now: &Snapshot) -> String {
    let unread = now.capture.lines.iter().filter_map(|line| {
        let why = line.now.why.as_ref()?;
        Some(format!("{}: {why}", line.meter))
    });
    let unread: Vec<String> = unread.collect();
    if unread.is_empty() {
        return String::new();
    }
    format!("line_not_read {}", unread.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::{Board, LineLive};
    use crate::model::LineNow;

    fn text(board: &Board) -> String {
        let now_ns = 100 * NS_PER_S;
        status_text(&board.snapshot(), (now_ns, WallNs(now_ns))).unwrap_or_default()
    }

    #[test]
    fn each_phase_says_what_is_counted_and_what_is_wrong() {
        let board = Board::default();
        assert!(
            text(&board).contains("the disk does not answer"),
            "before there are lines"
        );
        let why = Some("GPIO20 is in use".to_owned());
        let now = LineNow {
            since_ns: WallNs(0),
            why,
        };
        board.publish_capture(|capture| capture.lines = vec![LineLive::new("Import", now)]);
        assert_eq!(text(&board), "line_not_read Import: GPIO20 is in use");
        let opening = |refused| JournalPhase::Opening {
            since_ns: 0,
            refused,
        };
        board.publish_journal(|journal| journal.phase = opening(Some("disk_full")));
        board.publish_waiting(3);
        assert_eq!(
            text(&board),
            "no line is read yet: 3 pulses wait; the journal is not open: disk_full; line_not_read Import: GPIO20 is \
             in use"
        );
        board.publish_capture(|capture| capture.lines[0].now.why = None);
        assert!(text(&board).starts_with("counting in memory alone: 3 pulses wait"));
        board.publish_journal(|journal| journal.phase = JournalPhase::Open);
        board.publish_meters(|meters| meters.entry("Import").pulses = 7);
        assert_eq!(text(&board), "counted Import=7; backlog 3, 0 lost");
        board.publish_journal(|journal| journal.failing = Some("disk_full"));
        assert_eq!(
            text(&board),
            "counted Import=7; backlog 3, 0 lost; disk_full"
        );
        board.publish_journal(|journal| journal.stalled_since_ns = Some(60 * NS_PER_S));
        assert!(text(&board).contains("has not answered for 40 s"));
    }
}
