//! The daemon's HTTP server: the API, health and metrics, over a unix socket and over TCP, in a thread of its own.
//!
//! A request comes in through `listen`, is served by `server` within its limits, passes the `guard`, and is
//! answered by a handler of `api` or `health` from what [`source`] knows. Whatever is refused is a `problem`.
//! Nothing of it can keep the daemon from counting: it shares no lock with capture, asks the disk on threads of its
//! own, and a socket that cannot be had is tried again while all else goes on.

pub mod source;

mod amounts;
mod amounts_read;
mod api;
mod assets;
mod connections;
mod day_read;
mod deadline;
mod doors;
mod guard;
mod health;
mod in_use;
mod listen;
mod metrics;
mod networks;
mod past_months;
mod problem;
mod query;
mod served;
mod server;
mod worth_sums;
mod write_access;

pub use server::{Doors, Web};
