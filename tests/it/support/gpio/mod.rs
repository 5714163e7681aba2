//! Real GPIO lines for tests: the kernel's own simulated chip (`gpio-sim`), in one of two
//! places.
//!
//! * Where `GPIO_RIG` names the `run` program of a rig (a user-mode kernel that carries
//!   `gpio-sim`), the test runs its own binary again inside a fresh guest, for itself only.
//! * Where the machine's kernel has `gpio-sim` and the test runs as root, right here.
//!
//! Elsewhere a test prints a line that begins with `skipped: ` and passes. In both places the
//! chips are made by the same code below, so what a test sees does not depend on where it is.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "waits for the kernel have deadlines; skips \
              are printed"
)]

mod chip;
mod hand;
mod hours;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::program::skip;

pub(crate) use self::chip::{SimChip, Wire};
pub(crate) use self::hand::{Done, Hand, play, play_in_pieces};
pub(crate) use self::hours::at_other_hours;

/// Set inside the guest: the test is where it wanted to be.
const IN_RIG: &str = "POWERLOGGER_IN_RIG";

/// The guest's first disk.
pub(crate) const DISK: &str = "/dev/ubda";

/// Where `gpio-sim` is configured.
const SIM: &str = "/sys/kernel/config/gpio-sim";

/// What a test wants of its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Sleeping takes no time: the guest's clock jumps. Only a rig can do that.
    pub(crate) time_travel: bool,
    /// Stop the guest after so long, should it hang: many times what the test takes, and longer than it waits for
    /// anything.
    pub(crate) timeout_s: u32,
    /// An empty disk of this size in the guest, its first, [`DISK`]; 0: none. Only a rig has one to spare.
    pub(crate) disk_mib: u32,
    /// To what the guest's wall clock is set, in seconds since 1970; None: the machine's.
    pub(crate) start_s: Option<i64>,
}

impl Place {
    /// Real time.
    pub(crate) const REAL: Place = Place {
        time_travel: false,
        timeout_s: 1_800,
        disk_mib: 0,
        start_s: None,
    };
    /// Simulated time.
    pub(crate) const TIME_TRAVEL: Place = Place {
        time_travel: true,
        timeout_s: 1_800,
        disk_mib: 0,
        start_s: None,
    };
}

/// A place with simulated chips. One test at a time: names of lines are the machine's.
#[derive(Debug)]
pub(crate) struct Ground {
    _turn: RwLockWriteGuard<'static, ()>,
}

/// The ground under a test that is in its guest already.
pub(crate) fn guest_ground() -> Option<Ground> {
    env::var_os(IN_RIG).map(|_| take_turn())
}

/// Held for writing while there are simulated chips, for reading while there must be none.
static TURN: RwLock<()> = RwLock::new(());

/// No test makes a chip on this machine as long as this is held: a command that looks for lines finds those of the
/// machine. Not to be asked for twice by a thread, nor by one that has a [`Ground`].
pub(crate) fn without_chips() -> RwLockReadGuard<'static, ()> {
    TURN.read().unwrap_or_else(PoisonError::into_inner)
}

/// A test of the calling module by the name that this binary knows it by: with its modules.
macro_rules! test_path {
    ($name:literal) => {
        $crate::support::gpio::without_crate(concat!(module_path!(), "::", $name))
    };
}
pub(crate) use test_path;

