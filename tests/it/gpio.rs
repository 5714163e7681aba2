//! [`GpioSource`] against real line requests on simulated chips (`support::gpio` says where).
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "edges are paced by sleeping, all else waits on conditions with deadlines; figures \
              are printed"
)]

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use powerlogger::capture::gpio::GpioSource;
use powerlogger::capture::waker::Waker;
use powerlogger::capture::{EdgeSource, Polled, Signal};
use powerlogger::clock::{Clock, SystemClock};
use powerlogger::config::{FilterSettings, LineName, LineSettings, MeterSettings};
use powerlogger::model::{Bias, CountedEdge, Edge, EdgeKind, Level, MeterId, NS_PER_MS, NS_PER_S};

use crate::support::gpio::{Done, Ground, Hand, Place, SimChip, ground, play_in_pieces, test_path};
use crate::support::program::skip;

/// A Raspberry Pi 4's header.
fn pi4(ground: &Ground) -> SimChip {
    ground.chip("pinctrl-bcm2711", 32)
}

fn meter(line: LineSettings) -> MeterSettings {
    MeterSettings {
        name: line.line.to_string(),
        role: None,
        line,
        filter: FilterSettings {
            counted: CountedEdge::Rising,
            active: Level::Low,
            bounce_ns: 0,
            min_width_ns: 0,
            max_width_ns: 0,
            min_interval_ns: 0,
        },
        unit: powerlogger::model::Quantity::KilowattHours,
        pulses_per_unit: None,
        factors_since: Vec::new(),
        register_digits: None,
        max_rate: 44_000.0,
    }
}

fn on_line(line: LineName, chip: Option<&str>) -> LineSettings {
    LineSettings {
        chip: chip.map(str::to_owned),
        line,
        bias: Bias::Down,
        kernel_debounce_us: 0,
    }
}

fn numbered(number: u32) -> LineSettings {
    on_line(LineName::Number(number), None)
}

/// A source under test and what it has told so far.
struct Rig {
    source: GpioSource,
    waker: Waker,
    told: Vec<Signal>,
    patience_ns: i64,
}

impl Rig {
    fn new(lines: impl IntoIterator<Item = LineSettings>) -> Rig {
        let meters: Vec<MeterSettings> = lines.into_iter().map(meter).collect();
        let waker = Waker::new().unwrap();
        let source = GpioSource::new(&meters, Arc::new(SystemClock), waker.clone());
        Rig {
            source,
            waker,
            told: Vec::new(),
            patience_ns: 300 * NS_PER_S,
        }
    }

    /// Polls until what was told fulfils `enough`; panics when nothing has come for as long as patience lasts.
    /// A loaded machine may take long for many signals, so the patience begins again with each.
    fn until(&mut self, what: &str, enough: impl Fn(&[Signal]) -> bool) {
        while !enough(&self.told) {
            let deadline_ns = SystemClock.mono_ns() + self.patience_ns;
            let told = self.told.len();
            let polled = self.source.poll(Some(deadline_ns), &mut self.told);
            let nothing = polled == Polled::TimedOut && self.told.len() == told;
            assert!(!nothing, "no {what} in {told} signals");
        }
    }

    /// All lines requested; returns their levels and forgets what was told.
    fn up(&mut self, lines: usize) -> BTreeMap<MeterId, Level> {
        self.until("line up", |told| levels(told).len() == lines);
        let levels = levels(&self.told);
        self.told.clear();
        levels
    }

    fn edges(&self, meter: u16) -> Vec<Edge> {
        edges(&self.told, meter)
    }
}

fn levels(told: &[Signal]) -> BTreeMap<MeterId, Level> {
    let level = |signal: &Signal| match signal {
        Signal::LineUp { meter, level, .. } => Some((*meter, *level)),
        _ => None,
    };
    told.iter().filter_map(level).collect()
}

fn edges(told: &[Signal], meter: u16) -> Vec<Edge> {
    let of_meter = |signal: &Signal| match signal {
        Signal::Edge(edge) if edge.meter == MeterId(meter) => Some(*edge),
        _ => None,
    };
    told.iter().filter_map(of_meter).collect()
}

fn stamps(told: &[Signal]) -> Vec<i64> {
    let stamp = |signal: &Signal| match signal {
        Signal::Edge(edge) => Some(edge.mono_ns),
        _ => None,
    };
    told.iter().filter_map(stamp).collect()
}

