//! The stage: has the pure parts decide, tells the receivers one by one, and leaves what must outlive the process to the
//! journal's writer. It reads no disk, so it tells of one that fails.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tracing::{info, warn};

use super::desk::{AlarmDesk, DeskTime};
use super::feed::{AlarmFeed, Fed};
use super::heartbeat::{HEARTBEAT, Heartbeat};
use super::look::Look;
use super::losses::LossWatch;
use super::machine::{AlarmChange, AlarmMachine, AlarmRules};
use super::message::AlarmMessage;
use super::quiet::is_quiet;
use super::receiver::Receiver;
use super::sink::AlarmSink;
use crate::clock::Clock;
use crate::config::{AlarmSettings, MQTT};
use crate::journal::AlarmShelf;
use crate::live::{AlarmsLive, Board};
use crate::model::{
    ALARMS_FAIL, Alarm, AlarmBook, AlarmEvent, MQTT_REFUSED, MQTT_UNREACHABLE, MonoNs, NS_PER_MS,
    NS_PER_S, PULSES_LOST,
};

/// For so long what earlier runs have told is waited for. A disk that fails for longer is a matter to be told, even twice.
const KNOWN_PATIENCE_NS: i64 = 60 * NS_PER_S;

/// For so long it is waited until the journal has what is to be told.
const KEPT_PATIENCE_NS: i64 = 5 * NS_PER_S;

/// How often it is looked whether it has.
const KEPT_LOOK_NS: i64 = 50 * NS_PER_MS;

/// Without anything to do the stage is woken by what changes.
const IDLE: Duration = Duration::from_secs(3_600);

/// A look that is older says nothing: the main thread looks every few seconds.
const LOOK_AGE_NS: i64 = 60 * NS_PER_S;

/// Makes the receivers that the settings name.
pub type SinkMaker = dyn Fn(&AlarmSettings) -> Vec<Box<dyn AlarmSink>> + Send;

/// The place that the alarms are of.
#[derive(Debug, Clone)]
pub struct AlarmSite {
    /// What it is called.
    pub name: Option<String>,
    /// The zone of its quiet hours.
    pub zone: TimeZone,
}

/// The stage.
pub struct AlarmStage {
    // Dependencies.
    feed: Arc<AlarmFeed>,
    shelf: Arc<AlarmShelf>,
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
    make: Box<SinkMaker>,
    // Settings.
    site: AlarmSite,
    settings: Arc<AlarmSettings>,
    // State.
    machine: AlarmMachine,
    losses: LossWatch,
    desk: AlarmDesk,
    receivers: Vec<Receiver>,
    heartbeat: Option<Heartbeat>,
    began_ns: MonoNs,
    /// What earlier runs have told is known, or was waited for long enough.
    is_known: bool,
    /// What the shelf has, its number, and since when.
    put: (AlarmBook, u64, MonoNs),
    last_id: i64,
    is_simulated: bool,
    given_up: u64,
}

impl fmt::Debug for AlarmStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlarmStage")
            .field("machine", &self.machine)
            .field("desk", &self.desk)
            .finish_non_exhaustive()
    }
}

impl AlarmStage {
    /// One that has told nothing. `make` makes the receivers, now and whenever the settings change.
    pub fn new(
        feed: Arc<AlarmFeed>,
        shelf: Arc<AlarmShelf>,
        board: Arc<Board>,
        clock: Arc<dyn Clock>,
        site: AlarmSite,
        make: Box<SinkMaker>,
    ) -> AlarmStage {
        let settings = feed.now().settings;
        let began_ns = clock.mono_ns();
        let mut stage = AlarmStage {
            machine: AlarmMachine::new(AlarmRules::of(&settings)),
            settings: Arc::default(),
            feed,
            shelf,
            board,
            clock,
            make,
            site,
            losses: LossWatch::default(),
            desk: AlarmDesk::default(),
            receivers: Vec::new(),
            heartbeat: None,
            began_ns,
            is_known: false,
            put: (AlarmBook::default(), 0, began_ns),
            last_id: 0,
            is_simulated: false,
            given_up: 0,
        };
        stage.take_up(settings);
        stage
    }

    /// Does what there is to do, at most one request. Returns the version that it has seen, and how long to wait for
    /// another one.
    pub fn step(&mut self) -> (u64, Duration) {
        let fed = self.feed.now();
        if !Arc::ptr_eq(&fed.settings, &self.settings) {
            self.take_up(Arc::clone(&fed.settings));
        }
        let now_ns = self.clock.mono_ns();
        if let Some(left_ns) = self.learn(now_ns) {
            return (fed.version, wait_of(left_ns));
        }
        self.look(&fed, now_ns);
        self.keep(now_ns);
        let asked = self.tell(&fed, now_ns) || self.beat(&fed, now_ns);
        if asked {
            // What was told is kept at once: another run must not repeat it.
            self.keep(self.clock.mono_ns());
        }
        self.show();
        let wait = if asked {
            Duration::ZERO
        } else {
            self.wait(&fed, now_ns)
        };
        (fed.version, wait)
    }

