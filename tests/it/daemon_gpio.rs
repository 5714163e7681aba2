//! The true binary on real lines of a simulated chip (`support::gpio` says where): what is toggled
//! on the wires is in the journal, whatever happens to the process, the chip or the disk.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "edges are paced by sleeping, all else waits on conditions with deadlines"
)]

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use powerlogger::clock::{Clock, SystemClock};
use powerlogger::journal::Reader;
use powerlogger::model::{IdRange, LossCause, NS_PER_S, PulseId};

use crate::support::daemon::Daemon;
use crate::support::gpio::{
    Done, Ground, Hand, Place, SimChip, ground, play, play_in_pieces, test_path,
};

const METERS: [(&str, u32); 3] = [("Import", 20), ("Export", 26), ("Generate", 21)];

/// Three meters whose every rising edge is a pulse.
const PLAIN: &str = r#"
[[meter]]
name = "Import"
line = 20
bias = "down"
bounce_ms = 0
min_interval_ms = 0

[[meter]]
name = "Export"
line = 26
bias = "down"
bounce_ms = 0
min_interval_ms = 0

[[meter]]
name = "Generate"
line = 21
bias = "down"
bounce_ms = 0
min_interval_ms = 0
"#;

fn chip(ground: &Ground) -> SimChip {
    ground.chip("pinctrl-bcm2711", 32)
}

/// The wall stamps of a meter's pulses, in the journal's order.
fn stamps(daemon: &Daemon, meter: &str) -> Vec<i64> {
    stamps_after(daemon, PulseId::default())
        .remove(meter)
        .unwrap_or_default()
}

/// The same for all meters, of pulses after an id.
fn stamps_after(daemon: &Daemon, id: PulseId) -> BTreeMap<String, Vec<i64>> {
    let mut reader = Reader::open(daemon.dir()).unwrap();
    let names = reader.meter_names().unwrap();
    let later = IdRange {
        first: id.next(),
        ..IdRange::ALL
    };
    let page = reader.page(later, usize::MAX).unwrap();
    assert!(page.held.is_empty(), "the clock is known");
    let mut stamps: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for entry in page.entries {
        stamps
            .entry(names[&entry.meter].clone())
            .or_default()
            .push(entry.wall_ns.0);
    }
    stamps
}

fn newest(daemon: &Daemon) -> PulseId {
    Reader::open(daemon.dir())
        .unwrap()
        .bounds()
        .unwrap()
        .map_or(PulseId::default(), |ids| ids.last)
}

/// The journal has exactly the pulses that were made, in order, stamped when they were made.
fn assert_all_there(daemon: &Daemon, meter: &str, hand: &Hand) {
    let (made, kept) = (hand.rising(), stamps(daemon, meter));
    assert_eq!(kept.len(), made.len(), "{meter}: pulses kept and made");
    let offset_ns = SystemClock.offset_ns();
    for (number, (done, wall_ns)) in made.iter().zip(&kept).enumerate() {
        assert!(
            done.is_at(*wall_ns - offset_ns),
            "{meter} {number}: {done:?}, stamped {} ns after its begin",
            wall_ns - offset_ns - done.before_ns
        );
    }
}

fn lost(daemon: &Daemon, meter: &str, cause: LossCause) -> u64 {
    let ledger = Reader::open(daemon.dir()).unwrap().ledger().unwrap();
    let of_meter = ledger
        .iter()
        .filter(|(name, known, _)| name == meter && *known == cause);
    of_meter.map(|(_, _, loss)| loss.pulses).sum()
}

/// Pulses made by all hands.
fn rising(hands: &[(Hand, Duration)]) -> i64 {
    let made: usize = hands.iter().map(|(hand, _)| hand.rising().len()).sum();
    i64::try_from(made).unwrap()
}

fn three_meters(ground: &Ground, edges: usize, paces: [Duration; 3]) {
    let chip = chip(ground);
    let mut daemon = Daemon::start(PLAIN, &[]);
    daemon.wait_for_lines(3);
    let hands = METERS.map(|(_, line)| Hand::on(&chip, line));
    let mut hands: Vec<(Hand, Duration)> = hands.into_iter().zip(paces).collect();
    let mut before = 0;
    play_in_pieces(&mut hands, edges, |hands| {
        daemon.wait_for_pulses(before);
        before = rising(hands);
    });
    daemon.stop();
    for ((name, _), (hand, _)) in METERS.iter().zip(&hands) {
        assert_all_there(&daemon, name, hand);
    }
}

