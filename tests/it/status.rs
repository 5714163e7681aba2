//! What `powerlogger status` says is not as it should be, with the true binary.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;

use crate::support::daemon::Daemon;
use crate::support::gpio::{at_other_hours, test_path};
use crate::support::program::{find, skip};
use crate::support::wait::{PATIENCE, wait_for};
use serde_json::Value;

fn ask(dir: &tempfile::TempDir, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_powerlogger"))
        .args(["--queue-dir", "queue"])
        .args(args)
        .current_dir(dir.path())
        .env_clear()
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The meters that are silent for longer than usual, by `status`.
fn silent(dir: &tempfile::TempDir) -> Vec<String> {
    let status: Value = serde_json::from_str(&ask(dir, &["status", "--json"])).unwrap();
    let conditions = status["conditions"].as_array().unwrap().iter();
    conditions
        .filter(|condition| condition["word"] == "meter_silent")
        .map(|condition| condition["meter"].as_str().unwrap().to_owned())
        .collect()
}

/// A flat that uses something at every hour.
fn flat() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let config = "[[meter]]\nname = \"Flat 2\"\nline = 20\n";
    std::fs::write(dir.path().join("powerlogger.toml"), config).unwrap();
    dir
}

fn simulate(dir: &tempfile::TempDir, from: &str, length: &str) {
    let run = ["run", "--simulate", from, "--for", length, "--speed", "max"];
    ask(dir, &run);
}

#[test]
fn a_meter_that_falls_silent_is_missed_until_it_counts_again() {
    let dir = flat();
    // Five days, and nothing since yesterday.
    simulate(&dir, "--from=-150h", "120h");
    assert_eq!(silent(&dir), ["Flat 2"]);
    let said = ask(&dir, &["status"]);
    assert!(
        said.contains("⚠          Flat 2: no pulse for longer than usual"),
        "{said}"
    );
    simulate(&dir, "--from=-26h", "26h");
    assert!(silent(&dir).is_empty());
}

#[test]
fn a_journal_of_a_day_knows_no_habits() {
    let dir = flat();
    simulate(&dir, "--from=-40h", "24h");
    assert!(silent(&dir).is_empty());
}

#[test]
fn the_hour_does_not_matter() {
    at_other_hours(
        test_path!("the_hour_does_not_matter"),
        &[
            test_path!("a_meter_that_falls_silent_is_missed_until_it_counts_again"),
            test_path!("a_journal_of_a_day_knows_no_habits"),
            test_path!("the_daemon_and_the_journal_tell_the_same_energy"),
            test_path!("power_is_there_while_the_past_is_counted"),
        ],
    );
}

#[test]
fn a_meter_that_was_renamed_is_not_silent() {
    let dir = flat();
    simulate(&dir, "--from=-150h", "120h");
    let config = "[[meter]]\nname = \"Flat 2, new\"\nline = 20\n";
    std::fs::write(dir.path().join("powerlogger.toml"), config).unwrap();
    assert!(silent(&dir).is_empty());
    let said = ask(&dir, &["status"]);
    assert!(said.contains("no longer configured"), "{said}");
}

/// A recording of one line, pulled up: it falls and rises again so long after the last edge, in microseconds.
fn recording(phases_us: impl IntoIterator<Item = (u64, u64)>) -> String {
    let head = "# powerlogger edges 1\n# offset_ns 1781956799000000000\n# meter 0 Import\nup 1000000000 0 high 1\n";
    let (mut at_us, mut text) = (1_000_000, head.to_owned());
    for (n, (high_us, low_us)) in (0..).zip(phases_us) {
        let falls_us = at_us + high_us;
        at_us = falls_us + low_us;
        let (falls, rises) = (2 * n + 1, 2 * n + 2);
        let _ = writeln!(text, "{falls_us}000 0 f {falls}\n{at_us}000 0 r {rises}");
    }
    text
}

/// What a replay of it with these keys has counted, and the conditions that speak of rejected pulses.
fn replayed(recording: &str, keys: &str) -> (i64, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let config = format!("[[meter]]\nname = \"Import\"\nline = 20\n{keys}\n");
    std::fs::write(dir.path().join("powerlogger.toml"), config).unwrap();
    std::fs::write(dir.path().join("edges"), recording).unwrap();
    ask(&dir, &["run", "--replay", "edges", "--speed", "max"]);
    let status: Value = serde_json::from_str(&ask(&dir, &["status", "--json"])).unwrap();
    let words = status["conditions"].as_array().unwrap().iter();
    let words = words.map(|condition| condition["word"].as_str().unwrap().to_owned());
    let words = words.filter(|word| word.starts_with("rejected")).collect();
    (status["meters"][0]["pulses"].as_i64().unwrap(), words)
}

