//! Retention as InfluxDB v2.9.1 applies it to a write (`v1/coordinator/points_writer.go`,
//! `v1/services/meta/data.go`).

use std::collections::BTreeSet;

use super::lines::Line;

const HOUR_NS: i64 = 3_600_000_000_000;
const DAY_NS: i64 = 24 * HOUR_NS;

/// Groups are cut from Monday, 1 January of the year 1; 1970 began on a Thursday.
const WEEK_SHIFT_NS: i64 = 3 * DAY_NS;

/// How long a shard group is, when the bucket did not say.
pub fn group_ns(retention_ns: i64) -> i64 {
    match retention_ns {
        0 => 7 * DAY_NS,
        r if r >= 180 * DAY_NS => 7 * DAY_NS,
        r if r >= 2 * DAY_NS => DAY_NS,
        _ => HOUR_NS,
    }
}

/// The start of the shard group of a stamp (not exact at the very ends of time).
pub fn group_start(ts_ns: i64, retention_ns: i64) -> i64 {
    let length = group_ns(retention_ns);
    let shift = if length == 7 * DAY_NS {
        WEEK_SHIFT_NS
    } else {
        0
    };
    ts_ns.saturating_sub(ts_ns.saturating_add(shift).rem_euclid(length))
}

/// Parts the points that are kept from those that are too old. One that is too old is kept when
/// another of the same request opens its shard group.
pub fn split(lines: Vec<Line>, retention_ns: i64, now_ns: i64) -> (Vec<Line>, Vec<Line>) {
    if retention_ns == 0 {
        return (lines, Vec::new());
    }
    let oldest = now_ns - retention_ns;
    let group = |line: &Line| group_start(line.ts_ns, retention_ns);
    let open: BTreeSet<i64> = lines
        .iter()
        .filter(|line| line.ts_ns >= oldest)
        .map(group)
        .collect();
    lines
        .into_iter()
        .partition(|line| open.contains(&group(line)))
}

/// What the server says about points that are too old.
pub fn message(expired: &[Line], retention_ns: i64, now_ns: i64) -> Option<String> {
    let oldest = expired.iter().min_by_key(|line| line.ts_ns)?;
    let newest = expired.iter().max_by_key(|line| line.ts_ns)?;
    let bound = stamp(now_ns - retention_ns);
    let because = |line: &Line| {
        let (name, at) = (&line.series, stamp(line.ts_ns));
        format!(
            "point {name} at {at} dropped because it violates a Retention Policy Lower Bound at {bound}"
        )
    };
    Some(format!(
        "dropped {} points outside retention policy of duration {} - oldest {}, newest {}",
        expired.len(),
        duration(retention_ns),
        because(oldest),
        because(newest),
    ))
}

fn stamp(ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(ns))
        .expect("in range")
        .to_string()
}

/// As Go writes durations of whole seconds.
fn duration(ns: i64) -> String {
    let seconds = ns / 1_000_000_000;
    format!("{}h{}m{}s", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
