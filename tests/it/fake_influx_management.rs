//! What the fake can do and a real InfluxDB 2 cannot: ticks when the test says so, faults on demand,
//! and a loud refusal of whatever it does not know.

use crate::support::fake_influx::shapes::{self, POINTS, TASK};
use crate::support::fake_influx::store::Point;
use crate::support::fake_influx::{FakeInflux, Fault};
use crate::support::remote::{OPERATOR, ORG, Remote, is_readable, of_fake, start_fake, text};
use powerlogger::influx::{Answer, flux};
use serde_json::{Value, json};

const MINUTE_NS: i64 = 60_000_000_000;

/// 2026-06-01T12:00:00Z.
const NOON_NS: i64 = 1_780_315_200_000_000_000;

/// The task of a view, between these buckets: counts the last two whole minutes.
fn counting(from: &str, to: &str, offset: &str) -> String {
    shapes::fill(
        TASK,
        &[
            ("name", "\"count\""),
            ("every", "1m"),
            ("offset", offset),
            ("reach", "2m"),
            ("bucket", &flux::string(from)),
            ("measurement", "\"m\""),
            ("field", "\"f\""),
            ("to", &flux::string(to)),
            ("org_by", "org"),
            ("org", &flux::string(ORG)),
        ],
    )
}

/// Counts `raw` into `sums`, ten seconds after each tick.
fn first_task() -> String {
    counting("raw", "sums", "10s")
}

/// A fake whose clock stands 30 seconds before noon, with the two buckets.
fn fake() -> (FakeInflux, Remote) {
    let fake = start_fake();
    fake.set_now_ns(Some(NOON_NS - MINUTE_NS / 2));
    let remote = of_fake(&fake);
    remote.create_bucket("raw", 0);
    remote.create_bucket("sums", 0);
    (fake, remote)
}

fn task(remote: &Remote, flux: &str) -> String {
    let task = json!({ "orgID": remote.org_id(), "flux": flux });
    text(&remote.call("POST", "/api/v2/tasks", Some(&task))["id"])
}

/// Writes a point so long after noon.
fn point(fake: &FakeInflux, after_noon_ns: i64, value: i64) {
    let line = format!("m f={value}i {}", NOON_NS + after_noon_ns);
    let reply = fake.store().insert("raw", line.as_bytes(), NOON_NS);
    assert_eq!(reply.status, 204);
}

/// Minutes after noon, and the sums that stand there.
fn sums(fake: &FakeInflux) -> Vec<(i64, i64)> {
    let store = fake.store();
    let points = store.points("sums").iter();
    let sum = |((_, time), point): (&(_, i64), &Point)| {
        (
            (time - NOON_NS) / MINUTE_NS,
            point.integer("f").expect("an integer"),
        )
    };
    points.map(sum).collect()
}

fn tick(fake: &FakeInflux, after_noon_ns: i64) -> usize {
    fake.store().tick_tasks(NOON_NS + after_noon_ns)
}

#[test]
fn tasks_run_at_aligned_ticks_after_their_offset_with_now_being_the_tick() {
    let (fake, remote) = fake();
    let id = task(&remote, &first_task());
    point(&fake, 1, 1);
    point(&fake, MINUTE_NS - 1, 2);
    point(&fake, MINUTE_NS, 4);
    // Noon's own tick came first, and saw nothing.
    assert_eq!(tick(&fake, 10_000_000_000 - 1), 0);
    assert_eq!(tick(&fake, 10_000_000_000), 1);
    assert_eq!(sums(&fake), []);
    assert_eq!(tick(&fake, MINUTE_NS + 9_999_999_999), 0);
    assert_eq!(tick(&fake, MINUTE_NS + 10_000_000_000), 1);
    // The point at 12:01:00 is there, and not of a minute that now() has behind it.
    assert_eq!(sums(&fake), [(0, 3)]);
    // A clock that jumps ahead: every tick in between is run.
    assert_eq!(tick(&fake, 4 * MINUTE_NS + 10_000_000_000), 3);
    assert_eq!(sums(&fake), [(0, 3), (1, 4)]);
    let told = remote.call("GET", &format!("/api/v2/tasks/{id}"), None);
    assert_eq!(told["latestCompleted"], "2026-06-01T12:04:00Z");
    assert_eq!(told["lastRunStatus"], "success");
    let runs = remote.call("GET", &format!("/api/v2/tasks/{id}/runs"), None);
    let runs = runs["runs"].as_array().unwrap().iter();
    let times: Vec<&str> = runs
        .map(|run| run["scheduledFor"].as_str().unwrap())
        .collect();
    let minutes = ["12:04", "12:03", "12:02", "12:01", "12:00"];
    assert_eq!(times, minutes.map(|time| format!("2026-06-01T{time}:00Z")));
}

