//! A message that is told once: acknowledged by the broker, and not retained, because one that is kept would be told again to
//! whoever connects.
//!
//! It goes over a connection of its own. That of the values says the newest of each topic and drops what is older, and it waits
//! for the journal and for a broker that is away, longer than the teller may; here the teller has its answer, or the
//! failure, within seconds, also where no daemon runs. Such messages are rare, so the connection costs nothing.

use super::nudge::Nudge;
use super::session::SessionEvent;
use super::short::ShortConnection;
use crate::clock::{Clock, SystemClock};
use crate::config::MqttSettings;
use crate::model::{MonoNs, NS_PER_S};

/// The longest that all answers together may take: to the connection, to the message, and what is to come back.
const ALL_MAX_NS: i64 = 25 * NS_PER_S;

/// What is acknowledged, and to be read, is passed on within this.
const COMES_BACK_MAX_NS: i64 = 5 * NS_PER_S;

/// Where alarms are told, behind the prefix.
const ALARM: &str = "alarm";

/// The topic of alarms.
pub fn alarm_topic(mqtt: &MqttSettings) -> String {
    format!("{}/{ALARM}", mqtt.prefix)
}

/// Whether the broker takes us; nothing is published.
///
/// # Errors
/// Why it does not.
pub fn broker_answers(mqtt: &MqttSettings) -> Result<(), String> {
    connected(mqtt, accept)
}

/// Tells an alarm. Ok: the broker has acknowledged it. `is_seen`: it is also read there, which shows that the access rules
/// let it through; a broker of MQTT 3.1.1 acknowledges what it drops as well [3.3.5].
///
/// # Errors
/// Why it is not told.
pub fn tell_alarm(mqtt: &MqttSettings, payload: &str, is_seen: bool) -> Result<(), String> {
    let topic = alarm_topic(mqtt);
    connected(mqtt, |connection, until_ns| {
        accept(connection, until_ns)?;
        tell(connection, (&topic, payload), is_seen, until_ns)
    })
}

/// Does this on a connection, until a time at the latest.
fn connected(
    mqtt: &MqttSettings,
    work: impl FnOnce(&mut ShortConnection, MonoNs) -> Result<(), String>,
) -> Result<(), String> {
    let begin = || {
        let nudge = Nudge::new().map_err(|error| error.to_string())?;
        ShortConnection::begin(mqtt, &client_id(), nudge)
    };
    let done = begin().and_then(|mut connection| {
        let done = work(&mut connection, SystemClock.mono_ns() + ALL_MAX_NS);
        connection.end();
        done
    });
    done.map_err(|why| format!("{}: {why}", mqtt.broker))
}

/// Another one each time: two connections of one id end each other. It has 22 letters; brokers need not take more than 23
/// [3.1.3.1].
fn client_id() -> String {
    format!("powerlogger_alarm_{:04x}", fastrand::u16(..))
}

fn is_late(until_ns: MonoNs) -> bool {
    SystemClock.mono_ns() >= until_ns
}

fn accept(connection: &mut ShortConnection, until_ns: MonoNs) -> Result<(), String> {
    while !connection.session().is_accepted() {
        if is_late(until_ns) {
            return Err("it does not answer in time".to_owned());
        }
        connection.exchange(until_ns)?;
    }
    Ok(())
}

fn tell(
    connection: &mut ShortConnection,
    (topic, payload): (&str, &str),
    is_seen: bool,
    mut until_ns: MonoNs,
) -> Result<(), String> {
    let now_ns = SystemClock.mono_ns();
    if is_seen {
        connection.session().subscribe(&[topic.to_owned()], now_ns);
    }
    connection.session().publish_once(topic, payload, now_ns);
    let (mut is_taken, mut is_read, mut is_deaf) = (false, !is_seen, false);
    while !(is_taken && is_read) {
        if is_late(until_ns) || is_taken && is_deaf {
            return Err(late(is_taken, topic));
        }
        for event in connection.exchange(until_ns)? {
            match event {
                SessionEvent::Arrived(_) => {
                    is_taken = true;
                    until_ns = until_ns.min(SystemClock.mono_ns() + COMES_BACK_MAX_NS);
                }
                SessionEvent::Message(message) => is_read |= message.payload == payload.as_bytes(),
                SessionEvent::RefusedFilters(_) => is_deaf = true,
                SessionEvent::Accepted => {}
            }
        }
    }
    Ok(())
}

fn late(is_taken: bool, topic: &str) -> String {
    if !is_taken {
        return "it does not acknowledge the message in time".to_owned();
    }
    format!(
        "it acknowledges what is published to {topic} and does not pass it on: allow the user to write that topic (and to read \
         it, by which this is tried) in the access rules of the broker"
    )
}

#[cfg(test)]
#[path = "once_tests.rs"]
mod tests;
