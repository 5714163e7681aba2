//! The stage with a virtual clock and a wire whose edges come when the kernel would deliver them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::clock::VirtualClock;
use crate::config::FilterSettings;
use crate::model::{CountedEdge, EdgeKind, Level, STAMP_STEP_NS};

const METER: MeterId = MeterId(0);

/// What the source tells at a time of the virtual clock; None: it was woken instead.
type Told = (MonoNs, Option<Signal>);

/// Plays what it was given, and lets time pass while it waits.
#[derive(Debug)]
struct Played {
    clock: VirtualClock,
    told: VecDeque<Told>,
    outlives: bool,
    /// The wait is cut short then.
    until_ns: Arc<AtomicI64>,
    /// How often time passed while it waited.
    waits: Arc<AtomicI64>,
}

impl Played {
    fn pass(&self, until_ns: MonoNs) {
        let wait_ns = (until_ns - self.clock.mono_ns()).max(0);
        self.clock.advance(wait_ns);
        self.waits
            .fetch_add(i64::from(wait_ns > 0), Ordering::Relaxed);
    }
}

impl EdgeSource for Played {
    fn poll(&mut self, deadline_ns: Option<MonoNs>, signals: &mut Vec<Signal>) -> Polled {
        let now_ns = self.clock.mono_ns();
        let deadline_ns = deadline_ns.expect("capture sets one");
        let until_ns = self.until_ns.load(Ordering::Relaxed);
        let is_next = |at_ns: MonoNs| at_ns <= deadline_ns.max(now_ns) && at_ns <= until_ns;
        match self.told.front() {
            Some((at_ns, _)) if is_next(*at_ns) => {
                self.pass(*at_ns);
                let (_, signal) = self.told.pop_front().expect("there is one");
                let Some(signal) = signal else {
                    return Polled::Woken;
                };
                signals.push(signal);
                Polled::Signals
            }
            _ if until_ns < deadline_ns => {
                self.pass(until_ns);
                Polled::Woken
            }
            _ => {
                self.pass(deadline_ns);
                Polled::TimedOut
            }
        }
    }

    fn rest(&mut self, until_ns: MonoNs) {
        self.pass(until_ns.min(self.until_ns.load(Ordering::Relaxed)));
    }

    fn outlives(&self) -> bool {
        self.outlives
    }
}

fn meter(filter: FilterSettings, kernel_debounce_ms: u32) -> MeterSettings {
    let mut meter = MeterSettings::plain("Import");
    meter.line.kernel_debounce_us = kernel_debounce_ms * 1_000;
    MeterSettings { filter, ..meter }
}

fn filter(counted: CountedEdge, bounce_ms: i64, width_ms: i64) -> FilterSettings {
    FilterSettings {
        counted,
        active: Level::Low,
        bounce_ns: bounce_ms * NS_PER_MS,
        min_width_ns: width_ms * NS_PER_MS,
        max_width_ns: 0,
        min_interval_ns: 0,
    }
}

fn up(mono_ns: MonoNs) -> Told {
    let signal = Signal::LineUp {
        meter: METER,
        request_id: 7,
        level: Level::High,
        mono_ns,
    };
    (mono_ns, Some(signal))
}

/// The edges of a wire that falls first, at these milliseconds after one second, delivered `late_ms` later.
fn edges(at_ms: &[i64], late_ms: i64) -> impl Iterator<Item = Told> {
    let edges: Vec<Told> = (1u32..)
        .zip(at_ms)
        .map(|(line_seqno, ms)| {
            let falls = line_seqno % 2 == 1;
            let mono_ns = NS_PER_S + ms * NS_PER_MS;
            let edge = Edge {
                meter: METER,
                kind: if falls {
                    EdgeKind::Falling
                } else {
                    EdgeKind::Rising
                },
                mono_ns,
                line_seqno,
            };
            (mono_ns + late_ms * NS_PER_MS, Some(Signal::Edge(edge)))
        })
        .collect();
    edges.into_iter()
}

struct Stage {
    clock: VirtualClock,
    intake: Arc<Intake>,
    capture: Capture,
    until_ns: Arc<AtomicI64>,
    waits: Arc<AtomicI64>,
}

