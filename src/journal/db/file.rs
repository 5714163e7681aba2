//! The names of the files.

use std::path::{Path, PathBuf};

/// The journal's file in its directory.
pub const FILE_NAME: &str = "journal.sqlite";

/// The file in `dir`.
pub fn file_in(dir: &Path) -> PathBuf {
    dir.join(FILE_NAME)
}

/// The WAL of a database.
pub fn wal_of(file: &Path) -> PathBuf {
    beside(file, "-wal")
}

/// A file that SQLite keeps beside a database.
pub(in crate::journal) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A path as part of a URI.
pub(in crate::journal) fn escape_uri(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23")
}
