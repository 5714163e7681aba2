//! Clocks that are wrong, set, slewed, confirmed late or never: the true binary on a real line of a kernel whose
//! wall clock the test sets (`support::gpio` says where). Stamps are compared with the wire, to the
//! millisecond. `CLOCK_HOURS` is how long the campaign lasts, in hours of the guest (8 in the ordinary run).
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "simulated time; waits have deadlines"
)]

use std::time::Duration;

use powerlogger::clock::{Clock, SystemClock};
use powerlogger::journal::Reader;
use powerlogger::model::{IdRange, NS_PER_MS, NS_PER_S, WallNs};
use rustix::time::{ClockId, Timespec, clock_settime};
use serde_json::Value;

use crate::support::chance;
use crate::support::daemon::Daemon;
use crate::support::gpio::{Hand, Place, ground, test_path};

/// A board without RTC.
const BOARD: &str = r#"
[clock]
rtc = false

[[meter]]
name = "Import"
line = 20
bias = "down"
bounce_ms = 0
min_interval_ms = 0
"#;

/// 2026-11-24T12:00:00Z.
const TODAY_S: i64 = 1_795_521_600;

/// Between two edges.
const PAUSE: Duration = Duration::from_millis(40);

fn set_clock(wall_s: i64) {
    let time = Timespec {
        tv_sec: wall_s,
        tv_nsec: 0,
    };
    clock_settime(ClockId::Realtime, time).unwrap();
}

/// What an NTP client does when it has contact, or has had none for long.
fn synchronise(yes: bool) {
    set_status(if yes { libc::STA_PLL } else { libc::STA_UNSYNC });
}

fn set_status(status: libc::c_int) {
    adjust(|timex| {
        timex.modes = libc::ADJ_STATUS | libc::ADJ_MAXERROR | libc::ADJ_ESTERROR;
        timex.status = status;
    });
}

/// Lets both clocks run faster, by so many millionths: what NTP does to small errors, and a smeared leap second.
fn slew(ppm: i64) {
    adjust(|timex| {
        timex.modes = libc::ADJ_FREQUENCY;
        timex.freq = ppm << 16;
    });
}

#[expect(unsafe_code, reason = "no crate has adjtimex(2) for its parts alone")]
fn adjust(change: impl Fn(&mut libc::timex)) {
    // SAFETY: all of a `timex` is numbers, for which zeros are valid.
    let answer = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        change(&mut timex);
        libc::adjtimex(&raw mut timex)
    };
    assert!(answer >= 0, "the test is root in its guest");
}

fn trust(daemon: &Daemon) -> (String, bool) {
    let (_, status) = daemon.answer(&["status", "--json"]);
    let status: Value = serde_json::from_str(&status).unwrap();
    let clock = &status["clock"];
    let trust = clock["trust"].as_str().unwrap_or_default().to_owned();
    (trust, clock["holding"] == Value::Bool(true))
}

fn wait_for_trust(daemon: &mut Daemon, wanted: &str) {
    daemon.wait_for(wanted, |daemon| trust(daemon).0 == wanted);
}

/// Pulses that were made while the clock had this offset, once it is known.
#[derive(Clone)]
struct Made {
    offset_ns: i64,
    pulses: std::ops::Range<usize>,
}

/// Makes pulses, and waits until they are in the journal.
fn pulses(daemon: &mut Daemon, hand: &mut Hand, count: usize) -> std::ops::Range<usize> {
    let before = hand.done.len() / 2;
    // The kernel does not say when the clock was set, only that it was.
    std::thread::sleep(PAUSE);
    hand.toggles(2 * count, PAUSE);
    daemon.wait_for_pulses(i64::try_from(before + count).unwrap());
    before..before + count
}

fn judge(daemon: &Daemon, hand: &Hand, made: &[Made]) {
    let mut reader = Reader::open(daemon.dir()).unwrap();
    let page = reader.page(IdRange::ALL, usize::MAX).unwrap();
    assert!(page.held.is_empty(), "every time is known in the end");
    let rising = hand.rising();
    assert_eq!(page.entries.len(), rising.len(), "pulses kept and made");
    for Made { offset_ns, pulses } in made {
        for number in pulses.clone() {
            let mono_ns = page.entries[number].wall_ns.0 - offset_ns;
            let (from, to) = (rising[number].before_ns, rising[number].after_ns);
            let near = from - NS_PER_MS..=to + NS_PER_MS;
            assert!(
                near.contains(&mono_ns),
                "pulse {number}: {mono_ns}, made {from} to {to}"
            );
        }
    }
    let mut stamps: Vec<WallNs> = page.entries.iter().map(|entry| entry.wall_ns).collect();
    stamps.sort_unstable();
    stamps.dedup();
    assert_eq!(stamps.len(), rising.len(), "no two share a stamp");
}