/// A path without its crate, which a test's name does not have.
pub(crate) fn without_crate(path: &'static str) -> &'static str {
    path.split_once("::").expect("a crate and an item").1
}

/// Brings the test `name`, a [`test_path`], to a place with `gpio-sim`. None: there it has run and passed, or
/// there is none and it is skipped; nothing is left to do here.
///
/// # Panics
/// When it failed there.
pub(crate) fn ground(name: &str, place: Place) -> Option<Ground> {
    if let Some(ground) = guest_ground() {
        return Some(ground);
    }
    if let Some(rig) = Rig::of_machine() {
        let image = (place.disk_mib > 0).then(|| disk_image(place.disk_mib));
        let disks: Vec<&Path> = image.iter().map(|image| image.path()).collect();
        rig.assert_passes(name, place, &disks);
        return None;
    }
    if let Some(why) = unfit(place) {
        skip(name, &format!("no GPIO_RIG, and {why}"));
        return None;
    }
    Some(take_turn())
}

/// The program that runs a command in a guest whose kernel has `gpio-sim`.
#[derive(Debug)]
pub(crate) struct Rig {
    run: PathBuf,
}

impl Rig {
    /// Where `GPIO_RIG` says.
    pub(crate) fn of_machine() -> Option<Rig> {
        let run = PathBuf::from(env::var_os("GPIO_RIG")?);
        Some(Rig { run })
    }

    /// Runs the test `name`, a [`test_path`], of this binary in a guest with these disks (`/dev/ubda` and so on), and
    /// this in its environment.
    pub(crate) fn run(
        &self,
        name: &str,
        place: Place,
        disks: &[&Path],
        env: &[(&str, &str)],
    ) -> Output {
        let mut command = Command::new(&self.run);
        command.args(["--timeout", &place.timeout_s.to_string()]);
        // Its own chip must not be taken for a header: the tests make theirs.
        command.args(["--chip", "spare:1"]);
        if place.time_travel {
            command.arg("--time-travel");
        }
        for disk in disks {
            command.arg("--disk").arg(disk);
        }
        let binary = env::current_exe().expect("the test has a binary");
        command.arg("--");
        if let Some(start_s) = place.start_s {
            let set = "date -us \"@$0\" >&2 && exec \"$@\"";
            command.args(["sh", "-c", set, &start_s.to_string()]);
        }
        command.arg(binary);
        command.args(["--exact", name, "--nocapture", "--test-threads=1"]);
        command
            .env(IN_RIG, "1")
            .env_remove("GPIO_RIG")
            .envs(env.iter().copied())
            .output()
            .unwrap_or_else(|error| panic!("cannot start GPIO_RIG={}: {error}", self.run.display()))
    }

    /// The same, for a test that must pass there; what it prints to stderr is printed here.
    pub(crate) fn assert_passes(&self, name: &str, place: Place, disks: &[&Path]) {
        let output = self.run(name, place, disks, &[]);
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        eprint!("{stderr}");
        let passed = output.status.success() && stdout.contains("1 passed");
        assert!(passed, "in the rig: {}\n{stdout}", output.status);
    }
}

impl Ground {
    /// A chip with `lines` lines, of which 0 to 27 are named as on a Raspberry Pi's header.
    pub(crate) fn chip(&self, label: &str, lines: usize) -> SimChip {
        SimChip::new(label, lines)
    }
}

fn take_turn() -> Ground {
    // A test that failed has dropped its chips all the same.
    let turn = TURN.write().unwrap_or_else(PoisonError::into_inner);
    Ground { _turn: turn }
}

/// An empty disk, as a file that goes when it is dropped.
fn disk_image(mib: u32) -> tempfile::NamedTempFile {
    let image = tempfile::NamedTempFile::new().expect("a directory for temporary files");
    let bytes = u64::from(mib) << 20;
    image
        .as_file()
        .set_len(bytes)
        .expect("a file without blocks takes no room");
    image
}

/// Why this machine itself is no place for the tests.
fn unfit(place: Place) -> Option<&'static str> {
    if place.time_travel {
        return Some("only a rig's clock can jump");
    }
    if place.disk_mib > 0 {
        return Some("only a rig has a disk to break");
    }
    if !rustix::process::geteuid().is_root() {
        return Some("gpio-sim needs root");
    }
    if !Path::new(SIM).exists() {
        let _ = Command::new("modprobe").arg("gpio-sim").output();
    }
    if !Path::new(SIM).exists() {
        return Some("no gpio-sim on this machine");
    }
    chip::header_is_real().then_some("this machine has a GPIO header of its own")
}
