//! Every query of the Grafana dashboard on a real InfluxDB with known data: what Grafana would show is right.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::support::influxd::Influxd;
use crate::support::remote::{OPERATOR, ORG, Remote};
use jiff::{Timestamp, ToSpan, Unit, ZonedDateTime};
use serde_json::{Value, json};

const DASHBOARD: &str = include_str!("../../dist/grafana/powerlogger.json");

/// Meters that never change: seconds between two pulses, all of 1000 imp/kWh.
const METERS: [(&str, i64, f64); 3] = [
    ("Import", 5, 720.0),
    ("Generate", 5, 720.0),
    ("Export", 10, 360.0),
];

/// What the house then takes, in watts.
const HOUSE_W: f64 = 1_080.0;

const DAY_S: i64 = 86_400;
const HOUR_S: i64 = 3_600;

fn dashboard() -> Value {
    serde_json::from_str(DASHBOARD).unwrap()
}

/// The queries of the panel with this title.
fn queries(title: &str) -> Vec<String> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let panel = panels.iter().find(|panel| panel["title"] == title);
    let targets = panel.unwrap_or_else(|| panic!("no panel {title}"))["targets"]
        .as_array()
        .unwrap();
    targets
        .iter()
        .map(|target| target["query"].as_str().unwrap().to_owned())
        .collect()
}

/// A query as Grafana sends it: its constants, then the range and the width of a pixel.
fn sent(query: &str, constants: &[(&str, &str)], from_s: i64, to_s: i64, period: &str) -> String {
    let dashboard = dashboard();
    let mut query = query.to_owned();
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        let name = variable["name"].as_str().unwrap();
        if variable["type"] != "constant" {
            continue;
        }
        let own = constants
            .iter()
            .find(|(of, _)| *of == name)
            .map(|(_, value)| *value);
        let value = own.unwrap_or_else(|| variable["query"].as_str().unwrap());
        query = query.replace(&format!("${{{name}}}"), value);
    }
    let at = |second: i64| Timestamp::from_second(second).unwrap().to_string();
    query
        .replace("v.timeRangeStart", &at(from_s))
        .replace("v.timeRangeStop", &at(to_s))
        .replace("v.windowPeriod", period)
}

/// A row of an answer: what is in which column.
type Row = BTreeMap<String, String>;

fn ask(server: &Remote, query: &str) -> Vec<Row> {
    asked(server, json!({ "query": query }))
}

/// The same as if it were `now_s`.
fn ask_at(server: &Remote, query: &str, now_s: i64) -> Vec<Row> {
    let now = Timestamp::from_second(now_s).unwrap().to_string();
    asked(server, json!({ "query": query, "now": now }))
}

fn asked(server: &Remote, mut body: Value) -> Vec<Row> {
    let query = body["query"].as_str().unwrap().to_owned();
    body["dialect"] = json!({ "annotations": [] });
    assert!(!query.contains("${"), "a variable is missing: {query}");
    let path = format!("/api/v2/query?org={ORG}");
    let headers = [
        ("Content-Type", "application/json"),
        ("Accept", "application/csv"),
    ];
    let answer = server
        .client(Some(OPERATOR))
        .request("POST", &path, &headers, body.to_string().as_bytes())
        .unwrap();
    assert_eq!(answer.status, 200, "{}\n{query}", answer.body);
    let (mut rows, mut head) = (Vec::new(), Vec::new());
    for line in answer.body.lines().map(|line| line.trim_end_matches('\r')) {
        let fields: Vec<&str> = line.split(',').collect();
        if line.is_empty() {
            head.clear();
        } else if head.is_empty() {
            head = fields.iter().map(|name| (*name).to_owned()).collect();
        } else {
            let fields = fields.iter().map(|field| (*field).to_owned());
            rows.push(head.iter().cloned().zip(fields).collect());
        }
    }
    rows
}

