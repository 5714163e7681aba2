//! Quarters of an hour and local days: each pulse once in both, whatever comes late, whatever is killed in between, whatever
//! the zone is.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use rusqlite::OpenFlags;

use crate::clock::Clock;
use crate::clock::segment::{Segment, Trust};
use crate::energy::periods::Calendar;
use crate::journal::ReadFrom;
use crate::journal::db::file::file_in;
use crate::journal::db::open;
use crate::journal::handles::journal::Journal;
use crate::journal::salvage::Foreign;
use crate::journal::tests::{Bench, WALL, names, pending, pulses, segment};
use crate::model::{
    MeterId, MeterRow, NS_PER_S, Pulse, PulseGaps, PulseWorth, QUARTER_S, S_PER_DAY, STAMP_STEP_NS,
    SegmentNo, Spans, View, WallNs, Watched, WatchedStretch,
};

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

/// Pulses by start and meter.
type Sums = BTreeMap<(i64, MeterRow), i64>;

fn sums(stamps: &[(i64, WallNs)], start_s: impl Fn(i64) -> i64) -> Sums {
    let mut sums = Sums::new();
    for (meter, wall_ns) in stamps {
        *sums
            .entry((start_s(wall_ns.s()), MeterRow(*meter)))
            .or_default() += 1;
    }
    sums
}

fn quarters(bench: &Bench) -> Sums {
    let found = bench.reader().quarters(i64::MIN, i64::MAX).unwrap();
    let found = found.into_iter();
    found
        .map(|quarter| ((quarter.start_s, quarter.meter), quarter.count.pulses))
        .collect()
}

fn days(bench: &Bench, zone: &TimeZone) -> Sums {
    let reader = bench.reader();
    let filled = reader.filled(zone).unwrap();
    assert_eq!(filled.days_from_s, 0, "all are there");
    let found = reader.days(filled, i64::MIN, i64::MAX).unwrap();
    let found = found.into_iter();
    found
        .map(|day| ((day.start_s, day.meter), day.count.pulses))
        .collect()
}

/// Quarters and days are a recount of the pulses, which are all there.
fn check(bench: &Bench, zone: &TimeZone, stamps: &[(i64, WallNs)]) {
    let counted = sums(stamps, |at_s| at_s - at_s.rem_euclid(QUARTER_S));
    assert_eq!(quarters(bench), counted);
    let calendar = Calendar::new(zone.clone());
    let counted = sums(stamps, |at_s| calendar.day_start_s(calendar.date_at(at_s)));
    assert_eq!(days(bench, zone), counted);
}

fn rest(bench: &mut Bench) {
    while bench.writer.step() == Duration::ZERO {}
}

/// A pulse of the first meter so many seconds after the begin of a segment.
fn at(no: u32, second: i64) -> Pulse {
    Pulse {
        meter: MeterId(0),
        segment: SegmentNo(no),
        // A stamp, as capture makes them.
        mono_ns: second * NS_PER_S / STAMP_STEP_NS * STAMP_STEP_NS,
        estimated: false,
    }
}

/// Zones in which a day begins off the hour, at 01:00, is of 23.5 or 25 hours, or was left out, and a second of that day.
const ODD: [(&str, i64); 7] = [
    ("Europe/Berlin", 1_774_747_000),
    ("Europe/Berlin", 1_792_886_400),
    ("Asia/Kathmandu", 1_780_000_000),
    ("Australia/Lord_Howe", 1_775_318_400),
    ("Australia/Lord_Howe", 1_791_039_600),
    ("Africa/Cairo", 1_776_981_600),
    ("Pacific/Apia", 1_325_239_200),
];

/// In which zone, and what comes: how many seconds after two days before the odd one it begins, its seconds since then, and whether
/// its time is known only when all has come.
fn coming() -> impl Strategy<Value = (usize, Vec<(i64, Vec<i64>, bool)>)> {
    let stretch = (
        0..4 * S_PER_DAY,
        prop::collection::vec(1..2 * S_PER_DAY, 0..40),
        any::<bool>(),
    );
    (0..ODD.len(), prop::collection::vec(stretch, 1..5))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn days_are_a_recount_whatever_comes_late_and_in_whatever_order((odd, stretches) in coming()) {
        let zone = zone(ODD[odd].0);
        let mut bench = Bench::new(|_| {});
        bench.writer.count_days_in(&zone).unwrap();
        let mut late: Vec<Segment> = Vec::new();
        for (no, (begin_s, mut seconds, is_late)) in (0..).zip(stretches) {
            seconds.sort_unstable();
            seconds.dedup();
            let offset_ns = (ODD[odd].1 - 2 * S_PER_DAY + begin_s) * NS_PER_S;
            let settled = segment(no, WallNs(offset_ns), Trust::Assumed);
            let now = if is_late { segment(no, WallNs(0), Trust::Provisional) } else { settled };
            late.extend(is_late.then_some(settled));
            let pulses = seconds.iter().map(|second| at(no, *second)).collect();
            bench.push(pending(vec![now], pulses));
            bench.close();
        }
        bench.push(pending(late, Vec::new()));
        bench.close();
        let stamps = bench.stamps();
        check(&bench, &zone, &stamps);
    }
}

