//! Restarts cost nothing: the true binary on real lines, killed and stopped at random moments while
//! pulses come, with the tests in systemd's part: they keep the descriptors that it stores, and hand
//! them to the next process.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "real lines need real time; a test that cannot go on may panic; figures are printed"
)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::IoSliceMut;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::gpio::{Hand, Place, SimChip, ground, test_path};
use command_fds::{CommandFdExt, FdMapping};
use powerlogger::capture::{Capture, EdgeSource, Polled, Signal as Told};
use powerlogger::clock::segment::Rules;
use powerlogger::clock::{Clock, SystemClock, VirtualClock};
use powerlogger::config::LoadOptions;
use powerlogger::intake::Intake;
use powerlogger::journal::Reader;
use powerlogger::model::{Edge, EdgeKind, IdRange, Level, MeterId, NS_PER_MS, NS_PER_S, WallNs};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{Pid, Signal, kill_process};

const CONFIG: &str = "
[web]
listen = \"off\"
[journal]
sync_interval_ms = 50
[[meter]]
name = \"Import\"
line = 20
bias = \"down\"
bounce_ms = 0
min_interval_ms = 0
[[meter]]
name = \"Export\"
line = 26
bias = \"down\"
bounce_ms = 3
min_interval_ms = 0
";

/// How long the service may take for anything: it ends a test that hangs.
const PATIENCE_NS: i64 = 300 * NS_PER_S;

/// The lines, and a pause between two edges of each in milliseconds: 50 and 38 pulses a second.
const LINES: [(u32, u64); 2] = [(20, 10), (26, 13)];

/// Their meters.
const METERS: [&str; 2] = ["Import", "Export"];

/// systemd's part.
struct Supervisor {
    dir: tempfile::TempDir,
    socket: UnixDatagram,
    kept: BTreeMap<String, OwnedFd>,
    ready: bool,
    stored: usize,
}

