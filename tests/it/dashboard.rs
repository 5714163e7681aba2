//! Every query of the Grafana dashboard for InfluxDB on a real one with known data: what Grafana would show is right, at
//! moments around both changes of summer time.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::support::grafana::{Dashboard, folder};
use crate::support::influxd::Influxd;
use crate::support::remote::{OPERATOR, ORG, Remote};
use jiff::civil::Weekday;
use jiff::{Timestamp, ToSpan, Unit, ZonedDateTime};
use serde_json::json;

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

/// A view has a window so long after its end, in seconds.
const WRITTEN_AFTER_S: i64 = 15;

/// The buckets: width of their points, and how far back those are that the tests make.
const BUCKETS: [(&str, Option<i64>, i64); 4] = [
    ("PowerLogger_raw", None, 2 * DAY_S),
    ("PowerLogger_1m", Some(60), 3 * DAY_S),
    ("PowerLogger_5m", Some(300), 100 * DAY_S),
    ("PowerLogger_1h", Some(HOUR_S), 1_300 * DAY_S),
];

/// Berlin's day of 25 hours, seconds after an hour has ended, and the day after it; the last seconds of its day of 23
/// hours and the first ones of the next, a Monday; a day like others.
const MOMENTS: [&str; 5] = [
    "2025-10-26T17:00:10Z",
    "2025-10-27T08:00:00Z",
    "2026-03-29T21:59:30Z",
    "2026-03-29T22:00:20Z",
    "2026-06-17T13:20:40Z",
];

const BERLIN: &str = "Europe/Berlin";

/// A row of an answer: what is in which column.
type Row = BTreeMap<String, String>;

/// The dashboard on a server, at a moment.
struct Shown<'a> {
    server: &'a Remote,
    board: &'a Dashboard,
    now_s: i64,
}

impl Shown<'_> {
    /// The rows that a panel's queries give for this range, where a pixel is so wide.
    fn rows(
        &self,
        title: &str,
        own: &[(&str, &str)],
        (from_s, to_s): (i64, i64),
        period: &str,
    ) -> Vec<Row> {
        let at = |second: i64| format!("{:.9}", Timestamp::from_second(second).unwrap());
        let mut rows = Vec::new();
        for query in self.board.queries(title) {
            let query = self
                .board
                .filled_in(&query, own)
                .replace("v.timeRangeStart", &at(from_s))
                .replace("v.timeRangeStop", &at(to_s))
                .replace("v.windowPeriod", period);
            rows.extend(self.ask(&query));
        }
        rows
    }

    fn ask(&self, query: &str) -> Vec<Row> {
        let now = Timestamp::from_second(self.now_s).unwrap().to_string();
        let body = json!({ "query": query, "now": now, "dialect": { "annotations": [] } });
        let path = format!("/api/v2/query?org={ORG}");
        let headers = [
            ("Content-Type", "application/json"),
            ("Accept", "application/csv"),
        ];
        let answer = self
            .server
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
                // It comes inside a 200.
                assert!(!head.contains(&"error".to_owned()), "{}", answer.body);
            } else {
                let fields = fields.iter().map(|field| (*field).to_owned());
                rows.push(head.iter().cloned().zip(fields).collect());
            }
        }
        rows
    }

    /// The same moment in a zone.
    fn local(&self, zone: &str) -> ZonedDateTime {
        Timestamp::from_second(self.now_s)
            .unwrap()
            .in_tz(zone)
            .unwrap()
    }

    /// What stands beside each meter in a panel of single numbers.
    fn singles(&self, title: &str, own: &[(&str, &str)]) -> BTreeMap<String, f64> {
        let rows = self.rows(title, own, (0, 1), "10s");
        let of_meter = |row: &Row| (row["PulseType"].clone(), number(row, "_value"));
        rows.iter().map(of_meter).collect()
    }

    /// Seconds since then of which the windows of this width are written.
    fn written_since(&self, begin_s: i64, width_s: i64) -> i64 {
        let until_s = self.now_s - WRITTEN_AFTER_S;
        until_s - until_s.rem_euclid(width_s) - begin_s
    }
}

fn number(row: &Row, column: &str) -> f64 {
    row[column]
        .parse()
        .unwrap_or_else(|_| panic!("{column} in {row:?}"))
}

fn second(row: &Row) -> i64 {
    row["_time"].parse::<Timestamp>().unwrap().as_second()
}

