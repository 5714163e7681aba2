//! A line request that outlived the process which made it: its names in systemd's store and at the kernel, and
//! whether it still is what the configuration wants.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use super::find::FoundLine;
use crate::config::LineSettings;
use crate::model::Bias;
use crate::system::systemd::StoredDescriptor;

/// What names of lines in the store begin with.
const BEGIN: &str = "line-";

/// The name of a request in the store: its id, which the journal keeps beside the line's state, the
/// settings it has, and its place. (Names are ASCII without colons, of at most 255 characters.)
pub(super) fn name(request_id: u64, settings: &LineSettings, found: &FoundLine) -> String {
    format!("{}-{}", begin(request_id, settings), place(found))
}

/// A name without the place: former versions gave such.
fn begin(request_id: u64, settings: &LineSettings) -> String {
    format!("{BEGIN}{request_id:016x}-{}", settings_of(settings))
}

/// The settings of a request, as names tell them.
fn settings_of(settings: &LineSettings) -> String {
    let bias = match settings.bias {
        Bias::Up => 'u',
        Bias::Down => 'd',
        Bias::None => 'n',
    };
    format!("{bias}{}", settings.kernel_debounce_us)
}

/// What a name tells of this request: its settings, the kernel's debounce among them, and its place, if it does.
fn named(name: &str, request_id: u64) -> Option<(&str, u32, Option<&str>)> {
    let rest = name.strip_prefix(&format!("{BEGIN}{request_id:016x}-"))?;
    let (settings, place) = match rest.split_once('-') {
        Some((settings, place)) => (settings, Some(place)),
        None => (rest, None),
    };
    let debounce_us = settings.strip_prefix(['u', 'd', 'n'])?.parse().ok()?;
    Some((settings, debounce_us, place))
}

/// Offset, device and label: a chip keeps them as long as a request of it lives.
fn place(found: &FoundLine) -> String {
    let device = found.device.file_name().unwrap_or_default();
    let (device, label) = (plain(&device.to_string_lossy()), plain(&found.label));
    format!("{}.{device}.{label}", found.offset)
}

/// The text in letters and digits, other bytes as hexadecimal numbers.
fn plain(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
        other => format!("%{other:02x}"),
    };
    text.bytes().map(byte).collect()
}

/// The id in a name of the store; None: it is no line's.
pub(super) fn request_id(name: &str) -> Option<u64> {
    let (id, _) = name.strip_prefix(BEGIN)?.split_once('-')?;
    u64::from_str_radix(id, 16).ok()
}

/// Whether what was kept is a line request.
pub fn is_line(kept: &StoredDescriptor) -> bool {
    request_id(&kept.name).is_some()
}

/// Whether a request that was kept can go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// As it is.
    AsItIs,
    /// When it is given the settings of the configuration; until then the kernel debounces for so long.
    Otherwise {
        /// In microseconds; 0: it does not.
        kernel_debounce_us: u32,
    },
    /// It cannot.
    No {
        /// For people.
        why: String,
    },
}

/// Whether a request that was kept is of the line that was found, and has its settings.
pub(super) fn fit(
    kept: &StoredDescriptor,
    request_id: u64,
    settings: &LineSettings,
    found: &FoundLine,
) -> Fit {
    let fit = line_of(&kept.file)
        .map_err(|error| format!("it is no line request: {error}"))
        .and_then(|told| {
            fit_of(&kept.name, &told, request_id, settings, found).map_err(str::to_owned)
        });
    fit.unwrap_or_else(|why| Fit::No { why })
}

/// The same, of what its name says and what the kernel has told.
fn fit_of(
    name: &str,
    told: &Told,
    request_id: u64,
    settings: &LineSettings,
    found: &FoundLine,
) -> Result<Fit, &'static str> {
    let (had, kernel_debounce_us, named_place) =
        named(name, request_id).ok_or("its name does not tell its settings")?;
    let device = found.device.file_name().map(|name| name.to_string_lossy());
    if told
        .chip
        .as_deref()
        .is_some_and(|chip| Some(chip) != device.as_deref())
    {
        return Err("it is of another chip");
    }
    if told.line.is_some_and(|line| line != found.offset) {
        return Err("it is of another line");
    }
    match named_place {
        Some(named) if named != place(found) => return Err("it is of another line or chip"),
        None if told.chip.is_none() || told.line.is_none() => {
            return Err("nothing tells which line it is of");
        }
        _ => {}
    }
    if had == settings_of(settings) {
        Ok(Fit::AsItIs)
    } else {
        Ok(Fit::Otherwise { kernel_debounce_us })
    }
}

/// What the kernel tells of a request.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    /// The chip, such as gpiochip0.
    chip: Option<String>,
    /// The line's offset on it.
    line: Option<u32>,
}

