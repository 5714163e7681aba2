//! The order inside the disk: the daemon works on an ext4 over dm-log-writes. From that log the disk
//! is made as it may have been after a flush, and the journal on it is opened.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use powerlogger::clock::{Clock, SystemClock};
use powerlogger::journal::Journal;

use super::found::{Found, Point, points};
use super::log_writes::{BLOCK, Entry, Log, Part, Player};
use super::tape::{self, Tape};
use super::works::{self, Hand, METERS, Made, Watch};
use super::{blank_disk, ext4_disk, option, tool};
use crate::support::chance;
use crate::support::gpio::{self, Ground, Rig, SimChip};
use crate::support::wait::{PATIENCE, wait_until};
use powerlogger::model::WallNs;

/// Images in the ordinary run.
const IMAGES: u64 = 50;

/// Short, so that there are many flushes.
const SYNC_INTERVAL_MS: u64 = 40;

/// So long the daemon works, and longer for more images. It saves what was delivered every 10 s.
const RECORDED_LEAST: Duration = Duration::from_secs(11);
const RECORDED_IMAGE: Duration = Duration::from_millis(20);

/// Between two marks: starting a program is work for the guest's one processor.
const MARK_PAUSE: Duration = Duration::from_millis(50);

const DISK_BYTES: u64 = 32 << 20;
const LOG_BYTES: u64 = 512 << 20;
const TAPE_BYTES: u64 = 32 << 20;

const DISK: &str = "/dev/ubda";
const BEFORE: &str = "/dev/ubdb";
const LOG: &str = "/dev/ubdc";
const HELD: &str = "/dev/ubdd";
const MADE: &str = "/dev/ubde";

/// The recorded device's name, and its file.
const RECORDED: &str = "recorded";
const RECORDED_FILE: &str = "/dev/dm-0";

const MOUNT: &str = "/run/disk";
const JOURNAL: &str = "/run/disk/journal";

/// Runs all of it in one guest.
pub(crate) fn outside(rig: &Rig, name: &str, dir: &Path) {
    let [disk, before, log, held, made] =
        ["disk", "before", "log", "held", "made"].map(|file| dir.join(file));
    ext4_disk(&disk, DISK_BYTES);
    fs::copy(&disk, &before).unwrap();
    blank_disk(&log, LOG_BYTES);
    blank_disk(&held, TAPE_BYTES);
    blank_disk(&made, TAPE_BYTES);
    let place = gpio::Place {
        timeout_s: 3_000,
        ..gpio::Place::REAL
    };
    rig.assert_passes(name, place, &[&disk, &before, &log, &held, &made]);
}

/// Records, then judges the images.
pub(crate) fn in_guest(ground: &Ground) {
    let images = option("LOG_WRITES_IMAGES").unwrap_or(IMAGES);
    let mut random = fastrand::Rng::with_seed(chance::seed("POWER_CUT_SEED"));
    record(
        ground,
        random.u64(..),
        RECORDED_LEAST + RECORDED_IMAGE * u32::try_from(images).unwrap(),
    );
    let log = Log::read(&File::open(LOG).unwrap());
    let entries = &log.entries;
    let evidence = Evidence {
        made: works::made(&tape::read(Path::new(MADE)), WallNs(i64::MAX / 2)),
        held: points(&tape::read(Path::new(HELD))).collect(),
    };
    let flushes = chosen(&log, usize::try_from(images).unwrap(), &mut random);
    let mut player = Player::new(&log, fs::read(BEFORE).unwrap());
    let (mut beyond, mut empty, mut with_delivered) = (Vec::new(), 0, 0);
    for flush in flushes {
        player.play_to(flush);
        let part = Part::random(&mut random);
        player.cut(part, &mut random, put_image);
        let durable = held_at(entries, flush);
        eprintln!(
            "flush at {flush} of {}, {part:?}, {durable} durable",
            entries.len()
        );
        let found = evidence.judge(durable);
        empty += usize::from(found.pulses.is_empty());
        with_delivered += usize::from(!found.delivered.is_empty());
        beyond.push(found.pulses.len() - durable);
    }
    beyond.sort_unstable();
    let of_kind = |kind: fn(&Entry) -> bool| entries.iter().filter(|entry| kind(entry)).count();
    eprintln!(
        "{images} images from {} writes and {} flushes, {} pulses; {empty} without a pulse, \
         {with_delivered} with what was delivered; pulses kept beyond those known to be durable: \
         {} to {}",
        of_kind(|entry| matches!(entry, Entry::Write { .. })),
        of_kind(|entry| *entry == Entry::Flush),
        evidence.made.len(),
        beyond[0],
        beyond[beyond.len() - 1]
    );
    assert!(
        empty < beyond.len() / 2,
        "most are of a journal with pulses"
    );
}

