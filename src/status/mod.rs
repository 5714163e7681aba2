//! One snapshot of truth: what each meter has counted, what waits, what was lost, how delivery stands. It is made
//! of the live board where a daemon runs in this process, else read from the journal; both give the same. The
//! log, systemd, the command line and the page only render it.

mod clock;
pub mod condition;
pub mod judgement;
pub mod line;
pub mod log_line;
pub mod systemd_text;
mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::energy::register;
use crate::journal::JournalError;
use crate::journal::Reader;
use crate::journal::remedy;
use crate::live::{
    ClockLive, DeliveryLive, JournalLive, MeterLive, MetersLive, Snapshot, TierLive, ViewsLive,
    silence,
};
use crate::model::{DeliveryState, LineNow, Loss, LossCause, NS_PER_S, Notice, ViewsState, WallNs};
pub use clock::clock_words;
pub use condition::{Condition, Severity};
use line::{Daemon, LineStatus, line_status};
use words::Word;

/// The state of the whole, at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// When it was taken, in nanoseconds since 1970.
    pub at_ns: WallNs,
    /// Whether a daemon runs. Only one that does sends a snapshot.
    #[serde(skip, default = "Daemon::running")]
    pub daemon: Daemon,
    /// The pulses are made up: by the simulated house, or from a recording.
    pub simulated: bool,
    /// What is not as it should be with the journal's disk.
    #[serde(skip)]
    pub disk: Option<Condition>,
    /// What the configuration's files say that is not done.
    #[serde(skip)]
    pub notices: Vec<Notice>,
    /// Pulses in memory that the disk has not taken; 0 where no daemon runs in this process.
    pub waiting: usize,
    /// The meters, in the order in which they were first seen.
    pub meters: Vec<MeterStatus>,
    /// Bytes of the journal that hold data.
    pub journal_bytes: u64,
    /// Pulses that are in the journal now.
    pub journal_pulses: i64,
    /// On which clock the newest pulses stand; None: there are none.
    pub clock: Option<ClockStatus>,
    /// Where pulses are delivered to; None: nowhere.
    pub delivery: Option<DeliveryStatus>,
}

/// One meter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeterStatus {
    /// Its name.
    pub name: String,
    /// Pulses ever journaled.
    pub pulses: i64,
    /// The last one; None: none yet, or its time is not known yet.
    pub last_pulse_ns: Option<WallNs>,
    /// What its face shows, in kWh, by the last reading and the pulses since; None: there was no reading.
    pub register_kwh: Option<f64>,
    /// For how many seconds it may be without a pulse, by its own history; None: too little is known.
    pub usual_silence_s: Option<i64>,
    /// The configuration lists it; else it is what is left of a meter that was renamed or removed.
    pub is_configured: bool,
    /// How its line stands; None: the meter is not configured, or nobody knows.
    pub line: Option<LineStatus>,
    /// It has been silent for longer than that.
    pub is_silent: bool,
    /// Whether the filter fits what comes on the line; None: nothing has come since the daemon started.
    pub filter: Option<judgement::FilterStatus>,
    /// What was rejected or lost, by cause.
    pub losses: Vec<LossStatus>,
}

/// What the snapshot is to be of.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The name of the destination that is configured now; None: there is none.
    pub destination: Option<&'a str>,
    /// The names of the meters that are configured now.
    pub meters: &'a [String],
    /// Whether a daemon runs.
    pub daemon: Daemon,
}

/// The clock of the newest pulses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClockStatus {
    /// `synchronised`, `rtc`, `assumed`, or `provisional`.
    #[serde(deserialize_with = "words::trust")]
    pub trust: Word,
    /// Whether pulses are held, not delivered, until their time is known.
    pub holding: bool,
}

/// Losses of one meter for one cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LossStatus {
    /// Why.
    #[serde(deserialize_with = "words::cause")]
    pub cause: Word,
    /// Whether it is a filter at work rather than a pulse gone missing.
    pub filter: bool,
    /// Whether a pulse has gone missing by it: neither rejected on purpose nor put back by number.
    pub lost: bool,
    /// How many.
    pub pulses: u64,
    /// The first of them.
    pub first_ns: WallNs,
    /// The last of them.
    pub last_ns: WallNs,
}

/// How delivery stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryStatus {
    /// The destination.
    pub destination: String,
    /// `ok`, a kind of failure, or empty before the first answer.
    pub state: DeliveryState,
    /// What fails and what to do about it.
    pub message: String,
    /// Since when it is so.
    pub since_ns: WallNs,
    /// Whether it gets the pulses themselves; else windows only, and nothing waits.
    pub raw: bool,
    /// Pulses of the journal that it has not acknowledged (read from the journal: as last saved, up to 10 s ago).
    pub backlog: i64,
    /// The age of the oldest of them, in nanoseconds.
    pub lag_ns: Option<i64>,
    /// How the server's windows stand.
    pub views: ViewsStatus,
}