impl Stage {
    fn new(meter: &MeterSettings, told: impl IntoIterator<Item = Told>, outlives: bool) -> Stage {
        let clock = VirtualClock::at(WallNs::of_s(1_764_000_000));
        Stage::on(&clock, meter, told, outlives)
    }

    fn on(
        clock: &VirtualClock,
        meter: &MeterSettings,
        told: impl IntoIterator<Item = Told>,
        outlives: bool,
    ) -> Stage {
        let intake = Arc::new(Intake::new(1_000, Arc::default()));
        let until_ns = Arc::new(AtomicI64::new(i64::MAX));
        let waits = Arc::new(AtomicI64::new(0));
        let source = Played {
            until_ns: Arc::clone(&until_ns),
            waits: Arc::clone(&waits),
            clock: clock.clone(),
            told: told.into_iter().collect(),
            outlives,
        };
        let capture = Capture::new(
            Box::new(source),
            Arc::new(clock.clone()),
            Arc::clone(&intake),
            std::slice::from_ref(meter),
            (Rules::BELIEVE, None),
        );
        Stage {
            clock: clock.clone(),
            intake,
            capture,
            until_ns,
            waits,
        }
    }

    /// Steps until so many milliseconds after one second.
    fn run_until(&mut self, ms: i64) {
        let until_ns = NS_PER_S + ms * NS_PER_MS;
        self.until_ns.store(until_ns, Ordering::Relaxed);
        while self.clock.mono_ns() < until_ns {
            self.capture.step();
        }
        self.until_ns.store(i64::MAX, Ordering::Relaxed);
    }

    fn taken(&self) -> Pending {
        self.intake.take(true).unwrap_or_default()
    }
}

#[test]
fn what_the_kernel_debounces_is_judged_when_it_has_come() {
    // Ten pulses that the filter rejects, whatever the kernel does before.
    let pulses = |low_ms: i64| (0..10).flat_map(move |n| [n * 500 + 100, n * 500 + 100 + low_ms]);
    for (counted, bounce_ms, width_ms, low_ms) in [
        (CountedEdge::Falling, 5, 50, 40),
        (CountedEdge::Both, 5, 35, 30),
        (CountedEdge::Rising, 30, 0, 25),
        (CountedEdge::Falling, 30, 0, 25),
    ] {
        for debounce_ms in [0, 3, 20] {
            let meter = meter(
                filter(counted, bounce_ms, width_ms),
                u32::try_from(debounce_ms).unwrap(),
            );
            let wire: Vec<i64> = pulses(low_ms).collect();
            let told = std::iter::once(up(NS_PER_S)).chain(edges(&wire, debounce_ms));
            let mut stage = Stage::new(&meter, told, false);
            stage.run_until(6_000);
            let taken = stage.taken();
            assert_eq!(taken.pulses, [], "{counted:?} {bounce_ms} {debounce_ms}");
            let rejected: u64 = taken.losses.values().map(|loss| loss.pulses).sum();
            assert_eq!(rejected, if counted == CountedEdge::Both { 20 } else { 10 });
        }
    }
}

#[test]
fn nothing_later_than_told_to_have_been_seen_is_handed_on() {
    let meter = meter(filter(CountedEdge::Rising, 5, 0), 20);
    let wire: Vec<i64> = (0..200).map(|n| 100 + n * 31).collect();
    let told = std::iter::once(up(NS_PER_S)).chain(edges(&wire, 20));
    let mut stage = Stage::new(&meter, told, false);
    let mut seen_ns = WallNs::default();
    let mut counted = 0;
    while stage.clock.mono_ns() < 9 * NS_PER_S {
        stage.capture.step();
        for pulse in stage.taken().pulses {
            let wall_ns = WallNs::of_mono(pulse.mono_ns, stage.clock.offset_ns());
            assert!(
                wall_ns >= seen_ns - STAMP_STEP_NS,
                "{} before",
                seen_ns - wall_ns
            );
            counted += 1;
        }
        seen_ns = stage.intake.watched().looked_ns.unwrap_or(seen_ns);
    }
    assert_eq!(counted, 100);
}

