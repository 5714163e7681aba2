//! [`GpioSource`]: edges of real lines, by the kernel's GPIO character device. The only module
//! that speaks GPIO.
//!
//! One thread waits in poll(2) over all line descriptors and the waker, and reads in bulk. A
//! line that cannot be had, or no longer, is released and tried again, a chip is looked for
//! again each time: put back while its old descriptor is held, a chip gets another number.

mod adopted;
mod consumer;
mod error;
mod find;
mod handover;
mod line;
mod listen;
mod merge;
mod probe;
mod retry;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};

use crate::clock::Clock;
use crate::clock::kernel::ClockSet;
use crate::config::{LineSettings, MeterSettings};
use crate::model::{MeterId, MonoNs};
use crate::system::systemd::{self, StoredDescriptor};

use self::line::{EventBuffer, RawEdge, RequestedLine};
use self::merge::Merge;
use self::retry::LineRetry;
use super::waker::{Waker, timespec};
use super::{EdgeSource, Polled, Signal};

pub use self::consumer::{FORMER_CONSUMER, request_of};
pub use self::error::GpioError;
pub use self::find::HEADER_LABELS;
pub use self::handover::is_line;
pub use self::listen::{Chips, Heard, LinePlace, Listener};
pub use self::probe::{Probe, probe};

/// The GPIO lines of all meters.
#[derive(Debug)]
pub struct GpioSource {
    clock: Arc<dyn Clock>,
    waker: Waker,
    /// None: it is looked at every second only.
    clock_set: Option<ClockSet>,

    slots: Vec<Slot>,
    /// Requests of an earlier run that the journal does not know, with their ids, until the first try of all lines.
    found: Vec<(u64, StoredDescriptor)>,
    /// Requests that systemd was asked to keep no longer, and until when that excuses a busy line.
    releasing: Vec<(u64, MonoNs)>,
    request_ids: fastrand::Rng,
    buffer: EventBuffer,
    raw: Vec<RawEdge>,
    merge: Merge,
}

/// A meter's place, with or without its line.
#[derive(Debug)]
struct Slot {
    meter: MeterId,
    name: String,
    settings: LineSettings,
    line: LineRead,
    backoff: LineRetry,
    /// A request that an earlier run has left, with its id.
    kept: Option<(u64, StoredDescriptor)>,
    /// The name under which the present one is kept.
    kept_as: Option<String>,
}

#[derive(Debug)]
enum LineRead {
    Up(RequestedLine),
    Down {
        retry_at: MonoNs,
        /// The reason last told; None: none yet.
        told: Option<String>,
    },
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
    /// requested by the first [`EdgeSource::poll`]. `clock` must be the machine's own: the kernel
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
            backoff: LineRetry::new(),
            kept: None,
            kept_as: None,
        });
        GpioSource {
            clock,
            waker,
            clock_set: ClockSet::watch().ok(),
            slots: slots.collect(),
            found: Vec::new(),
            releasing: Vec::new(),
            // Hashers are seeded by the kernel's random numbers; fastrand's own seed is the
            // time since boot, which two runs may share.
            request_ids: fastrand::Rng::with_seed(RandomState::new().hash_one(0)),
            buffer: EventBuffer::new(),
            raw: Vec::new(),
            merge: Merge::default(),
        }
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
        self.release_found();
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
        if self.take_over(index, &found, signals) {
            return Ok(());
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
        signals.push(Signal::LineUp {
            meter: slot.meter,
            request_id,
            level,
            mono_ns,
        });
        self.merge.take(slot.meter, &mut self.raw);
        slot.take(line, name, mono_ns);
        Ok(())
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

    /// What ends a wait beside the lines: the waker, and a clock that is set. Capture looks at the clocks then,
    /// because a stamp of after a suspend must not be treated as one of before.
    fn interrupting(&self) -> Vec<PollFd<'_>> {
        let mut fds = Vec::with_capacity(2 + self.slots.len());
        fds.push(PollFd::new(&self.waker, PollFlags::IN));
        let clock_set = self.clock_set.as_ref();
        fds.extend(clock_set.map(|set| PollFd::new(set, PollFlags::IN)));
        fds
    }

    /// Waits until `until_ns` at most (None: for ever).
    fn wait(&self, until_ns: Option<MonoNs>) -> Ready {
        let timeout = until_ns.map(|at| timespec(at.saturating_sub(self.clock.mono_ns())));
        let clock_set = self.clock_set.as_ref();
        let mut fds = self.interrupting();
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
            // Interrupted by a signal: no line was looked at, which must not pass for silence.
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

impl EdgeSource for GpioSource {
    fn outlives(&self) -> bool {
        systemd::keeps_descriptors()
    }

    fn rest(&mut self, until_ns: MonoNs) {
        let timeout = timespec(until_ns.saturating_sub(self.clock.mono_ns()));
        // Whatever has ended it is found by the poll that follows.
        let _ = poll(&mut self.interrupting(), Some(&timeout));
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

impl Slot {
    /// Its line is had, and its request is kept under this name.
    fn take(&mut self, line: RequestedLine, kept_as: String, now_ns: MonoNs) {
        self.kept_as = Some(kept_as);
        self.backoff.succeeded(now_ns);
        self.line = LineRead::Up(line);
    }

    /// Whether it is that line that it reads.
    fn reads(&self, found: &find::FoundLine) -> bool {
        matches!(&self.line, LineRead::Up(line) if line.is_at(found))
    }

    fn retry_at(&self) -> Option<MonoNs> {
        match &self.line {
            LineRead::Up(_) => None,
            LineRead::Down { retry_at, .. } => Some(*retry_at),
        }
    }
}
