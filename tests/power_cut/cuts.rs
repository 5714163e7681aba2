//! The power goes at any moment, again and again: everything in memory is gone, the page cache with
//! it, and the next guest comes up with the same disk.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use powerlogger::clock::{Clock, SystemClock};
use powerlogger::model::{NS_PER_MS, NS_PER_S, WallNs};
use serde::{Deserialize, Serialize};

use super::copies;
use super::found::{Found, Point, points};
use super::tape::{self, Tape};
use super::works::{self, Hand, METERS, Made, Watch};
use super::{blank_disk, ext4_disk, option, tool};
use crate::support::chance;
use crate::support::gpio::{self, Ground, Rig};
use crate::support::wait::{PATIENCE, wait_until};

/// Cuts in the ordinary run.
const CUTS: u64 = 20;

/// What is to be done in a guest; in its environment.
const JOB: &str = "POWERLOGGER_POWER_CUT";

/// Most cuts come with the short interval, for the sake of time.
const SHORT_INTERVAL_MS: u64 = 200;
const DEFAULT_INTERVAL_MS: u64 = 1_000;

const DISK_BYTES: u64 = 64 << 20;
const TAPE_BYTES: u64 = 32 << 20;

const JOURNAL: &str = "/dev/ubda";
const HELD: &str = "/dev/ubdb";
const MADE: &str = "/dev/ubdc";
const FOUND: &str = "/dev/ubdd";

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Job {
    seed: u64,
    sync_interval_ms: u64,
    end: End,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum End {
    /// So long after the daemon was started, whatever it is at.
    CutAtStart { after_us: u64 },
    /// So long after the first pulse.
    CutWhileCounting { after_us: u64 },
    /// The same, when the server has all pulses that were made: none of them may be lost.
    CutWhenHeld { after_us: u64 },
    /// When what was delivered has been saved, and that is durable.
    CutWhenSaved,
    /// No cut: everything comes to rest.
    Rest,
}

impl Job {
    fn random(random: &mut fastrand::Rng, cut: u64) -> Job {
        let sync_interval_ms = if cut % 10 == 7 || cut % 10 == 9 {
            DEFAULT_INTERVAL_MS
        } else {
            SHORT_INTERVAL_MS
        };
        let seed = random.u64(..);
        let end = match cut % 10 {
            0 | 3 | 6 => End::CutAtStart {
                after_us: random.u64(0..300_000),
            },
            4 => End::CutWhenHeld {
                after_us: random.u64(50_000..800_000),
            },
            8 if cut % 40 == 8 => End::CutWhenSaved,
            // About when it saves what was delivered: every 10 s.
            8 if cut % 40 == 28 => End::CutWhileCounting {
                after_us: random.u64(9_500_000..11_000_000),
            },
            _ => End::CutWhileCounting {
                after_us: random.u64(200_000..400_000 + 2_000 * sync_interval_ms),
            },
        };
        Job {
            seed,
            sync_interval_ms,
            end,
        }
    }
}

/// The disks of all guests.
#[derive(Debug)]
struct Disks {
    journal: PathBuf,
    held: PathBuf,
    made: PathBuf,
    found: PathBuf,
}

impl Disks {
    fn new(dir: &Path) -> Disks {
        let disks = Disks {
            journal: dir.join("journal"),
            held: dir.join("held"),
            made: dir.join("made"),
            found: dir.join("found"),
        };
        ext4_disk(&disks.journal, DISK_BYTES);
        blank_disk(&disks.held, TAPE_BYTES);
        disks
    }

    fn run(&self, rig: &Rig, name: &str, job: Job) -> Output {
        blank_disk(&self.made, TAPE_BYTES);
        blank_disk(&self.found, TAPE_BYTES);
        let disks = [&self.journal, &self.held, &self.made, &self.found].map(PathBuf::as_path);
        let job = serde_json::to_string(&job).unwrap();
        rig.run(name, gpio::Place::REAL, &disks, &[(JOB, &job)])
    }
}

/// What a cut cost.
#[derive(Debug)]
struct Cost {
    sync_interval_ms: u64,
    made: usize,
    lost: usize,
    /// How long before the cut the oldest pulse that is lost was made; 0: none is.
    age_ns: i64,
    /// For how long the guest got no processor before the cut, and how long a sync took at most.
    stalled_ms: i64,
    slowest_sync_ms: i64,
}

/// A stretch of pulses that ended in a cut, to be judged when the next guest has looked.
#[derive(Debug)]
struct Stretch {
    job: Job,
    made: Vec<Made>,
    copied: BTreeSet<u64>,
    cut: Option<CutNote>,
}

/// What the one who cuts has noted last.
#[derive(Debug, Clone, Copy)]
struct CutNote {
    at_ns: WallNs,
    stalled_ns: i64,
    slowest_sync_ns: i64,
}

impl Stretch {
    fn read(tape: &str, job: Job) -> Stretch {
        let cut = tape.lines().find_map(|line| {
            let words: Vec<i64> = line
                .strip_prefix("cut ")?
                .split(' ')
                .map(|word| word.parse().unwrap())
                .collect();
            Some(CutNote {
                at_ns: WallNs(words[0]),
                stalled_ns: words[1],
                slowest_sync_ns: words[2],
            })
        });
        let end_ns = cut.map_or(WallNs(i64::MAX / 2), |cut| cut.at_ns);
        Stretch {
            job,
            made: works::made(tape, end_ns),
            copied: copies::said(tape),
            cut,
        }
    }

    /// Judges what was `new` in the journal after it: the first pulses of each meter. How old those are that are lost
    /// depends on the machine as well, and is told.
    fn judge(&self, new: &[Point]) -> Option<Cost> {
        let kept = Found::assert_made(new, &self.made);
        let cut = self.cut?;
        let mut oldest_lost_ns = None;
        for (meter, _) in METERS {
            let of_meter = self.made.iter().filter(|made| made.meter == meter);
            let lost = of_meter.skip(kept.get(meter).copied().unwrap_or(0));
            let oldest_ns = lost.map(|made| made.from_ns).next();
            oldest_lost_ns = [oldest_lost_ns, oldest_ns].into_iter().flatten().min();
        }
        let age_ns = oldest_lost_ns.map_or(0, |oldest_ns| cut.at_ns - oldest_ns);
        let lost = self.made.len() - new.len();
        if matches!(self.job.end, End::CutWhenHeld { .. }) {
            assert_eq!(lost, 0, "the server had all: {:?}", self.job);
        }
        Some(Cost {
            sync_interval_ms: self.job.sync_interval_ms,
            made: self.made.len(),
            lost,
            age_ns,
            stalled_ms: cut.stalled_ns / NS_PER_MS,
            slowest_sync_ms: cut.slowest_sync_ns / NS_PER_MS,
        })
    }
}

/// All cuts, on one disk.
pub(crate) fn campaign(rig: &Rig, name: &str, dir: &Path) {
    let cuts = option("POWER_CUTS").unwrap_or(CUTS);
    let mut random = fastrand::Rng::with_seed(chance::seed("POWER_CUT_SEED"));
    let disks = Disks::new(dir);
    let (mut known, mut costs) = (Found::default(), Vec::new());
    let (mut with_delivered, mut copies_found) = (0, 0);
    let mut stretch: Option<Stretch> = None;
    for cut in 0..=cuts {
        let job = if cut < cuts {
            Job::random(&mut random, cut)
        } else {
            Job {
                end: End::Rest,
                ..Job::random(&mut random, cut)
            }
        };
        let held_before: BTreeSet<Point> = points(&tape::read(&disks.held)).collect();
        let output = disks.run(rig, name, job);
        let wanted = if cut < cuts { 126 } else { 0 };
        let told = || {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let stdout = String::from_utf8_lossy(&output.stdout);
            format!("cut {cut}, {job:?}: {}\n{stdout}{stderr}", output.status)
        };
        assert_eq!(output.status.code(), Some(wanted), "{}", told());
        let found = Found::from_lines(&tape::read(&disks.found));
        let found = found.unwrap_or_else(|| panic!("nothing found: {}", told()));
        eprintln!(
            "cut {cut}: {} pulses found; now {job:?}",
            found.pulses.len()
        );
        assert!(
            found.pulses.starts_with(&known.pulses),
            "what was found once stays"
        );
        found.assert_ahead_of(&held_before);
        let new = &found.pulses[known.pulses.len()..];
        copies_found += found.copies.len();
        match stretch {
            Some(stretch) => {
                let gone: Vec<_> = stretch.copied.difference(&found.copies).collect();
                assert_eq!(gone, Vec::<&u64>::new(), "copies that were said to be made");
                let cost = stretch.judge(new);
                eprintln!("that cost {cost:?}");
                costs.extend(cost);
            }
            None => assert_eq!(new, [], "nothing was made"),
        }
        stretch = Some(Stretch::read(&tape::read(&disks.made), job));
        with_delivered += u64::from(!found.delivered.is_empty());
        known = found;
    }
    assert!(
        with_delivered > 0 || cuts < 20,
        "what was delivered is in some: a cut waits for it"
    );
    eprintln!("{copies_found} copies were made until a cut; each is whole and a beginning");
    assert!(copies_found > 0 || cuts < 20, "some copies were made");
    let held: BTreeSet<Point> = points(&tape::read(&disks.held)).collect();
    let here: BTreeSet<Point> = known.pulses.iter().cloned().collect();
    assert_eq!(
        held, here,
        "in the end the server has exactly the journal's"
    );
    report(cuts, known.pulses.len(), &mut costs);
}

fn report(cuts: u64, kept: usize, costs: &mut [Cost]) {
    eprintln!("{cuts} power cuts, {kept} pulses kept");
    for interval_ms in [SHORT_INTERVAL_MS, DEFAULT_INTERVAL_MS] {
        let of_interval: Vec<&Cost> = costs
            .iter()
            .filter(|cost| cost.sync_interval_ms == interval_ms)
            .collect();
        if of_interval.is_empty() {
            continue;
        }
        let made: usize = of_interval.iter().map(|cost| cost.made).sum();
        let lost: usize = of_interval.iter().map(|cost| cost.lost).sum();
        let ages = of_interval.iter().map(|cost| cost.age_ns / NS_PER_MS);
        let losses = of_interval.iter().map(|cost| cost.lost as i64);
        let stalls = of_interval.iter().map(|cost| cost.stalled_ms);
        let syncs = of_interval.iter().map(|cost| cost.slowest_sync_ms);
        eprintln!(
            "sync_interval {interval_ms} ms: {} cuts while counting, {lost} of {made} pulses lost; \
             a cut: {} pulses, the oldest {} ms before it; the guest stood still for {} ms, a sync took {} ms at most",
            of_interval.len(),
            spread(losses.collect()),
            spread(ages.collect()),
            spread(stalls.collect()),
            spread(syncs.collect())
        );
    }
}

/// Minimum, median, p90 and maximum.
fn spread(mut values: Vec<i64>) -> String {
    values.sort_unstable();
    let at = |percent: usize| values[(values.len() - 1) * percent / 100];
    format!("{} / {} / {} / {}", at(0), at(50), at(90), at(100))
}

/// One guest: looks at what the former one left, works, and is cut off.
pub(crate) fn in_guest(ground: &Ground) {
    let job: Job = serde_json::from_str(&std::env::var(JOB).unwrap()).unwrap();
    let mount = Path::new("/run/disk");
    fs::create_dir(mount).unwrap();
    tool(
        "mount",
        &["-t", "ext4", "-o", "noatime", JOURNAL, "/run/disk"],
    );
    let queue = mount.join("journal");
    let mut found = if Found::is_there(&queue) {
        Found::read_copy(&queue)
    } else {
        Found::default()
    };
    found.copies = copies::take_away(&queue, &found.pulses);
    Tape::open(FOUND).add(&found.to_lines());
    work(ground, &queue, job, &found);
}

fn work(ground: &Ground, queue: &Path, job: Job, found: &Found) {
    let chip = ground.chip("pinctrl-bcm2711", 32);
    let server = works::server(HELD);
    let mut daemon = works::daemon(queue, &server, job.sync_interval_ms);
    let mut watch = Watch::default();
    let tape = Arc::new(Mutex::new(Tape::open(MADE)));
    if let End::CutAtStart { after_us } = job.end {
        watch.sleep(Duration::from_micros(after_us));
        cut_power();
    }
    daemon.wait_for_lines(METERS.len());
    // The daemon has taken it as it was.
    let opened = Found::read(queue);
    assert_eq!(opened.pulses, found.pulses, "{}", daemon.log());
    let counts_for_us = match job.end {
        End::CutWhileCounting { after_us } | End::CutWhenHeld { after_us } => Some(after_us),
        End::CutWhenSaved => Some(0),
        End::CutAtStart { .. } | End::Rest => None,
    };
    if let Some(after_us) = counts_for_us {
        let hand = Hand::start(&chip, &tape, job.seed, Duration::from_millis(5));
        copies::keep_making(&daemon, queue, &tape);
        watch.sleep(Duration::from_micros(after_us));
        let made = || works::made(&tape::read(Path::new(MADE)), WallNs(i64::MAX / 2)).len();
        let wait_for_held = |pulses: usize| {
            let wanted = found.pulses.len() + pulses;
            wait_until("pulses at the server", PATIENCE, || {
                works::held(&server) >= wanted
            });
        };
        match job.end {
            End::CutWhenHeld { .. } => {
                hand.stop();
                wait_for_held(made());
            }
            End::CutWhenSaved => {
                wait_until("what was delivered saved", PATIENCE, || {
                    !Found::delivered_in(queue).is_empty()
                });
                // A pulse that was made since then is durable, and so is what was committed before it.
                wait_for_held(made() + 1);
            }
            _ => {}
        }
        // Nobody makes a pulse any more that is not on the tape.
        let mut tape = tape.lock().unwrap();
        let at_ns = SystemClock.wall_ns();
        let window_ns = 2 * NS_PER_S + 2 * NS_PER_MS * i64::try_from(job.sync_interval_ms).unwrap();
        let (stalled_ns, slowest_ns) = (watch.stalled_ns(at_ns - window_ns), tape.slowest_ns);
        tape.add(&format!("cut {at_ns} {stalled_ns} {slowest_ns}\n"));
        cut_power();
    }
    let wanted = found.pulses.len();
    wait_until("all at the server", PATIENCE, || {
        works::held(&server) == wanted
    });
    daemon.stop();
    assert_eq!(Found::read(queue).pulses, found.pulses, "after a clean end");
}

/// Does not return.
fn cut_power() {
    fs::write("/proc/sysrq-trigger", "b").unwrap();
    loop {
        std::thread::park();
    }
}