impl Supervisor {
    fn new() -> Supervisor {
        let dir = tempfile::tempdir_in("/dev/shm").unwrap();
        fs::write(dir.path().join("powerlogger.toml"), CONFIG).unwrap();
        let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        socket.set_nonblocking(true).unwrap();
        Supervisor {
            dir,
            socket,
            kept: BTreeMap::new(),
            ready: false,
            stored: 0,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts the service with what it has stored.
    fn start(&mut self) -> Child {
        self.ready = false;
        let names: Vec<&str> = self.kept.keys().map(String::as_str).collect();
        let mappings = self
            .kept
            .values()
            .zip(3..)
            .map(|(descriptor, child_fd)| FdMapping {
                parent_fd: descriptor.try_clone().unwrap(),
                child_fd,
            });
        // Only the child knows its own number.
        let mut command = Command::new("sh");
        command
            .args(["-c", "LISTEN_PID=$$ exec \"$0\" \"$@\""])
            .arg(env!("CARGO_BIN_EXE_powerlogger"))
            .args(["--queue-dir", "queue", "run"])
            .current_dir(self.dir.path())
            .env("NOTIFY_SOCKET", self.path("notify"))
            .env("LISTEN_FDS", names.len().to_string())
            .env("LISTEN_FDNAMES", names.join(":"))
            .stderr(
                File::options()
                    .append(true)
                    .create(true)
                    .open(self.path("log"))
                    .unwrap(),
            );
        command.fd_mappings(mappings.collect()).unwrap();
        command.spawn().unwrap()
    }

    /// Hears what the service has to say.
    fn hear(&mut self) {
        loop {
            let mut text = [0; 1024];
            let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut parts = [IoSliceMut::new(&mut text)];
            let socket = self.socket.as_fd();
            // As systemd does: a child must not hold what was not handed to it.
            let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
            let Ok(heard) = recvmsg(socket, &mut parts, &mut control, flags) else {
                return;
            };
            let descriptors: Vec<OwnedFd> = control
                .drain()
                .filter_map(|message| match message {
                    RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
                    _ => None,
                })
                .flatten()
                .collect();
            let said = String::from_utf8_lossy(&text[..heard.bytes]).into_owned();
            let field = |name: &str| said.lines().find_map(|line| line.strip_prefix(name));
            let name = field("FDNAME=").unwrap_or_default().to_owned();
            if field("FDSTORE=1").is_some() {
                assert_eq!(field("FDPOLL="), Some("0"));
                self.stored += 1;
                let one = descriptors.into_iter().next().unwrap();
                self.kept.insert(name, one);
            } else if field("FDSTOREREMOVE=1").is_some() {
                self.kept.remove(&name);
            } else if field("READY=1").is_some() {
                self.ready = true;
            }
        }
    }

    fn wait_until_ready(&mut self) {
        let deadline_ns = SystemClock.mono_ns() + PATIENCE_NS;
        while !self.ready {
            self.hear();
            assert!(
                SystemClock.mono_ns() < deadline_ns,
                "never ready\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait_for_pulses(&self, count: usize) {
        let deadline_ns = SystemClock.mono_ns() + PATIENCE_NS;
        let kept = || {
            let totals = self.totals().into_iter();
            totals.map(|(_, pulses)| pulses).sum::<usize>()
        };
        while kept() < count {
            let late = SystemClock.mono_ns() > deadline_ns;
            assert!(!late, "{} of {count} pulses\n{}", kept(), self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Pulses of each line in the journal.
    fn journaled(&self) -> [usize; 2] {
        let totals = self.totals();
        METERS.map(|name| totals.get(name).copied().unwrap_or(0))
    }

    /// Pulses of each meter in the journal.
    fn totals(&self) -> BTreeMap<String, usize> {
        let totals = Reader::open(&self.path("queue")).and_then(|reader| reader.totals());
        let totals = totals.unwrap_or_default().into_iter();
        totals
            .map(|meter| (meter.name, usize::try_from(meter.pulses).unwrap()))
            .collect()
    }

    /// Requests that are kept, and that the journal knows.
    fn known_requests(&self) -> usize {
        let lines = Reader::open(&self.path("queue")).and_then(|reader| reader.lines());
        let known = lines.unwrap_or_default().into_iter();
        let known: Vec<String> = known.map(|(_, id, _)| format!("-{id:016x}-")).collect();
        let is_known = |name: &&String| known.iter().any(|id| name.contains(id));
        self.kept.keys().filter(is_known).count()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

fn end(mut child: Child, signal: Signal) {
    kill_process(Pid::from_child(&child), signal).unwrap();
    child.wait().unwrap();
}

/// What the hands are to do.
#[derive(Debug, Default)]
struct Orders {
    stop: AtomicBool,
    /// Edges to make at once on the first line: more than the kernel keeps.
    flood: AtomicUsize,
    /// Edges made so far on each line, or about to be.
    edges: [AtomicUsize; 2],
}

impl Orders {
    fn edges(&self) -> [usize; 2] {
        self.edges.each_ref().map(|of| of.load(Ordering::Relaxed))
    }
}

/// Toggles a line until told to stop; the hand, with all that it did.
fn toggling(chip: &SimChip, number: usize, orders: &Arc<Orders>) -> thread::JoinHandle<Hand> {
    let (line, pause_ms) = LINES[number];
    let (mut hand, orders) = (Hand::on(chip, line), Arc::clone(orders));
    thread::spawn(move || {
        let edges = &orders.edges[number];
        while !orders.stop.load(Ordering::Relaxed) {
            edges.fetch_add(1, Ordering::Relaxed);
            hand.toggles(1, Duration::from_millis(pause_ms));
            if number == 0 {
                let flood = orders.flood.load(Ordering::Relaxed);
                edges.fetch_add(flood, Ordering::Relaxed);
                hand.toggles(flood, Duration::from_micros(100));
                orders.flood.fetch_sub(flood, Ordering::Relaxed);
            }
        }
        hand
    })
}

/// Stamps of a meter's pulses, and whether each is a guess.
fn pulses(dir: &Path, meter: &str) -> Vec<(i64, bool)> {
    let mut reader = Reader::open(dir).unwrap();
    let names = reader.meter_names().unwrap();
    let page = reader.page(IdRange::ALL, usize::MAX).unwrap();
    let of_meter = page
        .entries
        .iter()
        .filter(|entry| names[&entry.meter] == meter);
    of_meter
        .map(|entry| (entry.wall_ns.0, entry.estimated))
        .collect()
}

/// Rounds of a kill or a stop and a start.
fn rounds() -> u32 {
    let rounds = std::env::var("RESTARTS").ok();
    rounds.map_or(40, |rounds| rounds.parse().expect("RESTARTS is a number"))
}

/// Edges of a flood, more than the kernel keeps.
const FLOOD_EDGES: usize = 2_200;

/// Edges of a line that the kernel keeps while nobody reads.
const KEPT_EDGES: usize = 1_024;

/// One round: the service runs, ends, is away for up to 3 s, and is there again. Returns how many pulses it may leave to
/// be estimated: those that a kill caught between kernel and journal, and what the kernel could not keep.
fn round(
    supervisor: &mut Supervisor,
    child: Child,
    number: u32,
    orders: &Orders,
) -> (Child, usize) {
    let mut random = fastrand::Rng::with_seed(u64::from(number));
    thread::sleep(Duration::from_millis(random.u64(50..600)));
    let signal = if number % 3 == 2 {
        Signal::TERM
    } else {
        Signal::KILL
    };
    end(child, signal);
    let (journaled, edges) = (supervisor.journaled(), orders.edges());
    let caught = edges.iter().zip(journaled).map(|(edges, journaled)| {
        // At an end in order all that was read is kept.
        let most = edges.div_ceil(2) - journaled;
        if signal == Signal::KILL { most } else { 0 }
    });
    let caught: usize = caught.sum();
    supervisor.hear();
    let longest_ms = if number % 8 == 5 { 3_000 } else { 700 };
    thread::sleep(Duration::from_millis(random.u64(0..longest_ms)));
    if number % 8 == 7 {
        orders.flood.store(FLOOD_EDGES, Ordering::Relaxed);
        while orders.flood.load(Ordering::Relaxed) > 0 {
            thread::sleep(Duration::from_millis(10));
        }
    }
    let child = supervisor.start();
    supervisor.wait_until_ready();
    let dropped = orders.edges().into_iter().zip(journaled);
    let dropped = dropped.map(|(edges, journaled)| {
        let dropped = (edges + 1 - 2 * journaled).saturating_sub(KEPT_EDGES);
        dropped.div_ceil(2)
    });
    (child, caught + dropped.sum::<usize>())
}

/// As many pulses as were made, none twice; all but the estimated ones are stamped when the wire rose.
/// Returns how many are estimated.
fn judge(supervisor: &Supervisor, hand: &Hand, meter: &str) -> usize {
    let pulses = pulses(&supervisor.path("queue"), meter);
    let made = hand.rising();
    assert_eq!(pulses.len(), made.len(), "{meter}\n{}", supervisor.log());
    let mut stamps: Vec<i64> = pulses.iter().map(|(stamp, _)| *stamp).collect();
    stamps.sort_unstable();
    stamps.dedup();
    assert_eq!(stamps.len(), pulses.len(), "none twice");
    let offset_ns = SystemClock.offset_ns();
    for (number, ((wall_ns, estimated), done)) in pulses.iter().zip(&made).enumerate() {
        let mono_ns = wall_ns - offset_ns;
        assert!(
            *estimated || done.is_at(mono_ns),
            "{meter} {number}: {mono_ns}, made {done:?}"
        );
    }
    pulses.iter().filter(|(_, estimated)| *estimated).count()
}

#[test]
fn kills_and_stops_cost_no_pulse() {
    let rounds = rounds();
    let place = Place {
        timeout_s: 600 + 60 * rounds,
        ..Place::REAL
    };
    let Some(ground) = ground(test_path!("kills_and_stops_cost_no_pulse"), place) else {
        return;
    };
    let chip = ground.chip("pinctrl-bcm2711", 32);
    let mut supervisor = Supervisor::new();
    let mut child = supervisor.start();
    supervisor.wait_until_ready();
    supervisor.hear();
    assert_eq!(supervisor.kept.len(), 2, "{}", supervisor.log());
    let orders = Arc::new(Orders::default());
    let hands = [0, 1].map(|number| toggling(&chip, number, &orders));
    let mut most = 0;
    for number in 0..rounds {
        let (next, guessed) = round(&mut supervisor, child, number, &orders);
        child = next;
        most += guessed;
    }
    orders.stop.store(true, Ordering::Relaxed);
    let hands = hands.map(|hand| hand.join().unwrap());
    let made = hands.iter().map(|hand| hand.rising().len()).sum();
    supervisor.wait_for_pulses(made);
    end(child, Signal::TERM);
    assert_eq!(
        supervisor.stored,
        2,
        "each line was requested once\n{}",
        supervisor.log()
    );
    let guessed: usize = hands
        .iter()
        .zip(METERS)
        .map(|(hand, meter)| judge(&supervisor, hand, meter))
        .sum();
    eprintln!(
        "{made} pulses over {rounds} restarts, {guessed} of them put back by number, of {most} that could have to be"
    );
    assert!(guessed <= most, "{}", supervisor.log());
    let queue = supervisor.path("queue");
    let unwatched = Reader::open(&queue).unwrap().unwatched().unwrap();
    assert!(unwatched.is_empty(), "the kernel watched on: {unwatched:?}");
}

#[test]
fn what_overflows_while_away_is_put_back_to_the_pulse() {
    let name = test_path!("what_overflows_while_away_is_put_back_to_the_pulse");
    let Some(ground) = ground(name, Place::REAL) else {
        return;
    };
    let chip = ground.chip("pinctrl-bcm2711", 32);
    let mut supervisor = Supervisor::new();
    let mut child = supervisor.start();
    supervisor.wait_until_ready();
    let mut hand = Hand::on(&chip, 20);
    hand.toggles(50, Duration::from_millis(2));
    supervisor.wait_for_pulses(hand.rising().len());
    end(child, Signal::KILL);
    supervisor.hear();
    hand.toggles(3_000, Duration::from_micros(100));
    child = supervisor.start();
    supervisor.wait_until_ready();
    hand.toggles(20, Duration::from_millis(2));
    supervisor.wait_for_pulses(hand.rising().len());
    end(child, Signal::TERM);
    let guessed = judge(&supervisor, &hand, "Import");
    assert!(guessed >= (3_000 - 1_024) / 2, "{guessed}");
}

/// The wires of both lines, and how many pulses were made on them.
struct Wires<'a> {
    chip: &'a SimChip,
    hands: [Hand; 2],
    made: usize,
}

impl<'a> Wires<'a> {
    /// The wires of lines that were just requested, at rest.
    fn of(chip: &'a SimChip) -> Wires<'a> {
        let hands = LINES.map(|(line, _)| Hand::on(chip, line));
        Wires {
            chip,
            hands,
            made: 0,
        }
    }

    /// So many pulses on each.
    fn pulses(&mut self, count: usize) {
        for _ in 0..count {
            for hand in &mut self.hands {
                hand.toggles(2, Duration::from_millis(6));
            }
        }
        self.made += 2 * count;
    }

    /// The chip goes and comes back; its wires are others then.
    fn replug(&mut self, away: Duration) {
        self.chip.unplug();
        thread::sleep(away);
        self.chip.replug();
        self.hands = LINES.map(|(line, _)| Hand::on(self.chip, line));
    }
}

impl Supervisor {
    /// Waits until so many lines were counted on since the first start, and their requests are kept and known to the journal.
    fn wait_for_lines(&mut self, count: usize) {
        let deadline_ns = SystemClock.mono_ns() + PATIENCE_NS;
        let counted = |log: &str| log.matches("counting on line").count();
        while counted(&self.log()) < count || self.known_requests() < LINES.len() {
            self.hear();
            let late = SystemClock.mono_ns() > deadline_ns;
            assert!(!late, "{count} lines\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The configuration, with settings that change with the number: of the second line's filter, and of both requests.
/// `kernel_ms`: a debounce of the kernel for the second line, now and then.
fn changed(number: u32, kernel_ms: u32) -> String {
    let now_and_then = number % 4 >= 2;
    let (bounce, debounce) = (number % 3, kernel_ms * u32::from(now_and_then));
    let second = format!("bounce_ms = {bounce}\nkernel_debounce_ms = {debounce}");
    let config = CONFIG.replace("bounce_ms = 3", &second);
    if now_and_then {
        return config.replacen("bias = \"down\"", "bias = \"none\"", 1);
    }
    config
}

#[test]
fn lines_that_come_late_and_settings_that_change_cost_no_pulse() {
    let name = test_path!("lines_that_come_late_and_settings_that_change_cost_no_pulse");
    changes_cost_no_pulse(name, Place::REAL, 0);
}

/// On a busy machine the kernel's debounce comes late, and takes a pulse for none that is over by then: nothing
/// tells of it. In simulated time it always comes in time.
#[test]
fn a_debounce_of_the_kernel_that_changes_costs_no_pulse() {
    let name = test_path!("a_debounce_of_the_kernel_that_changes_costs_no_pulse");
    changes_cost_no_pulse(name, Place::TIME_TRAVEL, 1);
}

/// Pulses come before, between and after kills and stops; what changes is in [`changed`].
fn changes_cost_no_pulse(name: &str, place: Place, kernel_ms: u32) {
    let rounds = rounds().div_ceil(2);
    let place = Place {
        timeout_s: 600 + 60 * rounds,
        ..place
    };
    let Some(ground) = ground(name, place) else {
        return;
    };
    let chip = ground.chip("pinctrl-bcm2711", 32);
    let mut random = fastrand::Rng::with_seed(11);
    let mut supervisor = Supervisor::new();
    fs::write(supervisor.path("powerlogger.toml"), changed(0, kernel_ms)).unwrap();
    // The chip comes seconds after the start, as on a Raspberry Pi 5.
    chip.unplug();
    let mut child = supervisor.start();
    thread::sleep(Duration::from_millis(random.u64(200..1_500)));
    chip.replug();
    let mut lines_seen = 2;
    supervisor.wait_for_lines(lines_seen);
    let mut wires = Wires::of(&chip);
    let mut most = 0;
    for number in 1..=rounds {
        if number % 3 == 0 {
            // What a chip has not told when it goes is gone with it.
            supervisor.wait_for_pulses(wires.made);
            wires.replug(Duration::from_millis(random.u64(50..600)));
            lines_seen += 2;
            supervisor.wait_for_lines(lines_seen);
            // Each new request puts the wires to rest, and that is over before they are moved.
            thread::sleep(Duration::from_millis(50));
        }
        // At times nothing is committed after the request but the request itself.
        wires.pulses(random.usize(0..4));
        if number % 5 == 0 {
            supervisor.wait_for_pulses(wires.made);
        }
        thread::sleep(Duration::from_millis(random.u64(100..300)));
        let signal = if number % 4 == 1 {
            Signal::TERM
        } else {
            Signal::KILL
        };
        end(child, signal);
        if signal == Signal::KILL {
            // What it caught between kernel and journal.
            most += wires.made - supervisor.journaled().iter().sum::<usize>();
        }
        supervisor.hear();
        fs::write(
            supervisor.path("powerlogger.toml"),
            changed(number, kernel_ms),
        )
        .unwrap();
        wires.pulses(random.usize(1..20));
        child = supervisor.start();
        lines_seen += 2;
        supervisor.wait_for_lines(lines_seen);
        wires.pulses(random.usize(1..20));
    }
    supervisor.wait_for_pulses(wires.made);
    end(child, Signal::TERM);
    let queue = supervisor.path("queue");
    let counted: Vec<_> = METERS.map(|meter| pulses(&queue, meter)).concat();
    assert_eq!(counted.len(), wires.made, "{}", supervisor.log());
    let guessed = counted.iter().filter(|(_, estimated)| *estimated).count();
    eprintln!(
        "{} pulses over {rounds} restarts, {guessed} put back by number, of {most} that could have to be",
        wires.made
    );
    assert!(guessed <= most, "{}", supervisor.log());
}

/// A request that the journal does not know is of the line all the same: a kill at the moment in which it is stored, a
/// meter that has another name now, and a journal that is not there any more.
#[test]
fn a_request_that_the_journal_does_not_know_costs_no_pulse_that_the_kernel_has_kept() {
    let name = test_path!(
        "a_request_that_the_journal_does_not_know_costs_no_pulse_that_the_kernel_has_kept"
    );
    let Some(ground) = ground(name, Place::REAL) else {
        return;
    };
    let chip = ground.chip("pinctrl-bcm2711", 32);
    let mut supervisor = Supervisor::new();
    let child = supervisor.start();
    supervisor.wait_until_ready();
    let mut wires = Wires::of(&chip);
    wires.pulses(3);
    supervisor.wait_for_pulses(wires.made);
    // Two new requests, and the kill comes before their ids can be committed.
    let stored = supervisor.stored;
    chip.unplug();
    chip.replug();
    let deadline_ns = SystemClock.mono_ns() + PATIENCE_NS;
    while supervisor.stored < stored + LINES.len() {
        supervisor.hear();
        assert!(SystemClock.mono_ns() < deadline_ns, "{}", supervisor.log());
        thread::yield_now();
    }
    end(child, Signal::KILL);
    supervisor.hear();
    wires.hands = LINES.map(|(line, _)| Hand::on(&chip, line));
    wires.pulses(7);
    let child = supervisor.start();
    supervisor.wait_until_ready();
    wires.pulses(2);
    supervisor.wait_for_pulses(wires.made);

    // The meter of the second line gets another name.
    end(child, Signal::TERM);
    supervisor.hear();
    let config = fs::read_to_string(supervisor.path("powerlogger.toml")).unwrap();
    let renamed = config.replace("name = \"Export\"", "name = \"Solar\"");
    assert_ne!(renamed, config);
    fs::write(supervisor.path("powerlogger.toml"), renamed).unwrap();
    wires.pulses(5);
    let child = supervisor.start();
    supervisor.wait_until_ready();
    supervisor.wait_for_pulses(wires.made);
    let queue = supervisor.path("queue");
    assert_eq!(pulses(&queue, "Solar").len(), 5);

    // And the journal goes.
    end(child, Signal::TERM);
    supervisor.hear();
    fs::remove_dir_all(&queue).unwrap();
    wires.made = 0;
    wires.pulses(4);
    let child = supervisor.start();
    supervisor.wait_until_ready();
    wires.pulses(1);
    supervisor.wait_for_pulses(wires.made);
    end(child, Signal::TERM);
    let counted: Vec<_> = ["Import", "Solar"]
        .map(|meter| pulses(&queue, meter))
        .concat();
    assert_eq!(counted.len(), wires.made, "{}", supervisor.log());
    assert!(counted.iter().all(|(_, estimated)| !estimated));
}

/// One line, whose signals are written down beforehand.
#[derive(Debug)]
struct Script(Vec<Told>);

impl EdgeSource for Script {
    fn poll(&mut self, _: Option<i64>, signals: &mut Vec<Told>) -> Polled {
        signals.append(&mut self.0);
        Polled::Signals
    }
}

/// A pulse that the bounce time has decided, and no edge, is in the state that is kept beside it: the next process
/// must not decide it again.
#[test]
fn what_time_has_decided_is_not_decided_again() {
    let clock = VirtualClock::at(WallNs::of_s(1_764_000_000));
    let now_ns = clock.mono_ns();
    let empty = tempfile::tempdir().unwrap();
    let options = LoadOptions {
        config_dir: Some(empty.path().to_owned()),
        cwd: empty.path().to_owned(),
        ..LoadOptions::default()
    };
    let settings = powerlogger::config::load(&options).unwrap().settings;
    let meter = MeterId(0);
    let edge = |kind, mono_ns, line_seqno| {
        Told::Edge(Edge {
            meter,
            kind,
            mono_ns,
            line_seqno,
        })
    };
    let up = Told::LineUp {
        meter,
        request_id: 7,
        level: Level::High,
        mono_ns: now_ns,
    };
    let falls = edge(EdgeKind::Falling, now_ns + 40 * NS_PER_MS, 1);
    let rises = edge(EdgeKind::Rising, now_ns + 80 * NS_PER_MS, 2);
    let rules = Rules {
        earliest_wall_ns: WallNs(0),
        rtc_from_ns: None,
        max_wait_ns: NS_PER_S,
        assume: false,
    };
    let capture = |clock: &VirtualClock, signals, intake: &Arc<Intake>| {
        let (source, clock) = (Box::new(Script(signals)), Arc::new(clock.clone()));
        let rules = (rules, None);
        Capture::new(source, clock, Arc::clone(intake), &settings.meters, rules)
    };
    let intake = Arc::new(Intake::new(100, Arc::default()));
    let mut first = capture(&clock, vec![up, falls, rises], &intake);
    clock.advance(81 * NS_PER_MS);
    first.step();
    assert_eq!(intake.take(true).unwrap().pulses, []);
    clock.advance(20 * NS_PER_MS);
    first.step();
    let kept = intake.take(false).unwrap();
    assert_eq!(kept.pulses.len(), 1);

    let adopted = Told::LineAdopted {
        meter,
        request_id: 7,
        mono_ns: clock.mono_ns(),
    };
    let mut second = capture(&clock, vec![adopted], &intake);
    second.remember([Some(kept.lines[&meter].filter.clone())]);
    clock.advance(NS_PER_S);
    second.step();
    second.step();
    let again = intake.take(true).unwrap_or_default();
    assert_eq!(again.pulses, [], "it was counted by the first");
}
