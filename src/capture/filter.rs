//! Which edges of one line are pulses: bounce, width, interval. A pure state machine.
//!
//! ```text
//!   wire, pulled up, active low; counted: rising; b = bounce time
//!
//!   ‾‾‾‾╲╱╲______________╱╲╱‾‾‾‾‾‾‾‾‾‾‾‾‾‾   raw level, contacts bounce
//!       │                │  │<-- b -->│
//!       │                │            └ the level stayed for b: the transition is accepted,
//!       │                └ its stamp: the first edge after the last stable level
//!       └ the active phase begins; its width is up to the stamp above
//! ```
//!
//! Every edge that counts by its direction ends in exactly one place: it is a pulse, or it is
//! rejected with its cause. `edges that count = pulses + bounce + width + long + interval + merged` holds
//! whenever no burst is open and no pulse is pending.
//!
//! | cause | when |
//! |---|---|
//! | bounce | the level did not stay for `bounce_ns`; of a burst that ends in the other level one edge stands, the rest are rejected |
//! | width | the active phase that the edge begins or ends was shorter than `min_width_ns` |
//! | long | the active phase that the edge begins or ends was longer than `max_width_ns` |
//! | interval | less than `min_interval_ns` after the pulse before |
//! | merged | two equal transitions in a row: the chip merged two edges into one interrupt, so the phase between was too short to see |
//!
//! A gap in `line_seqno` says how many edges the kernel dropped. The number of pulses among them
//! follows from alternation, starting at the last level seen; it is capped by what the filter
//! would have let through in that time.

use crate::config::FilterSettings;
use crate::model::{CountedEdge, Edge, EdgeKind, FilterState, Level, LossCause, MonoNs};

/// More counting edges than a contact gives while it bounces (300 ms of phases of 8 ms).
const CHATTER_EDGES_MAX: u32 = 64;

/// What became of an edge, or of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// A pulse, with the stamp of its edge.
    Pulse(MonoNs),
    /// Edges that are not a pulse.
    Rejected {
        /// Why.
        cause: LossCause,
        /// How many.
        edges: u32,
        /// How many of them look like pulses: not the chatter of a contact around a transition.
        alike: u32,
        /// The stamp of the last of them.
        mono_ns: MonoNs,
    },
    /// Edges that the kernel had to drop before they were read.
    Gap {
        /// How many edges are missing.
        edges: u32,
        /// How many pulses they were worth.
        pulses: u32,
        /// The stamp of the last edge before the gap.
        since_ns: MonoNs,
        /// The stamp of the first edge after the gap.
        mono_ns: MonoNs,
    },
}

/// The filter of one line.
#[derive(Debug)]
pub struct Filter {
    settings: FilterSettings,
    state: FilterState,
}

impl Filter {
    /// A filter for a line that has `level` now and whose edges will be numbered from 1.
    pub fn new(settings: FilterSettings, level: Level, now_ns: MonoNs) -> Filter {
        let high = level == Level::High;
        let state = FilterState {
            stable_high: high,
            raw_high: high,
            burst_since: None,
            burst_edges: 0,
            last_edge: now_ns,
            active_since: None,
            active_at: (level == settings.active).then_some(now_ns),
            pending: None,
            last_pulse: None,
            line_seqno: 0,
            is_unnumbered: false,
            requested: Some(now_ns),
        };
        Filter { settings, state }
    }

    /// The filter that another run has left: its line was watched on meanwhile.
    pub fn resume(settings: FilterSettings, state: FilterState) -> Filter {
        Filter { settings, state }
    }

    /// The line was requested again: what was under way is over, the numbers start again.
    /// The last pulse stays, for the interval.
    pub fn line_up(&mut self, level: Level, now_ns: MonoNs, out: &mut Vec<Decision>) {
        self.conclude(out);
        let last_pulse = self.state.last_pulse;
        *self = Filter::new(self.settings, level, now_ns);
        self.state.last_pulse = last_pulse;
    }

    /// A request of an earlier run goes on of which nothing is remembered: how many edges it has had, and what
    /// became of them, is not known. The edges that come are no fewer for it.
    pub fn line_found(&mut self, level: Level, now_ns: MonoNs, out: &mut Vec<Decision>) {
        self.line_up(level, now_ns, out);
        self.state.is_unnumbered = true;
    }

    /// What it was made with.
    pub fn settings(&self) -> FilterSettings {
        self.settings
    }

    /// What it remembers.
    pub fn state(&self) -> &FilterState {
        &self.state
    }

