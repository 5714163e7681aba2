//! The fake InfluxDB without a server: its answers, and its faults behind delivery's seam.

use std::sync::{Arc, Mutex};

use crate::support::fake_influx::{Fault, MemorySink, Reply, Store, Write};
use powerlogger::clock::VirtualClock;
use powerlogger::deliver::sink::Sink;
use powerlogger::influx::gzip::Gzip;
use powerlogger::model::WallNs;
use powerlogger::server::failure::Failure;

const NOW_NS: i64 = 1_764_000_000_000_000_000;
const HOUR_NS: i64 = 3_600_000_000_000;

fn store() -> Store {
    let mut store = Store::new("home");
    let raw = store.create_bucket("home", "raw", 720 * HOUR_NS);
    store.add_token("writer", &[&raw]);
    store
}

fn write(store: &mut Store, body: &str) -> Reply {
    let write = Write {
        org: Some("home"),
        bucket: Some("raw"),
        token: Some("writer"),
        body: body.as_bytes(),
        ..Write::default()
    };
    store.write(&write, NOW_NS)
}

#[test]
fn points_are_kept_once_and_counted() {
    let mut store = store();
    let body = format!("p,t=Import Pulse=1i {NOW_NS}\np,t=Export Pulse=1i {NOW_NS}\n");
    assert_eq!(write(&mut store, &body).status, 204);
    assert_eq!(write(&mut store, &body).status, 204);
    assert_eq!(
        (store.count("raw"), store.max_writes_of_a_point("raw")),
        (2, 2)
    );
    let point = store.points("raw").values().next().unwrap();
    assert_eq!(point.integer("Pulse"), Some(1));
}

#[test]
fn one_bad_line_costs_the_whole_request() {
    let mut store = store();
    let reply = write(&mut store, "p v=1i 1\nbad\np v=1i 9223372036854775808\n");
    assert_eq!(reply.status, 400);
    assert_eq!(reply.message().lines().count(), 2, "{}", reply.message());
    assert_eq!(store.count("raw"), 0);
}

#[test]
fn too_old_is_dropped_unless_a_neighbour_opens_its_shard() {
    let mut store = store();
    let too_old = NOW_NS - 721 * HOUR_NS;
    let reply = write(&mut store, &format!("p v=1i {too_old}\np v=2i {NOW_NS}"));
    assert_eq!((reply.status, store.count("raw")), (422, 1));
    assert!(reply.message().contains("dropped=1"), "{}", reply.message());
    let conflict = write(&mut store, &format!("p v=1.5 {NOW_NS}\np v=3i {NOW_NS}"));
    assert_eq!(conflict.status, 422);
    assert!(
        conflict
            .message()
            .contains("is type float, already exists as type integer dropped=1")
    );
}

#[test]
fn a_bucket_made_anew_is_another() {
    let mut store = store();
    assert_eq!(write(&mut store, "p v=1i").status, 204);
    store.delete_bucket("raw");
    assert_eq!(write(&mut store, "p v=1i").status, 404);
    let raw = store.create_bucket("home", "raw", 0);
    assert_eq!(
        write(&mut store, "p v=1i").status,
        403,
        "the token was for the old one"
    );
    store.add_token("writer", &[&raw]);
    assert_eq!(write(&mut store, "p v=1i").status, 204);
    store.deactivate("writer");
    assert!(
        write(&mut store, "p v=1i")
            .message()
            .ends_with("token is inactive")
    );
    store.remove_token("writer");
    assert_eq!(write(&mut store, "p v=1i").status, 401);
}

#[test]
fn the_sink_fails_as_it_is_told() {
    let clock = VirtualClock::at(WallNs(NOW_NS));
    let sink = MemorySink::new(
        Arc::new(Mutex::new(store())),
        clock,
        "home",
        "raw",
        Some("writer"),
    );
    let body = Gzip::new().compress(format!("p v=1i {NOW_NS}\n").as_bytes());
    let outcome = |fault: Fault| {
        sink.set_fault(Some(fault));
        let before = sink.store().writes();
        let outcome = match sink.clone().send(&body, true) {
            Ok(()) => "204".to_owned(),
            Err(Failure::Status {
                status,
                retry_after,
                ..
            }) => format!("{status} {retry_after:?}"),
            Err(Failure::Transport { kind, .. }) => kind.to_owned(),
        };
        (outcome, sink.store().writes() - before)
    };
    for (fault, want, written) in [
        (Fault::Refuse, "unreachable", 0),
        (Fault::LoseRequest, "broken", 0),
        (Fault::LoseReply, "broken", 1),
        (Fault::TooMany { retry_after_s: 7 }, "429 Some(7s)", 0),
        (
            Fault::Unavailable {
                retry_after_s: None,
            },
            "503 None",
            0,
        ),
        (
            Fault::Poison {
                contains: "v=1i".to_owned(),
            },
            "400 None",
            0,
        ),
        (
            Fault::Poison {
                contains: "v=2i".to_owned(),
            },
            "204",
            1,
        ),
        (Fault::Unauthorized, "401 None", 0),
        (Fault::TooLarge { body_bytes_max: 10 }, "413 None", 0),
        (
            Fault::TooLarge {
                body_bytes_max: 1_000,
            },
            "204",
            1,
        ),
        (Fault::Stall, "timeout", 0),
        (Fault::HtmlPage200, "200 None", 0),
        (Fault::CorruptGzip, "500 None", 0),
    ] {
        assert_eq!(
            outcome(fault.clone()),
            (want.to_owned(), written),
            "{fault:?}"
        );
    }
    sink.set_fault(None);
    assert_eq!(sink.clone().send(&body, true), Ok(()));
}
