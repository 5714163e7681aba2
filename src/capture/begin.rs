//! The begin of capture while the disk has not told yet what earlier runs knew of the clock: lines are requested
//! before anything is waited for.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use tracing::{info, warn};

use super::{Capture, Trusting};
use crate::clock::segment::{Rules, Segments};

impl Capture {
    /// Requests the lines, and then waits a little for what earlier runs tell of the clock: the kernel keeps the
    /// edges meanwhile. What comes later than `patience` is taken up when it comes; until then no time is trusted.
    /// For lines whose requests are new: an edge from before this run has no segment that it belongs to.
    pub fn begin_without(&mut self, trusting: Receiver<Trusting>, patience: Duration) {
        let now_ns = self.clock.mono_ns();
        let _ = self.source.poll(Some(now_ns), &mut self.signals);
        if let Ok((rules, remembered)) = trusting.recv_timeout(patience) {
            self.segments = Segments::begin(self.began, rules, remembered);
            return;
        }
        warn!(
            "the disk has not told yet how earlier runs left the clock: pulses are counted, and held until it does"
        );
        self.segments = Segments::begin(self.began, Rules::NOT_KNOWN_YET, None);
        self.trusting = Some(trusting);
    }

    /// What earlier runs tell, once, if it came late.
    pub(super) fn told(&mut self) -> Option<Trusting> {
        let told = self.trusting.as_ref()?.try_recv().ok()?;
        self.trusting = None;
        info!("the disk has told how earlier runs left the clock");
        Some(told)
    }
}
