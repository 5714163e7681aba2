//! What a snapshot holds, as every answer gives it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::judgement::FilterStatus;
use super::line::{Daemon, LineStatus};
use super::words::{self, Word};
use crate::model::{
    DeliveryState, FaceDigits, Loss, LossCause, Notice, Quantity, ViewsState, WallNs,
};

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
    /// What the journal has counted is known: not before it is open for the first time.
    #[serde(default = "yes")]
    pub counted: bool,
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
    /// How often the journal was opened for writing: by each start, and for other settings; 0: an older daemon does not say.
    #[serde(default)]
    pub journal_opened: u64,
    /// On which clock the newest pulses stand; None: there are none.
    pub clock: Option<ClockStatus>,
    /// Where pulses are delivered to; None: nowhere.
    pub delivery: Option<DeliveryStatus>,
    /// How the alarms do; None: nobody is told of any, and none waits.
    #[serde(default)]
    pub alarms: Option<AlarmsStatus>,
}

/// An older daemon does not say.
fn yes() -> bool {
    true
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
    /// What its face shows, in kWh, by the last reading and the pulses since; None: there was no reading, or it counts no
    /// electric energy.
    pub register_kwh: Option<f64>,
    /// The same in the unit of the reading.
    #[serde(default)]
    pub register: Option<f64>,
    /// That unit.
    #[serde(default)]
    pub register_unit: Option<Quantity>,
    /// The digits of its face; None: not known.
    #[serde(default)]
    pub register_digits: Option<FaceDigits>,
    /// For how many seconds it may be without a pulse, by its own history; None: too little is known.
    pub usual_silence_s: Option<i64>,
    /// The configuration lists it; else it is what is left of a meter that was renamed or removed.
    pub is_configured: bool,
    /// How its line stands; None: the meter is not configured, or it is not known.
    pub line: Option<LineStatus>,
    /// It has been silent for longer than that.
    pub is_silent: bool,
    /// Whether the filter fits what comes on the line; None: nothing has come since the daemon started.
    pub filter: Option<FilterStatus>,
    /// What was rejected or lost, by cause.
    pub losses: Vec<LossStatus>,
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

/// How the alarms do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmsStatus {
    /// What has begun or ended, and is not told everywhere yet.
    pub undelivered: usize,
    /// Receivers that take nothing.
    pub failing: Vec<FailingReceiver>,
}

/// A receiver of alarms that takes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingReceiver {
    /// Its name.
    pub receiver: String,
    /// Why.
    pub why: String,
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

    /// Adds others of the same cause.
    pub fn add(&mut self, other: &LossStatus) {
        self.pulses += other.pulses;
        self.first_ns = self.first_ns.min(other.first_ns);
        self.last_ns = self.last_ns.max(other.last_ns);
    }
}
