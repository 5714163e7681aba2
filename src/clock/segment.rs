//! Clock segments: which stretch of monotonic time ties to wall time by which offset, and how far
//! that can be relied on. Pure.
//!
//! Pulses are stored with their monotonic stamp and the segment it belongs to; the segment
//! holds the offset. Setting the clock therefore changes one row, and never a pulse.
//!
//! * NTP slews both clocks alike, so the offset stands still; a *step*, a leap second or a resume
//!   from suspend changes it at once and opens a new segment.
//! * A segment is *provisional* while nothing says that the wall clock is right: a board without RTC
//!   wakes up in 1970, or at the time of its last shutdown. The first trusted time settles every
//!   provisional segment of this boot: the monotonic clock ran on undisturbed meanwhile. Once final,
//!   an offset never changes.
//! * What makes a time trusted is in [`Rules`] and [`Segments::observe`]; what contradicts it, in
//!   [`super::elapsed`].

use super::elapsed::{Elapsed, ElapsedRecord, Known};
pub use super::trust::{ClockLook, Trust};
use crate::model::{MonoNs, NS_PER_MS, NS_PER_S, SegmentNo, WallNs};

/// No pulse can be older than this program: 2026-01-01T00:00:00Z. A wall clock before it is wrong.
pub const EARLIEST_WALL_NS: WallNs = WallNs::of_s(1_767_225_600);

/// A change of the offset above this is a step. Two reads of the clocks differ by microseconds,
/// and a second's error takes a slew minutes without moving the offset at all.
pub const STEP_MIN_NS: i64 = NS_PER_MS;

/// One stretch of monotonic time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Its number in this run.
    pub no: SegmentNo,
    /// Where it begins on the monotonic clock.
    pub begins_ns: MonoNs,
    /// Wall minus monotonic time.
    pub offset_ns: i64,
    /// How long the machine had been suspended in this boot: the monotonic clock stood still then.
    pub slept_ns: i64,
    /// How far the offset can be relied on.
    pub trust: Trust,
}

impl Segment {
    /// When the boot began, by this segment's offset.
    pub fn boot_wall_ns(&self) -> WallNs {
        WallNs(self.offset_ns - self.slept_ns)
    }
}

/// When a wall clock is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Never before this: the program is not older.
    pub earliest_wall_ns: WallNs,
    /// The machine has a clock that runs while it is off, which is trusted from this time on: not
    /// before the newest time that was once synchronised, or its battery has failed. None: it has none.
    pub rtc_from_ns: Option<WallNs>,
    /// After so long without anything better, a plausible time is assumed to be right: where there is
    /// an RTC, where the clock has been set, or where `assume` says so.
    pub max_wait_ns: i64,
    /// Assume also what has not been set.
    pub assume: bool,
}

impl Rules {
    /// Every time is right: that of a simulation or a recording.
    pub const BELIEVE: Rules = Rules {
        earliest_wall_ns: WallNs::MIN,
        rtc_from_ns: Some(WallNs::MIN),
        max_wait_ns: 0,
        assume: true,
    };

    /// No time is right: until it is known what earlier runs have left.
    pub const NOT_KNOWN_YET: Rules = Rules {
        earliest_wall_ns: WallNs::MAX,
        rtc_from_ns: None,
        max_wait_ns: 0,
        assume: false,
    };
}

/// What earlier runs know of the clocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Where the clocks stood in an earlier run of the same boot; None: there was none.
    pub stood: Option<Stood>,
    /// What had surely passed.
    pub elapsed: Option<ElapsedRecord>,
}

/// Where the clocks stood in an earlier run of the same boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stood {
    /// When the first run of the boot began.
    pub first_ns: MonoNs,
    /// Where the newest stretch without a step begins.
    pub begins_ns: MonoNs,
    /// Its wall minus monotonic time.
    pub offset_ns: i64,
    /// How long the machine had been suspended.
    pub slept_ns: i64,
    /// How far the offset could be relied on.
    pub trust: Trust,
    /// The kernel had said in this boot that the clock was synchronised.
    pub synchronised: bool,
    /// The clock had been set in this boot.
    pub was_set: bool,
    /// The newest time of the boot that was final.
    pub known: Option<Known>,
}

impl Stood {
    /// Whether the clock was set since; sleep does not count.
    fn is_set_since(&self, look: ClockLook) -> bool {
        is_step(look.boot_wall_ns() - WallNs(self.offset_ns - self.slept_ns))
    }
}

