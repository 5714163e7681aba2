//! Lines on their way to a bucket, a request at a time, by the same rule as delivery's: halved where a
//! request is too much, and what the server drops for its age is not taken for written.

use std::collections::BTreeSet;

use super::examine::Trouble;
use super::server::Server;
use crate::deliver::request_size::RequestSize;
use crate::deliver::retry::{Failure, Verdict as Judged, judge};
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
    size: &'a mut RequestSize,
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
        size: &'a mut RequestSize,
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
                    self.size.went_through(end - sent);
                    self.outcome.lines += end - sent;
                }
                Err(failure) => match judge(&failure) {
                    Judged::Halve { .. } if self.size.refused(end - sent) => continue,
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

/// Whether a smaller question may get through where this one did not.
pub(super) fn asks_for_less(failure: &Failure) -> bool {
    matches!(judge(failure), Judged::Halve { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::compare::{Counts, Found};
    use crate::rollup::View;

    /// A server that takes so many lines at a time, and has a retention.
    #[derive(Debug)]
    struct Fussy {
        lines_max: usize,
        keeps_from_ns: i64,
        refusal: Failure,
        requests: usize,
        taken: Vec<i64>,
    }

    impl Server for Fussy {
        fn raw(&mut self, _: View, _: i64, _: i64) -> Result<Counts, Failure> {
            Ok(Counts::new())
        }

        fn view(&mut self, _: View, _: i64, _: i64) -> Result<Found, Failure> {
            Ok(Found::default())
        }

        fn write(&mut self, _: Level, body: &[u8]) -> Result<(), Failure> {
            self.requests += 1;
            let text = std::str::from_utf8(body).unwrap();
            let stamps = text.lines().map(|line| {
                let (_, stamp) = line.rsplit_once(' ').unwrap();
                stamp.parse::<i64>().unwrap()
            });
            let stamps: Vec<i64> = stamps.collect();
            if stamps.len() > self.lines_max {
                return Err(self.refusal.clone());
            }
            let kept = stamps.iter().filter(|stamp| **stamp >= self.keeps_from_ns);
            let before = self.taken.len();
            self.taken.extend(kept);
            match stamps.len() - (self.taken.len() - before) {
                0 => Ok(()),
                dropped => Err(status(
                    422,
                    &format!("partial write: points outside retention policy dropped={dropped}"),
                )),
            }
        }

        fn refresh_token(&mut self) {}
    }

    fn status(status: u16, message: &str) -> Failure {
        Failure::Status {
            status,
            message: message.to_owned(),
            retry_after: None,
            foreign: false,
        }
    }

    #[test]
    fn all_lines_arrive_in_small_requests_and_dropped_ones_are_told() {
        let slow = Failure::Transport {
            kind: "timeout",
            message: String::new(),
        };
        for refusal in [status(413, "large"), status(408, ""), status(504, ""), slow] {
            let mut server = Fussy {
                lines_max: 70,
                keeps_from_ns: 300,
                refusal,
                requests: 0,
                taken: Vec::new(),
            };
            let mut size = RequestSize::new(1_000);
            let mut outbox = Outbox::new(&mut server, Level::Raw, &mut size);
            let line = LineEncoder::new("p", &[("t", "a")], "v").unwrap();
            // Ten lines a difference, not in the order of time.
            for time_ns in (0..2_000).rev() {
                let of = usize::try_from(time_ns / 10).unwrap();
                outbox.push(&line, (1, time_ns), of).unwrap();
            }
            let outcome = outbox.finish().unwrap();
            assert_eq!(outcome.lines, 1_700);
            assert_eq!(outcome.dropped, (0..30).collect());
            server.taken.sort_unstable();
            assert_eq!(server.taken, (300..2_000).collect::<Vec<i64>>());
            assert!(server.requests < 120, "{}", server.requests);
        }
    }

    #[test]
    fn a_line_that_is_not_taken_even_alone_is_a_failure() {
        let mut server = Fussy {
            lines_max: 0,
            keeps_from_ns: 0,
            refusal: status(413, "large"),
            requests: 0,
            taken: Vec::new(),
        };
        let mut size = RequestSize::new(8);
        let mut outbox = Outbox::new(&mut server, Level::Raw, &mut size);
        let line = LineEncoder::new("p", &[("t", "a")], "v").unwrap();
        outbox.push(&line, (1, 7), 0).unwrap();
        assert!(matches!(outbox.finish(), Err(Trouble::Server(_))));
    }
}
