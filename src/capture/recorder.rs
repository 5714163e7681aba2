//! Writes a recording of what another source tells, in the format of [`super::recorded`].
//!
//! A recording is a help for people and tests; capture never fails for its sake. What cannot be
//! written is said once, and then there is no recording any more.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use super::recorded::HEADER;
use super::{EdgeSource, Polled, Signal};
use crate::clock::Clock;
use crate::config::MeterSettings;
use crate::model::{EdgeKind, Level, MonoNs, NS_PER_MS, NS_PER_S};

/// An offset that differs by less is the same clock read twice, not a clock that was set.
const OFFSET_NOISE_NS: u64 = NS_PER_MS.unsigned_abs();

/// The most time of stamps between two flushes, in nanoseconds.
const FLUSH_NS: i64 = NS_PER_S;

/// Writes records.
pub struct Recorder<W: Write> {
    out: BufWriter<W>,
    offset_ns: i64,
    /// The time of the last flush.
    flushed_ns: MonoNs,
}

impl<W: Write> Recorder<W> {
    /// Begins a recording of these meters; `offset_ns` is wall minus monotonic time.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(out: W, meters: &[MeterSettings], offset_ns: i64) -> io::Result<Recorder<W>> {
        let mut out = BufWriter::new(out);
        writeln!(out, "{HEADER}\n# offset_ns {offset_ns}")?;
        for (index, meter) in meters.iter().enumerate() {
            writeln!(out, "# meter {index} {}", escape(&meter.name))?;
        }
        out.flush()?;
        Ok(Recorder {
            out,
            offset_ns,
            flushed_ns: 0,
        })
    }

    /// Tells that wall minus monotonic time is `offset_ns` now; written when it has changed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn offset(&mut self, offset_ns: i64) -> io::Result<()> {
        if self.offset_ns.abs_diff(offset_ns) < OFFSET_NOISE_NS {
            return Ok(());
        }
        self.offset_ns = offset_ns;
        writeln!(self.out, "# offset_ns {offset_ns}")
    }

    /// Records a signal that arrived at `now_ns`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn signal(&mut self, signal: &Signal, now_ns: MonoNs) -> io::Result<()> {
        match signal {
            Signal::Edge(edge) => {
                let kind = match edge.kind {
                    EdgeKind::Rising => 'r',
                    EdgeKind::Falling => 'f',
                };
                let (at, meter, seqno) = (edge.mono_ns, edge.meter.0, edge.line_seqno);
                writeln!(self.out, "{at} {meter} {kind} {seqno}")?;
            }
            Signal::LineUp {
                meter,
                request_id,
                level,
                mono_ns,
            }
            | Signal::LineFound {
                meter,
                request_id,
                level,
                mono_ns,
            } => {
                let level = match level {
                    Level::High => "high",
                    Level::Low => "low",
                };
                writeln!(self.out, "up {mono_ns} {} {level} {request_id}", meter.0)?;
            }
            // A recording begins with nothing: what came before it is not in it.
            Signal::LineAdopted {
                meter,
                request_id,
                mono_ns,
            } => writeln!(self.out, "up {mono_ns} {} high {request_id}", meter.0)?,
            Signal::LineDown { meter, reason } => {
                writeln!(self.out, "down {now_ns} {} {}", meter.0, escape(reason))?;
            }
        }
        if now_ns - self.flushed_ns >= FLUSH_NS {
            self.flush(now_ns)?;
        }
        Ok(())
    }

    /// Hands everything to the file at `now_ns`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn flush(&mut self, now_ns: MonoNs) -> io::Result<()> {
        self.flushed_ns = now_ns;
        self.out.flush()
    }
}

impl<W: Write> fmt::Debug for Recorder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("offset_ns", &self.offset_ns)
            .field("flushed_ns", &self.flushed_ns)
            .finish_non_exhaustive()
    }
}

/// Text on one line: backslash and the ends of lines are written as two characters.
pub(super) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\r', "\\r")
}

/// A source and a recording of all it tells.
pub struct RecordingSource<W: Write> {
    inner: Box<dyn EdgeSource>,
    clock: Arc<dyn Clock>,
    /// None: it could not be written any more.
    recorder: Option<Recorder<W>>,
}

impl<W: Write> RecordingSource<W> {
    /// Records what `inner` tells; `clock` is the one that `inner` was made with.
    pub fn new(
        inner: Box<dyn EdgeSource>,
        clock: Arc<dyn Clock>,
        recorder: Recorder<W>,
    ) -> RecordingSource<W> {
        RecordingSource {
            inner,
            clock,
            recorder: Some(recorder),
        }
    }
}

impl<W: Write> fmt::Debug for RecordingSource<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingSource")
            .field("inner", &self.inner)
            .field("recorder", &self.recorder)
            .finish_non_exhaustive()
    }
}

impl<W: Write + Send> EdgeSource for RecordingSource<W> {
    fn poll(&mut self, deadline_ns: Option<MonoNs>, signals: &mut Vec<Signal>) -> Polled {
        let known = signals.len();
        let polled = self.inner.poll(deadline_ns, signals);
        if let Some(recorder) = &mut self.recorder {
            let told = &signals[known..];
            if let Err(error) = record(recorder, &*self.clock, told, polled) {
                tracing::warn!(%error, "the recording of edges ends here: it cannot be written");
                self.recorder = None;
            }
        }
        polled
    }

    fn rest(&mut self, until_ns: MonoNs) {
        self.inner.rest(until_ns);
    }

    fn is_in_past(&self) -> bool {
        self.inner.is_in_past()
    }

    fn outlives(&self) -> bool {
        self.inner.outlives()
    }
}

/// Records one answer of a source.
fn record<W: Write>(
    recorder: &mut Recorder<W>,
    clock: &dyn Clock,
    told: &[Signal],
    polled: Polled,
) -> io::Result<()> {
    let now_ns = clock.mono_ns();
    // Before the signals: most of the time since the last answer was the wait for them.
    recorder.offset(clock.offset_ns())?;
    for signal in told {
        recorder.signal(signal, now_ns)?;
    }
    match polled {
        Polled::Signals => Ok(()),
        Polled::TimedOut | Polled::Woken | Polled::Ended => recorder.flush(now_ns),
    }
}

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;
