//! A simulated chip in configfs, and the wires of its lines in sysfs.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use powerlogger::capture::gpio::HEADER_LABELS;
use powerlogger::clock::{Clock, SystemClock};
use powerlogger::model::{Level, NS_PER_S};

use super::SIM;

/// A Raspberry Pi names these lines, from 0 on.
const NAMED_LINES: usize = 28;

/// A chip that is pulled out and taken apart when dropped.
#[derive(Debug)]
pub(crate) struct SimChip {
    config: PathBuf,
}

impl SimChip {
    pub(super) fn new(label: &str, lines: usize) -> SimChip {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let config = Path::new(SIM).join(format!("powerlogger-{}-{count}", std::process::id()));
        let bank = config.join("bank0");
        fs::create_dir(&config).expect("root may make a simulated chip");
        let chip = SimChip { config };
        fs::create_dir(&bank).unwrap();
        fs::write(bank.join("num_lines"), lines.to_string()).unwrap();
        fs::write(bank.join("label"), label).unwrap();
        for line in 0..lines.min(NAMED_LINES) {
            let dir = bank.join(format!("line{line}"));
            fs::create_dir(&dir).unwrap();
            fs::write(dir.join("name"), line_name(line)).unwrap();
        }
        chip.replug();
        chip
    }

    /// Its device file.
    pub(crate) fn device(&self) -> PathBuf {
        Path::new("/dev").join(self.name())
    }

    /// Its name, such as `gpiochip1`; another one after each replug.
    pub(crate) fn name(&self) -> String {
        read_word(&self.config.join("bank0/chip_name"))
    }

    /// The wire of a line, until the chip is unplugged.
    pub(crate) fn wire(&self, line: u32) -> Wire {
        let pull = self.wires().join(format!("sim_gpio{line}/pull"));
        let file = File::options().write(true).open(&pull);
        Wire {
            pull: file.unwrap_or_else(|error| panic!("{}: {error}", pull.display())),
        }
    }

    /// Pulls the chip out.
    pub(crate) fn unplug(&self) {
        fs::write(self.config.join("live"), "0").unwrap();
    }

    /// Puts it back.
    pub(crate) fn replug(&self) {
        fs::write(self.config.join("live"), "1").unwrap();
        // The device file is made by another thread of the kernel.
        let deadline_ns = SystemClock.mono_ns() + 300 * NS_PER_S;
        while !self.device().exists() {
            assert!(
                SystemClock.mono_ns() < deadline_ns,
                "no {}",
                self.device().display()
            );
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn wires(&self) -> PathBuf {
        let device = read_word(&self.config.join("dev_name"));
        Path::new("/sys/devices/platform")
            .join(device)
            .join(self.name())
    }
}

impl Drop for SimChip {
    fn drop(&mut self) {
        // As far as it goes: a failing test must not fail twice.
        let bank = self.config.join("bank0");
        let _ = fs::write(self.config.join("live"), "0");
        for line in 0..NAMED_LINES {
            let _ = fs::remove_dir(bank.join(format!("line{line}")));
        }
        let _ = fs::remove_dir(bank);
        let _ = fs::remove_dir(&self.config);
    }
}

/// The wire that leads to a line. A request with a bias sets it: set it after the request.
#[derive(Debug)]
pub(crate) struct Wire {
    pull: File,
}

impl Wire {
    /// Puts the wire to `level`; the edge has been stamped when this returns. Leave at least
    /// 30 µs between two: on one processor the reader gets no turn otherwise.
    pub(crate) fn pull(&mut self, level: Level) {
        let word: &[u8] = match level {
            Level::High => b"pull-up",
            Level::Low => b"pull-down",
        };
        self.pull.write_all(word).expect("the chip is plugged in");
    }
}

/// Whether a chip that was there before the tests would be taken for a Raspberry Pi's header.
pub(super) fn header_is_real() -> bool {
    let chips = gpiocdev::chip::chips().unwrap_or_default();
    chips.iter().any(|path| {
        let Ok(chip) = gpiocdev::Chip::from_path(path) else {
            return false;
        };
        let label = chip.info().map(|info| info.label).unwrap_or_default();
        HEADER_LABELS.contains(&label.as_str()) || chip.find_line_info("GPIO20").is_some()
    })
}

fn line_name(line: usize) -> String {
    match line {
        0 => "ID_SDA".to_owned(),
        1 => "ID_SCL".to_owned(),
        _ => format!("GPIO{line}"),
    }
}

fn read_word(path: &Path) -> String {
    let word = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    word.trim_end().to_owned()
}
