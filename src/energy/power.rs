//! Honest power: how much flows through a meter now, by the stamps of its pulses alone.
//!
//! * Between two pulses P = 3.6e6 / (imp_per_kwh · Δt) watts, Δt in seconds; other quantities likewise per hour
//!   ([`PulseWorth::rate`]).
//! * While no pulse comes, at most what the silence allows: the same with the time since the last pulse. It falls smoothly,
//!   neither stuck nor dropping in a step.
//! * Where pulses come faster than one a second, the mean over whole intervals of about a second: never part of one, so
//!   that a steady load is shown as it is and not in steps of a pulse.
//! * Never above what the filter of the line lets through.

use super::ring::Ring;
use crate::model::PulseWorth;
use crate::model::{MonoNs, NS_PER_S, WallNs};

/// Intervals that are shorter than this are averaged until they are as long together.
const AVERAGED_NS: i64 = NS_PER_S;

/// Stamps that are kept: a second of 64 pulses a second, more than 100 kW at 2,000 imp/kWh.
const STAMPS: usize = 64;

/// Marks are at least so far apart, or at either end of a gap that is.
const MARK_APART_NS: i64 = 5 * NS_PER_S;

/// Marks that are kept: two every [`MARK_APART_NS`] for [`SPAN_MAX_NS`], and a few.
const MARKS: usize = 128;

/// The longest span over which [`PulseRate::mean`] is exact at any rate.
pub const SPAN_MAX_NS: i64 = 300 * NS_PER_S;

/// Of so many last intervals the one in the middle is the usual gap.
const USUAL_OF: usize = 7;

/// After a silence of so many usual gaps, and of [`SPAN_MAX_NS`], a meter rests.
const RESTS_AFTER_GAPS: i64 = 3;

/// Of a meter that may draw no more than this, in watts, it is said that it rests: what 1,000 imp/kWh allow after
/// [`SPAN_MAX_NS`].
const RESTS_MOST_W: f64 = 12.0;

/// What is known of a meter's rate at an instant, in the unit of its quantity's rate (watts for kWh).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// The rate to show; None: there have not been two pulses yet.
    pub shown: Option<f64>,
    /// Since the last pulse, or since the meter is watched where there was none.
    pub age_ns: i64,
    /// More cannot flow, or a pulse would have come; None: nothing is known.
    pub at_most: Option<f64>,
}

/// A pulse, and how many there had been with it.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    mono_ns: MonoNs,
    counted: u64,
}

/// The rate of one meter, from its pulses. About 3 KiB, never more.
#[derive(Debug, Clone)]
pub struct PulseRate {
    // Settings.
    worth: PulseWorth,
    /// What the filter lets through.
    passes: Option<f64>,
    // State.
    watched_from_ns: MonoNs,
    /// The rate that stands until two pulses have come: that of before a short while in which the line was not watched, say.
    before: Option<f64>,
    counted: u64,
    stamps: Ring<MonoNs, STAMPS>,
    /// The last intervals over which the rate is taken: one, where it lasts a second; shorter ones until they do; never one of
    /// a second and more beside shorter ones, which are of another load.
    averaged: usize,
    /// Thinned out, for means over minutes.
    marks: Ring<Mark, MARKS>,
}

impl PulseRate {
    /// A meter that is watched from `from_ns` on. `spacing_ns`: the shortest mean time between pulses that its filter lets
    /// through; 0: any.
    pub fn new(worth: PulseWorth, spacing_ns: i64, from_ns: MonoNs) -> PulseRate {
        PulseRate {
            worth,
            passes: (spacing_ns > 0).then(|| worth.rate(1.0, spacing_ns as f64)),
            watched_from_ns: from_ns,
            before: None,
            counted: 0,
            stamps: Ring::new(),
            averaged: 0,
            marks: Ring::new(),
        }
    }

    /// What one of its pulses is worth.
    pub fn worth(&self) -> PulseWorth {
        self.worth
    }

