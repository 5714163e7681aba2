//! Windows: counted once each, whatever comes late, leaves early or breaks in between.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Clock;
use crate::clock::elapsed::{ElapsedRecord, Steady};
use crate::clock::segment::Trust;
use crate::journal::ids::IdRanges;
use crate::journal::tables::compared::{Changed, Reconciled};
use crate::journal::tables::deliveries::DeliveryNews;
use crate::journal::tables::windows::Unwatched;
use crate::journal::tests::{Bench, WALL, pending, pulses, segment};
use crate::model::{
    DestinationRow, IdRange, MeterId, MeterRow, NS_PER_S, Pulse, SegmentNo, WallNs, Watched,
    WatchedStretch,
};
use crate::model::{Tier, View};

const DAY_NS: i64 = 86_400 * NS_PER_S;

/// Pulses of a meter by view.
fn sums(bench: &Bench, meter: i64) -> [i64; 3] {
    let reader = bench.reader();
    View::ALL.map(|view| {
        let windows = reader.windows(view, 0, i64::MAX).unwrap();
        let of_meter = windows.iter().filter(|window| window.meter.0 == meter);
        of_meter.map(|window| window.pulses).sum()
    })
}

/// A pulse every `step_s`, from the segment's begin.
fn every(step_s: i64, count: i64) -> Vec<Pulse> {
    (0..count)
        .map(|n| Pulse {
            meter: MeterId(0),
            segment: SegmentNo(0),
            mono_ns: n * step_s * NS_PER_S,
            estimated: false,
        })
        .collect()
}

#[test]
fn counting_began_with_the_oldest_pulse_before_any_window_is_counted() {
    let mut bench = Bench::new(|_| {});
    assert_eq!(bench.reader().counting_since_s().unwrap(), None);
    bench.push(pending(
        vec![segment(0, WALL, Trust::Provisional)],
        every(700, 3),
    ));
    bench.writer.step();
    assert_eq!(bench.reader().counting_since_s().unwrap(), None);
    bench.push(pending(
        vec![segment(0, WALL, Trust::Synchronised)],
        Vec::new(),
    ));
    bench.writer.step();
    assert_eq!(sums(&bench, 1), [0; 3]);
    let oldest_s = bench.stamps()[0].1.s();
    assert_eq!(bench.reader().counting_since_s().unwrap(), Some(oldest_s));
    bench.clock.advance(3_600 * NS_PER_S);
    bench.close();
    assert_eq!(sums(&bench, 1), [3; 3]);
    let hour_s = View::Hour.floor_s(oldest_s);
    assert_eq!(bench.reader().counting_since_s().unwrap(), Some(hour_s));
}

#[test]
fn pulses_are_counted_when_they_are_durable_and_not_before() {
    let mut bench = Bench::new(|_| {});
    let settled = segment(0, WALL, Trust::Assumed);
    bench.push(pending(vec![settled], every(20, 180)));
    bench.clock.advance(3_600 * NS_PER_S);
    bench.looked(BTreeMap::new());
    for _ in 0..5 {
        bench.writer.step();
    }
    assert_eq!(sums(&bench, 1), [0; 3]);
    assert_eq!(bench.marks.now().closed_s, 0);
    let by_now = |bench: &Bench| {
        let mut reader = bench.reader();
        View::ALL.map(|view| reader.windows_by_now(view, (0, i64::MAX)).unwrap())
    };
    let before = by_now(&bench);
    let quarters = bench.reader().quarter_pulses_by_now((0, i64::MAX)).unwrap();
    assert_eq!(bench.reader().ids_between(0, i64::MAX).unwrap(), None);
    let ids = bench.reader().ids_by_now((0, i64::MAX)).unwrap();
    assert_eq!(ids.len(), 180);
    bench.durable.step().unwrap();
    while bench.writer.step() == Duration::ZERO {}
    assert_eq!(sums(&bench, 1), [180; 3]);
    let reader = bench.reader();
    let counted = View::ALL.map(|view| reader.windows(view, 0, i64::MAX).unwrap());
    assert_eq!(before, counted, "who asks for all gets the same before");
    assert_eq!(by_now(&bench), counted);
    assert_eq!(quarters, reader.quarter_pulses((0, i64::MAX)).unwrap());
    let again = bench.reader().quarter_pulses_by_now((0, i64::MAX));
    assert_eq!(quarters, again.unwrap());
    let minutes = bench.reader().windows(View::Minute, 0, i64::MAX).unwrap();
    assert_eq!(
        minutes.len(),
        61,
        "the hour does not begin at a full minute"
    );
    assert!(minutes[1..60].iter().all(|window| window.pulses == 3));
    let now_s = bench.clock.wall_ns().s();
    assert_eq!(bench.marks.now().closed_s, View::Minute.floor_s(now_s));
}

