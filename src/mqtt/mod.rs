//! MQTT: what the board shows, published for Home Assistant and whoever else reads plain numbers on topics.
//!
//! | file | does |
//! |---|---|
//! | `packet` | Packets of MQTT 3.1.1 as bytes. |
//! | `session` | One connection, without the connection: what is under way, pings, deadlines. |
//! | `outgoing` | What is to be said and when; the newest value of each topic. |
//! | `talk` | What is said from the begin of a connection to its end, and whether it comes back. |
//! | `picture`, `values`, `units`, `discovery`, `names`, `page` | What stands on which topic. |
//! | `memory`, `identity`, `keeping` | Names that stay, and where something stands at the broker. |
//! | `trouble` | What is told of a broker that cannot be used. |
//! | `check` | What `verify` tries. |
//! | `once`, `short` | A message that is told once, over a connection of its own: alarms. |
//! | `wire`, `nudge`, `around`, `connection`, `client`, `shared`, `publishing` | The socket, the connection, the thread, and what it shares. |
//!
//! Nothing of it can keep the daemon from counting: it shares no lock with capture, has one thread of its own, and holds
//! no more than one message a topic, however long the broker is away.

mod around;
mod check;
mod client;
mod connection;
mod discovery;
mod identity;
mod keeping;
mod memory;
mod names;
mod nudge;
mod once;
mod outgoing;
pub mod packet;
mod page;
mod picture;
mod publishing;
mod session;
mod shared;
mod short;
mod talk;
mod trouble;
mod units;
mod values;
mod wire;

pub use check::{BrokerCheck, check};
pub use once::{alarm_topic, broker_answers, tell_alarm};
pub use publishing::Publishing;
pub use shared::MqttInUse;
