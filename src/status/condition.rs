//! What is not as it should be: each condition with its word, how grave it is, what to say and what to do. Pure.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::model::{ALARMS_FAIL, LossCause, MQTT_REFUSED, MQTT_UNREACHABLE, Notice};

/// How grave a condition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something is delayed or doubtful, and nothing is lost.
    Warning,
    /// Pulses are lost, or will be.
    Critical,
}

impl Severity {
    /// The machine word.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// Why a filter rejects too much of what looks like pulses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rejection {
    /// The level does not stay for `bounce_ms`.
    Bounce,
    /// They are shorter than `min_width_ms`.
    Width,
    /// They are longer than `max_width_ms`.
    Long,
    /// They come within `min_interval_ms` of the one before.
    Interval,
    /// They are too short for the chip to see.
    Merged,
}

impl Rejection {
    /// The cause under which the ledger counts it.
    pub fn cause(self) -> LossCause {
        match self {
            Rejection::Bounce => LossCause::Bounce,
            Rejection::Width => LossCause::Width,
            Rejection::Long => LossCause::Long,
            Rejection::Interval => LossCause::Interval,
            Rejection::Merged => LossCause::Merged,
        }
    }
}

/// Something that wants to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// No daemon runs, and no line is read.
    NotRunning,
    /// A meter's line is not read.
    LineNotRead {
        /// The meter.
        meter: String,
        /// Why, and what to do about it.
        why: String,
    },
    /// The journal does not take commits, or cannot make them durable.
    JournalFails {
        /// How, as a kind: `disk_full`, `read_only`, …
        kind: &'static str,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The journal's disk does not answer.
    DiskStalled,
    /// A meter's filter rejects too much.
    Rejected {
        /// The meter.
        meter: String,
        /// Why it rejects.
        rejection: Rejection,
    },
    /// A meter's pulses mean more power than can flow through it.
    PowerImplausible {
        /// The meter.
        meter: String,
    },
    /// The same of a meter that counts gas or water.
    FlowImplausible {
        /// The meter.
        meter: String,
    },
    /// A meter has been without a pulse for longer than usual.
    MeterSilent {
        /// The meter.
        meter: String,
    },
    /// The server does not take what is sent.
    DeliveryFails,
    /// Pulses have waited for delivery for long.
    BacklogOld,
    /// The server's windows cannot be compared.
    WindowsNotCompared,
    /// The clock is not known to be right.
    ClockUnknown,
    /// A receiver of alarms, or of the heartbeat, takes none.
    AlarmsFail {
        /// Its name.
        receiver: String,
        /// Why.
        why: String,
    },
    /// What the configuration's files say that is not done.
    Configuration(Notice),
}