#[test]
fn the_board_tells_up_to_when_the_journal_has_all_once_it_has() {
    let mut bench = Bench::new(|_| {});
    let settled = segment(0, WALL, Trust::Assumed);
    bench.push(pending(vec![settled], every(20, 9)));
    bench.clock.advance(200 * NS_PER_S);
    bench.looked(BTreeMap::new());
    let looked_ns = bench.clock.wall_ns();
    let kept_until_ns = |bench: &Bench| bench.intake.board().kept_until_ns();
    assert_eq!(kept_until_ns(&bench), WallNs(0), "nothing is committed yet");
    bench.writer.step();
    assert_eq!(kept_until_ns(&bench), looked_ns);
    // Without a pulse, too.
    bench.clock.advance(60 * NS_PER_S);
    bench.looked(BTreeMap::new());
    assert_eq!(kept_until_ns(&bench), looked_ns);
    bench.writer.step();
    assert_eq!(kept_until_ns(&bench), bench.clock.wall_ns());
}

#[test]
fn at_a_clean_end_all_that_was_seen_is_counted() {
    let mut bench = Bench::new(|_| {});
    let settled = segment(0, WALL, Trust::Assumed);
    bench.push(pending(vec![settled], every(20, 180)));
    bench.see(MeterId(0), (0, 3_600));
    bench.finish();
    assert_eq!(sums(&bench, 1), [180; 3]);
    assert_eq!(bench.watched_s(), 3_600 - 1);
}

#[test]
fn a_late_clock_adds_to_windows_whose_pulses_are_gone() {
    let mut bench = Bench::new(|settings| settings.raw_retention_d = 1);
    let settled = segment(0, WALL, Trust::Assumed);
    bench.push(pending(vec![settled], pulses(0, 0, 3_000)));
    bench.close();
    bench.writer.outbox().leave(DeliveryNews {
        delivered: Some(IdRanges::from_ranges([IdRange::of(1, 3_000)])),
        ..DeliveryNews::default()
    });
    bench.clock.advance(2 * DAY_NS);
    bench.close();
    assert_eq!(
        bench.reader().bounds().unwrap(),
        Some(IdRange::of(3_000, 3_000))
    );
    assert_eq!(sums(&bench, 1), [3_000; 3]);

    bench.push(pending(
        vec![segment(1, WallNs(0), Trust::Provisional)],
        pulses(0, 1, 7),
    ));
    bench.close();
    assert_eq!(sums(&bench, 1), [3_000; 3], "nobody knows when they were");
    bench.push(pending(vec![segment(1, WALL, Trust::Assumed)], Vec::new()));
    bench.close();
    assert_eq!(sums(&bench, 1), [3_007; 3]);
    let minute = bench.reader().windows(View::Minute, 0, i64::MAX).unwrap();
    assert_eq!(minute.len(), 1, "in the same window");
}