#[test]
fn every_toggled_pulse_is_in_the_journal() {
    let Some(ground) = ground(
        test_path!("every_toggled_pulse_is_in_the_journal"),
        Place::REAL,
    ) else {
        return;
    };
    // Together 2,100 edges/s, the fastest line 1,000/s.
    three_meters(
        &ground,
        21_000,
        [1_000, 1_400, 2_300].map(Duration::from_micros),
    );
}

#[test]
fn a_simulated_day_is_in_the_journal() {
    let place = Place {
        // A minute on an idle machine.
        timeout_s: 3_000,
        ..Place::TIME_TRAVEL
    };
    let Some(ground) = ground(test_path!("a_simulated_day_is_in_the_journal"), place) else {
        return;
    };
    // Edges 26, 34 and 58 s apart: about a day.
    three_meters(&ground, 6_500, [26, 34, 58].map(Duration::from_secs));
}

/// How long the wire stays after each edge (ms), the pulses that counts, and the edges rejected.
type Played = (&'static [u64], u64, [(LossCause, u64); 3]);

#[test]
fn filters_reject_what_they_should_on_a_real_line() {
    let name = test_path!("filters_reject_what_they_should_on_a_real_line");
    let Some(ground) = ground(name, Place::TIME_TRAVEL) else {
        return;
    };
    let chip = chip(&ground);
    let config = r#"
[[meter]]
name = "Import"
line = 20
bias = "down"
edge = "rising"
bounce_ms = 5
min_width_ms = 20
min_interval_ms = 100
"#;
    let mut daemon = Daemon::start(config, &[]);
    daemon.wait_for_lines(1);
    let mut hand = Hand::on(&chip, 20);
    // Milliseconds that the wire stays after each edge, from high on; what becomes of the edges.
    let table: [Played; 6] = [
        (
            &[50, 500],
            1,
            [
                (LossCause::Bounce, 0),
                (LossCause::Width, 0),
                (LossCause::Interval, 0),
            ],
        ),
        (
            &[2, 500],
            0,
            [
                (LossCause::Bounce, 1),
                (LossCause::Width, 0),
                (LossCause::Interval, 0),
            ],
        ),
        (
            &[1, 1, 1, 1, 50, 500],
            1,
            [
                (LossCause::Bounce, 2),
                (LossCause::Width, 0),
                (LossCause::Interval, 0),
            ],
        ),
        (
            &[12, 500],
            0,
            [
                (LossCause::Bounce, 0),
                (LossCause::Width, 1),
                (LossCause::Interval, 0),
            ],
        ),
        (
            &[30, 20, 30, 500],
            1,
            [
                (LossCause::Bounce, 0),
                (LossCause::Width, 0),
                (LossCause::Interval, 1),
            ],
        ),
        (
            &[50, 1, 1, 1, 1, 500],
            1,
            [
                (LossCause::Bounce, 2),
                (LossCause::Width, 0),
                (LossCause::Interval, 0),
            ],
        ),
    ];
    let (mut pulses, mut losses) = (0, [0u64; 3]);
    for (stays, counted, rejected) in table {
        for stay in stays {
            hand.toggles(1, Duration::from_millis(*stay));
        }
        pulses += counted;
        for (sum, (_, edges)) in losses.iter_mut().zip(rejected) {
            *sum += edges;
        }
    }
    daemon.stop();
    assert_eq!(stamps(&daemon, "Import").len() as u64, pulses);
    let causes = [LossCause::Bounce, LossCause::Width, LossCause::Interval];
    assert_eq!(causes.map(|cause| lost(&daemon, "Import", cause)), losses);
}

#[test]
fn an_overflow_is_put_back_to_the_pulse() {
    let Some(ground) = ground(
        test_path!("an_overflow_is_put_back_to_the_pulse"),
        Place::REAL,
    ) else {
        return;
    };
    let chip = chip(&ground);
    let mut daemon = Daemon::start(PLAIN, &[]);
    daemon.wait_for_lines(3);
    let (mut busy, mut quiet) = (Hand::on(&chip, 20), Hand::on(&chip, 26));
    busy.toggles(20, Duration::from_millis(2));
    daemon.wait_for_pulses(10);
    daemon.freeze();
    busy.toggles(2_000, Duration::from_micros(100));
    quiet.toggles(6, Duration::from_micros(100));
    daemon.thaw();
    daemon.wait_for("the overflow in the log", |daemon| {
        daemon.log().contains("put back by number")
    });
    busy.toggles(20, Duration::from_millis(2));
    daemon.stop();
    let (made, kept) = (
        busy.rising().len() as u64,
        stamps(&daemon, "Import").len() as u64,
    );
    assert_eq!(kept, made, "the number is exact");
    assert_eq!(
        lost(&daemon, "Import", LossCause::Restored),
        (2_000 - 1_024) / 2
    );
    let mut reader = Reader::open(daemon.dir()).unwrap();
    let page = reader.page(IdRange::ALL, usize::MAX).unwrap();
    let estimated = page.entries.iter().filter(|entry| entry.estimated).count();
    assert_eq!(
        estimated,
        (2_000 - 1_024) / 2,
        "and only those stamps are guessed"
    );
    assert_eq!(lost(&daemon, "Export", LossCause::Restored), 0);
    assert_all_there(&daemon, "Export", &quiet);
}

#[test]
fn a_chip_that_goes_and_comes_back_is_counted_again() {
    let name = test_path!("a_chip_that_goes_and_comes_back_is_counted_again");
    let Some(ground) = ground(name, Place::REAL) else {
        return;
    };
    let chip = chip(&ground);
    let mut daemon = Daemon::start(PLAIN, &[]);
    daemon.wait_for_lines(3);
    Hand::on(&chip, 20).toggles(10, Duration::from_millis(2));
    daemon.wait_for_pulses(5);
    chip.unplug();
    daemon.wait_for("the loss in the log", |daemon| {
        daemon.log().contains("not readable")
    });
    chip.replug();
    daemon.wait_for_lines(6);
    Hand::on(&chip, 20).toggles(10, Duration::from_millis(2));
    daemon.wait_for_pulses(10);
    daemon.stop();
    assert_eq!(stamps(&daemon, "Import").len(), 10);
}

#[test]
fn nothing_to_count_ends_with_try_later() {
    let name = test_path!("nothing_to_count_ends_with_try_later");
    let Some(ground) = ground(name, Place::TIME_TRAVEL) else {
        return;
    };
    let begin_ns = SystemClock.mono_ns();
    let _other = ground.chip("expander", 2);
    let mut daemon = Daemon::start(PLAIN, &[]);
    let code = daemon.wait_for_exit();
    assert_eq!(code, Some(75), "{}", daemon.log());
    let took_s = (SystemClock.mono_ns() - begin_ns) / NS_PER_S;
    assert!((60..75).contains(&took_s), "{took_s} s");
    assert!(
        daemon.log().contains("there is no line GPIO20"),
        "{}",
        daemon.log()
    );
}

/// Whether a command's answer, `status --json`, has the condition that a meter's line is not read.
fn is_unread(status: &str, meter: &str) -> bool {
    let status: serde_json::Value = serde_json::from_str(status).unwrap();
    let conditions = status["conditions"].as_array().unwrap();
    conditions.iter().any(|found| {
        found["word"] == "line_not_read"
            && found["meter"] == meter
            && found["why"].as_str().is_some_and(|why| !why.is_empty())
    })
}

#[test]
fn a_line_that_is_not_read_is_told_everywhere() {
    let name = test_path!("a_line_that_is_not_read_is_told_everywhere");
    let Some(ground) = ground(name, Place::REAL) else {
        return;
    };
    let chip = chip(&ground);
    let other = ground.chip("expander", 4);
    let now_s = || SystemClock.wall_ns().s();
    let started_s = now_s();
    let config = format!("{PLAIN}\n[[meter]]\nname = \"Garden\"\nchip = \"expander\"\nline = 3\n");
    let mut daemon = Daemon::start(&config, &[]);
    daemon.wait_for_lines(4);
    daemon.wait_for("four lines that are read", |daemon| {
        let (code, _) = daemon.answer(&["status"]);
        code == Some(0)
    });
    assert!(!is_unread(
        &daemon.answer(&["status", "--json"]).1,
        "Garden"
    ));
    // The journal keeps it a moment later.
    daemon.wait_for("no line that is missed", |daemon| {
        !daemon.answer(&["losses"]).1.contains("until now")
    });

    other.unplug();
    let unplugged_s = now_s();
    daemon.wait_for("the exit code", |daemon| {
        daemon.answer(&["status"]).0 == Some(1)
    });
    let status = daemon.answer(&["status"]).1;
    assert!(status.contains("does NOT COUNT 1 of 4"), "{status}");
    assert!(!status.contains("lost       0"), "{status}");
    let json = daemon.answer(&["status", "--json"]).1;
    assert!(is_unread(&json, "Garden") && !is_unread(&json, "Import"));
    daemon.wait_for("the line that is missed", |daemon| {
        daemon.answer(&["losses"]).1.contains("until now: ")
    });
    let losses: serde_json::Value =
        serde_json::from_str(&daemon.answer(&["losses", "--json"]).1).unwrap();
    let open = &losses["unwatched"][0];
    assert_eq!(
        (&open["meter"], open["until_s"].is_null()),
        (&"Garden".into(), true)
    );
    let from_s = open["from_s"].as_i64().unwrap();
    // To the second: what is watched for less than one ends in the second that is not over yet.
    assert!((started_s..=now_s() + 1).contains(&from_s), "{open}");
    let before_s = unplugged_s - from_s;
    eprintln!("measured: watched until {before_s} s before the chip was unplugged");

    other.replug();
    daemon.wait_for("the line again", |daemon| {
        daemon.answer(&["status"]).0 == Some(0)
    });
    assert!(!is_unread(
        &daemon.answer(&["status", "--json"]).1,
        "Garden"
    ));
    Hand::on(&chip, 20).toggles(2, Duration::from_millis(2));
    daemon.stop();
}

/// Kills in the ordinary run; `KILLS` names another number.
const KILLS: u32 = 40;

/// In one round of so many the journal has everything before the process is killed.
const AT_REST_EVERY: u32 = 3;

/// How many pulses of a meter are in the journal: of `made` exactly the first ones, each once, in order, stamped when it
/// was made.
fn kept_of(made: &[Done], kept: &[i64], offset_ns: i64, told: &str) -> usize {
    assert!(kept.len() <= made.len(), "more than were made, {told}");
    for (number, (done, wall_ns)) in made.iter().zip(kept).enumerate() {
        assert!(
            done.is_at(wall_ns - offset_ns),
            "pulse {number} is missing and a later one is there, or one came twice: {done:?} {wall_ns}, {told}"
        );
    }
    kept.len()
}

/// Median and largest.
fn spread_ms(mut ages_ns: Vec<i64>) -> String {
    ages_ns.sort_unstable();
    let ms = |ns: Option<&i64>| ns.map_or(0, |ns| ns / 1_000_000);
    let (median, most) = (ages_ns.get(ages_ns.len() / 2), ages_ns.last());
    format!("median {} ms, most {} ms", ms(median), ms(most))
}

/// Whenever a process is killed, the journal holds of each line the first pulses that were made and lacks the last
/// ones, if any: none once it was seen there. How old what is lost was depends on the machine, and is printed.
#[test]
fn what_was_read_survives_kill_minus_nine() {
    let place = Place {
        timeout_s: 6_000,
        ..Place::REAL
    };
    let Some(ground) = ground(test_path!("what_was_read_survives_kill_minus_nine"), place) else {
        return;
    };
    let kills = std::env::var("KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let chip = chip(&ground);
    let mut random = fastrand::Rng::with_seed(3);
    let mut daemon = Daemon::start(PLAIN, &[]);
    let (mut made_in_all, mut kept_in_all, mut lost_ns) = (0, 0, Vec::new());
    for kill in 0..kills {
        daemon.wait_for_lines(3);
        let known = newest(&daemon);
        let hands = METERS.map(|(_, line)| Hand::on(&chip, line));
        let paces = [5, 7, 9].map(Duration::from_millis);
        let mut hands: Vec<(Hand, Duration)> = hands.into_iter().zip(paces).collect();
        play(&mut hands, random.usize(60..200));
        let is_at_rest = kill % AT_REST_EVERY == AT_REST_EVERY - 1;
        if is_at_rest {
            daemon.wait_for_pulses(known.0 + rising(&hands));
        }
        // At any moment after the last edge, also within the time of a commit.
        thread::sleep(Duration::from_micros(random.u64(0..60_000)));
        let killed_ns = SystemClock.mono_ns();
        daemon.kill();
        let offset_ns = SystemClock.offset_ns();
        let mut kept = stamps_after(&daemon, known);
        for ((name, _), (hand, _)) in METERS.iter().zip(&hands) {
            let (made, kept) = (hand.rising(), kept.remove(*name).unwrap_or_default());
            let told = format!("kill {kill}, {name}\n{}", daemon.log());
            let kept = kept_of(&made, &kept, offset_ns, &told);
            assert!(!is_at_rest || kept == made.len(), "it was there, {told}");
            made_in_all += made.len();
            kept_in_all += kept;
            lost_ns.extend(made[kept..].iter().map(|done| killed_ns - done.after_ns));
        }
        assert!(kept.is_empty(), "of no other meter: {kept:?}");
        daemon.start_again();
    }
    daemon.wait_for_lines(3);
    daemon.stop();
    assert_eq!(
        usize::try_from(newest(&daemon).0).unwrap(),
        kept_in_all,
        "what was kept stays"
    );
    eprintln!(
        "{kills} kills, {made_in_all} pulses made, {kept_in_all} kept; the others were made before the kill: {}",
        spread_ms(lost_ns)
    );
}