fn reasons(told: &[Signal]) -> Vec<&str> {
    let reason = told.iter().map(|signal| match signal {
        Signal::LineDown { reason, .. } => Some(reason.as_str()),
        _ => None,
    });
    reason.flatten().collect()
}

/// `told` has exactly the edges that were made, in order, counted from 1 and stamped when
/// they were made. Returns how long after the wire was set each was stamped.
fn assert_same(told: &[Edge], done: &[Done]) -> Vec<i64> {
    assert_eq!(told.len(), done.len(), "edges told and made");
    let pairs = (1..).zip(told.iter().zip(done));
    pairs
        .map(|(number, (edge, done))| {
            assert_eq!(edge.line_seqno, number);
            assert_eq!(edge.kind, done.kind, "edge {number}");
            assert!(done.is_at(edge.mono_ns), "edge {number}: {edge:?} {done:?}");
            edge.mono_ns - done.before_ns
        })
        .collect()
}

/// Median and largest, in microseconds.
fn spread_us(mut delays_ns: Vec<i64>) -> String {
    delays_ns.sort_unstable();
    let at = |index: usize| delays_ns[index] / 1_000;
    let last = delays_ns.len() - 1;
    format!(
        "median {} us, 99 % {} us, most {} us",
        at(last / 2),
        at(last * 99 / 100),
        at(last)
    )
}

#[test]
fn lines_are_found_by_name_label_and_number() {
    let Some(ground) = ground(
        test_path!("lines_are_found_by_name_label_and_number"),
        Place::REAL,
    ) else {
        return;
    };
    let rp1 = ground.chip("pinctrl-rp1", 54);
    let other = ground.chip("expander", 16);
    let device = rp1.device().to_string_lossy().into_owned();
    let rp1_name = rp1.name();
    let name = |name: &str| LineName::Name(name.to_owned());
    let lines = [
        // (what is configured, the chip it must be on, its offset)
        (numbered(20), &rp1, 20),
        (on_line(name("GPIO21"), None), &rp1, 21),
        (on_line(name("ID_SCL"), Some("expander")), &other, 1),
        (on_line(LineName::Number(40), None), &rp1, 40),
        (on_line(LineName::Number(26), Some("pinctrl-rp1")), &rp1, 26),
        (on_line(LineName::Number(53), Some(&rp1_name)), &rp1, 53),
        (on_line(LineName::Number(5), Some(&device)), &rp1, 5),
        (on_line(LineName::Number(5), Some("expander")), &other, 5),
    ];
    let mut rig = Rig::new(lines.iter().map(|(line, ..)| line.clone()));
    rig.up(lines.len());
    for (meter, (line, chip, offset)) in (0u16..).zip(&lines) {
        Hand::on(chip, *offset).toggle();
        rig.until("edge", |told| !edges(told, meter).is_empty());
        assert_eq!(rig.told.len(), 1, "{line:?} moved another line");
        rig.told.clear();
    }
}

#[test]
fn a_line_that_is_not_there_is_named() {
    let Some(ground) = ground(test_path!("a_line_that_is_not_there_is_named"), Place::REAL) else {
        return;
    };
    let _chip = pi4(&ground);
    let mut rig = Rig::new([
        on_line(LineName::Name("GPIO77".to_owned()), None),
        on_line(LineName::Number(32), None),
        on_line(LineName::Number(20), Some("pinctrl-rp1")),
    ]);
    rig.until("three reasons", |told| reasons(told).len() == 3);
    let reasons = reasons(&rig.told);
    assert!(
        reasons[0].starts_with("there is no line GPIO77 on "),
        "{reasons:?}"
    );
    assert!(
        reasons[1].starts_with("there is no line GPIO32 on "),
        "{reasons:?}"
    );
    let no_chip = "there is no GPIO chip \"pinctrl-rp1\"; there are ";
    assert!(reasons[2].starts_with(no_chip), "{reasons:?}");
}

#[test]
fn levels_are_those_at_the_request() {
    let Some(ground) = ground(test_path!("levels_are_those_at_the_request"), Place::REAL) else {
        return;
    };
    let chip = pi4(&ground);
    let biased = |number, bias| LineSettings {
        bias,
        ..numbered(number)
    };
    // Without a bias the wire stays as it is.
    chip.wire(21).pull(Level::High);
    chip.wire(22).pull(Level::Low);
    let mut rig = Rig::new([
        biased(19, Bias::Up),
        biased(20, Bias::Down),
        biased(21, Bias::None),
        biased(22, Bias::None),
    ]);
    let levels: Vec<Level> = rig.up(4).into_values().collect();
    assert_eq!(
        levels,
        [Level::High, Level::Low, Level::High, Level::Low],
        "up, down, none high, none low"
    );
}

