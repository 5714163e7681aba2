//! Files that change.

use super::*;
use crate::config::{Influx, LoadOptions};

struct WatchedDir(tempfile::TempDir);

impl WatchedDir {
    fn write(&self, name: &str, text: &str) {
        // As editors do it: another file under the same name.
        let new = self.0.path().join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.0.path().join(name)).unwrap();
    }

    fn watch(&self, named: bool) -> FileWatch {
        let dir = self.0.path().to_owned();
        let options = LoadOptions {
            config_dir: named.then(|| dir.clone()),
            cwd: dir,
            ..LoadOptions::default()
        };
        FileWatch::new(load(&options).unwrap())
    }
}

/// Looks until it is quiet; what was read last.
fn settled(watch: &mut FileWatch) -> Option<Result<Loaded, ConfigError>> {
    let mut last = None;
    for _ in 0..10 {
        match watch.look() {
            FileChange::Same => return last,
            FileChange::Changing => {}
            FileChange::Changed(read) => last = Some(*read),
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
        let files = WatchedDir(tempfile::tempdir().unwrap());
        let mut watch = files.watch(named);
        assert_eq!(host(settled(&mut watch)), None);
        files.write(".env", CONNECTED);
        assert_eq!(host(settled(&mut watch)).as_deref(), Some("http://db:8086"));
        assert!(matches!(watch.look(), FileChange::Same));
        files.write("powerlogger.toml", "[[meter]]\nname = Import\n");
        assert!(settled(&mut watch).unwrap().is_err());
        files.write("powerlogger.toml", "");
        assert_eq!(host(settled(&mut watch)).as_deref(), Some("http://db:8086"));
    }
}

#[test]
fn what_changes_while_it_is_looked_at_is_left_to_settle() {
    let files = WatchedDir(tempfile::tempdir().unwrap());
    let mut watch = files.watch(true);
    settled(&mut watch);
    for text in ["INFLUX_HOST=", "INFLUX_HOST=http://", CONNECTED] {
        files.write(".env", text);
        assert!(matches!(watch.look(), FileChange::Changing), "{text}");
    }
    assert_eq!(host(settled(&mut watch)).as_deref(), Some("http://db:8086"));
}

#[test]
fn certificates_that_come_later_are_found() {
    let files = WatchedDir(tempfile::tempdir().unwrap());
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