/// Makes the journal one of the schema before quarters were.
pub(super) fn make_older(bench: Bench) -> tempfile::TempDir {
    let dir = bench.into_dir();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    open::connect(&file_in(dir.path()), flags)
        .unwrap()
        .execute_batch(
            "DROP TABLE quarter; DROP TABLE day; DROP TABLE zone; DROP TABLE factor;
             ALTER TABLE register DROP COLUMN unit;
             ALTER TABLE register DROP COLUMN digits;
             ALTER TABLE register DROP COLUMN exchange;
             ALTER TABLE register DROP COLUMN serial;
             DROP TABLE mqtt_meter; DROP TABLE mqtt_topic;
             DROP TABLE alarm; DROP TABLE alarm_event; DROP TABLE alarm_lost;
             DROP TABLE ledger_quarter;
             ALTER TABLE window DROP COLUMN shortest_gap_ms;
             ALTER TABLE window DROP COLUMN longest_gap_ms;
             DELETE FROM journal WHERE key = 'quarters_from_s';
             PRAGMA user_version = 11;",
        )
        .unwrap();
    dir
}

/// A pulse every six minutes for so many days.
fn days_of_pulses(no: u32, days: i64) -> Vec<Pulse> {
    let every = |n| at(no, n * 360);
    (1..=days * 240).map(every).collect()
}

#[test]
fn an_older_journal_is_filled_in_while_counting_goes_on_and_is_killed() {
    let zone = zone("Asia/Kathmandu");
    let mut bench = Bench::new(|_| {});
    let settled = segment(0, WALL, Trust::Assumed);
    bench.push(pending(vec![settled], days_of_pulses(0, 40)));
    bench.close();
    let mut dir = make_older(bench);
    let mut stamps = Vec::new();
    let (mut runs, mut is_done) = (0, false);
    while !is_done {
        let mut bench = Bench::open(dir, "later", |_| {});
        bench.writer.count_days_in(&zone).unwrap();
        // Some of an hour that is filled and of one that is not.
        let (no, begin_ns) = (10 + runs, WALL + i64::from(runs) * 5 * S_PER_DAY * NS_PER_S);
        let late = segment(no, begin_ns + 77 * NS_PER_S, Trust::Assumed);
        bench.push(pending(vec![late], pulses(1, no, 9)));
        bench.close_in(|bench| {
            for _ in 0..5 {
                is_done = bench.writer.step() > Duration::ZERO;
            }
        });
        stamps = bench.stamps();
        runs += 1;
        assert!(runs < 100);
        if is_done {
            check(&bench, &zone, &stamps);
        }
        // As a kill: nothing is finished.
        let Bench {
            dir: left, writer, ..
        } = bench;
        drop(writer);
        dir = left;
    }
    assert!(runs > 5, "{runs}");
    assert_eq!(stamps.len(), 40 * 240 + 9 * usize::try_from(runs).unwrap());
}

#[test]
fn what_is_known_by_the_hour_alone_is_marked_and_counted_once() {
    let utc = TimeZone::UTC;
    let mut bench = Bench::new(|_| {});
    let settled = segment(0, WALL, Trust::Assumed);
    bench.push(pending(vec![settled], days_of_pulses(0, 2)));
    bench.close();
    let connection = &bench.writer.journal().connection;
    // As if five minutes had left, for all but the last hours.
    let hour_s = View::Hour.start_of(WALL) + 40 * 3_600;
    connection
        .execute(
            "DELETE FROM window WHERE view < 3600 AND start_s < ?1",
            [hour_s],
        )
        .unwrap();
    let dir = make_older(bench);
    let mut bench = Bench::open(dir, "later", |_| {});
    bench.writer.count_days_in(&utc).unwrap();
    // Late, and counted before the hour is filled in.
    let late = segment(1, WALL + 3_000 * NS_PER_S, Trust::Assumed);
    bench.push(pending(vec![late], pulses(0, 1, 5)));
    bench.close();
    let found = quarters(&bench);
    let all: i64 = found.values().sum();
    assert_eq!(all, 485);
    let reader = bench.reader();
    assert!(reader.has_coarse_quarters(hour_s - 3_600, hour_s).unwrap());
    assert!(!reader.has_coarse_quarters(hour_s, i64::MAX).unwrap());
    let late_s = (WALL.s() + 3_000) / QUARTER_S * QUARTER_S;
    if late_s % 3_600 != 0 {
        assert_eq!(found[&(late_s, MeterRow(1))], 5, "to the quarter");
    }
    for hour in reader.windows(View::Hour, 0, i64::MAX).unwrap() {
        let of_hour = found.range((hour.start_s, MeterRow(0))..(hour.start_s + 3_600, MeterRow(0)));
        let of_hour = of_hour.filter(|((_, meter), _)| *meter == hour.meter);
        assert_eq!(of_hour.map(|(_, n)| n).sum::<i64>(), hour.pulses);
    }
    let days = days(&bench, &utc);
    assert_eq!(days.values().sum::<i64>(), 485);
}

