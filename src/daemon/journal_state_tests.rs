//! The table of all transitions, and that no order of events asks for what cannot be done.

use std::collections::BTreeSet;

use super::*;
use crate::model::NS_PER_S;
use JournalAction as Do;
use JournalState as State;

const NOW_NS: MonoNs = 1_000 * NS_PER_S;

/// When the journal was suspected before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doubt {
    Any,
    No,
    LongAgo,
    Recent,
}

impl Doubt {
    fn all(self) -> &'static [Option<MonoNs>] {
        const LONG_AGO: Option<MonoNs> = Some(NOW_NS - 60 * NS_PER_S);
        const RECENT: Option<MonoNs> = Some(NOW_NS - 60 * NS_PER_S + 1);
        match self {
            Doubt::Any => &[None, LONG_AGO, RECENT],
            Doubt::No => &[None],
            Doubt::LongAgo => &[LONG_AGO],
            Doubt::Recent => &[RECENT],
        }
    }
}

#[test]
fn every_event_leads_to_one_state_and_its_actions() {
    const OPENED: Event = Event::Opened { moved_aside: false };
    const REPLACED: Event = Event::Opened { moved_aside: true };
    const FINISHED: Event = Event::Stopped(Stopped::Finished);
    const DAMAGED: Event = Event::Stopped(Stopped::JournalDamaged);
    const REFUSES: Event = Event::Stopped(Stopped::DiskRefuses);
    const CHANGED: Event = Event::Stopped(Stopped::SettingsChanged);
    let use_it: &[JournalAction] = &[Do::GiveBack, Do::Start, Do::Watch];
    let use_new: &[JournalAction] = &[Do::VouchFromNow, Do::GiveBack, Do::Start, Do::Watch];
    let doubt: &[JournalAction] = &[Do::Close, Do::Say(SEEMS_DAMAGED), Do::Reopen];
    let mend: &[JournalAction] = &[Do::Close, Do::Say(CLOSED_FOR_DISK), Do::Reopen];
    let replace: &[JournalAction] = &[Do::Close, Do::PutBackStanding, Do::MoveAside];
    let retry: &[JournalAction] = &[Do::Complain(UNUSABLE), Do::Pause, Do::Reopen];
    let stuck: &[JournalAction] = &[
        Do::Complain(IMMOVABLE),
        Do::Pause,
        Do::VouchFromNow,
        Do::Open,
    ];
    #[rustfmt::skip]
    let table: &[(State, Doubt, Event, State, &[JournalAction])] = &[
        // Before it is open for the first time, or in place of a damaged one.
        (State::Opening, Doubt::Any, OPENED, State::Open, use_it),
        (State::Opening, Doubt::Any, REPLACED, State::Open, use_it),
        (State::Opening, Doubt::Any, Event::NotOpened, State::Ended, &[Do::SayWhatIsLost]),
        // In use.
        (State::Open, Doubt::Any, Event::Refused, State::Closed, retry),
        (State::Open, Doubt::Any, FINISHED, State::Ended, &[]),
        (State::Open, Doubt::Any, CHANGED, State::Closed, &[Do::Close, Do::Reopen]),
        (State::Open, Doubt::Any, REFUSES, State::Closed, mend),
        (State::Open, Doubt::No, DAMAGED, State::Closed, doubt),
        (State::Open, Doubt::LongAgo, DAMAGED, State::Closed, doubt),
        (State::Open, Doubt::Recent, DAMAGED, State::Damaged, replace),
        // Closed by us.
        (State::Closed, Doubt::Any, OPENED, State::Open, use_it),
        (State::Closed, Doubt::Any, REPLACED, State::Open, use_new),
        (State::Closed, Doubt::Any, Event::NotOpened, State::Ended, &[Do::SayWhatIsLost]),
        // Damaged for certain.
        (State::Damaged, Doubt::Any, Event::MovedAside, State::Opening, &[Do::VouchFromNow, Do::Open]),
        (State::Damaged, Doubt::Any, Event::Refused, State::Opening, stuck),
    ];
    for (state, doubt, event, then, actions) in table {
        for doubted_ns in doubt.all() {
            let (state, doubted_ns) = (*state, *doubted_ns);
            let (next, asked) = JournalMachine { state, doubted_ns }.next(*event, NOW_NS);
            let case = format!("{event:?} in {state:?}, doubted at {doubted_ns:?}");
            assert_eq!((next.state, asked), (*then, *actions), "{case}");
            let is_first_sight = *event == DAMAGED && *then == State::Closed;
            let expected = if is_first_sight {
                Some(NOW_NS)
            } else {
                doubted_ns
            };
            assert_eq!(next.doubted_ns, expected, "{case}");
        }
    }
}

