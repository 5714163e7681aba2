//! Why a stretch could not be looked at or put right.

use crate::journal::JournalError;
use crate::server::failure::{Failure, Verdict, judge};

/// Why a stretch could not be looked at or put right.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The server.
    #[error("{}", .0.message())]
    Server(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble::Server(failure)
    }
}

/// Whether a smaller question may get through where this one did not.
pub(super) fn asks_for_less(failure: &Failure) -> bool {
    matches!(judge(failure), Verdict::Halve { .. })
}
