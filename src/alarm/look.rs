//! What is wrong at one moment, by the live board. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::live::{JournalPhase, Snapshot};
use crate::model::{MonoNs, NS_PER_S, WallNs};
use crate::status::{Condition, Severity, Status};

/// A journal that is not open after so long is a matter to be told.
const SLOW_NS: i64 = 5 * NS_PER_S;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The condition's machine word.
    pub word: &'static str,
    /// The meter, or the receiver of alarms, that it is about; empty: all of it.
    pub subject: String,
    /// How grave it is.
    pub severity: Severity,
    /// It has happened and is no state: it is told at once.
    pub is_event: bool,
    /// What is the matter, for people.
    pub sentence: String,
    /// What to do about it; may be empty.
    pub remedy: String,
}

impl Found {
    fn of(condition: &Condition) -> Found {
        let subject = match condition {
            Condition::AlarmsFail { receiver, .. } => Some(receiver.as_str()),
            other => other.meter(),
        };
        Found {
            word: condition.word(),
            subject: subject.unwrap_or_default().to_owned(),
            severity: condition.severity(),
            is_event: false,
            sentence: condition.sentence(),
            remedy: condition.remedy().to_owned(),
        }
    }

    /// What it is, and of what: an alarm's key.
    pub(super) fn key(&self) -> (String, String) {
        (self.word.to_owned(), self.subject.clone())
    }
}

/// All that is wrong at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// Each of it.
    pub found: Vec<Found>,
    /// What may be wrong, and is not known yet, by word and subject: it neither begins nor ends.
    pub undecided: BTreeSet<(String, String)>,
    /// By meter: the pulses that are lost for good; None: not known, because the journal is not open.
    pub lost: Option<BTreeMap<String, u64>>,
    /// The wall clock may be wrong.
    pub is_time_doubtful: bool,
    /// The pulses are made up.
    pub is_simulated: bool,
}

impl Look {
    /// By the board, at a time of both clocks.
    pub fn of(now: &Snapshot, (mono_ns, wall_ns): (MonoNs, WallNs)) -> Look {
        let status = Status::from_board(now, wall_ns);
        let mut conditions = status.conditions();
        let is_of_disk = |condition: &Condition| {
            matches!(
                condition,
                Condition::JournalFails { .. } | Condition::DiskStalled
            )
        };
        if !conditions.iter().any(is_of_disk) {
            conditions.extend(opening(now.journal.phase, mono_ns));
        }
        let is_open = now.journal.phase == JournalPhase::Open;
        let untried = now.capture.lines.iter().filter(|line| !line.is_tried);
        let untried: BTreeSet<&str> = untried.map(|line| &*line.meter).collect();
        let (undecided, found): (Vec<_>, Vec<_>) = conditions.iter().partition(|condition| {
            matches!(condition, Condition::LineNotRead { meter, .. } if untried.contains(meter.as_str()))
        });
        Look {
            found: found.into_iter().map(Found::of).collect(),
            undecided: undecided
                .into_iter()
                .map(|condition| Found::of(condition).key())
                .collect(),
            lost: is_open.then(|| lost(&status)),
            is_time_doubtful: status.clock.as_ref().is_some_and(|clock| clock.holding),
            is_simulated: status.simulated,
        }
    }
}

/// Whether it takes long to open the journal.
fn opening(phase: JournalPhase, mono_ns: MonoNs) -> Option<Condition> {
    match phase {
        JournalPhase::Opening { since_ns, .. } => {
            (mono_ns - since_ns >= SLOW_NS).then_some(Condition::DiskStalled)
        }
        JournalPhase::Learning | JournalPhase::Open => None,
    }
}

fn lost(status: &Status) -> BTreeMap<String, u64> {
    let lost = status.meters.iter().map(|meter| {
        let lost = meter.losses.iter().filter(|loss| loss.lost);
        (meter.name.clone(), lost.map(|loss| loss.pulses).sum())
    });
    lost.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::{Board, LineLive};
    use crate::model::{ALARM_WORDS, LineNow, Loss, LossCause, MeterId};

    #[test]
    fn what_is_lost_is_not_known_before_the_journal_is_open() {
        let board = Board::default();
        let look = |board: &Board| Look::of(&board.snapshot(), (NS_PER_S, WallNs(0)));
        assert_eq!(look(&board).lost, None);
        board.publish_meters(|meters| {
            let losses = &mut meters.entry("Import").losses;
            losses.insert(LossCause::MemoryFull, Loss::at(7, WallNs(0)));
            losses.insert(LossCause::Bounce, Loss::at(9, WallNs(0)));
        });
        board.publish_journal(|journal| journal.phase = JournalPhase::Open);
        assert_eq!(look(&board).lost.unwrap()["Import"], 7);
    }

    #[test]
    fn of_a_line_that_was_not_tried_yet_it_is_not_known_whether_it_can_be_read() {
        let board = Board::default();
        let words = || {
            let look = Look::of(&board.snapshot(), (NS_PER_S, WallNs(0)));
            let found = look.found.iter().map(|found| found.word);
            (found.collect::<Vec<_>>(), look.undecided)
        };
        let lines = vec![LineLive::untried("Import", WallNs(0))];
        board.publish_capture(|capture| capture.lines = lines);
        let not_read = ("line_not_read".to_owned(), "Import".to_owned());
        assert_eq!(words(), (vec![], BTreeSet::from([not_read])));
        let note = |why: Option<&str>| {
            let (since_ns, why) = (WallNs(1), why.map(str::to_owned));
            let now = LineNow { since_ns, why };
            board.publish_capture(|capture| capture.note_line(MeterId(0), now));
        };
        note(Some("there is no chip"));
        assert_eq!(words(), (vec!["line_not_read"], BTreeSet::new()));
        note(None);
        assert_eq!(words(), (vec![], BTreeSet::new()));
    }

    #[test]
    fn a_journal_that_cannot_be_opened_is_told() {
        let board = Board::default();
        let words = |refused, since_ns| {
            let phase = JournalPhase::Opening { since_ns, refused };
            board.publish_journal(|journal| journal.phase = phase);
            let look = Look::of(&board.snapshot(), (60 * NS_PER_S, WallNs(0)));
            look.found
                .iter()
                .map(|found| found.word)
                .collect::<Vec<_>>()
        };
        assert_eq!(words(Some("read_only"), 0), ["journal_fails"]);
        assert_eq!(words(None, 0), ["disk_stalled"]);
        assert!(words(None, 58 * NS_PER_S).is_empty());
    }

    #[test]
    fn every_condition_has_a_word_that_the_configuration_knows() {
        let meter = || "Import".to_owned();
        for condition in [
            Condition::NotRunning,
            Condition::DiskStalled,
            Condition::ClockUnknown,
            Condition::MeterSilent { meter: meter() },
            Condition::AlarmsFail {
                receiver: "ntfy".to_owned(),
                why: String::new(),
            },
        ] {
            assert!(ALARM_WORDS.contains(&Found::of(&condition).word));
        }
    }
}