/// What there is, as far as the actions need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Things {
    journal: bool,
    stages: bool,
    carryover: bool,
    was_open: bool,
    /// Pulses of this run are in a journal that was moved aside, and the next one does not know that.
    unvouched: bool,
}

/// Performs `actions` until one leads to an event; returns every event that may come, with what there is then.
fn perform(mut things: Things, actions: &[JournalAction]) -> Vec<(Event, Things)> {
    let mut may_come = Vec::new();
    let refused = |things: Things| {
        let closed = Things {
            journal: false,
            ..things
        };
        (Event::Refused, closed)
    };
    for action in actions {
        assert!(may_come.iter().all(|(event, _)| *event == Event::Refused));
        match action {
            Do::Open | Do::Reopen => {
                assert!(!things.journal && !things.stages, "it is closed first");
                assert_eq!(*action == Do::Reopen, things.was_open, "made only when new");
                let opened = Things {
                    journal: true,
                    ..things
                };
                let replaced = Things {
                    unvouched: things.unvouched || things.was_open,
                    ..opened
                };
                may_come.push((Event::NotOpened, things));
                may_come.push((Event::Opened { moved_aside: false }, opened));
                may_come.push((Event::Opened { moved_aside: true }, replaced));
                return may_come;
            }
            Do::GiveBack if things.carryover => {
                assert!(things.journal);
                may_come.push(refused(things));
                things.carryover = false;
            }
            Do::Start => {
                assert!(things.journal && !things.stages && !things.carryover);
                assert!(!things.unvouched, "it vouches for pulses it does not have");
                things.was_open = true;
                may_come.push(refused(things));
                (things.journal, things.stages) = (false, true);
            }
            Do::Watch => {
                assert!(things.stages);
                let stops = [
                    Stopped::Finished,
                    Stopped::JournalDamaged,
                    Stopped::DiskRefuses,
                    Stopped::SettingsChanged,
                ];
                may_come.extend(stops.map(|stopped| (Event::Stopped(stopped), things)));
                return may_come;
            }
            Do::Close => {
                assert!(things.stages && !things.carryover);
                (things.stages, things.carryover) = (false, true);
            }
            Do::PutBackStanding => {
                assert!(things.carryover, "the lines and segments of this run");
                things.carryover = false;
            }
            Do::MoveAside => {
                assert!(!things.stages && !things.carryover);
                things.was_open = false;
                things.unvouched = true;
                return vec![(Event::MovedAside, things), refused(things)];
            }
            Do::VouchFromNow => things.unvouched = false,
            Do::GiveBack | Do::Pause | Do::Say(_) | Do::Complain(_) | Do::SayWhatIsLost => {}
        }
    }
    may_come
}

#[test]
fn no_order_of_events_asks_for_what_cannot_be_done() {
    let (begin, first) = JournalMachine::begin();
    let mut seen = BTreeSet::new();
    let mut todo = vec![(begin, first, Things::default(), 0)];
    let mut ends = 0;
    while let Some((machine, actions, things, now_ns)) = todo.pop() {
        let key = (
            format!("{machine:?} {actions:?}"),
            things,
            machine.is_doubted(now_ns),
        );
        if !seen.insert(key) {
            continue;
        }
        let may_come = perform(things, actions);
        assert_eq!(may_come.is_empty(), machine.state == State::Ended);
        ends += usize::from(may_come.is_empty());
        for (event, things) in may_come {
            // A moment later, and after the doubt.
            for later_ns in [0, DOUBT_NS] {
                // The same few times again and again, so that the walk ends.
                let now_ns = if machine.doubted_ns.is_some() {
                    later_ns
                } else {
                    0
                };
                let (next, actions) = machine.next(event, now_ns);
                todo.push((next, actions, things, now_ns));
            }
        }
    }
    assert!(
        ends > 0 && seen.len() > 20,
        "{ends} ends in {} cases",
        seen.len()
    );
}
