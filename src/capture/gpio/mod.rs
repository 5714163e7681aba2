//! [`GpioSource`]: edges of real lines, by the kernel's GPIO character device. The only room
//! that speaks GPIO.
//!
//! One thread waits in poll(2) over all line descriptors and the waker, and reads in bulk. A
//! line that cannot be had, or no longer, is let go of and tried again, a chip found anew each
//! time: put back while its old descriptor is held, a chip gets another number.

mod backoff;
mod consumer;
mod error;
mod find;
mod handover;
mod line;
mod merge;
mod probe;
mod slot;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};

use crate::clock::Clock;
use crate::clock::kernel::ClockSet;
use crate::config::MeterSettings;
use crate::model::{MeterId, MonoNs, NS_PER_S};
use crate::system::systemd::{self, StoredDescriptor};

use self::backoff::LineBackoff;
use self::line::{EventBuffer, RawEdge, RequestedLine};
use self::merge::Merge;
use self::slot::{LineRead, Slot};
use super::waker::{Waker, timespec};
use super::{Polled, Signal, Source};

pub use self::consumer::{FORMER_CONSUMER, request_of};
pub use self::error::GpioError;
pub use self::find::HEADER_LABELS;
pub use self::handover::is_line;
pub use self::probe::{Probe, probe};

/// systemd closes a descriptor that it is to keep no longer within milliseconds; a busy line is no matter
/// to be told before this is over.
const RELEASE_NS: i64 = 2 * NS_PER_S;

/// The GPIO lines of all meters.
#[derive(Debug)]
pub struct GpioSource {
    clock: Arc<dyn Clock>,
    waker: Waker,
    /// None: it is looked at every second only.
    clock_set: Option<ClockSet>,

    slots: Vec<Slot>,
    /// Requests that systemd was asked to keep no longer, and until when that excuses a busy line.
    releasing: Vec<(u64, MonoNs)>,
    request_ids: fastrand::Rng,
    buffer: EventBuffer,
    raw: Vec<RawEdge>,
    merge: Merge,
}

/// What poll(2) found.
#[derive(Debug)]
struct Ready {
    woken: bool,
    /// Slots by index, with what is up on their lines.
    slots: Vec<(usize, PollFlags)>,
}

impl GpioSource {
    /// A source of the edges of `meters`; a [`MeterId`] is the position among them. Lines are
    /// requested by the first [`Source::poll`]. `clock` must be the machine's own: the kernel
    /// stamps with it.
    pub fn new(meters: &[MeterSettings], clock: Arc<dyn Clock>, waker: Waker) -> GpioSource {
        let now_ns = clock.mono_ns();
        let slots = (0u16..).zip(meters).map(|(index, meter)| Slot {
            meter: MeterId(index),
            name: meter.name.clone(),
            settings: meter.line.clone(),
            line: LineRead::Down {
                retry_at: now_ns,
                told: None,
            },
            backoff: LineBackoff::new(),
            kept: None,
            kept_as: None,
        });
        GpioSource {
            clock,
            waker,
            clock_set: ClockSet::watch().ok(),
            slots: slots.collect(),
            releasing: Vec::new(),
            // Hashers are seeded by the kernel's random numbers; fastrand's own seed is the
            // time since boot, which two runs may share.
            request_ids: fastrand::Rng::with_seed(RandomState::new().hash_one(0)),
            buffer: EventBuffer::new(),
            raw: Vec::new(),
            merge: Merge::default(),
        }
    }

    /// Goes on with the requests that an earlier run has left, where the journal remembers their ids.
    /// `remembered`: by meter. The others are released. Returns by meter whether its request is there.
    pub fn inherit(
        &mut self,
        kept: Vec<StoredDescriptor>,
        remembered: &[Option<u64>],
    ) -> Vec<bool> {
        for kept in kept {
            let Some(id) = handover::request_id(&kept.name) else {
                continue;
            };
            let slots = self.slots.iter_mut().zip(remembered);
            match slots.into_iter().find(|(_, known)| **known == Some(id)) {
                Some((slot, _)) => slot.kept = Some((id, kept)),
                None => {
                    tracing::warn!(
                        request = kept.name,
                        "the journal does not know this line request of an earlier run: it is released, and \
                         what came on its line meanwhile is not known"
                    );
                    self.release(id, &kept);
                }
            }
        }
        self.slots.iter().map(|slot| slot.kept.is_some()).collect()
    }

