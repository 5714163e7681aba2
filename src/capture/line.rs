//! One meter's line: its filter, and how it is read.

use std::sync::Arc;

use tracing::{debug, warn};

use super::filter::{Decision, Filter};
use super::tally::Tally;
use crate::clock::segment::Segments;
use crate::config::MeterSettings;
use crate::intake::Pending;
use crate::live::{LineLive, RecentEdge};
use crate::model::{
    Edge, FilterState, Level, LineState, Loss, LossCause, MeterId, MonoNs, NS_PER_S, Pulse,
    STAMP_STEP_NS, WallNs,
};

/// So old is the state of a line, at least, that is kept for the sake of edges that decided nothing.
const RIDE_NS: i64 = NS_PER_S;

/// One meter's line.
#[derive(Debug)]
pub(super) struct MeterLine {
    pub(super) name: String,
    pub(super) filter: Filter,
    pub(super) request_id: u64,
    pub(super) up: bool,
    /// Since when this run reads it.
    pub(super) up_since_ns: MonoNs,
    /// An edge was seen since its state was handed on.
    pub(super) touched: bool,
    /// Something was decided since then.
    pub(super) must_keep: bool,
    handed_on_ns: MonoNs,
    last_stamp_ns: MonoNs,
    /// The edge with which the active phase began: its number and its stamp.
    active_from: Option<(u32, MonoNs)>,
    /// The line's request, or what is kept of it, is news to the journal: it is committed at once.
    pub(super) news: bool,
    pub(super) tally: Tally,
    /// How much later than its stamp an edge comes: the kernel's debounce.
    pub(super) stamp_delay_ns: i64,
    /// What an earlier run has left of the line's request.
    pub(super) remembered: Option<FilterState>,
    /// What is published of it, and whether that has changed since.
    pub(super) live: LineLive,
    pub(super) is_news: bool,
}

impl MeterLine {
    /// A line that is not read yet.
    pub(super) fn new(meter: &MeterSettings, now_ns: MonoNs, since_ns: WallNs) -> MeterLine {
        MeterLine {
            live: LineLive::untried(&meter.name, since_ns),
            is_news: false,
            name: meter.name.clone(),
            filter: Filter::new(meter.filter, Level::High, now_ns),
            request_id: 0,
            up: false,
            up_since_ns: now_ns,
            touched: false,
            must_keep: false,
            handed_on_ns: now_ns,
            news: false,
            tally: Tally::new(meter),
            stamp_delay_ns: i64::from(meter.line.kernel_debounce_us) * 1_000,
            last_stamp_ns: 0,
            active_from: None,
            remembered: None,
        }
    }

    /// The longest that it takes to decide about an edge that is accepted, and to hear of it.
    pub(super) fn decide_ns(&self) -> i64 {
        self.filter.settings().bounce_ns + self.stamp_delay_ns
    }

    /// Since when its request watches it: one that an earlier run has left was watched by the kernel meanwhile.
    pub(super) fn requested_ns(&self) -> MonoNs {
        self.filter.requested_ns().unwrap_or(self.up_since_ns)
    }

    /// Whether its state is handed on at `now_ns`. Where edges were seen and nothing decided it rides along with a
    /// commit that is made anyhow (`commits`), now and then: another page for the card, and what is missing
    /// otherwise are edges that do not count.
    pub(super) fn takes_part(&self, commits: bool, now_ns: MonoNs) -> bool {
        let rides = commits && self.touched && now_ns - self.handed_on_ns >= RIDE_NS;
        self.must_keep || self.news || rides
    }

    /// What the journal is to keep beside the pulses that it led to.
    pub(super) fn hand_on(&mut self, now_ns: MonoNs) -> LineState {
        (self.touched, self.must_keep, self.handed_on_ns) = (false, false, now_ns);
        LineState {
            request_id: self.request_id,
            line_seqno: self.filter.line_seqno(),
            filter: self.filter.state().clone(),
            tally: self.tally.judged(),
        }
    }