/// Requests a line again and again while its wire moves: whatever the moment, the level told
/// and the edges told after it must fit together.
#[test]
fn the_level_fits_the_edges_of_a_moving_line() {
    const REQUESTS: usize = 100;
    let name = test_path!("the_level_fits_the_edges_of_a_moving_line");
    let Some(ground) = ground(name, Place::REAL) else {
        return;
    };
    let chip = pi4(&ground);
    let mut hand = Hand::on(&chip, 20);
    let line = LineSettings {
        bias: Bias::None,
        ..numbered(20)
    };
    let enough = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&enough);
    let mover = thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            hand.toggles(1, Duration::from_micros(700));
        }
    });
    for _ in 0..REQUESTS {
        let mut rig = Rig::new([line.clone()]);
        rig.until("an edge", |told| !edges(told, 0).is_empty());
        let at_request = levels(&rig.told)[&MeterId(0)];
        for edge in rig.edges(0) {
            // By its number: the kernel drops the oldest where it has to keep too many.
            let level = if edge.line_seqno % 2 == 1 {
                at_request.inverted()
            } else {
                at_request
            };
            assert_eq!(edge.kind, EdgeKind::towards(level), "{:?}", rig.told);
        }
    }
    enough.store(true, Ordering::Relaxed);
    mover.join().unwrap();
}

/// Plays `total` edges over three lines of the given paces and holds each against what came.
fn three_lines(ground: &Ground, total: usize, paces: [Duration; 3]) {
    let chip = pi4(ground);
    let mut rig = Rig::new([20, 26, 21].map(numbered));
    rig.up(3);
    let hands = [20, 26, 21].map(|line| Hand::on(&chip, line));
    let mut hands: Vec<(Hand, Duration)> = hands.into_iter().zip(paces).collect();
    let longest_s = paces.iter().map(Duration::as_secs).max().unwrap_or(0);
    rig.patience_ns += i64::try_from(longest_s).unwrap() * 20_000 * NS_PER_S;
    let start_ns = SystemClock.mono_ns();
    let read: Arc<AtomicUsize> = Arc::default();
    let seen = Arc::clone(&read);
    let player = thread::spawn(move || {
        let mut before = 0;
        play_in_pieces(&mut hands, total, |hands| {
            while seen.load(Ordering::Relaxed) < before {
                thread::sleep(Duration::from_millis(1));
            }
            before = hands.iter().map(|(hand, _)| hand.done.len()).sum();
        });
        hands
    });
    rig.until("edge", |told| {
        read.store(told.len(), Ordering::Relaxed);
        told.len() >= total
    });
    let took_ns = SystemClock.mono_ns() - start_ns;
    let hands = player.join().unwrap();
    // Nothing may come after the last one.
    let quiet_ns = SystemClock.mono_ns() + 20 * NS_PER_MS;
    assert_eq!(
        rig.source.poll(Some(quiet_ns), &mut rig.told),
        Polled::TimedOut
    );
    let mut delays = Vec::new();
    for (meter, (hand, _)) in (0u16..).zip(&hands) {
        delays.extend(assert_same(&rig.edges(meter), &hand.done));
    }
    let took_ms = took_ns / NS_PER_MS;
    eprintln!(
        "measured: {total} edges on three lines in {took_ms} ms, none lost; stamped after the \
         wire: {}",
        spread_us(delays)
    );
}

#[test]
fn every_edge_of_three_lines_comes_once_in_order_and_stamped() {
    let name = test_path!("every_edge_of_three_lines_comes_once_in_order_and_stamped");
    let Some(ground) = ground(name, Place::REAL) else {
        return;
    };
    three_lines(
        &ground,
        21_000,
        [1_000, 1_400, 2_300].map(Duration::from_micros),
    );
}

#[test]
fn every_edge_of_a_simulated_day_comes() {
    let Some(ground) = ground(
        test_path!("every_edge_of_a_simulated_day_comes"),
        Place::TIME_TRAVEL,
    ) else {
        return;
    };
    three_lines(&ground, 20_000, [8, 16, 32].map(Duration::from_secs));
}

