//! What several tests share: a fake InfluxDB 2, and the real one.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "each test uses its part; real servers need real time; skips are printed"
)]

pub mod fake_influx;
pub mod influxd;

/// Says that a test has not run, on a line that begins so and can be counted.
pub fn skip(name: &str, why: &str) {
    eprintln!("\nskipped: {name} ({why})");
}

/// Waits until `holds`, and fails with `what` when that takes too long.
pub fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !holds() {
        assert!(std::time::Instant::now() < deadline, "no {what} in time");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
