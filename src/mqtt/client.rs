//! The MQTT thread: connects, and begins again. All that it waits for ends at once when there are other settings, or at the
//! end.

use std::time::Duration;

use tracing::warn;

use super::around::MqttAround;
use super::connection::{BrokerConnection, End};
use super::keeping::MqttMemory;
use super::picture::configured;
use super::shared::{MqttInUse, MqttShared};
use super::trouble::{BrokerFailure, BrokerTrouble};
use super::wire::Wire;
use crate::clock::{Clock, SystemClock};
use crate::config::MqttSettings;
use crate::journal::JournalError;
use crate::live::{Board, JournalPhase, MeterLive};
use crate::model::{Backoff, MonoNs, NS_PER_S};
use crate::system::signals::Shutdown;

/// A connection that has lasted for so long has succeeded.
const LASTS_NS: i64 = 30 * NS_PER_S;

/// After so many connections in a row that the broker has ended soon another client has our id.
const THROWN_OUT_MAX: u32 = 3;

/// Between tries to use the journal's memory.
const DISK_RETRY: Duration = Duration::from_secs(10);

/// Between tries while the broker does not answer.
const AWAY: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// Between tries while it refuses: the operator has to change something there, or in the configuration, which is seen at
/// once.
const REFUSED: Backoff = Backoff::new(Duration::from_secs(30), Duration::from_secs(300));

/// The thread's own.
struct MqttThread<'a> {
    around: MqttAround<'a>,
    /// None: the journal was not open yet since the settings changed.
    memory: Option<MqttMemory>,
    away: Backoff,
    refused: Backoff,
    thrown_out: u32,
    /// Behind the client's id, once another client has the plain one.
    suffix: String,
}

/// Publishes until the end, in the calling thread. `clock` stamps the pulses.
pub(super) fn run(shared: &MqttShared, board: &Board, clock: &dyn Clock, shutdown: &Shutdown) {
    let mut thread = MqttThread {
        around: MqttAround::new(shared, board, clock, shutdown),
        memory: None,
        away: AWAY,
        refused: REFUSED,
        thrown_out: 0,
        suffix: String::new(),
    };
    let mut generation = None;
    while !shutdown.is_requested() {
        let (wanted, now) = shared.wanted();
        if generation != Some(now) {
            generation = Some(now);
            thread.begin_again();
        }
        match wanted {
            Some(wanted) => thread.publish(&wanted, now),
            None => drop(shared.nudge.wait(None, None)),
        }
    }
}

impl MqttThread<'_> {
    /// There are other settings.
    fn begin_again(&mut self) {
        self.memory = None;
        (self.away, self.refused) = (AWAY, REFUSED);
        self.around.trouble = BrokerTrouble::default();
        self.around.log_again();
        self.around.tell();
    }

    /// One connection, and the wait after it.
    fn publish(&mut self, wanted: &MqttInUse, generation: u64) {
        match self.remember(wanted) {
            Ok(true) => {}
            Ok(false) => {
                // A 0 of a journal that is not read yet would be taken for a new meter.
                self.around.nudge().arm();
                self.around.nudge().wait(None, Some(NS_PER_S));
                return;
            }
            Err(error) => return self.pause_for_disk(&error, generation),
        }
        match self.connection(wanted, generation) {
            End::Told => {}
            End::Failed(failure) => {
                let pause = self.failed(&failure, &wanted.mqtt);
                self.pause(pause, generation);
            }
            End::Disk(error) => self.pause_for_disk(&error, generation),
        }
    }

    /// Reads the memory, if it is not there yet; whether it is.
    fn remember(&mut self, wanted: &MqttInUse) -> Result<bool, JournalError> {
        if self.memory.is_some() {
            return Ok(true);
        }
        let board = self.around.board.snapshot();
        if board.journal.phase != JournalPhase::Open {
            return Ok(false);
        }
        let configured = configured(&wanted.meters, &board);
        let total = |name: &str| board.meters.get(name).map_or(0, |meter| meter.pulses);
        let earlier = |name: &str| {
            let meter = board.meters.get(name);
            meter.map_or(0, MeterLive::pulses_before_run)
        };
        let memory = MqttMemory::begin(&wanted.dir, configured, total, earlier)?;
        self.memory = Some(memory);
        Ok(true)
    }

    /// Waits, but for other settings and the end.
    fn pause(&self, pause: Duration, generation: u64) {
        let until_ns = SystemClock.mono_ns() + i64::try_from(pause.as_nanos()).unwrap_or(i64::MAX);
        while !self.around.is_over(generation) {
            let left_ns = until_ns - SystemClock.mono_ns();
            if left_ns <= 0 {
                break;
            }
            self.around.nudge().wait(None, Some(left_ns));
        }
    }

    fn pause_for_disk(&mut self, error: &JournalError, generation: u64) {
        self.around.log(&format!(
            "the journal cannot be used for MQTT: {error}; trying again"
        ));
        self.pause(DISK_RETRY, generation);
    }

    /// Tells of a failure; how long to wait.
    fn failed(&mut self, failure: &BrokerFailure, mqtt: &MqttSettings) -> Duration {
        let (why, pause) = match failure {
            BrokerFailure::Away(why) => (why, self.away.failed()),
            BrokerFailure::Refused(why) => (why, self.refused.failed()),
        };
        let (broker, around) = (mqtt.broker.to_string(), &mut self.around);
        around
            .trouble
            .failed(failure, &broker, SystemClock.mono_ns());
        around.tell();
        around.log(&format!(
            "MQTT: {broker}: {why}; trying again, pulses are counted and kept"
        ));
        pause.mul_f64(0.75 + 0.5 * fastrand::f64())
    }

    /// One connection from its begin to its end.
    fn connection(&mut self, wanted: &MqttInUse, generation: u64) -> End {
        let Some(memory) = &mut self.memory else {
            return End::Told;
        };
        let mqtt = &wanted.mqtt;
        let wire = match Wire::connect(&mqtt.broker, mqtt.ca_file.as_deref()) {
            Ok(wire) => wire,
            Err(failure) => return End::Failed(failure),
        };
        let mut connection = BrokerConnection::begin(wanted, memory, wire, &self.suffix);
        let end = connection.go_on(&mut self.around, generation);
        let accepted_ns = connection.accepted_ns();
        self.judge(accepted_ns, &end);
        end
    }

    /// Draws the conclusions of how long a connection has lasted.
    fn judge(&mut self, accepted_ns: Option<MonoNs>, end: &End) {
        let lasted_ns = accepted_ns.map(|at_ns| SystemClock.mono_ns() - at_ns);
        match lasted_ns {
            Some(lasted_ns) if lasted_ns >= LASTS_NS => {
                (self.away, self.refused) = (AWAY, REFUSED);
                self.thrown_out = 0;
            }
            Some(_) if matches!(end, End::Failed(_)) => {
                self.thrown_out += 1;
                if self.thrown_out == THROWN_OUT_MAX && self.suffix.is_empty() {
                    self.suffix = format!("_{:04x}", fastrand::u16(..));
                    warn!(
                        "the broker ends each connection soon after it was made: another client may have the same id \
                         (a copied card, a second daemon); this one takes another id"
                    );
                }
            }
            _ => {}
        }
    }
}