/// Follows the clocks of one run and says when a segment begins.
#[derive(Debug)]
pub struct Segments {
    rules: Rules,
    /// When the first run of this boot began.
    begin_ns: MonoNs,
    looked_ns: MonoNs,
    /// Once in this boot is enough: the kernel takes it back hours after the last contact.
    synchronised: bool,
    /// The clock has been set in this boot.
    was_set: bool,
    stood: Option<Stood>,
    elapsed: Elapsed,
    all: Vec<Segment>,
}

/// The kernel is asked this often whether the clock is synchronised.
const LOOK_NS: i64 = NS_PER_S;

/// How often a clock that is not set is looked at, whether it has been steady for long enough.
const STEADY_LOOK_NS: i64 = 60 * NS_PER_S;

/// The segments kept for edges that are read late; a step a second for a minute is plenty.
pub const KEPT: usize = 64;

impl Segments {
    /// Starts with the clocks as they are. `remembered`: how earlier runs left them. Where the clock was set
    /// since, stamps from before this run belong to the time before; where it was not, it is trusted as it was.
    pub fn begin(look: ClockLook, rules: Rules, remembered: Option<Remembered>) -> Segments {
        let Remembered { stood, elapsed } = remembered.unwrap_or_default();
        let known = stood.and_then(|stood| stood.known);
        let mut segments = Segments {
            rules,
            begin_ns: stood.map_or(look.mono_ns, |stood| stood.first_ns.min(look.mono_ns)),
            looked_ns: look.mono_ns,
            synchronised: look.synchronised || stood.is_some_and(|stood| stood.synchronised),
            was_set: stood.is_some_and(|stood| stood.was_set || stood.is_set_since(look)),
            stood,
            elapsed: Elapsed::begin(look.mono_ns, elapsed, known),
            all: Vec::new(),
        };
        let stepped =
            |stood: &Stood| stood.trust.is_final() && is_step(look.offset_ns - stood.offset_ns);
        if let Some(stood) = stood.filter(stepped) {
            segments.all.push(Segment {
                no: SegmentNo(0),
                begins_ns: 0,
                offset_ns: stood.offset_ns,
                slept_ns: stood.slept_ns,
                trust: stood.trust,
            });
        }
        let unmoved = stood.filter(|stood| !stood.is_set_since(look));
        let inherited = unmoved.map_or(Trust::Provisional, |stood| stood.trust);
        segments.open(look, inherited);
        segments
    }

    /// The newest segment.
    pub fn current(&self) -> Segment {
        *self
            .all
            .last()
            .expect("one is opened by begin and never the last one removed")
    }

