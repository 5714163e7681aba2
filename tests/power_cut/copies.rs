//! Copies of the journal that are made while it is counted into, until the power goes: each that has its name is whole
//! and a beginning of what was counted, and each that was said to be made is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use powerlogger::journal::FILE_NAME;

use super::found::{Found, Point};
use super::tape::Tape;
use crate::support::daemon::Daemon;

/// Where they lie, beside the journal's directory and on the same disk.
fn dir_of(queue: &Path) -> PathBuf {
    queue.with_file_name("copies")
}

/// The name of one.
fn name_of(copy: u64) -> String {
    format!("{copy}.sqlite")
}

/// So many of them lie on the disk.
const KEPT: u64 = 3;

/// Makes one copy after the other until the power goes, and writes down each that is said to be made.
pub(crate) fn keep_making(daemon: &Daemon, queue: &Path, tape: &Arc<Mutex<Tape>>) {
    let dir = dir_of(queue);
    fs::create_dir_all(&dir).unwrap();
    fs::File::open(dir.parent().unwrap())
        .unwrap()
        .sync_all()
        .unwrap();
    let tape = Arc::clone(tape);
    let commands = (0..).map(|copy| {
        let file = dir.join(name_of(copy));
        (copy, daemon.command(&["backup", file.to_str().unwrap()]))
    });
    // As many as no stretch between two cuts makes.
    let commands: Vec<_> = commands.take(100).collect();
    thread::spawn(move || {
        for (copy, mut command) in commands {
            if let Some(old) = copy.checked_sub(KEPT) {
                tape.lock().unwrap().add(&format!("dropped {old}\n"));
                fs::remove_file(dir.join(name_of(old))).unwrap();
            }
            let output = command.output().unwrap();
            let line = if output.status.success() {
                format!("copied {copy}\n")
            } else {
                let said = String::from_utf8_lossy(&output.stderr);
                format!("uncopied {copy}: {}\n", said.replace('\n', " "))
            };
            tape.lock().unwrap().add(&line);
        }
    });
}

/// Reads those that the last guest has left, beside the journal as it was `found`, and deletes them. Which ones there are.
pub(crate) fn take_away(queue: &Path, found: &[Point]) -> BTreeSet<u64> {
    let dir = dir_of(queue);
    let Ok(entries) = fs::read_dir(&dir) else {
        return BTreeSet::new();
    };
    let mut copies = BTreeSet::new();
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // Others are parts that had not got their name yet.
        let copy = name.strip_suffix(".sqlite").and_then(|n| n.parse().ok());
        if let Some(copy) = copy {
            let place = tempfile::tempdir_in("/dev/shm").unwrap();
            fs::copy(&path, place.path().join(FILE_NAME)).unwrap();
            let copied = Found::read(place.path()).pulses;
            // What the journal had not synced may be in the copy alone.
            let is_beginning = found.starts_with(&copied) || copied.starts_with(found);
            assert!(is_beginning, "copy {copy} is of another journal");
            copies.insert(copy);
        }
    }
    fs::remove_dir_all(&dir).unwrap();
    copies
}

/// Those that were said to be made, and were not deleted, on a tape.
pub(crate) fn said(tape: &str) -> BTreeSet<u64> {
    let mut said = BTreeSet::new();
    for line in tape.lines() {
        match line.split_once(' ') {
            Some(("copied", copy)) => {
                said.insert(copy.parse().unwrap());
            }
            Some(("dropped", copy)) => {
                said.remove(&copy.parse().unwrap());
            }
            Some(("uncopied", why)) => panic!("copy {why}"),
            _ => {}
        }
    }
    said
}
