//! Clock segments: which stretch of monotonic time ties to wall time by which offset. Pure.
//!
//! Pulses are stored with their monotonic stamp and the segment it belongs to; the segment
//! holds the offset. Setting the clock therefore changes one row, and never a pulse.
//!
//! * NTP slews both clocks alike, so the offset stands still; a *step* changes it at once and
//!   opens a new segment.
//! * A segment that opened while the wall clock was plainly wrong (before this program was
//!   written: a board without RTC boots in 1970) is *provisional*. The first step to a
//!   plausible time settles every provisional segment of this run with the new offset: the
//!   monotonic clock ran on undisturbed meanwhile. Once final, an offset never changes.

use crate::pulse::{MonoNs, NS_PER_MS, SegmentNo, WallNs};

/// No pulse can be older than this program: 2026-01-01T00:00:00Z. A wall clock before it is wrong.
pub const EARLIEST_WALL_NS: WallNs = 1_767_225_600_000_000_000;

/// A change of the offset above this is a step. Two reads of the clocks differ by microseconds,
/// and a second's error takes a slew minutes without moving the offset at all.
pub const STEP_MIN_NS: i64 = NS_PER_MS;

/// How far a segment's offset can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Not yet: its pulses are kept but not delivered.
    Provisional,
    /// Taken for right because it is plausible; nothing confirmed it.
    Assumed,
}

impl Trust {
    /// Whether pulses of such a segment may leave.
    pub fn is_final(self) -> bool {
        self != Trust::Provisional
    }

    /// The number kept in the journal.
    pub fn as_code(self) -> i64 {
        match self {
            Trust::Provisional => 0,
            Trust::Assumed => 1,
        }
    }
}

/// One stretch of monotonic time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Its number in this run.
    pub no: SegmentNo,
    /// Where it begins on the monotonic clock.
    pub begins_ns: MonoNs,
    /// Wall minus monotonic time.
    pub offset_ns: i64,
    /// Whether that can be relied on.
    pub trust: Trust,
}

/// Follows the clocks of one run and says when a segment begins.
#[derive(Debug)]
pub struct Segments {
    earliest_wall_ns: WallNs,
    all: Vec<Segment>,
}

/// The segments kept for edges that are read late; a step a second for a minute is plenty.
const KEPT: usize = 64;

impl Segments {
    /// Starts with the clocks as they are. Wall time before `earliest_wall_ns` is not believed.
    pub fn begin(now_ns: MonoNs, offset_ns: i64, earliest_wall_ns: WallNs) -> Segments {
        let mut segments = Segments {
            earliest_wall_ns,
            all: Vec::new(),
        };
        segments.open(SegmentNo(0), now_ns, offset_ns);
        segments
    }

    /// The newest segment.
    pub fn current(&self) -> Segment {
        *self
            .all
            .last()
            .expect("one is opened by begin and never the last one removed")
    }

    /// The segments known, oldest first.
    pub fn all(&self) -> &[Segment] {
        &self.all
    }

    /// The segment that a stamp belongs to: the last one that had begun by then.
    pub fn at(&self, mono_ns: MonoNs) -> SegmentNo {
        let later = self.all.iter().rev().find(|s| s.begins_ns <= mono_ns);
        later.unwrap_or(&self.all[0]).no
    }

    /// Looks at the clocks. Returns the segments that are new or have become final, if any.
    pub fn observe(&mut self, now_ns: MonoNs, offset_ns: i64) -> Vec<Segment> {
        let current = self.current();
        if (offset_ns - current.offset_ns).abs() < STEP_MIN_NS {
            return Vec::new();
        }
        self.open(SegmentNo(current.no.0 + 1), now_ns, offset_ns);
        let opened = self.current();
        let mut changed = Vec::new();
        if opened.trust.is_final() {
            for earlier in self.all.iter_mut().filter(|s| !s.trust.is_final()) {
                earlier.offset_ns = offset_ns;
                earlier.trust = opened.trust;
                changed.push(*earlier);
            }
        }
        changed.push(opened);
        if self.all.len() > KEPT {
            // A provisional one stays until it is settled.
            if let Some(oldest) = self.all.iter().position(|s| s.trust.is_final()) {
                self.all.remove(oldest);
            }
        }
        changed
    }

    fn open(&mut self, no: SegmentNo, begins_ns: MonoNs, offset_ns: i64) {
        let plausible = begins_ns + offset_ns >= self.earliest_wall_ns;
        let trust = if plausible {
            Trust::Assumed
        } else {
            Trust::Provisional
        };
        self.all.push(Segment {
            no,
            begins_ns,
            offset_ns,
            trust,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pulse::NS_PER_S;

    const T0: MonoNs = NS_PER_S;
    const GOOD: i64 = EARLIEST_WALL_NS + 86_400 * NS_PER_S;

    #[test]
    fn small_differences_are_reading_noise() {
        let mut segments = Segments::begin(T0, GOOD, EARLIEST_WALL_NS);
        assert!(segments.observe(2 * T0, GOOD + STEP_MIN_NS - 1).is_empty());
        assert!(segments.observe(3 * T0, GOOD - STEP_MIN_NS + 1).is_empty());
        assert_eq!(segments.all().len(), 1);
    }

    #[test]
    fn a_step_opens_a_segment_and_leaves_the_old_one_as_it_was() {
        let mut segments = Segments::begin(T0, GOOD, EARLIEST_WALL_NS);
        let changed = segments.observe(5 * T0, GOOD - 3600 * NS_PER_S);
        assert_eq!(changed, vec![segments.current()]);
        assert_eq!(segments.at(5 * T0 - 1), SegmentNo(0));
        assert_eq!(segments.at(5 * T0), SegmentNo(1));
        assert_eq!(segments.all()[0].offset_ns, GOOD);
    }

    #[test]
    fn a_boot_in_1970_is_settled_by_the_first_plausible_time() {
        let mut segments = Segments::begin(T0, 0, EARLIEST_WALL_NS);
        assert_eq!(segments.current().trust, Trust::Provisional);
        assert_eq!(
            segments.observe(2 * T0, 60 * NS_PER_S).len(),
            1,
            "still 1970"
        );
        let changed = segments.observe(9 * T0, GOOD);
        assert_eq!(changed.len(), 3);
        assert!(
            changed
                .iter()
                .all(|s| s.offset_ns == GOOD && s.trust == Trust::Assumed)
        );
    }

    #[test]
    fn what_is_final_never_changes() {
        let mut segments = Segments::begin(T0, GOOD, EARLIEST_WALL_NS);
        segments.observe(2 * T0, 0);
        segments.observe(3 * T0, GOOD + 7 * NS_PER_S);
        assert_eq!(segments.all()[0].offset_ns, GOOD);
        assert_eq!(
            segments.all()[1].offset_ns,
            GOOD + 7 * NS_PER_S,
            "1970 in between"
        );
    }

    #[test]
    fn the_list_stays_short() {
        let mut segments = Segments::begin(T0, GOOD, EARLIEST_WALL_NS);
        for i in 1..500 {
            segments.observe(T0 + i, GOOD + i * NS_PER_S);
        }
        assert_eq!(segments.all().len(), KEPT);
        assert_eq!(segments.current().no, SegmentNo(499));
    }
}
