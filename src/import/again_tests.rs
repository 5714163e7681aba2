//! A journal and its copies, imported into each other: before and after windows have left, with clocks that
//! were set in between, restored and gone their own ways. Each pulse counts once.

#![expect(
    clippy::disallowed_methods,
    reason = "what a backup or retention does to the file"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rusqlite::Connection;

use super::bring::{Bringer, Inherited, MeterOf, inherit, would_inherit};
use super::source::{Context, ImportFile};
use super::survey::Survey;
use crate::clock::segment::{EARLIEST_WALL_NS, Segment, Trust};
use crate::intake::Pending;
use crate::journal::{GIVE_ID, Journal, Reader, Registers, file_in};
use crate::model::View;
use crate::model::{
    Loss, LossCause, MeterId, NS_PER_S, Pulse, PulseWorth, Reading, SegmentNo, WallNs,
};

const DAY_S: i64 = 86_400;
const BOOT: &str = "0f8e1c9a-61e5-4d5f-9c0b-0123456789ab";
const NEXT_BOOT: &str = "7a52f4e6-0b1d-4f7e-8d3c-ba9876543210";

/// A full hour.
const START: WallNs = WallNs::of_s(EARLIEST_WALL_NS.s() / 3_600 * 3_600 + DAY_S);
const NOW: WallNs = WallNs::of_s(START.s() + 3_650 * DAY_S);

fn names() -> Vec<String> {
    vec!["Import".to_owned(), "Export".to_owned()]
}

fn open_as(dir: &Path, boot: &str) -> Journal {
    Journal::open(dir, &names(), boot, NOW).unwrap()
}

fn segment(no: u32, begins_s: i64, zero_ns: WallNs, trust: Trust) -> Segment {
    Segment {
        no: SegmentNo(no),
        begins_ns: begins_s * NS_PER_S,
        offset_ns: zero_ns.0,
        slept_ns: 0,
        trust,
    }
}

/// Pulses of the first meter in a segment, at these monotonic seconds.
fn pulses(no: u32, seconds: impl IntoIterator<Item = i64>) -> Vec<Pulse> {
    let pulse = |second: i64| Pulse {
        meter: MeterId(0),
        segment: SegmentNo(no),
        mono_ns: (second * NS_PER_S) & !1_023,
        estimated: false,
    };
    seconds.into_iter().map(pulse).collect()
}

fn commit(journal: &mut Journal, segments: Vec<Segment>, pulses: Vec<Pulse>) {
    let pending = Pending {
        segments,
        pulses,
        ..Pending::default()
    };
    journal.commit(&pending).unwrap();
    journal.roll_up_all().unwrap();
}

fn sql(dir: &Path, statements: &str) {
    let connection = Connection::open(file_in(dir)).unwrap();
    connection.execute_batch(statements).unwrap();
}

/// One consistent file, as docs/usage/backup.md makes it.
fn backup(dir: &Path) -> (tempfile::TempDir, PathBuf) {
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("backup.sqlite");
    sql(dir, &format!("VACUUM INTO '{}'", file.display()));
    (elsewhere, file)
}

/// The backup in place of the journal; what was there before is returned.
fn restore(dir: &Path, backup: &Path) -> (tempfile::TempDir, PathBuf) {
    let former = self::backup(dir);
    for name in ["journal.sqlite-wal", "journal.sqlite-shm"] {
        let _ = std::fs::remove_file(dir.join(name));
    }
    std::fs::copy(backup, file_in(dir)).unwrap();
    former
}

/// What an import brings: new pulses, and what comes besides. `really`: else it only looks.
fn import_or_look(dir: &Path, file: &Path, really: bool) -> (u64, Inherited) {
    let source = ImportFile::open(file).unwrap();
    let mut reader = Reader::open(dir).ok();
    let mut context = Context::of_defaults(NOW);
    context.here = reader.as_ref().map(Reader::segments).unwrap_or_default();
    let survey = Survey::take(&source, &context, &mut |_| {}).unwrap();
    let meter_of: MeterOf = (0..)
        .zip(names())
        .map(|(at, name)| (name, Some(at)))
        .collect();
    let mut journal = really.then(|| open_as(dir, ""));
    if let Some(journal) = &mut journal {
        journal.roll_up_all().unwrap();
        reader = Some(Reader::open(dir).unwrap());
    }
    let mut bringer = Bringer {
        names: &names(),
        meter_of: &meter_of,
        context: &context,
        reader: reader.as_mut(),
        expiry: None,
        arrived: Some(BTreeMap::new()),
        moved: BTreeMap::new(),
    };
    let outcomes = bringer.bring(&source, &survey, journal.as_mut(), &mut |_| {});
    let new = outcomes.unwrap().values().map(|outcome| outcome.new).sum();
    let inherited = match &mut journal {
        None => would_inherit(&source, &mut bringer).unwrap(),
        Some(journal) => {
            journal.roll_up_all().unwrap();
            inherit(&source, &meter_of, &bringer.moved, journal).unwrap()
        }
    };
    (new, inherited)
}