fn number(row: &Row, column: &str) -> f64 {
    row[column]
        .parse()
        .unwrap_or_else(|_| panic!("{column} in {row:?}"))
}

fn second(row: &Row) -> i64 {
    row["_time"].parse::<Timestamp>().unwrap().as_second()
}

/// Writes a point each `width_s` seconds from `from_s` on: as many pulses as come meanwhile.
fn fill(server: &Remote, bucket: &str, width_s: Option<i64>, from_s: i64, to_s: i64) {
    let mut body = String::new();
    let write = |body: &mut String| {
        let path = format!("/api/v2/write?org={ORG}&bucket={bucket}&precision=s");
        let answer = server
            .client(Some(OPERATOR))
            .request("POST", &path, &[], body.as_bytes())
            .unwrap();
        assert_eq!(answer.status, 204, "{}", answer.body);
        body.clear();
    };
    for (meter, apart_s, _) in METERS {
        let step_s = width_s.unwrap_or(apart_s);
        let mut at_s = from_s - from_s.rem_euclid(step_s);
        while at_s < to_s {
            writeln!(
                body,
                "PowerPulse,PulseType={meter} Pulse={}i {at_s}",
                step_s / apart_s
            )
            .unwrap();
            at_s += step_s;
            if body.len() > 1 << 20 {
                write(&mut body);
            }
        }
    }
    write(&mut body);
}

/// Buckets with some years of the meters, until `now_s`. Minutes of long ago are there for one day.
fn filled(server: &Remote, now_s: i64) {
    for bucket in ["raw", "1m", "5m", "1h"] {
        server.create_bucket(&format!("PowerLogger_{bucket}"), 0);
    }
    fill(server, "PowerLogger_raw", None, now_s - 7 * HOUR_S, now_s);
    fill(server, "PowerLogger_1m", Some(60), now_s - 3 * DAY_S, now_s);
    fill(
        server,
        "PowerLogger_1m",
        Some(60),
        now_s - 62 * DAY_S,
        now_s - 59 * DAY_S,
    );
    fill(
        server,
        "PowerLogger_5m",
        Some(300),
        now_s - 100 * DAY_S,
        now_s,
    );
    fill(
        server,
        "PowerLogger_1h",
        Some(HOUR_S),
        now_s - 1_300 * DAY_S,
        now_s,
    );
}

fn power_is_what_the_meters_take_at_every_zoom(server: &Remote, now_s: i64) {
    for (ago_s, length_s, period) in [
        (0, HOUR_S, "10s"),
        (0, 6 * HOUR_S, "20s"),
        (0, DAY_S, "1m0s"),
        (0, 2 * DAY_S, "1m30s"),
        (60 * DAY_S, DAY_S, "1m0s"),
        (60 * DAY_S, 3 * HOUR_S, "10s"),
        (0, 30 * DAY_S, "20m0s"),
        (0, 90 * DAY_S, "1h12m0s"),
        (400 * DAY_S, 7 * DAY_S, "5m0s"),
        (0, 900 * DAY_S, "15h0m0s"),
    ] {
        let (from_s, to_s) = (now_s - ago_s - length_s + 7, now_s - ago_s);
        let mut seen = BTreeSet::new();
        for query in queries("Power") {
            let rows = ask(server, &sent(&query, &[], from_s, to_s, period));
            assert!(!rows.is_empty(), "{period} {length_s}");
            for row in rows {
                let known = METERS.iter().find(|meter| meter.0 == row["PulseType"]);
                let want = known.map_or(HOUSE_W, |meter| meter.2);
                let got = number(&row, "_value");
                assert!(
                    (got - want).abs() < 1e-6,
                    "{want} W, not {got}: {period} {length_s} {row:?}"
                );
                seen.insert(row["PulseType"].clone());
            }
        }
        assert_eq!(seen.len(), 4, "{seen:?}");
    }
}

