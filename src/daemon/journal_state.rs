//! What is done with the journal when, as a pure machine: opened, used, closed and opened again, moved aside.
//!
//! A disk that fails forgets what it has taken, and that looks like damage until the journal is opened again. So
//! a journal that seems damaged is opened once more; if it still does then, it is.

use crate::model::{MonoNs, NS_PER_S};

/// Damage that is found again so soon after the journal was opened for it is damage indeed.
const DOUBT_NS: i64 = 60 * NS_PER_S;

/// The journal cannot be used yet, although it can be opened.
const UNUSABLE: &str = "the journal is open and cannot be used; trying again";

/// A damaged journal stays where it is, for now.
const IMMOVABLE: &str = "the damaged journal cannot be moved aside; trying again";

/// The disk is free to be mended.
const CLOSED_FOR_DISK: &str = "the journal is closed, so that its disk can be unmounted and checked; pulses wait \
                               in memory, and it is opened again as soon as that works";

/// First sight of damage.
const SEEMS_DAMAGED: &str = "the journal seems to be damaged: it is opened again, to be sure";

/// Why the stages behind the intake stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// A signal came, or the source ended.
    Finished,
    /// The journal is damaged.
    JournalDamaged,
    /// The disk refuses commits, in a way that closing the journal may end.
    DiskRefuses,
    /// The files name another server.
    SettingsChanged,
}

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// The journal is open. `moved_aside`: it is a new one, in place of one that was found damaged.
    Opened {
        /// Whether there was a damaged one.
        moved_aside: bool,
    },
    /// The end was asked for before the journal could be opened.
    NotOpened,
    /// The disk refused what was being done with the journal, which is closed now, and no stage uses it.
    Refused,
    /// The stages that use the journal stopped, and can be closed.
    Stopped(Stopped),
    /// The damaged journal is out of the way.
    MovedAside,
}

/// What is to be done, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JournalAction {
    /// Open the journal; make one where there is none. Leads to an event.
    Open,
    /// Open the journal, which must be there. Leads to an event.
    Reopen,
    /// Put the carryover, if there is one, back into the intake, but for what the journal has. May be refused.
    GiveBack,
    /// Start the stages on the journal, with the settings that the files ask for. May be refused.
    Start,
    /// Wait until the stages are to stop. Leads to an event.
    Watch,
    /// End the stages and close the journal; what the next one must know is the carryover.
    Close,
    /// Of the carryover, put back into the intake only what a new journal needs: segments, and states of the lines.
    PutBackStanding,
    /// Move the journal aside. Leads to an event.
    MoveAside,
    /// The journal vouches for no time before now.
    VouchFromNow,
    /// Wait until it is time to try again.
    Pause,
    /// Say this in the log.
    Say(&'static str),
    /// Say this in the log, with what was refused.
    Complain(&'static str),
    /// Say which pulses are lost with the end.
    SayWhatIsLost,
}

/// How the journal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JournalState {
    /// It is being opened, for the first time or in place of a damaged one.
    Opening,
    /// The stages use it.
    Open,
    /// It was closed, and is being opened again.
    Closed,
    /// It is damaged, and is being moved aside.
    Damaged,
    /// It is not opened any more.
    Ended,
}

/// The state, and since when the journal is suspected to be damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct JournalMachine {
    state: JournalState,
    doubted_ns: Option<MonoNs>,
}

impl JournalMachine {
    /// The machine of a run that begins, and what is to be done first.
    pub(super) fn begin() -> (JournalMachine, &'static [JournalAction]) {
        let machine = JournalMachine {
            state: JournalState::Opening,
            doubted_ns: None,
        };
        (machine, &[JournalAction::Open])
    }

    /// The next state after `event` at `now_ns`, and what is to be done. Nothing more happens after actions of
    /// which none leads to an event: that is the end.
    pub(super) fn next(
        self,
        event: Event,
        now_ns: MonoNs,
    ) -> (JournalMachine, &'static [JournalAction]) {
        use JournalAction as Do;
        use JournalState as State;

        let mut next = self;
        let (state, actions): (State, &'static [JournalAction]) = match (event, self.state) {
            (Event::NotOpened, _) => (State::Ended, &[Do::SayWhatIsLost]),
            // What this run has counted before is in the one that was moved aside.
            (Event::Opened { moved_aside: true }, State::Closed) => (
                State::Open,
                &[Do::VouchFromNow, Do::GiveBack, Do::Start, Do::Watch],
            ),
            (Event::Opened { .. }, _) => (State::Open, &[Do::GiveBack, Do::Start, Do::Watch]),
            (Event::Refused, State::Damaged) => (
                State::Opening,
                &[
                    Do::Complain(IMMOVABLE),
                    Do::Pause,
                    Do::VouchFromNow,
                    Do::Open,
                ],
            ),
            (Event::Refused, _) => (
                State::Closed,
                &[Do::Complain(UNUSABLE), Do::Pause, Do::Reopen],
            ),
            (Event::MovedAside, _) => (State::Opening, &[Do::VouchFromNow, Do::Open]),
            (Event::Stopped(Stopped::Finished), _) => (State::Ended, &[]),
            (Event::Stopped(Stopped::SettingsChanged), _) => {
                (State::Closed, &[Do::Close, Do::Reopen])
            }
            (Event::Stopped(Stopped::DiskRefuses), _) => (
                State::Closed,
                &[Do::Close, Do::Say(CLOSED_FOR_DISK), Do::Reopen],
            ),
            (Event::Stopped(Stopped::JournalDamaged), _) if !self.is_doubted(now_ns) => {
                next.doubted_ns = Some(now_ns);
                (
                    State::Closed,
                    &[Do::Close, Do::Say(SEEMS_DAMAGED), Do::Reopen],
                )
            }
            (Event::Stopped(Stopped::JournalDamaged), _) => (
                State::Damaged,
                &[Do::Close, Do::PutBackStanding, Do::MoveAside],
            ),
        };
        next.state = state;
        (next, actions)
    }

    /// Whether the journal was opened again a moment ago because it seemed damaged.
    fn is_doubted(self, now_ns: MonoNs) -> bool {
        self.doubted_ns
            .is_some_and(|doubted_ns| now_ns - doubted_ns < DOUBT_NS)
    }
}

#[cfg(test)]
#[path = "journal_state_tests.rs"]
mod tests;