/// How far the server's buckets have been compared with the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ViewsStatus {
    /// `ok`, a kind of failure, or empty before the first comparison.
    pub state: ViewsState,
    /// What fails and what to do about it.
    pub message: String,
    /// Since when it is so.
    pub since_ns: WallNs,
    /// By level: everything before this, in seconds since 1970, has been compared.
    #[serde(deserialize_with = "words::by_level")]
    pub until_s: BTreeMap<&'static str, i64>,
    /// The same levels, with what can be said of them.
    #[serde(deserialize_with = "words::by_level")]
    pub levels: BTreeMap<&'static str, LevelStatus>,
}

/// What can be said of a level: only of what was compared by the last look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LevelStatus {
    /// What the last look has compared begins here, in seconds since 1970; None: it is still to come.
    pub from_s: Option<i64>,
    /// And ends here.
    pub to_s: Option<i64>,
    /// Windows that are not equal and left as they are: the server holds more than the journal there, or does
    /// not take what it lacks.
    pub unequal: i64,
    /// What is still to be looked at goes back to here, in seconds since 1970; None: nothing is.
    pub to_look_from_s: Option<i64>,
    /// When the last look over all that is kept was begun, in seconds since 1970; 0: never.
    pub all_s: i64,
}

impl Status {
    /// How things stand in this process at `at_ns`, by its board.
    pub fn from_board(now: &Snapshot, at_ns: WallNs) -> Status {
        let lines = now.capture.lines.iter();
        let lines = lines.map(|line| (line.meter.to_string(), line.now.clone()));
        let told = Told {
            daemon: Daemon::Running,
            is_simulated: now.journal.simulated,
            lines: lines.collect(),
            until_s: BTreeMap::new(),
        };
        let mut meters = MetersLive::clone(&now.meters);
        // The journal may not be open yet.
        for line in &now.capture.lines {
            meters.entry(&line.meter).is_configured = true;
        }
        let delivery = now.delivery.as_deref().zip(now.views.as_deref());
        let mut status = Status::of(&meters, &now.journal, delivery, &told, at_ns);
        (status.waiting, status.notices) = (now.waiting, now.notices.to_vec());
        status.disk = disk(&now.journal);
        status
    }

    /// Reads how things stand from the journal.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn take(
        reader: &mut Reader,
        wanted: Wanted<'_>,
        at_ns: WallNs,
    ) -> Result<Status, JournalError> {
        let journal = reader.journal_live()?;
        let mut meters = reader.meters_live(wanted.meters)?;
        let usual_s = reader.usual_silences_s(at_ns)?;
        for meter in &mut meters.all {
            meter.usual_silence_s = usual_s.get(&*meter.name).copied();
        }
        let delivery = match wanted.destination {
            Some(name) => reader.delivery_live(name, journal.bounds)?,
            None => None,
        };
        let told = Told {
            daemon: wanted.daemon,
            is_simulated: journal.simulated,
            lines: reader.lines_now()?,
            until_s: reader.watched_until_s()?,
        };
        let delivery = delivery.as_ref().map(|(delivery, views)| (delivery, views));
        Ok(Status::of(&meters, &journal, delivery, &told, at_ns))
    }

    fn of(
        meters: &MetersLive,
        journal: &JournalLive,
        delivery: Option<(&DeliveryLive, &ViewsLive)>,
        told: &Told,
        at_ns: WallNs,
    ) -> Status {
        let newest = journal.bounds.map_or(journal.committed, |(_, last)| last);
        let meters = meters.all.iter();
        Status {
            at_ns,
            daemon: told.daemon,
            simulated: journal.simulated,
            disk: None,
            notices: Vec::new(),
            waiting: 0,
            meters: meters
                .map(|meter| MeterStatus::of(meter, told, at_ns))
                .collect(),
            journal_bytes: journal.bytes,
            journal_pulses: journal.bounds.map_or(0, |(first, last)| last - first + 1),
            clock: journal.clock.map(ClockStatus::of),
            delivery: delivery
                .map(|(delivery, views)| DeliveryStatus::of(delivery, views, newest, at_ns)),
        }
    }

    /// All that is not as it should be.
    pub fn conditions(&self) -> Vec<Condition> {
        Condition::all(self)
    }

    /// Pulses that are lost for good, over all meters.
    pub fn lost(&self) -> u64 {
        let losses = self.meters.iter().flat_map(|meter| &meter.losses);
        losses
            .filter(|loss| loss.lost)
            .map(|loss| loss.pulses)
            .sum()
    }

    /// The meters whose lines are not read: nothing is counted there.
    pub fn unread(&self) -> impl Iterator<Item = (&str, &LineStatus)> {
        self.meters.iter().filter_map(|meter| {
            let line = meter.line.as_ref().filter(|line| !line.is_read)?;
            Some((meter.name.as_str(), line))
        })
    }

    /// Edges that the filters rejected, over all meters.
    pub fn rejected(&self) -> u64 {
        let losses = self.meters.iter().flat_map(|meter| &meter.losses);
        losses
            .filter(|loss| loss.filter)
            .map(|loss| loss.pulses)
            .sum()
    }
}

