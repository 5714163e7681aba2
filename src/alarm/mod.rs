//! Alarms: what has begun to be wrong, and what has ended, told once each, to those whom the configuration names; and
//! the heartbeat, whose silence is noticed elsewhere.
//!
//! The main thread leaves what is wrong ([`look`]) in the [`AlarmFeed`], from the board alone. The [`AlarmStage`], in a
//! thread of its own, has the pure parts decide: the [`machine`] what is told, with its hysteresis, the [`desk`] when
//! (quiet hours, digest), the [`heart`] whether all is well. What must outlive the process goes to the journal's writer
//! by the shelf, before it is told. Nothing of it is waited for by what counts.

pub mod desk;
pub mod feed;
pub mod heart;
pub mod look;
pub mod losses;
pub mod machine;
pub mod message;
pub mod quiet;
pub mod sink;
pub mod stage;

mod broker;
mod configured;
mod heartbeat;
mod http;
mod mail;
mod receiver;
mod webhook;

pub use configured::{reachable, sinks};
pub use feed::AlarmFeed;
pub use message::AlarmMessage;
pub use sink::{AlarmSink, SinkError};
pub use stage::{AlarmSite, AlarmStage};
