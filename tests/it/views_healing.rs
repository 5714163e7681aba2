//! Healing that others stand in the way of: a server that comes late. Against the fake and a real InfluxDB 2.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "real servers need real time; a test that cannot go on may panic"
)]

use std::fs;

use crate::support::remote::{Remote, on_both};
use crate::support::views::{QUICK, audit, powerlogger, start};
use crate::support::wait::{PATIENCE, wait_until};
use serde_json::Value;

#[test]
fn a_server_that_comes_hours_after_counting_began_is_equal_at_once() {
    on_both(
        "a_server_that_comes_hours_after_counting_began_is_equal_at_once",
        check_a_server_that_comes_late,
    );
}

fn check_a_server_that_comes_late(server: &Remote) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("powerlogger.toml"), QUICK).unwrap();
    let args = ["run", "--simulate", "--from=-5h", "--for", "299 min"];
    let (code, said) = powerlogger(&dir, &[&args[..], &["--speed", "max"]].concat());
    assert_eq!(code, 0, "{said}");
    fs::write(
        dir.path().join(".env"),
        crate::support::views::dotenv(server),
    )
    .unwrap();
    let (code, said) = powerlogger(&dir, &["setup"]);
    assert_eq!(code, 0, "{said}");
    let daemon = start(&dir);
    wait_until("the audit to be content", PATIENCE, || {
        let audit = audit(&dir);
        let levels = audit["levels"].as_array().unwrap();
        let pulses = |level: &Value| {
            let totals = level["totals"].as_object().unwrap().values();
            totals.map(|t| t["server"].as_i64().unwrap()).sum::<i64>()
        };
        audit["left"] == 0 && levels[..3].iter().all(|level| pulses(level) > 0)
    });
    drop(daemon);
}