#[test]
fn an_overflow_shows_as_an_exact_gap_on_its_own_line_only() {
    let name = test_path!("an_overflow_shows_as_an_exact_gap_on_its_own_line_only");
    let Some(ground) = ground(name, Place::REAL) else {
        return;
    };
    let chip = pi4(&ground);
    let mut rig = Rig::new([20, 21].map(numbered));
    rig.up(2);
    let (mut busy, mut quiet) = (Hand::on(&chip, 20), Hand::on(&chip, 21));
    quiet.toggles(2, Duration::from_micros(50));
    busy.toggles(1_500, Duration::from_micros(50));
    quiet.toggles(1, Duration::from_micros(50));
    rig.until("last edge", |told| told.len() >= 1_024 + 3);
    assert_same(&rig.edges(1), &quiet.done);
    assert_eq!(rig.told.len(), 1_024 + 3);
    assert!(stamps(&rig.told).is_sorted(), "lines are merged by stamp");
    let seqnos: Vec<u32> = rig.edges(0).iter().map(|edge| edge.line_seqno).collect();
    let kept: Vec<u32> = (1_500 - 1_024 + 1..=1_500).collect();
    assert_eq!(
        seqnos, kept,
        "the oldest 476 are dropped, the newest 1024 kept"
    );
    // The line goes on where it was.
    busy.toggle();
    rig.until("edge 1501", |told| {
        edges(told, 0)
            .last()
            .is_some_and(|edge| edge.line_seqno == 1_501)
    });
}

#[test]
fn a_busy_line_is_told_with_its_owner_and_had_once_it_is_free() {
    let name = test_path!("a_busy_line_is_told_with_its_owner_and_had_once_it_is_free");
    let Some(ground) = ground(name, Place::REAL) else {
        return;
    };
    let chip = pi4(&ground);
    let mut owner = gpiocdev::Request::builder();
    owner.on_chip(chip.device()).with_line(20).as_input();
    let owner = owner.with_consumer("heating").request().unwrap();
    let mut rig = Rig::new([20, 21].map(numbered));
    rig.until("line up and line down", |told| {
        levels(told).len() == 1 && reasons(told).len() == 1
    });
    let reason = reasons(&rig.told)[0].to_owned();
    let wire = format!("line GPIO20 (line 20 of {} [pinctrl-bcm2711])", chip.name());
    let wrong = format!("{wire} is in use by \"heating\"; stop \"heating\", or wire");
    assert!(reason.starts_with(&wrong), "{reason}");
    // Several tries, told once; the other line works meanwhile.
    let later_ns = SystemClock.mono_ns() + NS_PER_S;
    assert_eq!(
        rig.source.poll(Some(later_ns), &mut rig.told),
        Polled::TimedOut
    );
    Hand::on(&chip, 21).toggle();
    rig.until("edge of the free line", |told| edges(told, 1).len() == 1);
    drop(owner);
    rig.until("line up", |told| levels(told).len() == 2);
    assert_eq!(reasons(&rig.told).len(), 1, "{:?}", rig.told);
}

#[test]
fn a_chip_that_is_pulled_out_is_had_again_and_counts_anew() {
    let name = test_path!("a_chip_that_is_pulled_out_is_had_again_and_counts_anew");
    let Some(ground) = ground(name, Place::REAL) else {
        return;
    };
    let chip = pi4(&ground);
    let mut rig = Rig::new([20, 21].map(numbered));
    rig.up(2);
    Hand::on(&chip, 20).toggles(4, Duration::from_micros(100));
    rig.until("edges", |told| edges(told, 0).len() == 4);
    rig.told.clear();
    let name = chip.name();
    chip.unplug();
    rig.until("both lines down", |told| reasons(told).len() >= 2);
    let gone = format!(
        "the chip of line GPIO20 (line 20 of {} [pinctrl-bcm2711]) has gone; plug the chip in \
         again; it is then found by itself",
        name
    );
    assert_eq!(reasons(&rig.told)[0], gone);
    // Away for a while: the reason changes once, then all is quiet.
    rig.until("both lines nowhere", |told| reasons(told).len() >= 4);
    let later_ns = SystemClock.mono_ns() + NS_PER_S;
    while rig.source.poll(Some(later_ns), &mut rig.told) != Polled::TimedOut {}
    assert_eq!(reasons(&rig.told).len(), 4, "{:?}", rig.told);
    rig.told.clear();
    chip.replug();
    rig.up(2);
    let mut hand = Hand::on(&chip, 20);
    hand.toggles(6, Duration::from_micros(100));
    rig.until("edges", |told| edges(told, 0).len() == 6);
    assert_same(&rig.edges(0), &hand.done);
}

