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
//!
//! | room | its job |
//! |---|---|
//! | [`pulse`] | Edges, pulses, meters, causes of loss: pure data. |
//! | [`civil`] | Times as people write them, and their zone. |
//! | [`clock`] | Asks the time; ties monotonic stamps to wall time by clock segments. |
//! | [`capture`] | Edges in, pulses out: sources, the filter, gaps. |
//! | [`intake`] | The queue in memory between capture and the journal. |
//! | [`rollup`] | Windows and views: 1m, 5m, 1h. |
//! | [`energy`] | What pulses mean: power, flow. |
//! | [`journal`] | The SQLite file that keeps every pulse, and the marks of what is durable and delivered. |
//! | [`influx`] | A small InfluxDB 2 client that knows nothing of the rest. |
//! | [`deliver`] | From the journal to a server: batches, verdicts, retries, what is delivered. |
//! | [`reconcile`] | Makes the server's raw bucket and views equal to the journal. |
//! | [`import`] | Pulses from elsewhere: the Python edition's queue, files, damaged journals. |
//! | [`setup`] | Makes and repairs the server's buckets, tasks and tokens, by plan. |
//! | [`register`] | Kilowatt-hours on a meter's face, from a reading and the pulses since. |
//! | [`status`] | One snapshot of truth, for whoever shows it. |
//! | [`report`] | The line of state in the log. |
//! | [`service`] | systemd: ready, alive, descriptors kept over a restart. |
//! | [`owner`] | Whose a directory is, and how root works in it. |
//! | [`config`] | Settings: what the configuration says, checked and typed. |
//! | [`shutdown`] | Signals, and the order of the end. |
//! | [`cli`] | The command line. |
//! | [`daemon`] | The assembly of all rooms. |

pub mod capture;
pub mod civil;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod deliver;
pub mod energy;
pub mod import;
pub mod influx;
pub mod intake;
pub mod journal;
pub mod owner;
pub mod pulse;
pub mod reconcile;
pub mod register;
pub mod report;
pub mod rollup;
pub mod service;
pub mod setup;
pub mod shutdown;
pub mod status;
