//! Which line of which chip a meter means. [`scan`] looks at the machine; [`choose`] is pure.
//!
//! Numbers of chips change with the kernel: the header of a Raspberry Pi 5 has been
//! gpiochip4, 0 and 11. Names of lines and labels of chips do not, so they come first.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gpiocdev::chip::{Chip, chips};

use crate::config::{LineName, LineSettings};
use crate::owner::chip_rights;

use super::error::{GpioError, kernel_error};

/// Labels of the chips behind a Raspberry Pi's 40-pin header, as their drivers set them:
/// drivers/pinctrl/bcm/pinctrl-bcm2835.c (Pi 1 to 3 and Zero, and Pi 4) and
/// drivers/pinctrl/pinctrl-rp1.c (Pi 5) of the kernel. On these a GPIO number is the offset.
pub const HEADER_LABELS: [&str; 3] = ["pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"];

/// Beginnings of the labels of chips that serve the board itself (power, LEDs, card slot) and
/// reach no header. A Pi 5 shows them seconds before its header's chip, which sits behind
/// PCIe: a bare number must not settle on one of them meanwhile.
const BOARD_LABELS: [&str; 3] = ["gpio-brcmstb", "raspberrypi-exp-gpio", "brcmvirt-gpio"];

/// A chip as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChipView {
    /// Its device file, resolved.
    pub(super) path: PathBuf,
    /// Its label, which names its kind.
    pub(super) label: String,
    /// The names of its lines, by offset; many are empty.
    pub(super) names: Vec<String>,
}

impl ChipView {
    fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    fn is_header(&self) -> bool {
        HEADER_LABELS.contains(&self.label.as_str())
    }

    fn is_board(&self) -> bool {
        BOARD_LABELS
            .iter()
            .any(|label| self.label.starts_with(label))
    }

    fn has_offset(&self, offset: u32) -> bool {
        usize::try_from(offset).is_ok_and(|offset| offset < self.names.len())
    }
}

/// The chips of the machine.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Those that could be read, in the order of their device files.
    pub(super) chips: Vec<ChipView>,
    /// Device files that this user may not open.
    pub(super) refused: Vec<PathBuf>,
}

/// A line that has been found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundLine {
    /// The device file of its chip.
    pub(super) device: PathBuf,
    /// The label of its chip.
    pub(super) label: String,
    /// Its position on the chip.
    pub(super) offset: u32,
    /// The line and its chip, for people.
    pub(super) shown: String,
}

/// Looks at all chips of the machine.
pub(super) fn scan() -> Scan {
    let mut scan = Scan::default();
    // The only error is an unreadable /dev: then there are no chips for us.
    for path in chips().unwrap_or_default() {
        match view(&path) {
            Ok(view) => scan.chips.push(view),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                scan.refused.push(path);
            }
            // Gone since it was listed.
            Err(_) => {}
        }
    }
    scan
}

fn view(path: &Path) -> io::Result<ChipView> {
    let _rights = chip_rights();
    let chip = Chip::from_path(path).map_err(kernel_error)?;
    let info = chip.info().map_err(kernel_error)?;
    let mut names = Vec::new();
    for offset in 0..info.num_lines {
        names.push(chip.line_info(offset).map_err(kernel_error)?.name);
    }
    Ok(ChipView {
        path: path.to_owned(),
        label: info.label,
        names,
    })
}

/// The device file that a configured chip would be, links followed (some systems keep
/// `gpiochip4 -> gpiochip0` for old programs).
pub(super) fn resolve_device(chip: &str) -> Option<PathBuf> {
    // An absolute path replaces /dev.
    fs::canonicalize(Path::new("/dev").join(chip)).ok()
}

/// The line that `wanted` means among the chips of `scan`. `resolve` gives the device file
/// of a configured chip.
pub(super) fn choose(
    scan: &Scan,
    wanted: &LineSettings,
    resolve: impl Fn(&str) -> Option<PathBuf>,
) -> Result<FoundLine, GpioError> {
    let chips = candidates(scan, wanted, resolve)?;
    let (name, number) = match &wanted.line {
        LineName::Name(name) => (name.clone(), None),
        LineName::Number(number) => (format!("GPIO{number}"), Some(*number)),
    };
    let hits: Vec<(&ChipView, u32)> = chips.iter().flat_map(|chip| named(chip, &name)).collect();
    let best = sole(&hits, |(chip, _)| chip.is_header());
    match (best, number) {
        (Some((chip, offset)), _) => Ok(found(chip, *offset)),
        (None, _) if !hits.is_empty() => Err(GpioError::Ambiguous {
            line: wanted.line.to_string(),
            chips: list(hits.iter().map(|(chip, _)| *chip)),
        }),
        (None, Some(number)) => by_offset(scan, &chips, wanted, number),
        (None, None) => Err(not_found(scan, &chips, wanted)),
    }
}

