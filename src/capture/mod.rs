//! Edges in, pulses out. One thread waits on an [`EdgeSource`], feeds each edge to its meter's
//! filter, and hands what counts to the journal's [`Intake`]. It never waits for disk or network:
//! behind it stands the kernel's buffer of 1024 edges a line, before it a queue in memory.

pub mod filter;
pub mod gpio;
pub mod household;
pub mod pace;
pub mod recorded;
pub mod recorder;
pub mod simulated;
pub mod waker;

mod begin;
mod clocks;
mod line;
mod published;
mod source;
mod tally;
mod timing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use tracing::{info, warn};

pub use source::{EdgeSource, Polled, Signal};

use crate::clock::Clock;
use crate::clock::segment::{ClockLook, Remembered, Rules, Segments, Trust};
use crate::config::MeterSettings;
use crate::intake::{Intake, Pending};
use crate::live::CaptureLive;
use crate::model::{
    Edge, FilterState, MeterId, MonoNs, NS_PER_MS, NS_PER_S, WallNs, Watched, WatchedStretch,
};
use filter::{Decision, Filter};
use line::MeterLine;

/// An edge stamped this long ago has been read: the time from the interrupt to the buffer is
/// tens of microseconds (measured: median 43), even on a busy board far below this.
const READ_LAG_MAX_NS: i64 = 2 * NS_PER_MS;

/// When the machine's clock is trusted, and how earlier runs have left it.
pub type Trusting = (Rules, Option<Remembered>);

/// The stage: owns the source and a filter for each meter.
#[derive(Debug)]
pub struct Capture {
    // Dependencies.
    source: Box<dyn EdgeSource>,
    clock: Arc<dyn Clock>,
    intake: Arc<Intake>,
    // Settings.
    log_edges: bool,
    /// The longest that it takes to hear of an edge, and the filter to decide about it.
    decide_ns: i64,
    // State.
    lines: Vec<MeterLine>,
    segments: Segments,
    began: ClockLook,
    /// Where [`Trusting`] comes from, when the disk has not told it yet.
    trusting: Option<Receiver<Trusting>>,
    announced: bool,
    /// When a pulse was last handed on.
    counted_ns: MonoNs,
    /// How far capture had seen when that was last told.
    seen_ns: MonoNs,
    signals: Vec<Signal>,
    outcomes: Vec<Decision>,
}

impl Capture {
    /// Sets the stage up; nothing is read before the first [`Capture::step`].
    pub fn new(
        source: Box<dyn EdgeSource>,
        clock: Arc<dyn Clock>,
        intake: Arc<Intake>,
        meters: &[MeterSettings],
        (rules, remembered): Trusting,
    ) -> Capture {
        let now_ns = clock.mono_ns();
        let lines: Vec<MeterLine> = meters
            .iter()
            .map(|meter| MeterLine::new(meter, now_ns, clock.wall_ns()))
            .collect();
        intake.board().publish_capture(|capture| {
            *capture = CaptureLive {
                lines: lines.iter().map(|line| line.live.clone()).collect(),
                lines_version: capture.lines_version + 1,
            };
        });
        let decide_ns = lines.iter().map(MeterLine::decide_ns).max().unwrap_or(0);
        let began = clock.look();
        let segments = Segments::begin(began, rules, remembered);
        Capture {
            source,
            clock,
            intake,
            log_edges: false,
            decide_ns,
            lines,
            segments,
            began,
            trusting: None,
            announced: false,
            counted_ns: now_ns - NS_PER_S,
            seen_ns: now_ns,
            signals: Vec::new(),
            outcomes: Vec::new(),
        }
    }

    /// The states that an earlier run has left, by meter.
    pub fn remember(&mut self, states: impl IntoIterator<Item = Option<FilterState>>) {
        for (line, state) in self.lines.iter_mut().zip(states) {
            line.remembered = state;
        }
    }

    /// Logs each edge at info level from now on.
    pub fn log_edges(&mut self) {
        self.log_edges = true;
    }

    /// Whether the source still tells of what is past.
    pub fn is_in_past(&self) -> bool {
        self.source.is_in_past()
    }

