//! Lines on their way to a bucket, a request at a time, by the same rule as delivery's: halved where a
//! request is too much, and what the server drops for its age is not taken for written. Where another
//! program has written the field with another type, only that day is refused: the days of the request are
//! sent one by one.

use std::collections::BTreeMap;

use tracing::warn;

use super::compare::Failed;
use super::server::Server;
use super::trouble::Trouble;
use crate::civil::day_of;
use crate::influx::line_protocol::{LineEncoder, without_extra_fields};
use crate::model::Tier;
use crate::model::WallNs;
use crate::server::extras::refuses_extra_fields;
use crate::server::failure::{Failure, Hold, Verdict, judge};
use crate::server::request_size::RequestSize;

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
pub(super) struct PointQueue<'a> {
    server: &'a mut dyn Server,
    level: Tier,
    size: &'a mut RequestSize,
    body: Vec<u8>,
    waiting: Vec<Waiting>,
    written: Written,
}

/// What became of the lines.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Lines that the server has.
    pub(super) lines: usize,
    /// Differences of which it has not taken a line.
    pub(super) failed: BTreeMap<usize, Failed>,
}

impl<'a> PointQueue<'a> {
    pub(super) fn new(
        server: &'a mut dyn Server,
        level: Tier,
        size: &'a mut RequestSize,
    ) -> PointQueue<'a> {
        PointQueue {
            server,
            level,
            size,
            body: Vec::new(),
            waiting: Vec::new(),
            written: Written::default(),
        }
    }

    /// Adds a line, with these extra fields, for the difference with this number, and sends what is enough for a request.
    ///
    /// # Errors
    /// When the server does not take it.
    pub(super) fn push(
        &mut self,
        line: &LineEncoder,
        (pulses, time_ns): (i64, WallNs),
        extra: &[(&str, f64)],
        of: usize,
    ) -> Result<(), Trouble> {
        line.push_with(&mut self.body, pulses, extra, time_ns.0);
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
    pub(super) fn finish(mut self) -> Result<Written, Trouble> {
        self.flush()?;
        Ok(self.written)
    }

    fn flush(&mut self) -> Result<(), Trouble> {
        let (mut sent, mut from) = (0, 0);
        while sent < self.waiting.len() {
            let end = self.waiting.len().min(sent + self.size.lines());
            let to = self.waiting[end - 1].end;
            match write(self.server, self.level, &self.body[from..to]) {
                Ok(()) => {
                    self.size.went_through(end - sent);
                    self.written.lines += end - sent;
                }
                Err(failure) => match judge(&failure) {
                    Verdict::Halve { .. } if self.size.refused(end - sent) => continue,
                    // Older than the bucket keeps: the rest is written.
                    Verdict::Expired { dropped } => {
                        let lines = self.waiting[sent..end].to_vec();
                        self.note_dropped(lines, dropped);
                    }
                    Verdict::Hold(Hold::FieldType) => self.day_by_day(sent, from, end)?,
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
    fn note_dropped(&mut self, mut lines: Vec<Waiting>, dropped: Option<usize>) {
        lines.sort_by_key(|line| line.time_ns);
        let dropped = dropped.unwrap_or(lines.len()).min(lines.len());
        self.written.lines += lines.len() - dropped;
        let of = lines[..dropped].iter();
        let failed = of.map(|line| (line.of, Failed::Dropped));
        self.written.failed.extend(failed);
    }

    /// The field has another type in a shard of this request's: each day is sent alone, and only those that
    /// are refused again are not written. `from`: where the first of the lines begins in the body.
    fn day_by_day(&mut self, sent: usize, from: usize, end: usize) -> Result<(), Trouble> {
        let mut days: BTreeMap<i64, (Vec<u8>, Vec<Waiting>)> = BTreeMap::new();
        let mut begins = from;
        for line in &self.waiting[sent..end] {
            let (body, lines) = days.entry(day_of(line.time_ns)).or_default();
            body.extend_from_slice(&self.body[begins..line.end]);
            lines.push(*line);
            begins = line.end;
        }
        let alone = days.len() == 1;
        for (body, lines) in days.into_values() {
            let written = if alone {
                None
            } else {
                Some(write(self.server, self.level, &body))
            };
            match written {
                Some(Ok(())) => self.written.lines += lines.len(),
                Some(Err(failure)) => match judge(&failure) {
                    Verdict::Expired { dropped } => self.note_dropped(lines, dropped),
                    Verdict::Hold(Hold::FieldType) => self.note_held(&lines),
                    _ => return Err(failure.into()),
                },
                None => self.note_held(&lines),
            }
        }
        Ok(())
    }

    fn note_held(&mut self, lines: &[Waiting]) {
        let held = lines.iter().map(|line| (line.of, Failed::Held));
        self.written.failed.extend(held);
    }
}

/// Writes a body; without its extra fields where it is refused for them.
fn write(server: &mut dyn Server, level: Tier, body: &[u8]) -> Result<(), Failure> {
    let written = server.write(level, body);
    match &written {
        Err(failure) if refuses_extra_fields(failure) => {
            warn!(
                why = failure.message(),
                "extra fields have another type there: windows are written without them"
            );
            server.write(level, &without_extra_fields(body))
        }
        _ => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NS_PER_S;
    use crate::model::View;
    use crate::reconcile::compare::{Counts, ViewRead};

    /// A server that takes so many lines at a time, and has a retention.
    #[derive(Debug)]
    struct Fussy {
        lines_max: usize,
        keeps_from_ns: i64,
        refusal: Failure,
        requests: usize,
        taken: Vec<i64>,
        other_type: Option<i64>,
    }

    impl Server for Fussy {
        fn raw(&mut self, _: View, _: i64, _: i64) -> Result<Counts, Failure> {
            Ok(Counts::new())
        }

        fn view(&mut self, _: View, _: i64, _: i64) -> Result<ViewRead, Failure> {
            Ok(ViewRead::default())
        }

        fn write(&mut self, _: Tier, body: &[u8]) -> Result<(), Failure> {
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
            let kept = stamps.iter().filter(|stamp| {
                **stamp >= self.keeps_from_ns && Some(day_of(WallNs(**stamp))) != self.other_type
            });
            let before = self.taken.len();
            self.taken.extend(kept);
            match stamps.len() - (self.taken.len() - before) {
                0 => Ok(()),
                dropped if self.other_type.is_some() => Err(status(
                    422,
                    &format!("partial write: field type conflict: input field dropped={dropped}"),
                )),
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
                other_type: None,
            };
            let mut size = RequestSize::new(1_000);
            let mut queue = PointQueue::new(&mut server, Tier::Raw, &mut size);
            let line = LineEncoder::new("p", &[("t", "a")], "v").unwrap();
            // Ten lines a difference, not in the order of time.
            for time_ns in (0..2_000).rev() {
                let of = usize::try_from(time_ns / 10).unwrap();
                queue.push(&line, (1, WallNs(time_ns)), &[], of).unwrap();
            }
            let outcome = queue.finish().unwrap();
            assert_eq!(outcome.lines, 1_700);
            let dropped = (0..30).map(|of| (of, Failed::Dropped));
            assert_eq!(outcome.failed, dropped.collect());
            server.taken.sort_unstable();
            assert_eq!(server.taken, (300..2_000).collect::<Vec<i64>>());
            assert!(server.requests < 120, "{}", server.requests);
        }
    }

    /// A server that has an extra field with another type.
    #[derive(Debug, Default)]
    struct OtherType(Vec<String>);

    impl Server for OtherType {
        fn raw(&mut self, _: View, _: i64, _: i64) -> Result<Counts, Failure> {
            Ok(Counts::new())
        }

        fn view(&mut self, _: View, _: i64, _: i64) -> Result<ViewRead, Failure> {
            Ok(ViewRead::default())
        }

        fn write(&mut self, _: Tier, body: &[u8]) -> Result<(), Failure> {
            let text = std::str::from_utf8(body).unwrap();
            if text.contains("power_w") {
                return Err(status(
                    422,
                    "partial write: field type conflict: input field \"power_w\" on measurement \"p\" is type float, \
                     already exists as type string dropped=1",
                ));
            }
            self.0.extend(text.lines().map(str::to_owned));
            Ok(())
        }

        fn refresh_token(&mut self) {}
    }

    #[test]
    fn windows_are_written_without_an_extra_field_that_has_another_type() {
        let mut server = OtherType::default();
        let mut size = RequestSize::new(2);
        let view = Tier::View(View::Hour);
        let mut queue = PointQueue::new(&mut server, view, &mut size);
        let line = LineEncoder::new("p", &[("t", "a")], "v").unwrap();
        let extra = [("energy_wh", 1.5), ("power_w", 2.0)];
        for n in 0..3 {
            queue.push(&line, (n, WallNs(n)), &extra, 0).unwrap();
        }
        let outcome = queue.finish().unwrap();
        assert_eq!((outcome.lines, outcome.failed.len()), (3, 0));
        assert_eq!(server.0, ["p,t=a v=0i 0", "p,t=a v=1i 1", "p,t=a v=2i 2"]);
    }

    #[test]
    fn a_line_that_is_not_taken_even_alone_is_a_failure() {
        let mut server = Fussy {
            lines_max: 0,
            keeps_from_ns: 0,
            refusal: status(413, "large"),
            requests: 0,
            taken: Vec::new(),
            other_type: None,
        };
        let mut size = RequestSize::new(8);
        let mut queue = PointQueue::new(&mut server, Tier::Raw, &mut size);
        let line = LineEncoder::new("p", &[("t", "a")], "v").unwrap();
        queue.push(&line, (1, WallNs(7)), &[], 0).unwrap();
        assert!(matches!(queue.finish(), Err(Trouble::Server(_))));
    }

    #[test]
    fn a_day_with_another_type_is_not_taken_and_its_neighbours_are() {
        let mut server = Fussy {
            lines_max: 100,
            keeps_from_ns: 0,
            refusal: status(413, "large"),
            requests: 0,
            taken: Vec::new(),
            other_type: Some(20_001),
        };
        let line = LineEncoder::new("p", &[("t", "a")], "v").unwrap();
        let stamp = |hour: i64| (20_000 * 24 + hour) * 3_600 * NS_PER_S;
        let mut size = RequestSize::new(1_000);
        let mut queue = PointQueue::new(&mut server, Tier::Raw, &mut size);
        // Two meters, one after the other: days come back in the request.
        for of in 0..144 {
            let hour = i64::try_from(of % 72).unwrap();
            queue
                .push(&line, (1, WallNs(stamp(hour))), &[], of)
                .unwrap();
        }
        let outcome = queue.finish().unwrap();
        let held = (24..48).chain(96..120).map(|of| (of, Failed::Held));
        assert_eq!(outcome.failed, held.collect());
        assert_eq!(outcome.lines, 96);
        let days: Vec<i64> = server.taken.iter().map(|ns| day_of(WallNs(*ns))).collect();
        assert!(!days.contains(&20_001));

        // A request of that day alone is not sent twice.
        server.requests = 0;
        let mut queue = PointQueue::new(&mut server, Tier::Raw, &mut size);
        queue.push(&line, (1, WallNs(stamp(30))), &[], 0).unwrap();
        assert_eq!(queue.finish().unwrap().failed, [(0, Failed::Held)].into());
        assert_eq!(server.requests, 1);
    }
}
