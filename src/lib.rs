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
//! | [`model`] | The vocabulary: edges, pulses, meters, windows, stamps, losses. Pure data. |
//! | [`text`] | Numbers and names as people read and write them. |
//! | [`civil`] | Times as people write and read them, and their zone. |
//! | [`clock`] | Asks the time; ties monotonic stamps to wall time by clock segments. |
//! | [`capture`] | Edges in, pulses out: sources, the filter, gaps. |
//! | [`tune`] | Which settings fit what comes on a line: findings, recommendation, meters that are known. |
//! | [`live`] | How everything stands now: one board in memory, which all stages publish to. |
//! | [`intake`] | The queue in memory between capture and the journal. |
//! | [`energy`] | What pulses mean: power and flow, house load, local days, money, the register. |
//! | [`journal`] | The SQLite file that keeps every pulse, and the marks of what is durable and delivered. |
//! | [`tls`] | Secure connections: which certificates are trusted. |
//! | [`influx`] | A small InfluxDB 2 client that knows nothing of the rest. |
//! | [`server`] | What all who speak with the server share: connection, meaning of answers, waits. |
//! | [`deliver`] | From the journal to a server: batches, verdicts, retries, what is delivered. |
//! | [`reconcile`] | Makes the server's raw bucket and views equal to the journal. |
//! | [`import`] | Pulses from elsewhere: the Python edition's queue, files, damaged journals. |
//! | [`export`] | Pulses or windows of a period as text. |
//! | [`backup`] | Copies of the journal, made while the daemon goes on. |
//! | [`setup`] | Makes and repairs the server's buckets, tasks and tokens, by plan. |
//! | [`status`] | One snapshot of truth and its conditions; the line of state in the log, and systemd's. |
//! | [`verify`] | Checks from the wire to the server, with what to do. |
//! | [`answers`] | The answers that commands and the API share, and how a command asks the daemon that runs. |
//! | [`watch`] | What comes on lines at this moment: free ones, and through the daemon its own. |
//! | [`web`] | The daemon's HTTP server: the page, its API, metrics and health. |
//! | [`mqtt`] | Publishes how everything stands by MQTT, and tells Home Assistant what there is. |
//! | [`system`] | systemd (ready, alive, descriptors kept over a restart) and signals. |
//! | [`owner`] | Whose a directory is, and how root works in it. |
//! | [`config`] | Settings: what the configuration says, checked and typed. |
//! | [`start`] | Puts a run together: the source, what earlier runs left, the server. |
//! | [`daemon`] | The assembly of all rooms. |
//! | [`cli`] | The command line. |

pub mod answers;
pub mod backup;
pub mod capture;
pub mod civil;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod deliver;
pub mod energy;
pub mod export;
pub mod import;
pub mod influx;
pub mod intake;
pub mod journal;
pub mod live;
pub mod model;
pub mod mqtt;
pub mod owner;
pub mod reconcile;
pub mod server;
pub mod setup;
pub mod start;
pub mod status;
pub mod system;
pub mod text;
pub mod tls;
pub mod tune;
pub mod verify;
pub mod watch;
pub mod web;
