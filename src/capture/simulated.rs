//! A house without hardware: turns the power of [`super::household`] into the edges that its
//! meters would make.
//!
//! Each meter adds up energy in steps of one second of constant power; where the sum crosses
//! another 1 / imp_per_kwh the meter's output becomes active, at that very instant, for about
//! 50 ms. A meter whose both edges count toggles instead, one transition a pulse. Meters named
//! Import, Export and Generate belong to the house; any other has a load of its own.
//!
//! The edges follow from the seed, the meters and the start of the clock alone: neither the
//! speed nor the pattern of polling changes a stamp.

use std::collections::VecDeque;

use super::household::{HousePower, Household, SubMeter};
use super::pace::{self, Due, Pace, Script};
use super::waker::Waker;
use super::{EdgeSource, Polled, Signal};
use crate::config::MeterSettings;
use crate::model::{
    CountedEdge, Edge, EdgeKind, Level, MeterId, MonoNs, NS_PER_MS, NS_PER_S, PulseWorth, Quantity,
    Role,
};

/// More than any meter has; bounds the edges of one step.
const IMP_PER_KWH_MAX: f64 = 1_000_000.0;

/// Joules in one kilowatt-hour.
const J_PER_KWH: f64 = 3_600_000.0;

/// A load of gas or water is that of a device in kilowatt-hours: a cubic metre of natural gas holds about so many.
const KWH_PER_M3: f64 = 10.0;

/// How long power is taken as constant, in nanoseconds.
const STEP_NS: i64 = NS_PER_S;

/// The active phase of one pulse, in nanoseconds: 50 ms, give or take 2.
const WIDTH_NS: std::ops::Range<i64> = 48 * NS_PER_MS..52 * NS_PER_MS;

/// How many steps are looked ahead for a next edge before the caller gets a word in.
const LOOK_AHEAD_STEPS: usize = 600;

/// What kind of simulated house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimulatedOptions {
    /// The house and its weather: the same seed and start give the same edges.
    pub seed: u64,
    /// How long it lives, in nanoseconds of its own clock. None: for ever.
    pub span_ns: Option<i64>,
}

/// The simulated house as a source of edges.
#[derive(Debug)]
pub struct SimulatedSource {
    pace: Pace,
    waker: Waker,
    life: Life,
}

impl SimulatedSource {
    /// A house with these meters, beginning where the clock of `pace` begins.
    pub fn new(
        meters: &[MeterSettings],
        pace: Pace,
        waker: Waker,
        options: SimulatedOptions,
    ) -> SimulatedSource {
        let life = Life::new(meters, pace.start_ns(), pace.offset_ns(), options);
        SimulatedSource { pace, waker, life }
    }
}

impl EdgeSource for SimulatedSource {
    fn poll(&mut self, deadline_ns: Option<MonoNs>, signals: &mut Vec<Signal>) -> Polled {
        pace::poll(
            &self.pace,
            &self.waker,
            &mut self.life,
            deadline_ns,
            signals,
        )
    }

    fn rest(&mut self, until_ns: MonoNs) {
        self.pace.rest(until_ns, &self.waker);
    }

    fn is_in_past(&self) -> bool {
        self.pace.is_in_past()
    }
}

/// What happens in the house, step by step.
#[derive(Debug)]
struct Life {
    house: Household,
    lines: Vec<Line>,
    offset_ns: i64,
    end_ns: MonoNs,
    /// Where the next step begins.
    step_ns: MonoNs,
    waiting: VecDeque<(MonoNs, Signal)>,
}

impl Life {
    fn new(
        meters: &[MeterSettings],
        start_ns: MonoNs,
        offset_ns: i64,
        options: SimulatedOptions,
    ) -> Life {
        let ids = (0..=u16::MAX).map(MeterId);
        let lines: Vec<Line> = ids
            .zip(meters)
            .map(|(id, meter)| Line::new(id, meter, options.seed, start_ns))
            .collect();
        Life {
            house: Household::new(options.seed),
            waiting: lines.iter().map(Line::up).collect(),
            lines,
            offset_ns,
            end_ns: options
                .span_ns
                .map_or(MonoNs::MAX, |span| start_ns.saturating_add(span)),
            step_ns: start_ns,
        }
    }

    fn step(&mut self) {
        let (from_ns, to_ns) = (self.step_ns, self.step_ns + STEP_NS);
        let wall_ns = from_ns + self.offset_ns;
        let power = self.house.power_w(wall_ns);
        let mut edges = Vec::new();
        for line in &mut self.lines {
            let watts = line.feed.power_w(power, wall_ns);
            line.step(from_ns, to_ns, watts, &mut edges);
        }
        edges.sort_by_key(|edge| (edge.mono_ns, edge.meter));
        let signals = edges
            .into_iter()
            .map(|edge| (edge.mono_ns, Signal::Edge(edge)));
        self.waiting.extend(signals);
        self.step_ns = to_ns;
    }
}

impl Script for Life {
    fn due(&mut self) -> Due {
        for _ in 0..LOOK_AHEAD_STEPS {
            if !self.waiting.is_empty() || self.step_ns >= self.end_ns {
                break;
            }
            self.step();
        }
        match self.waiting.front() {
            Some((mono_ns, _)) if *mono_ns <= self.end_ns => Due::Signal(*mono_ns),
            None if self.step_ns < self.end_ns => Due::NotBefore(self.step_ns),
            _ => Due::End(self.end_ns),
        }
    }

