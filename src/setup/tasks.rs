//! The scripts of the three tasks, and which other scripts write into our buckets.

use crate::config::InfluxSettings;
use crate::influx::{flux, is_id};
use crate::model::{COST_FIELD, ENERGY_FIELD, FIELD, POWER_FIELD, TASK_OFFSET_S, Tier, View};

/// The task of a view: every pulse in the window it belongs to, stamped at the window's start,
/// directly from raw.
///
/// Both bounds are cut to whole windows, so that a run at an odd time (by hand) neither writes a
/// partial window nor leaves a stray point; `_start` because `aggregateWindow` otherwise stamps a window
/// with its end, which belongs to the next one (flux `stdlib/universe/universe.flux`). `createEmpty:
/// false`: where raw has expired a run writes nothing.
pub fn script(influx: &InfluxSettings, view: View, installation: &str) -> String {
    if influx.extra_fields.energy {
        return script_with_extras(influx, view, installation);
    }
    let to = to(influx, view);
    format!(
        "{head}\
         from(bucket: {raw})\n    \
         |> range(start: start, stop: stop)\n    \
         |> filter(fn: (r) => r._measurement == {measurement} and r._field == {field})\n    \
         |> aggregateWindow(every: {width}, fn: sum, timeSrc: \"_start\", createEmpty: false)\n    \
         |> {to})\n",
        head = head(view, installation),
        raw = flux::string(influx.bucket(Tier::Raw)),
        measurement = flux::string(&influx.measurement),
        field = flux::string(FIELD),
        width = view.as_str(),
    )
}

/// The same with extra fields. A window has a field where all of its pulses have that in raw, as they have not in those in which
/// it was switched on; else the sum of a part would be taken for the whole. Where a run fails for another type of that field, its windows are
/// written by the daemon once they are settled.
fn script_with_extras(influx: &InfluxSettings, view: View, installation: &str) -> String {
    let to = to(influx, view);
    let mut script = format!(
        "{head}\
         field = (name) => from(bucket: {raw})\n    \
         |> range(start: start, stop: stop)\n    \
         |> filter(fn: (r) => r._measurement == {measurement} and r._field == name)\n\
         windows = (tables=<-, fn, name) => tables\n    \
         |> aggregateWindow(every: {width}, fn: fn, timeSrc: \"_start\", createEmpty: false)\n    \
         |> set(key: \"_field\", value: name)\n\n\
         field(name: {field})\n    \
         |> windows(fn: sum, name: {field})\n    \
         |> {to})\n    \
         |> yield(name: \"pulses\")\n",
        head = head(view, installation),
        width = view.as_str(),
        raw = flux::string(influx.bucket(Tier::Raw)),
        measurement = flux::string(&influx.measurement),
        field = flux::string(FIELD),
    );
    script += &sums_of_known("Energy", ENERGY_FIELD, &energy_fields(influx, view), &to);
    if influx.extra_fields.cost {
        let cost = format!("\"{COST_FIELD}\": r.{COST_FIELD}");
        script += &sums_of_known("Cost", COST_FIELD, &cost, &to);
    }
    script
}

/// What each task begins with: what it is called, when it runs, and over which whole windows.
fn head(view: View, installation: &str) -> String {
    format!(
        "// Made by `powerlogger setup`, which also repairs it.\n\
         import \"date\"\n\n\
         option task = {{name: {name}, every: {width}, offset: {TASK_OFFSET_S}s}}\n\n\
         stop = date.truncate(t: now(), unit: {width})\n\
         start = date.truncate(t: date.sub(from: stop, d: {reach}m), unit: {width})\n\n",
        name = flux::string(&name(view, installation)),
        width = view.as_str(),
        reach = view.reach_s() / 60,
    )
}

/// The call that writes into the bucket of a view, still open.
fn to(influx: &InfluxSettings, view: View) -> String {
    format!(
        "to(bucket: {}, {}: {}",
        flux::string(influx.bucket(Tier::View(view))),
        if is_id(&influx.org) { "orgID" } else { "org" },
        flux::string(&influx.org),
    )
}

/// What is written of the energy of a window.
fn energy_fields(influx: &InfluxSettings, view: View) -> String {
    let energy = format!("\"{ENERGY_FIELD}\": r.{ENERGY_FIELD}");
    if !influx.extra_fields.power {
        return energy;
    }
    let per_hour = 3_600.0 / view.width_s() as f64;
    format!("{energy}, \"{POWER_FIELD}\": r.{ENERGY_FIELD} * {per_hour:.1}")
}

/// The part of the script that sums up `field` of raw, where all pulses of a window have it, and writes `fields`.
fn sums_of_known(title: &str, field: &str, fields: &str, to: &str) -> String {
    format!(
        "\n// {title} of the windows all of whose pulses have one.\n\
         union(tables: [\n    \
         field(name: {pulses}) |> windows(fn: count, name: \"pulses\") |> toFloat(),\n    \
         field(name: {of}) |> windows(fn: count, name: \"known\") |> toFloat(),\n    \
         field(name: {of}) |> windows(fn: sum, name: {of}) |> toFloat(),\n\
         ])\n    \
         |> group(columns: [\"_time\", \"_value\", \"_field\"], mode: \"except\")\n    \
         |> pivot(rowKey: [\"_time\"], columnKey: [\"_field\"], valueColumn: \"_value\")\n    \
         |> filter(fn: (r) => exists r.known and r.pulses == r.known)\n    \
         |> {to}, fieldFn: (r) => ({{{fields}}}))\n    \
         |> yield(name: \"{yielded}\")\n",
        pulses = flux::string(FIELD),
        of = flux::string(field),
        yielded = title.to_lowercase(),
    )
}