#[test]
fn a_board_without_rtc_that_hears_of_ntp_late() {
    let name = test_path!("a_board_without_rtc_that_hears_of_ntp_late");
    let Some(ground) = ground(name, Place::TIME_TRAVEL) else {
        return;
    };
    let chip = ground.chip("pinctrl-bcm2711", 32);
    set_clock(100);
    synchronise(false);
    let mut daemon = Daemon::start(BOARD, &[]);
    daemon.wait_for_lines(1);
    let mut hand = Hand::on(&chip, 20);
    let in_1970 = pulses(&mut daemon, &mut hand, 10);
    assert_eq!(trust(&daemon), ("provisional".to_owned(), true));

    // The time of the last shutdown: plausible, three days behind, and nobody confirms it.
    set_clock(TODAY_S - 3 * 86_400);
    let behind = pulses(&mut daemon, &mut hand, 10);
    assert_eq!(trust(&daemon), ("provisional".to_owned(), true));
    daemon.kill();
    daemon.start_again();
    daemon.wait_for_lines(1);
    let restarted = pulses(&mut daemon, &mut hand, 10);
    assert_eq!(
        trust(&daemon),
        ("provisional".to_owned(), true),
        "also over a restart"
    );

    set_clock(TODAY_S);
    synchronise(true);
    let right_ns = SystemClock.offset_ns();
    wait_for_trust(&mut daemon, "synchronised");
    let right = pulses(&mut daemon, &mut hand, 10);
    assert_eq!(trust(&daemon), ("synchronised".to_owned(), false));

    // What is final stays, however often somebody sets the clock.
    synchronise(false);
    set_clock(TODAY_S - 7_200);
    let two_hours_back_ns = SystemClock.offset_ns();
    let back = pulses(&mut daemon, &mut hand, 10);
    // A wrong year contradicts what is known: its pulses wait for the right one, also over a restart.
    set_clock(TODAY_S + 86_400 * 365);
    synchronise(true);
    let ahead = pulses(&mut daemon, &mut hand, 10);
    assert_eq!(trust(&daemon), ("provisional".to_owned(), true));
    daemon.kill();
    daemon.start_again();
    daemon.wait_for_lines(1);
    let ahead = ahead.start..pulses(&mut daemon, &mut hand, 10).end;
    assert_eq!(trust(&daemon), ("provisional".to_owned(), true));
    set_clock(TODAY_S + 3_600);
    let set_right_ns = SystemClock.offset_ns();
    wait_for_trust(&mut daemon, "synchronised");
    daemon.stop();
    let made = |offset_ns, pulses| Made { offset_ns, pulses };
    judge(
        &daemon,
        &hand,
        &[
            made(right_ns, in_1970),
            made(right_ns, behind),
            made(right_ns, restarted),
            made(right_ns, right),
            made(two_hours_back_ns, back),
            made(set_right_ns, ahead),
        ],
    );
}

#[test]
fn without_ntp_a_time_that_somebody_sets_is_taken_after_a_while() {
    let name = test_path!("without_ntp_a_time_that_somebody_sets_is_taken_after_a_while");
    let Some(ground) = ground(name, Place::TIME_TRAVEL) else {
        return;
    };
    let chip = ground.chip("pinctrl-bcm2711", 32);
    set_clock(TODAY_S - 3 * 86_400);
    synchronise(false);
    let config = BOARD.replace("rtc = false", "rtc = false\nmax_wait_s = 120");
    let mut daemon = Daemon::start(&config, &[]);
    daemon.wait_for_lines(1);
    let mut hand = Hand::on(&chip, 20);
    let before = pulses(&mut daemon, &mut hand, 5);
    std::thread::sleep(Duration::from_secs(180));
    assert_eq!(trust(&daemon).0, "provisional", "nobody has set it");
    set_clock(TODAY_S);
    let offset_ns = SystemClock.offset_ns();
    let after = pulses(&mut daemon, &mut hand, 5);
    wait_for_trust(&mut daemon, "assumed");

    // A restart in the same boot knows that somebody has set it.
    daemon.stop();
    daemon.start_again();
    daemon.wait_for_lines(1);
    assert_eq!(trust(&daemon).0, "assumed");
    let restarted = pulses(&mut daemon, &mut hand, 5);
    daemon.stop();
    let made = [before, after, restarted].map(|pulses| Made { offset_ns, pulses });
    judge(&daemon, &hand, &made);
}

