//! A disk that fails on demand: ext4 on the kernel's device-mapper over a rig's disk
//! (`support::gpio` says where that is).
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "waits have deadlines"
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use powerlogger::clock::{Clock, SystemClock};
use powerlogger::model::NS_PER_S;
use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// Its name in the device-mapper.
const NAME: &str = "failing";

/// Where it is mounted: in the guest's own memory.
const MOUNTED: &str = "/run/failing";

/// The programs that make it.
const TOOLS: [&str; 5] = ["dmsetup", "mkfs.ext4", "e2fsck", "mount", "umount"];

/// Programs for the administrator are not on everybody's PATH.
const ADMIN_PATH: &str = "/usr/sbin:/sbin:/usr/bin:/bin";

/// A mounted ext4.
#[derive(Debug)]
pub(crate) struct Disk {
    device: String,
    sectors: u64,
}

/// Which of the programs are missing here, if any.
pub(crate) fn missing_tools() -> Option<String> {
    let there = |tool: &&str| {
        ADMIN_PATH
            .split(':')
            .any(|dir| Path::new(dir).join(tool).exists())
    };
    let missing: Vec<&str> = TOOLS.into_iter().filter(|tool| !there(tool)).collect();
    (!missing.is_empty()).then(|| format!("no {}", missing.join(", ")))
}

impl Disk {
    /// Makes a file system on the device, which must be nobody's, and mounts it.
    pub(crate) fn on(device: &str) -> Disk {
        let name = device.trim_start_matches("/dev/");
        let sectors = fs::read_to_string(format!("/sys/block/{name}/size")).unwrap();
        let disk = Disk {
            device: device.to_owned(),
            sectors: sectors.trim().parse().unwrap(),
        };
        // Nothing is left for root when it is full: the tests are root.
        admin(&["mkfs.ext4", "-q", "-m", "0", device]);
        let table = disk.well();
        admin(&["dmsetup", "create", NAME, "--noudevsync", "--table", &table]);
        fs::create_dir_all(MOUNTED).unwrap();
        disk.mount("errors=continue");
        disk
    }

    /// Where the journal is on it.
    pub(crate) fn queue(&self) -> PathBuf {
        Path::new(MOUNTED).join("queue")
    }

    /// Mounts it.
    pub(crate) fn mount(&self, options: &str) {
        let device = format!("/dev/mapper/{NAME}");
        admin(&["mount", "-t", "ext4", "-o", options, &device, MOUNTED]);
    }

    /// Unmounts it, when nobody has files open on it any more.
    pub(crate) fn unmount(&self) {
        let deadline_ns = SystemClock.mono_ns() + 300 * NS_PER_S;
        while let Err(said) = try_admin(&["umount", MOUNTED]) {
            assert!(SystemClock.mono_ns() < deadline_ns, "{said}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// The same once; whether it is unmounted.
    pub(crate) fn try_unmount(&self) -> bool {
        try_admin(&["umount", MOUNTED]).is_ok()
    }

    /// Checks it as an administrator does, who lets all be repaired.
    pub(crate) fn check(&self) {
        // 1: repaired.
        let device = format!("/dev/mapper/{NAME}");
        let status = command(&["e2fsck", "-f", "-y", &device]).output().unwrap();
        assert!(matches!(status.status.code(), Some(0 | 1)), "{status:?}");
    }

    /// Takes all room that is left.
    pub(crate) fn fill(&self) {
        for number in 0.. {
            let path = Path::new(MOUNTED).join(format!("film-{number}"));
            let Ok(file) = File::create(path) else {
                return;
            };
            let disk = statvfs(MOUNTED).unwrap();
            let mut bytes = disk.f_bavail * disk.f_frsize;
            if bytes == 0 {
                return;
            }
            // What a file needs beside its blocks is not counted there.
            while fallocate(&file, FallocateFlags::empty(), 0, bytes).is_err() {
                bytes /= 2;
                if bytes == 0 {
                    return;
                }
            }
        }
    }

    /// Gives it back.
    pub(crate) fn free(&self) {
        for entry in fs::read_dir(MOUNTED).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with("film-") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    }

    /// The kernel makes it read-only at once, whoever writes: as after an error in the file system.
    pub(crate) fn make_read_only(&self) {
        fs::write("/proc/sysrq-trigger", "u").unwrap();
        let deadline_ns = SystemClock.mono_ns() + 300 * NS_PER_S;
        while !self.is_read_only() {
            assert!(SystemClock.mono_ns() < deadline_ns, "it stays writable");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn is_read_only(&self) -> bool {
        let mounts = fs::read_to_string("/proc/mounts").unwrap();
        mounts
            .lines()
            .any(|line| line.contains(MOUNTED) && line.contains(" ro"))
    }

    /// What an administrator does about it.
    pub(crate) fn make_writable(&self) {
        admin(&["mount", "-o", "remount,rw", MOUNTED]);
    }

    /// Every request fails from now on.
    pub(crate) fn fail(&self) {
        self.load(&format!("0 {} error", self.sectors));
    }

    /// Every write fails from now on; reads do not.
    pub(crate) fn fail_writes(&self) {
        let (sectors, device) = (self.sectors, &self.device);
        self.load(&format!(
            "0 {sectors} flakey {device} 0 0 3600 1 error_writes"
        ));
    }

    /// Every write and every flush takes so long from now on; reads do not.
    pub(crate) fn slow_down(&self, ms: u32) {
        let (sectors, device) = (self.sectors, &self.device);
        self.load(&format!(
            "0 {sectors} delay {device} 0 0 {device} 0 {ms} {device} 0 {ms}"
        ));
    }

    /// All requests wait from now on.
    pub(crate) fn stall(&self) {
        admin(&["dmsetup", "suspend", "--nolockfs", "--noudevsync", NAME]);
    }

    /// They are carried out.
    pub(crate) fn go_on(&self) {
        admin(&["dmsetup", "resume", "--noudevsync", NAME]);
    }

    /// The device does all that it is told.
    pub(crate) fn heal(&self) {
        self.load(&self.well());
    }

    fn well(&self) -> String {
        format!("0 {} linear {} 0", self.sectors, self.device)
    }

    fn load(&self, table: &str) {
        self.stall();
        admin(&["dmsetup", "load", NAME, "--table", table]);
        self.go_on();
    }
}

fn admin(words: &[&str]) {
    try_admin(words).unwrap();
}

fn try_admin(words: &[&str]) -> Result<(), String> {
    let output = command(words).output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{words:?}: {said}"))
}

fn command(words: &[&str]) -> Command {
    // No daemon makes the device files here: the tools do it themselves.
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env("DM_DISABLE_UDEV", "1");
    command.env("PATH", ADMIN_PATH);
    command
}
