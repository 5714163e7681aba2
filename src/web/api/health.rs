//! Whether what is shown can be relied upon: one sentence, and what it comes from. Pure.

use serde::Serialize;

use super::head::rfc3339;
use crate::answers::status::ConditionAnswer;
use crate::model::{LossCause, NS_PER_S, WallNs};
use crate::status::{Severity, Status};
use crate::web::day_read::DayRead;

/// The state of health.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Health {
    level: &'static str,
    sentence: String,
    counting_since: Option<String>,
    lost: u64,
    restored: u64,
    unwatched_s: i64,
    running: bool,
    counted: bool,
    delivery: Option<Delivery>,
    clock: Option<Clock>,
    conditions: Vec<ConditionAnswer>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Delivery {
    state: String,
    backlog: i64,
    lag_s: Option<f64>,
    raw: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Clock {
    trust: &'static str,
    holding: bool,
}

impl Health {
    /// Of how things stand, with what was read of the journal's beginning and its gaps.
    pub(super) fn of(status: &Status, day: Option<&DayRead>) -> Health {
        let conditions = status.conditions();
        let worst = conditions
            .iter()
            .map(|condition| condition.severity())
            .max();
        let restored = status.meters.iter().flat_map(|meter| &meter.losses);
        let restored = restored.filter(|loss| loss.cause == LossCause::Restored.as_str());
        Health {
            level: match worst {
                Some(Severity::Critical) => "critical",
                Some(Severity::Warning) => "warning",
                _ if !status.counted => "warning",
                Some(Severity::Info) | None => "ok",
            },
            sentence: sentence(status, worst),
            counting_since: day
                .and_then(|day| day.since_s)
                .map(|since_s| rfc3339(WallNs::of_s(since_s))),
            lost: status.lost(),
            restored: restored.map(|loss| loss.pulses).sum(),
            unwatched_s: day.map_or(0, |day| day.unwatched_s),
            running: true,
            counted: status.counted,
            delivery: status.delivery.as_ref().map(|delivery| Delivery {
                state: delivery.state.word().to_owned(),
                backlog: delivery.backlog,
                lag_s: delivery.lag_ns.map(|lag_ns| (lag_ns / NS_PER_S) as f64),
                raw: delivery.raw,
            }),
            clock: status.clock.as_ref().map(|clock| Clock {
                trust: clock.trust,
                holding: clock.holding,
            }),
            conditions: conditions
                .iter()
                .filter_map(|condition| ConditionAnswer::try_from(condition).ok())
                .collect(),
        }
    }

    /// What is told again only when it has changed: all but the lag.
    pub(super) fn essence(&self) -> Health {
        let mut essence = self.clone();
        if let Some(delivery) = &mut essence.delivery {
            (delivery.lag_s, delivery.backlog) = (None, 0);
        }
        essence
    }
}

/// The one sentence.
fn sentence(status: &Status, worst: Option<Severity>) -> String {
    let lost = status.lost();
    let unread = status.unread().count();
    if unread > 0 {
        return format!("NOT COUNTED: {unread} lines are not read.");
    }
    if status.disk.is_some() {
        return format!(
            "The disk does not take pulses: {} wait in memory.",
            status.waiting
        );
    }
    if !status.counted {
        return format!(
            "The journal is not open yet: {} pulses wait in memory.",
            status.waiting
        );
    }
    let kept = match lost {
        0 => "All pulses are kept.".to_owned(),
        1 => "1 pulse is lost.".to_owned(),
        lost => format!("{lost} pulses are lost."),
    };
    match &status.delivery {
        Some(delivery) if delivery.state.is_failing() => {
            format!("{kept} The server does not take what is sent.")
        }
        _ if worst >= Some(Severity::Warning) => format!("{kept} Something wants to be looked at."),
        _ => kept,
    }
}