impl Condition {
    /// The machine word, for JSON, the log and systemd.
    pub fn word(&self) -> &'static str {
        match self {
            Condition::NotRunning => "not_running",
            Condition::LineNotRead { .. } => "line_not_read",
            Condition::JournalFails { .. } => "journal_fails",
            Condition::DiskStalled => "disk_stalled",
            Condition::Rejected { rejection, .. } => match rejection {
                Rejection::Bounce => "rejected_bounce",
                Rejection::Width => "rejected_width",
                Rejection::Long => "rejected_long",
                Rejection::Interval => "rejected_interval",
                Rejection::Merged => "rejected_merged",
            },
            Condition::PowerImplausible { .. } => "power_implausible",
            Condition::FlowImplausible { .. } => "flow_implausible",
            Condition::MeterSilent { .. } => "meter_silent",
            Condition::DeliveryFails => "delivery_fails",
            Condition::BacklogOld => "backlog_old",
            Condition::WindowsNotCompared => "windows_not_compared",
            Condition::ClockUnknown => "clock_unknown",
            Condition::AlarmsFail { .. } => ALARMS_FAIL,
            Condition::Configuration(notice) => match notice {
                Notice::ConfigurationWrong(_) => "configuration_wrong",
                Notice::ConfigurationDiffers(_) => "configuration_differs",
                Notice::ServerUnusable(_) => "server_unusable",
                Notice::PageNotReachable(_) => "page_not_reachable",
                Notice::BrokerUnreachable(_) => MQTT_UNREACHABLE,
                Notice::BrokerRefuses(_) => MQTT_REFUSED,
                Notice::TopicRefused(_) => "mqtt_topic_refused",
            },
        }
    }

    /// The meter it is about; None: all of it.
    pub fn meter(&self) -> Option<&str> {
        match self {
            Condition::LineNotRead { meter, .. }
            | Condition::Rejected { meter, .. }
            | Condition::PowerImplausible { meter }
            | Condition::FlowImplausible { meter }
            | Condition::MeterSilent { meter } => Some(meter),
            Condition::NotRunning
            | Condition::JournalFails { .. }
            | Condition::DiskStalled
            | Condition::DeliveryFails
            | Condition::BacklogOld
            | Condition::WindowsNotCompared
            | Condition::ClockUnknown
            | Condition::AlarmsFail { .. }
            | Condition::Configuration(_) => None,
        }
    }

    /// How grave it is.
    pub fn severity(&self) -> Severity {
        match self {
            Condition::NotRunning
            | Condition::LineNotRead { .. }
            | Condition::JournalFails { .. }
            | Condition::DiskStalled => Severity::Critical,
            Condition::Rejected { .. }
            | Condition::PowerImplausible { .. }
            | Condition::FlowImplausible { .. }
            | Condition::MeterSilent { .. }
            | Condition::DeliveryFails
            | Condition::BacklogOld
            | Condition::WindowsNotCompared
            | Condition::ClockUnknown
            | Condition::AlarmsFail { .. } => Severity::Warning,
            Condition::Configuration(notice) => match notice {
                Notice::ConfigurationWrong(_)
                | Notice::ServerUnusable(_)
                | Notice::PageNotReachable(_)
                | Notice::BrokerUnreachable(_)
                | Notice::BrokerRefuses(_)
                | Notice::TopicRefused(_) => Severity::Warning,
                Notice::ConfigurationDiffers(_) => Severity::Info,
            },
        }
    }

    /// What is the matter, for people, without the meter's name.
    pub fn matter(&self) -> String {
        match self {
            Condition::NotRunning => "NOT COUNTED: powerlogger is not running, and reads no line",
            Condition::LineNotRead { why, .. } => {
                return format!("NOT COUNTED, its line is not read: {why}");
            }
            Condition::JournalFails { kind, .. } => {
                return format!(
                    "the journal's disk refuses ({kind}): what it does not take waits in memory"
                );
            }
            Condition::DiskStalled => {
                "the journal's disk does not answer; counting goes on in memory"
            }
            Condition::Rejected { rejection, .. } => match rejection {
                Rejection::Bounce => {
                    "many short pulses are rejected because their level does not stay for bounce_ms"
                }
                Rejection::Width => {
                    "many pulses are rejected because they are shorter than min_width_ms"
                }
                Rejection::Long => {
                    "many pulses are rejected because they are longer than max_width_ms"
                }
                Rejection::Interval => {
                    "many pulses are rejected because they come within min_interval_ms of the one before"
                }
                Rejection::Merged => "many transitions are too short for the chip to see",
            },
            Condition::PowerImplausible { .. } => {
                "its pulses mean more power than can flow through it (max_power_kw)"
            }
            Condition::FlowImplausible { .. } => {
                "its pulses mean more than can flow through it (max_flow_per_h)"
            }
            Condition::MeterSilent { .. } => "no pulse for longer than usual",
            Condition::DeliveryFails => "the server does not take what is sent",
            Condition::BacklogOld => "pulses wait for delivery for more than an hour",
            Condition::WindowsNotCompared => {
                "the server's windows cannot be compared with the journal's"
            }
            Condition::ClockUnknown => {
                "the clock is not known to be right: pulses are kept and not delivered"
            }
            Condition::AlarmsFail { receiver, why } => {
                return match receiver.as_str() {
                    "heartbeat" => format!("the heartbeat does not get through: {why}"),
                    receiver => format!("alarms do not get through to {receiver}, and are kept: {why}"),
                };
            }
            Condition::Configuration(
                Notice::ConfigurationWrong(text)
                | Notice::ConfigurationDiffers(text)
                | Notice::ServerUnusable(text)
                | Notice::PageNotReachable(text)
                | Notice::BrokerUnreachable(text)
                | Notice::BrokerRefuses(text)
                | Notice::TopicRefused(text),
            ) => return text.clone(),
        }
        .to_owned()
    }

    /// What is the matter, for people.
    pub fn sentence(&self) -> String {
        match self.meter() {
            Some(meter) => format!("{meter}: {}", self.matter()),
            None => self.matter(),
        }
    }

    /// What to do about it; empty where the sentence says it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Condition::NotRunning => "`make service-start`, or `powerlogger run`, starts it",
            Condition::LineNotRead { .. } | Condition::Configuration(_) => "",
            Condition::JournalFails { remedy, .. } => remedy,
            Condition::DiskStalled => "look at the kernel's log, and at the card or disk",
            Condition::Rejected { rejection, .. } => match rejection {
                Rejection::Bounce => {
                    "make bounce_ms smaller if the meter gives such; if not, the wire catches interference"
                }
                Rejection::Width => "make min_width_ms smaller",
                Rejection::Long => {
                    "make max_width_ms larger, or look whether bias and active are right"
                }
                Rejection::Interval => {
                    "make min_interval_ms smaller if the meter gives so many; if its contact bounces, make bounce_ms \
                     larger"
                }
                Rejection::Merged => {
                    "the wire catches interference (bounce_ms rejects it, a capacitor keeps it away), or the pulses are \
                     shorter than the chip can follow"
                }
            },
            Condition::PowerImplausible { .. } => {
                "an open or unshielded wire that catches the mains' hum, a contact that bounces longer than bounce_ms, \
                 or an imp_per_kwh that is not the meter's (1000 where none is set)"
            }
            Condition::FlowImplausible { .. } => {
                "a contact that bounces longer than bounce_ms, an open or unshielded wire that catches the mains' hum, or \
                 a pulses_per_unit that is not the meter's (100 for m3 and 1 for l where none is set)"
            }
            Condition::MeterSilent { .. } => {
                "look at the meter, its sensor and wires (`powerlogger verify` looks at its line)"
            }
            Condition::DeliveryFails | Condition::BacklogOld | Condition::WindowsNotCompared => {
                "`powerlogger status` and `powerlogger verify` say why"
            }
            Condition::AlarmsFail { .. } => "`powerlogger alarm test` tries it again",
            Condition::ClockUnknown => {
                "switch NTP on (`timedatectl set-ntp true`), or set clock.without_ntp = \"assume\""
            }
        }
    }

    /// The sentence and the remedy in one line.
    pub fn advice(&self) -> String {
        match self.remedy() {
            "" => self.sentence(),
            remedy => format!("{}; {remedy}", self.sentence()),
        }
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("word", self.word())?;
        map.serialize_entry("meter", &self.meter())?;
        match self {
            Condition::LineNotRead { why, .. } => map.serialize_entry("why", why)?,
            Condition::JournalFails { kind, .. } => map.serialize_entry("why", kind)?,
            Condition::AlarmsFail { why, .. } => map.serialize_entry("why", why)?,
            Condition::Configuration(_) => map.serialize_entry("text", &self.matter())?,
            Condition::NotRunning
            | Condition::DiskStalled
            | Condition::Rejected { .. }
            | Condition::PowerImplausible { .. }
            | Condition::FlowImplausible { .. }
            | Condition::MeterSilent { .. }
            | Condition::DeliveryFails
            | Condition::BacklogOld
            | Condition::WindowsNotCompared
            | Condition::ClockUnknown => {}
        }
        map.serialize_entry("severity", self.severity().as_str())?;
        map.serialize_entry("sentence", &self.sentence())?;
        map.serialize_entry("remedy", self.remedy())?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_the_words_of_before_and_what_to_do() {
        let busy = Condition::LineNotRead {
            meter: "Import".to_owned(),
            why: "GPIO20 is in use".to_owned(),
        };
        let json = serde_json::to_value(&busy).unwrap();
        assert_eq!(json["word"], "line_not_read");
        assert_eq!(json["meter"], "Import");
        assert_eq!(json["why"], "GPIO20 is in use");
        assert_eq!(json["severity"], "critical");
        let wrong = Notice::ConfigurationWrong("line 3".to_owned());
        let json = serde_json::to_value(Condition::Configuration(wrong)).unwrap();
        assert_eq!(json["word"], "configuration_wrong");
        assert_eq!(json["meter"], serde_json::Value::Null);
        assert_eq!(json["text"], "line 3");
        let json = serde_json::to_value(Condition::ClockUnknown).unwrap();
        assert!(json.get("why").is_none() && json.get("text").is_none());
        assert!(json["remedy"].as_str().unwrap().contains("set-ntp"));
    }
}