    fn take_up(&mut self, settings: Arc<AlarmSettings>) {
        self.machine.use_rules(AlarmRules::of(&settings));
        let digest_ns = i64::from(settings.digest_s) * NS_PER_S;
        self.desk
            .use_settings(digest_ns, settings.wakes_if_critical);
        let sinks = (self.make)(&settings).into_iter();
        self.receivers = sinks.map(Receiver::new).collect();
        let now_ns = self.clock.mono_ns();
        let heartbeat = settings.heartbeat.as_ref();
        self.heartbeat = heartbeat.map(|heartbeat| Heartbeat::new(heartbeat, now_ns));
        self.settings = settings;
        if self.is_known {
            self.desk.keep_only(&self.names());
        }
    }

    /// The receivers that are to be told, also those that cannot be at the moment.
    fn names(&self) -> BTreeSet<String> {
        let names = self.receivers.iter();
        let names = names.map(|receiver| receiver.sink.name().to_owned());
        names
            .chain(self.settings.left_out.iter().cloned())
            .collect()
    }

    /// Learns what earlier runs have told. Returns for how long it is still waited for, in nanoseconds.
    fn learn(&mut self, now_ns: MonoNs) -> Option<i64> {
        if let Some(book) = self.shelf.take_known() {
            if !self.is_known {
                // The journal has it.
                self.put.0 = book.clone();
            }
            self.machine.restore(book.standing);
            self.losses.restore(book.lost);
            let last_id = self.desk.restore(book.waiting, book.last_id);
            self.last_id = self.last_id.max(last_id);
            self.desk.keep_only(&self.names());
            self.is_known = true;
        }
        if self.is_known {
            return None;
        }
        let left_ns = self.began_ns + KNOWN_PATIENCE_NS - now_ns;
        self.is_known = left_ns <= 0;
        (left_ns > 0).then(|| left_ns.min(NS_PER_S))
    }

    fn look(&mut self, fed: &Fed, now_ns: MonoNs) {
        let Some(look) = fed.look.as_ref().filter(|_| !fed.settings.is_off()) else {
            return;
        };
        self.is_simulated = look.is_simulated;
        let lost = look.lost.as_ref().map(|lost| self.losses.look(lost));
        let found: Vec<_> = look
            .found
            .iter()
            .cloned()
            .chain(lost.into_iter().flatten())
            .collect();
        let wall_ns = self.clock.wall_ns();
        let changes = self
            .machine
            .look((now_ns, wall_ns), &found, &look.undecided);
        for AlarmChange { is_end, alarm } in changes {
            // It grows, also over restarts and where the clock is set back.
            self.last_id = (self.last_id + 1).max(wall_ns.ms());
            let condition = alarm.word.as_str();
            info!(
                condition,
                subject = alarm.subject,
                is_end,
                "an alarm is told"
            );
            let mut waits_for = self.names();
            waits_for.retain(|name| !is_of_receiver(&alarm, name));
            let event = AlarmEvent {
                id: self.last_id,
                at_ns: wall_ns,
                is_end,
                alarm,
                waits_for,
            };
            self.desk.add(event, now_ns);
        }
        let stands = |meter: &str| self.machine.stands(PULSES_LOST, meter);
        self.losses.rest(stands);
        if self.desk.given_up() > self.given_up {
            self.given_up = self.desk.given_up();
            warn!(
                given_up = self.given_up,
                "too many alarms wait for receivers that do not take them: the oldest are given up"
            );
        }
    }

    /// Leaves for the journal what has changed.
    fn keep(&mut self, now_ns: MonoNs) {
        let book = AlarmBook {
            standing: self.machine.standing().cloned().collect(),
            waiting: self.desk.events().cloned().collect(),
            last_id: self.last_id,
            lost: self.losses.before().clone(),
        };
        if book != self.put.0 {
            let version = self.shelf.put(book.clone());
            self.put = (book, version, now_ns);
        }
    }

    /// In how many nanoseconds the journal has what is to be told, at the latest; 0: it has.
    fn unkept_ns(&self, now_ns: MonoNs) -> i64 {
        let (_, version, put_ns) = &self.put;
        if self.shelf.is_kept(*version) {
            return 0;
        }
        (put_ns + KEPT_PATIENCE_NS - now_ns).max(0)
    }

