//! What the kernel knows of its wall clock: whether it is synchronised, and whether a battery-backed
//! clock set it at boot; and a descriptor that tells when it is set.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::model::{NS_PER_S, WallNs};

/// An RTC that set the clock differs from it by less than this; it is read in whole seconds.
const RTC_DIFFERS_MAX_NS: i64 = 5 * NS_PER_S;

/// 2200-01-01, in seconds since 1970.
const NEVER_S: i64 = 7_258_118_400;

/// Whether the kernel says that the wall clock is synchronised: `adjtimex(2)`, status without
/// `STA_UNSYNC`. False where it may not be asked.
#[expect(
    unsafe_code,
    reason = "no crate has adjtimex(2) without setting anything"
)]
pub fn is_synchronised() -> bool {
    // SAFETY: all of a `timex` is numbers, for which zeros are valid; modes 0 reads only, and the
    // kernel writes no more than the struct.
    let (answer, timex) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex)
    };
    answer >= 0 && timex.status & libc::STA_UNSYNC == 0
}

/// Whether the machine has a clock that runs while it is off, and the wall clock was set by it.
/// PCs always have one, which the kernel reads before drivers are there; boards have one where
/// `/sys/class/rtc` says that it set the clock (`hctosys`) and the two still agree: a Raspberry Pi 5
/// has the chip, and mostly no battery.
pub fn has_rtc(wall_ns: WallNs) -> bool {
    let pc = matches!(std::env::consts::ARCH, "x86" | "x86_64");
    pc || has_rtc_in(Path::new("/sys/class/rtc"), wall_ns)
}

fn has_rtc_in(dir: &Path, wall_ns: WallNs) -> bool {
    let rtcs = fs::read_dir(dir).into_iter().flatten().flatten();
    rtcs.map(|rtc| rtc.path()).any(|rtc| {
        let read = |name: &str| fs::read_to_string(rtc.join(name)).unwrap_or_default();
        let says_s = read("since_epoch").trim().parse::<i64>().ok();
        let says_ns = says_s
            .and_then(|says_s| says_s.checked_mul(NS_PER_S))
            .map(WallNs);
        let near = says_ns.is_some_and(|ns| (wall_ns - ns).abs() < RTC_DIFFERS_MAX_NS);
        read("hctosys").trim() == "1" && near
    })
}

/// How far the clocks of this process' time namespace (`unshare --time`, some containers) are ahead of the
/// machine's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeNamespace {
    /// `CLOCK_MONOTONIC`, in nanoseconds.
    pub monotonic_ns: i64,
    /// `CLOCK_BOOTTIME`, in nanoseconds.
    pub boottime_ns: i64,
}

impl TimeNamespace {
    /// That of this process, which stays in it.
    pub fn of_process() -> TimeNamespace {
        // Kernels before 5.6 know no time namespaces.
        fs::read_to_string("/proc/self/timens_offsets").map_or_else(
            |_| TimeNamespace::default(),
            |text| TimeNamespace::parse(&text),
        )
    }

    /// From lines such as `monotonic 86400 0`: clock, seconds, nanoseconds.
    fn parse(text: &str) -> TimeNamespace {
        let ahead_ns = |clock: &str| {
            let of_clock = |line: &str| {
                let mut words = line.split_whitespace();
                if words.next() != Some(clock) {
                    return None;
                }
                let (s, ns): (i64, i64) =
                    (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
                s.checked_mul(NS_PER_S)?.checked_add(ns)
            };
            text.lines().find_map(of_clock).unwrap_or(0)
        };
        TimeNamespace {
            monotonic_ns: ahead_ns("monotonic"),
            boottime_ns: ahead_ns("boottime"),
        }
    }
}

/// The kernel's name for this boot: monotonic stamps of different boots have nothing in common.
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| "unknown".to_owned(), |id| id.trim().to_owned())
}

/// Readable once the wall clock was set, or jumped over a suspend.
#[derive(Debug)]
pub struct ClockSet(OwnedFd);

