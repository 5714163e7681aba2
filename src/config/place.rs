//! Paths as they are spelt once and for all: settings are compared as words. Pure.

use std::path::{Path, PathBuf};

/// A path as it lies in a directory, without `.`, doubled slashes and one at its end. Links and `..` stay: what they lead to is
/// for the disk to say.
pub(super) fn place(dir: &Path, given: impl AsRef<Path>) -> PathBuf {
    dir.join(given).components().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_one_spelling() {
        for (given, want) in [
            (".", "/tmp/x"),
            ("", "/tmp/x"),
            ("./queue", "/tmp/x/queue"),
            ("queue/", "/tmp/x/queue"),
            ("a/./b//c/.", "/tmp/x/a/b/c"),
            ("../q", "/tmp/x/../q"),
            ("/tmp/x/./queue", "/tmp/x/queue"),
            ("/", "/"),
        ] {
            // As text: paths are equal that differ in that.
            let found = place(Path::new("/tmp/x"), given);
            assert_eq!(found.as_os_str(), want, "{given}");
        }
    }
}
