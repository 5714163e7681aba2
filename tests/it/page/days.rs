//! Local days on the page: the bars of days that are shorter, longer, off the hour, that begin at one o'clock, or were left out, are
//! what the journal's pulses come to, each local day once; today is a whole day, and its end is told by the stream.

use serde_json::{Value, json};

use super::walk::Walked;
use crate::support::browser::Walk;

/// What a pulse of these meters is worth: the table's two decimals tell every one.
const IMP_PER_KWH: u32 = 50;

/// A house in a zone, until some time after the days that are looked at.
struct Zone {
    name: &'static str,
    /// That of the browser.
    reader: &'static str,
    since: &'static str,
    past: &'static str,
    views: &'static [&'static str],
}

/// Looks at the zone's days; with `change` also at the end of today, with a clock that runs faster.
fn shows_the_journals_days(test: &str, zone: &Zone, change: bool) {
    let Some(walk) = Walk::of(test, &["days"]) else {
        return;
    };
    let speed = if change { "2000" } else { "5" };
    let more = ["--since", zone.since, "--past", zone.past, "--speed", speed];
    let mut walked = Walked::house_in(zone.name, IMP_PER_KWH, &more);
    walked.wait_for_past();
    let csv = walked.daemon.dir().join("pulses.csv");
    let text = csv.to_str().expect("a temporary directory");
    walked.daemon.ask(&["export", "-o", text]);
    let now = now_ms(&walked);
    let days = json!({
        "zone": zone.name, "readerZone": zone.reader, "whPerPulse": 1_000 / IMP_PER_KWH,
        "csv": text, "views": zone.views, "change": change,
        // What may have been counted after it was written is not compared.
        "nowMs": now.min(since_ms(zone.since)),
    });
    walk.env("DAYS", days.to_string()).alone(walked.port);
}

/// What the daemon says that it is.
fn now_ms(walked: &Walked) -> i64 {
    let now: Value = serde_json::from_str(&walked.get("/api/v1/now")).expect("JSON");
    since_ms(now["as_of"].as_str().expect("a time"))
}

fn since_ms(text: &str) -> i64 {
    let at: jiff::Timestamp = text.parse().expect("a time");
    at.as_millisecond()
}

macro_rules! zones {
    ($($test:ident: $zone:expr, $change:expr;)+) => {
        $(#[test]
        fn $test() {
            shows_the_journals_days(stringify!($test), &$zone, $change);
        })+
    };
}

zones! {
    berlin_where_clocks_go_forward: Zone {
        name: "Europe/Berlin", reader: "America/New_York", since: "2026-03-31T08:00:00Z", past: "5days",
        views: &["/energy/day/2026-03-28", "/energy/day/2026-03-29", "/energy/day/2026-03-30", "/energy/week/2026-W13", "/energy/month/2026-03"],
    }, false;
    berlin_where_clocks_go_back_and_the_day_ends: Zone {
        name: "Europe/Berlin", reader: "Asia/Tokyo", since: "2026-10-25T18:00:00Z", past: "3days",
        views: &["/energy/day/2026-10-24", "/energy/day/2026-10-25", "/energy/week/2026-W43"],
    }, true;
    kathmandu_whose_days_begin_off_the_hour: Zone {
        name: "Asia/Kathmandu", reader: "Europe/London", since: "2026-06-12T12:00:00Z", past: "3days",
        views: &["/energy/day/2026-06-10", "/energy/day/2026-06-11", "/energy/week/2026-W24"],
    }, true;
    lord_howe_where_clocks_go_back_by_half_an_hour: Zone {
        name: "Australia/Lord_Howe", reader: "Europe/Berlin", since: "2026-04-06T10:00:00Z", past: "3days",
        views: &["/energy/day/2026-04-04", "/energy/day/2026-04-05", "/energy/day/2026-04-06", "/energy/week/2026-W14"],
    }, false;
    lord_howe_where_clocks_go_forward_by_half_an_hour: Zone {
        name: "Australia/Lord_Howe", reader: "America/St_Johns", since: "2026-10-05T10:00:00Z", past: "3days",
        views: &["/energy/day/2026-10-03", "/energy/day/2026-10-04", "/energy/week/2026-W40"],
    }, false;
    cairo_where_a_day_begins_at_one: Zone {
        name: "Africa/Cairo", reader: "Pacific/Auckland", since: "2026-04-25T20:00:00Z", past: "4days",
        views: &["/energy/day/2026-04-23", "/energy/day/2026-04-24", "/energy/day/2026-04-25", "/energy/week/2026-W17"],
    }, false;
    apia_where_a_day_was_left_out: Zone {
        name: "Pacific/Apia", reader: "UTC", since: "2012-01-01T11:00:00Z", past: "6days",
        views: &["/energy/day/2011-12-29", "/energy/day/2011-12-30", "/energy/day/2011-12-31", "/energy/week/2011-W52", "/energy/month/2011-12"],
    }, false;
}