#[test]
fn a_clock_that_is_set_while_the_daemon_is_stopped_is_taken_after_a_while() {
    let name = test_path!("a_clock_that_is_set_while_the_daemon_is_stopped_is_taken_after_a_while");
    let Some(ground) = ground(name, Place::TIME_TRAVEL) else {
        return;
    };
    let chip = ground.chip("pinctrl-bcm2711", 32);
    set_clock(TODAY_S - 20 * 86_400);
    synchronise(false);
    let config = BOARD.replace("rtc = false", "rtc = false\nmax_wait_s = 90");
    let mut daemon = Daemon::start(&config, &[]);
    daemon.wait_for_lines(1);
    let mut hand = Hand::on(&chip, 20);
    let before = pulses(&mut daemon, &mut hand, 4);
    assert_eq!(trust(&daemon).0, "provisional");
    daemon.stop();
    set_clock(TODAY_S);
    let offset_ns = SystemClock.offset_ns();
    daemon.start_again();
    daemon.wait_for_lines(1);
    let after = pulses(&mut daemon, &mut hand, 4);
    // The guest's time: asking all the while would take the machine's.
    std::thread::sleep(Duration::from_secs(120));
    wait_for_trust(&mut daemon, "assumed");
    daemon.stop();
    let made = [before, after].map(|pulses| Made { offset_ns, pulses });
    judge(&daemon, &hand, &made);
}

#[test]
fn pulses_that_the_kernel_kept_stand_on_the_clock_of_then() {
    let name = test_path!("pulses_that_the_kernel_kept_stand_on_the_clock_of_then");
    let Some(ground) = ground(name, Place::TIME_TRAVEL) else {
        return;
    };
    let chip = ground.chip("pinctrl-bcm2711", 32);
    set_clock(TODAY_S);
    synchronise(true);
    let mut daemon = Daemon::start(BOARD, &[]);
    daemon.wait_for_lines(1);
    wait_for_trust(&mut daemon, "synchronised");
    let mut hand = Hand::on(&chip, 20);
    // It cannot read them before the clock is set.
    let offset_ns = SystemClock.offset_ns();
    daemon.freeze();
    hand.toggles(20, PAUSE);
    set_clock(TODAY_S + 3_600);
    daemon.thaw();
    daemon.wait_for_pulses(10);
    let later_ns = SystemClock.offset_ns();
    let after = pulses(&mut daemon, &mut hand, 10);
    daemon.stop();
    assert!(later_ns - offset_ns > 3_500 * NS_PER_S);
    let made = |offset_ns, pulses| Made { offset_ns, pulses };
    judge(
        &daemon,
        &hand,
        &[made(offset_ns, 0..10), made(later_ns, after)],
    );
}

/// A clock in the hands of somebody who will not leave it alone.
struct Fiddler {
    random: fastrand::Rng,
    made: Vec<Made>,
    /// The newest offset that was believed.
    known_ns: i64,
    /// Pulses whose time contradicts it: they get the next that does not.
    held: Vec<std::ops::Range<usize>>,
}

/// What contradicts what is known.
const LEAP_NS: i64 = 2 * 86_400 * NS_PER_S;

impl Fiddler {
    /// The clock stands so now.
    fn offset_is(&mut self, offset_ns: i64) {
        if (offset_ns - self.known_ns).abs() <= LEAP_NS {
            self.known_ns = offset_ns;
            let settled = self.held.drain(..).map(|pulses| Made { offset_ns, pulses });
            self.made.extend(settled);
        }
    }

    fn now_s() -> i64 {
        SystemClock.wall_ns().s()
    }

