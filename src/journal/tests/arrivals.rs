//! Arrivals: each pulse once, whatever is imported again, pruned in between, or there from capture.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;

use crate::clock::segment::Trust;
use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::ids::IdRanges;
use crate::journal::salvage::{Arrival, Expiry, Presence};
use crate::journal::tests::{WALL, pending, segment};
use crate::model::{IdRange, View, WallNs};
use crate::model::{MeterId, NS_PER_S, Pulse, SegmentNo};

const DAY_S: i64 = 86_400;

fn names() -> Vec<String> {
    vec!["Import".to_owned(), "Export".to_owned()]
}

fn open(dir: &std::path::Path) -> Journal {
    Journal::open(dir, &names(), "boot", WALL).unwrap()
}

fn arrival(meter: u16, wall_ns: WallNs) -> Arrival {
    Arrival::new(meter, wall_ns, false)
}

/// Imports what is new of these, as `import` does; how many.
fn import(journal: &mut Journal, arrivals: &BTreeSet<Arrival>) -> usize {
    let arrivals: Vec<Arrival> = arrivals.iter().copied().collect();
    let mut reader = Reader::open(journal.dir()).unwrap();
    let rows = reader.meter_rows(&names()).unwrap();
    let known = reader.known_of(&arrivals, &rows, &HashMap::new()).unwrap();
    let new = arrivals
        .iter()
        .zip(known)
        .filter(|(_, known)| *known == Presence::No);
    let new: Vec<Arrival> = new.map(|(arrival, _)| *arrival).collect();
    let mut rest = new.as_slice();
    while !rest.is_empty() {
        let kept = journal.put_arrivals(rest, None).unwrap();
        rest = &rest[kept..];
    }
    journal.roll_up_all().unwrap();
    new.len()
}

fn counted(journal: &Journal, view: View) -> i64 {
    let reader = Reader::open(journal.dir()).unwrap();
    let windows = reader.windows(view, 0, i64::MAX).unwrap();
    windows.iter().map(|window| window.pulses).sum()
}

#[test]
fn stamps_are_kept_to_the_nanosecond_and_known_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let stamps = BTreeSet::from([
        arrival(0, WALL + 1),
        arrival(1, WALL + 1),
        arrival(0, WALL + 2),
    ]);
    assert_eq!(import(&mut journal, &stamps), 3);
    assert_eq!(import(&mut journal, &stamps), 0);
    let mut reader = Reader::open(dir.path()).unwrap();
    let page = reader.page(IdRange::of(1, 3), 10).unwrap();
    let got: Vec<_> = page
        .entries
        .iter()
        .map(|e| (e.wall_ns, e.meter.0))
        .collect();
    assert_eq!(got, [(WALL + 1, 1), (WALL + 1, 2), (WALL + 2, 1)]);
    let totals = reader.totals().unwrap();
    assert_eq!((totals[0].pulses, totals[0].last_ns), (2, Some(WALL + 2)));
    assert!(
        reader.watched(0, i64::MAX).unwrap().is_empty(),
        "nobody has watched it"
    );
}

#[test]
fn a_pulse_that_was_captured_is_not_imported_beside_itself() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let captured = |n: i64| Pulse {
        meter: MeterId(0),
        segment: SegmentNo(0),
        mono_ns: n * 1_024,
        estimated: false,
    };
    let settled = segment(0, WALL, Trust::Assumed);
    let pulses = (1..=50).map(captured).collect();
    journal.commit(&pending(vec![settled], pulses)).unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    let own: BTreeSet<Arrival> = reader
        .page(IdRange::of(1, 50), 50)
        .unwrap()
        .entries
        .iter()
        .map(|entry| arrival(0, entry.wall_ns))
        .collect();
    // Before and after they are counted in windows.
    assert_eq!(import(&mut journal, &own), 0);
    assert_eq!(import(&mut journal, &own), 0);
    let totals = reader.totals().unwrap();
    assert_eq!(totals[0].pulses, 50);
    // The last pulse of the meter stays the latest.
    let old = BTreeSet::from([arrival(0, WALL - DAY_S * NS_PER_S)]);
    assert_eq!(import(&mut journal, &old), 1);
    let totals = reader.totals().unwrap();
    assert_eq!(totals[0].last_ns, own.last().map(|last| last.wall_ns));
}