/// The chips to look at: all, or those that the configured chip names by label, name or path.
fn candidates<'a>(
    scan: &'a Scan,
    wanted: &LineSettings,
    resolve: impl Fn(&str) -> Option<PathBuf>,
) -> Result<Vec<&'a ChipView>, GpioError> {
    let Some(chip) = &wanted.chip else {
        return match (scan.chips.is_empty(), scan.refused.first()) {
            (false, _) => Ok(scan.chips.iter().collect()),
            (true, Some(path)) => Err(GpioError::PermissionDenied { path: path.clone() }),
            (true, None) => Err(GpioError::NoChip),
        };
    };
    let device = resolve(chip);
    let fits = |view: &&ChipView| view.label == *chip || Some(&view.path) == device.as_ref();
    let chips: Vec<&ChipView> = scan.chips.iter().filter(fits).collect();
    if !chips.is_empty() {
        return Ok(chips);
    }
    // A label cannot be read where the chip may not be opened.
    match (scan.refused.first(), scan.chips.is_empty()) {
        (Some(path), _) => Err(GpioError::PermissionDenied { path: path.clone() }),
        (None, true) => Err(GpioError::NoChip),
        (None, false) => Err(GpioError::ChipNotFound {
            chip: chip.clone(),
            seen: list(scan.chips.iter()),
        }),
    }
}

/// A bare number that is no line's name: the offset on the chip configured, on the header's
/// chip, or on the only chip there is. Anything else would be a guess, and a wrong guess
/// counts nothing without anybody noticing.
fn by_offset(
    scan: &Scan,
    chips: &[&ChipView],
    wanted: &LineSettings,
    number: u32,
) -> Result<FoundLine, GpioError> {
    let header = chips.iter().any(|chip| chip.is_header());
    let lawful = |chip: &&ChipView| {
        wanted.chip.is_some() || chip.is_header() || (!header && !chip.is_board())
    };
    let able: Vec<&ChipView> = chips
        .iter()
        .copied()
        .filter(|chip| chip.has_offset(number))
        .filter(lawful)
        .collect();
    match sole(&able, |_| false) {
        Some(chip) => Ok(found(chip, number)),
        None if able.is_empty() => Err(not_found(scan, chips, wanted)),
        None => Err(GpioError::Ambiguous {
            line: wanted.line.to_string(),
            chips: list(able.into_iter()),
        }),
    }
}

/// The one element, or the one that is preferred.
fn sole<T>(all: &[T], preferred: impl Fn(&T) -> bool) -> Option<&T> {
    if let [one] = all {
        return Some(one);
    }
    let mut best = all.iter().filter(|one| preferred(one));
    match (best.next(), best.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

fn named<'a>(
    chip: &'a ChipView,
    name: &'a str,
) -> impl Iterator<Item = (&'a ChipView, u32)> + use<'a> {
    let lines = (0u32..).zip(&chip.names);
    lines.filter_map(move |(offset, line)| (line == name).then_some((chip, offset)))
}

fn found(chip: &ChipView, offset: u32) -> FoundLine {
    let name = usize::try_from(offset)
        .ok()
        .and_then(|offset| chip.names.get(offset))
        .filter(|name| !name.is_empty());
    let place = format!("line {offset} of {}", shown(chip));
    FoundLine {
        device: chip.path.clone(),
        label: chip.label.clone(),
        offset,
        shown: match name {
            Some(name) => format!("{name} ({place})"),
            None => place,
        },
    }
}

fn not_found(scan: &Scan, chips: &[&ChipView], wanted: &LineSettings) -> GpioError {
    // It may well be on a chip that this user may not open.
    if let (Some(path), None) = (scan.refused.first(), &wanted.chip) {
        return GpioError::PermissionDenied { path: path.clone() };
    }
    GpioError::LineNotFound {
        line: wanted.line.to_string(),
        place: list(chips.iter().copied()),
    }
}

fn shown(chip: &ChipView) -> String {
    format!("{} [{}]", chip.name(), chip.label)
}

fn list<'a>(chips: impl Iterator<Item = &'a ChipView>) -> String {
    chips.map(shown).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[path = "find_tests.rs"]
mod tests;