    /// Waits for signals once, judges them, and hands on what came of it.
    pub fn step(&mut self) -> Polled {
        self.intake.board().capture_moved();
        let mut pending = Pending::default();
        self.rest();
        let before_ns = self.clock.mono_ns();
        self.look_at_clocks(before_ns, &mut pending);
        let mut signals = std::mem::take(&mut self.signals);
        let polled = self
            .source
            .poll(Some(self.deadline_ns(before_ns)), &mut signals);
        for signal in signals.drain(..) {
            self.signal(signal, &mut pending);
        }
        self.signals = signals;
        match polled {
            // Edges may lie unread that are older than this step: their absence says nothing.
            Polled::Woken => self.hand_on(pending, before_ns),
            Polled::Ended => self.settle(i64::MAX / 2, before_ns, pending),
            Polled::Signals | Polled::TimedOut => self.settle(before_ns, before_ns, pending),
        }
        polled
    }

    /// Decides what can be decided, all edges having been read that had come by `read_ns`, and hands on
    /// what has come of it by `now_ns`.
    fn settle(&mut self, read_ns: MonoNs, now_ns: MonoNs, mut pending: Pending) {
        for index in 0..self.lines.len() {
            let line = &mut self.lines[index];
            let seen_ns = read_ns - READ_LAG_MAX_NS - line.stamp_delay_ns;
            line.filter.settle(seen_ns, &mut self.outcomes);
            self.judge(index, &mut pending);
        }
        self.hand_on(pending, now_ns);
        self.note_watched(self.surely_seen_ns(now_ns));
    }

    /// How far capture has seen, all having been read that had come by `now_ns`.
    fn surely_seen_ns(&self, now_ns: MonoNs) -> MonoNs {
        now_ns - READ_LAG_MAX_NS - self.decide_ns
    }

