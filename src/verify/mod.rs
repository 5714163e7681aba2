//! Checks everything from the wire to the server, in the order in which a pulse goes, and says what to do. The rights
//! are those of the user who asks: the caller of [`verify`] takes the daemon's first.

mod broker;
mod check;
mod end_to_end;
mod error;
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

pub use check::{Check, CheckOutcome, Report};
pub use error::VerifyError;

use check::Checks;

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
    broker::broker(loaded, local, &mut checks)?;
    local::waiting(loaded, &mut checks)?;
    running::running(loaded, &mut checks)?;
    local::page(loaded, &mut checks)?;
    local::service(loaded, &mut checks)?;
    Ok(checks.report)
}
