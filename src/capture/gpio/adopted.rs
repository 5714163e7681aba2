//! Going on with the line requests that an earlier run has left.

use crate::capture::Signal;
use crate::model::NS_PER_S;
use crate::system::systemd::{self, StoredDescriptor};

use super::GpioSource;
use super::consumer::{FORMER_CONSUMER, request_of};
use super::error::GpioError;
use super::find;
use super::handover::{self, Fit};
use super::line::RequestedLine;

/// systemd closes a descriptor that it is to keep no longer within milliseconds; a busy line is no matter
/// to be told before this is over.
const RELEASE_NS: i64 = 2 * NS_PER_S;

impl GpioSource {
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
                    self.release(id, &kept.name);
                }
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

    /// Goes on with a request of an earlier run, with the settings of the configuration. False: it cannot, and is
    /// released; what the kernel had kept of its line is told all the same.
    pub(super) fn go_on(
        &mut self,
        index: usize,
        found: &find::FoundLine,
        request_id: u64,
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
        signals.push(Signal::LineAdopted {
            meter: slot.meter,
            request_id,
            mono_ns: self.clock.mono_ns(),
        });
        if !is_other {
            tracing::info!(meter = slot.name, line = line.shown(), "line taken over");
            slot.take(line, name, self.clock.mono_ns());
            return true;
        }
        // First the name of its former settings goes: a kill between leaves none that is wrong.
        systemd::forget(&name);
        self.raw.clear();
        let reconfigured = line.reconfigure(settings, &mut self.buffer, &mut self.raw);
        self.merge.take(slot.meter, &mut self.raw);
        if let Err(error) = reconfigured {
            let why = error.reason();
            tracing::warn!(meter = slot.name, why, "the line is requested again");
            // Before the line is told to be up again.
            self.merge.flush(signals);
            drop(line);
            self.release(request_id, &name);
            return false;
        }
        tracing::info!(
            meter = slot.name,
            line = line.shown(),
            "line taken over, with other settings"
        );
        let name = handover::name(request_id, settings, found);
        systemd::keep(&name, line.descriptor());
        slot.take(line, name, self.clock.mono_ns());
        true
    }
}
