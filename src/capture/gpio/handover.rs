//! A line request that outlived the process which made it: its name in systemd's store, and whether
//! it still is what the configuration wants.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use super::find::Found;
use crate::config::LineSettings;
use crate::pulse::Bias;
use crate::service::Kept;

/// What names of lines begin with.
const BEGIN: &str = "line-";

/// The name of a request in the store: its id, which the journal keeps beside the line's state, and
/// the settings it was made with. (Names are ASCII without colons.)
pub(super) fn name(request_id: u64, settings: &LineSettings) -> String {
    let bias = match settings.bias {
        Bias::Up => 'u',
        Bias::Down => 'd',
        Bias::None => 'n',
    };
    let debounce_us = settings.kernel_debounce_us;
    format!("{BEGIN}{request_id:016x}-{bias}{debounce_us}")
}

/// The id in a name; None: it is no line's.
pub(super) fn request_id(name: &str) -> Option<u64> {
    let (id, _) = name.strip_prefix(BEGIN)?.split_once('-')?;
    u64::from_str_radix(id, 16).ok()
}

/// Why a request that was kept cannot go on.
pub(super) fn unfit(
    kept: &Kept,
    request_id: u64,
    settings: &LineSettings,
    found: &Found,
) -> Option<String> {
    if kept.name != name(request_id, settings) {
        return Some("the line's settings have changed".to_owned());
    }
    let (chip, line) = match line_of(&kept.file) {
        Ok(found) => found,
        Err(error) => return Some(format!("it is no line request: {error}")),
    };
    let device = found.device.file_name().map(|name| name.to_string_lossy());
    if chip.is_some_and(|chip| Some(chip.into()) != device) {
        return Some("it is of another chip".to_owned());
    }
    if line.is_some_and(|line| line != found.offset) {
        return Some("it is of another line".to_owned());
    }
    None
}

/// The chip and the line of a request, `gpiochip0` and 20, as the kernel tells them in fdinfo
/// (drivers/gpio/gpiolib-cdev.c); older kernels tell neither.
fn line_of(file: &File) -> io::Result<(Option<String>, Option<u32>)> {
    let number = file.as_raw_fd();
    let what = std::fs::read_link(format!("/proc/self/fd/{number}"))?;
    if what.to_string_lossy() != "anon_inode:gpio-line" {
        return Err(io::Error::other(format!("it is {}", what.display())));
    }
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}"))?;
    let field = |name: &str| {
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(key, _)| *key == name);
        found.map(|(_, value)| value.trim().to_owned())
    };
    let line = field("gpio-line").and_then(|line| line.parse().ok());
    Ok((field("gpio-chip"), line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LineName;

    #[test]
    fn a_name_tells_request_and_settings() {
        let mut settings = LineSettings {
            chip: None,
            line: LineName::Number(20),
            bias: Bias::Up,
            kernel_debounce_us: 0,
        };
        let up = name(0x1234, &settings);
        assert_eq!(up, "line-0000000000001234-u0");
        assert_eq!(request_id(&up), Some(0x1234));
        settings.bias = Bias::None;
        assert_ne!(name(0x1234, &settings), up);
        for other in ["", "line-", "line-xyz-u0", "socket"] {
            assert_eq!(request_id(other), None, "{other}");
        }
    }
}
