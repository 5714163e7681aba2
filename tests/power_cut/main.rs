//! Power cuts: the true binary on real lines, with its journal on an ext4 disk, whose power goes at
//! any moment (`support::gpio` says where: only a guest can be cut off).
//!
//! * [`cuts`]: the guest is stopped at once, again and again on the same disk. What the page cache held
//!   is lost.
//! * [`images`]: what the disk itself held back is lost, too: all writes and flushes are recorded, and the
//!   disk is made as it may have been after each flush, with any part of what had not been flushed.
//! * [`copies`]: `backup` copies the journal meanwhile.
//!
//! Either way the journal opens by itself and is whole; what it lost are the last pulses of a meter; the server holds
//! nothing that the journal lacks. How old the lost ones were is told beside `sync_interval`.
//!
//! `POWER_CUTS` and `LOG_WRITES_IMAGES` set the numbers, `POWER_CUT_SEED` repeats a run.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "edges and cuts are paced by sleeping, all else waits on conditions with deadlines; \
              figures are printed"
)]

#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "it uses a part of it"
)]
#[path = "../it/support/mod.rs"]
mod support;

mod copies;
mod cuts;
mod found;
mod images;
mod log_writes;
mod tape;
mod works;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::gpio::{Ground, Rig, guest_ground, test_path};
use crate::support::program::{find, skip};

/// Where a test is.
enum Place {
    /// Beside the guests, with what makes them and a directory for their disks.
    Outside(Rig, tempfile::TempDir),
    /// In one of its guests.
    Guest(Ground),
}

/// Where the test `name` is; None: it is skipped, because it needs a rig and these tools.
fn place(name: &str, tools: &[&str]) -> Option<Place> {
    if let Some(ground) = guest_ground() {
        return Some(Place::Guest(ground));
    }
    let Some(rig) = Rig::of_machine() else {
        skip(name, "no GPIO_RIG: only a guest's power can be cut");
        return None;
    };
    let missing = tools.iter().find(|tool| tool_named(tool).is_none());
    if let Some(missing) = missing {
        skip(name, &format!("no {missing}"));
        return None;
    }
    // In memory where there is such a place: a busy disk outside must not look like a slow card.
    let shm = Path::new("/dev/shm");
    let dir = if shm.is_dir() {
        tempfile::tempdir_in(shm)
    } else {
        tempfile::tempdir()
    };
    Some(Place::Outside(rig, dir.unwrap()))
}

/// A tool of the system's, also where its directory is not on the path of ordinary users.
fn tool_named(name: &str) -> Option<PathBuf> {
    let sbin = ["/usr/sbin", "/sbin"].map(|dir| Path::new(dir).join(name));
    find(None, name).or_else(|| sbin.into_iter().find(|file| file.is_file()))
}

/// Runs a tool that must succeed.
fn tool(name: &str, args: &[&str]) {
    let tool = tool_named(name).unwrap_or_else(|| panic!("{name} is installed"));
    let output = Command::new(tool).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {args:?}: {said}");
}

/// A disk with nothing on it.
fn blank_disk(path: &Path, bytes: u64) {
    std::fs::File::create(path).unwrap().set_len(bytes).unwrap();
}

/// A disk with an ext4 as a card has it.
fn ext4_disk(path: &Path, bytes: u64) {
    blank_disk(path, bytes);
    tool(
        "mkfs.ext4",
        &["-q", "-F", "-b", "4096", path.to_str().unwrap()],
    );
}

/// A number from the environment.
fn option(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value}")))
}

#[test]
fn power_cuts_cost_only_the_last_pulses_and_none_that_was_durable() {
    let name = test_path!("power_cuts_cost_only_the_last_pulses_and_none_that_was_durable");
    match place(name, &["mkfs.ext4"]) {
        None => {}
        Some(Place::Outside(rig, dir)) => cuts::campaign(&rig, name, dir.path()),
        Some(Place::Guest(ground)) => cuts::in_guest(&ground),
    }
}

#[test]
fn a_disk_that_reorders_writes_between_flushes_is_enough() {
    let name = test_path!("a_disk_that_reorders_writes_between_flushes_is_enough");
    match place(name, &["mkfs.ext4", "dmsetup", "losetup"]) {
        None => {}
        Some(Place::Outside(rig, dir)) => images::outside(&rig, name, dir.path()),
        Some(Place::Guest(ground)) => images::in_guest(&ground),
    }
}
