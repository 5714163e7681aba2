//! What the page shows where something is missing, wrong or not there yet: with the true binary in that state.

use std::fmt::Write as _;

use super::walk::Walked;
use crate::support::browser::Walk;
use crate::support::port::Port;

/// These meters, at this port.
fn config(port: u16, meters: &[(&str, u32)]) -> String {
    let mut text =
        format!("[site]\ntime_zone = \"Europe/Berlin\"\n[web]\nlisten = \"127.0.0.1:{port}\"\n");
    for (line, (name, imp_per_kwh)) in (20..).zip(meters) {
        let _ = writeln!(
            text,
            "[[meter]]\nname = \"{name}\"\nline = {line}\nimp_per_kwh = {imp_per_kwh}\n"
        );
    }
    text
}

/// A daemon that counts these meters, in this way.
fn counting(meters: &[(&str, u32)], args: &[&str]) -> Walked {
    let kept = Port::keep();
    let config = config(kept.number(), meters);
    Walked::with(&config, kept, args)
}

/// One of the house's past, which is over.
fn past<'a>(since: &'a str, past: &'a str) -> [&'a str; 7] {
    [
        "--simulate",
        "--since",
        since,
        "--past",
        past,
        "--speed",
        "10",
    ]
}

const NOON: &str = "2026-06-12T10:00:00Z";

#[test]
fn before_the_first_pulse_it_says_what_to_do() {
    let name = "before_the_first_pulse_it_says_what_to_do";
    let Some(walk) = Walk::of(name, &["empty"]) else {
        return;
    };
    let run = |speed| ["--simulate", "--since", NOON, "--speed", speed];
    let meters = [("Import", 10), ("Export", 10), ("Generate", 10)];
    // As good as stopped.
    let mut walked = counting(&meters, &run("0.0001"));
    let port = walked.port;
    walk.through(port, |word| {
        assert_eq!(word, "pulses");
        walked.daemon.stop();
        walked.daemon.start_again_with(&run("600"));
        "they come".to_owned()
    });
}

#[test]
fn one_meter_is_a_number_and_its_day() {
    let Some(walk) = Walk::of("one_meter_is_a_number_and_its_day", &["one"]) else {
        return;
    };
    let mut walked = counting(&[("Import", 100)], &past(NOON, "1day"));
    walked.wait_for_past();
    walk.alone(walked.port);
}

#[test]
fn without_a_meter_of_the_export_nothing_is_derived() {
    let name = "without_a_meter_of_the_export_nothing_is_derived";
    let Some(walk) = Walk::of(name, &["reason"]) else {
        return;
    };
    let meters = [("Import", 100), ("Generate", 100)];
    let mut walked = counting(&meters, &past(NOON, "1day"));
    walked.wait_for_past();
    walk.alone(walked.port);
}

#[test]
fn a_stretch_that_was_not_watched_is_hatched() {
    let name = "a_stretch_that_was_not_watched_is_hatched";
    let Some(walk) = Walk::of(name, &["unwatched"]) else {
        return;
    };
    let meters = [("Import", 100), ("Export", 100), ("Generate", 100)];
    // A day until noon, and then from the evening on, until the next noon.
    let mut walked = counting(&meters, &past("2026-06-11T10:00:00Z", "1day"));
    walked.wait_for_past();
    walked.daemon.stop();
    walked.daemon.start_again_with(&past(NOON, "16h"));
    walked.wait_for_past();
    walked.wait_for_door();
    walk.env("DATE", "2026-06-11").alone(walked.port);
}

/// A pulse each 10 s for hours. The kernel's numbers say that four edges in a row are missing.
fn with_a_gap() -> String {
    let mut text = "# powerlogger edges 1\n# offset_ns 1781956799000000000\n\
                    # meter 0 Import\nup 1000000000 0 high 1\n"
        .to_owned();
    let mut number = 1;
    for n in 1..=2_000_u64 {
        let at_ms = n * 10_000;
        if n == 12 || n == 13 {
            number += 2;
            continue;
        }
        for (at_ms, edge) in [(at_ms, 'f'), (at_ms + 30, 'r')] {
            let _ = writeln!(text, "{at_ms}000000 0 {edge} {number}");
            number += 1;
        }
    }
    text
}

#[test]
fn what_was_restored_by_number_is_said() {
    let name = "what_was_restored_by_number_is_said";
    let Some(walk) = Walk::of(name, &["restored"]) else {
        return;
    };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let recording = dir.path().join("edges");
    std::fs::write(&recording, with_a_gap()).expect("the test's own directory");
    let path = recording.to_str().expect("a temporary directory");
    let walked = counting(&[("Import", 1_000)], &["--replay", path, "--speed", "20"]);
    walk.alone(walked.port);
}

#[test]
fn what_is_refused_unknown_or_beyond_is_said_and_a_daemon_that_is_gone_is_waited_for() {
    let name = "what_is_refused_unknown_or_beyond_is_said_and_a_daemon_that_is_gone_is_waited_for";
    let Some(walk) = Walk::of(name, &["clock", "refused", "upgraded", "beyond", "gone"]) else {
        return;
    };
    let meters = [("Import", 100), ("Export", 100), ("Generate", 100)];
    let mut walked = counting(&meters, &past(NOON, "2days"));
    walked.wait_for_past();
    let port = walked.port;
    walk.through(port, |word| {
        match word {
            "stop" => walked.daemon.stop(),
            // Its past is over: it goes on.
            _ => walked.daemon.start_again_with(&[
                "--simulate",
                "--since",
                "2026-06-12T11:00:00Z",
                "--speed",
                "10",
            ]),
        }
        "done".to_owned()
    });
}