/// Kilowatt-hours of a meter over so many seconds.
fn kwh(meter: &str, seconds: i64) -> f64 {
    let (_, apart_s, _) = METERS.iter().find(|of| of.0 == meter).unwrap();
    #[expect(clippy::cast_precision_loss, reason = "some years of seconds")]
    let pulses = (seconds / apart_s) as f64;
    pulses / 1_000.0
}

/// The local period that a stamp begins, as seconds; it must begin one.
fn period_s(row: &Row, zone: &str, unit: Unit) -> i64 {
    let begin = row["_time"]
        .parse::<Timestamp>()
        .unwrap()
        .in_tz(zone)
        .unwrap();
    let start = begin.start_of_day().unwrap();
    assert_eq!(begin, start, "a bar begins a local day");
    let next = match unit {
        Unit::Day => begin.tomorrow().unwrap(),
        Unit::Month => begin.checked_add(1.month()).unwrap(),
        _ => begin.checked_add(1.year()).unwrap(),
    };
    next.start_of_day().unwrap().timestamp().as_second() - begin.timestamp().as_second()
}

fn bars_are_whole_local_periods(server: &Remote, now_s: i64) {
    for zone in ["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"] {
        for (title, unit, days) in [
            ("Energy by day", Unit::Day, 30),
            ("Energy by day", Unit::Day, 400),
            ("Energy by month", Unit::Month, 365),
            ("Energy by year", Unit::Year, 900),
        ] {
            // Hours do not fall on the days of all zones.
            let off_the_hour = zone != "Europe/Berlin" && days > 333;
            let query = &queries(title)[0];
            let constants = [("time_zone", zone)];
            // The bar under way is a part, and the views have not begun before their own.
            let rows = ask(
                server,
                &sent(query, &constants, now_s - days * DAY_S, now_s, "1h0m0s"),
            );
            let newest = rows.iter().map(second).max().unwrap();
            assert!(rows.len() >= 3);
            for row in rows.iter().filter(|row| second(row) != newest) {
                let want = kwh(&row["PulseType"], period_s(row, zone, unit));
                let slack = if off_the_hour {
                    kwh(&row["PulseType"], HOUR_S)
                } else {
                    1e-6
                };
                let got = number(row, "_value");
                assert!(
                    (got - want).abs() <= slack,
                    "{want} kWh, not {got}: {title} {zone} {row:?}"
                );
            }
        }
    }
}

fn days_of_the_house_add_up(server: &Remote, now_s: i64) {
    let query = &queries("House by day")[0];
    let rows = ask(
        server,
        &sent(query, &[], now_s - 40 * DAY_S, now_s, "1h0m0s"),
    );
    let newest = rows.iter().map(second).max().unwrap();
    assert!(rows.len() > 35);
    for row in rows.iter().filter(|row| second(row) != newest) {
        let seconds = period_s(row, "Europe/Berlin", Unit::Day);
        let (bought, sold, made) = (
            kwh("Import", seconds),
            kwh("Export", seconds),
            kwh("Generate", seconds),
        );
        let near = |column: &str, want: f64| {
            let got = number(row, column);
            assert!((got - want).abs() < 1e-6, "{column}: {want}, not {got}");
        };
        near("House", bought + made - sold);
        near("Own use", made - sold);
        near("Self-consumption", (made - sold) / made);
        near("Autarky", (made - sold) / (bought + made - sold));
    }
}

/// What stands beside each meter in a panel of single numbers at `now_s`.
fn singles(server: &Remote, title: &str, zone: &str, now_s: i64) -> BTreeMap<String, f64> {
    let query = sent(&queries(title)[0], &[("time_zone", zone)], 0, 1, "10s");
    let rows = ask_at(server, &query, now_s);
    rows.iter()
        .map(|row| (row["PulseType"].clone(), number(row, "_value")))
        .collect()
}