    /// When the line was requested, by this run or an earlier one: it is watched since then.
    pub fn requested_ns(&self) -> Option<MonoNs> {
        self.state.requested
    }

    /// The kernel's number of the last edge seen.
    pub fn line_seqno(&self) -> u32 {
        self.state.line_seqno
    }

    /// When something will be decided if no edge comes before; None: nothing is open.
    pub fn due_ns(&self) -> Option<MonoNs> {
        let s = &self.state;
        match (s.burst_since, s.pending) {
            (Some(_), _) => Some(s.last_edge + self.settings.bounce_ns),
            (None, Some(pending)) if self.settings.max_width_ns > 0 => {
                Some(pending + self.settings.max_width_ns + 1)
            }
            (None, Some(pending)) => Some(pending + self.settings.min_width_ns),
            (None, None) => None,
        }
    }

    /// Whether that decision may be a pulse, or be followed by one.
    pub fn may_count(&self) -> bool {
        let level = self.raw();
        let moves = self.state.burst_since.is_some() && level != self.stable();
        let counts = moves && self.settings.counted.counts(EdgeKind::towards(level));
        counts || self.state.pending.is_some()
    }

    /// Takes the next edge of the line.
    pub fn edge(&mut self, edge: Edge, out: &mut Vec<Decision>) {
        let missing = edge
            .line_seqno
            .wrapping_sub(self.state.line_seqno)
            .wrapping_sub(1);
        self.state.line_seqno = edge.line_seqno;
        let is_numbered = !std::mem::take(&mut self.state.is_unnumbered);
        if is_numbered && missing > 0 {
            self.gap(missing, edge, out);
        }
        self.settle(edge.mono_ns, out);
        let level = edge.kind.level_after();
        let counts = self.settings.counted.counts(edge.kind);
        self.state.last_edge = edge.mono_ns;
        self.state.burst_since.get_or_insert(edge.mono_ns);
        if level == self.raw() {
            reject(LossCause::Merged, (1, 1), edge.mono_ns, out);
        } else {
            self.state.raw_high = level == Level::High;
            self.state.burst_edges += u32::from(counts);
            self.cut_endless_burst(edge.mono_ns, out);
        }
        if self.settings.bounce_ns == 0 {
            self.settle(edge.mono_ns, out);
        }
    }

    /// Decides what can be decided, knowing that all edges up to `now_ns` have been seen.
    pub fn settle(&mut self, now_ns: MonoNs, out: &mut Vec<Decision>) {
        if let Some(since) = self.state.burst_since {
            if now_ns - self.state.last_edge >= self.settings.bounce_ns {
                self.end_burst(since, out);
            }
        }
        if let Some(pending) = self.state.pending {
            // A burst that began after the width was reached cannot take it back.
            let active_until = self.state.burst_since.unwrap_or(now_ns);
            let width_ns = active_until - pending;
            if self.settings.max_width_ns > 0 {
                // Only the end of the phase tells that it was not too long.
                if width_ns > self.settings.max_width_ns {
                    self.state.pending = None;
                    reject(LossCause::Long, (1, 1), pending, out);
                }
            } else if width_ns >= self.settings.min_width_ns {
                self.state.pending = None;
                self.candidate(pending, out);
            }
        }
    }

    /// A burst that does not end is no contact that bounces: what it takes away is told while it goes on.
    fn cut_endless_burst(&mut self, now_ns: MonoNs, out: &mut Vec<Decision>) {
        if self.state.burst_edges > CHATTER_EDGES_MAX {
            // One may stand for a transition yet.
            let edges = self.state.burst_edges - 1;
            self.state.burst_edges = 1;
            reject(LossCause::Bounce, (edges, edges), now_ns, out);
        }
    }

    fn raw(&self) -> Level {
        if self.state.raw_high {
            Level::High
        } else {
            Level::Low
        }
    }

    fn stable(&self) -> Level {
        if self.state.stable_high {
            Level::High
        } else {
            Level::Low
        }
    }

    /// The level has stayed for the bounce time: the burst since `since` is over.
    fn end_burst(&mut self, since: MonoNs, out: &mut Vec<Decision>) {
        let mut rejected = self.state.burst_edges;
        self.state.burst_since = None;
        self.state.burst_edges = 0;
        let level = self.raw();
        let moved = level != self.stable();
        if moved && self.settings.counted.counts(EdgeKind::towards(level)) {
            // One edge of the burst stands for the transition.
            rejected = rejected.saturating_sub(1);
        }
        // A burst that leads back to where it began is a short pulse, or a spike.
        let alike = if moved { 0 } else { rejected.min(1) };
        reject(
            LossCause::Bounce,
            (rejected, alike),
            self.state.last_edge,
            out,
        );
        if moved {
            self.transition(since, level, out);
        }
    }

