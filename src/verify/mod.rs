//! Checks everything from the wire to the server, in the order in which a pulse goes, and says what to do. The rights
//! are those of the user who asks: whoever calls [`verify`] takes the daemon's first.

mod check;
pub mod installed;
mod lines;
mod local;
mod others;
mod running;
mod server;
mod skipped;
pub mod unlisted;
mod wear;

use std::io;

use crate::config::Loaded;
use crate::influx;
use crate::journal::JournalError;

pub use check::{Check, Outcome, Report};

use check::Checks;

/// Why not all checks could be made.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A check cannot be shown.
    #[error(transparent)]
    Shown(io::Error),
    /// The journal was read a moment ago and cannot be now.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There is no client with the admin's token.
    #[error(transparent)]
    Client(#[from] influx::Error),
    /// The machine refuses something that is never refused.
    #[error("cannot make a wake-up descriptor")]
    Waker(#[source] io::Error),
}

/// Makes all checks. `local`: only what is on this machine, no server is asked. `show` is given each as soon as it is
/// made.
///
/// # Errors
/// When a check cannot be shown; when the journal can no longer be read.
pub fn verify(
    loaded: &Loaded,
    local: bool,
    show: &mut dyn FnMut(&Check) -> io::Result<()>,
) -> Result<Report, VerifyError> {
    let mut checks = Checks {
        show,
        report: Report::default(),
    };
    local::configuration(loaded, &mut checks)?;
    lines::lines(loaded, &mut checks)?;
    local::journal(loaded, &mut checks)?;
    wear::wear(loaded, &mut checks)?;
    local::clock(loaded, &mut checks)?;
    if local {
        checks.add(Check::not_checked("InfluxDB", "--local"))?;
    } else {
        server::server(loaded, &mut checks)?;
    }
    local::waiting(loaded, &mut checks)?;
    running::running(loaded, &mut checks)?;
    local::service(loaded, &mut checks)?;
    Ok(checks.report)
}
