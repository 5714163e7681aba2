//! What is still to be told, and when it may be: at once, in a digest, after the quiet hours. Pure.

use std::collections::{BTreeSet, VecDeque};

use crate::model::{AlarmEvent, MonoNs, NS_PER_S};
use crate::status::Severity;

/// More than so many wait for receivers that do not answer only if something is very wrong: the oldest are given up, and
/// counted.
pub const WAITING_MAX: usize = 200;

/// One message holds so many at most.
pub const BATCH_MAX: usize = 50;

/// While something waits for the end of the quiet hours the clock on the wall is looked at this often: it may be set.
const QUIET_LOOK_NS: i64 = 60 * NS_PER_S;

#[derive(Debug)]
struct Waiting {
    event: AlarmEvent,
    /// When it was found; None: by an earlier run.
    made_ns: Option<MonoNs>,
}

/// What the time is, for what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeskTime {
    /// By the monotonic clock.
    pub now_ns: MonoNs,
    /// Nobody is to be woken.
    pub is_quiet: bool,
}

/// All that waits.
#[derive(Debug, Default)]
pub struct AlarmDesk {
    waiting: VecDeque<Waiting>,
    digest_ns: i64,
    wakes_if_critical: bool,
    given_up: u64,
}

impl AlarmDesk {
    /// From here on what comes within so many nanoseconds goes into one message, and what is critical is told also in
    /// quiet hours, or not.
    pub fn use_settings(&mut self, digest_ns: i64, wakes_if_critical: bool) {
        (self.digest_ns, self.wakes_if_critical) = (digest_ns, wakes_if_critical);
    }

    /// Something is to be told. What waits for no receiver is not kept.
    pub fn add(&mut self, event: AlarmEvent, now_ns: MonoNs) {
        self.push(event, Some(now_ns));
    }

    /// Earlier runs have left these, and given no greater number than `last_id`: they lie before what has come since, whose
    /// numbers go on behind theirs. Returns the greatest number now.
    pub fn restore(&mut self, events: Vec<AlarmEvent>, mut last_id: i64) -> i64 {
        let since = std::mem::take(&mut self.waiting);
        for event in events {
            self.push(event, None);
        }
        for Waiting { mut event, made_ns } in since {
            // Where the clock was set back its number may be that of an earlier event.
            event.id = event.id.max(last_id + 1);
            last_id = event.id;
            self.push(event, made_ns);
        }
        last_id
    }

    fn push(&mut self, event: AlarmEvent, made_ns: Option<MonoNs>) {
        if event.waits_for.is_empty() {
            return;
        }
        self.waiting.push_back(Waiting { event, made_ns });
        if self.waiting.len() > WAITING_MAX {
            self.waiting.pop_front();
            self.given_up += 1;
        }
    }

    /// Only these receivers are left.
    pub fn keep_only(&mut self, receivers: &BTreeSet<String>) {
        for waiting in &mut self.waiting {
            let waits_for = &mut waiting.event.waits_for;
            waits_for.retain(|name| receivers.contains(name));
        }
        self.drop_told();
    }

    /// What a receiver is to be told in one message now; empty: nothing.
    pub fn batch(&self, receiver: &str, time: DeskTime) -> Vec<AlarmEvent> {
        let ready: Vec<&Waiting> = self.ready(receiver, time).collect();
        if !ready
            .iter()
            .any(|waiting| self.is_due(waiting, time.now_ns))
        {
            return Vec::new();
        }
        let ready = ready.into_iter().take(BATCH_MAX);
        ready.map(|waiting| waiting.event.clone()).collect()
    }

    /// A receiver has these.
    pub fn told(&mut self, receiver: &str, events: &[AlarmEvent]) {
        for waiting in &mut self.waiting {
            if events.iter().any(|event| event.id == waiting.event.id) {
                waiting.event.waits_for.remove(receiver);
            }
        }
        self.drop_told();
    }

    fn drop_told(&mut self) {
        self.waiting
            .retain(|waiting| !waiting.event.waits_for.is_empty());
    }

    /// In how many nanoseconds there is something for a receiver; None: nothing waits for it.
    pub fn due_in_ns(&self, receiver: &str, time: DeskTime) -> Option<i64> {
        let ready = self.ready(receiver, time).map(|waiting| {
            if self.is_due(waiting, time.now_ns) {
                0
            } else {
                waiting.made_ns.unwrap_or(time.now_ns) + self.digest_ns - time.now_ns
            }
        });
        let held = self.of(receiver).any(|waiting| self.is_held(waiting, time));
        let held = held.then_some(QUIET_LOOK_NS);
        ready.chain(held).min().map(|due_ns| due_ns.max(0))
    }

    fn of<'a>(&'a self, receiver: &str) -> impl Iterator<Item = &'a Waiting> {
        let of = move |waiting: &&Waiting| waiting.event.waits_for.contains(receiver);
        self.waiting.iter().filter(of)
    }

    fn ready<'a>(&'a self, receiver: &str, time: DeskTime) -> impl Iterator<Item = &'a Waiting> {
        let is_ready = move |waiting: &&Waiting| !self.is_held(waiting, time);
        self.of(receiver).filter(is_ready)
    }

    fn is_held(&self, waiting: &Waiting, time: DeskTime) -> bool {
        time.is_quiet && !(self.wakes_if_critical && is_urgent(&waiting.event))
    }

    fn is_due(&self, waiting: &Waiting, now_ns: MonoNs) -> bool {
        let has_waited = |made_ns| now_ns - made_ns >= self.digest_ns;
        is_urgent(&waiting.event) || waiting.made_ns.is_none_or(has_waited)
    }

    /// All that waits, in order.
    pub fn events(&self) -> impl ExactSizeIterator<Item = &AlarmEvent> {
        self.waiting.iter().map(|waiting| &waiting.event)
    }

    /// How many were given up in this run.
    pub fn given_up(&self) -> u64 {
        self.given_up
    }
}

/// What has begun and is critical.
fn is_urgent(event: &AlarmEvent) -> bool {
    !event.is_end && event.alarm.severity == Severity::Critical.as_str()
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