#[test]
fn a_wake_up_is_not_taken_for_silence() {
    // The line falls at 100 and rises at 102: a spike. The process stalls meanwhile, and the clock is set twice:
    // both is told before the second edge is read.
    let wakes = [
        (NS_PER_S + 102 * NS_PER_MS, None),
        (NS_PER_S + 102 * NS_PER_MS, None),
    ];
    let told = std::iter::once(up(NS_PER_S)).chain(edges(&[100], 0));
    let told = told.chain(wakes).chain(edges(&[100, 102], 0).skip(1));
    let meter = meter(filter(CountedEdge::Falling, 5, 0), 0);
    let mut stage = Stage::new(&meter, told, false);
    stage.run_until(101);
    for polled in [Polled::Woken, Polled::Woken, Polled::Signals] {
        stage.clock.advance(50 * NS_PER_MS);
        assert_eq!(stage.capture.step(), polled);
    }
    stage.run_until(1_000);
    assert_eq!(stage.taken().pulses, []);
}

#[test]
fn a_new_request_is_committed_at_once_and_with_its_id() {
    let meter = meter(filter(CountedEdge::Rising, 5, 0), 0);
    let mut stage = Stage::new(&meter, [up(4 * NS_PER_S)], true);
    stage.capture.step();
    assert!(stage.intake.take(false).is_some(), "the clock's segment");
    stage.run_until(3_500);
    let taken = stage
        .intake
        .take(false)
        .expect("it is worth a commit of its own");
    assert_eq!(taken.lines[&METER].request_id, 7);
    stage.run_until(60_000);
    assert_eq!(stage.intake.take(false), None, "once");
}

/// Pulses over two runs: the first ends at `stop_ms`, by a clean stop or a kill right after a commit.
fn over_a_stop(settings: FilterSettings, wire: &[i64], stop_ms: i64, clean: bool) -> usize {
    let meter = meter(settings, 0);
    let before = wire.iter().filter(|ms| **ms < stop_ms).count();
    let told = std::iter::once(up(NS_PER_S)).chain(edges(wire, 0).take(before));
    let mut first = Stage::new(&meter, told, true);
    first.run_until(stop_ms);
    if clean {
        first.capture.finish();
    }
    let taken = first.taken();
    let now_ns = first.clock.mono_ns();
    let adopted = Signal::LineAdopted {
        meter: METER,
        request_id: 7,
        mono_ns: now_ns,
    };
    let told = std::iter::once((now_ns, Some(adopted))).chain(edges(wire, 0).skip(before));
    let mut second = Stage::on(&first.clock, &meter, told, true);
    let state = taken.lines[&METER].filter.clone();
    second.capture.remember([Some(state)]);
    second.run_until(stop_ms + 5_000);
    taken.pulses.len() + second.taken().pulses.len()
}

#[test]
fn a_clean_stop_decides_nothing_that_the_next_run_knows_better() {
    for (counted, bounce_ms, width_ms, wire, pulses) in [
        // A spike, a short phase, a contact that bounces, a pulse.
        (CountedEdge::Falling, 5, 0, vec![100, 102], 0),
        (CountedEdge::Falling, 5, 30, vec![100, 115], 0),
        (CountedEdge::Both, 5, 30, vec![100, 115], 0),
        (
            CountedEdge::Rising,
            5,
            0,
            vec![100, 101, 103, 150, 152, 153],
            1,
        ),
        (CountedEdge::Falling, 5, 30, vec![100, 101, 103, 150], 1),
    ] {
        for stop_ms in 100..160 {
            let settings = filter(counted, bounce_ms, width_ms);
            let counted = over_a_stop(settings, &wire, stop_ms, true);
            assert_eq!(
                counted, pulses,
                "{settings:?} {wire:?} stopped at {stop_ms}"
            );
        }
    }
}