#[test]
fn requests_have_names_of_their_own() {
    let Some(ground) = ground(test_path!("requests_have_names_of_their_own"), Place::REAL) else {
        return;
    };
    let _chip = pi4(&ground);
    let mut ids = Vec::new();
    for _ in 0..3 {
        let mut rig = Rig::new([20, 21, 26].map(numbered));
        let before_ns = SystemClock.mono_ns();
        rig.until("line up", |told| levels(told).len() == 3);
        let mut times = vec![before_ns];
        for signal in &rig.told {
            if let Signal::LineUp {
                request_id,
                mono_ns,
                ..
            } = signal
            {
                ids.push(*request_id);
                times.push(*mono_ns);
            }
        }
        times.push(SystemClock.mono_ns());
        assert!(times.is_sorted(), "{times:?}");
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 9);
}

#[test]
fn a_wait_ends_by_the_waker_and_by_its_deadline() {
    let name = test_path!("a_wait_ends_by_the_waker_and_by_its_deadline");
    let Some(ground) = ground(name, Place::REAL) else {
        return;
    };
    let _chip = pi4(&ground);
    let mut rig = Rig::new([numbered(20)]);
    rig.up(1);
    let deadline_ns = SystemClock.mono_ns() + 30 * NS_PER_MS;
    assert_eq!(
        rig.source.poll(Some(deadline_ns), &mut rig.told),
        Polled::TimedOut
    );
    assert!(SystemClock.mono_ns() >= deadline_ns);
    let waker = rig.waker.clone();
    let other = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        waker.wake();
        SystemClock.mono_ns()
    });
    assert_eq!(rig.source.poll(None, &mut rig.told), Polled::Woken);
    let woken_ns = SystemClock.mono_ns();
    eprintln!(
        "measured: awake {} us after the wake-up",
        (woken_ns - other.join().unwrap()) / 1_000
    );
    // Used up: the next wait waits again.
    assert_eq!(
        rig.source.poll(Some(woken_ns), &mut rig.told),
        Polled::TimedOut
    );
    assert_eq!(rig.told, []);
}

#[test]
fn stamps_of_the_kernels_debounce_are_those_of_the_edge() {
    let name = test_path!("stamps_of_the_kernels_debounce_are_those_of_the_edge");
    let Some(ground) = ground(name, Place::REAL) else {
        return;
    };
    const PERIOD_NS: i64 = 20 * NS_PER_MS;
    let chip = pi4(&ground);
    let mut rig = Rig::new([LineSettings {
        kernel_debounce_us: 20_000,
        ..numbered(20)
    }]);
    rig.up(1);
    let mut hand = Hand::on(&chip, 20);
    let mut delays = Vec::new();
    for number in 1..=20 {
        hand.toggle();
        rig.until("edge", |told| edges(told, 0).len() == number);
        let (edge, done) = (rig.edges(0)[number - 1], hand.done[number - 1]);
        assert_eq!(edge.kind, done.kind);
        // The kernel's timer is never early, and late by its tick and the machine's load. It stamps then: what is told
        // is a period before that, and that was before now.
        let late_ns = edge.mono_ns - done.before_ns;
        assert!(late_ns >= 0, "early by {} ns", -late_ns);
        let now_ns = SystemClock.mono_ns();
        assert!(edge.mono_ns + PERIOD_NS <= now_ns, "late by {late_ns} ns");
        delays.push(late_ns);
    }
    eprintln!("measured: debounced stamps late by {}", spread_us(delays));
}

#[test]
fn a_chip_that_may_not_be_opened_is_told_with_the_remedy() {
    let name = test_path!("a_chip_that_may_not_be_opened_is_told_with_the_remedy");
    const STEP: &str = "POWERLOGGER_UNPRIVILEGED";
    if std::env::var_os(STEP).is_some() {
        let mut rig = Rig::new([numbered(20)]);
        rig.until("reason", |told| reasons(told).len() == 1);
        let reason = reasons(&rig.told)[0];
        assert!(
            reason.starts_with("permission denied on /dev/gpiochip"),
            "{reason}"
        );
        assert!(
            reason.contains("add the service's user to the group `gpio`"),
            "{reason}"
        );
        return;
    }
    let Some(ground) = ground(name, Place::REAL) else {
        return;
    };
    let _chip = pi4(&ground);
    let output = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(STEP, "1")
        .output();
    let Ok(output) = output else {
        skip(name, "no setpriv");
        return;
    };
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        stdout.contains("1 passed"),
        "{stdout}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