#[test]
fn the_disk_bound_takes_pulses_and_leaves_their_windows() {
    let mut bench = Bench::new(|settings| settings.max_bytes = 600_000);
    let settled = segment(0, WALL, Trust::Assumed);
    bench.push(pending(vec![settled], pulses(1, 0, 40_000)));
    bench.close();
    bench.close();
    let first = |bench: &Bench| bench.reader().bounds().unwrap().unwrap().first.0;
    assert_eq!(first(&bench), 1, "a task still recomputes their hour");
    bench.clock.advance(5 * 3_600 * NS_PER_S);
    bench.close();
    let left = first(&bench);
    assert!(left > 5_000, "{left}");
    assert_eq!(sums(&bench, 2), [40_000; 3]);
}

#[test]
fn far_above_the_disk_bound_young_pulses_leave_as_well() {
    let mut bench = Bench::new(|settings| settings.max_bytes = 200_000);
    let settled = segment(0, WALL, Trust::Assumed);
    bench.push(pending(vec![settled], pulses(1, 0, 40_000)));
    bench.close();
    bench.close();
    let first = bench.reader().bounds().unwrap().unwrap().first.0;
    assert!(first > 5_000, "{first}");
    assert_eq!(sums(&bench, 2), [40_000; 3]);
}

/// Pulses spread over hours, of a segment whose time is not known.
fn held(no: u32, count: i64) -> Vec<Pulse> {
    let pulse = |n| Pulse {
        meter: MeterId(1),
        segment: SegmentNo(no),
        mono_ns: n * NS_PER_S / 2,
        estimated: false,
    };
    (0..count).map(pulse).collect()
}

#[test]
fn pulses_of_an_unknown_time_that_have_to_leave_are_counted_when_it_is_known() {
    let mut bench = Bench::new(|settings| settings.max_bytes = 400_000);
    let unknown = segment(0, WallNs(0), Trust::Provisional);
    bench.push(pending(vec![unknown], held(0, 40_000)));
    for _ in 0..3 {
        bench.clock.advance(61 * NS_PER_S);
        while bench.writer.step() == Duration::ZERO {}
        bench.durable.step().unwrap();
    }
    let first = bench.reader().bounds().unwrap().unwrap().first.0;
    assert!(first > 20_000, "the bound bit: {first}");
    assert_eq!(sums(&bench, 2), [0; 3]);

    // Its time is known at last, in the commit of pulses whose time was known all along.
    let settled = segment(0, WALL, Trust::Synchronised);
    bench.push(pending(vec![settled], pulses(0, 0, 7)));
    bench.close();
    assert_eq!(sums(&bench, 2), [40_000; 3]);
    assert_eq!(sums(&bench, 1), [7; 3]);
    let minutes = bench.reader().windows(View::Minute, 0, i64::MAX).unwrap();
    let minutes: Vec<_> = minutes.iter().filter(|w| w.meter.0 == 2).collect();
    assert!(
        minutes.len() >= 333,
        "five and a half hours: {}",
        minutes.len()
    );
    let off = minutes[2..330].iter().filter(|w| w.pulses != 120).count();
    assert!(
        off <= 2,
        "two a second, but where the last that left meet the first that stayed"
    );
    bench.close();
    assert_eq!(sums(&bench, 2), [40_000; 3], "once");
}

/// The boot ends before its time is known: what is left of it gets the most likely time, all of it.
#[test]
fn pulses_that_had_to_leave_in_a_former_boot_are_counted() {
    let mut bench = Bench::new(|settings| settings.max_bytes = 300_000);
    let unknown = segment(0, WallNs(0), Trust::Provisional);
    bench.push(pending(vec![unknown], held(0, 30_000)));
    for _ in 0..3 {
        bench.clock.advance(61 * NS_PER_S);
        while bench.writer.step() == Duration::ZERO {}
        bench.durable.step().unwrap();
    }
    let mut bench = bench.reboot("the next");
    let known = segment(0, WALL, Trust::Synchronised);
    bench.push(pending(vec![known], pulses(0, 0, 1)));
    bench.close();
    assert_eq!(sums(&bench, 2), [30_000; 3]);
    let hours = bench.reader().windows(View::Hour, 0, i64::MAX).unwrap();
    let newest_s = hours.iter().map(|window| window.start_s).max().unwrap();
    assert!(newest_s <= WALL.s(), "not after the present boot began");
}

