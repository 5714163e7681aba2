//! Tests of what a start makes of line requests that systemd keeps.

use std::fs::File;
use std::path::Path;

use super::source::no_chip;
use super::*;
use crate::capture::gpio::is_line;
use crate::clock::segment::EARLIEST_WALL_NS;
use crate::config::LoadOptions;
use crate::daemon::RunError;
use crate::journal::Journal;
use crate::model::FilterState;
use crate::system::systemd::StoredDescriptor;

/// A configuration with a journal in `dir`.
fn loaded(dir: &Path) -> Loaded {
    let options = LoadOptions {
        config_dir: Some(dir.to_owned()),
        queue_dir: Some(dir.to_owned()),
        cwd: dir.to_owned(),
        ..LoadOptions::default()
    };
    crate::config::load(&options).unwrap()
}

/// A descriptor in systemd's store.
fn kept(name: &str) -> StoredDescriptor {
    StoredDescriptor {
        name: name.to_owned(),
        file: File::open("/dev/null").unwrap(),
    }
}

const LINE: &str = "line-0000000000001234-u0-20.gpiochip0.pinctrl-bcm2711";

/// What a start says of the requests in `kept`.
fn start(
    dir: &Path,
    kept: &[StoredDescriptor],
) -> Result<Vec<Option<(u64, FilterState)>>, RunError> {
    let loaded = loaded(dir);
    let (mut learning, _) =
        Learning::begin(&loaded, Keep::Nothing, Some(loaded.settings.clock)).unwrap();
    match kept.iter().filter(|kept| is_line(kept)).count() {
        0 => Ok(Vec::new()),
        count => learning.lines_of(&loaded.settings.meters, count),
    }
}

/// The exit by which requests stay with systemd.
fn is_left_alone(failed: &RunError) -> bool {
    matches!(failed, RunError::LinesKept { kept: 1, .. }) && failed.is_temporary()
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a journal of a version to come cannot be made otherwise"
)]
fn requests_are_left_alone_while_a_journal_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    drop(Journal::open(dir.path(), &["Import".to_owned()], "boot", EARLIEST_WALL_NS).unwrap());
    let store = [kept("socket"), kept(LINE)];
    let newer = rusqlite::Connection::open(crate::journal::file_in(dir.path())).unwrap();
    newer.pragma_update(None, "user_version", 9_999).unwrap();
    let failed = start(dir.path(), &store).unwrap_err();
    assert!(is_left_alone(&failed), "{failed}");
    // Nothing is kept that only the journal can go on with.
    assert!(start(dir.path(), &store[..1]).is_ok());
}

#[test]
fn a_journal_that_is_not_there_or_damaged_remembers_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let lines = |dir: &Path| start(dir, &[kept(LINE)]).unwrap();
    assert!(lines(dir.path()).iter().all(Option::is_none));
    std::fs::write(crate::journal::file_in(dir.path()), [b'x'; 8_192]).unwrap();
    assert!(lines(dir.path()).iter().all(Option::is_none));
}

#[test]
fn a_machine_without_a_gpio_chip_is_told_what_to_do() {
    let dev = tempfile::tempdir().unwrap();
    let hint = no_chip(dev.path()).unwrap();
    assert!(
        hint.contains("60 s") && hint.contains("make demo"),
        "{hint}"
    );
    assert!(no_chip(&dev.path().join("none")).is_some());
    std::fs::write(dev.path().join("gpiochip7"), "").unwrap();
    assert_eq!(no_chip(dev.path()), None);
}
