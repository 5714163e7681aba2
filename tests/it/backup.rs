//! `powerlogger backup` beside the true binary: each copy opens, and is a beginning of what was counted, also when the
//! daemon or the backup itself is killed; a copy that is restored goes on.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::fs;
use std::path::Path;

use powerlogger::journal::{JournalCopy, Reader};
use powerlogger::model::{IdRange, MeterRow, PulseId, WallNs};

use crate::support::daemon::Daemon;

/// Some 40 pulses a second of two meters.
const CONFIG: &str = r#"
[[meter]]
name = "Import"
line = 20

[[meter]]
name = "Generate"
line = 21
"#;

const COUNTING: [&str; 5] = ["--simulate", "--speed", "500", "--from", "-300d"];

/// Meters and stamps of all pulses.
fn pulses(dir: &Path) -> Vec<(MeterRow, WallNs)> {
    let mut reader = Reader::open(dir).unwrap();
    let page = reader.page(IdRange::ALL, usize::MAX).unwrap();
    page.entries
        .iter()
        .map(|entry| (entry.meter, entry.wall_ns))
        .collect()
}

#[test]
fn a_hundred_copies_while_pulses_come_are_beginnings_of_the_truth() {
    let mut daemon = Daemon::start(CONFIG, &COUNTING);
    daemon.wait_for_pulses(50);
    let to = tempfile::tempdir().unwrap();
    let copies = 100;
    for copy in 0..copies {
        let file = to.path().join(format!("{copy}.sqlite"));
        let said = daemon.ask(&["backup", file.to_str().unwrap()]);
        assert!(said.starts_with("SIMULATED: "), "{said}");
        match copy {
            30 => {
                daemon.kill();
                daemon.start_again();
            }
            60 => daemon.kill(),
            61 => daemon.start_again(),
            _ => {}
        }
    }
    let newest = pulses(daemon.dir()).len();
    daemon.wait_for_pulses(i64::try_from(newest).unwrap() + 1);
    daemon.stop();
    let truth = pulses(daemon.dir());
    let mut before = 0;
    for copy in 0..copies {
        let place = tempfile::tempdir().unwrap();
        let file = to.path().join(format!("{copy}.sqlite"));
        fs::copy(file, place.path().join("journal.sqlite")).unwrap();
        let copied = pulses(place.path());
        assert!(copied.len() >= before.max(50), "{copy}: {before}");
        assert_eq!(copied, truth[..copied.len()], "{copy}");
        before = copied.len();
    }
    assert_eq!(fs::read_dir(to.path()).unwrap().count(), copies);
}

#[test]
fn a_copy_in_the_place_of_the_journal_goes_on() {
    let mut daemon = Daemon::start(CONFIG, &COUNTING);
    daemon.wait_for_pulses(20);
    let to = tempfile::tempdir().unwrap();
    let shown = to.path().to_str().unwrap();
    let said = daemon.ask(&["backup", "--json", "--keep", "1", shown]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    daemon.stop();
    let copy = Path::new(said["path"].as_str().unwrap());
    let newest = said["newest_pulse"].as_i64().unwrap();
    assert_eq!(JournalCopy::look(copy).unwrap().newest, PulseId(newest));

    for name in ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"] {
        let _ = fs::remove_file(daemon.dir().join(name));
    }
    fs::copy(copy, daemon.dir().join("journal.sqlite")).unwrap();
    daemon.start_again();
    daemon.wait_for_pulses(newest + 10);
    daemon.stop();
    let (copied, all) = (usize::try_from(newest).unwrap(), pulses(daemon.dir()));
    assert!(all.len() >= copied + 10);
    assert_eq!(daemon.answer(&["backup", "--keep", "0", shown]).0, Some(2));
}
