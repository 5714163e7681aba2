//! Which conditions a snapshot is in. Pure.

use super::condition::Condition;
use super::line::Daemon;
use super::snapshot::Status;
use crate::model::NS_PER_S;

/// A backlog whose oldest pulse is older than this is a condition of its own, also where delivery works.
const BACKLOG_OLD_NS: i64 = 3_600 * NS_PER_S;

impl Status {
    /// All that is not as it should be.
    pub fn conditions(&self) -> Vec<Condition> {
        let mut found = Vec::new();
        let is_stopped = self.daemon == Daemon::Stopped;
        if is_stopped && self.unread().next().is_some() {
            found.push(Condition::NotRunning);
        }
        for (meter, line) in self.unread().filter(|_| !is_stopped) {
            found.push(Condition::LineNotRead {
                meter: meter.to_owned(),
                why: line.why.clone(),
            });
        }
        found.extend(self.disk.clone());
        for meter in &self.meters {
            let name = || meter.name.clone();
            if let Some(rejection) = meter.filter.as_ref().and_then(|filter| filter.too_many) {
                let meter = name();
                found.push(Condition::Rejected { meter, rejection });
            }
            if let Some(filter) = &meter.filter {
                let of_power = filter
                    .excess_w
                    .map(|_| Condition::PowerImplausible { meter: name() });
                let of_flow = filter
                    .excess_flow
                    .map(|_| Condition::FlowImplausible { meter: name() });
                found.extend(of_power.or(of_flow));
            }
        }
        let silent = self.meters.iter().filter(|meter| meter.is_silent);
        found.extend(silent.map(|meter| Condition::MeterSilent {
            meter: meter.name.clone(),
        }));
        if let Some(delivery) = &self.delivery {
            if delivery.state.is_failing() {
                found.push(Condition::DeliveryFails);
            }
            if delivery
                .lag_ns
                .is_some_and(|lag_ns| lag_ns > BACKLOG_OLD_NS)
            {
                found.push(Condition::BacklogOld);
            }
            if delivery.views.state.is_failing() {
                found.push(Condition::WindowsNotCompared);
            }
        }
        if self.clock.as_ref().is_some_and(|clock| clock.holding) {
            found.push(Condition::ClockUnknown);
        }
        let notices = self.notices.iter().cloned();
        found.extend(notices.map(Condition::Configuration));
        found
    }
}