/// Lengths that chance makes.
fn chance(from_us: u64, to_us: u64) -> impl FnMut() -> u64 {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        from_us + state % (to_us - from_us)
    }
}

#[test]
fn a_meter_whose_pulses_are_rejected_is_told_from_a_wire_that_catches_interference() {
    let none: Vec<String> = Vec::new();
    // Flashes of 2 ms, at a load that changes.
    let flashes = recording((0..300).map(|n| (120_000 + n % 7 * 40_000, 1_900 + n % 3 * 100)));
    assert_eq!(
        replayed(&flashes, ""),
        (0, vec!["rejected_bounce".to_owned()])
    );
    assert_eq!(replayed(&flashes, "bounce_ms = 0.5"), (300, none.clone()));
    // 10000 imp/kWh at 16 kW.
    let fast = recording((0..400).map(|_| (12_500, 10_000)));
    assert_eq!(
        replayed(&fast, ""),
        (200, vec!["rejected_interval".to_owned()])
    );
    assert_eq!(replayed(&fast, "min_interval_ms = 5"), (400, none.clone()));
    let (counted, words) = replayed(&fast, "bounce_ms = 50");
    assert_eq!(
        (counted, words.as_slice()),
        (0, &["rejected_bounce".to_owned()][..])
    );
    // An S0 output of 40 ms.
    let s0 = recording((0..100).map(|n| (2_000_000 + n * 9_000, 40_000)));
    assert_eq!(
        replayed(&s0, "min_width_ms = 60"),
        (0, vec!["rejected_width".to_owned()])
    );
    assert_eq!(
        replayed(&s0, "max_width_ms = 30"),
        (0, vec!["rejected_long".to_owned()])
    );
    // A reed on a long cable: interference of all lengths between closings of a second.
    let mut spike = chance(800, 8_000);
    let cable = recording((0..64).map(|n| match n % 4 {
        0 => (1_300_000, 1_000_000),
        _ => (1_294_000, spike()),
    }));
    for keys in [
        "bounce_ms = 50",
        "min_width_ms = 500\nmin_interval_ms = 2000",
    ] {
        assert_eq!(replayed(&cable, keys), (16, none.clone()), "{keys}");
    }
    // A sensor at the edge of its mark: it hovers for a minute between eleven passes.
    let mut hovers = chance(20_000, 400_000);
    let hovering = recording((0..311).map(|n| match n {
        6..306 => (hovers(), hovers()),
        306 => (2_000_000, 1_500_000),
        _ => (10_000_000, 1_500_000),
    }));
    let (counted, words) = replayed(&hovering, "bounce_ms = 500");
    assert_eq!((counted, words), (11, none));
}

