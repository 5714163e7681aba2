//! What a wave shows besides pulses: mains hum, bounce, spikes, hovering, steady light, equal mark and space. Pure.

use serde::Serialize;

use super::separation::{Separation, median};
use super::wave::{Wave, WavePhase};
use crate::model::{Edge, EdgeKind, Level, MonoNs, NS_PER_MS, NS_PER_S};

/// Times between two edges of one kind that mains hum makes: its period, and half of it where both half-waves show, with
/// the mains frequency in Hz.
const HUM_PERIODS: [(i64, u32); 4] = [
    (20_000_000, 50),
    (16_666_667, 60),
    (10_000_000, 50),
    (8_333_333, 60),
];

/// Mains frequency and thresholds move by less than one part in so many.
const HUM_WITHIN: i64 = 40;

/// So many periods are no chance.
const HUM_PERIODS_MIN: usize = 40;

/// Hum is at least one in so many of all periods.
const HUM_ONE_IN: usize = 5;

/// So many periods in a row, and their mean is within one part in so many of the mains': a meter's load does not stand
/// still like that.
const HUM_MEAN_WITHIN: i64 = 100;

/// Flashes of light that last longer come from a wheel or a hand, and are as long as it moves slowly.
const FLASH_MAX_NS: i64 = 500 * NS_PER_MS;

/// Pulses that a meter makes of one width differ by no more than this factor (2nd to 9th tenth).
const FIXED_WIDTH: f64 = 1.3;

/// Steady light is so many times as long as a flash, and at least so long.
const STEADY_TIMES: i64 = 10;
const STEADY_MIN_NS: i64 = NS_PER_S;

/// More than one in so many is no exception.
const STEADY_ONE_IN: usize = 4;

/// Chatter of so many edges in a row for so long is a sensor at the edge of its mark, and no contact that bounces.
const HOVER_EDGES_MIN: usize = 12;
const HOVER_MIN_NS: i64 = 2 * NS_PER_S;

/// The active share of a cycle, in per cent, where mark and space are equal; and the share of cycles that are so.
const EQUAL_FROM: i64 = 45;
const EQUAL_TO: i64 = 55;
const EQUAL_SHARE: f64 = 0.8;
const EQUAL_CYCLES_MIN: usize = 5;

/// Hum of the mains on the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Hum {
    /// The mains frequency.
    pub hz: u32,
    /// How many periods of it came.
    pub periods: usize,
}

/// Phases that are not accepted, by what is around them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Chatter {
    /// Changes of level with chatter around them.
    pub bounced: usize,
    /// The longest of these from its first edge to its last, in nanoseconds.
    pub bounce_ns: i64,
    /// Single short phases away from any change.
    pub spikes: usize,
    /// The longest of them.
    pub spike_ns: i64,
    /// Long runs of chatter.
    pub hovers: usize,
    /// The longest of them.
    pub hover_ns: i64,
}

/// Phases at the active level that are no pulses, but steady light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SteadyPhases {
    /// How many.
    pub phases: usize,
    /// The shortest and the longest of them, in nanoseconds.
    pub shortest_ns: i64,
    /// The longest.
    pub longest_ns: i64,
}

/// The pulses as they were told apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Widths {
    /// Pulses whose both ends were seen, without steady light.
    pub pulses: usize,
    /// The narrowest, in nanoseconds.
    pub narrowest_ns: i64,
    /// The median.
    pub median_ns: i64,
    /// The widest.
    pub widest_ns: i64,
    /// The meter makes all of one width.
    pub is_fixed: bool,
}

/// Looks for hum. None: there is none.
pub fn hum(wave: &Wave) -> Option<Hum> {
    let edges: Vec<&Edge> = wave.edges().collect();
    let rising = edges.iter().filter(|edge| edge.kind == EdgeKind::Rising);
    let stamps: Vec<MonoNs> = rising.map(|edge| edge.mono_ns).collect();
    let periods: Vec<i64> = stamps.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let found = HUM_PERIODS.iter().filter_map(|(period_ns, hz)| {
        let is_hum = |one: &&i64| (**one - period_ns).abs() <= period_ns / HUM_WITHIN;
        let of_hum: Vec<i64> = periods.iter().filter(is_hum).copied().collect();
        let count = i64::try_from(of_hum.len()).ok()?;
        let mean_ns = of_hum.iter().sum::<i64>() / count.max(1);
        let is_mains = (mean_ns - period_ns).abs() <= period_ns / HUM_MEAN_WITHIN;
        let periods = of_hum.len();
        Some(Hum { hz: *hz, periods }).filter(|_| is_mains)
    });
    let most = found.max_by_key(|hum| hum.periods)?;
    let is_many = most.periods >= HUM_PERIODS_MIN && most.periods * HUM_ONE_IN >= periods.len();
    is_many.then_some(most)
}