/// Imports; what is told beforehand is what comes, and doing it again brings nothing.
fn import(dir: &Path, file: &Path) -> (u64, Inherited) {
    let told = import_or_look(dir, file, false);
    let came = import_or_look(dir, file, true);
    assert_eq!(told, came, "--dry-run tells all");
    assert_eq!(import_or_look(dir, file, true), (0, Inherited::default()));
    came
}

/// Pulses of the first meter in each view, and its total.
fn counted(dir: &Path) -> [i64; 4] {
    let reader = Reader::open(dir).unwrap();
    let of = |view| {
        let windows = reader.windows(view, 0, i64::MAX).unwrap();
        windows.iter().map(|window| window.pulses).sum()
    };
    let [minutes, fives, hours] = View::ALL.map(of);
    [minutes, fives, hours, reader.totals().unwrap()[0].pulses]
}

/// The windows of a view that begin before so many seconds after the start have left.
fn prune_windows(dir: &Path, view: View, after_s: i64) {
    let before_s = START.s() + after_s;
    let view = view.width_s();
    sql(
        dir,
        &format!("DELETE FROM window WHERE view = {view} AND start_s < {before_s}"),
    );
}

fn prune_pulses(dir: &Path, last: i64) {
    sql(
        dir,
        &format!("DELETE FROM pulse WHERE id <= {last} AND id < (SELECT max(id) FROM pulse)"),
    );
}

#[test]
fn a_backup_adds_nothing_when_finer_windows_have_left() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open_as(dir.path(), BOOT);
    let settled = segment(0, 0, START, Trust::Synchronised);
    commit(
        &mut journal,
        vec![settled],
        pulses(0, (0..400).map(|n| n * 97)),
    );
    drop(journal);
    let (_elsewhere, file) = backup(dir.path());
    for (view, after_s, left) in [
        (View::Minute, 20_000, None),
        (View::Minute, DAY_S, Some((0, 400))),
        (View::FiveMinutes, 20_100, None),
        (View::FiveMinutes, DAY_S, Some((0, 0))),
    ] {
        prune_windows(dir.path(), view, after_s);
        for gone in [0, 150, 400] {
            prune_pulses(dir.path(), gone);
            let before = counted(dir.path());
            assert_eq!(import(dir.path(), &file), (0, Inherited::default()));
            assert_eq!(counted(dir.path()), before);
        }
        let [minutes, fives, hours, total] = counted(dir.path());
        assert_eq!((hours, total), (400, 400));
        assert!(
            left.is_none_or(|left| left == (minutes, fives)),
            "{minutes} {fives}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn no_pulse_counts_twice_whatever_has_left_and_comes_back(
        seconds in prop::collection::btree_set(0i64..20_000, 1..80),
        own in prop::collection::btree_set(20_000i64..30_000, 0..20),
        steps in prop::collection::vec((0u8..4, 0i64..30_000), 1..10),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open_as(dir.path(), BOOT);
        let settled = segment(0, 0, START, Trust::Synchronised);
        commit(&mut journal, vec![settled], pulses(0, seconds.iter().copied()));
        let (_elsewhere, file) = backup(dir.path());
        commit(&mut journal, vec![], pulses(0, own.iter().copied()));
        drop(journal);
        let all = i64::try_from(seconds.len() + own.len()).unwrap();
        // Into an empty one: with what pulses and windows are left there.
        let empty = tempfile::tempdir().unwrap();
        for (what, after_s) in steps {
            match what {
                0 => prune_windows(dir.path(), View::Minute, after_s),
                1 => prune_windows(dir.path(), View::FiveMinutes, after_s),
                2 => prune_pulses(dir.path(), after_s / 300),
                _ => {
                    let (_there, now) = backup(dir.path());
                    import(empty.path(), &now);
                    prop_assert_eq!(counted(empty.path())[2], all);
                }
            }
            prop_assert_eq!(import(dir.path(), &file), (0, Inherited::default()));
            let [minutes, fives, hours, total] = counted(dir.path());
            prop_assert_eq!((hours, total), (all, all));
            prop_assert!(minutes <= all && fives <= all);
        }
    }
}