    /// The line was requested, and had this level. Its filter is still to be told.
    pub(super) fn requested(&mut self, request_id: u64, level: Level, mono_ns: MonoNs) {
        (self.up, self.request_id, self.news) = (true, request_id, true);
        (self.live.level, self.is_news) = (Some(level), true);
        Arc::make_mut(&mut self.live.recent).clear();
        (self.up_since_ns, self.live.watched_from_ns) = (mono_ns, mono_ns);
        self.tally.interrupted();
        if let Some(state) = self.remembered.take() {
            // Its request does not go on: what was undecided is decided now.
            self.filter = Filter::resume(self.filter.settings(), state);
        }
    }

    /// An edge was read.
    pub(super) fn saw_edge(&mut self, edge: Edge) {
        Arc::make_mut(&mut self.live.recent).push(RecentEdge {
            kind: edge.kind,
            mono_ns: edge.mono_ns,
            line_seqno: edge.line_seqno,
        });
        self.is_news = true;
        self.note_phase(edge);
        self.live.edges += 1;
        self.live.last_edge_ns = Some(edge.mono_ns);
        self.live.level = Some(edge.kind.level_after());
    }

    /// Notes how long an active phase was that has ended with this edge; none where edges are missing in between.
    fn note_phase(&mut self, edge: Edge) {
        let settings = self.filter.settings();
        let (bounce_ns, active) = (settings.bounce_ns, settings.active);
        if edge.kind.level_after() == active {
            self.active_from = Some((edge.line_seqno, edge.mono_ns));
            return;
        }
        let Some((seqno, from_ns)) = self.active_from.take() else {
            return;
        };
        let width_ns = edge.mono_ns - from_ns;
        // Chatter is none.
        if edge.line_seqno == seqno.wrapping_add(1) && width_ns >= bounce_ns.max(1) {
            self.live.note_width(width_ns);
        }
    }

    /// So many edges were rejected.
    pub(super) fn saw_rejected(&mut self, cause: LossCause, edges: u32) {
        self.is_news = true;
        *self.live.rejected.entry(cause).or_default() += u64::from(edges);
    }

    /// A pulse of this line. Stamps are multiples of [`STAMP_STEP_NS`] and grow.
    pub(super) fn pulse(&mut self, meter: MeterId, mono_ns: MonoNs, segments: &Segments) -> Pulse {
        let stamp = (mono_ns & !(STAMP_STEP_NS - 1)).max(self.last_stamp_ns + STAMP_STEP_NS);
        self.last_stamp_ns = stamp;
        self.is_news = true;
        self.live.pulses += 1;
        self.live.stamps.push(stamp);
        Pulse {
            meter,
            segment: segments.at(mono_ns),
            mono_ns: stamp,
            estimated: false,
        }
    }

    /// Turns what its filter decided into pulses and losses. With the segments of the clock, and what it shows now.
    pub(super) fn judged(
        &mut self,
        outcome: Decision,
        meter: MeterId,
        (segments, wall_ns): (&Segments, WallNs),
        pending: &mut Pending,
    ) {
        match outcome {
            Decision::Pulse(mono_ns) => {
                self.tally.pulse(mono_ns);
                let pulse = self.pulse(meter, mono_ns, segments);
                pending.pulses.push(pulse);
            }
            Decision::Rejected {
                cause,
                edges,
                alike,
                mono_ns,
            } => {
                self.tally.rejected(cause, alike);
                self.saw_rejected(cause, edges);
                debug!(meter = self.name, %cause, edges, mono_ns, "edges rejected");
                pending.lose(meter, cause, Loss::at(u64::from(edges), wall_ns));
            }
            Decision::Gap {
                edges,
                pulses,
                since_ns,
                mono_ns,
            } => {
                warn!(
                    meter = self.name,
                    edges, pulses, "edges were missed; their pulses are put back by number"
                );
                let apart_ns = (mono_ns - since_ns) / i64::from(pulses + 1);
                for n in 1..=i64::from(pulses) {
                    let at_ns = since_ns + n * apart_ns;
                    pending.pulses.push(Pulse {
                        estimated: true,
                        ..self.pulse(meter, at_ns, segments)
                    });
                }
                if pulses > 0 {
                    let offset_ns = segments.current().offset_ns;
                    let loss = Loss {
                        pulses: u64::from(pulses),
                        first_ns: WallNs::of_mono(since_ns, offset_ns),
                        last_ns: WallNs::of_mono(mono_ns, offset_ns),
                    };
                    pending.lose(meter, LossCause::Restored, loss);
                }
            }
        }
    }
}
