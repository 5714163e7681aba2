//! Lines and names that are one.

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
