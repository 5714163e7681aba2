//! The reconciler: makes the server's raw bucket and views equal to the journal, whatever happened to
//! the server, its tasks or the network meanwhile, without having to guess which.
//!
//! A window has one lawful writer at any moment: while it is young the Flux task of its view, which
//! recomputes it from raw at each tick; once no tick reaches it any more, the daemon. It reads back
//! what the server has, compares it with the journal's windows ([`compare`]) and writes what differs;
//! pulses that raw lacks are sent again. All of it is idempotent.
//!
//! Each level (raw, 1m, 5m, 1h) is a lane of its own, so that one missing bucket does not hold up the
//! others: first windows that have changed since they were compared, then those that are due for
//! the first time, then what is to be looked at once more (`lane`): the last two days at the start, once
//! a day and when the server has been away, and all that is older where something was missing.

pub mod audit;
pub mod compare;
pub mod examine;
pub mod from_raw;
pub mod influx_server;
pub mod period;
pub mod server;

mod held;
mod lane;
mod lost;
mod point_queue;
mod raw;
mod reconciler;
mod step;
mod tell;
mod trouble;
mod turn;

pub use reconciler::{Reconciler, Writers};
pub use step::ReconcileStep;
