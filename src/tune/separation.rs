//! Tells a meter's pulses from what else moves the line: how long must a level stay to be accepted? Pure.
//!
//! Lengths of phases come in groups: contacts bounce for some milliseconds, a sensor at the edge of its mark hovers for
//! some hundred, pulses last as long as the meter makes them. Each gap between two groups is a bounce time that could be
//! meant. For each of them the phases that would be left are judged: a meter's pulses are as wide as those around them,
//! and come at intervals like those around them. The shortest bounce time whose pulses are like that is the answer.

use super::wave::{Wave, WavePhase};
use crate::model::{Level, NS_PER_S};

/// The next length is longer by this factor: a gap between two groups.
const GAP_FACTOR: f64 = 1.3;

/// So many gaps are tried, the widest ones.
const GAPS_MAX: usize = 40;

/// No bounce time that is tried is longer.
const BOUNCE_MAX_NS: i64 = 20 * NS_PER_S;

/// Widths are alike where one is at most so many times the other.
const WIDTHS_ALIKE: f64 = 1.25;

/// Intervals are alike where one is at most so many times the other: load changes.
const INTERVALS_ALIKE: f64 = 2.5;

/// Neighbours on each side that a pulse is compared with.
const NEIGHBOURS: usize = 4;

/// A phase so many times as long as the usual one is no part of the rhythm.
const OUT_OF_RHYTHM: i64 = 20;

/// A shorter bounce time is as good where its pulses are nearly as regular.
const NEARLY: f64 = 0.85;

/// Where the median of one level's phases is more than this part of the other's, neither is clearly the shorter one.
const CLEARLY_SHORTER: (i64, i64) = (2, 3);

/// So many edges are looked at.
const EDGES_MAX: usize = 20_000;

/// What was told apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Separation {
    /// The longest phase that is not accepted, in nanoseconds; 0: all are.
    pub below_ns: i64,
    /// The shortest phase that is accepted.
    pub above_ns: i64,
    /// The level while the meter's output is active.
    pub active: Level,
    /// Whether that is told by the lengths, and not only by the configuration.
    pub is_active_clear: bool,
    /// How regular the pulses are, from 0 to 1.
    pub regularity: f64,
    /// Phases at the active level that are whole.
    pub pulses: usize,
}

impl Separation {
    /// A bounce time in the middle of what is possible.
    pub fn middle_ns(&self) -> i64 {
        if self.below_ns == 0 {
            return self.above_ns / 4;
        }
        let middle_ns = geometric_mean(self.below_ns, self.above_ns);
        let enough_ns = self.below_ns + self.below_ns / 4;
        // Half of the shortest phase leaves room for shorter ones.
        middle_ns.min((self.above_ns / 2).max(enough_ns))
    }

    /// Whether a bounce time tells the same apart, with room on both sides.
    pub fn is_safe(&self, bounce_ns: i64) -> bool {
        bounce_ns >= self.below_ns + self.below_ns / 4 && bounce_ns <= self.above_ns / 2
    }
}

/// Tells pulses apart; `configured`: the active level where the lengths do not tell. `longer_than_ns`: shorter phases are
/// known to be no pulses. None: there are no whole phases.
pub fn separate(wave: &Wave, configured: Level, longer_than_ns: i64) -> Option<Separation> {
    let wave = &wave.beginning(EDGES_MAX);
    let mut tried: Vec<Separation> = gaps(wave, longer_than_ns)
        .into_iter()
        .filter_map(|(below_ns, above_ns)| judge(wave, below_ns, above_ns, configured))
        .collect();
    let best = tried
        .iter()
        .map(|one| one.regularity)
        .fold(0.0_f64, f64::max);
    let first = tried
        .iter()
        .position(|one| one.regularity >= NEARLY * best)?;
    let mut chosen = first;
    for next in first + 1..tried.len() {
        let (now, then) = (&tried[chosen], &tried[next]);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a number of phases"
        )]
        let unlike = ((1.0 - now.regularity) * now.pulses as f64).ceil() as usize;
        // Only what is unlike the rest goes away: these were spikes.
        let lost = now.pulses.saturating_sub(then.pulses);
        if then.regularity > now.regularity + 0.001 && then.pulses >= 2 && lost <= unlike {
            chosen = next;
        }
    }
    Some(tried.swap_remove(chosen))
}

/// Lengths between which a bounce time can lie: the longest that it takes away, the shortest that it leaves.
fn gaps(wave: &Wave, longer_than_ns: i64) -> Vec<(i64, i64)> {
    let whole = wave.phases().into_iter().filter(|phase| phase.is_whole);
    let mut lengths: Vec<i64> = whole.map(|phase| phase.length_ns.max(1)).collect();
    lengths.sort_unstable();
    let Some(shortest) = lengths.first() else {
        return Vec::new();
    };
    let mut gaps: Vec<(i64, i64)> = lengths
        .windows(2)
        .map(|pair| (pair[0], pair[1]))
        .filter(|(below, above)| *above as f64 >= GAP_FACTOR * *below as f64)
        .filter(|(below, _)| *below <= BOUNCE_MAX_NS)
        .collect();
    gaps.sort_by(|a, b| ratio(b.1, b.0).total_cmp(&ratio(a.1, a.0)));
    gaps.truncate(GAPS_MAX);
    gaps.push((0, *shortest));
    gaps.retain(|(_, above)| *above > longer_than_ns);
    gaps.sort_unstable();
    gaps
}

