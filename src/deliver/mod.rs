//! From the journal to the server: read after what is delivered up to the durable mark, encode,
//! compress, send, judge the answer, acknowledge. Live data and replay take the same path.
//!
//! Nothing is acknowledged before a 204, and sending twice is harmless: a point's identity
//! (measurement, tags, timestamp) was fixed when the pulse became final.

pub mod batch;
pub mod condition;
pub mod connection;
pub mod influx_sink;
pub mod lanes;
pub mod retry;
pub mod sink;
pub mod start;
pub mod stats;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::{debug, info, warn};

use crate::clock::Clock;
use crate::journal::JournalError;
use crate::journal::delivery::{DeliveryNews, DestinationState, Refused};
use crate::journal::mailbox::Mailbox;
use crate::journal::marks::Mark;
use crate::journal::ranges::IdRanges;
use crate::journal::reader::{Page, Reader};
use crate::pulse::{MonoNs, NS_PER_MS, NS_PER_S};
use batch::{Batch, Encoder};
use condition::{Condition, Tell};
use lanes::Span;
use retry::{Backoff, Failure, Hold, Verdict, judge};
use sink::Sink;
use start::Start;
use stats::DeliverStats;

/// While a backlog is worked off, the newest pulses get a request of their own this often.
const LIVE_EVERY_NS: i64 = 2 * NS_PER_S;

/// Empty stretches of ids that one step skips.
const SKIPS_MAX: usize = 64;

/// A request halved for its size grows again after so many that went through.
const REGROW_AFTER: u32 = 20;

/// After so many points what is delivered is saved, to be seen; otherwise the writer takes its time.
const SAVE_POINTS: u64 = 50_000;

const NS_PER_DAY: i64 = 86_400 * NS_PER_S;

/// What [`Deliverer::step`] did, and when to call it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Something was sent or skipped; there is more.
    Again,
    /// Not before this much time has passed.
    Pause(Duration),
    /// Everything durable is delivered.
    Idle,
}

/// The stage.
#[derive(Debug)]
pub struct Deliverer {
    // Dependencies.
    reader: Reader,
    sink: Box<dyn Sink>,
    mailbox: Arc<Mailbox>,
    clock: Arc<dyn Clock>,
    // Settings.
    lines_max: usize,
    flush_ns: i64,
    backoff: Backoff,
    retention_ns: i64,
    encoder: Encoder,
    // State.
    delivered: IdRanges,
    held: IdRanges,
    settled_seen: u64,
    suspects: Vec<(i64, i64)>,
    lines: usize,
    went_through: u32,
    unsaved_points: u64,
    failures: u32,
    not_before_ns: MonoNs,
    live_sent_ns: MonoNs,
    condition: Condition,
    random: fastrand::Rng,
    stats: Arc<DeliverStats>,
}

