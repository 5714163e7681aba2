//! A disk that forgets what it has taken, with a virtual clock: files that are put back to an earlier state
//! stand for it.

use std::path::Path;
use std::sync::Arc;

use crate::clock::segment::Trust;
use crate::intake::{Intake, PULSES_MAX, Pending};
use crate::journal::handles::journal::Journal;
use crate::journal::stages::unsynced::Carryover;
use crate::journal::tests::{Bench, WALL, names, pending, pulses, segment};
use crate::model::{FilterState, IdRange, LineState, Loss, WallNs};
use crate::model::{FilterTally, LossCause, MeterId};

const FILES: [&str; 2] = ["journal.sqlite", "journal.sqlite-wal"];

/// Some pulses of the second meter and a rejected edge, at this number of the line.
fn news(count: i64, line_seqno: u32) -> Pending {
    let mut new = pending(Vec::new(), pulses(1, 0, count));
    new.lose(MeterId(1), LossCause::Bounce, Loss::at(1, WALL));
    let filter: FilterState = serde_json::from_str(
        r#"{"stable_high":false,"raw_high":false,"burst_edges":0,"last_edge":0,"line_seqno":0}"#,
    )
    .unwrap();
    let request_id = 7;
    let state = LineState {
        request_id,
        line_seqno,
        filter,
        tally: FilterTally::default(),
    };
    new.lines.insert(MeterId(1), state);
    new
}

/// A commit of it.
fn commit(bench: &mut Bench, count: i64, line_seqno: u32) {
    bench.push(news(count, line_seqno));
    bench.writer.step();
}

fn read(dir: &Path) -> Vec<Vec<u8>> {
    let files = FILES.iter();
    files
        .map(|name| std::fs::read(dir.join(name)).unwrap())
        .collect()
}

fn put_back(dir: &Path, files: &[Vec<u8>]) {
    for (name, bytes) in FILES.iter().zip(files) {
        std::fs::write(dir.join(name), bytes).unwrap();
    }
    std::fs::remove_file(dir.join("journal.sqlite-shm")).unwrap();
}

/// The journal is closed: its directory, what its writer leaves, and the intake of the run.
fn leave(bench: Bench) -> (tempfile::TempDir, Carryover, Arc<Intake>) {
    let Bench {
        dir,
        writer,
        durable,
        intake,
        ..
    } = bench;
    let left = writer.leave();
    drop(durable);
    (dir, left, intake)
}

/// Three durable pulses; then a commit of two, one of a loss alone, and one of four, that are not. Returns
/// what the disk held at each of the four times.
fn story() -> (tempfile::TempDir, Vec<Vec<Vec<u8>>>, Carryover) {
    let mut bench = Bench::new(|_| {});
    bench.push(pending(vec![segment(0, WALL, Trust::Assumed)], Vec::new()));
    bench.writer.step();
    let mut states = Vec::new();
    for (count, line_seqno) in [(3, 10), (2, 20), (0, 30), (4, 40)] {
        commit(&mut bench, count, line_seqno);
        if line_seqno == 10 {
            bench.durable.step().unwrap();
        }
        states.push(read(bench.dir.path()));
    }
    let (dir, left, _) = leave(bench);
    (dir, states, left)
}

/// Pulses, losses and the line's number after the journal was opened again on what the disk held.
fn after(held: usize) -> (i64, u64, usize) {
    let (dir, states, mut left) = story();
    put_back(dir.path(), &states[held]);
    let mut journal = Journal::open_again(dir.path(), &names(), "boot", WALL).unwrap();
    let intake = Intake::new(PULSES_MAX, Default::default());
    let forgotten = left.give_back(&mut journal, &intake, WALL).unwrap();
    let waiting: Pending = intake.take(true).unwrap();
    journal.commit(&waiting).unwrap();
    let reader = crate::journal::handles::reader::Reader::open(dir.path()).unwrap();
    let losses: u64 = reader
        .ledger()
        .unwrap()
        .iter()
        .map(|(_, _, loss)| loss.pulses)
        .sum();
    assert_eq!(reader.totals().unwrap()[1].pulses, 9);
    (journal.newest().0, losses, forgotten)
}

