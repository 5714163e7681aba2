//! The checks of those who are told when something is wrong: nobody is told anything by them.

use super::check::{Check, Checks};
use super::error::VerifyError;
use crate::alarm::reachable;
use crate::config::Loaded;

/// Checks that each receiver of alarms, and the heartbeat's, can be reached. `local`: no server is asked.
pub(super) fn alarms(
    loaded: &Loaded,
    local: bool,
    checks: &mut Checks<'_>,
) -> Result<(), VerifyError> {
    let settings = &loaded.settings.alarms;
    if settings.is_off() {
        return Ok(());
    }
    if local {
        return checks.add(Check::not_checked("alarms", "--local"));
    }
    for name in &settings.left_out {
        checks.add(Check::bad(
            name.as_str(),
            "left out, because it is written with a mistake",
            "correct it (`powerlogger config check` names it); a running daemon takes it up by itself",
        ))?;
    }
    for (name, seen) in reachable(settings) {
        checks.add(match seen {
            Ok(seen) => Check::good(
                name,
                format!("{seen}; `powerlogger alarm test` sends a test"),
            ),
            Err(why) => Check::bad(
                name,
                why,
                "correct its address in powerlogger.toml; alarms wait until it can be reached",
            ),
        })?;
    }
    Ok(())
}
