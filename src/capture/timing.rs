//! When capture wakes up: for what may be decided, and for edges while nothing is.
//!
//! A wake-up costs a board more than what is done in it. An edge that comes while another is being judged changes
//! nothing before that judgement is due, so it is read with it; and where pulses are dense one judgement, and the commit
//! that follows, waits for a moment to take the next along.

use super::line::MeterLine;
use super::{Capture, READ_LAG_MAX_NS};
use crate::model::{MonoNs, NS_PER_MS, NS_PER_S};

/// The clocks are looked at this often when nothing happens, to notice that the wall clock was set.
const CLOCK_LOOK_NS: i64 = NS_PER_S;

/// Pulses are dense when the last one came so recently.
const DENSE_NS: i64 = 50 * NS_PER_MS;

/// A pulse that is judged in time is handed on within this after its edge: with the commit, within 10 ms. An edge that
/// decides by itself is not left unread for longer.
const HAND_ON_NS: i64 = 9 * NS_PER_MS + NS_PER_MS / 4;

/// But none waits for others longer than this.
const GATHER_MAX_NS: i64 = 4 * NS_PER_MS;

/// What is no pulse is judged as it comes, or so long after its time.
const REJECT_NS: i64 = NS_PER_S / 2;

impl MeterLine {
    /// When all is read that its next decision depends on; None: nothing is open.
    fn due_ns(&self) -> Option<MonoNs> {
        Some(self.filter.due_ns()? + self.stamp_delay_ns + READ_LAG_MAX_NS)
    }

    /// When that is due where it may be a pulse. `dense`: it may wait for others.
    fn pulse_due_ns(&self, dense: bool) -> Option<MonoNs> {
        let due_ns = self.due_ns().filter(|_| self.filter.may_count())?;
        let spare_ns = HAND_ON_NS - READ_LAG_MAX_NS - self.filter.settings().bounce_ns;
        let gather_ns = spare_ns.clamp(0, GATHER_MAX_NS);
        Some(due_ns + if dense { gather_ns } else { 0 })
    }
}

impl Capture {
    /// The next time that a pulse may be decided.
    fn pulse_due_ns(&self, now_ns: MonoNs) -> Option<MonoNs> {
        let dense = now_ns - self.counted_ns < DENSE_NS;
        let due = self.lines.iter().map(|line| line.pulse_due_ns(dense));
        due.flatten().min()
    }

    /// The next time something must be decided or looked at.
    pub(super) fn deadline_ns(&self, now_ns: MonoNs) -> MonoNs {
        let mut due = self.lines.iter().filter_map(MeterLine::due_ns);
        if due.any(|due_ns| due_ns + REJECT_NS <= now_ns) {
            return now_ns;
        }
        let look_ns = now_ns + CLOCK_LOOK_NS;
        let due_ns = self.pulse_due_ns(now_ns).unwrap_or(look_ns);
        due_ns.min(look_ns)
    }

    /// Lets edges gather while a pulse is being judged.
    pub(super) fn rest(&mut self) {
        let now_ns = self.clock.mono_ns();
        if let Some(due_ns) = self.pulse_due_ns(now_ns).filter(|due_ns| *due_ns > now_ns) {
            self.source.rest(due_ns.min(now_ns + HAND_ON_NS));
        }
    }
}