/// A boot whose first time was final, and then one that contradicted it by `days`; and the stamps of the latter's
/// pulses when the next boot, which begins an hour after [`WALL`], knows the time.
fn contradicted_by(days: i64) -> Vec<WallNs> {
    let mut bench = Bench::new(|_| {});
    let known = segment(0, WALL, Trust::Rtc);
    let wrong = segment(1, WALL + days * DAY_NS, Trust::Provisional);
    bench.push(pending(vec![known, wrong], pulses(0, 1, 2)));
    bench.writer.step();
    let mut bench = bench.reboot("the next");
    let right = segment(0, WALL + 3_600 * NS_PER_S, Trust::Synchronised);
    bench.push(pending(vec![right], Vec::new()));
    bench.writer.step();
    let stamps = bench.stamps();
    stamps.into_iter().map(|(_, wall_ns)| wall_ns).collect()
}

#[test]
fn pulses_of_a_time_that_cannot_be_get_that_of_their_boot() {
    for days in [3, 4_000, -3, -4_000] {
        let off = contradicted_by(days).into_iter().zip([1_024, 2_048]);
        for (stamp, mono_ns) in off {
            assert!(
                // Each offset is lowered to its row's slot.
                (stamp - WALL - mono_ns).abs() <= 2 * 1_024,
                "{days}: {stamp} is not {mono_ns} after {WALL}"
            );
        }
    }
}

/// A former boot that slept before its time was known: its pulses stay as far apart as they were.
#[test]
fn the_sleep_of_a_boot_of_unknown_time_is_between_its_pulses() {
    let mut bench = Bench::new(|_| {});
    let awake = segment(0, WallNs(0), Trust::Provisional);
    let mut rested = segment(1, WallNs::of_s(600), Trust::Provisional);
    rested.slept_ns = 600 * NS_PER_S;
    let both = [pulses(0, 0, 1), pulses(1, 1, 1)].concat();
    bench.push(pending(vec![awake, rested], both));
    bench.writer.step();
    let mut bench = bench.reboot("the next");
    let right = segment(0, WALL, Trust::Synchronised);
    bench.push(pending(vec![right], Vec::new()));
    bench.writer.step();
    let stamps = bench.stamps();
    let [(1, before_ns), (2, after_ns)] = stamps[..] else {
        panic!("{stamps:?}");
    };
    assert!(
        (after_ns - before_ns - 600 * NS_PER_S).abs() <= 2 * 1_024,
        "{stamps:?}"
    );
    assert!(after_ns < WALL, "before the present boot");
}

/// The bound bites again and again, and some of the pulses are of a known time.
#[test]
fn what_was_thinned_changes_a_window_that_was_compared() {
    let mut bench = Bench::new(|settings| settings.max_bytes = 250_000);
    let known = segment(0, WALL, Trust::Assumed);
    let unknown = segment(1, WallNs(0), Trust::Provisional);
    bench.push(pending(vec![known], every(60, 2)));
    bench.close();
    let hour = Tier::View(View::Hour);
    let start_s = View::Hour.start_of(WALL);
    bench.writer.outbox().comparing(hour, start_s + 36_000);
    bench.push(pending(vec![unknown], held(1, 20_000)));
    for _ in 0..3 {
        bench.clock.advance(61 * NS_PER_S);
        while bench.writer.step() == Duration::ZERO {}
        bench.durable.step().unwrap();
    }
    let changed = |bench: &Bench| {
        let changed = bench
            .reader()
            .changed_windows(DestinationRow(1), hour, i64::MAX, 10);
        changed.unwrap().iter().map(|c| c.roll).max()
    };
    let before = changed(&bench);
    bench.push(pending(vec![segment(1, WALL, Trust::Assumed)], Vec::new()));
    bench.close();
    assert_eq!(sums(&bench, 2), [20_000; 3]);
    assert!(changed(&bench) > before, "the number of a change grows");
}