#[test]
fn what_the_disk_forgot_is_committed_once_more_and_nothing_twice() {
    let forgotten = [6, 4, 4, 0];
    for (held, forgotten) in forgotten.into_iter().enumerate() {
        assert_eq!(after(held), (9, 4, forgotten), "held up to commit {held}");
    }
}

#[test]
fn a_commit_that_only_seemed_to_fail_is_found() {
    let (dir, _, mut left) = story();
    // As if the last commit, of four pulses, had been answered with an error.
    left.newest = left.newest - 4;
    left.unsynced = crate::journal::stages::unsynced::Unsynced::default();
    let intake = Intake::new(PULSES_MAX, Default::default());
    intake.push(pending(Vec::new(), pulses(1, 0, 5)), WALL);
    let mut journal = Journal::open_again(dir.path(), &names(), "boot", WALL).unwrap();
    left.give_back(&mut journal, &intake, WALL).unwrap();
    assert_eq!(intake.len(), 1, "the fifth came later");
}

/// Losses and pulses after a commit was answered with an error, and others came since. `is_there`: it is in the
/// journal all the same; `imported`: an import has added a pulse while the journal was closed.
fn after_an_error(count: i64, is_there: bool, imported: bool) -> (u64, i64) {
    let mut bench = Bench::new(|_| {});
    bench.push(pending(vec![segment(0, WALL, Trust::Assumed)], Vec::new()));
    bench.writer.step();
    commit(&mut bench, 3, 10);
    let read_only = |bench: &Bench, on: bool| {
        let connection = &bench.writer.journal().connection;
        connection.pragma_update(None, "query_only", on).unwrap();
    };
    read_only(&bench, true);
    commit(&mut bench, count, 20);
    assert!(!bench.intake.is_empty() || count == 0);
    // Tried once more with what has come since; the disk still refuses.
    bench.push(news(1, 30));
    bench.writer.step();
    let (dir, mut left, intake) = leave(bench);
    let again = || Journal::open_again(dir.path(), &names(), "boot", WALL).unwrap();
    if is_there {
        let mut journal = again();
        let rows = left.segments.clone();
        journal.segments.extend(rows);
        journal.commit(&news(count, 20)).unwrap();
    }
    if imported {
        let mut journal = again();
        journal.segments.extend(left.segments.clone());
        journal
            .commit(&pending(Vec::new(), pulses(0, 0, 1)))
            .unwrap();
    }
    let mut journal = again();
    left.give_back(&mut journal, &intake, WALL).unwrap();
    journal.commit(&intake.take(true).unwrap()).unwrap();
    let reader = crate::journal::handles::reader::Reader::open(dir.path()).unwrap();
    let ledger = reader.ledger().unwrap();
    let losses = ledger.iter().map(|(_, _, loss)| loss.pulses).sum();
    (losses, journal.newest().0)
}

#[test]
fn what_a_commit_lost_is_entered_once_whether_it_failed_or_only_seemed_to() {
    for count in [0, 2, 5] {
        for is_there in [false, true] {
            let found = after_an_error(count, is_there, false);
            assert_eq!(found, (3, 3 + count + 1), "{count} pulses, {is_there}");
        }
    }
}

#[test]
fn pulses_that_an_import_has_added_meanwhile_are_not_taken_for_ours() {
    for count in [0, 2] {
        assert_eq!(after_an_error(count, false, true), (3, 3 + count + 2));
    }
}

#[test]
fn no_count_on_the_board_falls_while_the_disk_lacks_what_it_forgot() {
    let mut bench = Bench::new(|_| {});
    bench.push(pending(vec![segment(0, WALL, Trust::Assumed)], Vec::new()));
    commit(&mut bench, 3, 10);
    bench.durable.step().unwrap();
    let held = read(bench.dir.path());
    commit(&mut bench, 4, 20);
    let shown = |intake: &Intake| {
        let meters = intake.board().snapshot().meters;
        let meter = meters.get("Export").unwrap();
        let lost = meter.losses[&LossCause::Bounce].pulses;
        (meter.pulses, meter.pulses_of_run, lost)
    };
    assert_eq!(shown(&bench.intake), (7, 7, 2));
    let (dir, mut left, intake) = leave(bench);
    put_back(dir.path(), &held);
    let mut journal = Journal::open_again(dir.path(), &names(), "boot", WALL).unwrap();
    assert_eq!(left.give_back(&mut journal, &intake, WALL).unwrap(), 4);
    // One has come meanwhile.
    intake.push(pending(Vec::new(), pulses(1, 0, 1)), WALL);
    let mut bench = Bench::on(dir, journal, intake, |_| {});
    assert_eq!(shown(&bench.intake), (7, 7, 2), "the journal has 3 yet");
    bench.writer.step();
    assert_eq!(shown(&bench.intake), (8, 8, 2));
}

