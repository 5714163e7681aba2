//! Extra fields in points (`influx.extra_fields`) on a real InfluxDB 2: what they say, that it is said again by whoever writes
//! the point again, that they disturb no pulse, and how they are switched on and off.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeMap;
use std::fs;

use crate::support::fake_influx::shapes;
use crate::support::influxd::Influxd;
use crate::support::remote::{OPERATOR, ORG, Remote, on_both};
use crate::support::views::{
    QUICK, audit, day, empty_buckets, equal, powerlogger, set_up, start, start_with,
    wait_until_equal,
};
use crate::support::wait::{PATIENCE, wait_for};
use powerlogger::journal::Reader;
use powerlogger::model::View;
use serde_json::{Value, json};

const BOTH: &str = "[influx]\nextra_fields = [\"energy_wh\", \"power_w\"]";

const COSTS: &str = "[influx]\nextra_fields = [\"energy_wh\", \"cost\"]";

/// Import by the quarter hour, export always the same.
const TARIFFS: &str = "[[tariff]]
dynamic_prices = \"prices.csv\"
dynamic_factor = 0.001
surcharge_per_kwh = 0.10
[[tariff]]
direction = \"feed_in\"
price_per_kwh = 0.08
";

/// The price of the quarter hour that begins then, per MWh; of every seventh none is known.
fn price_per_mwh(start_s: i64) -> Option<f64> {
    let number = start_s / 900;
    (number % 7 != 0).then_some(100.0 + (number % 11) as f64 * 10.0)
}

/// What a pulse of a meter costs.
fn pulse_cost(meter: &str, at_s: i64) -> Option<f64> {
    let per_kwh = match meter {
        "Import" => price_per_mwh(at_s - at_s.rem_euclid(900))? * 0.001 + 0.10,
        "Export" => -0.08,
        _ => return None,
    };
    Some(per_kwh * 0.001)
}

/// Meters, and what a pulse of each is worth, in Wh.
const METERS: [(&str, f64); 3] = [("Import", 1.0), ("Export", 1.0), ("Generate", 0.5)];

/// Quick, with these meters, and this in place of `[influx]`.
fn config(influx: &str) -> String {
    let mut toml = QUICK.replace("[influx]", influx);
    for (line, (meter, worth_wh)) in (20..).zip(METERS) {
        let imp_per_kwh = 1_000.0 / worth_wh;
        toml +=
            &format!("[[meter]]\nname = \"{meter}\"\nline = {line}\nimp_per_kwh = {imp_per_kwh}\n");
    }
    toml
}

/// Points of a bucket: by meter and time, the pulses, and what stands beside them.
type Points = BTreeMap<(String, String), (f64, Option<f64>, Option<f64>)>;

