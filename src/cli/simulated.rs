//! Simulated pulses, and those of recordings, are apart from real ones: their journal is another one, and commands say
//! what they show.

use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::{Result, bail};

use super::rights;
use crate::civil::show_in;
use crate::config::{LoadOptions, Loaded, load};
use crate::journal::Reader;
use crate::owner::rights::as_owner;

/// What stands above an answer for people.
pub(super) const NOTE: &str = "SIMULATED pulses, not yours";

/// The configuration for a run. `makes_pulses`: they are simulated, or come from a recording.
///
/// # Errors
/// When the configuration is wrong; when real pulses are to go where simulated ones belong.
pub(super) fn load_for_run(mut options: LoadOptions, makes_pulses: bool) -> Result<Loaded> {
    if options.simulated_dir && !makes_pulses {
        bail!("real pulses do not go into the journal of simulated ones: leave --simulated out");
    }
    options.simulated = makes_pulses;
    let loaded = match load(&options).map(in_its_zone) {
        Ok(loaded) => loaded,
        // What is wrong with it is that it is not for this user.
        Err(wrong) => return rights::may_read_config(&options).and_then(|()| Err(wrong.into())),
    };
    if makes_pulses && loaded.is_system_journal() {
        // The service's own place is kept for real pulses, also before the first one.
        options.simulated_dir = true;
        return Ok(load(&options)?);
    }
    Ok(loaded)
}

/// The configuration for any other command. Where the journal is one of simulated pulses a person is told so.
///
/// # Errors
/// When the configuration is wrong.
pub(super) fn load_known(options: &LoadOptions) -> Result<Loaded> {
    let loaded = in_its_zone(load(options)?);
    rights::may_read_journal(&loaded.settings.journal.dir)?;
    if !is_simulated(&loaded.settings.journal.dir)? {
        return Ok(loaded);
    }
    if std::io::stderr().is_terminal() {
        // Beside an answer that goes into a file. That it cannot be told is no reason not to answer.
        let _ = writeln!(std::io::stderr(), "powerlogger: {NOTE}");
    }
    let mut options = options.clone();
    options.simulated = true;
    Ok(load(&options)?)
}

/// The configuration; from here on times are shown in its zone.
pub(super) fn in_its_zone(loaded: Loaded) -> Loaded {
    if let Some(zone) = &loaded.settings.site.time_zone {
        show_in(zone.clone());
    }
    loaded
}

/// Whether the journal in `dir` is one of simulated pulses; one that is not there, or cannot be read, is not.
fn is_simulated(dir: &Path) -> Result<bool> {
    let _acting = as_owner(dir)?;
    let asked = Reader::open(dir).and_then(|reader| reader.is_simulated());
    Ok(asked.unwrap_or(false))
}