    /// The level has changed for good, at `at_ns`.
    fn transition(&mut self, at_ns: MonoNs, to: Level, out: &mut Vec<Decision>) {
        self.state.stable_high = to == Level::High;
        let counts = self.settings.counted.counts(EdgeKind::towards(to));
        if to == self.settings.active {
            self.state.active_since = Some(at_ns);
            self.state.active_at = Some(at_ns);
            let widths = self.settings.min_width_ns.max(self.settings.max_width_ns);
            if counts && widths > 0 {
                self.state.pending = Some(at_ns);
            } else if counts {
                self.candidate(at_ns, out);
            }
            return;
        }
        let unfit = self.unfit_width(at_ns);
        let begun = self.state.pending.take();
        for edge_ns in begun.into_iter().chain(counts.then_some(at_ns)) {
            match unfit {
                None => self.candidate(edge_ns, out),
                Some(cause) => reject(cause, (1, 1), edge_ns, out),
            }
        }
    }

    /// Why the active phase that ends at `at_ns` is no pulse, by its width.
    fn unfit_width(&mut self, at_ns: MonoNs) -> Option<LossCause> {
        // Where the beginning of the phase was not seen, it may have been wide enough; it was not shorter
        // than what was seen of it.
        let since = self.state.active_since.take();
        let seen_since = self.state.active_at.take();
        let longer_than =
            |since: Option<MonoNs>, width_ns| since.is_some_and(|s| at_ns - s > width_ns);
        if since.is_some_and(|since| at_ns - since < self.settings.min_width_ns) {
            Some(LossCause::Width)
        } else if self.settings.max_width_ns > 0
            && longer_than(seen_since, self.settings.max_width_ns)
        {
            Some(LossCause::Long)
        } else {
            None
        }
    }

    /// A transition that counts and was long enough: a pulse unless it comes too soon.
    fn candidate(&mut self, at_ns: MonoNs, out: &mut Vec<Decision>) {
        let too_soon = self
            .state
            .last_pulse
            .is_some_and(|last| at_ns - last < self.settings.min_interval_ns);
        if too_soon {
            reject(LossCause::Interval, (1, 1), at_ns, out);
        } else {
            self.state.last_pulse = Some(at_ns);
            out.push(Decision::Pulse(at_ns));
        }
    }

    /// Ends what is open in favour of the edges that were seen: nothing more will be known.
    pub fn conclude(&mut self, out: &mut Vec<Decision>) {
        if let Some(since) = self.state.burst_since {
            self.end_burst(since, out);
        }
        if let Some(pending) = self.state.pending.take() {
            self.candidate(pending, out);
        }
    }

    /// `missing` edges were dropped between the last one seen and `next`.
    fn gap(&mut self, missing: u32, next: Edge, out: &mut Vec<Decision>) {
        let first = EdgeKind::towards(self.raw().inverted());
        let since = self.state.last_edge;
        self.conclude(out);
        let pulses = counting_among(missing, first, self.settings.counted)
            .min(self.settings.spacing().most_within(next.mono_ns - since));
        out.push(Decision::Gap {
            edges: missing,
            pulses,
            since_ns: since,
            mono_ns: next.mono_ns,
        });
        // Whatever happened, just before the next edge the line had the other level.
        let before = next.kind.level_after().inverted() == Level::High;
        self.state.raw_high = before;
        self.state.stable_high = before;
        self.state.active_since = None;
        self.state.active_at = None;
        if pulses > 0 {
            // Not known to the nanosecond; the interval must not reject the next one for it.
            self.state.last_pulse = None;
        }
    }
}

/// How many of `edges` alternating edges, of which the first is `first`, count.
pub fn counting_among(edges: u32, first: EdgeKind, counted: CountedEdge) -> u32 {
    match counted {
        CountedEdge::Both => edges,
        _ if counted.counts(first) => edges.div_ceil(2),
        _ => edges / 2,
    }
}

/// `edges`: how many, and how many of them look like pulses.
fn reject(cause: LossCause, edges: (u32, u32), mono_ns: MonoNs, out: &mut Vec<Decision>) {
    let (edges, alike) = edges;
    if edges > 0 {
        out.push(Decision::Rejected {
            cause,
            edges,
            alike,
            mono_ns,
        });
    }
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
