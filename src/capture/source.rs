//! What capture is told of lines, whatever reads them: GPIO, the simulated house, a recording.

use std::fmt::Debug;

use crate::model::{Edge, Level, MeterId, MonoNs};

/// What a source tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// A transition of a line.
    Edge(Edge),
    /// A line has been requested: its edges count from `line_seqno` 1 again.
    LineUp {
        /// The meter whose line it is.
        meter: MeterId,
        /// Names this request among all others, of this and former runs.
        request_id: u64,
        /// The level the line had when it was requested.
        level: Level,
        /// When.
        mono_ns: MonoNs,
    },
    /// The request of an earlier run goes on: its edges count on, and the kernel has kept those that
    /// came meanwhile. Only told of meters whose state was given to [`super::Capture::remember`].
    LineAdopted {
        /// The meter whose line it is.
        meter: MeterId,
        /// Names this request.
        request_id: u64,
        /// When.
        mono_ns: MonoNs,
    },
    /// The request of an earlier run goes on, of which nothing is remembered. How many edges it has had is not
    /// known, nor what became of them; those that follow have been read by no run yet.
    LineFound {
        /// The meter whose line it is.
        meter: MeterId,
        /// Names this request.
        request_id: u64,
        /// The level the line had before the next edge.
        level: Level,
        /// Since when, at least, the kernel has watched it: no later than the next edge.
        mono_ns: MonoNs,
    },
    /// A line cannot be read; the source goes on trying.
    LineDown {
        /// The meter whose line it is.
        meter: MeterId,
        /// What is wrong and what to do about it, for people.
        reason: String,
    },
}

/// Why [`EdgeSource::poll`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polled {
    /// There are new signals.
    Signals,
    /// The deadline has come.
    TimedOut,
    /// Another thread used the [`super::waker::Waker`], or the wait was cut short: edges may wait to be read.
    Woken,
    /// There will be no more signals (a recording has ended, a simulated span is over).
    Ended,
}

/// Where edges come from: GPIO lines, the simulated house, a recording.
pub trait EdgeSource: Debug + Send {
    /// Waits until there are signals, `deadline_ns` has come, or the waker was used, and
    /// appends what there is to `signals`. Edges of one line come in their order; stamps are
    /// those of the [`crate::clock::Clock`] the source was made with.
    fn poll(&mut self, deadline_ns: Option<MonoNs>, signals: &mut Vec<Signal>) -> Polled;

    /// Waits until `until_ns` whatever comes on the lines; the next [`EdgeSource::poll`] tells of it. The waker, and
    /// a clock that is set, end it. A source without time of its own does not wait.
    fn rest(&mut self, _until_ns: MonoNs) {}

    /// Whether it still tells of what is past, as fast as it is taken.
    fn is_in_past(&self) -> bool {
        false
    }

    /// Whether its lines are watched on after the end of this run, for the next one to go on with.
    fn outlives(&self) -> bool {
        false
    }
}