    /// Since when the newest offset tells the wall time of every stamp: segments before it that were settled
    /// by it, and between which the machine did not sleep, are as good.
    pub fn runs_since_ns(&self) -> MonoNs {
        let newest = self.current();
        let alike = |offset_ns: i64| !is_step(offset_ns - newest.offset_ns);
        let known = self
            .stood
            .map(|known| (known.trust, known.offset_ns, known.begins_ns));
        let ours = self
            .all
            .iter()
            .rev()
            .map(|s| (s.trust, s.offset_ns, s.begins_ns));
        ours.chain(known)
            .take_while(|(trust, offset_ns, _)| trust.is_final() && alike(*offset_ns))
            .last()
            .map_or(newest.begins_ns, |(.., begins_ns)| begins_ns)
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

    /// Whether a look would tell anything: the clock was set, or could be trusted more by now.
    pub fn wants(&self, now_ns: MonoNs, offset_ns: i64) -> bool {
        let current = self.current();
        let since_ns = now_ns - self.looked_ns;
        let more = current.trust < Trust::Synchronised && since_ns >= LOOK_NS;
        let steady = self.elapsed.is_behind() && since_ns >= STEADY_LOOK_NS;
        more || steady || is_step(offset_ns - current.offset_ns)
    }

    /// Looks at the clocks. Returns the segments that are new or have become final or more trusted.
    pub fn observe(&mut self, look: ClockLook) -> Vec<Segment> {
        self.observe_from(look, Trust::Provisional)
    }

    /// What earlier runs have left is known only now, and so is when a time is trusted ([`Rules::NOT_KNOWN_YET`]
    /// until then). Returns as [`Segments::observe`]. Not for stamps from before this run: there is no segment for
    /// them.
    pub fn learn(
        &mut self,
        look: ClockLook,
        rules: Rules,
        remembered: Option<Remembered>,
    ) -> Vec<Segment> {
        let Remembered { stood, elapsed } = remembered.unwrap_or_default();
        let known = stood.and_then(|stood| stood.known);
        self.rules = rules;
        self.elapsed = Elapsed::begin(look.mono_ns, elapsed, known);
        self.stood = stood;
        let Some(stood) = stood else {
            return self.observe(look);
        };
        self.begin_ns = self.begin_ns.min(stood.first_ns);
        self.synchronised |= stood.synchronised;
        let is_set = stood.is_set_since(look);
        self.was_set |= stood.was_set || is_set;
        let inherited = if is_set {
            Trust::Provisional
        } else {
            stood.trust
        };
        self.observe_from(look, inherited)
    }

    /// `inherited`: how far the clock was trusted by an earlier run, as long as it has not been set.
    fn observe_from(&mut self, look: ClockLook, inherited: Trust) -> Vec<Segment> {
        let current = self.current();
        self.looked_ns = look.mono_ns;
        self.synchronised |= look.synchronised;
        let by_ns = look.offset_ns - current.offset_ns;
        let mut changed = Vec::new();
        if is_step(by_ns) {
            // A suspend moves the offset by itself; anything else is the operator, or NTP.
            self.was_set |= is_step(by_ns - (look.slept_ns - current.slept_ns));
            self.open(look, inherited);
            changed.push(self.current());
        } else {
            let trust = self.judge(look, current.trust.max(inherited));
            if trust > current.trust {
                let newest = self.all.last_mut().expect("never empty");
                newest.trust = trust;
                if !current.trust.is_final() {
                    newest.offset_ns = look.offset_ns;
                }
                changed.push(*newest);
            }
        }
        if self.current().trust.is_final() {
            let settled = self.settle();
            changed.splice(0..0, settled);
        }
        while self.all.len() > KEPT {
            // A provisional one stays until it is settled.
            let Some(oldest) = self.all.iter().position(|s| s.trust.is_final()) else {
                break;
            };
            self.all.remove(oldest);
        }
        changed
    }

    /// What time may be used to delete or to give up anything.
    pub fn elapsed(&self) -> &Elapsed {
        &self.elapsed
    }

    /// The newest segment is final: so are now all that were not.
    fn settle(&mut self) -> Vec<Segment> {
        let newest = self.current();
        let open = self.all.iter_mut().filter(|s| !s.trust.is_final());
        open.map(|earlier| {
            earlier.offset_ns = newest.offset_ns - (newest.slept_ns - earlier.slept_ns);
            earlier.trust = newest.trust;
            *earlier
        })
        .collect()
    }

    /// How far the clock is trusted now; `already`: how far it was as long as it has not been set.
    fn judge(&mut self, look: ClockLook, already: Trust) -> Trust {
        let trust = self.judge_alone(look).max(already);
        self.elapsed.judge(look, trust, self.rules.max_wait_ns)
    }

    /// How far the clock is trusted by what the machine says of it.
    fn judge_alone(&self, look: ClockLook) -> Trust {
        let wall_ns = look.wall_ns();
        let rules = &self.rules;
        if wall_ns < rules.earliest_wall_ns {
            return Trust::Provisional;
        }
        if self.synchronised {
            return Trust::Synchronised;
        }
        if rules.rtc_from_ns.is_some_and(|from_ns| wall_ns >= from_ns) {
            return Trust::Rtc;
        }
        let waited = look.mono_ns - self.begin_ns >= rules.max_wait_ns;
        if waited && (self.was_set || rules.rtc_from_ns.is_some() || rules.assume) {
            return Trust::Assumed;
        }
        Trust::Provisional
    }

    fn open(&mut self, look: ClockLook, inherited: Trust) {
        let no = self.all.last().map_or(0, |last| last.no.0 + 1);
        let trust = self.judge(look, inherited);
        self.all.push(Segment {
            no: SegmentNo(no),
            begins_ns: look.mono_ns,
            offset_ns: look.offset_ns,
            slept_ns: look.slept_ns,
            trust,
        });
    }
}

fn is_step(by_ns: i64) -> bool {
    by_ns.abs() >= STEP_MIN_NS
}

#[cfg(test)]
#[path = "segment_tests.rs"]
mod tests;
