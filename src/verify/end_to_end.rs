//! The check that a point which is written comes back.

use super::check::{Check, Checks};
use super::error::VerifyError;
use crate::clock::{Clock, SystemClock};
use crate::config::InfluxSettings;
use crate::influx::error::chain;
use crate::influx::line_protocol::LineEncoder;
use crate::influx::{Client, flux};
use crate::model::{FIELD, TAG};

/// A point goes to a series of its own, comes back, and is deleted again.
pub(super) fn end_to_end(
    client: &Client,
    influx: &InfluxSettings,
    checks: &mut Checks<'_>,
) -> Result<(), VerifyError> {
    let what = "end to end";
    let measurement = format!("{}_verify", influx.measurement);
    let meter = format!("verify-{:08x}", fastrand::u32(..));
    let wall_ns = SystemClock.wall_ns();
    let Ok(line) = LineEncoder::new(&measurement, &[(TAG, &meter)], FIELD) else {
        return Ok(());
    };
    let mut body = Vec::new();
    line.push(&mut body, 1, wall_ns.0);
    let began_ns = SystemClock.mono_ns();
    let check = match client.write(&influx.raw_bucket, &body, false) {
        Err(error) => {
            let remedy = "the point was not taken; the checks above tell why";
            Check::bad(what, chain(&error), remedy)
        }
        Ok(()) => {
            let now_s = wall_ns.s();
            let reading = format!(
                "from(bucket: {}) |> range(start: {}, stop: {}) |> filter(fn: (r) => r._measurement == {} \
                 and r.{TAG} == {})",
                flux::string(&influx.raw_bucket),
                flux::time_s(now_s - 60),
                flux::time_s(now_s + 60),
                flux::string(&measurement),
                flux::string(&meter),
            );
            let mut found = 0;
            let read = client.query(&reading, None, &mut |_| found += 1);
            let took_ms = (SystemClock.mono_ns() - began_ns) / 1_000_000;
            let span = (flux::time_s(now_s - 60), flux::time_s(now_s + 60));
            let predicate = format!(
                "_measurement={} AND {TAG}={}",
                quoted(&measurement),
                quoted(&meter)
            );
            let deleted = client.delete_points(
                &influx.org,
                &influx.raw_bucket,
                (&span.0, &span.1),
                &predicate,
            );
            match (read, found, deleted) {
                (Ok(()), 1, Ok(())) => {
                    let seen = format!("a point came back after {took_ms} ms and was deleted");
                    Check::good(what, seen)
                }
                (Ok(()), 1, Err(error)) => Check::note(
                    what,
                    format!("a point came back after {took_ms} ms"),
                    format!("it could not be deleted again ({})", chain(&error)),
                ),
                (Ok(()), n, _) => {
                    let seen = format!("written, and {n} points came back");
                    Check::bad(what, seen, "is the server's clock right?")
                }
                (Err(error), ..) => Check::bad(
                    what,
                    chain(&error),
                    "the token may write and not read: run setup",
                ),
            }
        }
    };
    checks.add(check)
}

/// A name in the predicate of a deletion.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}
