//! No two meters have one name, or one line in whatever spelling. Pure.

use super::problem::Origin;
use super::section::Section;
use super::{LineName, LineSettings, MeterSettings};

/// Complains about a meter that has the name or the line of one before it.
///
/// Whether a chip's label and its number mean one chip only the running system can tell: capture finds that
/// when it requests the line.
pub(super) fn check_unique(s: &mut Section<'_>, meter: &MeterSettings, before: &[MeterSettings]) {
    for other in before {
        if other.name == meter.name && !meter.name.is_empty() {
            let message = format!("there are two meters \"{}\"", meter.name);
            s.problem(&place(s, "name"), message);
        }
        if meter.line.line != LineName::WRONG && is_one_line(&other.line, &meter.line) {
            let message = format!(
                "line {} belongs to meter \"{}\" already: meter \"{}\" needs a line of its own",
                meter.line.line, other.name, meter.name
            );
            s.problem(&place(s, "line"), message);
        }
    }
}

/// Where a key of the meter is written, or its table begins.
fn place(s: &Section<'_>, key: &str) -> Origin {
    s.filled(key)
        .map_or_else(|| s.begin(), |value| value.origin.clone())
}

/// Whether both mean one line on any machine.
fn is_one_line(one: &LineSettings, other: &LineSettings) -> bool {
    let chip = |line: &LineSettings| {
        let chip = line.chip.as_deref()?;
        // A relative path begins there, and dots and double slashes lead nowhere else.
        let parts = chip
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".");
        let parts: Vec<&str> = parts.collect();
        match parts.as_slice() {
            ["dev", name] if chip.starts_with('/') => Some((*name).to_owned()),
            _ => Some(chip.to_owned()),
        }
    };
    // A number is looked for as the line with this name first, and is shown so: both are one line wherever
    // there is the named one.
    one.line.to_string() == other.line.to_string() && chip(one) == chip(other)
}

#[cfg(test)]
#[path = "unique_tests.rs"]
mod tests;