#[test]
fn a_journal_in_the_place_of_another_is_shown_at_once() {
    let mut bench = Bench::new(|_| {});
    bench.push(pending(vec![segment(0, WALL, Trust::Assumed)], Vec::new()));
    commit(&mut bench, 3, 10);
    let intake = Arc::clone(&bench.intake);
    let dir = bench.into_dir();
    let aside = tempfile::tempdir().unwrap();
    for name in FILES {
        let _ = std::fs::rename(dir.path().join(name), aside.path().join(name));
    }
    let journal = Journal::open(dir.path(), &names(), "boot", WALL).unwrap();
    let bench = Bench::on(dir, journal, intake, |_| {});
    let meters = bench.intake.board().snapshot().meters;
    assert_eq!(meters.get("Export").unwrap().pulses, 0);
}

#[test]
fn what_the_disk_forgot_is_committed_once_more_where_an_import_has_taken_its_ids() {
    for (held, ours) in [(0, 3), (1, 5), (2, 5)] {
        let (dir, states, mut left) = story();
        put_back(dir.path(), &states[held]);
        let again = || Journal::open_again(dir.path(), &names(), "boot", WALL).unwrap();
        let mut journal = again();
        assert_eq!(journal.newest().0, ours);
        journal.segments.extend(left.segments.clone());
        // With as many as were forgotten, and with more.
        let imported = 20;
        journal
            .commit(&pending(Vec::new(), pulses(0, 0, imported)))
            .unwrap();
        drop(journal);
        let mut journal = again();
        let intake = Intake::new(PULSES_MAX, Default::default());
        let forgotten = left.give_back(&mut journal, &intake, WALL).unwrap();
        assert_eq!(forgotten, usize::try_from(9 - ours).unwrap(), "{held}");
        journal.commit(&intake.take(true).unwrap()).unwrap();
        assert_eq!(journal.newest().0, 9 + imported);
    }
}

#[test]
fn a_journal_that_is_gone_is_not_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let gone = Journal::open_again(dir.path(), &names(), "boot", WALL).unwrap_err();
    assert_eq!(gone.kind(), "gone");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// Stamps depend on the rows of segments: what is in the journal that was set aside and is committed to the
/// new one as well must not count twice when the old one is imported.
#[test]
fn a_pulse_that_is_in_both_journals_has_one_stamp() {
    let dir = tempfile::tempdir().unwrap();
    let open = |boot: &str| Journal::open(dir.path(), &names(), boot, WALL).unwrap();
    let stamps = || -> Vec<WallNs> {
        let mut reader = crate::journal::handles::reader::Reader::open(dir.path()).unwrap();
        let page = reader.page(IdRange::ALL, usize::MAX).unwrap();
        page.entries.iter().map(|entry| entry.wall_ns).collect()
    };
    let first = segment(0, WALL, Trust::Assumed);
    open("an earlier boot")
        .commit(&pending(vec![first], Vec::new()))
        .unwrap();
    let mut old = open("boot");
    let new = || pending(vec![first], pulses(0, 0, 3));
    old.commit(&new()).unwrap();
    let mut unsynced = crate::journal::stages::unsynced::Unsynced::default();
    unsynced.keep(1, old.newest(), new());
    let mut left = Carryover {
        newest: old.newest(),
        standing: old.standing(),
        segments: old.segments.clone(),
        unsynced,
        file: dir.path().to_owned(),
    };
    let before = stamps();
    drop(old);
    for name in FILES {
        std::fs::remove_file(dir.path().join(name)).unwrap();
    }
    let mut journal = open("boot");
    let intake = Intake::new(PULSES_MAX, Default::default());
    assert_eq!(left.give_back(&mut journal, &intake, WALL).unwrap(), 3);
    journal.commit(&intake.take(true).unwrap()).unwrap();
    assert_eq!(stamps(), before);
}
