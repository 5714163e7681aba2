//! What `verify` tries: whether the broker takes us, and whether what is published comes back.

use super::nudge::Nudge;
use super::session::{Session, SessionEvent};
use super::short::ShortConnection;
use super::talk::ONLINE;
use crate::clock::{Clock, SystemClock};
use crate::config::MqttSettings;
use crate::model::NS_PER_S;

/// How long it is waited for what is published: longer than for an answer, which is told apart from that.
const COMES_BACK_MAX_NS: i64 = 12 * NS_PER_S;

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BrokerCheck {
    /// Why the broker cannot be used, with what to do; None: it takes us.
    pub failed: Option<String>,
    /// Topics on which what was published does not come back.
    pub silent: Vec<String>,
    /// What stands on the topic of the state: `online` where a daemon publishes.
    pub status: Option<String>,
}

/// Tries it, without leaving anything at the broker. `id`: the installation's name, as the journal has it.
///
/// # Errors
/// When the process may open no more descriptors.
pub fn check(mqtt: &MqttSettings, id: &str) -> std::io::Result<BrokerCheck> {
    let mut seen = BrokerCheck::default();
    let nudge = Nudge::new()?;
    let node = format!("powerlogger_{id}");
    let status = format!("{}/status", mqtt.prefix);
    let mut topics = vec![format!("{}/verify", mqtt.prefix)];
    if mqtt.discovery {
        // Home Assistant takes an empty message for one that takes an entity away that is not there.
        let prefix = &mqtt.discovery_prefix;
        topics.push(format!("{prefix}/sensor/{node}/verify/config"));
    }
    let id = format!("{node}_verify");
    let mut connection = match ShortConnection::begin(mqtt, &id, nudge) {
        Ok(connection) => connection,
        Err(why) => {
            seen.failed = Some(why);
            return Ok(seen);
        }
    };
    let mut filters = topics.clone();
    filters.push(status.clone());
    seen.silent.clone_from(&topics);
    let named = (&topics[..], &filters[..], status.as_str());
    let until_ns = SystemClock.mono_ns() + COMES_BACK_MAX_NS;
    // What stands there comes before what is published now.
    while !(connection.session().is_accepted() && seen.silent.is_empty())
        && SystemClock.mono_ns() < until_ns
    {
        let events = match connection.exchange(until_ns) {
            Ok(events) => events,
            Err(why) => {
                seen.failed = Some(why);
                return Ok(seen);
            }
        };
        for event in events {
            take(event, connection.session(), &mut seen, named);
        }
    }
    connection.end();
    Ok(seen)
}

fn take(
    event: SessionEvent,
    session: &mut Session,
    seen: &mut BrokerCheck,
    (topics, filters, status): (&[String], &[String], &str),
) {
    let now_ns = SystemClock.mono_ns();
    match event {
        SessionEvent::Accepted => {
            session.subscribe(filters, now_ns);
            for topic in topics {
                session.publish_once(topic, "", now_ns);
            }
        }
        SessionEvent::Message(message) if message.topic == status => {
            seen.status = Some(String::from_utf8_lossy(&message.payload).into_owned());
        }
        SessionEvent::Message(message) => seen.silent.retain(|topic| *topic != message.topic),
        SessionEvent::RefusedFilters(_) | SessionEvent::Arrived(_) => {}
    }
}

impl BrokerCheck {
    /// Whether a daemon publishes there.
    pub fn is_online(&self) -> bool {
        self.status.as_deref() == Some(ONLINE)
    }
}