/// A clock that is stepped again and again: what no pulse needs any more leaves, what one needs stays.
#[test]
fn segments_that_no_pulse_belongs_to_leave() {
    let mut bench = Bench::new(|settings| settings.raw_retention_d = 1);
    let steps = 3_000;
    for no in 0..steps {
        let pulse = Pulse {
            meter: MeterId(0),
            segment: SegmentNo(no),
            mono_ns: i64::from(no) * 1024,
            estimated: false,
        };
        let offset_ns = WALL + i64::from(no) * NS_PER_S;
        bench.push(pending(
            vec![segment(no, offset_ns, Trust::Assumed)],
            vec![pulse],
        ));
        if no % 100 == 0 || no > steps - 400 {
            bench.writer.step();
        }
    }
    bench.close();
    let standing = bench.writer.journal().standing().segments.len();
    assert!(
        standing < 400,
        "this run remembers what capture does: {standing}"
    );
    let stamps = bench.stamps();
    assert_eq!(stamps.len(), 3_000);
    bench.writer.outbox().leave(DeliveryNews {
        delivered: Some(IdRanges::from_ranges([IdRange::of(1, 2_500)])),
        ..DeliveryNews::default()
    });
    bench.clock.advance(3 * DAY_NS);
    for _ in 0..5 {
        bench.close();
    }
    let left = bench.stamps();
    assert_eq!(left, stamps[2_500..], "no stamp has changed");
    let rows: i64 = bench
        .writer
        .journal()
        .connection
        .query_row("SELECT count(*) FROM clock_segment", [], |row| row.get(0))
        .unwrap();
    assert!(
        (500..=1_000).contains(&rows),
        "{rows} segments for 500 pulses"
    );
    let stood = bench.reader().clock_of_boot("boot").unwrap().unwrap().stood;
    assert!(stood.is_some_and(|stood| stood.was_set && stood.trust == Trust::Assumed));
}

#[test]
fn windows_leave_after_their_time_but_for_the_hours() {
    let mut bench = Bench::new(|_| {});
    let settled = segment(0, WALL, Trust::Assumed);
    bench.push(pending(vec![settled], every(3_600, 24 * 10)));
    bench.close();
    assert_eq!(sums(&bench, 1), [240; 3]);
    bench.clock.advance(95 * DAY_NS);
    for _ in 0..10 {
        bench.close();
    }
    let left = sums(&bench, 1);
    assert!((100..=130).contains(&left[0]), "five days of ten: {left:?}");
    assert_eq!(left[1..], [240; 2]);
    bench.clock.advance(400 * DAY_NS);
    for _ in 0..20 {
        bench.close();
    }
    assert_eq!(sums(&bench, 1), [0, 0, 240]);
}

