//! Why a run ends before it is told to.

use crate::journal::JournalError;

/// Why `run` ended other than by a signal or at the end of its source.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No line could be requested.
    #[error(
        "no GPIO line could be requested for 60 s: nothing would be counted (see the log above)"
    )]
    NoLine,
    /// The journal is in use or too new.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal cannot be read now, and systemd keeps line requests that only the journal can go on with.
    /// They stay as long as systemd means to start us again.
    #[error(
        "the journal cannot be read: {failed}; the kernel counts on for {kept} line requests that systemd \
         keeps, and their pulses are taken as soon as the journal can be read"
    )]
    LinesKept {
        /// How many requests are kept.
        kept: usize,
        /// Why it cannot be read.
        failed: String,
    },
    /// A part of the program has died.
    #[error("the {0} thread has died; this is a defect, please report it with the log")]
    Died(&'static str),
    /// The machine refuses something that is never refused.
    #[error("cannot start")]
    Start(#[from] std::io::Error),
}

impl RunError {
    /// Whether a later try may go better.
    pub fn is_temporary(&self) -> bool {
        match self {
            RunError::NoLine | RunError::LinesKept { .. } => true,
            RunError::Journal(error) => error.kind() == "in_use",
            RunError::Died(_) | RunError::Start(_) => false,
        }
    }
}
