//! Lines as people name them.

use super::*;

#[test]
fn numbers_and_the_names_that_kernels_give() {
    assert_eq!(parse("20", false), Ok(LineName::Number(20)));
    for name in [
        "GPIO20",
        "SPI_CE1_N",
        "PIN_38",
        "gpio-line-23",
        "PA7",
        "GPIO0_A1",
        "EXTINT",
        "P8.12",
    ] {
        assert_eq!(
            parse(name, false),
            Ok(LineName::Name(name.to_owned())),
            "{name}"
        );
    }
    for name in ["gpio21", "meter", "pin 3"] {
        assert_eq!(
            parse(name, true),
            Ok(LineName::Name(name.to_owned())),
            "{name}"
        );
    }
}

#[test]
fn what_is_probably_meant() {
    for (text, want) in [
        ("twenty", "a GPIO number (such as 20)"),
        ("gpio21", "did you mean \"GPIO21\"?"),
        ("GPIO 21", "did you mean \"GPIO21\"?"),
        ("Gpio_5", "did you mean \"GPIO5\"?"),
        ("BCM26", "did you mean \"GPIO26\"?"),
        ("pin 38", "is \"GPIO20\""),
        ("Pin40", "is \"GPIO21\""),
        ("pin 39", "is no GPIO"),
        ("pin99", "did you mean \"GPIO99\"?"),
        ("20.5", "a GPIO number"),
        ("-1", "a GPIO number"),
        ("the left one", "a GPIO number"),
        ("100000", "there is no line 100000"),
    ] {
        let told = parse(text, false).unwrap_err();
        assert!(told.contains(want), "{text}: {told}");
    }
}

#[test]
fn the_header_has_each_gpio_once() {
    let mut gpios: Vec<u32> = HEADER.iter().copied().filter(|gpio| *gpio > 0).collect();
    gpios.sort_unstable();
    assert_eq!(gpios, (2..=27).collect::<Vec<u32>>());
}