/// The name of the task of a view. It holds nothing that a user chose: the server refuses
/// names with `${`.
pub fn name(view: View, installation: &str) -> String {
    format!("PowerLogger {} {installation}", view.as_str())
}

/// Whether a script writes into the bucket with this name or id. It is read as text: a name that is put
/// together at run time is not seen.
pub fn writes_to(script: &str, bucket: &str, bucket_id: Option<&str>) -> bool {
    let code = code_of(script);
    let names = |(from, to): (usize, usize), argument: &str, wanted: &str| {
        let Some(at) = value_of(&code[from..to], argument) else {
            return false;
        };
        let literal = flux::string(wanted);
        let value = &script[from + at..];
        value.starts_with(&literal) || is_assigned(script, identifier(value), &literal)
    };
    calls_of_to(&code).into_iter().any(|call| {
        names(call, "bucket", bucket) || bucket_id.is_some_and(|id| names(call, "bucketID", id))
    })
}

/// The script byte for byte, with blanks for what is inside of texts, comments and regular expressions:
/// brackets and names found in it are those of the code.
fn code_of(script: &str) -> String {
    let mut code = String::with_capacity(script.len());
    // What ends the part that is being blanked out.
    let mut until: Option<u8> = None;
    let mut bytes = script.bytes().peekable();
    while let Some(byte) = bytes.next() {
        let shown = match until {
            Some(b'\n') if byte != b'\n' => b' ',
            Some(end) if byte == end => {
                until = None;
                byte
            }
            Some(_) => {
                if byte == b'\\' && bytes.next().is_some() {
                    code.push(' ');
                }
                b' '
            }
            None => {
                until = match byte {
                    b'"' => Some(b'"'),
                    b'/' if bytes.peek() == Some(&b'/') => Some(b'\n'),
                    b'/' if code.trim_end().ends_with('~') => Some(b'/'),
                    _ => None,
                };
                byte
            }
        };
        // A letter of a name may be any; here it needs to be one byte.
        code.push(if shown.is_ascii() { shown.into() } else { '_' });
    }
    code
}

/// Where the arguments of each call of `to` and its kin stand.
fn calls_of_to(code: &str) -> Vec<(usize, usize)> {
    let after = |name: &str| names_in(code, name);
    let ends = after("to").into_iter().chain(after("wideTo"));
    ends.filter_map(|end| {
        let open = end + (code.len() - end - code[end..].trim_start().len());
        let mut depth = 0_usize;
        for (at, c) in code[open..].char_indices() {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return (c == ')').then_some((open, open + at));
            }
        }
        None
    })
    .collect()
}

/// Where each whole name like this ends.
fn names_in(code: &str, name: &str) -> Vec<usize> {
    let found = code.match_indices(name).filter(|(at, _)| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        !code[..*at].ends_with(is_part) && !code[at + name.len()..].starts_with(is_part)
    });
    found.map(|(at, _)| at + name.len()).collect()
}

/// Where the value of an argument begins.
fn value_of(arguments: &str, name: &str) -> Option<usize> {
    names_in(arguments, name).into_iter().find_map(|end| {
        let value = arguments[end..].trim_start().strip_prefix(':')?;
        Some(arguments.len() - value.trim_start().len())
    })
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

/// `to(bucket: target)` with `target = "…"` elsewhere.
fn is_assigned(script: &str, name: &str, literal: &str) -> bool {
    !name.is_empty()
        && script.lines().any(|line| {
            let assigned = line.trim().strip_prefix(name);
            let assigned = assigned.and_then(|rest| rest.trim_start().strip_prefix('='));
            assigned.is_some_and(|value| value.trim().starts_with(literal))
        })
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
        assert!(writes("x |> to (org: \"my bucket\", bucket: \"PL_1m\")"));
        assert!(writes("x |> to(org: \"a) b\", bucket: \"PL_1m\")"));
        assert!(writes("x |> to(org: f(a: 1), bucket: \"PL_1m\")"));
        assert!(writes("x |> influxdb.wideTo(bucket: \"PL_1m\") |> yield()"));
        assert!(writes("id = \"0123456789abcdef\"\nx |> to(bucketID: id)"));
        assert!(writes(
            "x |> filter(fn: (r) => r.t =~ /\"/) |> to(bucket: \"PL_1m\")"
        ));
        assert!(writes("größe = 1 // \"\nx |> to(bucket: \"PL_1m\")"));
        assert!(!writes("// x |> to(bucket: \"PL_1m\")\nx"));
        assert!(!writes("x |> goto(bucket: \"PL_1m\")"));
        assert!(!writes("s = \"to(bucket: \\\"PL_1m\\\")\""));
        assert!(!writes("x |> to(bucket: \"PL_1m"));
    }

    #[test]
    fn buckets_with_any_name_are_found_where_they_are_written() {
        for bucket in [
            "c (1m)",
            "a) b",
            "größer, 日",
            "1m ${y}",
            "back\\slash",
            "//",
        ] {
            let literal = flux::string(bucket);
            let script = format!("from(bucket: \"x\") |> to(bucket: {literal}, org: \"o\")");
            assert!(writes_to(&script, bucket, None), "{script}");
            assert!(!writes_to(&script, "other", None), "{script}");
        }
    }
}