/// How the journal's disk fails, if it does.
fn disk(journal: &JournalLive) -> Option<Condition> {
    if let Some(kind) = journal.failing.or(journal.unsyncable) {
        let remedy = remedy(kind);
        return Some(Condition::JournalFails { kind, remedy });
    }
    journal.stalled_since_ns.map(|_| Condition::DiskStalled)
}

/// What is told of the lines, and by whom.
struct Told {
    daemon: Daemon,
    is_simulated: bool,
    lines: BTreeMap<String, LineNow>,
    until_s: BTreeMap<String, i64>,
}

impl Told {
    fn line(&self, meter: &str) -> Option<LineStatus> {
        let until_ns = self.until_s.get(meter).map(|until_s| until_s * NS_PER_S);
        let told = self.lines.get(meter);
        let told = told.map(|told| (told.since_ns, told.why.clone()));
        line_status(self.daemon, self.is_simulated, told, until_ns)
    }
}

impl LossStatus {
    /// A loss for this cause.
    pub fn of(cause: LossCause, loss: Loss) -> LossStatus {
        LossStatus {
            cause: cause.as_str(),
            filter: cause.is_filter(),
            lost: cause.is_loss(),
            pulses: loss.pulses,
            first_ns: loss.first_ns,
            last_ns: loss.last_ns,
        }
    }
}

impl MeterStatus {
    fn of(meter: &MeterLive, told: &Told, at_ns: WallNs) -> MeterStatus {
        let losses = meter.losses.iter();
        let losses = losses.map(|(cause, loss)| LossStatus::of(*cause, *loss));
        let silent = meter
            .usual_silence_s
            .zip(meter.last_pulse_ns)
            .is_some_and(|(usual_s, last_ns)| silence::is_unusual(last_ns, usual_s, at_ns));
        MeterStatus {
            name: meter.name.to_string(),
            pulses: meter.pulses,
            last_pulse_ns: meter.last_pulse_ns,
            register_kwh: register::kwh(meter.register.as_slice(), meter.pulses),
            usual_silence_s: meter.usual_silence_s,
            is_configured: meter.is_configured,
            line: told.line(&meter.name).filter(|_| meter.is_configured),
            is_silent: meter.is_configured && silent,
            filter: meter.tally.as_ref().map(judgement::FilterStatus::of),
            losses: losses.collect(),
        }
    }
}

impl ClockStatus {
    fn of(clock: ClockLive) -> ClockStatus {
        ClockStatus {
            trust: clock.trust,
            holding: clock.holding,
        }
    }
}

impl DeliveryStatus {
    fn of(
        delivery: &DeliveryLive,
        views: &ViewsLive,
        newest: i64,
        at_ns: WallNs,
    ) -> DeliveryStatus {
        let backlog = delivery.backlog(newest);
        let oldest_ns = delivery.oldest_ns.filter(|_| backlog > 0);
        DeliveryStatus {
            destination: delivery.destination.clone(),
            state: delivery.state.clone(),
            message: delivery.message.clone(),
            since_ns: delivery.since_ns,
            raw: delivery.raw,
            backlog,
            lag_ns: oldest_ns.map(|oldest_ns| at_ns - oldest_ns),
            views: ViewsStatus::of(views),
        }
    }
}

impl ViewsStatus {
    fn of(views: &ViewsLive) -> ViewsStatus {
        let tiers = views.tiers.iter();
        ViewsStatus {
            state: views.state.clone(),
            message: views.message.clone(),
            since_ns: views.since_ns,
            until_s: tiers
                .clone()
                .map(|(tier, known)| (tier.as_str(), known.until_s))
                .collect(),
            levels: tiers
                .map(|(tier, known)| (tier.as_str(), LevelStatus::of(known)))
                .collect(),
        }
    }
}

impl LevelStatus {
    fn of(known: &TierLive) -> LevelStatus {
        LevelStatus {
            from_s: known.from_s,
            to_s: known.to_s,
            unequal: known.unequal,
            to_look_from_s: known.to_look_from_s,
            all_s: known.all_s,
        }
    }
}
