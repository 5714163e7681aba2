//! What tests share: an InfluxDB 2 that is a fake, and one that is real; the daemon, real lines, failing disks.

#![allow(
    unreachable_pub,
    missing_docs,
    reason = "nothing outside the tests sees it"
)]

pub mod browser;
pub(crate) mod chance;
pub mod daemon;
pub mod disk;
#[allow(
    dead_code,
    unused_imports,
    reason = "the simulation and the power cuts use the rest"
)]
pub mod fake_influx;
pub mod gpio;
pub mod grafana;
pub(crate) mod home_assistant;
pub mod hooks;
pub mod influxd;
pub mod management_cases;
pub(crate) mod mosquitto;
pub mod port;
pub mod program;
pub mod prometheus;
pub mod recording;
pub mod remote;
pub mod tls;
pub mod views;
pub mod wait;
pub mod write_cases;
