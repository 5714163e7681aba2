//! Alarms: what was told of conditions that began and ended, and what is still to be told.

use std::collections::{BTreeMap, BTreeSet};

use super::WallNs;

/// The words of what may be told by an alarm: those of the conditions of `status`, and `pulses_lost`, which is no
/// state but an event. Words of the configuration's `[alarms] conditions`.
pub const ALARM_WORDS: [&str; 25] = [
    "line_not_read",
    "journal_fails",
    "disk_stalled",
    PULSES_LOST,
    "rejected_bounce",
    "rejected_width",
    "rejected_long",
    "rejected_interval",
    "rejected_merged",
    "power_implausible",
    "flow_implausible",
    "meter_silent",
    "delivery_fails",
    "backlog_old",
    "windows_not_compared",
    "clock_unknown",
    ALARMS_FAIL,
    "configuration_wrong",
    "server_unusable",
    "page_not_reachable",
    MQTT_UNREACHABLE,
    MQTT_REFUSED,
    "mqtt_topic_refused",
    "configuration_differs",
    "not_running",
];

/// The word for a receiver, or the heartbeat, that takes nothing.
pub const ALARMS_FAIL: &str = "alarms_fail";

/// The words for an MQTT broker that is away,
pub const MQTT_UNREACHABLE: &str = "mqtt_unreachable";

/// and for one that does not take us.
pub const MQTT_REFUSED: &str = "mqtt_refused";

/// The word for pulses that have gone missing.
pub const PULSES_LOST: &str = "pulses_lost";

/// One thing that is wrong, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// The condition's machine word.
    pub word: String,
    /// The meter, or the receiver, that it is about; empty: all of it.
    pub subject: String,
    /// How grave it is: `info`, `warning`, `critical`.
    pub severity: String,
    /// Since when it has been so, by the clock of this machine.
    pub since_ns: WallNs,
    /// What is the matter, for people.
    pub sentence: String,
    /// What to do about it; may be empty.
    pub remedy: String,
}

impl Alarm {
    /// What tells it from others: its word, and what it is about.
    pub fn key(&self) -> (String, String) {
        (self.word.clone(), self.subject.clone())
    }
}

/// An alarm that began or ended, on its way to those who are to hear of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmEvent {
    /// Tells it from all others of this journal; grows.
    pub id: i64,
    /// When it was found.
    pub at_ns: WallNs,
    /// The alarm has ended; else it has begun.
    pub is_end: bool,
    /// What is, or was, wrong.
    pub alarm: Alarm,
    /// The receivers that have not had it, by their names.
    pub waits_for: BTreeSet<String>,
}

/// All that must outlive the process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlarmBook {
    /// Alarms that began and have not ended.
    pub standing: Vec<Alarm>,
    /// What is not delivered everywhere, in the order in which it was found.
    pub waiting: Vec<AlarmEvent>,
    /// The greatest number that was given to an event.
    pub last_id: i64,
    /// By meter: how many pulses were lost before the alarm that stands began; where none stands, how many are known to be.
    pub lost: BTreeMap<String, u64>,
}