/// Sorts what is not accepted: runs of short phases between two that are long enough.
pub fn chatter(wave: &Wave, bounce_ns: i64) -> Chatter {
    let mut chatter = Chatter::default();
    if bounce_ns == 0 {
        return chatter;
    }
    let phases = wave.phases();
    let mut run: Vec<&WavePhase> = Vec::new();
    for phase in &phases {
        if phase.length_ns < bounce_ns && phase.is_whole {
            run.push(phase);
        } else {
            chatter.add(&run);
            run.clear();
        }
    }
    chatter.add(&run);
    chatter
}

impl Chatter {
    fn add(&mut self, run: &[&WavePhase]) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            return;
        };
        let length_ns = last.end_ns() - first.begin_ns;
        if run.len() >= HOVER_EDGES_MIN && length_ns >= HOVER_MIN_NS {
            self.hovers += 1;
            self.hover_ns = self.hover_ns.max(length_ns);
        } else if run.len() == 1 {
            self.spikes += 1;
            self.spike_ns = self.spike_ns.max(length_ns);
        } else {
            self.bounced += 1;
            self.bounce_ns = self.bounce_ns.max(length_ns);
        }
    }
}

/// The pulses and the steady light among the phases that are accepted.
pub fn widths(wave: &Wave, told: &Separation, bounce_ns: i64) -> (Widths, Option<SteadyPhases>) {
    let settled = wave.settled(bounce_ns);
    let is_active = |phase: &&WavePhase| phase.level == told.active;
    let all: Vec<&WavePhase> = settled.iter().filter(is_active).collect();
    let whole = all.iter().filter(|phase| phase.is_whole);
    let whole: Vec<i64> = whole.map(|phase| phase.length_ns).collect();
    let Some(median_ns) = median(whole.clone()) else {
        return (Widths::default(), None);
    };
    let steady_ns = (STEADY_TIMES * median_ns).max(STEADY_MIN_NS);
    let (mut flashes, lit): (Vec<i64>, Vec<i64>) =
        whole.iter().partition(|width| **width < steady_ns);
    flashes.sort_unstable();
    let is_fixed = median_ns <= FLASH_MAX_NS && is_fixed(&flashes);
    // One that began before or has not ended is as long as that at least.
    let ends = all.iter().filter(|phase| !phase.is_whole);
    let ends = ends
        .map(|phase| phase.length_ns)
        .filter(|width| *width >= steady_ns);
    let lit: Vec<i64> = lit.into_iter().chain(ends).collect();
    let is_steady = is_fixed && !lit.is_empty() && lit.len() * STEADY_ONE_IN <= flashes.len();
    let steady = is_steady.then(|| SteadyPhases {
        phases: lit.len(),
        shortest_ns: lit.iter().copied().min().unwrap_or(0),
        longest_ns: lit.iter().copied().max().unwrap_or(0),
    });
    let pulses = if is_steady { flashes } else { whole };
    let widths = Widths {
        pulses: pulses.len(),
        narrowest_ns: pulses.iter().copied().min().unwrap_or(0),
        median_ns,
        widest_ns: pulses.iter().copied().max().unwrap_or(0),
        is_fixed,
    };
    (widths, steady)
}

/// Whether sorted widths are all but alike.
fn is_fixed(sorted: &[i64]) -> bool {
    let tenth = sorted.len() / 10;
    let ends = sorted.get(tenth).zip(sorted.iter().nth_back(tenth));
    ends.is_some_and(|(narrow, wide)| *wide as f64 <= FIXED_WIDTH * *narrow as f64)
}

/// Whether mark and space are equal; with whether they were so at different loads, too.
pub fn equal_mark_space(wave: &Wave, active: Level, bounce_ns: i64) -> Option<bool> {
    let settled = wave.settled(bounce_ns);
    let pairs = settled.windows(2).filter(|pair| {
        let is_cycle = pair[0].is_whole && pair[1].is_whole && pair[0].level == active;
        is_cycle && pair[0].end_ns() == pair[1].begin_ns
    });
    let cycles: Vec<(i64, i64)> = pairs
        .map(|pair| (pair[0].length_ns, pair[0].length_ns + pair[1].length_ns))
        .collect();
    if cycles.len() < EQUAL_CYCLES_MIN {
        return None;
    }
    let equal = cycles.iter().filter(|(mark_ns, cycle_ns)| {
        (EQUAL_FROM * cycle_ns..=EQUAL_TO * cycle_ns).contains(&(100 * mark_ns))
    });
    if (equal.count() as f64) < EQUAL_SHARE * cycles.len() as f64 {
        return None;
    }
    let shortest_ns = cycles.iter().map(|cycle| cycle.1).min()?;
    let longest_ns = cycles.iter().map(|cycle| cycle.1).max()?;
    Some(2 * longest_ns >= 3 * shortest_ns)
}