/// A wall clock that is years ahead: what is old by it, and not by what has surely passed, stays.
#[test]
fn a_wall_clock_that_is_ahead_deletes_nothing() {
    let mut bench = Bench::new(|_| {});
    let settled = segment(0, WALL, Trust::Assumed);
    bench.push(pending(vec![settled], every(60, 3_000)));
    bench.close();
    bench.writer.outbox().leave(DeliveryNews {
        delivered: Some(IdRanges::from_ranges([IdRange::of(1, 3_000)])),
        ..DeliveryNews::default()
    });
    bench.clock.advance(11 * NS_PER_S);
    bench.writer.step();
    for (ahead_ns, sure) in [(400 * DAY_NS, true), (11 * 365 * DAY_NS, false)] {
        let right_ns = bench.clock.wall_ns();
        bench.clock.jump_wall(ahead_ns);
        for _ in 0..10 {
            bench.clock.advance(61 * NS_PER_S);
            bench.intake.note_watched(Watched {
                looked_ns: Some(bench.clock.wall_ns()),
                sure_ns: sure.then_some(right_ns),
                ..Watched::default()
            });
            while bench.writer.step() == Duration::ZERO {}
            bench.durable.step().unwrap();
        }
        bench.clock.jump_wall(-ahead_ns);
    }
    assert_eq!(sums(&bench, 1), [3_000; 3]);
    assert_eq!(
        bench.reader().bounds().unwrap(),
        Some(IdRange::of(1, 3_000))
    );
    let row = bench.reader().delivered(DestinationRow(1)).unwrap();
    assert_eq!(row.ranges(), [IdRange::of(1, 3_000)], "it could have left");
}

#[test]
fn what_has_surely_passed_is_known_to_the_next_run() {
    let mut bench = Bench::new(|_| {});
    assert_eq!(bench.reader().elapsed("boot").unwrap(), None);
    let steady = Steady {
        boot_wall_ns: WALL,
        wall_ns: WALL + 7,
        for_ns: 7,
    };
    let kept = ElapsedRecord {
        mono_ns: Some(9),
        sure_ns: Some(WALL),
        shown_ns: None,
        over_a_boot: true,
        steady: Some(steady),
    };
    bench.intake.note_elapsed(kept);
    bench.writer.step();
    assert_eq!(bench.reader().elapsed("boot").unwrap(), Some(kept));
    let elsewhere = ElapsedRecord {
        mono_ns: None,
        ..kept
    };
    assert_eq!(bench.reader().elapsed("other").unwrap(), Some(elsewhere));
    let later = ElapsedRecord {
        mono_ns: Some(10),
        steady: None,
        ..kept
    };
    bench.intake.note_elapsed(later);
    bench.finish();
    let remembered = bench.reader().clock_of_boot("boot").unwrap().unwrap();
    assert_eq!((remembered.stood, remembered.elapsed), (None, Some(later)));
}

#[test]
fn a_compared_window_that_changes_is_noted_until_it_is_compared_again() {
    let mut bench = Bench::new(|_| {});
    let settled = segment(0, WALL, Trust::Assumed);
    bench.push(pending(vec![settled], every(60, 2)));
    bench.close();
    let minute = Tier::View(View::Minute);
    let reconciled = |until_s, changed| DeliveryNews {
        reconciled: vec![Reconciled {
            level: minute,
            until_s,
            changed,
            looked: None,
        }],
        ..DeliveryNews::default()
    };
    let until_s = View::Minute.start_of(WALL) + 60;
    bench
        .writer
        .outbox()
        .leave(reconciled(Some(until_s), Vec::new()));
    bench.clock.advance(11 * NS_PER_S);
    bench.writer.step();
    let changed = |bench: &Bench| {
        let reader = bench.reader();
        assert_eq!(
            reader.compared(DestinationRow(1), minute).unwrap().until_s,
            Some(until_s)
        );
        reader
            .changed_windows(DestinationRow(1), minute, i64::MAX, 10)
            .unwrap()
    };
    assert!(changed(&bench).is_empty());

    bench.push(pending(Vec::new(), every(60, 2)));
    bench.close();
    let first = changed(&bench);
    let start_s = until_s - 60;
    assert_eq!(
        first,
        [Changed { start_s, roll: 4 }],
        "the other is not compared yet"
    );
    bench.push(pending(Vec::new(), every(60, 1)));
    bench.close();
    bench.writer.outbox().leave(reconciled(None, first));
    bench.clock.advance(11 * NS_PER_S);
    bench.writer.step();
    let second = changed(&bench);
    assert_eq!(
        second,
        [Changed { start_s, roll: 5 }],
        "it changed again meanwhile"
    );
    bench.writer.outbox().leave(reconciled(None, second));
    bench.writer.step();
    assert!(changed(&bench).is_empty());

    // A number is never given twice: who has compared the fifth change has not compared this one.
    bench.push(pending(Vec::new(), every(60, 1)));
    bench.close();
    assert_eq!(changed(&bench), [Changed { start_s, roll: 6 }]);
}