#[test]
fn a_server_that_was_down_has_lost_its_ticks_and_says_otherwise() {
    let (mut fake, remote) = fake();
    let id = task(&remote, &first_task());
    point(&fake, 1, 1);
    fake.stop();
    fake.set_now_ns(Some(NOON_NS + 10 * MINUTE_NS + 1));
    fake.start_again();
    // The minute in question is out of the task's reach by the first tick after the start.
    assert_eq!(tick(&fake, 11 * MINUTE_NS + 10_000_000_000), 1);
    assert_eq!(sums(&fake), []);
    let told = remote.call("GET", &format!("/api/v2/tasks/{id}"), None);
    assert_eq!(told["latestCompleted"], "2026-06-01T12:11:00Z");
    assert_eq!(told["lastRunStatus"], "success");
}

#[test]
fn an_inactive_task_misses_its_ticks_for_ever() {
    let (fake, remote) = fake();
    let path = format!("/api/v2/tasks/{}", task(&remote, &first_task()));
    point(&fake, 1, 1);
    remote.call("PATCH", &path, Some(&json!({ "status": "inactive" })));
    assert_eq!(tick(&fake, 5 * MINUTE_NS), 0);
    fake.set_now_ns(Some(NOON_NS + 5 * MINUTE_NS));
    remote.call("PATCH", &path, Some(&json!({ "status": "active" })));
    assert_eq!(tick(&fake, 5 * MINUTE_NS + 59_000_000_000), 0);
    assert_eq!(tick(&fake, 6 * MINUTE_NS + 10_000_000_000), 1);
    assert_eq!(sums(&fake), []);
}

#[test]
fn tasks_fall_due_in_the_order_of_their_times() {
    let (fake, remote) = fake();
    // Reads what the other one has written, later in the same minute.
    task(&remote, &counting("sums", "first", "20s"));
    task(&remote, &first_task());
    point(&fake, 1, 1);
    assert_eq!(tick(&fake, MINUTE_NS + 20_000_000_000), 4);
    assert_eq!(fake.store().count("first"), 1);
}

#[test]
fn a_failed_run_says_why_and_the_next_tick_goes_on() {
    let (fake, remote) = fake();
    let id = task(&remote, &first_task());
    fake.store().delete_bucket("sums");
    assert_eq!(tick(&fake, 10_000_000_000), 1);
    let told = remote.call("GET", &format!("/api/v2/tasks/{id}"), None);
    assert_eq!(told["lastRunStatus"], "failed");
    let why = told["lastRunError"].as_str().unwrap();
    assert!(why.ends_with("could not find bucket \"sums\""), "{why}");
    remote.create_bucket("sums", 0);
    assert_eq!(tick(&fake, MINUTE_NS + 10_000_000_000), 1);
    let told = remote.call("GET", &format!("/api/v2/tasks/{id}"), None);
    assert_eq!(told["lastRunStatus"], "success");
    assert!(told["lastRunError"].is_null());
}

fn request(remote: &Remote, method: &str, path: &str, body: &Value) -> Option<Answer> {
    let headers = [("Content-Type", "application/json")];
    let body = body.to_string();
    let client = remote.client(Some(OPERATOR));
    client.request(method, path, &headers, body.as_bytes()).ok()
}

fn make(remote: &Remote, name: &str) -> Option<Answer> {
    let bucket = json!({ "orgID": remote.org_id(), "name": name });
    request(remote, "POST", "/api/v2/buckets", &bucket)
}