    fn take(&mut self) -> Option<Signal> {
        self.waiting.pop_front().map(|(_, signal)| signal)
    }
}

/// What a meter measures.
#[derive(Debug)]
enum Feed {
    Import,
    Export,
    Generate,
    Sub(SubMeter),
}

impl Feed {
    fn of(meter: &MeterSettings, seed: u64) -> Feed {
        match meter.role {
            Some(Role::Import) => Feed::Import,
            Some(Role::Export) => Feed::Export,
            Some(Role::Generation) => Feed::Generate,
            None => Feed::Sub(SubMeter::new(seed, &meter.name.to_ascii_lowercase())),
        }
    }

    fn power_w(&self, house: HousePower, wall_ns: i64) -> f64 {
        match self {
            Feed::Import => house.import_w,
            Feed::Export => house.export_w,
            Feed::Generate => house.generate_w,
            Feed::Sub(meter) => meter.power_w(wall_ns),
        }
    }
}

/// A meter and the line it is wired to.
#[derive(Debug)]
struct Line {
    id: MeterId,
    feed: Feed,
    imp_per_kwh: f64,
    /// One transition a pulse instead of an active phase.
    toggles: bool,
    level: Level,
    seqno: u32,
    /// The stamp of the newest edge.
    last_ns: MonoNs,
    /// When the active phase ends, while there is one.
    release_ns: Option<MonoNs>,
    /// The share of the next pulse that has been used already, 0..1.
    phase: f64,
    /// Draws the widths.
    rng: fastrand::Rng,
}

impl Line {
    fn new(id: MeterId, meter: &MeterSettings, seed: u64, start_ns: MonoNs) -> Line {
        let mut rng = fastrand::Rng::with_seed(seed ^ (u64::from(id.0) << 48));
        let worth = meter
            .worth()
            .unwrap_or_else(|| PulseWorth::usual(meter.unit));
        let imp_per_kwh = worth.imp_per_kwh().or_else(|| {
            let per_m3 = worth.pulses_per(Quantity::CubicMetres)?;
            Some(per_m3 / KWH_PER_M3)
        });
        let imp_per_kwh = imp_per_kwh
            .filter(|imp| imp.is_finite() && *imp > 0.0)
            .unwrap_or(1_000.0);
        Line {
            id,
            feed: Feed::of(meter, seed),
            imp_per_kwh: imp_per_kwh.min(IMP_PER_KWH_MAX),
            toggles: meter.filter.counted == CountedEdge::Both,
            level: meter.filter.active.inverted(),
            seqno: 0,
            last_ns: start_ns,
            release_ns: None,
            // No meter begins its life with the program.
            phase: rng.f64(),
            rng,
        }
    }

    /// The request of the line. Its id is truly random, whatever the seed: a second run must
    /// not be taken for the continuation of the first.
    fn up(&self) -> (MonoNs, Signal) {
        let up = Signal::LineUp {
            meter: self.id,
            request_id: fastrand::u64(..),
            level: self.level,
            mono_ns: self.last_ns,
        };
        (self.last_ns, up)
    }

    /// Lets `watts` flow from `from_ns` to `to_ns`.
    fn step(&mut self, from_ns: MonoNs, to_ns: MonoNs, watts: f64, edges: &mut Vec<Edge>) {
        let length_ns = (to_ns - from_ns) as f64;
        let gain = watts * self.imp_per_kwh / J_PER_KWH * length_ns / NS_PER_S as f64;
        let sum = self.phase + gain;
        let mut crossed = 0.0;
        while crossed + 1.0 <= sum {
            crossed += 1.0;
            let share = (crossed - self.phase) / gain;
            #[expect(clippy::cast_possible_truncation, reason = "within the step")]
            let into_ns = (share * length_ns).round() as i64;
            self.pulse((from_ns + into_ns).min(to_ns), edges);
        }
        self.phase = sum - crossed;
        // A release beyond the step stays open: the next pulse may have to cut it short.
        if let Some(release_ns) = self.release_ns.filter(|release| *release <= to_ns) {
            self.release(release_ns, edges);
        }
    }

    fn pulse(&mut self, at_ns: MonoNs, edges: &mut Vec<Edge>) {
        if let Some(release_ns) = self.release_ns {
            // A meter near its limit has no room for the full width: half the interval.
            let half_ns = self.last_ns + (at_ns - self.last_ns) / 2;
            self.release(release_ns.min(half_ns), edges);
        }
        self.transition(at_ns, edges);
        if !self.toggles {
            self.release_ns = Some(at_ns + self.rng.i64(WIDTH_NS));
        }
    }

    fn release(&mut self, at_ns: MonoNs, edges: &mut Vec<Edge>) {
        self.release_ns = None;
        self.transition(at_ns, edges);
    }

    fn transition(&mut self, at_ns: MonoNs, edges: &mut Vec<Edge>) {
        self.level = self.level.inverted();
        self.last_ns = at_ns.max(self.last_ns + 1);
        // As the kernel's does, it wraps.
        self.seqno = self.seqno.wrapping_add(1);
        edges.push(Edge {
            meter: self.id,
            kind: EdgeKind::towards(self.level),
            mono_ns: self.last_ns,
            line_seqno: self.seqno,
        });
    }
}

#[cfg(test)]
#[path = "simulated_tests.rs"]
mod tests;
