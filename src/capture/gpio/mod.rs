//! [`GpioSource`]: edges of real lines, by the kernel's GPIO character device. The only room
//! that speaks GPIO.
//!
//! One thread waits in poll(2) over all line descriptors and the waker, and reads in bulk. A
//! line that cannot be had, or no longer, is let go of and tried again, a chip found anew each
//! time: put back while its old descriptor is held, a chip gets another number.

mod backoff;
mod error;
mod find;
mod handover;
mod line;
mod probe;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};

use crate::clock::Clock;
use crate::clock::kernel::ClockSet;
use crate::config::{LineSettings, MeterSettings};
use crate::pulse::{Edge, MeterId, MonoNs};
use crate::service::{self, Kept};

use self::backoff::Backoff;
use self::line::{EventBuffer, Line, RawEdge};
use super::waker::{Waker, timespec};
use super::{Polled, Signal, Source};

pub use self::error::GpioError;
pub use self::find::HEADER_LABELS;
pub use self::probe::{Probe, probe};

/// The GPIO lines of all meters.
#[derive(Debug)]
pub struct GpioSource {
    clock: Arc<dyn Clock>,
    waker: Waker,
    /// None: it is looked at every second only.
    clock_set: Option<ClockSet>,

    slots: Vec<Slot>,
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
    line: LineState,
    backoff: Backoff,
    /// A request that an earlier run has left, with its id.
    kept: Option<(u64, Kept)>,
    /// The name under which the present one is kept.
    kept_as: Option<String>,
}

#[derive(Debug)]
enum LineState {
    Up(Line),
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
    /// requested by the first [`Source::poll`]. `clock` must be the machine's own: the kernel
    /// stamps with it.
    pub fn new(meters: &[MeterSettings], clock: Arc<dyn Clock>, waker: Waker) -> GpioSource {
        let now_ns = clock.mono_ns();
        let slots = (0u16..).zip(meters).map(|(index, meter)| Slot {
            meter: MeterId(index),
            name: meter.name.clone(),
            settings: meter.line.clone(),
            line: LineState::Down {
                retry_at: now_ns,
                told: None,
            },
            backoff: Backoff::new(),
            kept: None,
            kept_as: None,
        });
        GpioSource {
            clock,
            waker,
            clock_set: ClockSet::watch().ok(),
            slots: slots.collect(),
            // Hashers are seeded by the kernel's random numbers; fastrand's own seed is the
            // time since boot, which two runs may share.
            request_ids: fastrand::Rng::with_seed(RandomState::new().hash_one(0)),
            buffer: EventBuffer::new(),
            raw: Vec::new(),
            merge: Merge::default(),
        }
    }

