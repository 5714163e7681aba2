//! What delivery makes of each answer.

use std::time::Duration;

use tracing::{debug, info, warn};

use super::batch::Batch;
use super::held_days::by_day;
use super::suspects::Ruling;
use super::{DeliverStep, Deliverer};
use crate::influx::line_protocol::without_extra_fields;
use crate::journal::{DeliveryNews, JournalError, Page, RefusedPulse};
use crate::model::{IdRange, WallNs};
use crate::server::extras::refuses_extra_fields;
use crate::server::failure::{Failure, Hold, Verdict, judge};
use crate::server::reminder::Remind;

/// A day whose shard does not take our points is tried again after so many pauses of a hold: nothing
/// but the operator helps, and a retention that passes.
const HELD_DAY_HOLDS: u32 = 10;

impl Deliverer {
    /// Sends a batch and does what the answer asks for.
    pub(super) fn send(&mut self, page: &Page, batch: &Batch) -> Result<DeliverStep, JournalError> {
        let mut sent = self.post(&batch.plain, &batch.compressed);
        if let Some(failure) = sent.as_ref().err().filter(|why| refuses_extra_fields(why)) {
            self.requests_failed += 1;
            warn!(
                why = failure.message(),
                "extra fields have another type there: points are sent without them until the next start"
            );
            let (plain, compressed) = self.encoder.leave_extras_out(&batch.plain);
            sent = self.post(&plain, &compressed);
        }
        let Err(failure) = sent else {
            self.delivered_well(page, batch)?;
            return Ok(DeliverStep::Again);
        };
        self.requests_failed += 1;
        Ok(self.obey(judge(&failure), &failure, page, batch))
    }

    fn post(&mut self, plain: &[u8], compressed: &[u8]) -> Result<(), Failure> {
        let sink = &mut self.sink;
        let mut send = |body: &[u8], compressed| sink.send(body, compressed);
        self.encoding.send(plain, compressed, &mut send)
    }

    /// 204.
    fn delivered_well(&mut self, page: &Page, batch: &Batch) -> Result<(), JournalError> {
        self.failures = 0;
        self.is_failing = false;
        self.size.went_through(batch.entries.len());
        self.days.went_through(&batch.entries);
        self.known_line = without_extra_fields(last_line(&batch.plain));
        self.acknowledge(page, batch.entries.len());
        self.another_went_through();
        if self.days.any() {
            self.say_days_are_held("");
        } else {
            let before = self.condition.word().to_owned();
            if self.condition.is_now("ok", self.clock.mono_ns()) == Remind::Changed {
                info!(before, "delivery works");
                self.tell("ok", "");
            }
        }
        if std::mem::take(&mut self.bucket_in_doubt) {
            self.send_again_what_is_kept()?;
        }
        Ok(())
    }

    /// The bucket was not there, or not ours to write: it may be a new, empty one. What the
    /// journal still holds and the bucket will take is sent again; that is harmless if it is not.
    fn send_again_what_is_kept(&mut self) -> Result<(), JournalError> {
        // Not by the wall clock: years ahead, nothing would be young enough to be sent again.
        let since_ns = self
            .sure_ns
            .map_or(WallNs::MIN, |sure_ns| sure_ns - self.retention_ns);
        if let Some(first) = self.reader.first_since(since_ns)? {
            warn!(
                first = first.0,
                "the bucket may be a new one: what the journal holds is sent again"
            );
            self.delivered.rewind(first);
            self.leave(DeliveryNews::default());
        }
        Ok(())
    }

    fn obey(
        &mut self,
        verdict: Verdict,
        failure: &Failure,
        page: &Page,
        batch: &Batch,
    ) -> DeliverStep {
        let lines = batch.entries.len();
        match verdict {
            Verdict::Isolate { certain } => self.isolate(certain, failure, batch),
            Verdict::Expired { dropped } => {
                self.expire(dropped, failure, page, batch);
                DeliverStep::Again
            }
            Verdict::Halve { pause } if self.size.refused(lines) => {
                let lines = self.size.lines();
                debug!(lines, why = failure.message(), "requests become smaller");
                if pause {
                    self.later(failure, None)
                } else {
                    DeliverStep::Again
                }
            }
            Verdict::Hold(Hold::FieldType) => self.hold_days(failure, batch),
            Verdict::Hold(hold) => self.hold(hold, &failure.message()),
            Verdict::Later { after } => self.later(failure, after),
            Verdict::Halve { .. } => self.later(failure, None),
        }
    }

    /// Nothing helps until the operator acts.
    fn hold(&mut self, hold: Hold, message: &str) -> DeliverStep {
        self.trouble(hold.as_str(), &format!("{message}; {}", hold.remedy()));
        self.bucket_in_doubt |= hold.may_lose_bucket();
        self.sink.refresh_token();
        self.wait(self.backoff.hold())
    }

    /// It is tried again: after what the server asks for, or after our own pause where that is longer.
    fn later(&mut self, failure: &Failure, asked: Option<Duration>) -> DeliverStep {
        self.failures = self.failures.saturating_add(1);
        let word = match failure {
            _ if asked.is_some() => "busy",
            Failure::Transport { kind, .. } => kind,
            Failure::Status { .. } => "http_error",
        };
        self.trouble(word, &failure.message());
        let after = self.backoff.asked(asked, self.failures, self.random.f64());
        self.wait(after)
    }