fn assert_near(got: f64, want: f64, slack: f64, what: &dyn std::fmt::Debug) {
    assert!((got - want).abs() <= slack, "{want}, not {got}: {what:?}");
}

/// Kilowatt-hours of a meter over so many seconds.
fn kwh(meter: &str, seconds: i64) -> f64 {
    let (_, apart_s, _) = METERS.iter().find(|of| of.0 == meter).unwrap();
    #[expect(clippy::cast_precision_loss, reason = "some years of seconds")]
    let pulses = (seconds / apart_s) as f64;
    pulses / 1_000.0
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
        let pulses = step_s / apart_s;
        let mut at_s = from_s - from_s.rem_euclid(step_s);
        while at_s < to_s {
            writeln!(body, "PowerPulse,PulseType={meter} Pulse={pulses}i {at_s}").unwrap();
            at_s += step_s;
            if body.len() > 1 << 20 {
                write(&mut body);
            }
        }
    }
    write(&mut body);
}

/// The buckets as they are at that moment: the windows that have ended for long enough are there, no others.
fn filled_until(server: &Remote, now_s: i64) {
    for (bucket, width_s, back_s) in BUCKETS {
        let until_s = width_s.map_or(now_s, |width_s| {
            let until_s = now_s - WRITTEN_AFTER_S;
            until_s - until_s.rem_euclid(width_s)
        });
        fill(server, bucket, width_s, now_s - back_s, until_s);
    }
}

fn power_is_what_the_meters_take_at_every_zoom(shown: &Shown<'_>) {
    let now_s = shown.now_s;
    // Minutes of long ago, for one look.
    let (from_s, to_s) = (now_s - 62 * DAY_S, now_s - 59 * DAY_S);
    fill(shown.server, "PowerLogger_1m", Some(60), from_s, to_s);
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
        let range = (now_s - ago_s - length_s + 7, now_s - ago_s);
        let mut seen = BTreeSet::new();
        for row in shown.rows("Power", &[], range, period) {
            let known = METERS.iter().find(|meter| meter.0 == row["PulseType"]);
            let want = known.map_or(HOUSE_W, |meter| meter.2);
            assert_near(
                number(&row, "_value"),
                want,
                1e-6,
                &(period, length_s, &row),
            );
            seen.insert(row["PulseType"].clone());
        }
        assert_eq!(seen.len(), 4, "{seen:?} {period} {length_s}");
    }
}

/// The local period that a stamp begins, as seconds; it must begin one.
fn period_s(row: &Row, zone: &str, unit: Unit) -> i64 {
    let begin = row["_time"].parse::<Timestamp>().unwrap();
    let begin = begin.in_tz(zone).unwrap();
    let (first, length) = match unit {
        Unit::Day => (begin.clone(), 1.day()),
        Unit::Week => (begin.clone(), 7.days()),
        Unit::Month => (begin.first_of_month().unwrap(), 1.month()),
        _ => (begin.first_of_year().unwrap(), 1.year()),
    };
    let start = first.start_of_day().unwrap();
    assert_eq!(begin, start, "a bar begins a local {unit:?}");
    assert!(unit != Unit::Week || begin.weekday() == Weekday::Monday);
    let next = begin.checked_add(length).unwrap().start_of_day().unwrap();
    next.timestamp().as_second() - begin.timestamp().as_second()
}

fn bars_are_whole_local_periods(shown: &Shown<'_>, zones: &[&str], days: &[i64]) {
    let now_s = shown.now_s;
    for zone in zones {
        for days in days {
            for (title, unit) in [
                ("Energy by day", Unit::Day),
                ("Energy by week", Unit::Week),
                ("Energy by month", Unit::Month),
                ("Energy by year", Unit::Year),
            ] {
                // Hours do not fall on the days of all zones.
                let of_hours = *days > 300 || [Unit::Month, Unit::Year].contains(&unit);
                let slack_s = if of_hours && *zone != BERLIN {
                    HOUR_S
                } else {
                    0
                };
                let range = (now_s - days * DAY_S, now_s);
                let rows = shown.rows(title, &[("time_zone", zone)], range, "1h0m0s");
                // The bar under way is a part.
                let newest = rows.iter().map(second).max().unwrap();
                for row in rows.iter().filter(|row| second(row) != newest) {
                    let want = kwh(&row["PulseType"], period_s(row, zone, unit));
                    let slack = kwh(&row["PulseType"], slack_s) + 1e-6;
                    assert_near(number(row, "_value"), want, slack, &(title, zone, days));
                }
                let of_import = rows.iter().filter(|row| row["PulseType"] == "Import");
                let whole_s = match unit {
                    Unit::Day => DAY_S,
                    Unit::Week => 7 * DAY_S,
                    Unit::Month => 31 * DAY_S,
                    _ => 366 * DAY_S,
                };
                let least = usize::try_from(days * DAY_S / whole_s).unwrap();
                assert!(of_import.count() >= least, "{title} {zone} {days}");
            }
        }
    }
}

