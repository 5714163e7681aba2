//! Tests of the simulated house.

use proptest::prelude::*;

use super::*;
use crate::clock::{Clock, ScaledClock, VirtualClock};
use crate::model::WallNs;

/// 2024-06-21T08:00Z.
const MORNING_NS: WallNs = WallNs::of_s(1_718_928_000 + 8 * 3600);

fn meter(name: &str, counted: CountedEdge, imp_per_kwh: Option<f64>) -> MeterSettings {
    let mut meter = MeterSettings::plain(name);
    meter.filter.counted = counted;
    MeterSettings {
        pulses_per_unit: imp_per_kwh,
        ..meter
    }
}

fn meters() -> Vec<MeterSettings> {
    vec![
        meter("Import", CountedEdge::Rising, None),
        meter("export", CountedEdge::Falling, Some(1000.0)),
        meter("GENERATE", CountedEdge::Both, Some(800.0)),
        meter("Heat pump", CountedEdge::Rising, Some(5000.0)),
    ]
}

fn options(seed: u64, span_s: i64) -> SimulatedOptions {
    SimulatedOptions {
        seed,
        span_ns: Some(span_s * NS_PER_S),
    }
}

fn free(meters: &[MeterSettings], options: SimulatedOptions) -> (SimulatedSource, VirtualClock) {
    let clock = VirtualClock::at(MORNING_NS);
    let waker = Waker::new().unwrap();
    let pace = Pace::Free(clock.clone());
    (SimulatedSource::new(meters, pace, waker, options), clock)
}

fn edges(signals: &[Signal]) -> Vec<Edge> {
    let edge = |signal: &Signal| match signal {
        Signal::Edge(edge) => Some(*edge),
        _ => None,
    };
    signals.iter().filter_map(edge).collect()
}

/// Polls to the end without deadlines.
fn run(source: &mut SimulatedSource) -> Vec<Signal> {
    let mut signals = Vec::new();
    while source.poll(None, &mut signals) != Polled::Ended {}
    signals
}

