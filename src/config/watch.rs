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
pub enum Look {
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
    pub fn look(&mut self) -> Look {
        let now = self.stamps();
        if now == self.read {
            self.seen = now;
            return Look::Same;
        }
        if now != self.seen {
            self.seen = now;
            return Look::Changing;
        }
        let loaded = load(self.loaded.options());
        if let Ok(loaded) = &loaded {
            self.loaded = loaded.clone();
        }
        // Where it names another file of certificates that one is watched from here on.
        self.read = self.stamps();
        if !now.iter().all(|was| self.read.contains(was)) {
            self.read = Stamps::new();
            return Look::Changing;
        }
        Look::Changed(Box::new(loaded))
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
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Influx, LoadOptions};

    struct Files(tempfile::TempDir);

    impl Files {
        fn write(&self, name: &str, text: &str) {
            // As editors do it: another file under the same name.
            let new = self.0.path().join("new");
            fs::write(&new, text).unwrap();
            fs::rename(new, self.0.path().join(name)).unwrap();
        }

        fn watch(&self, named: bool) -> FileWatch {
            let dir = self.0.path().to_owned();
            let options = LoadOptions {
                simulated: false,
                simulated_dir: false,
                config_dir: named.then(|| dir.clone()),
                queue_dir: None,
                env: BTreeMap::new(),
                cwd: dir,
            };
            FileWatch::new(load(&options).unwrap())
        }
    }

    /// Looks until it is quiet; what was read last.
    fn settled(watch: &mut FileWatch) -> Option<Result<Loaded, ConfigError>> {
        let mut last = None;
        for _ in 0..10 {
            match watch.look() {
                Look::Same => return last,
                Look::Changing => {}
                Look::Changed(read) => last = Some(*read),
            }
        }
        panic!("it never ends");
    }

    fn host(read: Option<Result<Loaded, ConfigError>>) -> Option<String> {
        match read?.unwrap().settings.influx {
            Influx::Configured(influx) => Some(influx.host),
            Influx::NotConfigured(_) => None,
        }
    }

    const CONNECTED: &str = "INFLUX_HOST=http://db:8086\nINFLUX_ORG=home\nINFLUX_TOKEN=t\n";

    #[test]
    fn what_is_written_later_is_read_once() {
        for named in [true, false] {
            let files = Files(tempfile::tempdir().unwrap());
            let mut watch = files.watch(named);
            assert_eq!(host(settled(&mut watch)), None);
            files.write(".env", CONNECTED);
            assert_eq!(host(settled(&mut watch)).as_deref(), Some("http://db:8086"));
            assert!(matches!(watch.look(), Look::Same));
            files.write("powerlogger.toml", "[[meter]]\nname = Import\n");
            assert!(settled(&mut watch).unwrap().is_err());
            files.write("powerlogger.toml", "");
            assert_eq!(host(settled(&mut watch)).as_deref(), Some("http://db:8086"));
        }
    }

    #[test]
    fn what_changes_while_it_is_looked_at_is_left_to_settle() {
        let files = Files(tempfile::tempdir().unwrap());
        let mut watch = files.watch(true);
        settled(&mut watch);
        for text in ["INFLUX_HOST=", "INFLUX_HOST=http://", CONNECTED] {
            files.write(".env", text);
            assert!(matches!(watch.look(), Look::Changing), "{text}");
        }
        assert_eq!(host(settled(&mut watch)).as_deref(), Some("http://db:8086"));
    }

    #[test]
    fn certificates_that_come_later_are_found() {
        let files = Files(tempfile::tempdir().unwrap());
        let mut watch = files.watch(true);
        settled(&mut watch);
        files.write("powerlogger.toml", "[influx]\nca_file = \"ca.pem\"\n");
        files.write(".env", &CONNECTED.replace("http:", "https:"));
        assert_eq!(host(settled(&mut watch)), None);
        files.write("ca.pem", "-----BEGIN CERTIFICATE-----\n");
        assert_eq!(
            host(settled(&mut watch)).as_deref(),
            Some("https://db:8086")
        );
        files.write("ca.pem", "-----BEGIN CERTIFICATE-----\nanother\n");
        assert!(settled(&mut watch).is_some(), "its content counts, too");
    }
}
