//! What works in a guest until the power goes: the daemon, a server, and a hand on the wires, each of
//! the latter two with a tape on which it writes beforehand what it is about to do.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use powerlogger::clock::{Clock, SystemClock};
use powerlogger::model::{Level, NS_PER_MS, WallNs};

use super::tape::Tape;
use crate::support::daemon::Daemon;
use crate::support::fake_influx::store::Notebook;
use crate::support::fake_influx::{FakeInflux, Store};
use crate::support::gpio::{SimChip, Wire};
use crate::support::influxd::ORG;

const BUCKET: &str = "PowerLogger_raw";

/// The meters and their lines.
pub(crate) const METERS: [(&str, u32); 3] = [("Import", 20), ("Export", 26), ("Generate", 21)];

/// `powerlogger.toml`: every rising edge is a pulse, delivery hardly waits.
fn config(sync_interval_ms: u64) -> String {
    let mut config = format!(
        "[journal]\nsync_interval_ms = {sync_interval_ms}\n[deliver]\nflush_ms = 10\n\
         replay_interval_ms = 100\n"
    );
    for (name, line) in METERS {
        config += &format!(
            "[[meter]]\nname = \"{name}\"\nline = {line}\nbias = \"down\"\nbounce_ms = 0\n\
             min_interval_ms = 0\n"
        );
    }
    config
}

/// A server that has what is on its tape, and writes down there what it gets before it says that it
/// has it.
pub(crate) fn server(disk: &str) -> FakeInflux {
    let mut store = Store::new(ORG);
    let bucket = store.create_bucket(ORG, BUCKET, 0);
    store.add_token("writer", &[bucket.as_str()]);
    let held = super::tape::read(Path::new(disk));
    let reply = store.insert(BUCKET, held.as_bytes(), SystemClock.wall_ns().0);
    assert_eq!(reply.status, 204, "{reply:?}");
    let tape = Mutex::new(Tape::open(disk));
    store.keep_notebook(Notebook::new(move |body| {
        let mut lines = String::from_utf8(body.to_vec()).unwrap();
        if !lines.ends_with('\n') {
            lines.push('\n');
        }
        tape.lock().unwrap().add(&lines);
    }));
    FakeInflux::start(store)
}

/// How many pulses it has.
pub(crate) fn held(server: &FakeInflux) -> usize {
    server.store().count(BUCKET)
}

/// The true binary, with its journal in `queue`.
pub(crate) fn daemon(queue: &Path, server: &FakeInflux, sync_interval_ms: u64) -> Daemon {
    let dotenv = format!(
        "INFLUX_HOST={}\nINFLUX_ORG={ORG}\nINFLUX_TOKEN=writer\n",
        server.url()
    );
    Daemon::start_on(Some(queue), &config(sync_interval_ms), &dotenv, &[], &[])
}

/// A pulse on a wire, between two readings of the clock.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) meter: String,
    pub(crate) from_ns: WallNs,
    pub(crate) to_ns: WallNs,
}

/// What a hand has written on its tape; the last pulse was made before `end_ns`, if at all.
pub(crate) fn made(lines: &str, end_ns: WallNs) -> Vec<Made> {
    let pulses = lines.lines().filter_map(|line| line.strip_prefix("pulse "));
    let mut made: Vec<Made> = Vec::new();
    for pulse in pulses {
        let (meter, from_ns) = pulse.split_once(' ').unwrap();
        let from_ns = WallNs(from_ns.parse().unwrap());
        if let Some(before) = made.last_mut() {
            before.to_ns = from_ns;
        }
        made.push(Made {
            meter: meter.to_owned(),
            from_ns,
            to_ns: end_ns,
        });
    }
    made
}

/// Makes pulses on the meters' wires at random, until told to stop.
#[derive(Debug)]
pub(crate) struct Hand {
    stop: Arc<AtomicBool>,
    working: Option<JoinHandle<()>>,
}

impl Hand {
    /// A pulse takes up to twice `pause` on average, and so does the time between two.
    pub(crate) fn start(
        chip: &SimChip,
        tape: &Arc<Mutex<Tape>>,
        seed: u64,
        pause: Duration,
    ) -> Hand {
        let mut wires: Vec<(&str, Wire)> = METERS
            .iter()
            .map(|(name, line)| (*name, chip.wire(*line)))
            .collect();
        let stop = Arc::new(AtomicBool::new(false));
        let (tape, stopped) = (Arc::clone(tape), Arc::clone(&stop));
        let mut random = fastrand::Rng::with_seed(seed);
        let pause_us = u64::try_from(pause.as_micros()).unwrap();
        let working = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let chosen = random.usize(..wires.len());
                let (meter, wire) = &mut wires[chosen];
                let wall_ns = SystemClock.wall_ns();
                tape.lock()
                    .unwrap()
                    .add(&format!("pulse {meter} {wall_ns}\n"));
                for level in [Level::High, Level::Low] {
                    wire.pull(level);
                    thread::sleep(Duration::from_micros(
                        random.u64(pause_us / 4..2 * pause_us),
                    ));
                }
            }
        });
        Hand {
            stop,
            working: Some(working),
        }
    }

    /// Lets go of the wires.
    pub(crate) fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.working.take().unwrap().join().unwrap();
    }
}

/// Sleeps in small steps, so that it notices when the whole guest got no processor.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// When, and how much longer than wanted a step took.
    late: Vec<(WallNs, i64)>,
}

impl Watch {
    const STEP: Duration = Duration::from_millis(5);

    /// Late by so much is ordinary.
    const LATE_NS: i64 = 10 * NS_PER_MS;

    /// Passes the time.
    pub(crate) fn sleep(&mut self, time: Duration) {
        let end_ns = SystemClock.wall_ns() + i64::try_from(time.as_nanos()).unwrap();
        loop {
            let began_ns = SystemClock.wall_ns();
            let left_ns = u64::try_from(end_ns - began_ns).unwrap_or(0);
            if left_ns == 0 {
                return;
            }
            let step = Watch::STEP.min(Duration::from_nanos(left_ns));
            thread::sleep(step);
            let now_ns = SystemClock.wall_ns();
            let late_ns = now_ns - began_ns - i64::try_from(step.as_nanos()).unwrap();
            if late_ns > Watch::LATE_NS {
                self.late.push((now_ns, late_ns));
            }
        }
    }

    /// For how long in all since then.
    pub(crate) fn stalled_ns(&self, since_ns: WallNs) -> i64 {
        let late = self.late.iter().filter(|(when_ns, _)| *when_ns >= since_ns);
        late.map(|(_, late_ns)| late_ns).sum()
    }
}
