//! A fake InfluxDB 2 that answers a write as v2.9.1 does, and fails on demand.
//!
//! [`api`] answers for buckets, tasks, tokens and queries. Of Flux it knows the scripts that the program sends
//! ([`shapes`], answered by [`queries`]).
//! [`store`] holds what was written and knows every answer; [`fault`] says what may go wrong;
//! [`memory_sink`] puts both behind delivery's seam, [`memory_server`] behind the reconciler's,
//! without sockets and in virtual time; [`server`] puts them behind a real socket.
//! [`rights`] says what a token may. `tests/it/influx_contract.rs` and
//! `tests/it/influx_management_contract.rs` compare its answers with those of a real server.

pub mod api;
pub mod duration;
pub mod fault;
pub mod http;
pub mod lines;
pub mod memory_server;
pub mod memory_sink;
pub mod options;
pub mod queries;
pub mod reply;
pub mod retention;
pub mod rights;
pub mod server;
pub mod shapes;
pub mod store;

pub use fault::Fault;
pub use memory_server::MemoryServer;
pub use memory_sink::MemorySink;
pub use reply::Reply;
pub use server::FakeInflux;
pub use store::{Notebook, Store, Write};