#[test]
fn a_backup_of_a_time_when_the_clock_was_not_known_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open_as(dir.path(), BOOT);
    let held = segment(0, 1, WallNs(0), Trust::Provisional);
    commit(&mut journal, vec![held], pulses(0, 10..20));
    let (_elsewhere, file) = backup(dir.path());
    // While it is held here as well, nothing can be said of it, and nothing comes.
    drop(journal);
    assert_eq!(import(dir.path(), &file), (0, Inherited::default()));
    let mut journal = open_as(dir.path(), BOOT);
    // The clock is set, and set again later: the last offset of the boot is another one.
    commit(
        &mut journal,
        vec![segment(1, 25, START, Trust::Assumed)],
        pulses(1, 30..35),
    );
    let stepped = segment(2, 100, START + 777 * NS_PER_S, Trust::Synchronised);
    commit(&mut journal, vec![stepped], pulses(2, 110..117));
    drop(journal);
    assert_eq!(import(dir.path(), &file), (0, Inherited::default()));
    assert_eq!(counted(dir.path()), [22; 4]);
}

#[test]
fn a_journal_that_goes_on_from_its_backup_takes_the_former_one_in() {
    // The boot goes on with the backup, or another one has come; the clock is known here at the import, or not.
    for (boot, trust) in [
        (BOOT, Trust::Synchronised),
        (BOOT, Trust::Provisional),
        (NEXT_BOOT, Trust::Synchronised),
        (NEXT_BOOT, Trust::Provisional),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open_as(dir.path(), BOOT);
        commit(
            &mut journal,
            vec![segment(0, 1, WallNs(0), Trust::Provisional)],
            pulses(0, 10..20),
        );
        let (_elsewhere, file) = backup(dir.path());
        let settled = segment(0, 1, START, Trust::Synchronised);
        commit(&mut journal, vec![settled], pulses(0, 100..105));
        drop(journal);
        let (_aside, former) = restore(dir.path(), &file);
        // It is settled a little otherwise, as the clock was slewed meanwhile.
        let mut journal = open_as(dir.path(), boot);
        let offset_ns = START + 3_600 * NS_PER_S + 5_000_000;
        commit(
            &mut journal,
            vec![segment(0, 2_000, offset_ns, trust)],
            vec![],
        );
        drop(journal);
        let (new, _) = import(dir.path(), &former);
        assert_eq!(new, 5, "{boot} {trust:?}");
        let mut journal = open_as(dir.path(), boot);
        let settled = segment(1, 2_100, offset_ns, Trust::Synchronised);
        commit(&mut journal, vec![settled], vec![]);
        drop(journal);
        assert_eq!(import(dir.path(), &former), (0, Inherited::default()));
        assert_eq!(counted(dir.path()), [15; 4], "{boot} {trust:?}");
        // And after everything has left but the windows.
        prune_pulses(dir.path(), 20);
        assert_eq!(import(dir.path(), &former), (0, Inherited::default()));
        assert_eq!(counted(dir.path()), [15; 4], "{boot} {trust:?}");
    }
}

fn read(dir: &Path, at_ns: WallNs, kwh: f64) {
    let reading = Reading {
        at_ns,
        pulses: 0,
        shown: kwh,
        worth: PulseWorth::of_kwh(1_000.0),
        adopted: true,
        digits: None,
        exchange: None,
        serial: None,
    };
    Registers::open(dir)
        .unwrap()
        .put("Import", reading, None)
        .unwrap();
}

/// Pulses that a filter has rejected.
fn reject(journal: &mut Journal, pulses: u64) {
    let at_ns = START;
    let loss = Loss {
        pulses,
        first_ns: at_ns,
        last_ns: at_ns,
    };
    let pending = Pending {
        losses: BTreeMap::from([((MeterId(0), LossCause::Bounce), loss)]),
        ..Pending::default()
    };
    journal.commit(&pending).unwrap();
}

fn rejected(dir: &Path) -> u64 {
    let ledger = Reader::open(dir).unwrap().ledger().unwrap();
    ledger.iter().map(|(_, _, loss)| loss.pulses).sum()
}