fn single_numbers_are_those_of_the_local_day(server: &Remote, now_s: i64) {
    let now = Timestamp::from_second(now_s).unwrap();
    for zone in ["Europe/Berlin", "Asia/Kathmandu", "Pacific/Auckland"] {
        let today = now.in_tz(zone).unwrap().start_of_day().unwrap();
        let month = today.first_of_month().unwrap();
        let yesterday = today.yesterday().unwrap();
        let since = |start: &ZonedDateTime| now_s - start.timestamp().as_second();
        for (title, start) in [("Today", &today), ("This month", &month)] {
            for (meter, got) in singles(server, title, zone, now_s) {
                let want = kwh(&meter, since(start));
                // Minutes under way.
                let slack = kwh(&meter, 180);
                assert!(
                    (got - want).abs() <= slack,
                    "{title} {zone} {meter}: {want} kWh, not {got}"
                );
            }
        }
        let day_s = today.timestamp().as_second() - yesterday.timestamp().as_second();
        for (meter, got) in singles(server, "Yesterday", zone, now_s) {
            let want = kwh(&meter, day_s);
            assert!(
                (got - want).abs() < 1e-6,
                "yesterday {zone} {meter}: {want} kWh, not {got}"
            );
        }
    }
}

#[test]
fn every_panel_shows_what_is_so() {
    let Some(server) = Influxd::start("every_panel_shows_what_is_so") else {
        return;
    };
    let now_s = Timestamp::now().as_second();
    filled(&server, now_s);
    power_is_what_the_meters_take_at_every_zoom(&server, now_s);
    bars_are_whole_local_periods(&server, now_s);
    days_of_the_house_add_up(&server, now_s);
    single_numbers_are_those_of_the_local_day(&server, now_s);

    // What the meters took, and less and less when no more pulses come.
    for (silence_s, least) in [(0, 1.0 - 1e-9), (60, 1.0 / 15.0)] {
        let power = singles(&server, "Power now", "UTC", now_s + silence_s);
        assert_eq!(power.len(), METERS.len(), "{power:?}");
        for (meter, got) in power {
            let (_, apart_s, want) = METERS.iter().find(|of| of.0 == meter).unwrap();
            let most = want * (*apart_s as f64 / silence_s as f64).min(1.0);
            assert!(
                (want * least..=most + 1e-6).contains(&got),
                "{meter} after {silence_s} s: {got} W"
            );
        }
    }
    let cost = ask(
        &server,
        &sent(
            &queries("Cost by month")[0],
            &[],
            now_s - 90 * DAY_S,
            now_s,
            "1h0m0s",
        ),
    );
    let newest = cost.iter().map(second).max().unwrap();
    for row in cost.iter().filter(|row| second(row) != newest) {
        let price = if row["PulseType"] == "Import" {
            0.3
        } else {
            -0.08
        };
        let want = kwh(
            &row["PulseType"],
            period_s(row, "Europe/Berlin", Unit::Month),
        ) * price;
        assert!((number(row, "_value") - want).abs() < 1e-6, "{row:?}");
    }
    let last = sent(&queries("Last pulse")[0], &[], 0, 1, "10s");
    let last = ask_at(&server, &last, now_s);
    assert_eq!(last.len(), METERS.len());
    for row in last {
        let at = row["Last pulse"].parse::<Timestamp>().unwrap().as_second();
        assert!((now_s - 10..=now_s).contains(&at), "{row:?}");
    }
}

#[test]
fn the_dashboard_names_no_server_and_all_its_variables_exist() {
    let dashboard = dashboard();
    let variables: BTreeSet<&str> = dashboard["templating"]["list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| variable["name"].as_str().unwrap())
        .collect();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert_eq!(panel["datasource"]["uid"], "${ds}", "{}", panel["title"]);
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"]["uid"], "${ds}");
            let query = target["query"].as_str().unwrap();
            for used in query.split("${").skip(1) {
                let name = used.split('}').next().unwrap();
                assert!(variables.contains(name), "{name} in {}", panel["title"]);
            }
        }
    }
}
