//! Copies while pulses come, what stays and what leaves, what is refused.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::clock::segment::{EARLIEST_WALL_NS, Segment, Trust};
use crate::intake::Pending;
use crate::journal::{Journal, Reader};
use crate::model::{IdRange, MeterId, NS_PER_S, Pulse, SegmentNo};

const COPIES: usize = 20;

const NOW: WallNs = WallNs::of_s(EARLIEST_WALL_NS.s() + 1_000);

fn open(dir: &Path) -> Journal {
    Journal::open(dir, &["Import".to_owned()], "boot", NOW).unwrap()
}

fn segment() -> Segment {
    Segment {
        no: SegmentNo(0),
        begins_ns: 0,
        offset_ns: NOW.0,
        slept_ns: 0,
        trust: Trust::Synchronised,
    }
}

/// Pulses a second apart after `pulses` that are there.
fn pulses(there: i64, more: i64) -> Vec<Pulse> {
    let one = |no| Pulse {
        meter: MeterId(0),
        segment: SegmentNo(0),
        mono_ns: no * NS_PER_S / 1024 * 1024,
        estimated: false,
    };
    (there..there + more).map(|no| one(no + 1)).collect()
}

fn commit(journal: &mut Journal, segments: Vec<Segment>, pulses: Vec<Pulse>) {
    let pending = Pending {
        segments,
        pulses,
        ..Pending::default()
    };
    journal.commit(&pending).unwrap();
}

fn request(to: &Path, keep: Option<usize>) -> BackupRequest {
    BackupRequest {
        to: to.to_owned(),
        keep,
        force: false,
    }
}

/// The stamps in a copy that is put in the place of a journal.
fn restored(copy: &Path) -> Vec<WallNs> {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(copy, crate::journal::file_in(dir.path())).unwrap();
    drop(open(dir.path()));
    stamps(dir.path())
}

fn stamps(dir: &Path) -> Vec<WallNs> {
    let mut reader = Reader::open(dir).unwrap();
    let page = reader.page(IdRange::ALL, usize::MAX).unwrap();
    page.entries.iter().map(|entry| entry.wall_ns).collect()
}

fn files(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn each_copy_that_is_made_while_pulses_come_is_a_beginning_of_the_truth() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut journal = open(dir.path());
    commit(&mut journal, vec![segment()], pulses(0, 3_000));
    let is_over = AtomicBool::new(false);
    let made = std::thread::scope(|scope| {
        let counting = scope.spawn(|| {
            let mut made = 3_000;
            while !is_over.load(Ordering::Relaxed) {
                commit(&mut journal, Vec::new(), pulses(made, 7));
                made += 7;
            }
            made
        });
        let mut newest = PulseId::default();
        for copy in 0..COPIES {
            let path = to.path().join(format!("{copy}.sqlite"));
            let done = back_up(dir.path(), &request(&path, None), NOW, &mut |_| {}).unwrap();
            assert!(done.newest >= newest, "later copies have more");
            newest = done.newest;
            assert_eq!(done.bytes, fs::metadata(&path).unwrap().len());
        }
        is_over.store(true, Ordering::Relaxed);
        counting.join().unwrap()
    });
    assert_eq!(files(to.path()).len(), COPIES, "nothing beside the copies");
    let truth = stamps(dir.path());
    assert_eq!(i64::try_from(truth.len()).unwrap(), made);
    for copy in 0..COPIES {
        let copied = restored(&to.path().join(format!("{copy}.sqlite")));
        assert!(copied.len() >= 3_000);
        assert_eq!(copied, truth[..copied.len()]);
    }
}

#[test]
fn so_many_stay_and_nothing_else_is_touched() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut journal = open(dir.path());
    commit(&mut journal, vec![segment()], pulses(0, 1));
    let other = tempfile::tempdir().unwrap();
    drop(open(other.path()));
    let of_other = back_up(other.path(), &request(to.path(), None), NOW, &mut |_| {}).unwrap();
    fs::write(
        to.path().join("powerlogger-2020-01-01T000000Z.sqlite"),
        "mine",
    )
    .unwrap();

    let mut deleted = Vec::new();
    for copy in 0..4 {
        commit(&mut journal, Vec::new(), pulses(1 + copy, 1));
        // The clock runs backwards: what is newer is told by what is in it.
        let now_ns = NOW - (copy + 1) * 100 * NS_PER_S;
        let done = back_up(
            dir.path(),
            &request(to.path(), Some(2)),
            now_ns,
            &mut |_| {},
        )
        .unwrap();
        assert_eq!(done.newest, PulseId(2 + copy));
        assert!(done.path.exists());
        deleted.extend(done.deleted);
    }
    assert_eq!(deleted.len(), 2);
    assert!(of_other.path.exists());
    assert_eq!(files(to.path()).len(), 4);
    let left: Vec<i64> = files(to.path())
        .iter()
        .filter_map(|name| JournalCopy::look(&to.path().join(name)).ok())
        .map(|copy| copy.newest.0)
        .collect();
    assert_eq!(
        left,
        [5, 4, 0],
        "the newest two, and that of the other journal"
    );
}

#[test]
fn what_cannot_be_copied_leaves_everything_as_it_was() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let refused = |to: &Path, keep| {
        let refused = back_up(dir.path(), &request(to, keep), NOW, &mut |_| {});
        refused.unwrap_err().to_string()
    };
    let file = to.path().join("copy.sqlite");
    assert!(refused(&file, None).contains("there is no journal"));
    assert_eq!(files(to.path()), Vec::<String>::new());

    let mut journal = open(dir.path());
    commit(&mut journal, vec![segment()], pulses(0, 5));
    assert!(refused(&file, Some(3)).contains("--keep"));
    assert!(refused(&dir.path().join("journal.sqlite"), None).contains("own directory"));
    assert!(refused(dir.path(), None).contains("own directory"));
    fs::write(&file, "precious").unwrap();
    assert!(refused(&file, None).contains("--force"));
    let nowhere = to.path().join("missing/copy.sqlite");
    assert!(refused(&nowhere, None).contains("missing"));

    let part = to.path().join(".copy.sqlite.part");
    fs::write(&part, "left by one that was killed").unwrap();
    let held = File::open(&part).unwrap();
    flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
    let forced = BackupRequest {
        force: true,
        ..request(&file, None)
    };
    let busy = back_up(dir.path(), &forced, NOW, &mut |_| {}).unwrap_err();
    assert!(busy.to_string().contains("another backup"), "{busy}");
    drop(held);
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    let mut told = Vec::new();
    back_up(dir.path(), &forced, NOW, &mut |share| told.push(share)).unwrap();
    assert_eq!(told.last(), Some(&1.0));
    assert!(told.is_sorted(), "{told:?}");
    assert_eq!(restored(&file).len(), 5);
    assert_eq!(files(to.path()), ["copy.sqlite"]);
}