#[test]
fn every_line_comes_up_first_and_idle() {
    let (mut source, clock) = free(&meters(), options(1, 60));
    let start_ns = clock.mono_ns();
    let mut ids = Vec::new();
    for (index, signal) in run(&mut source).iter().take(4).enumerate() {
        let Signal::LineUp {
            meter,
            request_id,
            level,
            mono_ns,
        } = signal
        else {
            panic!("{signal:?}");
        };
        assert_eq!(meter.index(), index);
        assert_eq!((*level, *mono_ns), (Level::High, start_ns));
        ids.push(*request_id);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert_eq!(clock.mono_ns(), start_ns + 60 * NS_PER_S);
}

#[test]
fn lines_alternate_count_and_run_forward() {
    let (mut source, clock) = free(&meters(), options(5, 4 * 3600));
    let start_ns = clock.mono_ns();
    let all = edges(&run(&mut source));
    assert!(all.is_sorted_by_key(|edge| edge.mono_ns));
    for id in 0..4 {
        let of: Vec<_> = all.iter().filter(|edge| edge.meter.0 == id).collect();
        assert!(of.len() > 20, "meter {id}: {} edges", of.len());
        let (mut last_ns, mut level) = (start_ns, Level::High);
        for (edge, seqno) in of.iter().zip(1..) {
            assert_eq!(edge.line_seqno, seqno);
            assert_eq!(edge.kind, EdgeKind::towards(level.inverted()));
            assert!(edge.mono_ns > last_ns);
            // The active phase of lines with one: full width at house powers.
            if id != 2 && edge.kind == EdgeKind::Rising {
                assert!(WIDTH_NS.contains(&(edge.mono_ns - last_ns)));
            }
            (last_ns, level) = (edge.mono_ns, level.inverted());
        }
    }
}

#[test]
fn counts_are_energy_times_pulses_for_a_kilowatt_hour() {
    const DAY_S: i64 = 86_400;
    let meters = meters();
    let (mut source, _) = free(&meters, options(11, DAY_S));
    let all = edges(&run(&mut source));
    let mut house = Household::new(11);
    let sub = SubMeter::new(11, "heat pump");
    let mut joules = [0.0; 4];
    for s in 0..DAY_S {
        let wall_ns = MORNING_NS + s * NS_PER_S;
        let p = house.power_w(wall_ns.0);
        let watts = [p.import_w, p.export_w, p.generate_w, sub.power_w(wall_ns.0)];
        for (sum, watts) in joules.iter_mut().zip(watts) {
            *sum += watts;
        }
    }
    for (id, meter) in meters.iter().enumerate() {
        let starts = all.iter().filter(|edge| {
            let start = id == 2 || edge.kind == EdgeKind::Falling;
            edge.meter.index() == id && start
        });
        let counted = starts.count() as f64;
        let wanted = joules[id] / J_PER_KWH * meter.pulses_per_unit.unwrap_or(1000.0);
        assert!(
            (counted - wanted).abs() <= 1.0,
            "{}: {counted} of {wanted}",
            meter.name
        );
    }
}

#[test]
fn an_instant_is_interpolated_within_its_step() {
    let meters = [meter("Import", CountedEdge::Falling, Some(3_600.0))];
    let mut line = Line::new(MeterId(0), &meters[0], 0, NS_PER_S);
    line.phase = 0.25;
    let mut edges = Vec::new();
    // 1000 J a pulse: 2500 J bring pulses after 750 and 1750 J, with 0.75 left over.
    line.step(NS_PER_S, 2 * NS_PER_S, 2500.0, &mut edges);
    let starts: Vec<i64> = edges
        .iter()
        .filter(|edge| edge.kind == EdgeKind::Falling)
        .map(|edge| edge.mono_ns)
        .collect();
    assert_eq!(starts, [1_300_000_000, 1_700_000_000]);
    assert!((line.phase - 0.75).abs() < 1e-9);
}

#[test]
fn a_fast_meter_has_shorter_pulses() {
    let meters = [meter("Heat pump", CountedEdge::Falling, Some(1e12))];
    let (mut source, _) = free(&meters, options(2, 20));
    let all = edges(&run(&mut source));
    assert!(all.len() > 1000);
    assert!(all.is_sorted_by(|a, b| a.mono_ns < b.mono_ns && a.kind != b.kind));
}

#[test]
fn without_meters_time_passes_all_the_same() {
    let (mut source, clock) = free(&[], options(2, 7200));
    let deadline_ns = clock.mono_ns() + 5000 * NS_PER_S;
    let mut signals = Vec::new();
    assert_eq!(
        source.poll(Some(deadline_ns), &mut signals),
        Polled::TimedOut
    );
    assert_eq!(clock.mono_ns(), deadline_ns);
    assert_eq!(source.poll(None, &mut signals), Polled::Ended);
    assert!(signals.is_empty());
}

#[test]
fn a_scaled_clock_gives_the_same_edges() {
    let (mut fast, _) = free(&meters(), options(3, 600));
    let wanted = edges(&run(&mut fast));
    let clock = ScaledClock::starting(NS_PER_S, MORNING_NS.ahead_of(NS_PER_S), 20_000.0);
    let pace = Pace::Scaled(clock.clone());
    let waker = Waker::new().unwrap();
    let mut source = SimulatedSource::new(&meters(), pace, waker, options(3, 600));
    let mut signals = Vec::new();
    loop {
        let deadline_ns = clock.mono_ns() + 7 * NS_PER_S;
        let polled = source.poll(Some(deadline_ns), &mut signals);
        for edge in edges(&signals) {
            assert!(edge.mono_ns <= clock.mono_ns());
        }
        if polled == Polled::Ended {
            break;
        }
    }
    assert_eq!(edges(&signals), wanted);
}

#[test]
fn a_waker_ends_a_long_wait() {
    // Nothing is generated at midnight in winter; the wait would take hours.
    let clock = ScaledClock::starting(NS_PER_S, 1_734_739_200 * NS_PER_S - NS_PER_S, 1.0);
    let waker = Waker::new().unwrap();
    let lone = [meter("Generate", CountedEdge::Rising, None)];
    let options = SimulatedOptions {
        seed: 1,
        span_ns: None,
    };
    let mut source = SimulatedSource::new(&lone, Pace::Scaled(clock), waker.clone(), options);
    let mut signals = Vec::new();
    assert_eq!(source.poll(None, &mut signals), Polled::Signals);
    let thread = std::thread::spawn(move || source.poll(None, &mut Vec::new()));
    waker.wake();
    assert_eq!(thread.join().unwrap(), Polled::Woken);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_pattern_of_polling_changes_nothing(
        seed: u64,
        waits in prop::collection::vec(prop::option::of(-NS_PER_S..90 * NS_PER_S), 1..40),
    ) {
        let (mut whole, _) = free(&meters(), options(seed, 1800));
        let wanted = edges(&run(&mut whole));
        let (mut source, clock) = free(&meters(), options(seed, 1800));
        let mut signals = Vec::new();
        let mut waits = waits.into_iter().chain(std::iter::repeat(None));
        loop {
            let deadline_ns = waits.next().flatten().map(|wait| clock.mono_ns() + wait);
            let before = signals.len();
            let polled = source.poll(deadline_ns, &mut signals);
            let now_ns = clock.mono_ns();
            prop_assert!(signals.len() - before <= 256);
            for edge in edges(&signals[before..]) {
                prop_assert!(edge.mono_ns <= deadline_ns.unwrap_or(i64::MAX));
                prop_assert!(edge.mono_ns <= now_ns);
            }
            if polled == Polled::Ended {
                break;
            }
        }
        prop_assert_eq!(edges(&signals), wanted);
    }
}