impl ClockSet {
    /// Begins to watch.
    ///
    /// # Errors
    /// When the process may open no more descriptors.
    pub fn watch() -> io::Result<ClockSet> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let set = ClockSet(timerfd_create(TimerfdClockId::Realtime, flags)?);
        set.arm()?;
        Ok(set)
    }

    /// Takes the news back: it is readable again after the next time.
    pub fn clear(&self) {
        let _ = rustix::io::read(&self.0, &mut [0u8; 8]);
        let _ = self.arm();
    }

    /// A timer for a day that never comes, cancelled when the clock is set (timerfd_create(2)).
    fn arm(&self) -> io::Result<()> {
        let never = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: NEVER_S,
                tv_nsec: 0,
            },
        };
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        timerfd_settime(&self.0, flags, &never)?;
        Ok(())
    }
}

impl AsFd for ClockSet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rtc_counts_if_it_set_the_clock_and_still_agrees() {
        let dir = tempfile::tempdir().unwrap();
        let rtc = dir.path().join("rtc0");
        fs::create_dir(&rtc).unwrap();
        let has = |set: &str, says: &str| {
            fs::write(rtc.join("hctosys"), set).unwrap();
            fs::write(rtc.join("since_epoch"), says).unwrap();
            has_rtc_in(dir.path(), WallNs::of_s(1_800_000_000))
        };
        assert!(has("1\n", "1799999999\n"));
        assert!(!has("0\n", "1799999999\n"));
        assert!(!has("1\n", "86400\n"), "without a battery");
        assert!(!has("1\n", ""));
        assert!(!has_rtc_in(&dir.path().join("none"), WallNs(0)));
    }

    #[test]
    fn a_time_namespace_is_read() {
        let read =
            TimeNamespace::parse("monotonic      -86400         250000000\nboottime  7  0\n");
        assert_eq!(
            read,
            TimeNamespace {
                monotonic_ns: -86_400 * NS_PER_S + 250_000_000,
                boottime_ns: 7 * NS_PER_S,
            }
        );
        for text in [
            "",
            "monotonic",
            "monotonic x 0",
            "monotonic 9223372036854775807 0",
        ] {
            assert_eq!(
                TimeNamespace::parse(text),
                TimeNamespace::default(),
                "{text}"
            );
        }
    }

    #[test]
    fn asking_sets_nothing_and_the_watch_stays_armed() {
        use rustix::event::{PollFd, PollFlags, poll};
        use rustix::time::timerfd_gettime;
        let set = ClockSet::watch().unwrap();
        let is_armed = || timerfd_gettime(&set.0).unwrap().it_value.tv_sec > 0;
        let was_set = || {
            let mut watched = [PollFd::new(&set, PollFlags::IN)];
            poll(&mut watched, Some(&Timespec::default())).unwrap() > 0
        };
        assert!(is_armed());
        let said = is_synchronised();
        for _ in 0..100 {
            assert_eq!(is_synchronised(), said);
        }
        assert!(!was_set(), "the question set the clock");
        set.clear();
        assert!(is_armed() && !was_set());
    }

    /// Where the child of the next test writes what its monotonic clock shows.
    const SHOWN: &str = "POWERLOGGER_CLOCK_SHOWN";

    #[test]
    fn the_monotonic_clock_is_the_machines_in_a_time_namespace() {
        use crate::clock::{Clock, SystemClock};
        if let Some(path) = std::env::var_os(SHOWN) {
            let look = SystemClock.look();
            return fs::write(path, format!("{} {}", look.mono_ns, look.slept_ns)).unwrap();
        }
        let dir = tempfile::tempdir().unwrap();
        let shown = dir.path().join("shown");
        let before = SystemClock.look();
        let name = "clock::kernel::tests::the_monotonic_clock_is_the_machines_in_a_time_namespace";
        let _ = std::process::Command::new("unshare")
            .args([
                "--user",
                "--map-root-user",
                "--time",
                "--monotonic",
                "500000",
            ])
            .args(["--boottime", "700000"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(SHOWN, &shown)
            .output();
        // Not every kernel has such namespaces, nor lets everybody make them.
        let Ok(shown) = fs::read_to_string(shown) else {
            return;
        };
        let (mono_ns, slept_ns) = shown.split_once(' ').unwrap();
        let (mono_ns, slept_ns): (i64, i64) = (mono_ns.parse().unwrap(), slept_ns.parse().unwrap());
        let after_ns = SystemClock.mono_ns();
        assert!((before.mono_ns..=after_ns).contains(&mono_ns), "{mono_ns}");
        assert!((slept_ns - before.slept_ns).abs() < NS_PER_S, "{slept_ns}");
    }
}
