//! Other processes that read and write beside the daemon, with a virtual clock for the stages.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use crate::clock::segment::Trust;
use crate::clock::{Clock, SystemClock, VirtualClock};
use crate::journal::db::open::open_raw;
use crate::journal::db::wal::WAL_BYTES;
use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::stages::durable::Durable;
use crate::journal::stages::marks::Marks;
use crate::journal::tables::readings::Registers;
use crate::journal::tests::{Bench, WALL, names, pending, pulses, segment};
use crate::model::{MeterId, NS_PER_S, PulseId, PulseWorth, Reading, View};

/// What waits for a reader takes 5 s, each time. A machine that is busy may let other things take long, but not always.
const AT_ONCE_NS: i64 = 3 * NS_PER_S;
const TRIES: usize = 20;

/// Another process in the middle of a read.
fn reading(dir: &std::path::Path) -> Connection {
    let reader = open_raw(dir).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    reader
        .query_row("SELECT count(*) FROM pulse", [], |_| Ok(()))
        .unwrap();
    reader
}

fn took_ns<T>(work: impl FnOnce() -> T) -> (T, i64) {
    let began_ns = SystemClock.mono_ns();
    let done = work();
    (done, SystemClock.mono_ns() - began_ns)
}

#[test]
fn a_reader_does_not_keep_the_journal_from_being_opened_and_nothing_is_called_durable_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Journal::open(dir.path(), &names(), "boot", WALL);
    let mut before = open().unwrap();
    let segments = vec![segment(0, WALL, Trust::Synchronised)];
    before.commit(&pending(segments, pulses(0, 0, 3))).unwrap();
    let reader = reading(dir.path());
    before
        .commit(&pending(Vec::new(), pulses(0, 0, 4)))
        .unwrap();
    drop(before);

    let mut openings = (0..TRIES).map(|_| took_ns(|| open().unwrap()));
    let opened = openings.find(|(_, took_ns)| *took_ns < AT_ONCE_NS);
    let journal = opened.expect("it does not wait for the reader").0;
    assert!(!journal.is_proven());
    assert_eq!(journal.newest(), PulseId(7));

    let clock = VirtualClock::at(WALL);
    let marks = Arc::new(Marks::unproven(journal.newest(), clock.mono_ns()));
    let arc: Arc<dyn Clock> = Arc::new(clock.clone());
    let mut durable = Durable::open(dir.path(), Arc::clone(&marks), arc, 1_000).unwrap();
    durable.prove_first().unwrap();
    for _ in 0..3 {
        clock.advance(60 * NS_PER_S);
        durable.step().unwrap();
        let mark = marks.now();
        assert_eq!((mark.durable.0, mark.unsyncable), (0, None));
        let wait = durable.due_in().unwrap();
        assert!(!wait.is_zero(), "it is not tried without a pause");
    }
    drop(reader);
    clock.advance(60 * NS_PER_S);
    durable.step().unwrap();
    assert_eq!(marks.now().durable, PulseId(7));
    drop(journal);
    assert!(open().unwrap().is_proven(), "nobody reads any more");
}

/// Windows that hold less than was seen must not be vouched for.
#[test]
fn what_a_reader_keeps_from_being_durable_at_the_end_is_not_called_watched() {
    let mut bench = Bench::new(|_| {});
    let segments = vec![segment(0, WALL, Trust::Synchronised)];
    bench.push(pending(segments, pulses(0, 0, 3)));
    bench.writer.step();
    let reader = reading(bench.dir.path());
    bench.push(pending(Vec::new(), pulses(0, 0, 4)));
    bench.writer.step();
    bench.durable.prove_first().unwrap();
    bench.see(MeterId(0), (0, 3_600));
    bench.finish();
    let windows = |bench: &Bench| {
        let windows = bench.reader().windows(View::Hour, 0, i64::MAX).unwrap();
        windows.iter().map(|window| window.pulses).sum::<i64>()
    };
    assert_eq!((windows(&bench), bench.watched_s()), (0, 0));
    drop(reader);
    bench.clock.advance(60 * NS_PER_S);
    bench.finish();
    assert_eq!((windows(&bench), bench.watched_s()), (7, 3_600 - 1));
}

#[test]
fn a_reader_that_keeps_the_wal_holds_up_no_commit() {
    let mut bench = Bench::new(|_| {});
    bench.push(pending(
        vec![segment(0, WALL, Trust::Synchronised)],
        Vec::new(),
    ));
    bench.writer.step();
    let reader = reading(bench.dir.path());
    let wal = bench.dir.path().join("journal.sqlite-wal");
    let wal_bytes = || i64::try_from(std::fs::metadata(&wal).unwrap().len()).unwrap();
    let mut made = 0;
    while wal_bytes() < 65 * WAL_BYTES {
        bench.push(pending(Vec::new(), pulses(0, 0, 100_000)));
        made += 100_000;
        bench.writer.step();
    }
    let mut took = Vec::new();
    while took.len() < 3 || (took.len() < TRIES && took.iter().min() >= Some(&AT_ONCE_NS)) {
        bench.clock.advance(NS_PER_S);
        bench.push(pending(Vec::new(), pulses(0, 0, 1)));
        made += 1;
        bench.writer.step();
        let (done, took_ns) = took_ns(|| bench.durable.step());
        done.unwrap();
        took.push(took_ns);
        assert_eq!(
            bench.marks.now().durable.0,
            made,
            "what is synced is durable"
        );
    }
    assert!(
        took.iter().min() < Some(&AT_ONCE_NS),
        "{took:?} ns, with the lock of the writer held"
    );
    drop(reader);
    bench.clock.advance(120 * NS_PER_S);
    bench.push(pending(Vec::new(), pulses(0, 0, 1)));
    bench.writer.step();
    bench.durable.step().unwrap();
    let before = wal_bytes();
    bench.push(pending(Vec::new(), pulses(0, 0, 1_000)));
    bench.writer.step();
    assert!(wal_bytes() <= before, "it is used again from its beginning");
}

#[test]
fn a_reading_is_kept_beside_a_writer_that_commits_all_the_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path(), &names(), "boot", WALL).unwrap();
    let segments = vec![segment(0, WALL, Trust::Synchronised)];
    journal.commit(&pending(segments, Vec::new())).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&done);
    let writing = std::thread::spawn(move || {
        while !ended.load(Ordering::Relaxed) {
            journal
                .commit(&pending(Vec::new(), pulses(0, 0, 1)))
                .unwrap();
            std::thread::yield_now();
        }
    });
    let reading = Reading {
        at_ns: WALL,
        pulses: 0,
        shown: 1.0,
        worth: PulseWorth::of_kwh(1_000.0),
        adopted: true,
        digits: None,
        exchange: None,
        serial: None,
    };
    let mut registers = Registers::open(dir.path()).unwrap();
    let kept = (0..300).map(|_| registers.put("Import", reading.clone(), None));
    let failed: Vec<_> = kept.filter_map(Result::err).collect();
    done.store(true, Ordering::Relaxed);
    writing.join().unwrap();
    assert!(
        failed.is_empty(),
        "{} of 300: {:?}",
        failed.len(),
        failed[0]
    );
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.readings("Import").unwrap().len(), 300);
}