#[test]
fn no_good_news_while_no_daemon_runs() {
    let dir = flat();
    let answer = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_powerlogger"))
            .args(["--queue-dir", "queue"])
            .args(args)
            .current_dir(dir.path())
            .env_clear()
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    // A journal of true pulses that no daemon counts into.
    std::fs::write(
        dir.path().join("old.csv"),
        "time,meter\n2024-03-01T12:00:00Z,Flat 2\n",
    )
    .unwrap();
    let (code, said) = answer(&["import", "old.csv"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = answer(&["status"]);
    assert_eq!(code, Some(0), "that none runs is an answer: {said}");
    assert!(said.starts_with("powerlogger is not running\n"), "{said}");
    assert!(
        said.contains("⚠          NOT COUNTED: powerlogger is not running"),
        "{said}"
    );
    assert!(!said.contains("lost       0"), "{said}");
    let (code, json) = answer(&["status", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(json["conditions"][0]["word"], "not_running");
    assert_eq!(json["meters"][0]["line"]["is_read"], false);
    let (_, losses) = answer(&["losses"]);
    assert!(
        losses.contains("until now: powerlogger is not running"),
        "{losses}"
    );
    assert!(!losses.contains("0 lost"), "{losses}");
}

/// A house with all three meters in Berlin, 30 hours before midday of a day in June; its directory outlives the daemon.
const HOUSE: &str = "[site]\ntime_zone = \"Europe/Berlin\"\n[web]\nlisten = \"off\"\n\
    [[meter]]\nname = \"Import\"\nline = 20\nimp_per_kwh = 2000\n\
    [[meter]]\nname = \"Export\"\nline = 21\nimp_per_kwh = 1000\n\
    [[meter]]\nname = \"Generate\"\nline = 22\nimp_per_kwh = 1000\n\
    [[meter]]\nname = \"\u{5730}\u{4e0b}\u{5ba4}\"\nline = 23\n";

/// So many hours of the house in a moment; then it goes on, a thousand times as slow as life.
fn house() -> Daemon {
    let first = [
        "--simulate",
        "--since",
        "2026-06-19T04:00:00Z",
        "--for",
        "30h",
    ];
    let mut daemon = Daemon::start(HOUSE, &[&first[..], &["--speed", "max"]].concat());
    assert_eq!(daemon.wait_for_exit(), Some(0), "{}", daemon.log());
    let then = [
        "--simulate",
        "--since",
        "2026-06-20T10:00:00Z",
        "--speed",
        "0.001",
    ];
    daemon.start_again_with(&then);
    wait_until_it_answers(&daemon);
    daemon
}

fn wait_until_it_answers(daemon: &Daemon) {
    wait_for("a daemon that answers", PATIENCE, || {
        let status = daemon.status()?;
        (status["meters"][0]["line"]["is_read"] == true).then_some(())
    });
}

/// What the overview says beside its moment, and beside what flows.
fn counted(daemon: &Daemon) -> Value {
    let status: Value = serde_json::from_str(&daemon.ask(&["status", "--json"])).unwrap();
    let mut overview = status["overview"].clone();
    overview["at_ns"].take();
    for meter in overview["meters"].as_array_mut().unwrap() {
        for flowing in ["power_w", "rate", "is_bound"] {
            meter[flowing].take();
        }
    }
    for key in ["power_w", "self_w"] {
        overview["house"][key].take();
    }
    overview
}

#[test]
fn the_daemon_and_the_journal_tell_the_same_energy() {
    let mut daemon = house();
    let answered = counted(&daemon);
    let said = daemon.ask(&["status"]);
    daemon.stop();
    assert_eq!(counted(&daemon), answered, "the journal says the same");

    assert_eq!(answered["zone"], "Europe/Berlin");
    let energy = |meter: usize, period: &str| &answered["meters"][meter][period];
    for meter in 0..3 {
        let pulses = |period| energy(meter, period)["pulses"].as_i64().unwrap();
        // Counting began on the 19th: the month is these two days.
        assert!(
            pulses("today") > 0 && pulses("yesterday") > 0,
            "{answered:#}"
        );
        assert_eq!(pulses("month"), pulses("today") + pulses("yesterday"));
        let worth = if meter == 0 { 0.5 } else { 1.0 };
        let wh = energy(meter, "month")["energy_wh"].as_f64().unwrap();
        assert!((wh - pulses("month") as f64 * worth).abs() < 1e-6);
    }
    let wh = |meter, period: &str| energy(meter, period)["energy_wh"].as_f64().unwrap();
    for period in ["today", "yesterday", "month"] {
        let house = answered["house"][period]["house_wh"].as_f64().unwrap();
        let wanted = wh(0, period) + wh(2, period) - wh(1, period);
        assert!((house - wanted).abs() < 1e-6, "{period}: {house} {wanted}");
        let autarky = answered["house"][period]["autarky"].as_f64().unwrap();
        assert!((autarky - (1.0 - wh(0, period) / wanted)).abs() < 1e-9);
    }
    // For people: local time of the site, and the totals of all pulses.
    assert!(said.contains("\n2026-06-20 12:00 "), "{said}");
    let kwh = format!("{:.2} kWh", wh(2, "today") / 1_000.0);
    assert!(said.contains(&kwh), "{kwh}: {said}");
    let table: Vec<&str> = said
        .lines()
        .skip_while(|line| !line.starts_with("2026"))
        .collect();
    let width = |line: &str| unicode_width::UnicodeWidthStr::width(line);
    let rows: Vec<&str> = table
        .iter()
        .copied()
        .take_while(|line| !line.is_empty())
        .collect();
    assert!(rows.len() == 9, "{rows:?}");
    assert!(
        rows.iter().all(|row| width(row) == width(rows[0])),
        "{rows:#?}"
    );
}

#[test]
fn power_is_there_while_the_past_is_counted() {
    let past = [
        "--simulate",
        "--since",
        "2026-06-21T16:30:00Z",
        "--past",
        "30 days",
    ];
    let daemon = Daemon::start(HOUSE, &past);
    wait_for("power", PATIENCE, || {
        let status = daemon.status()?;
        let mut meters = status["overview"]["meters"].as_array()?.iter();
        let is_there = meters.any(|meter| meter["power_w"].is_number());
        (is_there && status["simulated"] == true).then_some(())
    });
}

/// Lines of a child's output, as they come.
fn lines_of(child: &mut Child) -> std::sync::mpsc::Receiver<String> {
    let (told, heard) = channel();
    let out = child.stdout.take().unwrap();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            let _ = told.send(line);
        }
    });
    heard
}

#[test]
fn watching_goes_on_over_a_restart() {
    let mut daemon = house();
    for args in [&["status", "--watch"][..], &["status", "--watch", "--json"]] {
        let mut watch = daemon.command(args).stdout(Stdio::piped()).spawn().unwrap();
        let lines = lines_of(&mut watch);
        let next = |what: &str, holds: &dyn Fn(&str) -> bool| {
            wait_for(what, PATIENCE, || lines.try_iter().find(|line| holds(line)))
        };
        let is_json = args.len() > 2;
        let is_live = |line: &str| match serde_json::from_str::<Value>(line) {
            Ok(json) => {
                json["overview"]["meters"][0]["meter"] == "Import" && json["running"] == true
            }
            Err(_) => !is_json && line.contains("Import ") && line.contains("kWh today"),
        };
        next("a live line", &is_live);
        daemon.stop();
        next(
            "its end",
            &|line| match serde_json::from_str::<Value>(line) {
                Ok(json) => json["running"] == false,
                Err(_) => !is_json && line.contains("does not answer"),
            },
        );
        daemon.start_again();
        next("a live line again", &is_live);
        watch.kill().unwrap();
        watch.wait().unwrap();
    }
}

/// What a terminal was sent, with the locale, until `key` has ended it, and what `stty` says afterwards.
fn on_a_terminal(daemon: &Daemon, locale: &str, key: &[u8]) -> String {
    let ask = daemon.command(&["status", "--watch"]);
    let words: Vec<String> = [ask.get_program()]
        .into_iter()
        .chain(ask.get_args())
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    let mut script = Command::new("script")
        .args([
            "-qec",
            &format!("{}; echo \"code $?\"; stty -a", words.join(" ")),
            "/dev/null",
        ])
        .env("TERM", "xterm")
        .env("LC_ALL", locale)
        .env_remove("NO_COLOR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = script.stdout.take().unwrap();
    let (told, heard) = channel();
    std::thread::spawn(move || {
        let mut some = [0; 4096];
        while let Ok(read @ 1..) = out.read(&mut some) {
            let _ = told.send(some[..read].to_vec());
        }
    });
    let mut shown = Vec::new();
    let mut wait = |what: &str, holds: &dyn Fn(&str) -> bool| {
        wait_for(what, PATIENCE, || {
            shown.extend(heard.try_iter().flatten());
            let text = String::from_utf8_lossy(&shown).into_owned();
            holds(&text).then_some(text)
        })
    };
    wait("the last hour", &|text| text.contains("up to "));
    script.stdin.as_mut().unwrap().write_all(key).unwrap();
    let shown = wait("the end", &|text| text.contains("icanon"));
    script.kill().unwrap();
    script.wait().unwrap();
    shown
}

#[test]
fn a_terminal_is_put_right_when_it_was_watched() {
    let test = "a_terminal_is_put_right_when_it_was_watched";
    if find(None, "script").is_none() || find(None, "stty").is_none() {
        return skip(test, "no script and stty on PATH");
    }
    let daemon = house();
    for (locale, key, bar) in [("C.UTF-8", &b"q"[..], '\u{2588}'), ("C", b"\x03", '#')] {
        let shown = on_a_terminal(&daemon, locale, key);
        let (watched, after) = shown
            .split_once("\x1b[?1049l")
            .unwrap_or_else(|| panic!("{shown}"));
        assert!(
            watched.contains("\x1b[?1049h") && watched.contains("q quits"),
            "{shown}"
        );
        assert!(watched.contains(bar), "{shown}");
        assert!(watched.contains("\x1b[1m"), "it has colours: {shown}");
        assert!(after.contains("code 0"), "{after}");
        let stty = after.split_once("code 0").unwrap().1;
        for mode in ["icanon", "isig", "echo"] {
            let is_on = stty.split_whitespace().any(|word| word == mode);
            assert!(is_on, "{mode}: {stty}");
        }
    }
}