    fn time(&self, fed: &Fed, now_ns: MonoNs) -> DeskTime {
        // Nobody sleeps by a clock that may be wrong.
        let is_doubtful = fed.look.as_ref().is_some_and(|look| look.is_time_doubtful);
        let hours = self.settings.quiet_hours.filter(|_| !is_doubtful);
        let now = self.clock.wall_ns();
        let is_quiet = hours.is_some_and(|hours| is_quiet(hours, &self.site.zone, now));
        DeskTime { now_ns, is_quiet }
    }

    /// Tells one receiver what it is to be told; true: there was one.
    fn tell(&mut self, fed: &Fed, now_ns: MonoNs) -> bool {
        if self.unkept_ns(now_ns) > 0 {
            return false;
        }
        let time = self.time(fed, now_ns);
        for receiver in &mut self.receivers {
            let events = self.desk.batch(receiver.sink.name(), time);
            let Some(last) = events.last().filter(|_| receiver.retry_ns <= now_ns) else {
                continue;
            };
            let message = AlarmMessage {
                id: last.id,
                at_ns: self.clock.wall_ns(),
                site: self.site.name.clone(),
                is_simulated: self.is_simulated,
                events,
            };
            match receiver.sink.send(&message) {
                Ok(()) => {
                    self.desk.told(receiver.sink.name(), &message.events);
                    receiver.succeeded();
                }
                Err(failed) => receiver.failed(failed, self.clock.mono_ns()),
            }
            return true;
        }
        false
    }

    /// Whether all that is promised holds.
    fn is_well(&self, fed: &Fed, now_ns: MonoNs) -> bool {
        let is_known = |look: &Look| look.lost.is_some() && look.undecided.is_empty();
        let is_known = fed.look.as_deref().is_some_and(is_known);
        let is_fresh = now_ns - fed.looked_ns < LOOK_AGE_NS;
        // That it did not get through is no reason for it not to be tried.
        let own = |alarm: &Alarm| alarm.word == ALARMS_FAIL && alarm.subject == HEARTBEAT;
        is_known && is_fresh && self.machine.standing().all(own)
    }

    /// The heartbeat, where it is due; true: it was. Made-up pulses have none: they would hide that no others come.
    fn beat(&mut self, fed: &Fed, now_ns: MonoNs) -> bool {
        let is_well = self.is_well(fed, now_ns);
        let is_told = fed.look.is_some() && !self.is_simulated;
        let heartbeat = self.heartbeat.as_mut().filter(|_| is_told);
        heartbeat.is_some_and(|heartbeat| heartbeat.beat(is_well, &*self.clock))
    }

    /// Shows on the board what waits, and what fails.
    fn show(&self) {
        let failing = self.receivers.iter().filter_map(Receiver::failing);
        let heartbeat = self.heartbeat.as_ref().and_then(Heartbeat::failing);
        let shown = (!self.settings.is_off()).then(|| AlarmsLive {
            undelivered: self.desk.events().len(),
            failing: failing.chain(heartbeat).collect(),
        });
        self.board.set_alarms(shown);
    }

    fn wait(&self, fed: &Fed, now_ns: MonoNs) -> Duration {
        let time = self.time(fed, now_ns);
        let unkept_ns = self.unkept_ns(now_ns);
        let receivers = self.receivers.iter().filter_map(|receiver| {
            let due_ns = self.desk.due_in_ns(receiver.sink.name(), time)?;
            let retry_ns = receiver.retry_ns.saturating_sub(now_ns).max(0);
            Some(due_ns.max(retry_ns).max(unkept_ns.min(KEPT_LOOK_NS)))
        });
        let is_well = self.is_well(fed, now_ns);
        let is_told = fed.look.is_some() && !self.is_simulated;
        let heartbeat = self.heartbeat.as_ref().filter(|_| is_told);
        let heartbeat = heartbeat.and_then(|heartbeat| heartbeat.due_in_ns(is_well, now_ns));
        let machine = self.machine.due_in_ns(now_ns);
        let least_ns = receivers.chain(heartbeat).chain(machine).min();
        least_ns.map_or(IDLE, wait_of)
    }
}

/// Whether it says that this receiver cannot be told: nobody is told that by itself.
fn is_of_receiver(alarm: &Alarm, name: &str) -> bool {
    match alarm.word.as_str() {
        ALARMS_FAIL => alarm.subject == name,
        MQTT_UNREACHABLE | MQTT_REFUSED => name == MQTT,
        _ => false,
    }
}

fn wait_of(ns: i64) -> Duration {
    Duration::from_nanos(u64::try_from(ns).unwrap_or(0)).min(IDLE)
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;
