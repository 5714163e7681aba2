//! Notices that the files of the configuration have changed: looks at their stamps, and reads them when those
//! stand still again.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::problem::ConfigError;
use super::{Loaded, load};

/// What identifies a state of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stamp {
    /// There is none.
    Missing,
    /// It cannot be looked at.
    Hidden(ErrorKind),
    /// Device, inode, size, and when content or rights have changed, in nanoseconds.
    Seen([u64; 3], [i128; 2]),
}

impl Stamp {
    fn of(path: &Path) -> Stamp {
        let meta = match fs::metadata(path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == ErrorKind::NotFound => return Stamp::Missing,
            Err(error) => return Stamp::Hidden(error.kind()),
        };
        let ns = |s: i64, ns: i64| i128::from(s) * 1_000_000_000 + i128::from(ns);
        Stamp::Seen(
            [meta.dev(), meta.ino(), meta.size()],
            [
                ns(meta.mtime(), meta.mtime_nsec()),
                ns(meta.ctime(), meta.ctime_nsec()),
            ],
        )
    }
}

type Stamps = Vec<(PathBuf, Stamp)>;

/// What a look has shown.
#[derive(Debug)]
pub enum FileChange {
    /// Nothing has changed.
    Same,
    /// Something changes: look again soon.
    Changing,
    /// Something has changed, and this is what the files say now.
    Changed(Box<Result<Loaded, ConfigError>>),
}

/// The watch over the files.
#[derive(Debug)]
pub struct FileWatch {
    loaded: Loaded,
    /// As they were when they were last read; empty: before this watch began.
    read: Stamps,
    /// As they were at the last look.
    seen: Stamps,
}

impl FileWatch {
    /// A watch over the files that `loaded` came from. Its first looks read them in any case: they may have
    /// changed since.
    pub fn new(loaded: Loaded) -> FileWatch {
        FileWatch {
            loaded,
            read: Stamps::new(),
            seen: Stamps::new(),
        }
    }

    /// Looks once. Only what two looks have seen alike is read: an editor may be at work.
    pub fn look(&mut self) -> FileChange {
        let now = self.stamps();
        if now == self.read {
            self.seen = now;
            return FileChange::Same;
        }
        if now != self.seen {
            self.seen = now;
            return FileChange::Changing;
        }
        let loaded = load(self.loaded.options());
        if let Ok(loaded) = &loaded {
            self.loaded = loaded.clone();
        }
        // Where it names another file of certificates that one is watched from here on.
        self.read = self.stamps();
        if !now.iter().all(|was| self.read.contains(was)) {
            self.read = Stamps::new();
            return FileChange::Changing;
        }
        FileChange::Changed(Box::new(loaded))
    }

    fn stamps(&self) -> Stamps {
        let paths = self.loaded.depends_on().into_iter();
        paths
            .map(|path| {
                let stamp = Stamp::of(&path);
                (path, stamp)
            })
            .collect()
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