    /// Steps the clock, by seconds, hours or years; not to before there was this program.
    fn step(&mut self) {
        let by_s = match self.random.u8(0..4) {
            0 => self.random.i64(-5..=5),
            1 => self.random.i64(-7_200..=7_200),
            2 => self.random.i64(-40..=40) * 86_400,
            _ => self.random.i64(0..=3) * 365 * 86_400,
        };
        let to_s = Self::now_s() + by_s;
        let year = TODAY_S..TODAY_S + 4 * 365 * 86_400;
        set_clock(if year.contains(&to_s) { to_s } else { TODAY_S });
    }

    /// A leap second at the next midnight, which is made to come soon.
    fn leap(&mut self) {
        let midnight_s = (Self::now_s() / 86_400 + 1) * 86_400;
        set_clock(midnight_s - 20);
        let before_ns = SystemClock.offset_ns();
        self.offset_is(before_ns);
        set_status(libc::STA_PLL | libc::STA_INS);
        std::thread::sleep(Duration::from_secs(40));
        let by_ns = SystemClock.offset_ns() - before_ns;
        assert!(
            (by_ns + NS_PER_S).abs() < NS_PER_MS,
            "a second was inserted: {by_ns}"
        );
        synchronise(true);
    }

    /// Something happens to the clock, or to the daemon; then pulses.
    fn round(&mut self, daemon: &mut Daemon, hand: &mut Hand) {
        match self.random.u8(0..8) {
            0..=2 => self.step(),
            3 => slew(self.random.i64(-500..=500)),
            4 => synchronise(self.random.bool()),
            5 => self.leap(),
            6 => {
                daemon.kill();
                daemon.start_again();
                daemon.wait_for_lines(1);
            }
            _ => {}
        }
        // The kernel does not say when the clock was set, only that it was.
        std::thread::sleep(PAUSE);
        let offset_ns = SystemClock.offset_ns();
        let count = self.random.usize(1..6);
        self.held.push(pulses(daemon, hand, count));
        self.offset_is(offset_ns);
        std::thread::sleep(Duration::from_secs(self.random.u64(1..3_600)));
    }
}

#[test]
fn a_clock_that_is_never_left_alone() {
    let name = test_path!("a_clock_that_is_never_left_alone");
    let hours = std::env::var("CLOCK_HOURS").ok();
    let hours: i64 = hours.map_or(8, |hours| hours.parse().expect("CLOCK_HOURS is a number"));
    let place = Place {
        timeout_s: 1_200 + 120 * u32::try_from(hours).expect("some weeks"),
        ..Place::TIME_TRAVEL
    };
    let Some(ground) = ground(name, place) else {
        return;
    };
    let seed = chance::seed("CLOCK_SEED");
    let chip = ground.chip("pinctrl-bcm2711", 32);
    // A cold boot in 1970, and steps before anybody knows the time.
    set_clock(100);
    synchronise(false);
    let mut daemon = Daemon::start(BOARD, &[]);
    daemon.wait_for_lines(1);
    let mut hand = Hand::on(&chip, 20);
    let in_1970 = pulses(&mut daemon, &mut hand, 3);
    let mut fiddler = Fiddler {
        random: fastrand::Rng::with_seed(seed),
        made: Vec::new(),
        known_ns: 0,
        held: Vec::new(),
    };
    fiddler.step();
    let guessed = pulses(&mut daemon, &mut hand, 3);
    set_clock(TODAY_S);
    synchronise(true);
    let offset_ns = SystemClock.offset_ns();
    wait_for_trust(&mut daemon, "synchronised");
    fiddler.known_ns = offset_ns;
    let mut made = [in_1970, guessed]
        .map(|pulses| Made { offset_ns, pulses })
        .to_vec();

    let began_ns = SystemClock.mono_ns();
    while SystemClock.mono_ns() - began_ns < hours * 3_600 * NS_PER_S {
        fiddler.round(&mut daemon, &mut hand);
    }
    slew(0);
    // Whatever it showed last: the right time settles what was held.
    set_clock((SystemClock.mono_ns() + fiddler.known_ns) / NS_PER_S);
    fiddler.offset_is(SystemClock.offset_ns());
    wait_for_trust(&mut daemon, "synchronised");
    daemon.stop();
    made.append(&mut fiddler.made);
    judge(&daemon, &hand, &made);
    eprintln!("{} pulses on {} clocks", hand.done.len() / 2, made.len());
}