/// A kill may come between a request and the commit of its id, and a journal may be replaced: what the kernel has
/// kept was read by no run.
#[test]
fn a_request_that_nothing_is_remembered_of_counts_from_what_the_kernel_has_kept_on() {
    let meter = meter(filter(CountedEdge::Rising, 5, 0), 0);
    let wire = [100, 150, 300, 350, 500, 550, 700, 750];
    // From a falling edge on, from a rising one, and with nothing kept.
    for (read, level, pulses) in [(2, Level::High, 3), (3, Level::Low, 3), (8, Level::High, 0)] {
        let told: Vec<Told> = edges(&wire, 0).skip(read).collect();
        let from_ns = told.first().map_or(2 * NS_PER_S, |(at_ns, _)| *at_ns);
        let found = Signal::LineFound {
            meter: METER,
            request_id: 7,
            level,
            mono_ns: from_ns,
        };
        let mut stage = Stage::new(
            &meter,
            [(from_ns, Some(found))].into_iter().chain(told),
            true,
        );
        stage.run_until(1_500);
        let taken = stage.taken();
        assert_eq!(taken.pulses.len(), pulses, "from edge {read} on");
        assert!(taken.pulses.iter().all(|pulse| !pulse.estimated));
        assert!(taken.requested, "its id is committed at once");
        let state = &taken.lines[&METER];
        assert_eq!(
            (state.request_id, state.filter.requested),
            (7, Some(from_ns))
        );
        // How many edges it had is not known after another restart either, before one has come.
        let kept: FilterState =
            serde_json::from_str(&serde_json::to_string(&state.filter).unwrap()).unwrap();
        let mut next = Filter::resume(meter.filter, kept);
        let mut out = Vec::new();
        let edge = Edge {
            meter: METER,
            kind: EdgeKind::Falling,
            mono_ns: 5 * NS_PER_S,
            line_seqno: if read == 8 { 4_001 } else { 9 },
        };
        next.edge(edge, &mut out);
        let is_gap = |decision: &Decision| matches!(decision, Decision::Gap { .. });
        assert!(!out.iter().any(is_gap), "{out:?}");
    }
}

#[test]
fn a_stop_without_a_store_decides_for_the_edges_that_were_seen() {
    let meter = meter(filter(CountedEdge::Falling, 5, 0), 0);
    let told = std::iter::once(up(NS_PER_S)).chain(edges(&[100], 0));
    let mut stage = Stage::new(&meter, told, false);
    stage.run_until(101);
    stage.capture.finish();
    assert_eq!(stage.taken().pulses.len(), 1);
}

#[test]
fn what_was_undecided_is_decided_when_the_request_does_not_go_on() {
    let meter = meter(filter(CountedEdge::Falling, 5, 0), 0);
    let told = std::iter::once(up(NS_PER_S)).chain(edges(&[100], 0));
    let mut first = Stage::new(&meter, told, true);
    first.run_until(101);
    first.capture.finish();
    let taken = first.taken();
    assert_eq!(taken.pulses, []);
    let mut second = Stage::on(&first.clock, &meter, [up(2 * NS_PER_S)], true);
    second
        .capture
        .remember([Some(taken.lines[&METER].filter.clone())]);
    second.run_until(2_000);
    assert_eq!(second.taken().pulses.len(), 1);
}

#[test]
fn a_meter_whose_pulses_are_rejected_is_told_beside_its_state() {
    let meter = meter(filter(CountedEdge::Rising, 5, 0), 0);
    let wire: Vec<i64> = (0..30)
        .flat_map(|n| [n * 240 + 100, n * 240 + 102])
        .collect();
    let told = std::iter::once(up(NS_PER_S)).chain(edges(&wire, 0));
    let mut stage = Stage::new(&meter, told, true);
    stage.run_until(10_000);
    let taken = stage.taken();
    // Nothing was there before the first to be like it.
    assert_eq!(taken.lines[&METER].tally.bounce, 29);
    assert_eq!(taken.lines[&METER].tally.pulses, 0);
}

#[test]
fn what_the_disk_tells_late_settles_what_was_counted_before() {
    let wire: Vec<i64> = (0..3)
        .flat_map(|n| [n * 500 + 100, n * 500 + 200])
        .collect();
    let told = std::iter::once(up(NS_PER_S)).chain(edges(&wire, 0));
    let meter = meter(filter(CountedEdge::Falling, 5, 0), 0);
    let mut stage = Stage::new(&meter, told, false);
    let (disk, trusting) = std::sync::mpsc::channel();
    stage
        .capture
        .begin_without(trusting, std::time::Duration::ZERO);
    stage.run_until(3_000);
    let taken = stage.taken();
    assert_eq!(taken.pulses.len(), 3, "counted all the same");
    assert!(taken.segments.iter().all(|s| !s.trust.is_final()));
    disk.send((Rules::BELIEVE, None)).unwrap();
    stage.run_until(5_000);
    let settled = stage.taken().segments;
    assert!(!settled.is_empty() && settled.iter().all(|s| s.trust.is_final()));
    assert_eq!(settled.last().unwrap().no, taken.pulses[0].segment);
}