    /// Asks systemd to keep a request no longer. It closes its descriptor a moment later.
    fn release(&mut self, request_id: u64, kept: &StoredDescriptor) {
        systemd::forget(&kept.name);
        let until_ns = self.clock.mono_ns() + RELEASE_NS;
        self.releasing.push((request_id, until_ns));
    }

    /// Whether the line is busy only until systemd has closed what it was asked to.
    fn is_releasing(&self, error: &GpioError) -> bool {
        let GpioError::Busy { consumer, .. } = error else {
            return false;
        };
        let now_ns = self.clock.mono_ns();
        let of_former = consumer == FORMER_CONSUMER;
        let holder = request_of(consumer);
        let mut still = self
            .releasing
            .iter()
            .filter(|(_, until_ns)| now_ns < *until_ns);
        still.any(|(id, _)| of_former || holder == Some(*id))
    }

    /// Tries all lines whose time has come, over one look at the machine's chips.
    fn bring_up(&mut self, signals: &mut Vec<Signal>) {
        let now_ns = self.clock.mono_ns();
        let due = |slot: &Slot| slot.retry_at().is_some_and(|at| at <= now_ns);
        if !self.slots.iter().any(due) {
            return;
        }
        let scan = find::scan();
        for index in 0..self.slots.len() {
            if due(&self.slots[index]) {
                if let Err(error) = self.request(index, &scan, signals) {
                    self.let_go(index, &error, signals);
                }
            }
        }
        self.merge.flush(signals);
    }

    fn request(
        &mut self,
        index: usize,
        scan: &find::Scan,
        signals: &mut Vec<Signal>,
    ) -> Result<(), GpioError> {
        let found = find::choose(scan, &self.slots[index].settings, find::resolve_device)?;
        if let Some(other) = self.slots.iter().find(|slot| slot.reads(&found)) {
            let (line, meter) = (found.shown, other.name.clone());
            return Err(GpioError::Shared { line, meter });
        }
        let slot = &mut self.slots[index];
        if let Some((request_id, kept)) = slot.kept.take() {
            match handover::unfit(&kept, request_id, &slot.settings, &found) {
                None => {
                    self.adopt(index, found, request_id, kept, signals);
                    return Ok(());
                }
                Some(why) => {
                    tracing::warn!(meter = slot.name, why, "the line is requested again");
                    self.release(request_id, &kept);
                }
            }
        }
        // The journal keeps it in 63 bits; 0 is left to mean none.
        let request_id = self.request_ids.u64(1..=i64::MAX as u64);
        let slot = &mut self.slots[index];
        let name = handover::name(request_id, &slot.settings, &found);
        // Before the request, so that no edge of the line is older.
        let mono_ns = self.clock.mono_ns();
        let line = RequestedLine::request(found, &slot.settings, &consumer::consumer(request_id))?;
        self.raw.clear();
        let level = line.level_at_request(&mut self.buffer, &mut self.raw)?;
        tracing::info!(meter = slot.name, line = line.shown(), "line requested");
        systemd::keep(&name, line.descriptor());
        slot.kept_as = Some(name);
        signals.push(Signal::LineUp {
            meter: slot.meter,
            request_id,
            level,
            mono_ns,
        });
        self.merge.take(slot.meter, &mut self.raw);
        slot.backoff.succeeded(mono_ns);
        slot.line = LineRead::Up(line);
        Ok(())
    }

    /// Goes on with a request of an earlier run: the kernel has kept its edges meanwhile.
    fn adopt(
        &mut self,
        index: usize,
        found: find::FoundLine,
        request_id: u64,
        kept: StoredDescriptor,
        signals: &mut Vec<Signal>,
    ) {
        let slot = &mut self.slots[index];
        let mono_ns = self.clock.mono_ns();
        let line = RequestedLine::adopt(found, &slot.settings, kept.file);
        tracing::info!(meter = slot.name, line = line.shown(), "line taken over");
        signals.push(Signal::LineAdopted {
            meter: slot.meter,
            request_id,
            mono_ns,
        });
        slot.kept_as = Some(kept.name);
        slot.backoff.succeeded(mono_ns);
        slot.line = LineRead::Up(line);
    }