    /// Tells how far capture has seen: up to `seen_ns` everything is handed on. (A pulse whose width
    /// decides may come later; its window is counted again then.)
    fn note_watched(&mut self, seen_ns: MonoNs) {
        let elapsed = self.segments.elapsed();
        self.intake.note_elapsed(elapsed.kept(self.clock.mono_ns()));
        let segment = self.segments.current();
        if !segment.trust.is_final() || seen_ns < segment.begins_ns {
            return;
        }
        let wall = |mono_ns| WallNs::of_mono(mono_ns, segment.offset_ns);
        let runs_since_ns = self.segments.runs_since_ns();
        let mut meters = BTreeMap::new();
        // Nothing vouches for a time that may be in the future.
        let lines = if elapsed.is_leap(wall(seen_ns), seen_ns) {
            &[][..]
        } else {
            &self.lines
        };
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.up) {
            let since_ns = line.requested_ns().max(runs_since_ns);
            if line.up_since_ns.max(since_ns) < seen_ns {
                let meter = MeterId(u16::try_from(index).expect("at most 64 meters"));
                let (since_ns, until_ns) = (wall(since_ns), wall(seen_ns));
                meters.insert(meter, WatchedStretch { since_ns, until_ns });
            }
        }
        self.seen_ns = seen_ns;
        self.intake.note_watched(Watched {
            looked_ns: Some(wall(seen_ns)),
            sure_ns: elapsed.sure_ns(seen_ns),
            synchronised: segment.trust == Trust::Synchronised
                && !elapsed.is_leap(wall(seen_ns), seen_ns),
            meters,
        });
    }

    /// The end: reads what the kernel still holds. Where the requests live on, what is undecided is kept for
    /// the next run to decide; elsewhere nothing more will be known, and it is decided in favour of the edges
    /// that were seen.
    pub fn finish(&mut self) {
        let now_ns = self.clock.mono_ns();
        let mut pending = Pending::default();
        self.look_at_clocks(now_ns, &mut pending);
        let mut signals = std::mem::take(&mut self.signals);
        while matches!(
            self.source.poll(Some(now_ns), &mut signals),
            Polled::Signals | Polled::Woken
        ) {}
        for signal in signals.drain(..) {
            self.signal(signal, &mut pending);
        }
        if self.source.outlives() {
            for line in &mut self.lines {
                line.must_keep |= line.up || line.touched;
            }
            self.settle(now_ns, now_ns, pending);
            return;
        }
        for index in 0..self.lines.len() {
            self.lines[index].filter.conclude(&mut self.outcomes);
            self.judge(index, &mut pending);
            let line = &mut self.lines[index];
            line.must_keep |= line.touched;
        }
        self.hand_on(pending, now_ns);
        self.note_watched(now_ns);
    }

    fn signal(&mut self, signal: Signal, pending: &mut Pending) {
        match signal {
            Signal::Edge(edge) => self.edge(edge, pending),
            Signal::LineUp {
                meter,
                request_id,
                level,
                mono_ns,
            } => {
                let line = &mut self.lines[meter.index()];
                info!(meter = line.name, ?level, "counting on line");
                line.requested(request_id, level, mono_ns);
                line.filter.line_up(level, mono_ns, &mut self.outcomes);
                self.judge(meter.index(), pending);
                self.note_line(meter, None);
            }
            Signal::LineFound {
                meter,
                request_id,
                level,
                mono_ns,
            } => {
                let line = &mut self.lines[meter.index()];
                info!(
                    meter = line.name,
                    ?level,
                    "counting on line, from what the kernel has kept on"
                );
                line.requested(request_id, level, mono_ns);
                line.filter.line_found(level, mono_ns, &mut self.outcomes);
                self.judge(meter.index(), pending);
                self.note_line(meter, None);
            }
            Signal::LineAdopted {
                meter,
                request_id,
                mono_ns,
            } => {
                let line = &mut self.lines[meter.index()];
                info!(meter = line.name, "counting on line, as before");
                (line.up, line.request_id, line.up_since_ns) = (true, request_id, mono_ns);
                // What an earlier run judged, perhaps by other settings, is no longer to be shown.
                line.news = true;
                if let Some(state) = line.remembered.take() {
                    line.filter = Filter::resume(line.filter.settings(), state);
                }
                // The kernel has watched it since it was requested.
                line.live.watched_from_ns = line.requested_ns();
                line.is_news = true;
                self.note_line(meter, None);
            }
            Signal::LineDown { meter, reason } => {
                let line = &mut self.lines[meter.index()];
                warn!(meter = line.name, reason, "line not readable; trying again");
                let was_up = std::mem::replace(&mut line.up, false);
                (line.live.level, line.is_news) = (None, true);
                if was_up {
                    self.note_ended(meter);
                }
                self.note_line(meter, Some(reason));
            }
        }
    }

    /// What was watched of a line so far is over: it was watched up to now, not only to the last look.
    fn note_ended(&self, meter: MeterId) {
        if let Some(told) = self.intake.watched().meters.get(&meter) {
            let since_ns = told.since_ns;
            let more_ns = self.surely_seen_ns(self.clock.mono_ns()) - self.seen_ns;
            let until_ns = told.until_ns + more_ns.max(0);
            let watch = WatchedStretch { since_ns, until_ns };
            self.intake.note_ended(meter, watch);
        }
    }

    fn edge(&mut self, edge: Edge, pending: &mut Pending) {
        let line = &mut self.lines[edge.meter.index()];
        line.saw_edge(edge);
        if self.log_edges {
            let (kind, number) = (edge.kind, edge.line_seqno);
            info!(
                meter = line.name,
                ?kind,
                mono_ns = edge.mono_ns,
                line_seqno = number,
                "edge"
            );
        }
        line.touched = true;
        // Without a bounce time the edge itself decides; with one it first ends what came before.
        let decides = line.filter.settings().bounce_ns == 0;
        if decides {
            line.tally.edge(edge);
        }
        line.filter.edge(edge, &mut self.outcomes);
        self.judge(edge.meter.index(), pending);
        if !decides {
            self.lines[edge.meter.index()].tally.edge(edge);
        }
    }

    /// Turns what the filter of a line decided into pulses and losses.
    fn judge(&mut self, index: usize, pending: &mut Pending) {
        let meter = MeterId(u16::try_from(index).expect("the configuration allows 64 meters"));
        for outcome in self.outcomes.drain(..) {
            let line = &mut self.lines[index];
            // Or else the next process would decide it once more.
            line.must_keep = true;
            let wall_ns = self.clock.wall_ns();
            line.judged(outcome, meter, (&self.segments, wall_ns), pending);
        }
    }

    fn hand_on(&mut self, mut pending: Pending, now_ns: MonoNs) {
        self.publish();
        if !pending.pulses.is_empty() {
            self.counted_ns = now_ns;
        }
        let commits = pending.is_urgent();
        for (index, line) in self.lines.iter_mut().enumerate() {
            if line.takes_part(commits, now_ns) {
                let meter = MeterId(u16::try_from(index).expect("at most 64 meters"));
                pending.requested |= std::mem::take(&mut line.news);
                pending.lines.insert(meter, line.hand_on(now_ns));
            }
        }
        if pending != Pending::default() {
            self.intake.push(pending, self.clock.wall_ns());
        }
    }
}

#[cfg(test)]
mod stage_tests;
