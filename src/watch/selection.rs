//! Which lines are meant: `2-27,GPIO5,SENSOR_A`. Pure.

use std::str::FromStr;

use crate::config::LineName;

/// More lines than any chip of a board has.
const LINES_MAX: usize = 512;

/// Lines, in the order in which they were named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection(pub Vec<LineName>);

impl FromStr for Selection {
    type Err = String;

    fn from_str(text: &str) -> Result<Selection, String> {
        let mut lines: Vec<LineName> = Vec::new();
        for part in text.split(',').map(str::trim) {
            match range(part)? {
                Some((from, to)) => lines.extend((from..=to).map(LineName::Number)),
                None => lines.push(one(part)?),
            }
            if lines.len() > LINES_MAX {
                return Err(format!("at most {LINES_MAX} lines"));
            }
        }
        Ok(Selection(lines))
    }
}

/// A range of numbers; None: it is none.
fn range(part: &str) -> Result<Option<(u32, u32)>, String> {
    let Some((from, to)) = part.split_once('-') else {
        return Ok(None);
    };
    let (Ok(from), Ok(to)) = (from.trim().parse::<u32>(), to.trim().parse::<u32>()) else {
        return Ok(None);
    };
    if from > to {
        return Err(format!("`{part}` runs backwards"));
    }
    if usize::try_from(to - from).is_ok_and(|more| more >= LINES_MAX) {
        return Err(format!("at most {LINES_MAX} lines"));
    }
    Ok(Some((from, to)))
}

fn one(part: &str) -> Result<LineName, String> {
    if part.is_empty() {
        return Err("lines such as 2-27, 20,26 or GPIO20".to_owned());
    }
    Ok(line_name(part))
}

/// A line as people call it: `20` and `GPIO20` are the same one, also where the chip has no names.
pub fn line_name(text: &str) -> LineName {
    let number = text.strip_prefix("GPIO").unwrap_or(text);
    number
        .parse()
        .map_or_else(|_| LineName::Name(text.to_owned()), LineName::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_numbers_and_names() {
        let lines = |text: &str| {
            let selection: Result<Selection, String> = text.parse();
            selection.map(|lines| lines.0.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(
            lines("2-4, 20,GPIO21,my-sensor"),
            Ok(["GPIO2", "GPIO3", "GPIO4", "GPIO20", "GPIO21", "my-sensor"]
                .map(str::to_owned)
                .to_vec())
        );
        for wrong in ["", "1,,2", "27-2", "0-4294967295", "0-511,600"] {
            assert!(lines(wrong).is_err(), "{wrong}");
        }
    }
}
