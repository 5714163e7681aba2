//! The scripts of the three tasks, and which other scripts write into our buckets.

use crate::config::InfluxSettings;
use crate::deliver::batch::FIELD;
use crate::influx::flux;
use crate::rollup::{Level, TASK_OFFSET_S, View};

/// The task of a view: every pulse in the window it belongs to, stamped at the window's start,
/// directly from raw.
///
/// Both bounds are cut to whole windows, so that a run at an odd time (by hand) neither writes a
/// partial window nor leaves a stray point; `_start` because `aggregateWindow` otherwise stamps a window
/// with its end, which belongs to the next one (flux `stdlib/universe/universe.flux`). `createEmpty:
/// false`: where raw has expired a run writes nothing.
pub fn script(influx: &InfluxSettings, view: View, installation: &str) -> String {
    let width = view.as_str();
    format!(
        "// Made by `powerlogger setup`, which also repairs it.\n\
         import \"date\"\n\n\
         option task = {{name: {name}, every: {width}, offset: {TASK_OFFSET_S}s}}\n\n\
         stop = date.truncate(t: now(), unit: {width})\n\
         start = date.truncate(t: date.sub(from: stop, d: {reach}m), unit: {width})\n\n\
         from(bucket: {raw})\n    \
         |> range(start: start, stop: stop)\n    \
         |> filter(fn: (r) => r._measurement == {measurement} and r._field == {field})\n    \
         |> aggregateWindow(every: {width}, fn: sum, timeSrc: \"_start\", createEmpty: false)\n    \
         |> to(bucket: {to}, org: {org})\n",
        name = flux::string(&name(view, installation)),
        reach = view.reach_s() / 60,
        raw = flux::string(influx.bucket(Level::Raw)),
        measurement = flux::string(&influx.measurement),
        field = flux::string(FIELD),
        to = flux::string(influx.bucket(Level::View(view))),
        org = flux::string(&influx.org),
    )
}

/// The name of the task of a view. It holds nothing that somebody else chose: the server refuses
/// names with `${`.
pub fn name(view: View, installation: &str) -> String {
    format!("PowerLogger {} {installation}", view.as_str())
}

/// Whether a script writes into the bucket with this name or id. It is read as text: a name that is put
/// together at run time is not seen.
pub fn writes_to(script: &str, bucket: &str, bucket_id: Option<&str>) -> bool {
    let literal = flux::string(bucket);
    let calls = script.split("to(").skip(1);
    calls.into_iter().any(|call| {
        let arguments = call.split(')').next().unwrap_or_default();
        let by_id = bucket_id.is_some_and(|id| arguments.contains(&flux::string(id)));
        by_id || names_bucket(arguments, &literal) || names_variable(script, arguments, &literal)
    })
}

fn names_bucket(arguments: &str, literal: &str) -> bool {
    value_of(arguments, "bucket").is_some_and(|value| value.starts_with(literal))
}

/// `to(bucket: target)` with `target = "…"` elsewhere.
fn names_variable(script: &str, arguments: &str, literal: &str) -> bool {
    let Some(value) = value_of(arguments, "bucket") else {
        return false;
    };
    let end = value.find(|c: char| !c.is_alphanumeric() && c != '_');
    let name = &value[..end.unwrap_or(value.len())];
    !name.is_empty()
        && script.lines().any(|line| {
            let assigned = line.trim().strip_prefix(name);
            let assigned = assigned.and_then(|rest| rest.trim_start().strip_prefix('='));
            assigned.is_some_and(|value| value.trim().starts_with(literal))
        })
}

fn value_of<'a>(arguments: &'a str, name: &str) -> Option<&'a str> {
    let at = arguments.find(name)?;
    let rest = arguments[at + name.len()..].trim_start();
    rest.strip_prefix(':').map(str::trim_start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_that_write_into_a_bucket_are_known() {
        let writes = |script| writes_to(script, "PL_1m", Some("0123456789abcdef"));
        assert!(writes(
            "from(bucket: \"a\") |> to(bucket: \"PL_1m\", org: \"o\")"
        ));
        assert!(writes("x |> to( org: \"o\",\n bucket :  \"PL_1m\")"));
        assert!(writes("x |> to(bucketID: \"0123456789abcdef\")"));
        assert!(writes(
            "target = \"PL_1m\"\nx |> to(bucket: target, org: o)"
        ));
        assert!(!writes(
            "from(bucket: \"PL_1m\") |> to(bucket: \"other\", org: \"o\")"
        ));
        assert!(!writes("x |> to(bucket: \"PL_1m_copy\", org: \"o\")"));
        assert!(!writes("x |> to(bucket: \"other\", org: \"PL_1m\")"));
    }
}