/// What is left where phases up to `below_ns` are not accepted.
fn judge(wave: &Wave, below_ns: i64, above_ns: i64, configured: Level) -> Option<Separation> {
    let bounce_ns = match below_ns {
        0 => 0,
        below_ns => geometric_mean(below_ns, above_ns),
    };
    let settled = wave.settled(bounce_ns);
    let whole: Vec<WavePhase> = settled.into_iter().filter(|phase| phase.is_whole).collect();
    let (active, is_active_clear) = active_level(&whole, configured)?;
    let active_phases: Vec<&WavePhase> =
        whole.iter().filter(|phase| phase.level == active).collect();
    let widths: Vec<i64> = active_phases.iter().map(|phase| phase.length_ns).collect();
    let regularity = alike_widths(&widths) * (1.5 * alike_intervals(&active_phases)).min(1.0);
    Some(Separation {
        below_ns,
        above_ns,
        active,
        is_active_clear,
        regularity,
        pulses: widths.len(),
    })
}

/// The level whose phases are clearly shorter, else the configured one; and whether it is clear.
fn active_level(whole: &[WavePhase], configured: Level) -> Option<(Level, bool)> {
    let median_of = |level: Level| {
        let lengths = whole.iter().filter(|phase| phase.level == level);
        median(lengths.map(|phase| phase.length_ns).collect())
    };
    match (median_of(Level::Low), median_of(Level::High)) {
        (None, None) => None,
        (Some(_), None) => Some((Level::Low, false)),
        (None, Some(_)) => Some((Level::High, false)),
        (Some(low), Some(high)) if is_shorter(low, high) => Some((Level::Low, true)),
        (Some(low), Some(high)) if is_shorter(high, low) => Some((Level::High, true)),
        _ => Some((configured, false)),
    }
}

fn is_shorter(one_ns: i64, other_ns: i64) -> bool {
    let (part, of) = CLEARLY_SHORTER;
    one_ns.saturating_mul(of) < other_ns.saturating_mul(part)
}

/// The share of widths that are like those around them.
fn alike_widths(widths: &[i64]) -> f64 {
    if widths.len() < 3 {
        return 1.0;
    }
    let alike = (0..widths.len()).filter(|at| {
        let before = &widths[at.saturating_sub(NEIGHBOURS)..*at];
        let after = &widths[at + 1..(at + 1 + NEIGHBOURS).min(widths.len())];
        let mut around = [before, after].concat();
        around.sort_unstable();
        let middle = around.len() / 2;
        let usual = [around[(around.len() - 1) / 2], around[middle]];
        usual
            .iter()
            .any(|one| is_alike(*one, widths[*at], WIDTHS_ALIKE))
    });
    alike.count() as f64 / widths.len() as f64
}

/// The share of time whose interval between two pulses is like the one before or after it. Time, because what bounces
/// comes in bursts: most of its intervals are short and alike, and most of the time is in the others.
fn alike_intervals(pulses: &[&WavePhase]) -> f64 {
    let widths = pulses.iter().map(|phase| phase.length_ns).collect();
    let usual_ns = median(widths).unwrap_or(0);
    let in_rhythm = |pair: &&[&WavePhase]| pair[0].length_ns <= OUT_OF_RHYTHM * usual_ns;
    let pairs = pulses.windows(2).filter(in_rhythm);
    let intervals: Vec<i64> = pairs
        .map(|pair| pair[1].begin_ns - pair[0].begin_ns)
        .collect();
    if intervals.len() < 3 {
        return 1.0;
    }
    let alike_ns: i64 = (0..intervals.len())
        .filter(|at| {
            let before = at.checked_sub(1).and_then(|before| intervals.get(before));
            let around = before.into_iter().chain(intervals.get(at + 1));
            around
                .into_iter()
                .any(|one| is_alike(*one, intervals[*at], INTERVALS_ALIKE))
        })
        .map(|at| intervals[at])
        .sum();
    alike_ns as f64 / intervals.iter().sum::<i64>().max(1) as f64
}

/// The middle one; None: there is none.
pub(super) fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

fn is_alike(one: i64, other: i64, factor: f64) -> bool {
    one.max(other) as f64 <= factor * one.min(other) as f64
}

fn ratio(above: i64, below: i64) -> f64 {
    above as f64 / below.max(1) as f64
}

/// Between two lengths, by the same factor from both.
pub(super) fn geometric_mean(below_ns: i64, above_ns: i64) -> i64 {
    let mean = (below_ns as f64).sqrt() * (above_ns as f64).sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "between the two")]
    let mean_ns = mean as i64;
    mean_ns.clamp(below_ns, above_ns)
}