    /// A pulse. A stamp that is not after the one before is of another clock: what was before is not compared with it.
    pub fn pulse(&mut self, mono_ns: MonoNs) {
        let last_ns = self.stamps.back(0);
        if last_ns.is_some_and(|last_ns| mono_ns <= last_ns) {
            self.interrupted(mono_ns);
        }
        if let Some(last_ns) = self.stamps.back(0) {
            // A burst and the silence after it must not become one slow flow.
            if mono_ns - last_ns >= MARK_APART_NS {
                self.mark(last_ns);
            }
        }
        self.counted += 1;
        self.stamps.push(mono_ns);
        self.averaged = self.intervals_to_average();
        let marked_ns = self.marks.back(0).map(|mark| mark.mono_ns);
        if marked_ns.is_none_or(|marked_ns| mono_ns - marked_ns >= MARK_APART_NS) {
            self.mark(mono_ns);
        }
    }

    /// Marks the last pulse, unless it is.
    fn mark(&mut self, mono_ns: MonoNs) {
        if self.marks.back(0).is_none_or(|mark| mark.mono_ns < mono_ns) {
            let counted = self.counted;
            self.marks.push(Mark { mono_ns, counted });
        }
    }

    /// The line was not watched until `from_ns`, or another clock stamps: nothing is known from before.
    pub fn interrupted(&mut self, from_ns: MonoNs) {
        self.watched_from_ns = from_ns;
        self.before = None;
        self.stamps.clear();
        self.averaged = 0;
        self.marks.clear();
    }

    /// The line was not watched for a short while until `from_ns`: what flowed before is taken to flow on, and is at most
    /// what the silence since then allows.
    pub fn resumed(&mut self, from_ns: MonoNs) {
        let before = self.at(from_ns).shown;
        self.interrupted(from_ns);
        self.before = before;
    }

    /// Treats a meter that has not given two pulses, and has been silent for [`SPAN_MAX_NS`] and so long that next to nothing
    /// can flow, as one that rests.
    pub fn presume_rest(&mut self, now_ns: MonoNs) {
        let now = self.at(now_ns);
        let is_little = self.worth.quantity.is_electric()
            && now.at_most.is_some_and(|most| most <= RESTS_MOST_W);
        if now.shown.is_none() && now.age_ns >= SPAN_MAX_NS && is_little {
            self.before = Some(0.0);
        }
    }

    /// The rate at `now_ns`.
    pub fn at(&self, now_ns: MonoNs) -> Rate {
        let last_ns = self.stamps.back(0);
        let age_ns = (now_ns - last_ns.unwrap_or(self.watched_from_ns)).max(0);
        let silence = (age_ns > 0).then(|| self.worth.rate(1.0, age_ns as f64));
        let at_most = match (silence, self.passes) {
            (Some(silence), Some(passes)) => Some(silence.min(passes)),
            (one, other) => one.or(other),
        };
        let by_intervals = self
            .last_intervals()
            .map(|(pulses, over_ns)| self.worth.rate(pulses as f64, over_ns as f64));
        let known = by_intervals.or(self.before);
        Rate {
            shown: known.map(|rate| at_most.map_or(rate, |most| rate.min(most))),
            age_ns,
            at_most,
        }
    }

    /// What [`PulseRate::averaged`] is after a pulse.
    fn intervals_to_average(&self) -> usize {
        let Some([last_ns, before_ns]) = self.newest() else {
            return 0;
        };
        let is_long = |from_ns: MonoNs, to_ns: MonoNs| to_ns - from_ns >= AVERAGED_NS;
        let earlier_ns = self.stamps.back(2);
        if is_long(before_ns, last_ns) || earlier_ns.is_none_or(|ns| is_long(ns, before_ns)) {
            return 1;
        }
        let mut averaged = (self.averaged + 1).min(self.stamps.len() - 1);
        let lasts = |intervals| {
            let begin_ns = self.stamps.back(intervals);
            begin_ns.is_some_and(|begin_ns| is_long(begin_ns, last_ns))
        };
        while averaged > 1 && lasts(averaged - 1) {
            averaged -= 1;
        }
        averaged
    }

    /// The stamps of the last two pulses, the last one first.
    fn newest(&self) -> Option<[MonoNs; 2]> {
        Some([self.stamps.back(0)?, self.stamps.back(1)?])
    }

    /// The last whole intervals over which the rate is taken: how many, and how long together.
    fn last_intervals(&self) -> Option<(usize, i64)> {
        let begin_ns = self.stamps.back(self.averaged)?;
        let over_ns = self.stamps.back(0)? - begin_ns;
        (self.averaged > 0).then_some((self.averaged, over_ns))
    }