#[test]
fn another_zone_has_its_days_counted_again_in_pieces() {
    let (berlin, kathmandu) = (zone("Europe/Berlin"), zone("Asia/Kathmandu"));
    let mut bench = Bench::new(|_| {});
    bench.writer.count_days_in(&berlin).unwrap();
    let settled = segment(0, WALL, Trust::Assumed);
    bench.push(pending(vec![settled], days_of_pulses(0, 60)));
    bench.close();
    let stamps = bench.stamps();
    check(&bench, &berlin, &stamps);
    let mut bench = bench.reboot("later");
    bench.writer.count_days_in(&kathmandu).unwrap();
    assert_eq!(
        bench.reader().filled(&kathmandu).unwrap().days_from_s,
        i64::MAX
    );
    assert_eq!(
        bench.reader().filled(&berlin).unwrap().days_from_s,
        i64::MAX,
        "they are no longer counted"
    );
    for _ in 0..4 {
        bench.writer.step();
    }
    let from_s = bench.reader().filled(&kathmandu).unwrap().days_from_s;
    assert!(from_s > 0 && from_s < i64::MAX, "{from_s}");
    // Killed, and gone on with, while pulses come.
    let mut bench = bench.reboot("later");
    bench.writer.count_days_in(&kathmandu).unwrap();
    assert_eq!(
        bench.reader().filled(&kathmandu).unwrap().days_from_s,
        from_s
    );
    let late = segment(1, WALL + 7 * NS_PER_S, Trust::Assumed);
    bench.push(pending(vec![late], days_of_pulses(1, 59)));
    bench.close();
    let stamps = bench.stamps();
    check(&bench, &kathmandu, &stamps);
    let zones: i64 = bench
        .writer
        .journal()
        .connection
        .query_row(
            "SELECT (SELECT count(*) FROM zone) * 10 + count(DISTINCT zone) FROM day",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(zones, 11, "nothing is left of the other zone");
}

#[test]
fn days_are_counted_again_where_the_rules_of_the_zone_have_changed() {
    let cairo = zone("Africa/Cairo");
    let mut bench = Bench::new(|_| {});
    bench.writer.count_days_in(&cairo).unwrap();
    let settled = segment(0, WALL, Trust::Assumed);
    bench.push(pending(vec![settled], days_of_pulses(0, 20)));
    bench.close();
    let connection = &bench.writer.journal().connection;
    // As counted by rules without summer time.
    connection
        .execute("UPDATE day SET start_s = start_s + 3600", [])
        .unwrap();
    let mut bench = bench.reboot("later");
    bench.writer.count_days_in(&cairo).unwrap();
    rest(&mut bench);
    let stamps = bench.stamps();
    check(&bench, &cairo, &stamps);
}

fn watched(bench: &Bench, since_ns: WallNs) -> Watched {
    let until_ns = bench.clock.wall_ns();
    let stretch = WatchedStretch { since_ns, until_ns };
    Watched {
        looked_ns: Some(until_ns),
        sure_ns: Some(until_ns),
        synchronised: false,
        meters: [(MeterId(0), stretch)].into(),
    }
}

/// The gaps of each hour, of pulses that come in so many commits and are counted after each or at the end.
fn gaps_of(a_commit: usize, counts_each: bool) -> Vec<Option<PulseGaps>> {
    let mut bench = Bench::new(|_| {});
    let hour_ns = WallNs::of_s(View::Hour.start_of(WALL) + 3_600);
    let settled = segment(0, hour_ns, Trust::Assumed);
    // Nothing was watched for a while after the third; then a minute of silence.
    let seconds = [10, 12, 15, 700, 705, 3_500, 3_610, 3_611, 7_300, 7_301];
    let stretches = [(0, 100), (600, 7_400)];
    bench.clock.advance(hour_ns - WALL);
    for (n, some) in seconds.chunks(a_commit).enumerate() {
        let first = if n == 0 { vec![settled] } else { Vec::new() };
        let some_pulses = some.iter().map(|second| at(0, *second)).collect();
        bench.push(pending(first, some_pulses));
        let newest_s = some[some.len() - 1];
        if newest_s == 700 || (a_commit == 3 && newest_s == 3_500) {
            let [since_ns, until_ns] = [0, 100].map(|s| hour_ns + s * NS_PER_S);
            let ended = WatchedStretch { since_ns, until_ns };
            bench.intake.note_ended(MeterId(0), ended);
        }
        let stretch = stretches[usize::from(newest_s >= 600)];
        if counts_each || newest_s == 15 || newest_s == 7_301 {
            bench
                .clock
                .advance(hour_ns + (newest_s + 1) * NS_PER_S - bench.clock.wall_ns());
            bench.durable.step().unwrap();
            bench
                .intake
                .note_watched(watched(&bench, hour_ns + stretch.0 * NS_PER_S));
            bench.writer.step();
            bench.clock.advance(2 * NS_PER_S);
            bench.durable.step().unwrap();
            rest(&mut bench);
        }
    }
    bench.clock.advance(100 * NS_PER_S);
    bench
        .intake
        .note_watched(watched(&bench, hour_ns + stretches[1].0 * NS_PER_S));
    bench.writer.step();
    bench.durable.step().unwrap();
    rest(&mut bench);
    let reader = bench.reader();
    let from = ReadFrom {
        now_s: 0,
        filled: reader.filled(&TimeZone::UTC).unwrap(),
        split_days: Spans::default(),
    };
    let hours = reader
        .counts(crate::journal::Grain::Hour, (0, i64::MAX), &from)
        .unwrap();
    assert_eq!(hours.iter().map(|hour| hour.count.pulses).sum::<i64>(), 10);
    hours.iter().map(|hour| hour.count.gaps).collect()
}

#[test]
fn gaps_are_those_between_neighbours_that_were_watched() {
    let gaps = |shortest_ms, longest_ms| {
        Some(PulseGaps {
            shortest_ms,
            longest_ms,
        })
    };
    let want = [
        gaps(2_000, 2_795_000),
        gaps(1_000, 110_000),
        gaps(1_000, 3_689_000),
    ];
    for (a_commit, counts_each) in [(1, true), (3, true), (1, false), (3, false)] {
        let found = gaps_of(a_commit, counts_each);
        assert_eq!(found, want, "{a_commit} {counts_each}");
    }
}

#[test]
fn another_journals_quarters_are_taken_over_with_its_windows() {
    let zone = zone("Asia/Kathmandu");
    let mut old = Bench::new(|_| {});
    let settled = segment(0, WALL, Trust::Assumed);
    old.push(pending(vec![settled], days_of_pulses(0, 3)));
    old.intake.note_watched(watched(&old, WALL));
    old.clock.advance(3 * S_PER_DAY * NS_PER_S);
    old.close();
    let known = quarters(&old);
    for (imp_per_kwh, from_s) in [(500.0, 100), (1_000.0, 200)] {
        let factors = [(MeterId(0), PulseWorth::of_kwh(imp_per_kwh))];
        old.writer.journal.note_factors(&factors, from_s).unwrap();
    }
    let connection = &old.writer.journal().connection;
    // All that is left are hours and quarters.
    connection
        .execute_batch(
            "DELETE FROM pulse; DELETE FROM window WHERE view < 3600;
             UPDATE quarter SET shortest_gap_ms = 5000, longest_gap_ms = 400000 WHERE meter = 1;",
        )
        .unwrap();
    let theirs = Foreign::open(&file_in(old.dir.path())).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let meter_of = [(MeterRow(1), 0), (MeterRow(2), 1)].into();
    for added in [720, 0] {
        let mut journal = Journal::open(dir.path(), &names(), "", WALL).unwrap();
        journal.count_days_in(&zone).unwrap();
        let raised = journal.raise_windows(&theirs, &meter_of, &BTreeMap::new());
        assert_eq!(raised.unwrap(), added);
    }
    let mut bench = Bench::open(dir, "boot", |_| {});
    bench.writer.count_days_in(&zone).unwrap();
    rest(&mut bench);
    assert_eq!(quarters(&bench), known);
    let reader = bench.reader();
    let factors = reader.factors().unwrap();
    let factors = factors["Import"]
        .iter()
        .map(|factor| (factor.from_s, factor.worth.pulses_per_unit));
    assert_eq!(factors.collect::<Vec<_>>(), [(0, 500.0), (200, 1_000.0)]);
    assert!(!reader.has_coarse_quarters(0, i64::MAX).unwrap());
    let filled = reader.filled(&zone).unwrap();
    let days = reader.days(filled, 0, i64::MAX).unwrap();
    assert_eq!(days.iter().map(|day| day.count.pulses).sum::<i64>(), 720);
    let gaps = PulseGaps {
        shortest_ms: 5_000,
        longest_ms: 400_000,
    };
    assert!(days.iter().all(|day| day.count.gaps == Some(gaps)));
}
