//! A connection for one matter, beside that of the values: with a client's id of its own, without a will, and with a limit of
//! time for each answer.

use super::nudge::Nudge;
use super::packet::Hello;
use super::session::{Broken, Session, SessionEvent};
use super::trouble::BrokerFailure;
use super::wire::{Wire, why_broken};
use crate::clock::{Clock, SystemClock};
use crate::config::MqttSettings;
use crate::model::MonoNs;

/// The connection.
#[derive(Debug)]
pub(super) struct ShortConnection {
    session: Session,
    wire: Wire,
    nudge: Nudge,
}

impl ShortConnection {
    /// Connects; the broker has not answered to that yet. `nudge`: what waits on it.
    ///
    /// # Errors
    /// Why the broker cannot be reached.
    pub(super) fn begin(
        mqtt: &MqttSettings,
        client_id: &str,
        nudge: Nudge,
    ) -> Result<ShortConnection, String> {
        let wire = match Wire::connect(&mqtt.broker, mqtt.ca_file.as_deref()) {
            Ok(wire) => wire,
            Err(BrokerFailure::Away(why) | BrokerFailure::Refused(why)) => return Err(why),
        };
        let hello = Hello {
            client_id,
            user: mqtt.user.as_deref(),
            password: mqtt.password.as_ref().map(|password| password.expose()),
            will: None,
            keep_alive_s: 0,
        };
        Ok(ShortConnection {
            session: Session::begin(&hello, SystemClock.mono_ns()),
            wire,
            nudge,
        })
    }

    /// What is said on it.
    pub(super) fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Sends what is due, and waits until `until_ns` for something to come.
    ///
    /// # Errors
    /// When the connection has broken, or something was not answered in time.
    pub(super) fn exchange(&mut self, until_ns: MonoNs) -> Result<Vec<SessionEvent>, String> {
        let broken = |broken: Broken| broken.to_string();
        let now_ns = SystemClock.mono_ns();
        self.session.tick(now_ns).map_err(broken)?;
        let sent = self.wire.send(&self.session.take_out());
        sent.map_err(|error| why_broken(&error))?;
        let until_ns = until_ns.min(self.session.due_ns());
        let stream = Some(self.wire.descriptor());
        let ready = self.nudge.wait(stream, Some(until_ns - now_ns));
        if !ready.is_readable {
            return Ok(Vec::new());
        }
        let bytes = self.wire.receive().map_err(|error| why_broken(&error))?;
        let now_ns = SystemClock.mono_ns();
        self.session.receive(&bytes, now_ns).map_err(broken)
    }

    /// Ends it as it should end.
    pub(super) fn end(mut self) {
        self.session.disconnect(SystemClock.mono_ns());
        // All that was to be known of it is known.
        let _ = self.wire.send(&self.session.take_out());
    }
}
