//! What a run is to do, and why it cannot.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use crate::capture::recorded::RecordingError;
use crate::daemon::RunError;
use crate::model::WallNs;
use crate::system::systemd::StoredDescriptor;

/// What a run counts.
#[derive(Debug)]
pub enum Counted {
    /// The meters' GPIO lines.
    Lines {
        /// What systemd has kept of an earlier run.
        kept: Vec<StoredDescriptor>,
    },
    /// A simulated household.
    Simulated {
        /// The same seed and start give the same pulses.
        seed: u64,
        /// From when on it runs at its speed, by its own wall clock.
        from_ns: WallNs,
        /// So much of its past is counted first, as fast as it goes, in nanoseconds.
        past_ns: i64,
        /// It ends after so much of its own time, in nanoseconds; None: it goes on.
        span_ns: Option<i64>,
        /// How many times faster than real time; None: as fast as it goes.
        speed: Option<f64>,
    },
    /// The edges of a recording.
    Recorded {
        /// Its name, for people.
        path: PathBuf,
        /// The recording, open.
        file: File,
        /// How many times faster than real time; None: as fast as it goes.
        speed: Option<f64>,
    },
}

impl Counted {
    /// Whether the source makes its own time, because it makes its own edges.
    pub fn makes_time(&self) -> bool {
        !matches!(self, Counted::Lines { .. })
    }
}

/// What a run is to do.
#[derive(Debug)]
pub struct RunRequest {
    /// What it counts.
    pub counted: Counted,
    /// Where all edges are written to, with the file's name; None: nowhere.
    pub record: Option<(PathBuf, File)>,
    /// The version of the program, for the log.
    pub version: &'static str,
}

/// Why a run has not begun, or has ended other than by a signal or at the end of its source.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The daemon has ended.
    #[error(transparent)]
    Run(#[from] RunError),
    /// There is no thread.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// There is no descriptor.
    #[error("cannot make a wake-up descriptor")]
    Waker(#[source] io::Error),
    /// The recording cannot be replayed.
    #[error("cannot replay {}", path.display())]
    Replay {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: RecordingError,
    },
    /// Edges cannot be recorded.
    #[error("cannot write {}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
