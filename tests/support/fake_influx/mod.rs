//! A fake InfluxDB 2: [`store`] answers writes as v2.9.1 does, [`fault`] spoils them; in memory for
//! virtual time ([`memory`]), behind a loopback HTTP server for real time ([`server`]). The contract
//! test holds the store against the real server.

pub mod fault;
pub mod memory;
pub mod server;
pub mod store;

#[allow(unused_imports, reason = "each test uses its part")]
pub use self::{
    fault::Fault,
    memory::{MemorySink, Remote},
    server::Server,
    store::{Reply, Store, Write},
};
