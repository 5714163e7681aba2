//! What is not as it should be, from the snapshot of truth. Pure.

use serde::Serialize;

use super::line::Daemon;
use super::{Status, judgement};
use crate::model::NS_PER_S;

/// A backlog whose oldest pulse is older than this is a condition of its own, also where delivery works.
const BACKLOG_OLD_NS: i64 = 3_600 * NS_PER_S;

/// Something that wants to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Condition {
    /// A machine word: `not_running`, `line_not_read`, `meter_silent`, `backlog_old`, `delivery_fails`, `windows_not_compared`, `clock_unknown`,
    /// `rejected_bounce` (`_width`, `_long`, `_interval`, `_merged`), `power_implausible`.
    pub word: &'static str,
    /// The meter it is about; None: all of it.
    pub meter: Option<String>,
    /// What is the matter, where the word does not say it all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
}

impl Condition {
    /// For people, with what to do.
    pub fn sentence(&self) -> String {
        let meter = self.meter.as_deref().unwrap_or_default();
        if let Some(what) = judgement::sentence(self.word) {
            return format!("{meter}: {what}");
        }
        match self.word {
            "not_running" => "NOT COUNTED: powerlogger is not running, and reads no line (`make service-start`, or \
                              `powerlogger run`, starts it)"
                .to_owned(),
            "line_not_read" => format!("{meter}: NOT COUNTED, its line is not read: {}", self.why),
            "meter_silent" => format!(
                "{meter}: no pulse for longer than usual; look at the meter, its sensor and wires (`powerlogger \
                 verify` looks at its line)"
            ),
            "backlog_old" => "pulses wait for delivery for more than an hour".to_owned(),
            "delivery_fails" => "the server does not take what is sent".to_owned(),
            "windows_not_compared" => {
                "the server's windows cannot be compared with the journal's".to_owned()
            }
            _ => "the clock is not known to be right: pulses are kept and not delivered".to_owned(),
        }
    }
}

/// All that is not as it should be.
pub fn conditions(status: &Status) -> Vec<Condition> {
    let of_all = |word| Condition {
        word,
        meter: None,
        why: String::new(),
    };
    let mut found = Vec::new();
    let is_stopped = status.daemon == Daemon::Stopped;
    if is_stopped && status.unread().next().is_some() {
        found.push(of_all("not_running"));
    }
    for (meter, line) in status.unread().filter(|_| !is_stopped) {
        found.push(Condition {
            word: "line_not_read",
            meter: Some(meter.to_owned()),
            why: line.why.clone(),
        });
    }
    for meter in &status.meters {
        let words = meter.filter.iter().flat_map(|filter| filter.words());
        found.extend(words.map(|word| Condition {
            word,
            meter: Some(meter.name.clone()),
            why: String::new(),
        }));
    }
    for meter in status.meters.iter().filter(|meter| meter.is_silent) {
        found.push(Condition {
            word: "meter_silent",
            meter: Some(meter.name.clone()),
            why: String::new(),
        });
    }
    if let Some(delivery) = &status.delivery {
        let fails = |state: &str| !matches!(state, "" | "ok");
        if fails(&delivery.state) {
            found.push(of_all("delivery_fails"));
        }
        if delivery
            .lag_ns
            .is_some_and(|lag_ns| lag_ns > BACKLOG_OLD_NS)
        {
            found.push(of_all("backlog_old"));
        }
        if fails(&delivery.views.state) && delivery.views.state != "unread" {
            found.push(of_all("windows_not_compared"));
        }
    }
    if status.clock.as_ref().is_some_and(|clock| clock.holding) {
        found.push(of_all("clock_unknown"));
    }
    found
}