/// What the house does with these amounts of energy.
fn house_is_right(row: &Row, seconds: i64) {
    let [bought, sold, made] = ["Import", "Export", "Generate"].map(|meter| kwh(meter, seconds));
    for (column, want) in [
        ("House", bought + made - sold),
        ("Own use", made - sold),
        ("Self-consumption", (made - sold) / made),
        ("Autarky", (made - sold) / (bought + made - sold)),
    ] {
        assert_near(number(row, column), want, 1e-6, &(column, row));
    }
}

fn the_house_adds_up(shown: &Shown<'_>) {
    let range = (shown.now_s - 40 * DAY_S, shown.now_s);
    let rows = shown.rows("House by day", &[], range, "1h0m0s");
    let newest = rows.iter().map(second).max().unwrap();
    assert!(rows.len() > 35);
    for row in rows.iter().filter(|row| second(row) != newest) {
        house_is_right(row, period_s(row, BERLIN, Unit::Day));
    }
    let today = shown.local(BERLIN).start_of_day().unwrap();
    let seconds = shown.written_since(today.timestamp().as_second(), 60);
    let rows = shown.rows("House today", &[], (0, 1), "10s");
    // In the first minute of a day there is nothing yet.
    assert_eq!(rows.len(), usize::from(seconds > 0));
    for row in rows {
        house_is_right(&row, seconds);
    }
}

fn single_numbers_are_those_of_the_local_period(shown: &Shown<'_>) {
    for zone in [BERLIN, "Asia/Kathmandu", "Pacific/Auckland"] {
        let own = [("time_zone", zone)];
        let today = shown.local(zone).start_of_day().unwrap();
        let since_monday = today.weekday().since(Weekday::Monday);
        let week = today
            .checked_sub(i64::from(since_monday).days())
            .unwrap()
            .start_of_day()
            .unwrap();
        let yesterday = today.yesterday().unwrap().start_of_day().unwrap();
        for (title, start) in [
            ("Today", &today),
            ("This week", &week),
            ("This month", &today.first_of_month().unwrap()),
            ("This year", &today.first_of_year().unwrap()),
        ] {
            let seconds = shown.written_since(start.timestamp().as_second(), 60);
            let of_hours = title == "This year" && zone == "Asia/Kathmandu";
            let slack_s = if of_hours { HOUR_S } else { 0 };
            let found = shown.singles(title, &own);
            assert_eq!(found.len(), if seconds > 0 { 3 } else { 0 }, "{title}");
            for (meter, got) in found {
                let slack = kwh(&meter, slack_s) + 1e-6;
                assert_near(got, kwh(&meter, seconds), slack, &(title, zone, &meter));
            }
        }
        let day_s = today.timestamp().as_second() - yesterday.timestamp().as_second();
        let found = shown.singles("Yesterday", &own);
        assert_eq!(found.len(), METERS.len());
        for (meter, got) in found {
            assert_near(got, kwh(&meter, day_s), 1e-6, &("Yesterday", zone, &meter));
        }
    }
}

fn every_bucket_has_the_pulses_of_yesterday(shown: &Shown<'_>, hours: i64) {
    let rows = shown.rows("Yesterday in each bucket", &[], (0, 1), "10s");
    assert_eq!(rows.len(), METERS.len());
    for row in rows {
        let want = kwh(&row["PulseType"], hours * HOUR_S) * 1_000.0;
        for bucket in ["raw", "1m", "5m", "1h"] {
            assert_near(number(&row, bucket), want, 0.0, &row);
        }
    }
}

