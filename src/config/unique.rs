//! No two meters have one name, or one line in whatever spelling. Pure.

use super::merge::Values;
use super::problem::Origin;
use super::raw::MeterValues;
use super::{LineSettings, MeterSettings};

/// Complains about a meter that has the name or the line of one before it. `begin`: where its table begins.
///
/// Whether a chip's label and its number mean one chip only the running system can tell: capture finds that
/// when it requests the line.
pub(super) fn check_unique(
    values: &mut Values,
    begin: usize,
    meter: &MeterSettings,
    own: &MeterValues,
    before: &[(MeterValues, MeterSettings)],
) {
    let here = Origin::Toml(begin);
    for (_, other) in before {
        if other.name == meter.name {
            let origin = own.get("name").map_or(&here, |value| &value.origin);
            values.complain(origin, format!("there are two meters \"{}\"", meter.name));
        }
        if is_one_line(&other.line, &meter.line) {
            let origin = own.get("line").map_or(&here, |value| &value.origin);
            let message = format!(
                "line {} belongs to meter \"{}\" already: meter \"{}\" needs a line of its own",
                meter.line.line, other.name, meter.name
            );
            values.complain(origin, message);
        }
    }
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
mod tests {
    use super::*;
    use crate::config::LineName;
    use crate::model::Bias;

    fn line(line: &str, chip: Option<&str>) -> LineSettings {
        LineSettings {
            chip: chip.map(str::to_owned),
            line: line
                .parse()
                .map_or_else(|_| LineName::Name(line.to_owned()), LineName::Number),
            bias: Bias::Up,
            kernel_debounce_us: 0,
        }
    }

    #[test]
    fn two_spellings_are_one_line() {
        for (one, other) in [
            (line("20", None), line("GPIO20", None)),
            (
                line("4", Some("gpiochip0")),
                line("GPIO4", Some("/dev/gpiochip0")),
            ),
            (
                line("4", Some("/dev//gpiochip0")),
                line("4", Some("gpiochip0")),
            ),
            (
                line("PUMP", Some("/dev/gpio/a")),
                line("PUMP", Some("/dev/gpio/a")),
            ),
        ] {
            assert!(is_one_line(&one, &other), "{one:?} {other:?}");
            assert!(is_one_line(&other, &one), "{other:?} {one:?}");
        }
    }

    #[test]
    fn what_only_the_machine_can_tell_is_left_to_it() {
        for (one, other) in [
            (line("20", None), line("GPIO21", None)),
            (line("20", None), line("20", Some("gpiochip0"))),
            (line("20", Some("gpiochip0")), line("20", Some("gpiochip1"))),
            (
                line("20", Some("gpiochip0")),
                line("20", Some("pinctrl-bcm2711")),
            ),
            (line("2", None), line("20", None)),
        ] {
            assert!(!is_one_line(&one, &other), "{one:?} {other:?}");
        }
    }
}