    /// The usual time between pulses: of the last intervals the one in the middle. None: there were not two pulses, or the
    /// meter rests.
    pub fn usual_gap_ns(&self, now_ns: MonoNs) -> Option<i64> {
        let mut gaps_ns = [0; USUAL_OF];
        let known = self.stamps.len().saturating_sub(1).min(USUAL_OF);
        for (back, gap_ns) in gaps_ns.iter_mut().enumerate().take(known) {
            *gap_ns = self.stamps.back(back)? - self.stamps.back(back + 1)?;
        }
        let gaps_ns = &mut gaps_ns[..known];
        gaps_ns.sort_unstable();
        let usual_ns = *gaps_ns.get(known / 2)?;
        let rests_after_ns = usual_ns.saturating_mul(RESTS_AFTER_GAPS).max(SPAN_MAX_NS);
        (self.at(now_ns).age_ns <= rests_after_ns).then_some(usual_ns)
    }

    /// The mean rate over the `span_ns` before `now_ns`, at most [`SPAN_MAX_NS`]: the energy of each interval is spread over
    /// it, that of the open one is what the last interval says, at most one pulse. Never above what the silence allows.
    /// Of a meter that is not watched for so long, over what is known. None: nothing is shown of it yet.
    pub fn mean(&self, now_ns: MonoNs, span_ns: i64) -> Option<f64> {
        let now = self.at(now_ns);
        let Some((pulses, over_ns)) = self.last_intervals() else {
            return now.shown;
        };
        let last_ns = self.stamps.back(0)?;
        let oldest_ns = self.marks.back(self.marks.len().checked_sub(1)?)?.mono_ns;
        let end_ns = now_ns.max(last_ns);
        let begin_ns = (end_ns - span_ns.clamp(1, SPAN_MAX_NS)).max(oldest_ns);
        let gap_ns = over_ns as f64 / pulses as f64;
        // Of the open interval's estimate the part that is in the span.
        let in_span_ns = (end_ns - begin_ns.max(last_ns)) as f64;
        let open = (now.age_ns as f64 / gap_ns).min(1.0) * in_span_ns / now.age_ns.max(1) as f64;
        let closed = self.pulses_since(begin_ns);
        let span_ns = (end_ns - begin_ns).max(1) as f64;
        let mean = self.worth.rate(closed + open, span_ns);
        Some(now.at_most.map_or(mean, |most| mean.min(most)))
    }

    /// The pulses from `begin_ns` to the last one; of the interval in which it lies, the part after it.
    fn pulses_since(&self, begin_ns: MonoNs) -> f64 {
        let Some(last_ns) = self.stamps.back(0).filter(|last_ns| *last_ns > begin_ns) else {
            return 0.0;
        };
        let newer = self.marks.count_newest(|mark| mark.mono_ns > begin_ns);
        let last = Mark {
            mono_ns: last_ns,
            counted: self.counted,
        };
        let after = newer.checked_sub(1).and_then(|back| self.marks.back(back));
        let after = after.unwrap_or(last);
        let whole = (self.counted - after.counted) as f64;
        let Some(before) = self.marks.back(newer) else {
            return whole;
        };
        let between = (after.counted - before.counted) as f64;
        let part = (after.mono_ns - begin_ns) as f64 / (after.mono_ns - before.mono_ns) as f64;
        whole + between * part
    }
}

/// A stretch of a meter's history at one rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The pulse with which it begins.
    pub from_ns: WallNs,
    /// The pulse with which it ends.
    pub to_ns: WallNs,
    /// The rate in between.
    pub rate: f64,
}

/// The rate between pulses that are past, as a line of steps: its integral over time is the energy of the pulses after the
/// first. `stamps_ns`: strictly increasing, as those of a meter are; one that is not is left out.
pub fn steps(
    worth: PulseWorth,
    stamps_ns: impl IntoIterator<Item = WallNs>,
) -> impl Iterator<Item = Step> {
    let mut last_ns = None;
    stamps_ns.into_iter().filter_map(move |to_ns| {
        let from_ns = last_ns.filter(|from_ns| *from_ns < to_ns);
        last_ns = last_ns.max(Some(to_ns));
        from_ns.map(|from_ns| Step {
            from_ns,
            to_ns,
            rate: worth.rate(1.0, (to_ns - from_ns) as f64),
        })
    })
}
