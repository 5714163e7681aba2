//! Which line is meant: a GPIO number, or the chip's own name for it. Pure.

use super::LineName;

/// No chip has a line above it.
const NUMBER_MAX: u32 = 100_000;

/// The GPIO at each pin of a Raspberry Pi's header, from pin 1; 0 where there is none.
const HEADER: [u32; 40] = [
    0, 0, 2, 0, 3, 0, 4, 14, 0, 15, 17, 18, 27, 0, 22, 23, 0, 24, 10, 0, 9, 25, 11, 8, 0, 7, 0, 0,
    5, 0, 6, 12, 13, 0, 19, 16, 26, 20, 0, 21,
];

impl LineName {
    /// In the place of one that is wrong, which has been told: it is like no other.
    pub(super) const WRONG: LineName = LineName::Name(String::new());
}

/// Takes the text as a line. `has_chip`: the chip is named, too, by a user who knows what its lines are
/// called.
///
/// # Errors
/// What is wrong with it, with what is probably meant.
pub(super) fn parse(text: &str, has_chip: bool) -> Result<LineName, String> {
    if let Ok(number) = text.parse::<u32>() {
        return if number < NUMBER_MAX {
            Ok(LineName::Number(number))
        } else {
            Err(format!("there is no line {number}"))
        };
    }
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphabetic());
    if has_chip && begins_well {
        return Ok(LineName::Name(text.to_owned()));
    }
    if let Some(meant) = meant(text) {
        return Err(format!("\"{text}\" is not a line: {meant}"));
    }
    // The names that kernels give to lines have a digit, a capital or something between their parts.
    let is_a_word = text.chars().all(|c| c.is_ascii_lowercase());
    if !begins_well || is_a_word || text.contains(char::is_whitespace) {
        return Err(format!(
            "\"{text}\" is not a line: a GPIO number (such as 20) or the chip's name for the line (such as \
             \"GPIO20\")"
        ));
    }
    Ok(LineName::Name(text.to_owned()))
}

/// What a way to write a number is meant for; None: it is none, or the kernel's own.
fn meant(text: &str) -> Option<String> {
    let begin = text.find(|c: char| c.is_ascii_digit())?;
    let (word, digits) = text.split_at(begin);
    let number: u32 = digits.parse().ok()?;
    let shown = word.trim_end_matches([' ', '_', '-', '#', '.', ':']);
    match shown.to_ascii_lowercase().as_str() {
        "gpio" if word == "GPIO" => None,
        "gpio" | "bcm" | "bcm gpio" | "gpio bcm" | "io" | "d" if word != "D" => {
            Some(format!("did you mean \"GPIO{number}\"?"))
        }
        "pin" | "header pin" | "physical pin" | "board" | "j8" if word != "PIN_" => {
            let at = usize::try_from(number).ok()?.checked_sub(1)?;
            match HEADER.get(at) {
                Some(gpio) if *gpio > 0 => Some(format!(
                    "pin {number} of a Raspberry Pi's header is \"GPIO{gpio}\"; did you mean that, or \
                     \"GPIO{number}\"?"
                )),
                Some(_) => Some(format!(
                    "pin {number} of a Raspberry Pi's header is no GPIO; did you mean \"GPIO{number}\"?"
                )),
                None => Some(format!("did you mean \"GPIO{number}\"?")),
            }
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "line_name_tests.rs"]
mod tests;