fn points(server: &Remote, bucket: &str) -> Points {
    let script = format!(
        "from(bucket: {bucket:?}) |> range(start: -20d) |> filter(fn: (r) => r._measurement == \"PowerPulse\")
         |> toFloat() |> pivot(rowKey: [\"_time\"], columnKey: [\"_field\"], valueColumn: \"_value\")"
    );
    let mut points = Points::new();
    let client = server.client(Some(OPERATOR));
    client
        .query(&script, None, &mut |row| {
            let number = |name| row.get(name).and_then(|text| text.parse::<f64>().ok());
            let text = |name| row.get(name).unwrap().to_owned();
            let point = (
                number("Pulse").unwrap(),
                number("energy_wh"),
                number("power_w"),
            );
            points.insert((text("PulseType"), text("_time")), point);
        })
        .unwrap();
    points
}

/// The same without the last day: the server itself runs the tasks over the last hours, while pulses come.
fn settled_points(server: &Remote, bucket: &str) -> Points {
    let day_ago = jiff::Timestamp::now() - jiff::Span::new().hours(24);
    let mut points = points(server, bucket);
    points.retain(|(_, time), _| time.parse::<jiff::Timestamp>().unwrap() < day_ago);
    points
}

/// Seconds of the windows in a bucket; None: it holds pulses.
const BUCKETS: [(&str, Option<i32>); 4] = [
    ("simulated_raw", None),
    ("simulated_1m", Some(60)),
    ("simulated_5m", Some(300)),
    ("simulated_1h", Some(3_600)),
];

/// Each point says what its pulses are worth.
fn assert_all_say_it(server: &Remote) {
    for (bucket, width_s) in BUCKETS {
        let points = settled_points(server, bucket);
        assert!(points.len() > 20, "{bucket}: {}", points.len());
        for (key, (pulses, energy_wh, power_w)) in points {
            let worth = METERS.iter().find(|(meter, _)| *meter == key.0);
            let want_wh = pulses * worth.unwrap().1;
            let want_w = width_s.map(|width_s| want_wh * 3_600.0 / f64::from(width_s));
            assert_eq!(energy_wh, Some(want_wh), "{bucket} {key:?}");
            assert_eq!(power_w, want_w, "{bucket} {key:?}");
        }
    }
}

fn configure(dir: &tempfile::TempDir, influx: &str) {
    fs::write(dir.path().join("powerlogger.toml"), config(influx)).unwrap();
}

/// The texts of the three tasks.
fn tasks(server: &Remote) -> Vec<String> {
    let listed = server.call("GET", &format!("/api/v2/tasks?org={ORG}"), None);
    let tasks = listed["tasks"].as_array().unwrap().iter();
    tasks
        .map(|task| task["flux"].as_str().unwrap().to_owned())
        .collect()
}

/// Runs the three tasks as they are run at the end of an hour.
fn run_tasks(server: &Remote, end: jiff::Timestamp) {
    for task in tasks(server) {
        let body = json!({ "query": task, "now": end.to_string() });
        let headers = [("Content-Type", "application/json")];
        let path = format!("/api/v2/query?org={ORG}");
        let client = server.client(Some(OPERATOR));
        let answer = client.request("POST", &path, &headers, body.to_string().as_bytes());
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{}\n{task}", answer.body);
        assert!(!answer.body.contains("error"), "{}", answer.body);
    }
}

/// The end of the hour with most pulses, of those that have hours before them.
fn a_busy_hour_s_end(server: &Remote) -> jiff::Timestamp {
    let time = |text: &String| text.parse::<jiff::Timestamp>().unwrap();
    let hours = points(server, "simulated_1h");
    let first = hours.keys().map(|(_, at)| time(at)).min().unwrap();
    let later = hours
        .iter()
        .filter(|((_, at), _)| time(at) > first + jiff::Span::new().hours(3));
    let busy = later.max_by(|a, b| a.1.0.total_cmp(&b.1.0)).unwrap();
    time(&busy.0.1) + jiff::Span::new().hours(1)
}

/// Deletes what the views hold.
fn empty_views(server: &Remote) {
    let all = json!({ "start": "2000-01-01T00:00:00Z", "stop": "2100-01-01T00:00:00Z" });
    for (bucket, width_s) in BUCKETS {
        if width_s.is_some() {
            let path = format!("/api/v2/delete?org={ORG}&bucket={bucket}");
            server.call("POST", &path, Some(&all));
        }
    }
}

#[test]
fn points_say_what_their_pulses_are_worth_whoever_writes_them() {
    let test = "points_say_what_their_pulses_are_worth_whoever_writes_them";
    let Some(server) = Influxd::start(test) else {
        return;
    };
    let dir = set_up(&server, &config(BOTH));
    let (code, said) = powerlogger(&dir, &["setup"]);
    assert!(code == 0 && !said.contains("repair"), "{said}");
    day(&dir, 3 * 24);
    let counted = wait_until_equal(&dir, "a day to be equal");
    assert!(counted > 5_000, "{counted}");
    assert_all_say_it(&server);

    // What was lost is sent and written again, as it was.
    empty_buckets(&server, "2000-01-01T00:00:00Z");
    assert_eq!(wait_until_equal(&dir, "all to be there again"), counted);
    assert_all_say_it(&server);

    // A task, run as it was at the end of some hour of that day, which has hours before it.
    let end = a_busy_hour_s_end(&server);
    let by_daemon = BUCKETS.map(|(bucket, _)| points(&server, bucket));
    empty_views(&server);
    run_tasks(&server, end);
    for ((bucket, width_s), before) in BUCKETS.into_iter().zip(by_daemon) {
        let by_task = settled_points(&server, bucket);
        assert!(by_task.len() > 1, "{bucket}");
        for (key, point) in &by_task {
            // Tasks leave out windows without pulses.
            assert_eq!(before.get(key), Some(point), "{bucket} {key:?} {width_s:?}");
        }
    }
}

/// Points of a bucket: by meter and second, the pulses and what they cost. Of the last day none, as in
/// [`settled_points`].
fn costs(server: &Remote, bucket: &str) -> BTreeMap<(String, i64), (f64, Option<f64>)> {
    let script = format!(
        "from(bucket: {bucket:?}) |> range(start: -20d, stop: -1d)
         |> filter(fn: (r) => r._measurement == \"PowerPulse\" and (r._field == \"Pulse\" or r._field == \"cost\"))
         |> toFloat() |> pivot(rowKey: [\"_time\"], columnKey: [\"_field\"], valueColumn: \"_value\")"
    );
    let mut points = BTreeMap::new();
    let client = server.client(Some(OPERATOR));
    client
        .query(&script, None, &mut |row| {
            let number = |name| row.get(name).and_then(|text| text.parse::<f64>().ok());
            let at = row
                .get("_time")
                .unwrap()
                .parse::<jiff::Timestamp>()
                .unwrap();
            let key = (row.get("PulseType").unwrap().to_owned(), at.as_second());
            let (pulses, cost): &mut (f64, Option<f64>) = points.entry(key).or_default();
            // Two pulses may share a second.
            *pulses += number("Pulse").unwrap();
            *cost = number("cost").map(|more| cost.unwrap_or(0.0) + more);
        })
        .unwrap();
    points
}

/// Each point says what its pulses cost, where that is known of all of them; `some`: of a part of the windows.
fn assert_all_say_what_they_cost(server: &Remote, some: bool) {
    let raw = costs(server, "simulated_raw");
    for (bucket, width_s) in BUCKETS {
        let width_s = i64::from(width_s.unwrap_or(1));
        let mut want = BTreeMap::<(String, i64), Option<f64>>::new();
        for ((meter, at_s), (pulses, _)) in &raw {
            let key = (meter.clone(), at_s - at_s.rem_euclid(width_s));
            let sum = want.entry(key).or_insert(Some(0.0));
            let cost = pulse_cost(meter, *at_s).map(|cost| cost * pulses);
            *sum = sum.zip(cost).map(|(sum, cost)| sum + cost);
        }
        let found = costs(server, bucket);
        assert!(some || found.len() > 20, "{bucket}: {}", found.len());
        let mut known = 0;
        for (key, (pulses, cost)) in &found {
            if *pulses == 0.0 {
                assert!(cost.is_none_or(|cost| cost == 0.0), "{bucket} {key:?}");
                continue;
            }
            let want = want[key];
            let is_equal = cost.is_some() == want.is_some()
                && (cost.unwrap_or(0.0) - want.unwrap_or(0.0)).abs() < 1e-9;
            assert!(is_equal, "{bucket} {key:?}: {cost:?}, not {want:?}");
            known += usize::from(cost.is_some());
        }
        // A single hour may have a price for all its quarters, and no sun.
        let of_all = known == found.len();
        assert!(known > 0 && (some || !of_all), "{bucket}: {known} known");
    }
}

fn set_up_with_prices(server: &Remote) -> tempfile::TempDir {
    let dir = set_up(server, &(config(COSTS) + TARIFFS));
    let now_s = jiff::Timestamp::now().as_second();
    let quarters = (now_s / 900 - 10 * 24 * 4..now_s / 900 + 24 * 4).map(|number| number * 900);
    let lines = quarters.filter_map(|at_s| Some(format!("{at_s},{}\n", price_per_mwh(at_s)?)));
    fs::write(dir.path().join("prices.csv"), lines.collect::<String>()).unwrap();
    dir
}

#[test]
fn what_a_killed_daemon_had_not_counted_is_repaired_with_its_cost() {
    let test = "what_a_killed_daemon_had_not_counted_is_repaired_with_its_cost";
    let Some(server) = Influxd::start(test) else {
        return;
    };
    let dir = set_up_with_prices(&server);
    // Hours pass in seconds, and the last day is not reached.
    let running = start_with(&dir, &["--from=-200h", "--speed", "20000"]);
    let open = || Reader::open(&dir.path().join("queue"));
    let uncounted = |reader: &mut Reader| {
        let mut uncounted = 0;
        let counting = reader.each_uncounted(&mut |_, _| uncounted += 1);
        counting.ok().map(|()| uncounted)
    };
    wait_for("a day of windows, and more", PATIENCE, || {
        let mut reader = open().ok()?;
        let windows = reader.windows(View::Hour, 0, i64::MAX).ok()?;
        (windows.len() > 30 && uncounted(&mut reader)? > 0).then_some(())
    });
    drop(running);
    let mut reader = open().unwrap();
    let uncounted = uncounted(&mut reader).unwrap();
    assert!(uncounted > 0, "{uncounted}");
    let (code, said) = powerlogger(&dir, &["audit", "--since=-10 days", "--repair"]);
    assert_eq!(code, 0, "{uncounted}: {said}");
    let all = reader
        .totals()
        .unwrap()
        .into_iter()
        .map(|meter| meter.pulses);
    assert_eq!(equal(&audit(&dir)), Some(all.sum()));
    assert_all_say_what_they_cost(&server, false);
}

#[test]
fn points_say_what_their_energy_costs_whoever_writes_them() {
    let test = "points_say_what_their_energy_costs_whoever_writes_them";
    let Some(server) = Influxd::start(test) else {
        return;
    };
    let dir = set_up_with_prices(&server);
    day(&dir, 3 * 24);
    let counted = wait_until_equal(&dir, "a day to be equal");
    assert!(counted > 5_000, "{counted}");
    assert_all_say_what_they_cost(&server, false);

    empty_buckets(&server, "2000-01-01T00:00:00Z");
    assert_eq!(wait_until_equal(&dir, "all to be there again"), counted);
    assert_all_say_what_they_cost(&server, false);

    let end = a_busy_hour_s_end(&server);
    empty_views(&server);
    run_tasks(&server, end);
    assert_all_say_what_they_cost(&server, true);
}

#[test]
fn they_are_switched_on_and_off_and_no_pulse_cares() {
    let Some(server) = Influxd::start("they_are_switched_on_and_off_and_no_pulse_cares") else {
        return;
    };
    let dir = set_up(&server, &config("[influx]"));
    let plain = tasks(&server);
    day(&dir, 4 * 24);
    let first = wait_until_equal(&dir, "a day without them to be equal");
    let none = |points: &Points| points.values().all(|point| point.1.or(point.2).is_none());
    assert!(none(&points(&server, "simulated_raw")) && none(&points(&server, "simulated_1h")));

    // On: the tasks are other ones now, which `verify` says.
    configure(&dir, BOTH);
    let (_, said) = powerlogger(&dir, &["verify"]);
    assert!(said.contains("powerlogger setup"), "{said}");
    let (code, said) = powerlogger(&dir, &["setup"]);
    assert_eq!(code, 0, "{said}");
    assert!(tasks(&server).iter().all(|task| task.contains("energy_wh")));
    day(&dir, 3 * 24);
    let both = wait_until_equal(&dir, "a day with them to be equal");
    assert!(both > first);
    let raw = points(&server, "simulated_raw");
    // The house has gone on meanwhile: a few more.
    let with = raw.values().filter(|point| point.1.is_some()).count();
    let without = i64::try_from(raw.len() - with).unwrap();
    let with = i64::try_from(with).unwrap();
    assert!(without >= first && with >= both - first, "{with} {without}");
    // What says nothing is not wrong: it is left alone.
    assert_eq!(equal(&audit(&dir)), Some(both));

    // Off again.
    configure(&dir, "[influx]");
    let (code, said) = powerlogger(&dir, &["setup"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(tasks(&server), plain);
    empty_buckets(&server, "2000-01-01T00:00:00Z");
    assert_eq!(wait_until_equal(&dir, "all without them"), both);
    // A run of a task that had begun before may write once more, of the last hours.
    for (bucket, _) in BUCKETS {
        assert!(none(&settled_points(&server, bucket)), "{bucket}");
    }
}

/// Another program has written an extra field with another type into the days of the pulses.
fn another_type(server: &Remote, buckets: &[&str]) {
    let now_s = jiff::Timestamp::now().as_second();
    for bucket in buckets {
        let mut body = String::new();
        // Also into the day that may begin meanwhile.
        for hours in -24..5 * 24 {
            let at_s = now_s - hours * 3_600;
            body += &format!("PowerPulse,PulseType=Other energy_wh=1i,power_w=\"much\" {at_s}\n");
        }
        let path = format!("/api/v2/write?org={ORG}&bucket={bucket}&precision=s");
        let client = server.client(Some(OPERATOR));
        let answer = client.request("POST", &path, &[], body.as_bytes()).unwrap();
        assert_eq!(answer.status, 204, "{}", answer.body);
    }
}

#[test]
fn another_type_of_theirs_costs_no_pulse() {
    on_both("another_type_of_theirs_costs_no_pulse", |server| {
        let own = format!("{BOTH}\ndownsampling = \"client\"\nraw = true");
        let dir = set_up(server, &config(&own));
        another_type(server, &["simulated_raw", "simulated_1h"]);
        day(&dir, 3 * 24);
        let counted = wait_until_equal(&dir, "a day to be equal all the same");
        assert!(counted > 5_000, "{counted}");
        let running = start(&dir);
        let status = wait_for("delivery that is well", PATIENCE, || {
            let (_, status) = powerlogger(&dir, &["status", "--json"]);
            let status: Value = serde_json::from_str(&status).ok()?;
            (status["delivery"]["state"] == "ok").then_some(status)
        });
        drop(running);
        // It is the other program's field still.
        let of_energy = [
            ("bucket", "\"simulated_raw\""),
            ("start", "2000-01-01T00:00:00Z"),
            ("stop", "2100-01-01T00:00:00Z"),
            ("measurement", "\"PowerPulse\""),
            ("field", "\"energy_wh\""),
        ];
        let energy = server.flux(&shapes::fill(shapes::POINTS, &of_energy));
        assert_eq!(energy.len(), 6 * 24);
        assert!(energy.iter().all(|row| row["PulseType"] == "Other"));
        for meter in status["meters"].as_array().unwrap() {
            assert_eq!(meter["losses"], json!([]), "nothing is in quarantine");
        }
    });
}
