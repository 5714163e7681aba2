//! Times that the Python edition's keys give in seconds, where people write milliseconds now and then. Pure.

/// The longest that is lawful, in seconds.
const MAX_S: f64 = 60.0;

/// From here on milliseconds are probably meant, in seconds: no contact bounces for so long, and no meter that
/// is worth counting keeps its pulses so far apart.
const DOUBTFUL_S: f64 = 1.0;

/// The number of seconds.
///
/// # Errors
/// What is wrong with it, with what is probably meant.
pub(super) fn parse(key: &str, text: &str) -> Result<f64, String> {
    let Ok(seconds) = text.parse::<f64>() else {
        let point = text.replacen(',', ".", 1);
        let hint = match point.parse::<f64>() {
            Ok(_) if point != text => format!(": did you mean {point}?"),
            _ => unit(text).map_or_else(String::new, |meant| format!(": did you mean {meant}?")),
        };
        return Err(format!(
            "{key}: \"{text}\" is not a number of seconds{hint}"
        ));
    };
    if (0.0..=MAX_S).contains(&seconds) {
        return Ok(seconds);
    }
    let meant = seconds / 1_000.0;
    let hint = if (0.0..=MAX_S).contains(&meant) {
        format!(": did you mean {meant}?")
    } else {
        String::new()
    };
    Err(format!(
        "{key}: {seconds} s is out of range (0 to {MAX_S} s){hint}"
    ))
}

/// What a number with a unit comes to, in seconds.
fn unit(text: &str) -> Option<f64> {
    let (number, factor) = match text.strip_suffix("ms") {
        Some(number) => (number, 1_000.0),
        None => (text.strip_suffix('s')?, 1.0),
    };
    number
        .trim()
        .parse::<f64>()
        .ok()
        .map(|number| number / factor)
}

/// What to say of a time that is lawful and probably not meant.
pub(super) fn in_doubt(key: &str, seconds: f64) -> Option<String> {
    let meant = seconds / 1_000.0;
    (seconds >= DOUBTFUL_S)
        .then(|| format!("{key}: this is {seconds} seconds: did you mean {meant}?"))
}

#[cfg(test)]
#[path = "seconds_tests.rs"]
mod tests;
