//! The journal: pulses a second with one commit per 5,000 and with one each, bytes a pulse, and the
//! same number of bare inserts into a SQLite table for reference.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a program that measures"
)]

use std::time::Instant;

use powerlogger::clock::segment::{Segment, Trust};
use powerlogger::intake::Pending;
use powerlogger::journal::{Journal, Reader};
use powerlogger::model::{MeterId, Pulse, SegmentNo, WallNs};

const PULSES: usize = 1_000_000;
const SINGLE: usize = 50_000;

fn pulses(from: usize, count: usize) -> Vec<Pulse> {
    (from..from + count)
        .map(|n| Pulse {
            meter: MeterId(u16::try_from(n % 3).unwrap()),
            segment: SegmentNo(0),
            mono_ns: i64::try_from(n).unwrap() * 1_000_003_584,
            estimated: false,
        })
        .collect()
}

fn run(total: usize, a_commit: usize) -> (f64, f64) {
    let dir = tempfile::tempdir().unwrap();
    let names = ["Import", "Export", "Generate"].map(str::to_owned);
    let mut journal = Journal::open(dir.path(), &names, "boot", WallNs(0)).unwrap();
    let first = Segment {
        no: SegmentNo(0),
        begins_ns: 0,
        offset_ns: 1_764_000_000_000_000_000,
        slept_ns: 0,
        trust: Trust::Assumed,
    };
    journal
        .commit(&Pending {
            segments: vec![first],
            ..Pending::default()
        })
        .unwrap();
    let mut spent = 0.0;
    for from in (0..total).step_by(a_commit) {
        let pending = Pending {
            pulses: pulses(from, a_commit),
            ..Pending::default()
        };
        let begin = Instant::now();
        journal.commit(&pending).unwrap();
        spent += begin.elapsed().as_secs_f64();
    }
    let bytes = Reader::open(dir.path()).unwrap().used_bytes().unwrap() as f64;
    (total as f64 / spent, bytes / total as f64)
}

fn reference() -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let connection = rusqlite::Connection::open(dir.path().join("reference")).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE pulse (id INTEGER PRIMARY KEY, meter INTEGER, ns INTEGER);",
        )
        .unwrap();
    let begin = Instant::now();
    for from in (0..PULSES).step_by(5_000) {
        let transaction = connection.unchecked_transaction().unwrap();
        let mut put = transaction
            .prepare_cached("INSERT INTO pulse VALUES (?1, ?2, ?3)")
            .unwrap();
        for n in from..from + 5_000 {
            let n = i64::try_from(n).unwrap();
            put.execute((n + 1, n % 3, n * 1_000_003_584)).unwrap();
        }
        drop(put);
        transaction.commit().unwrap();
    }
    PULSES as f64 / begin.elapsed().as_secs_f64()
}

fn main() {
    let bare = reference();
    let (batched, bytes) = run(PULSES, 5_000);
    let (single, _) = run(SINGLE, 1);
    println!(
        "5,000 a commit  {batched:>12.0} pulses/s   budget 500,000   {:.2} of bare inserts ({bare:.0}/s)",
        batched / bare
    );
    println!("1 a commit      {single:>12.0} pulses/s");
    println!("lasting size    {bytes:>12.1} bytes/pulse  budget 24");
}