#[test]
fn an_edge_that_decides_nothing_costs_no_wake_up_of_its_own() {
    // A contact that bounces three times each way, ten times a second; the rising edge counts.
    let wire: Vec<i64> = (0..100)
        .flat_map(|n| [0, 1, 2, 40, 41, 42].map(|ms| n * 100 + 50 + ms))
        .collect();
    for counted in [CountedEdge::Rising, CountedEdge::Falling] {
        let meter = meter(filter(counted, 5, 0), 0);
        let told = std::iter::once(up(NS_PER_S)).chain(edges(&wire, 0));
        let mut stage = Stage::new(&meter, told, false);
        stage.run_until(11_000);
        assert_eq!(stage.taken().pulses.len(), 100);
        // The first edge that may count, the end of its bounce time, the decision after the bounces read then; three
        // edges on the way back; and the looks. Each edge and each decision would be eight.
        let waits = stage.waits.load(Ordering::Relaxed);
        assert!(waits <= 100 * 6 + 20, "{waits}");
    }
}

#[test]
fn a_pulse_is_handed_on_within_ten_milliseconds_of_its_edge() {
    // Alone, and dense enough to wait for the next one.
    for apart_ms in [15, 31, 49, 51, 900] {
        let wire: Vec<i64> = (0..100)
            .flat_map(|n| [n * apart_ms + 100, n * apart_ms + 107])
            .collect();
        let meter = meter(filter(CountedEdge::Rising, 5, 0), 0);
        let told = std::iter::once(up(NS_PER_S)).chain(edges(&wire, 0));
        let mut stage = Stage::new(&meter, told, false);
        let mut counted = 0;
        while stage.clock.mono_ns() < 100 * NS_PER_S {
            stage.capture.step();
            for pulse in stage.taken().pulses {
                let late_ns = stage.clock.mono_ns() - pulse.mono_ns;
                assert!(late_ns < 19 * NS_PER_MS / 2, "{apart_ms} {late_ns}");
                counted += 1;
            }
        }
        assert_eq!(counted, 100);
    }
}

#[test]
fn the_state_of_a_line_rides_along_only_when_it_is_old() {
    let meter = meter(filter(CountedEdge::Rising, 5, 0), 0);
    let told = std::iter::once(up(NS_PER_S)).chain(edges(&[100, 200, 400], 0));
    let mut stage = Stage::new(&meter, told, true);
    stage.run_until(300);
    let taken = stage.taken();
    assert_eq!((taken.pulses.len(), taken.lines[&METER].line_seqno), (1, 2));
    // An edge that decides nothing is not handed on by itself,
    stage.run_until(5_000);
    assert_eq!(stage.taken(), Pending::default());
    let line = &stage.capture.lines[0];
    let now_ns = stage.clock.mono_ns();
    assert!(line.takes_part(true, now_ns) && !line.takes_part(false, now_ns));
    assert!(!line.takes_part(true, NS_PER_S + 900 * NS_PER_MS));
    // but at the end.
    stage.capture.finish();
    assert_eq!(stage.taken().lines[&METER].line_seqno, 3);
}

#[test]
fn a_line_was_watched_up_to_the_moment_it_went() {
    let down = |at_ms: i64| {
        let (meter, reason) = (METER, "unplugged".to_owned());
        let at_ns = NS_PER_S + at_ms * NS_PER_MS;
        (at_ns, Some(Signal::LineDown { meter, reason }))
    };
    let meter = meter(filter(CountedEdge::Rising, 5, 0), 0);
    // Nothing moves, so the stage looks seldom; the reason changes a moment later.
    let told = [up(NS_PER_S), down(61_700), down(61_800)];
    let mut stage = Stage::new(&meter, told, true);
    stage.run_until(61_900);
    let ended = stage.intake.ended();
    assert_eq!(ended.len(), 1, "{ended:?}");
    let watched_ns = ended[0].1.until_ns - ended[0].1.since_ns;
    assert!(
        (61_600 * NS_PER_MS..=61_700 * NS_PER_MS).contains(&watched_ns),
        "{watched_ns}"
    );
}
