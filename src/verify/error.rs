//! Why not all checks could be made.

use std::io;

use crate::influx;
use crate::journal::JournalError;

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
