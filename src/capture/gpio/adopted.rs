//! Going on with the line requests that an earlier run has left.

use crate::capture::Signal;
use crate::model::{MeterId, MonoNs, NS_PER_S};
use crate::system::systemd::{self, StoredDescriptor};

use super::GpioSource;
use super::consumer::{FORMER_CONSUMER, request_of};
use super::error::GpioError;
use super::find;
use super::handover::{self, Fit};
use super::line::{EventBuffer, RawEdge, RequestedLine};

/// systemd closes a descriptor that it is to keep no longer within milliseconds; a busy line is no matter
/// to be told before this is over.
const RELEASE_NS: i64 = 2 * NS_PER_S;

impl GpioSource {
    /// Goes on with the requests that an earlier run has left. `remembered`: by meter, the id that the journal
    /// remembers. Requests that it does not know go on, too, where they are of a line that is wanted: what the kernel
    /// keeps of them was read by no run. Returns by meter whether the request that is remembered is there.
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
                None => self.found.push((id, kept)),
            }
        }
        self.slots.iter().map(|slot| slot.kept.is_some()).collect()
    }

    /// Asks systemd to keep a request no longer. It closes its descriptor a moment later.
    fn release(&mut self, request_id: u64, name: &str) {
        systemd::forget(name);
        let until_ns = self.clock.mono_ns() + RELEASE_NS;
        self.releasing.push((request_id, until_ns));
    }

    /// Releases the requests that the journal does not know and no meter's line has gone on with.
    pub(super) fn release_found(&mut self) {
        for (id, kept) in std::mem::take(&mut self.found) {
            tracing::warn!(
                request = kept.name,
                "this line request of an earlier run is of no meter's line: it is released, and what came on its \
                 line meanwhile is not known"
            );
            self.release(id, &kept.name);
        }
    }

    /// Whether the line is busy only until systemd has closed what it was asked to.
    pub(super) fn is_releasing(&self, error: &GpioError) -> bool {
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

    /// Goes on with a request of an earlier run, if there is one that can. What cannot is released.
    pub(super) fn take_over(
        &mut self,
        index: usize,
        found: &find::FoundLine,
        signals: &mut Vec<Signal>,
    ) -> bool {
        if let Some((request_id, kept)) = self.slots[index].kept.take() {
            if self.go_on(index, found, (request_id, true), kept, signals) {
                return true;
            }
        }
        let settings = &self.slots[index].settings;
        let is_of_line = |(id, kept): &(u64, StoredDescriptor)| {
            !matches!(handover::fit(kept, *id, settings, found), Fit::No { .. })
        };
        let Some(at) = self.found.iter().position(is_of_line) else {
            return false;
        };
        let (request_id, kept) = self.found.swap_remove(at);
        self.go_on(index, found, (request_id, false), kept, signals)
    }

    /// Goes on with a request of an earlier run, with the settings of the configuration. False: it cannot, and is
    /// released; what the kernel had kept of its line is told all the same.
    fn go_on(
        &mut self,
        index: usize,
        found: &find::FoundLine,
        (request_id, is_remembered): (u64, bool),
        kept: StoredDescriptor,
        signals: &mut Vec<Signal>,
    ) -> bool {
        let slot = &mut self.slots[index];
        let settings = &slot.settings;
        let (debounce_us, is_other) = match handover::fit(&kept, request_id, settings, found) {
            Fit::AsItIs => (settings.kernel_debounce_us, false),
            Fit::Otherwise { kernel_debounce_us } => (kernel_debounce_us, true),
            Fit::No { why } => {
                tracing::warn!(meter = slot.name, why, "the line is requested again");
                self.release(request_id, &kept.name);
                return false;
            }
        };
        let StoredDescriptor { name, file } = kept;
        let mut line = RequestedLine::adopt(found.clone(), debounce_us, file);
        self.raw.clear();
        let (meter, now_ns) = (slot.meter, self.clock.mono_ns());
        let kept_edges = (&mut self.buffer, &mut self.raw);
        let begun = if is_remembered {
            let mono_ns = now_ns;
            Ok(Signal::LineAdopted {
                meter,
                request_id,
                mono_ns,
            })
        } else {
            line_found(&line, meter, request_id, now_ns, kept_edges)
        };
        let ready = begun.and_then(|begun| {
            signals.push(begun);
            if is_other {
                // First the name of its former settings goes: a kill between leaves none that is wrong.
                systemd::forget(&name);
                line.reconfigure(settings, &mut self.buffer, &mut self.raw)?;
            }
            Ok(())
        });
        self.merge.take(meter, &mut self.raw);
        if let Err(error) = ready {
            let why = error.reason();
            tracing::warn!(meter = slot.name, why, "the line is requested again");
            // Before the line is told to be up again.
            self.merge.flush(signals);
            drop(line);
            self.release(request_id, &name);
            return false;
        }
        tell(&slot.name, line.shown(), is_remembered, is_other);
        if !is_other {
            slot.take(line, name, now_ns);
            return true;
        }
        let name = handover::name(request_id, settings, found);
        systemd::keep(&name, line.descriptor());
        slot.take(line, name, now_ns);
        true
    }
}

/// The begin of a line whose request the journal does not know; what the kernel has kept of it is read.
fn line_found(
    line: &RequestedLine,
    meter: MeterId,
    request_id: u64,
    now_ns: MonoNs,
    (buffer, raw): (&mut EventBuffer, &mut Vec<RawEdge>),
) -> Result<Signal, GpioError> {
    let level = line.level_before(buffer, raw)?;
    let mono_ns = raw.first().map_or(now_ns, |first| first.mono_ns);
    Ok(Signal::LineFound {
        meter,
        request_id,
        level,
        mono_ns,
    })
}

fn tell(meter: &str, line: &str, is_remembered: bool, is_other: bool) {
    let with = if is_other {
        ", with other settings"
    } else {
        ""
    };
    if is_remembered {
        tracing::info!(meter, line, "line taken over{with}");
        return;
    }
    tracing::warn!(
        meter,
        line,
        "line taken over{with}; the journal does not know its request: what the kernel has kept counts, what came \
         before that is not known"
    );
}