#[test]
fn faults_meet_management_too() {
    let (mut fake, remote) = fake();
    let status = |answer: Option<Answer>| answer.map(|answer| answer.status);
    fake.queue_elsewhere([
        Some(Fault::LoseRequest),
        Some(Fault::LoseReply),
        Some(Fault::CloseMidBody),
        Some(Fault::Unavailable {
            retry_after_s: None,
        }),
        Some(Fault::TooMany { retry_after_s: 1 }),
        Some(Fault::Unauthorized),
        Some(Fault::HtmlPage200),
        Some(Fault::TooLarge { body_bytes_max: 3 }),
        None,
    ]);
    let seen = fake.others_seen();
    assert_eq!(status(make(&remote, "lost request")), None);
    assert_eq!(status(make(&remote, "lost reply")), None);
    assert_eq!(status(make(&remote, "half a reply")), None);
    assert_eq!(status(make(&remote, "away")), Some(503));
    assert_eq!(status(make(&remote, "too many")), Some(429));
    assert_eq!(status(make(&remote, "nobody")), Some(401));
    assert_eq!(status(make(&remote, "page")), Some(200));
    assert_eq!(status(make(&remote, "large")), Some(413));
    assert_eq!(status(make(&remote, "made")), Some(201));
    assert_eq!(fake.others_seen() - seen, 9);
    let is_there = |name| fake.store().has_bucket(name);
    assert!(
        ["lost reply", "half a reply", "made"]
            .into_iter()
            .all(is_there)
    );
    let lost = [
        "lost request",
        "away",
        "too many",
        "nobody",
        "page",
        "large",
    ];
    assert!(!lost.into_iter().any(is_there));
    fake.set_fault_elsewhere(Some(Fault::Refuse));
    assert_eq!(status(make(&remote, "refused")), None);
    fake.set_fault_elsewhere(None);
    assert_eq!(status(make(&remote, "refused")), Some(201));
}

#[test]
fn a_fault_can_be_aimed() {
    let (fake, remote) = fake();
    fake.aim("POST", "/api/v2/tasks", Fault::LoseReply);
    assert!(make(&remote, "bucket").is_some());
    let wanted = json!({ "orgID": remote.org_id(), "flux": first_task() });
    assert!(request(&remote, "POST", "/api/v2/tasks", &wanted).is_none());
    let tasks = remote.call("GET", &format!("/api/v2/tasks?org={ORG}"), None);
    assert_eq!(tasks["tasks"].as_array().unwrap().len(), 1);
}

#[test]
fn writes_keep_their_own_faults() {
    let (mut fake, remote) = fake();
    fake.set_fault(Some(Fault::Unavailable {
        retry_after_s: None,
    }));
    assert_eq!(make(&remote, "bucket").unwrap().status, 201);
    let lines = request(
        &remote,
        "POST",
        "/api/v2/write?org=home&bucket=raw",
        &Value::Null,
    );
    assert_eq!(lines.unwrap().status, 503);
}

#[test]
fn an_error_may_stand_among_the_tables() {
    let (fake, remote) = fake();
    point(&fake, 1, 1);
    let message = "out of \"memory\"".to_owned();
    fake.aim("POST", "/api/v2/query", Fault::QueryError { message });
    let script = shapes::fill(
        POINTS,
        &[
            ("bucket", "\"raw\""),
            ("start", "2026-06-01T12:00:00Z"),
            ("stop", "2026-06-01T13:00:00Z"),
            ("measurement", "\"m\""),
            ("field", "\"f\""),
        ],
    );
    let body = json!({ "query": script, "dialect": { "annotations": [] } });
    let answer = request(&remote, "POST", "/api/v2/query?org=home", &body).unwrap();
    assert_eq!(answer.status, 200);
    let told = "\r\n\r\n,error,reference\r\n,\"out of \"\"memory\"\"\",\r\n";
    assert!(answer.body.ends_with(told), "{:?}", answer.body);
    let mut rows = 0;
    let read =
        powerlogger::influx::flux::read_rows(&mut answer.body.as_bytes(), &mut |_| rows += 1);
    assert!(read.is_err(), "{rows} rows taken for all");
}

#[test]
fn what_the_fake_does_not_know_fails_aloud() {
    let (fake, remote) = fake();
    let known = is_readable("raw");
    let ours = first_task();
    let scripts = [
        format!("{known} |> count()"),
        known.replace("-1m", "-2m"),
        known.replace("-1m", "2026-06-01T00:00:00Z"),
        ours.replace("1m", "1h").replacen("1h", "1m", 1),
        ours.replace("sum, timeSrc: \"_start\"", "sum"),
        ours.replace("\"raw\"", "\"r${1}\""),
    ];
    let ask = |script: &str| {
        let body = json!({ "query": script });
        request(&remote, "POST", "/api/v2/query?org=home", &body).unwrap()
    };
    for script in &scripts {
        let answer = ask(script);
        let told = serde_json::from_str::<Value>(&answer.body).unwrap();
        assert_eq!(answer.status, 500, "{script}: {answer:?}");
        assert!(text(&told["message"]).ends_with(script), "{answer:?}");
    }
    // Or else the test fails when the fake is dropped.
    assert_eq!(std::mem::take(&mut fake.store().refused), scripts);
    assert_eq!(ask(&known).status, 200);
}