    /// Drops the line's descriptor and says so, if that is news.
    fn let_go(&mut self, index: usize, error: &GpioError, signals: &mut Vec<Signal>) {
        let slot = &mut self.slots[index];
        if let Some(name) = slot.kept_as.take() {
            // Of no use any more; while it is held the chip comes back under another number.
            systemd::forget(&name);
        }
        let reason = error.reason();
        let retry_at = slot.backoff.failed(self.clock.mono_ns());
        if self.is_releasing(error) {
            tracing::debug!(
                meter = self.slots[index].name,
                reason,
                "the line is being released"
            );
            self.slots[index].line = LineRead::Down {
                retry_at,
                told: None,
            };
            return;
        }
        let slot = &mut self.slots[index];
        let known = match &slot.line {
            LineRead::Down { told, .. } => told.as_ref() == Some(&reason),
            LineRead::Up(_) => false,
        };
        if !known {
            tracing::debug!(meter = slot.name, kind = error.kind(), reason, "line down");
            signals.push(Signal::LineDown {
                meter: slot.meter,
                reason: reason.clone(),
            });
        }
        slot.line = LineRead::Down {
            retry_at,
            told: Some(reason),
        };
    }

    /// Waits until `until_ns` at most (None: for ever).
    fn wait(&self, until_ns: Option<MonoNs>) -> Ready {
        let timeout = until_ns.map(|at| timespec(at.saturating_sub(self.clock.mono_ns())));
        let mut fds = vec![PollFd::new(&self.waker, PollFlags::IN)];
        // Whoever waits looks at the clocks then: a stamp of after a suspend must not be taken for one
        // of before.
        let clock_set = self.clock_set.as_ref();
        fds.extend(clock_set.map(|set| PollFd::new(set, PollFlags::IN)));
        let first_line = fds.len();
        let mut up = Vec::with_capacity(self.slots.len());
        for (index, slot) in self.slots.iter().enumerate() {
            if let LineRead::Up(line) = &slot.line {
                fds.push(line.poll_fd());
                up.push(index);
            }
        }
        let failed = poll(&mut fds, timeout.as_ref()).is_err();
        if failed {
            fds.iter_mut().for_each(PollFd::clear_revents);
        }
        let woken: Vec<bool> = fds[..first_line]
            .iter()
            .map(|fd| !fd.revents().is_empty())
            .collect();
        if let (Some(set), Some(true)) = (clock_set, woken.get(1)) {
            set.clear();
        }
        let found = fds[first_line..].iter().map(PollFd::revents);
        Ready {
            // Interrupted by a signal: no line was looked at, and nobody may take that for silence.
            woken: failed || woken.contains(&true),
            slots: up
                .into_iter()
                .zip(found)
                .filter(|(_, flags)| !flags.is_empty())
                .collect(),
        }
    }

    /// Reads the lines that are ready; the lost ones are told after the edges of the others.
    fn read(&mut self, ready: &[(usize, PollFlags)], signals: &mut Vec<Signal>) {
        let mut lost = Vec::new();
        for &(index, flags) in ready {
            let slot = &self.slots[index];
            let LineRead::Up(line) = &slot.line else {
                continue;
            };
            self.raw.clear();
            // Of a chip that has gone nothing can be read any more, not even what the kernel
            // had kept.
            let outcome = if flags == PollFlags::IN {
                line.read(&mut self.buffer, &mut self.raw)
            } else {
                Err(line.hung_up())
            };
            self.merge.take(slot.meter, &mut self.raw);
            if let Err(error) = outcome {
                lost.push((index, error));
            }
        }
        self.merge.flush(signals);
        for (index, error) in lost {
            self.let_go(index, &error, signals);
        }
    }
}

impl Source for GpioSource {
    fn outlives(&self) -> bool {
        systemd::keeps_descriptors()
    }

    /// A wake-up is told before edges that came at the same time; those stay in the kernel's
    /// buffer until the next call.
    fn poll(&mut self, deadline_ns: Option<MonoNs>, signals: &mut Vec<Signal>) -> Polled {
        let before = signals.len();
        loop {
            self.bring_up(signals);
            if signals.len() > before {
                // What the kernel has kept of a line that was taken over is told with it: whoever hears of
                // the line alone would take its silence for a level that has stayed.
                let ready = self.wait(Some(self.clock.mono_ns()));
                self.read(&ready.slots, signals);
                let unread = ready.woken && ready.slots.is_empty();
                return if unread {
                    Polled::Woken
                } else {
                    Polled::Signals
                };
            }
            let retry = self.slots.iter().filter_map(Slot::retry_at).min();
            let ready = self.wait(deadline_ns.into_iter().chain(retry).min());
            if ready.woken {
                self.waker.clear();
                return Polled::Woken;
            }
            self.read(&ready.slots, signals);
            if signals.len() > before {
                return Polled::Signals;
            }
            if deadline_ns.is_some_and(|deadline_ns| deadline_ns <= self.clock.mono_ns()) {
                return Polled::TimedOut;
            }
        }
    }
}
