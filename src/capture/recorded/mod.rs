//! Replays a recording of edges, at the speed at which they came or another.
//!
//! # The format
//!
//! UTF-8 text, one record a line, fields separated by one space, stamps in nanoseconds:
//!
//! ```text
//! # powerlogger edges 1
//! # offset_ns 1718927999000000000
//! # meter 0 Import
//! up 1000000000 0 high 17446744073709551615
//! 1034000000 0 f 1
//! 1084000000 0 r 2
//! down 9000000000 0 the chip was unplugged
//! ```
//!
//! * `# powerlogger edges 1`: the first line; 1 is the version of the format.
//! * `# offset_ns <wall − monotonic>`: where a clock segment begins. The first stands before the
//!   first stamp; each further one says that the wall clock was set before the next stamp.
//! * `# meter <index> <name>`: what number a meter has in this file; before its first record.
//! * `up <stamp> <index> high|low <request id>`: a line was requested and had this level.
//! * `down <stamp> <index> <reason>`: a line cannot be read any more.
//! * `<stamp> <index> r|f <line_seqno>`: a rising or falling edge.
//!
//! Names and reasons reach to the end of the line, with `\\`, `\n` and `\r` for what would break
//! it. Stamps may run backwards between lines, as bulk reads bring them; each record is replayed
//! when the latest stamp so far is reached, in the order of the file. A last line without its
//! end is the mark of a killed recorder and is left out. Anything else is an error.

mod parse;

use std::collections::VecDeque;
use std::io::{self, BufRead};
use std::sync::Arc;

use super::pace::{self, Due, Pace, Script};
use super::waker::Waker;
use super::{EdgeSource, Polled, Signal};
use crate::clock::Clock;
use crate::config::MeterSettings;
use crate::model::{MonoNs, NS_PER_S};

/// The first line of a recording.
pub(super) const HEADER: &str = "# powerlogger edges 1";

/// Stamps and offsets stay below, so that their sum is a stamp too (the year 2116).
const STAMP_MAX_NS: i64 = i64::MAX / 2;

/// How long the clock may still run after the last record before the recording is over: time
/// for the filter to judge the last edge.
const REST_NS: i64 = NS_PER_S;

/// Why a recording cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file cannot be read.
    #[error("the recording cannot be read")]
    Read(#[from] io::Error),
    /// A line is not as the format has it.
    #[error("line {line}: {fault}")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        fault: LineFault,
    },
    /// The recording has meters that the configuration lacks.
    #[error(
        "not configured, but in the recording: {}; configured: {}",
        .missing.join(", "),
        .configured.join(", ")
    )]
    UnknownMeters {
        /// Their names.
        missing: Vec<String>,
        /// The names that are configured.
        configured: Vec<String>,
    },
}

/// What is wrong with a line of a recording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// The first line is not the header.
    #[error("the first line must be `{HEADER}`")]
    Header,
    /// Not text.
    #[error("not UTF-8")]
    NotUtf8,
    /// None of the records.
    #[error("not a record: `{0}`")]
    Record(String),
    /// A field is not there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field is not what it should be.
    #[error("not {expected}: `{found}`")]
    Field {
        /// What it should be.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A number or a name of a meter is given a second time.
    #[error("meter {0} is there already")]
    MeterTwice(String),
    /// A record of a meter that has not been named.
    #[error("no `# meter {0} …` before")]
    MeterUnnamed(u16),
    /// A stamp that no wall time belongs to.
    #[error("no `# offset_ns …` before the first stamp")]
    NoOffset,
}

/// What a recording holds, for a look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The names of its meters, by [`crate::model::MeterId`].
    pub meters: Vec<String>,
    /// What was told of their lines, in the order of the file.
    pub signals: Vec<Signal>,
}

/// A recording as a source of edges. Its clock shows the time of the recording.
#[derive(Debug)]
pub struct RecordedSource {
    pace: Pace,
    waker: Waker,
    tape: Tape,
}

impl RecordedSource {
    /// Reads a recording whole, to be replayed at `speed` (None: as fast as possible); meters
    /// are found by their names.
    ///
    /// # Errors
    /// When it cannot be read, is not a recording, or has meters that are not among `meters`.
    pub fn read(
        file: impl BufRead,
        meters: &[MeterSettings],
        speed: Option<f64>,
        waker: Waker,
    ) -> Result<RecordedSource, RecordingError> {
        let tape = Tape::read(file, meters)?;
        let pace = Pace::starting(tape.start_ns, tape.offset_ns, speed);
        Ok(RecordedSource { pace, waker, tape })
    }

    /// The clock of the recording; it begins at the first stamp.
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.pace.clock()
    }
}

impl EdgeSource for RecordedSource {
    fn poll(&mut self, deadline_ns: Option<MonoNs>, signals: &mut Vec<Signal>) -> Polled {
        pace::poll(
            &self.pace,
            &self.waker,
            &mut self.tape,
            deadline_ns,
            signals,
        )
    }
}

/// What a file holds.
#[derive(Debug)]
struct Tape {
    start_ns: MonoNs,
    offset_ns: i64,
    end_ns: MonoNs,
    entries: VecDeque<Entry>,
}

/// One record and when it is replayed.
#[derive(Debug)]
struct Entry {
    due_ns: MonoNs,
    what: What,
}

#[derive(Debug)]
enum What {
    Signal(Signal),
    Offset(i64),
}

impl Script for Tape {
    fn due(&mut self) -> Due {
        match self.entries.front() {
            None => Due::End(self.end_ns),
            Some(entry) => match entry.what {
                What::Signal(_) => Due::Signal(entry.due_ns),
                What::Offset(offset_ns) => Due::Offset {
                    mono_ns: entry.due_ns,
                    offset_ns,
                },
            },
        }
    }

    fn take(&mut self) -> Option<Signal> {
        match self.entries.pop_front()?.what {
            What::Signal(signal) => Some(signal),
            What::Offset(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