/// What the meters took, and less and less when no more pulses come.
fn power_falls_with_silence(shown: &Shown<'_>) {
    for (silence_s, least) in [(0, 1.0 - 1e-9), (60, 1.0 / 15.0)] {
        let now_s = shown.now_s + silence_s;
        let power = Shown { now_s, ..*shown }.singles("Power now", &[]);
        assert_eq!(power.len(), METERS.len(), "{power:?}");
        for (meter, got) in power {
            let (_, apart_s, want) = METERS.iter().find(|of| of.0 == meter).unwrap();
            #[expect(clippy::cast_precision_loss, reason = "a minute of seconds")]
            let most = want * (*apart_s as f64 / silence_s as f64).min(1.0);
            assert!(
                (want * least..=most + 1e-6).contains(&got),
                "{meter} after {silence_s} s: {got} W"
            );
        }
    }
    let last = shown.rows("Last pulse", &[], (0, 1), "10s");
    assert_eq!(last.len(), METERS.len());
    for row in last {
        let at = row["Last pulse"].parse::<Timestamp>().unwrap().as_second();
        assert!((shown.now_s - 10..=shown.now_s).contains(&at), "{row:?}");
    }
}

fn costs_follow_the_price(shown: &Shown<'_>) {
    let range = (shown.now_s - 90 * DAY_S, shown.now_s);
    // A price is written with a point or a comma.
    for (own, price) in [(&[][..], 0.3), (&[("price_import", "0,3125")][..], 0.3125)] {
        let cost = shown.rows("Cost by month", own, range, "1h0m0s");
        let newest = cost.iter().map(second).max().unwrap();
        let whole = cost.iter().filter(|row| second(row) != newest);
        assert_eq!(whole.clone().count(), 2 * 3);
        for row in whole {
            let import = row["PulseType"] == "Import";
            let price = if import { price } else { -0.08 };
            let want = kwh(&row["PulseType"], period_s(row, BERLIN, Unit::Month)) * price;
            assert_near(number(row, "_value"), want, 1e-6, row);
        }
    }
}

fn the_register_goes_on_from_its_reading(shown: &Shown<'_>, first_s: i64) {
    let at = "2026-06-17T10:00:00+02:00";
    let read_s = at.parse::<Timestamp>().unwrap().as_second();
    let own = [("reading_import", "88123,4"), ("reading_import_at", at)];
    let found = shown.singles("Register", &own);
    assert_eq!(found.len(), METERS.len());
    for (meter, got) in found {
        let want = if meter == "Import" {
            88_123.4 + kwh(&meter, shown.written_since(read_s, 60))
        } else {
            kwh(&meter, shown.written_since(first_s, 60))
        };
        assert_near(got, want, 1e-6, &meter);
    }
}

#[test]
fn every_panel_shows_what_is_so() {
    let Some(server) = Influxd::start("every_panel_shows_what_is_so") else {
        return;
    };
    for (bucket, ..) in BUCKETS {
        server.create_bucket(bucket, 0);
    }
    let board = Dashboard::read(&folder().join("powerlogger.json"));
    let mut first_s = i64::MAX;
    for moment in MOMENTS {
        let now_s = moment.parse::<Timestamp>().unwrap().as_second();
        first_s = first_s.min(now_s - 1_300 * DAY_S);
        filled_until(&server, now_s);
        let server = &server;
        let board = &board;
        let shown = Shown {
            server,
            board,
            now_s,
        };
        single_numbers_are_those_of_the_local_period(&shown);
        the_house_adds_up(&shown);
        match moment {
            "2025-10-27T08:00:00Z" => every_bucket_has_the_pulses_of_yesterday(&shown, 25),
            "2026-03-29T22:00:20Z" => every_bucket_has_the_pulses_of_yesterday(&shown, 23),
            _ => {}
        }
        bars_are_whole_local_periods(&shown, &[BERLIN], &[30]);
        if moment == *MOMENTS.last().unwrap() {
            let zones = [BERLIN, "Asia/Kathmandu", "America/St_Johns"];
            bars_are_whole_local_periods(&shown, &zones, &[60, 900]);
            power_is_what_the_meters_take_at_every_zoom(&shown);
            power_falls_with_silence(&shown);
            costs_follow_the_price(&shown);
            the_register_goes_on_from_its_reading(&shown, first_s - first_s.rem_euclid(HOUR_S));
        }
    }
    assert_eq!(board.unseen(), Vec::<&str>::new(), "panels without a test");
}
