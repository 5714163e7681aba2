//! A short look at one line, for `verify`: is it there, may we, what level does it rest at.

use crate::config::LineSettings;
use crate::model::{Level, NS_PER_MS};

use super::error::GpioError;
use super::find::{choose, resolve_device, scan};
use super::line::RequestedLine;
use crate::capture::waker::Waker;

/// A pulse is over within this (S0 outputs: 30 to 120 ms).
const LOOKS: usize = 8;
const LOOK_NS: i64 = 50 * NS_PER_MS;

/// The name under which the line is requested meanwhile.
const NAME: &str = "powerlogger verify";

/// A line as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The line and its chip, for people.
    pub shown: String,
    /// The levels it had, over some tenths of a second.
    pub levels: Vec<Level>,
}

/// Requests the line for a moment and looks at its level.
///
/// # Errors
/// When there is no such line, or it is not to be had. One that a running daemon has is
/// [`GpioError::Busy`].
pub fn probe(settings: &LineSettings) -> Result<Probe, GpioError> {
    let found = choose(&scan(), settings, resolve_device)?;
    let line = RequestedLine::request(found, settings, NAME)?;
    let pause = Waker::new().ok();
    let mut levels = Vec::new();
    for _ in 0..LOOKS {
        levels.push(line.level_now()?);
        if let Some(pause) = &pause {
            pause.wait(Some(LOOK_NS));
        }
    }
    Ok(Probe {
        shown: line.shown().to_owned(),
        levels,
    })
}
