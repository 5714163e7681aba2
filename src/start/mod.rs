//! How a run is put together: what it counts, what it learns of earlier runs, which server it sends to. The daemon
//! keeps it going.

mod learn;
mod remote;
mod request;
mod source;

use tracing::{info, warn};

use crate::answers::socket;
use crate::capture::waker::Waker;
use crate::clock::kernel::boot_id;
use crate::config::Loaded;
use crate::daemon::{self, Parts, RemoteMaker, UntilLearnt};
use crate::journal::SIMULATED_BOOT;
use crate::owner::Keep;

pub use request::{Counted, RunRequest, StartError};
pub use source::has_chip;

use learn::Learning;
use remote::remote;
use source::Started;

/// Runs until told to stop.
///
/// # Errors
/// When nothing can be counted or kept.
pub fn run(request: RunRequest, loaded: &Loaded) -> Result<(), StartError> {
    let settings = &loaded.settings;
    let patient = request.counted.makes_time();
    let keep = if patient { Keep::Nothing } else { Keep::Chips };
    // Nothing here asks the disk for anything before the lines are requested.
    let machine_clock = (!patient).then_some(settings.clock);
    let (mut learning, trusting) =
        Learning::begin(loaded, keep, machine_clock).map_err(StartError::Thread)?;
    info!(
        version = request.version,
        config = %loaded.config_dir.display(),
        journal = %settings.journal.dir.display(),
        "powerlogger starts"
    );
    for note in &loaded.notes {
        warn!("{note}");
    }
    let waker = Waker::new().map_err(StartError::Waker)?;
    let Started {
        source,
        clock,
        remembered,
    } = source::start(request.counted, settings, &waker, &mut learning)?;
    let source = match request.record {
        Some((path, file)) => source::record(path, file, source, &clock, &settings.meters)?,
        None => source,
    };
    let for_remote = loaded.clone();
    let parts = Parts {
        source,
        clock,
        waker,
        remote: RemoteMaker(Box::new(move |settings| remote(&for_remote, settings))),
        trusting,
        learning: UntilLearnt(Box::new(move |patience| learning.wait(patience))),
        boot_id: if patient {
            SIMULATED_BOOT.to_owned()
        } else {
            boot_id()
        },
        remembered,
        patient,
        socket_dir: socket::directory(
            std::env::var("RUNTIME_DIRECTORY").ok().as_deref(),
            &settings.journal.dir,
        ),
    };
    Ok(daemon::run(loaded, parts)?)
}

#[cfg(test)]
mod tests;
