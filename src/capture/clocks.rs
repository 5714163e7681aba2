//! Capture's look at the clocks: what they tell becomes segments, and is logged.

use tracing::{info, warn};

use super::Capture;
use crate::intake::Pending;
use crate::model::{MonoNs, NS_PER_S};

impl Capture {
    /// Opens a segment of the clock, or changes one, where the clocks tell of it.
    pub(super) fn look_at_clocks(&mut self, now_ns: MonoNs, pending: &mut Pending) {
        if !self.announced {
            self.announced = true;
            pending.segments.extend_from_slice(self.segments.all());
            self.tell_of_contradiction();
        }
        let known = pending.segments.len();
        // An edge is no reason to ask all of this again.
        let offset_ns = self.clock.offset_ns();
        let changed = if let Some((rules, remembered)) = self.told() {
            self.segments.learn(self.clock.look(), rules, remembered)
        } else if self.segments.wants(now_ns, offset_ns) {
            self.segments.observe(self.clock.look())
        } else {
            return;
        };
        for segment in changed {
            info!(
                segment = segment.no.0,
                offset_ns = segment.offset_ns,
                trust = segment.trust.as_str(),
                "the clock was set, or is trusted more now"
            );
            pending.segments.push(segment);
        }
        if pending.segments.len() > known {
            self.tell_of_contradiction();
        }
    }

    fn tell_of_contradiction(&self) {
        if let Some(by_ns) = self.segments.elapsed().contradicted_by_ns() {
            warn!(
                by_days = by_ns / (86_400 * NS_PER_S),
                "the clock contradicts the time that was known in this boot: pulses are counted and kept, and \
                 held until it is set right, or has stayed so for a day"
            );
        }
    }
}
