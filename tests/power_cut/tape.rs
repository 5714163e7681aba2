//! Lines of text on a disk of their own, each there for good before anything follows from it: what
//! the witnesses of a power cut have written down.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use powerlogger::clock::{Clock, SystemClock};

/// What lies behind the last line may be part of one that was being written; never more than this.
const TORN_BYTES_MAX: usize = 64 << 10;

/// A tape to be written on.
#[derive(Debug)]
pub(crate) struct Tape {
    disk: File,
    end: u64,
    /// The longest that a line took.
    pub(crate) slowest_ns: i64,
}

impl Tape {
    /// Goes on behind the last line.
    pub(crate) fn open(disk: &str) -> Tape {
        let end = read(Path::new(disk)).len() as u64;
        let disk = File::options().read(true).write(true).open(disk).unwrap();
        let mut rest = vec![0; TORN_BYTES_MAX];
        let bytes = disk.read_at(&mut rest, end).unwrap();
        if rest[..bytes].iter().any(|byte| *byte != 0) {
            disk.write_all_at(&vec![0; bytes], end).unwrap();
        }
        Tape {
            disk,
            end,
            slowest_ns: 0,
        }
    }

    /// Adds whole lines.
    pub(crate) fn add(&mut self, lines: &str) {
        let began_ns = SystemClock.mono_ns();
        self.disk.write_all_at(lines.as_bytes(), self.end).unwrap();
        self.disk.sync_data().unwrap();
        self.end += lines.len() as u64;
        self.slowest_ns = self.slowest_ns.max(SystemClock.mono_ns() - began_ns);
    }
}

/// The lines on a tape.
pub(crate) fn read(disk: &Path) -> String {
    let disk = File::open(disk).unwrap();
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    // Most of it is blank, and reading that takes a guest long.
    while bytes.last() != Some(&0) {
        let count = disk.read_at(&mut piece, bytes.len() as u64).unwrap();
        if count == 0 {
            break;
        }
        bytes.extend_from_slice(&piece[..count]);
    }
    let blank = bytes.iter().position(|byte| *byte == 0);
    bytes.truncate(blank.unwrap_or(bytes.len()));
    let whole = bytes.iter().rposition(|byte| *byte == b'\n');
    bytes.truncate(whole.map_or(0, |last| last + 1));
    String::from_utf8(bytes).unwrap()
}