/// Lets the daemon work on a disk whose writes are recorded.
fn record(ground: &Ground, seed: u64, time: Duration) {
    let sectors = DISK_BYTES / 512;
    let table = format!("0 {sectors} log-writes {DISK} {LOG}");
    tool(
        "dmsetup",
        &["create", "--noudevsync", RECORDED, "--table", &table],
    );
    fs::create_dir(MOUNT).unwrap();
    mount(RECORDED_FILE);
    let chip: SimChip = ground.chip("pinctrl-bcm2711", 32);
    let server = works::server(HELD);
    let mut daemon = works::daemon(Path::new(JOURNAL), &server, SYNC_INTERVAL_MS);
    daemon.wait_for_lines(METERS.len());
    let tape = Arc::new(Mutex::new(Tape::open(MADE)));
    let hand = Hand::start(&chip, &tape, seed, Duration::from_millis(1));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _marks = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                // What is at the server now was durable before the mark comes into the log.
                mark(works::held(&server));
                std::thread::sleep(MARK_PAUSE);
            }
        });
        Watch::default().sleep(time);
        wait_until("pulses", PATIENCE, || works::held(&server) > 500);
        stop.store(true, Ordering::Relaxed);
    });
    hand.stop();
    daemon.kill();
    tool("umount", &[MOUNT]);
    tool("dmsetup", &["remove", "--retry", "--noudevsync", RECORDED]);
}

fn mount(device: &str) {
    tool("mount", &["-t", "ext4", "-o", "noatime", device, MOUNT]);
}

/// Notes in the log how many points the server has.
fn mark(held: usize) {
    let held = format!("held={held}");
    tool("dmsetup", &["message", RECORDED, "0", "mark", &held]);
}

/// How many points the server had before this entry, as far as the marks tell.
fn held_at(entries: &[Entry], before: usize) -> usize {
    let marks = entries[..before].iter().rev();
    let held = marks.filter_map(|entry| match entry {
        Entry::Mark(text) => text.strip_prefix("held=")?.parse().ok(),
        _ => None,
    });
    held.into_iter().next().unwrap_or(0)
}

/// Flushes to cut after, in their order: those that much follows are chosen more often, because a
/// checkpoint is among it, or ext4's own.
fn chosen(log: &Log, images: usize, random: &mut fastrand::Rng) -> Vec<usize> {
    let mut flushes = BTreeMap::new();
    let mut sum = 0;
    for (at, entry) in log.entries.iter().enumerate() {
        if *entry == Entry::Flush {
            let sizes = log.unflushed(at + 1).map(|entry| match entry {
                Entry::Write { bytes, .. } => bytes.len().div_ceil(BLOCK),
                _ => 0,
            });
            sum += 1 + sizes.sum::<usize>();
            flushes.insert(sum, at);
        }
    }
    let mut chosen: Vec<usize> = (0..images)
        .map(|_| {
            let shot = random.usize(1..=sum);
            *flushes.range(shot..).next().unwrap().1
        })
        .collect();
    chosen.sort_unstable();
    chosen
}

const IMAGE: &str = "/dev/shm/image";
const LOOP: &str = "/dev/loop0";

/// Writes an image that has no room for what is blank.
fn put_image(disk: &[u8]) {
    let image = File::create(IMAGE).unwrap();
    image.set_len(disk.len() as u64).unwrap();
    for (block, at) in disk.chunks(BLOCK).zip((0..).step_by(BLOCK)) {
        if block != [0; BLOCK] {
            image.write_all_at(block, at).unwrap();
        }
    }
}

/// What is known of the pulses.
struct Evidence {
    made: Vec<Made>,
    /// What the server got, in the order of its arrival.
    held: Vec<Point>,
}

impl Evidence {
    /// The journal on the image opens by itself and holds at least the `durable` first points that
    /// the server got. Returns what is in it.
    fn judge(&self, durable: usize) -> Found {
        tool("losetup", &[LOOP, IMAGE]);
        mount(LOOP);
        let queue = Path::new(JOURNAL);
        let found = if Found::is_there(queue) {
            Found::read_copy(queue)
        } else {
            Found::default()
        };
        let names = METERS.map(|(name, _)| name.to_owned());
        let journal = Journal::open(queue, &names, "another boot", SystemClock.wall_ns()).unwrap();
        assert_eq!(journal.moved_aside(), None, "it is as good as it was");
        drop(journal);
        assert_eq!(Found::read(queue), found, "and as it was");
        tool("umount", &[MOUNT]);
        tool("losetup", &["-d", LOOP]);
        Found::assert_made(&found.pulses, &self.made);
        let here: BTreeSet<&Point> = found.pulses.iter().collect();
        let mut durable_points = self.held.iter().take(durable);
        let lacking = durable_points.find(|point| !here.contains(point));
        assert_eq!(lacking, None, "it was durable");
        for (first, last) in &found.delivered {
            let ids = 1..=i64::try_from(found.pulses.len()).unwrap();
            assert!(ids.contains(first) && ids.contains(last), "{found:?}");
        }
        found
    }
}