impl Deliverer {
    /// Takes up where the journal says the last run stopped.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn begin(start: Start) -> Result<Deliverer, JournalError> {
        let delivered = start.reader.delivered(start.destination)?;
        let destinations = start.reader.destinations()?;
        let known = destinations
            .into_iter()
            .find(|(row, ..)| *row == start.destination);
        let word = known.map_or_else(String::new, |(_, _, state)| state.state);
        let lines_max = start.settings.batch_lines_max;
        let backoff = Backoff {
            retries_max: start.settings.retries_max,
            interval: Duration::from_millis(start.settings.replay_interval_ms),
        };
        Ok(Deliverer {
            encoder: Encoder::new(&start.measurement),
            reader: start.reader,
            sink: start.sink,
            mailbox: start.mailbox,
            clock: start.clock,
            lines_max,
            flush_ns: i64::try_from(start.settings.flush_ms).unwrap_or(0) * NS_PER_MS,
            backoff,
            retention_ns: i64::from(start.retention_d) * NS_PER_DAY,
            delivered,
            held: IdRanges::default(),
            settled_seen: 0,
            suspects: Vec::new(),
            lines: lines_max,
            went_through: 0,
            unsaved_points: 0,
            failures: 0,
            not_before_ns: 0,
            live_sent_ns: i64::MIN / 2,
            condition: Condition::new(word),
            random: fastrand::Rng::new(),
            stats: Arc::default(),
        })
    }

    /// What it shows while it runs.
    pub fn stats(&self) -> Arc<DeliverStats> {
        Arc::clone(&self.stats)
    }

    /// Sends one batch of what is durable, if it is time to.
    ///
    /// # Errors
    /// When the journal cannot be read; to be tried again.
    pub fn step(&mut self, mark: Mark) -> Result<Step, JournalError> {
        if std::mem::replace(&mut self.settled_seen, mark.segments_settled) != mark.segments_settled
        {
            self.held = IdRanges::default();
        }
        let now_ns = self.clock.mono_ns();
        if now_ns < self.not_before_ns {
            return Ok(pause(self.not_before_ns - now_ns));
        }
        for _ in 0..SKIPS_MAX {
            let Some(span) = self.next_span(mark.durable, now_ns) else {
                self.stats.backlog.store(0, Ordering::Relaxed);
                self.stats.idle_at.store(mark.durable, Ordering::SeqCst);
                return Ok(Step::Idle);
            };
            // Live data is sent in requests of at least so much apart, to be worth the overhead.
            let flush_due_ns = self.live_sent_ns.saturating_add(self.flush_ns);
            if span.live && now_ns < flush_due_ns {
                return Ok(pause(flush_due_ns - now_ns));
            }
            let page = self.reader.page(span.first, span.last, self.lines)?;
            for (first, last) in &page.held {
                self.held.add(*first, *last);
            }
            let batch = self.encoder.encode(&page.entries, &self.reader)?;
            self.keep_unsendable(&batch);
            if batch.entries.is_empty() {
                self.acknowledge(&page, 0);
                continue;
            }
            let failures = self.stats.failures.load(Ordering::Relaxed);
            let step = self.send(&page, &batch)?;
            if span.live && failures == self.stats.failures.load(Ordering::Relaxed) {
                self.live_sent_ns = now_ns;
            }
            let backlog = self.delivered.missing(1, mark.durable);
            self.stats.backlog.store(backlog, Ordering::Relaxed);
            return Ok(step);
        }
        Ok(Step::Again)
    }

    /// What to send next: first what is suspected of a line that the server refuses.
    fn next_span(&mut self, newest: i64, now_ns: MonoNs) -> Option<Span> {
        if let Some((first, last)) = self.suspects.pop() {
            return Some(Span {
                first,
                last,
                live: false,
            });
        }
        let mut done = self.delivered.clone();
        for (first, last) in self.held.ranges() {
            done.add(*first, *last);
        }
        let lines = i64::try_from(self.lines).unwrap_or(i64::MAX);
        let live_due = now_ns - self.live_sent_ns >= LIVE_EVERY_NS;
        lanes::next(&done, newest, lines, live_due)
    }

    fn send(&mut self, page: &Page, batch: &Batch) -> Result<Step, JournalError> {
        let mut compressed = true;
        let failure = loop {
            let body = if compressed {
                &batch.compressed
            } else {
                &batch.plain
            };
            match self.sink.send(body, compressed) {
                Ok(()) => {
                    self.delivered_well(page, batch)?;
                    return Ok(Step::Again);
                }
                Err(failure) if judge(&failure, compressed) == Verdict::ResendPlain => {
                    debug!(
                        failure = failure.message(),
                        "sending it again without compression"
                    );
                    compressed = false;
                }
                Err(failure) => break failure,
            }
        };
        self.stats.failures.fetch_add(1, Ordering::Relaxed);
        let verdict = judge(&failure, compressed);
        Ok(self.obey(verdict, &failure, page, batch))
    }

    /// 204.
    fn delivered_well(&mut self, page: &Page, batch: &Batch) -> Result<(), JournalError> {
        self.failures = 0;
        self.stats.failing.store(false, Ordering::SeqCst);
        self.went_through += 1;
        if self.went_through >= REGROW_AFTER && self.lines < self.lines_max {
            self.lines = (self.lines * 2).min(self.lines_max);
            self.went_through = 0;
        }
        let before = self.condition.word().to_owned();
        self.acknowledge(page, batch.entries.len());
        if self.condition.is_now("ok", self.clock.mono_ns()) == Tell::Changed {
            info!(before, "delivery works");
            self.tell("ok", "");
        }
        if Hold::may_lose_bucket(&before) {
            self.send_again_what_is_kept()?;
        }
        Ok(())
    }

    /// The bucket was not there, or not ours to write: it may be a new, empty one. What the
    /// journal still holds and the bucket will take is sent again; that is harmless if it is not.
    fn send_again_what_is_kept(&mut self) -> Result<(), JournalError> {
        let since_ns = self.clock.wall_ns() - self.retention_ns;
        if let Some(first) = self.reader.first_since(since_ns)? {
            warn!(
                first,
                "the bucket may be a new one: what the journal holds is sent again"
            );
            self.delivered.rewind(first);
            self.leave(DeliveryNews::default());
        }
        Ok(())
    }

    fn obey(&mut self, verdict: Verdict, failure: &Failure, page: &Page, batch: &Batch) -> Step {
        match verdict {
            Verdict::Isolate { certain } => self.isolate(certain, failure, page, batch),
            Verdict::Expired { dropped } => {
                self.expire(dropped, failure, page, batch);
                Step::Again
            }
            Verdict::Halve if batch.entries.len() > 1 => {
                self.lines = (batch.entries.len() / 2).max(1);
                self.went_through = 0;
                debug!(lines = self.lines, "the server wants smaller requests");
                Step::Again
            }
            Verdict::Hold(hold) => {
                self.trouble(
                    hold.as_str(),
                    &format!("{}; {}", failure.message(), hold.remedy()),
                );
                self.sink.refresh_token();
                self.wait(self.backoff.hold())
            }
            Verdict::Later { after: Some(after) } => {
                self.trouble("busy", &failure.message());
                self.wait(Backoff::asked(after))
            }
            Verdict::Later { after: None } | Verdict::Halve | Verdict::ResendPlain => {
                self.failures = self.failures.saturating_add(1);
                let word = match failure {
                    Failure::Transport { kind, .. } => kind,
                    Failure::Status { .. } => "http_error",
                };
                self.trouble(word, &failure.message());
                let after = self.backoff.after(self.failures, self.random.f64());
                self.wait(after)
            }
        }
    }

    /// Halves the batch until the refused line stands alone, then puts that one into quarantine.
    fn isolate(&mut self, certain: bool, failure: &Failure, page: &Page, batch: &Batch) -> Step {
        if let [first, .., last] = batch.entries.as_slice() {
            let middle = batch.entries[batch.entries.len() / 2].id;
            self.suspects.push((middle, last.id));
            self.suspects.push((first.id, middle - 1));
            return Step::Again;
        }
        if !certain {
            // Is it the line, or does the server refuse everything we send? A body without points
            // is accepted (204) by whoever accepts the request itself.
            if let Err(other) = self.sink.send(b"# is it the line?\n", false) {
                let hold = Hold::BadRequest;
                let message = format!("{}; {}", other.message(), hold.remedy());
                self.trouble(hold.as_str(), &message);
                return self.wait(self.backoff.hold());
            }
        }
        let entry = batch.entries[0];
        let message = failure.message();
        warn!(
            pulse = entry.id,
            why = message,
            "the server refuses this point; it goes into quarantine"
        );
        let refused = Refused {
            pulse: entry.id,
            meter: entry.meter,
            wall_ns: entry.wall_ns,
            message,
        };
        self.mailbox.leave(DeliveryNews {
            refused: vec![refused],
            ..DeliveryNews::default()
        });
        self.acknowledge(page, 0);
        Step::Again
    }

    /// Points the encoder could not write: a meter's name that line protocol cannot carry.
    fn keep_unsendable(&self, batch: &Batch) {
        let Some(first) = batch.unsendable.first() else {
            return;
        };
        warn!(
            points = batch.unsendable.len(),
            why = first.message,
            "points cannot be sent"
        );
        let refused = batch.unsendable.clone();
        self.mailbox.leave(DeliveryNews {
            refused,
            ..DeliveryNews::default()
        });
    }

    /// The server has dropped the oldest points of the batch and written the rest.
    fn expire(&mut self, dropped: Option<usize>, failure: &Failure, page: &Page, batch: &Batch) {
        let limit_ns = self.clock.wall_ns() - self.retention_ns;
        let dropped = dropped.unwrap_or_else(|| batch.older_than(limit_ns));
        let dropped = dropped.min(batch.entries.len());
        let expired = batch.oldest(dropped);
        warn!(
            points = dropped,
            why = failure.message(),
            "older than the bucket's retention"
        );
        self.mailbox.leave(DeliveryNews {
            expired,
            ..DeliveryNews::default()
        });
        self.failures = 0;
        self.acknowledge(page, batch.entries.len() - dropped);
    }

    fn acknowledge(&mut self, page: &Page, points: usize) {
        for (first, last) in &page.covered {
            self.delivered.add(*first, *last);
        }
        let points = u64::try_from(points).unwrap_or(0);
        self.unsaved_points += points;
        self.stats.points.fetch_add(points, Ordering::Relaxed);
        self.leave(DeliveryNews::default());
    }

    fn leave(&mut self, news: DeliveryNews) {
        let delivered = Some(self.delivered.clone());
        let much = self.unsaved_points >= SAVE_POINTS;
        if much {
            self.unsaved_points = 0;
        }
        self.mailbox.leave(DeliveryNews {
            delivered,
            much,
            ..news
        });
    }

    fn wait(&mut self, pause_for: Duration) -> Step {
        let ns = i64::try_from(pause_for.as_nanos()).unwrap_or(i64::MAX / 2);
        self.not_before_ns = self.clock.mono_ns() + ns;
        Step::Pause(pause_for)
    }

    /// Tells of a trouble when it is new, and then ever more rarely.
    fn trouble(&mut self, word: &str, message: &str) {
        self.stats.failing.store(true, Ordering::SeqCst);
        match self.condition.is_now(word, self.clock.mono_ns()) {
            Tell::Quiet => return,
            Tell::Again => {}
            Tell::Changed => self.tell(word, message),
        }
        warn!(
            kind = word,
            why = message,
            "delivery does not work; everything is kept and tried again"
        );
    }

    fn tell(&self, word: &str, message: &str) {
        let state = DestinationState {
            state: word.to_owned(),
            message: message.to_owned(),
            since_ns: self.clock.wall_ns(),
        };
        self.mailbox.leave(DeliveryNews {
            state: Some(state),
            ..DeliveryNews::default()
        });
    }
}

fn pause(ns: i64) -> Step {
    Step::Pause(Duration::from_nanos(u64::try_from(ns).unwrap_or(0)))
}