    /// Goes on with the requests that an earlier run has left, where the journal remembers their ids.
    /// `remembered`: by meter. What nobody remembers is let go of.
    pub fn inherit(&mut self, kept: Vec<Kept>, remembered: &[Option<u64>]) {
        for kept in kept {
            let Some(id) = handover::request_id(&kept.name) else {
                continue;
            };
            let slots = self.slots.iter_mut().zip(remembered);
            match slots.into_iter().find(|(_, known)| **known == Some(id)) {
                Some((slot, _)) => slot.kept = Some((id, kept)),
                None => service::forget(&kept.name),
            }
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
        self.merge.flush(signals);
    }

    fn request(
        &mut self,
        index: usize,
        scan: &find::Scan,
        signals: &mut Vec<Signal>,
    ) -> Result<(), GpioError> {
        let slot = &mut self.slots[index];
        let found = find::choose(scan, &slot.settings, find::resolve_device)?;
        if let Some((request_id, kept)) = slot.kept.take() {
            match handover::unfit(&kept, request_id, &slot.settings, &found) {
                None => {
                    self.adopt(index, found, request_id, kept, signals);
                    return Ok(());
                }
                Some(why) => {
                    tracing::warn!(meter = slot.name, why, "the line is requested anew");
                    service::forget(&kept.name);
                }
            }
        }
        // Before the request, so that no edge of the line is older.
        let mono_ns = self.clock.mono_ns();
        let line = Line::request(found, &slot.settings)?;
        self.raw.clear();
        let level = line.level_at_request(&mut self.buffer, &mut self.raw)?;
        tracing::info!(meter = slot.name, line = line.shown(), "line requested");
        // The journal keeps it in 63 bits; 0 is left to mean none.
        let request_id = self.request_ids.u64(1..=i64::MAX as u64);
        let name = handover::name(request_id, &slot.settings);
        service::keep(&name, line.descriptor());
        slot.kept_as = Some(name);
        signals.push(Signal::LineUp {
            meter: slot.meter,
            request_id,
            level,
            mono_ns,
        });
        self.merge.take(slot.meter, &mut self.raw);
        slot.backoff.succeeded(mono_ns);
        slot.line = LineState::Up(line);
        Ok(())
    }

    /// Goes on with a request of an earlier run: the kernel has kept its edges meanwhile.
    fn adopt(
        &mut self,
        index: usize,
        found: find::Found,
        request_id: u64,
        kept: Kept,
        signals: &mut Vec<Signal>,
    ) {
        let slot = &mut self.slots[index];
        let mono_ns = self.clock.mono_ns();
        let line = Line::adopt(found, &slot.settings, kept.file);
        tracing::info!(meter = slot.name, line = line.shown(), "line taken over");
        signals.push(Signal::LineAdopted {
            meter: slot.meter,
            request_id,
            mono_ns,
        });
        slot.kept_as = Some(kept.name);
        slot.backoff.succeeded(mono_ns);
        slot.line = LineState::Up(line);
    }

    /// Drops the line's descriptor and says so, if that is news.
    fn let_go(&mut self, index: usize, error: &GpioError, signals: &mut Vec<Signal>) {
        let slot = &mut self.slots[index];
        if let Some(name) = slot.kept_as.take() {
            // Of no use any more; while it is held the chip comes back under another number.
            service::forget(&name);
        }
        let reason = error.reason();
        let retry_at = slot.backoff.failed(self.clock.mono_ns());
        let known = match &slot.line {
            LineState::Down { told, .. } => told.as_ref() == Some(&reason),
            LineState::Up(_) => false,
        };
        if !known {
            tracing::debug!(meter = slot.name, kind = error.kind(), reason, "line down");
            signals.push(Signal::LineDown {
                meter: slot.meter,
                reason: reason.clone(),
            });
        }
        slot.line = LineState::Down {
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
            if let LineState::Up(line) = &slot.line {
                fds.push(line.poll_fd());
                up.push(index);
            }
        }
        // Interrupted by a signal: nothing was found, callers look at the time again.
        if poll(&mut fds, timeout.as_ref()).is_err() {
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
            woken: woken.contains(&true),
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
            let LineState::Up(line) = &slot.line else {
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
                return Polled::Signals;
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
    fn retry_at(&self) -> Option<MonoNs> {
        match &self.line {
            LineState::Up(_) => None,
            LineState::Down { retry_at, .. } => Some(*retry_at),
        }
    }
}

/// Edges of several lines on their way to one order.
#[derive(Debug, Default)]
struct Merge {
    /// With the key to sort by: the stamp, but never less than that of an earlier edge of the
    /// same line, so that a line keeps its order whatever its stamps.
    edges: Vec<(MonoNs, Edge)>,
}

impl Merge {
    /// Takes the edges of one line, in their order.
    fn take(&mut self, meter: MeterId, raw: &mut Vec<RawEdge>) {
        let mut key = MonoNs::MIN;
        for edge in raw.drain(..) {
            key = key.max(edge.mono_ns);
            let edge = Edge {
                meter,
                kind: edge.kind,
                mono_ns: edge.mono_ns,
                line_seqno: edge.line_seqno,
            };
            self.edges.push((key, edge));
        }
    }

    /// Gives all that was taken, by stamp.
    fn flush(&mut self, signals: &mut Vec<Signal>) {
        self.edges.sort_by_key(|(key, _)| *key);
        signals.extend(self.edges.drain(..).map(|(_, edge)| Signal::Edge(edge)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pulse::EdgeKind;

    fn raw(stamps: &[MonoNs]) -> Vec<RawEdge> {
        let edge = |(line_seqno, mono_ns): (u32, &MonoNs)| RawEdge {
            kind: EdgeKind::Rising,
            mono_ns: *mono_ns,
            line_seqno,
        };
        (1..).zip(stamps).map(edge).collect()
    }

    fn merged(lines: &[&[MonoNs]]) -> Vec<(u16, u32)> {
        let mut merge = Merge::default();
        for (meter, stamps) in (0..).zip(lines) {
            merge.take(MeterId(meter), &mut raw(stamps));
        }
        let mut signals = Vec::new();
        merge.flush(&mut signals);
        let place = |signal: Signal| match signal {
            Signal::Edge(edge) => (edge.meter.0, edge.line_seqno),
            other => panic!("not an edge: {other:?}"),
        };
        signals.into_iter().map(place).collect()
    }

    #[test]
    fn edges_of_several_lines_come_by_stamp() {
        let order = merged(&[&[10, 40], &[20, 30, 50]]);
        assert_eq!(order, [(0, 1), (1, 1), (1, 2), (0, 2), (1, 3)]);
    }

    #[test]
    fn equal_stamps_come_in_the_order_of_the_lines() {
        assert_eq!(merged(&[&[10, 10], &[10]]), [(0, 1), (0, 2), (1, 1)]);
    }

    #[test]
    fn a_line_keeps_its_order_whatever_its_stamps() {
        let order = merged(&[&[50, 10, 60], &[20, 55]]);
        assert_eq!(order, [(1, 1), (0, 1), (0, 2), (1, 2), (0, 3)]);
    }
}
