//! Which line is meant, over the boards that are about.

use crate::model::Bias;

use super::*;

fn chip(path: &str, label: &str, lines: usize, names: &[(usize, &str)]) -> ChipView {
    let mut all = vec![String::new(); lines];
    for (offset, name) in names {
        all[*offset] = (*name).to_owned();
    }
    ChipView {
        path: path.into(),
        label: label.to_owned(),
        names: all,
    }
}

/// A chip that names lines `GPIO4` to `GPIO27` (a Pi calls the first ones SDA1 and the like).
fn header(path: &str, label: &str, lines: usize) -> ChipView {
    let mut chip = chip(path, label, lines, &[(2, "SDA1"), (3, "SCL1")]);
    for offset in 4..28 {
        chip.names[offset] = format!("GPIO{offset}");
    }
    chip
}

fn pi4() -> Scan {
    Scan {
        chips: vec![
            header("/dev/gpiochip0", "pinctrl-bcm2711", 58),
            chip("/dev/gpiochip1", "raspberrypi-exp-gpio", 8, &[(0, "BT_ON")]),
        ],
        refused: vec![],
    }
}

fn pi5() -> Scan {
    Scan {
        chips: vec![
            chip("/dev/gpiochip10", "gpio-brcmstb@107d508500", 32, &[]),
            header("/dev/gpiochip11", "pinctrl-rp1", 54),
        ],
        refused: vec![],
    }
}

fn wanted(chip: Option<&str>, line: LineName) -> LineSettings {
    LineSettings {
        chip: chip.map(str::to_owned),
        line,
        bias: Bias::Up,
        kernel_debounce_us: 0,
    }
}

fn number(chip: Option<&str>, number: u32) -> LineSettings {
    wanted(chip, LineName::Number(number))
}

fn name(chip: Option<&str>, name: &str) -> LineSettings {
    wanted(chip, LineName::Name(name.to_owned()))
}

/// Device files as they are where `gpiochip4` is a link to `gpiochip0`.
fn resolve(chip: &str) -> Option<PathBuf> {
    match chip {
        "gpiochip4" | "/dev/gpiochip4" => Some("/dev/gpiochip0".into()),
        path if path.starts_with('/') => Some(path.into()),
        name if name.starts_with("gpiochip") => Some(Path::new("/dev").join(name)),
        _ => None,
    }
}

fn place(scan: &Scan, wanted: &LineSettings) -> (String, u32) {
    let found = choose(scan, wanted, resolve).expect("the line is there");
    (found.device.to_string_lossy().into_owned(), found.offset)
}

fn kind(scan: &Scan, wanted: &LineSettings) -> &'static str {
    choose(scan, wanted, resolve)
        .expect_err("there is no such line")
        .kind()
}

#[test]
fn a_number_is_a_line_name_first() {
    assert_eq!(
        place(&pi4(), &number(None, 20)),
        ("/dev/gpiochip0".into(), 20)
    );
    assert_eq!(
        place(&pi5(), &number(None, 20)),
        ("/dev/gpiochip11".into(), 20)
    );
    // A board that counts otherwise: the name wins over the offset.
    let mut scan = pi4();
    scan.chips[0].names[20] = String::new();
    scan.chips[0].names[33] = "GPIO20".to_owned();
    assert_eq!(
        place(&scan, &number(None, 20)),
        ("/dev/gpiochip0".into(), 33)
    );
}

#[test]
fn a_number_without_a_name_is_an_offset_on_the_header() {
    assert_eq!(
        place(&pi4(), &number(None, 2)),
        ("/dev/gpiochip0".into(), 2)
    );
    assert_eq!(
        place(&pi5(), &number(None, 2)),
        ("/dev/gpiochip11".into(), 2)
    );
    assert_eq!(kind(&pi5(), &number(None, 54)), "line_not_found");
}

