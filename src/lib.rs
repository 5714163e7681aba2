//! PowerLogger: counts the pulses of electricity meters and keeps every one.
//!
//! ```text
//!  edge ──▶ pulse ──▶ journal ──▶ deliver ──▶ InfluxDB 2
//!  capture/          (SQLite)    (cursor,    influx/
//!  gpio | simulated              retry)
//!       | recorded
//! ```
//!
//! The rooms, in the order in which a pulse walks through them. `ARCHITECTURE.md` tells the
//! whole way and the invariants; who may call whom is kept true by `tests/layering.rs`.

/// Edges, pulses, meters, causes of loss: pure data.
pub mod pulse;

/// Asks the time; ties monotonic stamps to wall time by clock segments.
pub mod clock;

/// Edges in, pulses out: sources, the filter, gaps.
pub mod capture;

/// The queue in memory between capture and the journal.
pub mod intake;

/// The SQLite file that keeps every pulse, and the marks of what is durable and delivered.
pub mod journal;

/// A small InfluxDB 2 client that knows nothing of the rest.
pub mod influx;

/// From the journal to a server: batches, verdicts, retries, what is delivered.
pub mod deliver;

/// One snapshot of truth, for whoever shows it.
pub mod status;

/// The line of state in the log.
pub mod report;

/// Settings: what the configuration says, checked and typed.
pub mod config;

/// Signals, and the order of the end.
pub mod shutdown;

/// The command line.
pub mod cli;

/// The assembly of all rooms.
pub mod daemon;