/// The chip and the line of a request as the kernel tells them in fdinfo (drivers/gpio/gpiolib-cdev.c);
/// older kernels tell neither.
fn line_of(file: &File) -> io::Result<Told> {
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
    Ok(Told {
        chip: field("gpio-chip"),
        line: field("gpio-line").and_then(|line| line.parse().ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LineName;

    const ID: u64 = 0x1234;

    fn settings(bias: Bias) -> LineSettings {
        LineSettings {
            chip: None,
            line: LineName::Number(20),
            bias,
            kernel_debounce_us: 0,
        }
    }

    fn found(offset: u32, device: &str, label: &str) -> FoundLine {
        FoundLine {
            device: format!("/dev/{device}").into(),
            label: label.to_owned(),
            offset,
            shown: String::new(),
        }
    }

    fn told(chip: &str, line: u32) -> Told {
        Told {
            chip: Some(chip.to_owned()),
            line: Some(line),
        }
    }

    #[test]
    fn a_name_tells_request_settings_and_place() {
        let (up, header) = (
            settings(Bias::Up),
            found(20, "gpiochip0", "pinctrl-bcm2711"),
        );
        let name = name(ID, &up, &header);
        assert_eq!(
            name,
            "line-0000000000001234-u0-20.gpiochip0.pinctrl-bcm2711"
        );
        assert_eq!(request_id(&name), Some(ID));
        assert_eq!(
            request_id("line-0000000000001234-u0"),
            Some(ID),
            "a former version's"
        );
        for other in ["", "line-", "line-xyz-u0", "socket"] {
            assert_eq!(request_id(other), None, "{other}");
        }
    }

    #[test]
    fn a_label_of_any_bytes_makes_a_name_that_systemd_takes() {
        let odd = found(3, "gpiochip7", "Ümlaut: a\n%2e.");
        let name = name(u64::MAX, &settings(Bias::None), &odd);
        let fine = |byte: u8| byte.is_ascii_graphic() && byte != b':';
        assert!(name.bytes().all(fine), "{name}");
        assert!(name.len() < 255, "{name}");
        let other = found(3, "gpiochip7", "Ümlaut: a\n%2e%2e");
        assert_ne!(place(&odd), place(&other));
    }

    #[test]
    fn a_kernel_that_tells_nothing_leaves_the_name_to_tell() {
        let (up, here) = (
            settings(Bias::Up),
            found(20, "gpiochip0", "pinctrl-bcm2711"),
        );
        let silent = Told::default();
        let fits = |name: &str, told: &Told, found: &FoundLine| {
            fit_of(name, told, ID, &up, found) == Ok(Fit::AsItIs)
        };
        let ours = name(ID, &up, &here);
        assert!(fits(&ours, &silent, &here));
        assert!(fits(&ours, &told("gpiochip0", 20), &here));
        for moved in [
            found(26, "gpiochip0", "pinctrl-bcm2711"),
            found(20, "gpiochip1", "pinctrl-bcm2711"),
            found(20, "gpiochip0", "other"),
        ] {
            assert!(!fits(&ours, &silent, &moved), "{moved:?}");
        }
        assert!(
            !fits(&ours, &told("gpiochip0", 21), &here),
            "the kernel knows better"
        );
        assert!(!fits(&ours, &told("gpiochip1", 20), &here));
        assert!(!fits(
            &name(ID, &settings(Bias::Down), &here),
            &silent,
            &here
        ));
    }

    #[test]
    fn a_name_without_a_place_needs_a_kernel_that_tells() {
        let (up, here) = (
            settings(Bias::Up),
            found(20, "gpiochip0", "pinctrl-bcm2711"),
        );
        let former = "line-0000000000001234-u0";
        let fits = |told: &Told| fit_of(former, told, ID, &up, &here) == Ok(Fit::AsItIs);
        assert!(fits(&told("gpiochip0", 20)));
        assert!(!fits(&Told::default()));
        let half = Told {
            chip: None,
            ..told("gpiochip0", 20)
        };
        assert!(!fits(&half));
        let other = "line-0000000000001234-u00";
        let other = fit_of(other, &told("gpiochip0", 20), ID, &up, &here);
        assert_ne!(other, Ok(Fit::AsItIs));
    }

    #[test]
    fn a_request_with_other_settings_goes_on_with_those_of_the_configuration() {
        let (up, here) = (settings(Bias::Up), found(20, "gpiochip0", "a-label"));
        let debounced = LineSettings {
            kernel_debounce_us: 3_000,
            ..settings(Bias::Down)
        };
        let (told, silent) = (told("gpiochip0", 20), Told::default());
        let ours = name(ID, &debounced, &here);
        let otherwise = Ok(Fit::Otherwise {
            kernel_debounce_us: 3_000,
        });
        assert_eq!(fit_of(&ours, &told, ID, &up, &here), otherwise);
        assert_eq!(fit_of(&ours, &silent, ID, &up, &here), otherwise);
        let moved = found(26, "gpiochip0", "a-label");
        assert!(fit_of(&ours, &told, ID, &up, &moved).is_err());
        assert!(fit_of(&ours, &told, ID + 1, &up, &here).is_err());
        for unreadable in ["x0", "u", "u-1", "u99999999999", ""] {
            let name = format!("line-0000000000001234-{unreadable}");
            assert!(fit_of(&name, &told, ID, &up, &here).is_err(), "{name}");
        }
    }
}