    /// Another program has written the field with another type into a shard: the days of the batch are
    /// tried one by one, and those that are refused are held. What lies behind them goes on.
    fn hold_days(&mut self, failure: &Failure, batch: &Batch) -> DeliverStep {
        let days = by_day(&batch.entries);
        if days.len() > 1 {
            self.suspects.one_by_one(&days);
            return DeliverStep::Again;
        }
        let pause = self.backoff.hold() * HELD_DAY_HOLDS;
        let pause_ns = i64::try_from(pause.as_nanos()).unwrap_or(i64::MAX / 2);
        let until_ns = self.clock.mono_ns().saturating_add(pause_ns);
        self.days.hold(batch.entries[0].wall_ns, until_ns);
        self.say_days_are_held(&failure.message());
        DeliverStep::Again
    }

    /// `message`: what the server has said just now; empty: as before.
    fn say_days_are_held(&mut self, message: &str) {
        if !message.is_empty() {
            let (dates, hold) = (self.days.dates(), Hold::FieldType);
            self.days_message = format!(
                "{message}; the pulses of {dates} are held, all others are delivered; {}",
                hold.remedy()
            );
        }
        let message = self.days_message.clone();
        self.complain(Hold::FieldType.as_str(), &message);
    }

    /// Halves the batch until the refused line stands alone.
    fn isolate(&mut self, certain: bool, failure: &Failure, batch: &Batch) -> DeliverStep {
        if let [first, .., last] = batch.entries.as_slice() {
            let middle = batch.entries[batch.entries.len() / 2].id;
            let stretch = IdRange::new(first.id, last.id);
            self.suspects.halve(stretch, middle);
            return DeliverStep::Again;
        }
        let entry = batch.entries[0];
        let message = failure.message();
        let point = RefusedPulse {
            pulse: entry.id,
            meter: entry.meter,
            wall_ns: entry.wall_ns,
            message,
        };
        match self.suspects.alone(point, certain) {
            Ruling::Wait => DeliverStep::Again,
            Ruling::Quarantine(point) => {
                self.quarantine(point);
                DeliverStep::Again
            }
            Ruling::NotTheLines => self.hold(Hold::LinesRefused, &failure.message()),
        }
    }

    /// Something went through: what was refused alone before it is refused for its own sake.
    fn another_went_through(&mut self) {
        for point in self.suspects.went_through() {
            self.quarantine(point);
        }
    }

    /// Lines were refused alone, and no other is left that could go through: one that has gone through
    /// before tells whether anything does.
    pub(super) fn ask_with_a_known_line(&mut self) -> DeliverStep {
        let why = self.suspects.why().unwrap_or_default().to_owned();
        if !self.known_line.is_empty() {
            let line = self.known_line.clone();
            let sink = &mut self.sink;
            match sink.send(&line, false) {
                Ok(()) => {
                    self.another_went_through();
                    return DeliverStep::Again;
                }
                Err(failure) if matches!(judge(&failure), Verdict::Expired { .. }) => {
                    self.another_went_through();
                    return DeliverStep::Again;
                }
                Err(_) => {}
            }
        }
        self.suspects.put_off();
        self.hold(Hold::LinesRefused, &why)
    }

    fn quarantine(&mut self, point: RefusedPulse) {
        warn!(
            pulse = point.pulse.0,
            why = point.message,
            "the server refuses this point; it goes into quarantine"
        );
        let alone = Page {
            covered: vec![IdRange::one(point.pulse)],
            ..Page::default()
        };
        self.outbox.leave(DeliveryNews {
            refused: vec![point],
            ..DeliveryNews::default()
        });
        self.acknowledge(&alone, 0);
    }

    /// Points the encoder could not write: a meter's name that line protocol cannot carry.
    pub(super) fn keep_unsendable(&self, batch: &Batch) {
        let Some(first) = batch.unsendable.first() else {
            return;
        };
        warn!(
            points = batch.unsendable.len(),
            why = first.message,
            "points cannot be sent"
        );
        let refused = batch.unsendable.clone();
        self.outbox.leave(DeliveryNews {
            refused,
            ..DeliveryNews::default()
        });
    }

    /// The server has dropped the oldest points of the batch and written the rest.
    fn expire(&mut self, dropped: Option<usize>, failure: &Failure, page: &Page, batch: &Batch) {
        let now_ns = self.sure_ns.unwrap_or_else(|| self.clock.wall_ns());
        let limit_ns = now_ns - self.retention_ns;
        let dropped = dropped.unwrap_or_else(|| batch.older_than(limit_ns));
        let dropped = dropped.min(batch.entries.len());
        let expired = batch.oldest(dropped);
        warn!(
            points = dropped,
            why = failure.message(),
            "older than the raw bucket keeps; they are in their windows"
        );
        self.outbox.leave(DeliveryNews {
            expired,
            ..DeliveryNews::default()
        });
        self.failures = 0;
        self.acknowledge(page, batch.entries.len() - dropped);
    }
}

/// The last line of a body, with its end.
fn last_line(body: &[u8]) -> &[u8] {
    let text = body.strip_suffix(b"\n").unwrap_or(body);
    let begins = text.iter().rposition(|byte| *byte == b'\n');
    &body[begins.map_or(0, |at| at + 1)..]
}
