//! Makes a snapshot: of the live board, or from the journal.

use std::collections::BTreeMap;

use super::condition::Condition;
use super::judgement::FilterStatus;
use super::line::{Daemon, LineStatus, line_status};
use super::snapshot::{
    AlarmsStatus, ClockStatus, DeliveryStatus, FailingReceiver, LevelStatus, LossStatus,
    MeterStatus, Status, ViewsStatus,
};
use crate::energy::register;
use crate::journal::{JournalError, Reader, remedy};
use crate::live::{
    AlarmsLive, ClockLive, DeliveryLive, JournalLive, JournalPhase, MeterLive, MetersLive,
    Snapshot, TierLive, ViewsLive, silence,
};
use crate::model::{IdRange, LineNow, PulseId, Quantity, WallNs};

/// What the snapshot is to be of.
#[derive(Debug, Clone, Copy)]
pub struct StatusOf<'a> {
    /// The name of the destination that is configured now; None: there is none.
    pub destination: Option<&'a str>,
    /// The names of the meters that are configured now.
    pub meters: &'a [String],
    /// Whether a daemon runs.
    pub daemon: Daemon,
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
        status.counted = !now.meters.all.is_empty();
        status.notices.extend(now.broker.as_deref().cloned());
        status.disk = disk(&now.journal);
        status.alarms = now.alarms.as_deref().map(AlarmsStatus::of);
        status
    }

    /// Reads how things stand from the journal.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn take(
        reader: &mut Reader,
        wanted: StatusOf<'_>,
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
        let undelivered = reader.alarms_undelivered()?;
        let alarms = (undelivered > 0).then(|| AlarmsStatus {
            undelivered,
            failing: Vec::new(),
        });
        Ok(Status {
            alarms,
            ..Status::of(&meters, &journal, delivery, &told, at_ns)
        })
    }

    fn of(
        meters: &MetersLive,
        journal: &JournalLive,
        delivery: Option<(&DeliveryLive, &ViewsLive)>,
        told: &Told,
        at_ns: WallNs,
    ) -> Status {
        let newest = journal.bounds.map_or(journal.committed, |ids| ids.last);
        let meters = meters.all.iter();
        Status {
            at_ns,
            daemon: told.daemon,
            simulated: journal.simulated,
            counted: true,
            disk: None,
            notices: Vec::new(),
            waiting: 0,
            meters: meters
                .map(|meter| MeterStatus::of(meter, told, at_ns))
                .collect(),
            journal_bytes: journal.bytes,
            journal_pulses: journal.bounds.map_or(0, IdRange::len),
            journal_opened: journal.opened,
            clock: journal.clock.map(ClockStatus::of),
            delivery: delivery
                .map(|(delivery, views)| DeliveryStatus::of(delivery, views, newest, at_ns)),
            alarms: None,
        }
    }
}

/// How the journal's disk fails, if it does.
fn disk(journal: &JournalLive) -> Option<Condition> {
    if let Some(kind) = journal.failing.or(journal.unsyncable) {
        let remedy = remedy(kind);
        return Some(Condition::JournalFails { kind, remedy });
    }
    if let JournalPhase::Opening {
        refused: Some(kind),
        ..
    } = journal.phase
    {
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
        let until_ns = self.until_s.get(meter).copied().map(WallNs::of_s);
        let told = self.lines.get(meter);
        let told = told.map(|told| (told.since_ns, told.why.clone()));
        line_status(self.daemon, self.is_simulated, told, until_ns)
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
        let unit = meter.register.as_ref().map(|base| base.worth.quantity);
        let register = unit.zip(register::shown(meter.register.as_slice(), meter.pulses));
        MeterStatus {
            name: meter.name.to_string(),
            pulses: meter.pulses,
            last_pulse_ns: meter.last_pulse_ns,
            register_kwh: register
                .and_then(|(unit, shown)| Quantity::KilowattHours.of(unit, shown)),
            register: register.map(|(_, shown)| shown),
            register_unit: register.map(|(unit, _)| unit),
            register_digits: meter.register.as_ref().and_then(|base| base.digits),
            usual_silence_s: meter.usual_silence_s,
            is_configured: meter.is_configured,
            line: told.line(&meter.name).filter(|_| meter.is_configured),
            is_silent: meter.is_configured && silent,
            filter: meter.tally.as_ref().map(FilterStatus::of),
            losses: losses.collect(),
        }
    }
}

impl AlarmsStatus {
    fn of(alarms: &AlarmsLive) -> AlarmsStatus {
        let failing = alarms.failing.iter();
        let failing = failing.map(|(receiver, why)| FailingReceiver {
            receiver: receiver.clone(),
            why: why.clone(),
        });
        AlarmsStatus {
            undelivered: alarms.undelivered,
            failing: failing.collect(),
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
        newest: PulseId,
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