#[test]
fn what_raw_does_not_take_is_not_sent() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let destination = journal.destination("influx").unwrap();
    let expiry = Some(Expiry {
        destination,
        before_ns: WALL,
    });
    let arrivals: Vec<Arrival> = (-3..4).map(|n| arrival(0, WALL + n)).collect();
    assert_eq!(journal.put_arrivals(&arrivals, expiry).unwrap(), 7);
    assert_eq!(journal.put_arrivals(&arrivals[5..], expiry).unwrap(), 2);
    let delivered = Reader::open(dir.path())
        .unwrap()
        .delivered(destination)
        .unwrap();
    assert_eq!(delivered, IdRanges::from_ranges([IdRange::of(1, 3)]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn each_pulse_counts_once_whatever_is_imported_again(
        // Files: pulses at some second of a few days, half of them older than the finer views keep.
        files in prop::collection::vec(
            prop::collection::vec((0u16..2, 0i64..40, 0i64..3), 1..60), 1..4),
        order in prop::collection::vec((0usize..4, 0i64..80), 1..8),
        age_d in prop::sample::select(vec![1i64, 100, 400]),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open(dir.path());
        let begin_ns = WallNs::of_s(View::Hour.start_of(WALL) - age_d * DAY_S);
        let files: Vec<BTreeSet<Arrival>> = files
            .iter()
            .map(|file| {
                let stamp = |(meter, second, ns): &(u16, i64, i64)| {
                    arrival(*meter, begin_ns + second * 97 * NS_PER_S + *ns)
                };
                file.iter().map(stamp).collect()
            })
            .collect();
        let (mut all, mut pruned) = (BTreeSet::new(), false);
        for (file, prune) in order {
            let file = &files[file % files.len()];
            import(&mut journal, file);
            all.extend(file.iter().copied());
            prop_assert_eq!(import(&mut journal, file), 0, "the same again");
            // Some of the oldest leave, as they do when they are delivered and old.
            let gone = prune.min(journal.newest().previous().0);
            journal.connection.execute("DELETE FROM pulse WHERE id <= ?1", [gone]).unwrap();
            pruned |= gone > 0;
            prop_assert_eq!(import(&mut journal, file), 0, "the same again, pulses gone");
        }
        let counts: BTreeMap<_, _> = View::ALL.map(|view| (view, counted(&journal, view))).into();
        let most = i64::try_from(all.len()).unwrap();
        for count in counts.values() {
            prop_assert!(*count <= most, "{count} of {most}: counted twice");
            prop_assert!(pruned || *count == most, "{count} of {most}");
            prop_assert_eq!(count, &counts[&View::Hour]);
        }
    }
}

#[test]
fn a_journal_does_not_vouch_for_what_is_in_another_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    journal.vouch_from(WALL + 100 * NS_PER_S);
    let mut watched_until = |seconds: i64| {
        let watch = crate::model::WatchedStretch {
            since_ns: WALL,
            until_ns: WALL + seconds * NS_PER_S,
        };
        journal
            .keep_watched(&crate::model::Watched {
                meters: BTreeMap::from([(MeterId(0), watch)]),
                ..Default::default()
            })
            .unwrap();
        let reader = Reader::open(dir.path()).unwrap();
        let watched = reader.watched(0, i64::MAX).unwrap().into_iter();
        let watched = watched.map(|(meter, begins_s, ends_s)| (meter.0, begins_s, ends_s));
        watched.collect::<Vec<_>>()
    };
    let wall_s = WALL.s();
    assert_eq!(watched_until(50), []);
    assert_eq!(watched_until(200), [(1, wall_s + 101, wall_s + 200)]);
    assert_eq!(watched_until(300), [(1, wall_s + 101, wall_s + 300)]);
}