#[test]
fn a_window_that_changes_while_it_is_compared_is_noted() {
    let mut bench = Bench::new(|_| {});
    let settled = segment(0, WALL, Trust::Assumed);
    bench.push(pending(vec![settled], every(60, 2)));
    bench.close();
    let minute = Tier::View(View::Minute);
    let start_s = View::Minute.start_of(WALL);
    bench.writer.outbox().comparing(minute, start_s + 60);
    bench.push(pending(Vec::new(), every(60, 2)));
    bench.close();
    let changed = bench
        .reader()
        .changed_windows(DestinationRow(1), minute, i64::MAX, 10);
    assert_eq!(changed.unwrap(), [Changed { start_s, roll: 4 }]);
}

#[test]
fn what_was_watched_grows_and_begins_anew_after_a_break() {
    let mut bench = Bench::new(|_| {});
    let mut watch = |since_s: i64, until_s: i64| {
        bench.clock.advance(60 * NS_PER_S);
        let watch = WatchedStretch {
            since_ns: WALL + since_s * NS_PER_S,
            until_ns: WALL + until_s * NS_PER_S,
        };
        bench.looked(BTreeMap::from([(MeterId(1), watch)]));
        bench.writer.step();
    };
    watch(0, 60);
    watch(0, 120);
    watch(150, 180);
    watch(181, 240);
    let wall_s = WALL.s();
    let watched = bench.reader().watched(wall_s, wall_s + 1_000).unwrap();
    let want = [
        (MeterRow(2), wall_s + 1, wall_s + 120),
        (MeterRow(2), wall_s + 151, wall_s + 180),
        (MeterRow(2), wall_s + 182, wall_s + 240),
    ];
    assert_eq!(watched, want);
    let unwatched = bench.reader().unwatched().unwrap();
    let (from_s, until_s) = (wall_s + 120, wall_s + 151);
    let meter = "Export".to_owned();
    let want = Unwatched {
        meter,
        from_s,
        until_s,
    };
    assert_eq!(unwatched, [want], "seconds are only rounded");
}

#[test]
fn the_version_of_a_span_changes_with_what_is_counted_in_it_alone() {
    let mut bench = Bench::new(|_| {});
    let from_s = WALL.s();
    let version = |bench: &Bench, from_s, to_s| bench.reader().span_version(from_s, to_s).unwrap();
    bench.push(pending(
        vec![segment(0, WALL, Trust::Assumed)],
        every(20, 180),
    ));
    bench.writer.step();
    assert_eq!(
        version(&bench, from_s, from_s + 3_600),
        None,
        "it is not in windows yet"
    );
    assert!(
        version(&bench, from_s - 7_200, from_s - 60).is_some(),
        "it is all later"
    );
    bench.clock.advance(7_200 * NS_PER_S);
    bench.close();
    let of_hour = version(&bench, from_s, from_s + 3_600).unwrap();
    assert!(of_hour.pulses > 0);
    assert_eq!(version(&bench, from_s, from_s + 3_600), Some(of_hour));
    // A pulse that comes much later changes neither what was before nor what is long after.
    let before = version(&bench, from_s - 86_400, from_s - 7_200);
    let mut late = every(20, 1);
    late[0].mono_ns = 1_810 * NS_PER_S;
    bench.push(pending(vec![], late));
    bench.close();
    let after = version(&bench, from_s, from_s + 3_600).unwrap();
    assert_eq!(after.pulses, of_hour.pulses + 1);
    assert_eq!(version(&bench, from_s - 86_400, from_s - 7_200), before);
}