/// A journal as it was before journals had an id.
fn forget_id(file: &Path) {
    let connection = Connection::open(file).unwrap();
    connection
        .execute("DELETE FROM journal WHERE key = 'id'", [])
        .unwrap();
}

/// As the daemon does it when a journal turns out to be damaged: a new one goes on with this run's segments.
/// Returns where the old one is.
fn replace(dir: &Path, since_s: i64, standing: &Pending) -> (tempfile::TempDir, PathBuf) {
    let aside = backup(dir);
    for name in ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"] {
        let _ = std::fs::remove_file(dir.join(name));
    }
    let mut journal = open_as(dir, BOOT);
    journal.commit(standing).unwrap();
    watched_since(dir, since_s);
    aside
}

fn watched_since(dir: &Path, second: i64) {
    let since_s = START.s() + second;
    sql(
        dir,
        &format!(
            "INSERT INTO watched VALUES (1, {since_s}, {})",
            since_s + 60
        ),
    );
}

#[test]
fn journals_that_were_damaged_in_the_run_that_made_them_leave_their_readings_and_ledgers() {
    for old in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open_as(dir.path(), BOOT);
        let settled = segment(0, 1, START, Trust::Synchronised);
        commit(&mut journal, vec![settled], pulses(0, 10..20));
        watched_since(dir.path(), 5);
        reject(&mut journal, 7);
        read(dir.path(), START + 20 * NS_PER_S, 100.0);
        let standing = journal.standing();
        drop(journal);
        let (_one, first) = replace(dir.path(), 30, &standing);
        let mut journal = open_as(dir.path(), BOOT);
        reject(&mut journal, 20);
        drop(journal);
        read(dir.path(), START + 40 * NS_PER_S, 200.0);
        let (_two, second) = replace(dir.path(), 50, &standing);
        let mut journal = open_as(dir.path(), BOOT);
        reject(&mut journal, 1);
        drop(journal);
        if old {
            forget_id(&first);
            forget_id(&second);
            forget_id(&file_in(dir.path()));
            sql(dir.path(), GIVE_ID);
        }
        let (new, inherited) = import(dir.path(), &first);
        assert_eq!(
            (new, inherited.ledger, inherited.readings),
            (10, true, 1),
            "{old}"
        );
        let (new, inherited) = import(dir.path(), &second);
        assert_eq!(
            (new, inherited.ledger, inherited.readings),
            (0, true, 1),
            "{old}"
        );
        assert_eq!(rejected(dir.path()), 28);
        let readings = Reader::open(dir.path())
            .unwrap()
            .readings("Import")
            .unwrap();
        assert_eq!(
            readings.iter().map(|r| r.shown).collect::<Vec<_>>(),
            [100.0, 200.0]
        );
        assert_eq!(counted(dir.path()), [10; 4]);
    }
}

#[test]
fn a_copy_is_a_copy_also_of_a_journal_that_has_got_its_id_since() {
    for watched in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open_as(dir.path(), BOOT);
        let settled = segment(0, 1, START, Trust::Synchronised);
        commit(&mut journal, vec![settled], pulses(0, 10..20));
        reject(&mut journal, 7);
        if watched {
            watched_since(dir.path(), 5);
        }
        drop(journal);
        forget_id(&file_in(dir.path()));
        let (_elsewhere, file) = backup(dir.path());
        watched_since(dir.path(), 6);
        sql(dir.path(), GIVE_ID);
        let mut journal = open_as(dir.path(), BOOT);
        reject(&mut journal, 4);
        drop(journal);
        assert_eq!(import(dir.path(), &file), (0, Inherited::default()));
        assert_eq!(rejected(dir.path()), 11);
        read(dir.path(), START + 40 * NS_PER_S, 200.0);
        // In place of the journal, which has rejected four and been read since; then that one is taken in.
        let (_aside, former) = restore(dir.path(), &file);
        let (new, inherited) = import(dir.path(), &former);
        assert_eq!((new, inherited.ledger, inherited.readings), (0, true, 1));
        assert_eq!(rejected(dir.path()), 11);
    }
}

#[test]
fn journals_that_are_made_have_ids_of_their_own() {
    let ids: Vec<Option<String>> = (0..2)
        .map(|_| {
            let dir = tempfile::tempdir().unwrap();
            drop(open_as(dir.path(), BOOT));
            Reader::open(dir.path()).unwrap().journal_id()
        })
        .collect();
    assert!(ids[0].as_ref().is_some_and(|id| id.len() == 32));
    assert_ne!(ids[0], ids[1]);
}
