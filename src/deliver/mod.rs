//! From the journal to the server: read after what is delivered up to the durable mark, encode,
//! compress, send, judge the answer, acknowledge. Live data and replay take the same path.
//!
//! Nothing is acknowledged before a 204, and sending twice is harmless: a point's identity
//! (measurement, tags, timestamp) was fixed when the pulse became final.

pub mod batch;
pub mod held_days;
pub mod influx_sink;
pub mod lanes;
pub mod sink;
pub mod suspects;

mod answers;
mod shown;

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use crate::clock::Clock;
use crate::journal::IdRanges;
use crate::journal::JournalError;
use crate::journal::Mark;
use crate::journal::Outbox;
use crate::journal::{DeliveryNews, DestinationState};
use crate::journal::{Page, Reader};
use crate::live::ServerPart;
use crate::model::{
    DeliveryState, DestinationRow, IdRange, MonoNs, NS_PER_DAY, NS_PER_MS, NS_PER_S, PulseId,
    WallNs,
};
use crate::server::{Dependencies, Encoding, Hold, Remind, Reminder, RequestSize, RetryPolicy};
use batch::Encoder;
use held_days::HeldDays;
use lanes::Span;
use shown::{Shown, Standing};
use sink::Sink;
use suspects::Suspects;

/// While a backlog is worked off, the newest pulses get a request of their own this often.
const LIVE_EVERY_NS: i64 = 2 * NS_PER_S;

/// Empty stretches of ids that one step skips.
const SKIPS_MAX: usize = 64;

/// After so many points what is delivered is saved, to be seen; otherwise the writer takes its time.
const SAVE_POINTS: u64 = 50_000;

/// The same where nothing is left to send.
const SAVE_WHEN_IDLE_POINTS: u64 = 500;

/// How often is looked whether points of the quarantine are to be sent again.
const AGAIN_LOOK_NS: i64 = 5 * NS_PER_S;

/// What [`Deliverer::step`] did, and when to call it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliverStep {
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
    outbox: Arc<Outbox>,
    board: ServerPart,
    clock: Arc<dyn Clock>,
    // Settings.
    flush_ns: i64,
    backoff: RetryPolicy,
    retention_ns: i64,
    destination: DestinationRow,
    encoder: Encoder,
    // State.
    delivered: IdRanges,
    held: IdRanges,
    settled_seen: u64,
    suspects: Suspects,
    days: HeldDays,
    size: RequestSize,
    encoding: Encoding,
    /// The last line that went through: sending it again is harmless, and shows whether anything goes.
    known_line: Vec<u8>,
    /// What is said while days are held.
    days_message: String,
    /// The bucket was not there or not ours: it may be another one when it is there again.
    bucket_in_doubt: bool,
    unsaved_points: u64,
    failures: u32,
    not_before_ns: MonoNs,
    live_sent_ns: MonoNs,
    /// So late it surely is, as far as anybody knows.
    sure_ns: Option<WallNs>,
    looked_again_ns: MonoNs,
    /// Whether the journal was written to since: the same number as then says that it was not.
    writes_seen: u64,
    condition: Reminder,
    random: fastrand::Rng,
    /// The last request failed.
    is_failing: bool,
    /// Requests that failed, since the start.
    requests_failed: u64,
    shown: Shown,
}

