//! Lines on their way to a bucket, a request at a time, by the same rule as delivery's: halved where a
//! request is too much, and what the server drops for its age is not taken for written.

use std::collections::BTreeSet;

use super::examine::Trouble;
use super::server::Server;
use crate::deliver::retry::{Verdict as Judged, judge};
use crate::deliver::size::{BatchSize, asks_for_less};
use crate::influx::line_protocol::LineEncoder;
use crate::pulse::WallNs;
use crate::rollup::Level;

/// A line that waits.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    /// Where it ends in the body.
    end: usize,
    /// Its stamp.
    time_ns: WallNs,
    /// Which difference it is for.
    of: usize,
}

/// Lines on their way.
#[derive(Debug)]
pub(super) struct Outbox<'a> {
    server: &'a mut dyn Server,
    level: Level,
    size: &'a mut BatchSize,
    body: Vec<u8>,
    waiting: Vec<Waiting>,
    outcome: Outcome,
}

/// What became of the lines.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Lines that the server has.
    pub(super) lines: usize,
    /// Differences of which it has dropped a line, because it does not keep the time.
    pub(super) dropped: BTreeSet<usize>,
}

impl<'a> Outbox<'a> {
    pub(super) fn new(
        server: &'a mut dyn Server,
        level: Level,
        size: &'a mut BatchSize,
    ) -> Outbox<'a> {
        Outbox {
            server,
            level,
            size,
            body: Vec::new(),
            waiting: Vec::new(),
            outcome: Outcome::default(),
        }
    }

    /// Adds a line for the difference with this number, and sends what is enough for a request.
    ///
    /// # Errors
    /// When the server does not take it.
    pub(super) fn push(
        &mut self,
        line: &LineEncoder,
        (pulses, time_ns): (i64, WallNs),
        of: usize,
    ) -> Result<(), Trouble> {
        line.push(&mut self.body, pulses, time_ns);
        let end = self.body.len();
        self.waiting.push(Waiting { end, time_ns, of });
        if self.waiting.len() >= self.size.lines() {
            self.flush()?;
        }
        Ok(())
    }

    /// Sends the rest.
    ///
    /// # Errors
    /// When the server does not take it.
    pub(super) fn finish(mut self) -> Result<Outcome, Trouble> {
        self.flush()?;
        Ok(self.outcome)
    }

    fn flush(&mut self) -> Result<(), Trouble> {
        let (mut sent, mut from) = (0, 0);
        while sent < self.waiting.len() {
            let end = self.waiting.len().min(sent + self.size.lines());
            let to = self.waiting[end - 1].end;
            match self.server.write(self.level, &self.body[from..to]) {
                Ok(()) => {
                    self.size.went_through();
                    self.outcome.lines += end - sent;
                }
                Err(failure) if asks_for_less(&failure) && self.size.halve(end - sent) => continue,
                Err(failure) => match judge(&failure, false) {
                    // Older than the bucket keeps: the rest is written.
                    Judged::Expired { dropped } => self.note_dropped(sent, end, dropped),
                    _ => return Err(failure.into()),
                },
            }
            (sent, from) = (end, to);
        }
        self.body.clear();
        self.waiting.clear();
        Ok(())
    }

    /// The oldest of the lines were dropped; all of them where the server does not say how many.
    fn note_dropped(&mut self, sent: usize, end: usize, dropped: Option<usize>) {
        let mut lines = self.waiting[sent..end].to_vec();
        lines.sort_by_key(|line| line.time_ns);
        let dropped = dropped.unwrap_or(lines.len()).min(lines.len());
        self.outcome.lines += lines.len() - dropped;
        let of = lines[..dropped].iter().map(|line| line.of);
        self.outcome.dropped.extend(of);
    }
}