#[test]
fn a_number_is_never_an_offset_on_a_chip_of_the_board_itself() {
    let mut scan = pi5();
    scan.chips.truncate(1); // as seconds after boot: the header's chip is not there yet
    assert_eq!(kind(&scan, &number(None, 20)), "line_not_found");
    let named = number(Some("gpio-brcmstb@107d508500"), 20);
    assert_eq!(place(&scan, &named), ("/dev/gpiochip10".into(), 20));
}

#[test]
fn a_number_on_an_unknown_board_needs_the_only_chip() {
    let mut scan = Scan {
        chips: vec![chip("/dev/gpiochip0", "1f02c00.pinctrl", 32, &[])],
        refused: vec![],
    };
    assert_eq!(place(&scan, &number(None, 7)), ("/dev/gpiochip0".into(), 7));
    scan.chips
        .push(chip("/dev/gpiochip1", "300b000.pinctrl", 288, &[]));
    assert_eq!(kind(&scan, &number(None, 7)), "ambiguous");
    // Only one of them has so many lines.
    assert_eq!(
        place(&scan, &number(None, 100)),
        ("/dev/gpiochip1".into(), 100)
    );
}

#[test]
fn lines_are_found_by_their_own_name() {
    assert_eq!(
        place(&pi4(), &name(None, "BT_ON")),
        ("/dev/gpiochip1".into(), 0)
    );
    assert_eq!(kind(&pi4(), &name(None, "PIN_8")), "line_not_found");
}

#[test]
fn a_configured_chip_is_the_only_one_searched() {
    for chip in [
        "pinctrl-bcm2711",
        "gpiochip0",
        "/dev/gpiochip0",
        "gpiochip4",
    ] {
        let wanted = number(Some(chip), 20);
        assert_eq!(
            place(&pi4(), &wanted),
            ("/dev/gpiochip0".into(), 20),
            "{chip}"
        );
    }
    let elsewhere = number(Some("raspberrypi-exp-gpio"), 20);
    assert_eq!(kind(&pi4(), &elsewhere), "line_not_found");
    assert_eq!(
        kind(&pi4(), &number(Some("pinctrl-rp1"), 20)),
        "chip_not_found"
    );
}

#[test]
fn of_equal_names_the_one_on_the_header_is_meant() {
    let mut scan = pi4();
    scan.chips
        .insert(0, header("/dev/gpiochip2", "mcp23017", 28));
    assert_eq!(
        place(&scan, &number(None, 20)),
        ("/dev/gpiochip0".into(), 20)
    );
    assert_eq!(
        place(&scan, &number(Some("mcp23017"), 20)),
        ("/dev/gpiochip2".into(), 20)
    );
}

#[test]
fn equal_names_off_the_header_need_the_chip() {
    let scan = Scan {
        chips: vec![
            header("/dev/gpiochip0", "one", 28),
            header("/dev/gpiochip1", "two", 28),
        ],
        refused: vec![],
    };
    let error = choose(&scan, &number(None, 20), resolve).expect_err("it could be either");
    assert_eq!(
        error.reason(),
        "line GPIO20 could be on any of gpiochip0 [one], gpiochip1 [two]; name the chip by \
         label or path in the meter's `chip`"
    );
}

#[test]
fn a_machine_without_chips_says_so() {
    let scan = Scan::default();
    assert_eq!(kind(&scan, &number(None, 20)), "no_chip");
    assert_eq!(kind(&scan, &number(Some("pinctrl-rp1"), 20)), "no_chip");
}

#[test]
fn what_may_not_be_opened_may_hold_the_line() {
    let mut scan = Scan {
        chips: vec![],
        refused: vec!["/dev/gpiochip0".into()],
    };
    assert_eq!(kind(&scan, &number(None, 20)), "permission_denied");
    assert_eq!(
        kind(&scan, &number(Some("gpiochip0"), 20)),
        "permission_denied"
    );
    scan.chips
        .push(chip("/dev/gpiochip1", "raspberrypi-exp-gpio", 8, &[]));
    assert_eq!(kind(&scan, &number(None, 20)), "permission_denied");
}