impl Deliverer {
    /// Takes up where the journal says the last run stopped.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn begin(start: Dependencies, sink: Box<dyn Sink>) -> Result<Deliverer, JournalError> {
        let delivered = start.reader.delivered(start.destination)?;
        let destinations = start.reader.destinations()?;
        let known = destinations
            .into_iter()
            .find(|(row, ..)| *row == start.destination);
        let word = known.map_or_else(String::new, |(_, _, state)| state.state);
        let backoff = RetryPolicy {
            retries_max: start.settings.retries_max,
            interval: Duration::from_millis(start.settings.replay_interval_ms),
        };
        Ok(Deliverer {
            encoder: Encoder::new(&start.measurement, start.extras),
            reader: start.reader,
            sink,
            outbox: start.outbox,
            board: start.shown_on,
            clock: start.clock,
            flush_ns: i64::try_from(start.settings.flush_ms).unwrap_or(0) * NS_PER_MS,
            backoff,
            retention_ns: i64::from(start.retention_d) * NS_PER_DAY,
            destination: start.destination,
            delivered,
            held: IdRanges::default(),
            settled_seen: 0,
            suspects: Suspects::default(),
            days: HeldDays::default(),
            size: RequestSize::new(start.settings.batch_lines_max),
            encoding: Encoding::default(),
            known_line: Vec::new(),
            days_message: String::new(),
            bucket_in_doubt: Hold::may_hide_a_lost_bucket(&word),
            unsaved_points: 0,
            failures: 0,
            not_before_ns: 0,
            live_sent_ns: i64::MIN / 2,
            sure_ns: None,
            looked_again_ns: i64::MIN / 2,
            writes_seen: u64::MAX,
            condition: Reminder::new(word),
            random: fastrand::Rng::new(),
            is_failing: false,
            requests_failed: 0,
            shown: Shown::default(),
        })
    }

    /// Sends one batch of what is durable, if it is time to, and shows how delivery stands.
    ///
    /// # Errors
    /// When the journal cannot be read; to be tried again.
    pub fn step(&mut self, mark: Mark) -> Result<DeliverStep, JournalError> {
        let step = self.try_step(mark)?;
        let now = Standing {
            delivered: &self.delivered,
            mark,
            is_failing: self.is_failing,
            failures: self.requests_failed,
            goes_on: step == DeliverStep::Again,
            now_ns: self.clock.mono_ns(),
        };
        self.shown.show(&now, &mut self.reader, &self.board)?;
        Ok(step)
    }

    fn try_step(&mut self, mark: Mark) -> Result<DeliverStep, JournalError> {
        if std::mem::replace(&mut self.settled_seen, mark.segments_settled) != mark.segments_settled
        {
            self.held = IdRanges::default();
        }
        self.sure_ns = mark.sure_ns;
        let now_ns = self.clock.mono_ns();
        if now_ns < self.not_before_ns {
            return Ok(pause(self.not_before_ns - now_ns));
        }
        self.days.look(now_ns);
        self.send_quarantine_again(now_ns)?;
        for _ in 0..SKIPS_MAX {
            let Some(span) = self.next_span(mark.durable, now_ns) else {
                return Ok(self.nothing_left(mark.durable, now_ns));
            };
            // Live data is sent in requests of at least so much apart, to be worth the overhead.
            let flush_due_ns = self.live_sent_ns.saturating_add(self.flush_ns);
            if span.live && now_ns < flush_due_ns {
                return Ok(pause(flush_due_ns - now_ns));
            }
            let lines = self.size.lines();
            let mut page = self.reader.page(span.ids, lines)?;
            self.held.extend(page.held.iter().copied());
            self.days.take_out(&mut page, now_ns);
            let batch = self.encoder.encode(&page.entries, &self.reader)?;
            self.keep_unsendable(&batch);
            if batch.entries.is_empty() {
                self.acknowledge(&page, 0);
                continue;
            }
            let failed = self.requests_failed;
            let step = self.send(&page, &batch)?;
            if span.live && failed == self.requests_failed {
                self.live_sent_ns = now_ns;
            }
            return Ok(step);
        }
        Ok(DeliverStep::Again)
    }

    /// What to send next: first what is suspected of a line that the server refuses.
    fn next_span(&mut self, newest: PulseId, now_ns: MonoNs) -> Option<Span> {
        if let Some(ids) = self.suspects.next_stretch() {
            return Some(Span { ids, live: false });
        }
        let mut done = self.delivered.clone();
        let put_off = [&self.held, self.days.ids()];
        done.extend(put_off.into_iter().flat_map(IdRanges::ranges).copied());
        done.extend(self.suspects.waiting().map(IdRange::one));
        let lines = i64::try_from(self.size.lines()).unwrap_or(i64::MAX);
        let live_due = now_ns - self.live_sent_ns >= LIVE_EVERY_NS;
        lanes::next(&done, newest, lines, live_due)
    }

    /// All that may be sent is sent.
    fn nothing_left(&mut self, durable: PulseId, now_ns: MonoNs) -> DeliverStep {
        if self.suspects.why().is_some() {
            return self.ask_with_a_known_line();
        }
        self.days.idle(now_ns);
        self.save_if_much_changed();
        self.shown.idle_at = durable;
        DeliverStep::Idle
    }

    /// Points of the quarantine that are to be sent again are delivered no longer.
    fn send_quarantine_again(&mut self, now_ns: MonoNs) -> Result<(), JournalError> {
        if now_ns - self.looked_again_ns < AGAIN_LOOK_NS {
            return Ok(());
        }
        self.looked_again_ns = now_ns;
        let writes = self.board.snapshot().journal.writes_seen;
        if std::mem::replace(&mut self.writes_seen, writes) == writes {
            return Ok(());
        }
        let released = self.reader.to_send_again(self.destination)?;
        if released.is_empty() {
            return Ok(());
        }
        info!(
            points = released.len(),
            "points of the quarantine are sent again"
        );
        for pulse in &released {
            self.delivered.remove(IdRange::one(*pulse));
        }
        self.leave(DeliveryNews {
            released,
            ..DeliveryNews::default()
        });
        Ok(())
    }

    /// A backlog that has been worked off is not shown as one until the next save.
    fn save_if_much_changed(&mut self) {
        if self.unsaved_points >= SAVE_WHEN_IDLE_POINTS {
            self.unsaved_points = SAVE_POINTS;
            self.leave(DeliveryNews::default());
        }
    }

    fn acknowledge(&mut self, page: &Page, points: usize) {
        self.delivered.extend(page.covered.iter().copied());
        let points = u64::try_from(points).unwrap_or(0);
        self.unsaved_points += points;
        self.shown.points += points;
        self.leave(DeliveryNews::default());
    }

    fn leave(&mut self, news: DeliveryNews) {
        let delivered = Some(self.delivered.clone());
        let much = self.unsaved_points >= SAVE_POINTS;
        if much {
            self.unsaved_points = 0;
        }
        self.outbox.leave(DeliveryNews {
            delivered,
            much,
            ..news
        });
    }

    fn wait(&mut self, pause_for: Duration) -> DeliverStep {
        let ns = i64::try_from(pause_for.as_nanos()).unwrap_or(i64::MAX / 2);
        self.not_before_ns = self.clock.mono_ns() + ns;
        DeliverStep::Pause(pause_for)
    }

    /// Nothing goes: tells of it when it is new, and then ever more rarely.
    fn trouble(&mut self, word: &str, message: &str) {
        self.is_failing = true;
        self.complain(word, message);
    }

    /// The same of a trouble that lets other pulses go.
    fn complain(&mut self, word: &str, message: &str) {
        match self.condition.is_now(word, self.clock.mono_ns()) {
            Remind::Quiet => return,
            Remind::Again => {}
            Remind::Changed => self.tell(word, message),
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
        self.board.publish_delivery(|delivery| {
            delivery.state = DeliveryState::from_word(&state.state);
            delivery.message.clone_from(&state.message);
            delivery.since_ns = state.since_ns;
        });
        self.outbox.leave(DeliveryNews {
            state: Some(state),
            ..DeliveryNews::default()
        });
    }
}

fn pause(ns: i64) -> DeliverStep {
    DeliverStep::Pause(Duration::from_nanos(u64::try_from(ns).unwrap_or(0)))
}

#[cfg(test)]
mod answer_tests;
