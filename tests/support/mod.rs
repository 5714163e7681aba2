//! What several tests share: an InfluxDB 2 that is a fake, and one that is real.

#![allow(dead_code, reason = "each test uses its part")]
#![allow(
    unreachable_pub,
    unused_imports,
    missing_docs,
    reason = "a test is a crate of its own"
)]

pub mod fake_influx;
pub mod influxd;
pub mod management_cases;
pub mod program;
pub mod remote;
pub mod tls;
pub mod wait;
pub mod write_cases;
