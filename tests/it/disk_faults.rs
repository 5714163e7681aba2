//! Disks that are full, read-only, failing or slow, under the true binary on real lines, while pulses come
//! and a backlog drains to a server over real HTTP: every pulse is kept, once, stamped when it was, or it
//! is counted where memory was bounded; nothing is sent that the disk has not kept.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on may panic; figures are printed"
)]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use powerlogger::clock::{Clock, SystemClock};
use powerlogger::journal::Reader;
use powerlogger::model::{IdRange, LossCause, MonoNs, NS_PER_MS, NS_PER_S};

use crate::support::daemon::Daemon;
use crate::support::disk::{Disk, missing_tools};
use crate::support::fake_influx::{FakeInflux, Fault};
use crate::support::gpio::{DISK, Done, Ground, Hand, Place, SimChip, ground, test_path};
use crate::support::program::skip;
use crate::support::remote::{self, ORG, start_fake_with_raw};

const METERS: [(&str, u32); 2] = [("Import", 20), ("Export", 26)];

const CONFIG: &str = r#"
[journal]
sync_interval_ms = 100
[deliver]
flush_ms = 10
batch_lines_max = 100
replay_interval_ms = 60
[influx]
timeout_ms = 2000
downsampling = "off"
[[meter]]
name = "Import"
line = 20
bias = "down"
bounce_ms = 0
min_interval_ms = 0
[[meter]]
name = "Export"
line = 26
bias = "down"
bounce_ms = 0
min_interval_ms = 0
"#;

const BUCKET: &str = "PowerLogger_raw";

/// A guest with a disk. The ext4 on it has some 25 MiB.
const PLACE: Place = Place {
    timeout_s: 1_800,
    disk_mib: 32,
    ..Place::REAL
};

/// Points of a backlog that has drained: a full batch.
const DRAINED_MIN: usize = 100;

/// What a slow card takes for each write and each flush.
const SLOW_MS: u32 = 10_000;

/// What systemd is told within, here: a stall of 10 s is to this as one of 40 s is to the unit's.
const WATCHDOG: Duration = Duration::from_secs(15);

/// In systemd's place: what the daemon told it, and when.
struct NotifySocket {
    _dir: tempfile::TempDir,
    env: Vec<(String, String)>,
    heard: Arc<Mutex<Vec<(MonoNs, String)>>>,
}

impl NotifySocket {
    fn new() -> NotifySocket {
        let dir = tempfile::tempdir_in("/dev/shm").unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let heard: Arc<Mutex<Vec<(MonoNs, String)>>> = Arc::default();
        let hearing = Arc::clone(&heard);
        // It ends with the test's process.
        thread::spawn(move || {
            let mut text = [0; 4096];
            while let Ok(bytes) = socket.recv(&mut text) {
                let said = String::from_utf8_lossy(&text[..bytes]).into_owned();
                let now_ns = SystemClock.mono_ns();
                hearing.lock().unwrap().push((now_ns, said));
            }
        });
        let env = [
            ("NOTIFY_SOCKET", path.display().to_string()),
            ("WATCHDOG_USEC", WATCHDOG.as_micros().to_string()),
        ];
        NotifySocket {
            _dir: dir,
            env: env.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            heard,
        }
    }

    fn has_heard(&self, word: &str) -> bool {
        let heard = self.heard.lock().unwrap();
        heard.iter().any(|(_, said)| said.contains(word))
    }

    /// The newest line of state.
    fn status(&self) -> String {
        let heard = self.heard.lock().unwrap();
        let status = heard.iter().rev().find_map(|(_, said)| {
            let line = said.lines().find_map(|line| line.strip_prefix("STATUS="));
            line.map(str::to_owned)
        });
        status.unwrap_or_default()
    }

    /// Signs of life so far.
    fn signs_of_life(&self) -> usize {
        let heard = self.heard.lock().unwrap();
        let fed = heard.iter().filter(|(_, said)| said.contains("WATCHDOG=1"));
        fed.count()
    }

    /// The longest time between two signs of life since `since_ns`.
    fn longest_silence_ns(&self, since_ns: MonoNs) -> i64 {
        let heard = self.heard.lock().unwrap();
        let fed = heard.iter().filter(|(_, said)| said.contains("WATCHDOG=1"));
        let mut times: Vec<MonoNs> = fed.map(|(at_ns, _)| *at_ns).collect();
        times.push(SystemClock.mono_ns());
        let gaps = times.windows(2).filter(|gap| gap[1] >= since_ns);
        gaps.map(|gap| gap[1] - gap[0]).max().unwrap()
    }
}

/// Lines that are toggled until told to stop.
struct Toggling {
    stop: Arc<AtomicBool>,
    /// Pulses of each line.
    made: Arc<[AtomicUsize; 2]>,
    hands: Vec<JoinHandle<Hand>>,
}

impl Toggling {
    fn start(chip: &SimChip, pauses_ms: [u64; 2]) -> Toggling {
        let stop: Arc<AtomicBool> = Arc::default();
        let made: Arc<[AtomicUsize; 2]> = Arc::default();
        let start = |(number, pause_ms): (usize, u64)| {
            let mut hand = Hand::on(chip, METERS[number].1);
            let (stop, made) = (Arc::clone(&stop), Arc::clone(&made));
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    hand.toggles(2, Duration::from_millis(pause_ms));
                    made[number].fetch_add(1, Ordering::Relaxed);
                }
                hand
            })
        };
        let hands = pauses_ms.into_iter().enumerate().map(start).collect();
        Toggling { stop, made, hands }
    }

    /// None at all.
    fn none() -> Toggling {
        Toggling {
            stop: Arc::default(),
            made: Arc::default(),
            hands: Vec::new(),
        }
    }

    fn made(&self) -> [usize; 2] {
        self.made.each_ref().map(|of| of.load(Ordering::Relaxed))
    }

    fn stop(self) -> Vec<Vec<Done>> {
        self.stop.store(true, Ordering::Relaxed);
        let hands = self.hands.into_iter().map(|hand| hand.join().unwrap());
        hands.map(|hand| hand.rising()).collect()
    }
}

/// Everything that a fault needs.
struct Scene {
    disk: Disk,
    server: FakeInflux,
    notify: NotifySocket,
    daemon: Daemon,
    toggling: Toggling,
    _chip: SimChip,
    _ground: Ground,
}

/// Brings a test to its place, if there is one, with the tools for a disk.
fn place(name: &str) -> Option<(Ground, Disk)> {
    if let Some(why) = missing_tools() {
        skip(name, &why);
        return None;
    }
    let ground = ground(name, PLACE)?;
    Some((ground, Disk::on(DISK)))
}

impl Scene {
    /// Pulses come; the server is away.
    fn begin(ground: Ground, disk: Disk, config: &str, pauses_ms: [u64; 2]) -> Scene {
        let chip = ground.chip("pinctrl-bcm2711", 32);
        let (mut server, notify) = (start_fake_with_raw(BUCKET), NotifySocket::new());
        server.set_fault(Some(Fault::Unavailable {
            retry_after_s: None,
        }));
        let url = server.url();
        let dotenv = format!("INFLUX_HOST={url}\nINFLUX_ORG={ORG}\nINFLUX_TOKEN=writer\n");
        let mut daemon = Daemon::start_on(Some(&disk.queue()), config, &dotenv, &[], &notify.env);
        daemon.wait_for("lines", |daemon| {
            daemon.log().matches("counting on line").count() >= METERS.len()
        });
        let toggling = Toggling::start(&chip, pauses_ms);
        Scene {
            disk,
            server,
            notify,
            daemon,
            toggling,
            _chip: chip,
            _ground: ground,
        }
    }

    /// A backlog has built up, and so much of it is durable that it drains whatever becomes of the disk: what
    /// was offered to the server is.
    fn wait_for_backlog(&mut self) {
        self.daemon.wait_for_pulses(150);
        let server = &self.server;
        self.daemon.wait_for("a durable backlog", |_| {
            server.most_lines_seen() >= DRAINED_MIN
        });
    }

    fn wait_for_log(&mut self, words: &str) {
        self.daemon
            .wait_for(words, |daemon| daemon.log().contains(words));
    }

    /// So many more pulses have been made.
    fn wait_for_more(&mut self, pulses: usize) {
        let toggling = &self.toggling;
        let enough = toggling.made().iter().sum::<usize>() + pulses;
        self.daemon.wait_for("more pulses", |_| {
            toggling.made().iter().sum::<usize>() >= enough
        });
    }

    /// So many more on each line.
    fn wait_for_more_of_each(&mut self, pulses: usize) {
        let toggling = &self.toggling;
        let before = toggling.made();
        self.daemon.wait_for("more pulses of each line", |_| {
            let now = toggling.made().into_iter().zip(before);
            now.into_iter().all(|(now, before)| now >= before + pulses)
        });
    }

    /// systemd hears of the daemon from now on, too.
    fn wait_for_a_sign_of_life(&mut self) {
        let notify = &self.notify;
        let before = notify.signs_of_life();
        self.daemon
            .wait_for("a sign of life", |_| notify.signs_of_life() > before);
    }

    /// systemd was told that it counts.
    fn wait_until_ready(&mut self) {
        let notify = &self.notify;
        self.daemon
            .wait_for("ready", |_| notify.has_heard("READY=1"));
    }

    fn wait_for_status(&mut self, what: &str, holds: impl Fn(&str) -> bool) {
        let notify = &self.notify;
        self.daemon.wait_for(what, |_| holds(&notify.status()));
    }

    /// The server is there again: the backlog drains, as slowly as the machine wants as long as it does.
    fn let_the_backlog_drain(&mut self) {
        self.let_it_drain_or(|_| false);
    }

    /// The same, unless the journal is closed because of its disk: that takes seconds, and a guest may stand still for longer.
    fn let_it_drain_until_closed(&mut self) {
        self.let_it_drain_or(|daemon| daemon.log().contains("the journal is closed"));
    }

    /// The same, unless it cannot.
    fn let_it_drain_or(&mut self, cannot: impl Fn(&Daemon) -> bool) {
        self.server.set_fault(None);
        let (server, drained) = (&self.server, Cell::new(0));
        let points = || server.store().count(BUCKET);
        while drained.get() < DRAINED_MIN && !cannot(&self.daemon) {
            let more = |daemon: &Daemon| points() > drained.get() || cannot(daemon);
            self.daemon.wait_for("more points", more);
            drained.set(points());
        }
    }

    /// The longest time without a commit within so many seconds: none leaves the time of its WAL as it was,
    /// and to look at that asks nothing of the disk.
    fn longest_pause_ns(&mut self, seconds: i64) -> i64 {
        let wal = self.disk.queue().join("journal.sqlite-wal");
        let began_ns = SystemClock.mono_ns();
        let (longest_ns, seen) = (Cell::new(0), Cell::new((None, began_ns)));
        self.daemon.wait_for("the time to pass", |_| {
            let (changed, since_ns) = seen.get();
            let now_ns = SystemClock.mono_ns();
            longest_ns.set(longest_ns.get().max(now_ns - since_ns));
            let time = fs::metadata(&wal).unwrap().modified().ok();
            if time != changed {
                seen.set((time, now_ns));
            }
            now_ns - began_ns >= seconds * NS_PER_S
        });
        longest_ns.get()
    }

    /// Everything is well again: every pulse that was made is in the journal, once, stamped when it was
    /// made, but for those in the ledger for `memory_full`; the server has them all. Returns how many.
    fn end(mut self) -> usize {
        self.wait_for_more(20);
        let made = self.toggling.stop();
        let all: usize = made.iter().map(Vec::len).sum();
        let here = |daemon: &Daemon| {
            let kept: usize = pulses(daemon).values().map(Vec::len).sum();
            kept + usize::try_from(lost(daemon)).unwrap()
        };
        self.daemon
            .wait_for("all pulses in the journal", |daemon| here(daemon) >= all);
        let server = &self.server;
        self.daemon.wait_for("all pulses at the server", |daemon| {
            let kept: usize = pulses(daemon).values().map(Vec::len).sum();
            server.store().count(BUCKET) >= kept
        });
        self.daemon.stop();
        let (kept, offset_ns) = (pulses(&self.daemon), SystemClock.offset_ns());
        let mut guessed = 0;
        for ((meter, _), made) in METERS.iter().zip(&made) {
            let kept = &kept[*meter];
            let fell = lost_of(&self.daemon, meter);
            let (kept_or_fell, log) = (kept.len() as u64 + fell, self.daemon.log());
            assert_eq!(
                kept_or_fell,
                made.len() as u64,
                "{meter}: kept and made\n{log}"
            );
            // Those that fell are missing; all others are there in order. A guest that stood still for seconds puts
            // back by number what its kernel could not keep.
            let mut next = made.iter();
            for (stamp, estimated) in kept {
                guessed += usize::from(*estimated);
                let found = next.any(|done| *estimated || done.is_at(*stamp - offset_ns));
                assert!(found, "{meter}: {stamp} was not made, or came twice\n{log}");
            }
            let there = remote::stamps(&self.server, BUCKET, meter);
            let here: BTreeSet<i64> = kept.iter().map(|(stamp, _)| *stamp).collect();
            assert_eq!(there, here, "{meter}: server and journal");
        }
        eprintln!(
            "{all} pulses made, {guessed} put back by number; {}",
            self.notify.status()
        );
        all
    }
}

/// The stamps in the journal, in its order, by meter, and whether each is a guess.
fn pulses(daemon: &Daemon) -> BTreeMap<String, Vec<(i64, bool)>> {
    let mut pulses: BTreeMap<String, Vec<(i64, bool)>> = BTreeMap::new();
    let page = Reader::open(daemon.dir()).and_then(|mut reader| {
        let names = reader.meter_names()?;
        Ok((names, reader.page(IdRange::ALL, usize::MAX)?))
    });
    let Ok((names, page)) = page else {
        return pulses;
    };
    for entry in page.entries {
        let name = names[&entry.meter].clone();
        let pulse = (entry.wall_ns.0, entry.estimated);
        pulses.entry(name).or_default().push(pulse);
    }
    pulses
}

fn lost_of(daemon: &Daemon, meter: &str) -> u64 {
    let ledger = Reader::open(daemon.dir()).and_then(|reader| reader.ledger());
    let ledger = ledger.unwrap_or_default();
    let fell = ledger
        .iter()
        .filter(|(name, cause, _)| name == meter && *cause == LossCause::MemoryFull);
    fell.map(|(_, _, loss)| loss.pulses).sum()
}

fn lost(daemon: &Daemon) -> u64 {
    METERS.iter().map(|(name, _)| lost_of(daemon, name)).sum()
}

/// The newest stamp at the server.
fn newest_there(server: &FakeInflux) -> i64 {
    let newest = METERS
        .iter()
        .filter_map(|(name, _)| remote::stamps(server, BUCKET, name).last().copied());
    newest.max().unwrap_or(0)
}

#[test]
fn a_full_disk_costs_no_pulse() {
    let Some((ground, disk)) = place(test_path!("a_full_disk_costs_no_pulse")) else {
        return;
    };
    let mut scene = Scene::begin(ground, disk, CONFIG, [5, 7]);
    scene.wait_for_log("room on the disk is reserved");
    scene.wait_for_backlog();
    scene.disk.fill();
    scene.wait_for_log("the reserved room is used");
    assert!(!scene.disk.queue().join("reserve").exists());
    // That room goes, too.
    scene.disk.fill();
    scene.wait_for_log("the journal does not take commits");
    scene.wait_for_status("the full disk", |status| status.contains("disk_full"));
    scene.wait_for_more(100);
    scene.let_the_backlog_drain();
    let told = scene.daemon.ask(&["status"]);
    assert!(told.contains("running"), "{told}");
    let log = scene.daemon.log();
    assert!(log.contains("df -h"), "the remedy\n{log}");
    scene.disk.free();
    scene.wait_for_log("the journal takes commits again");
    scene.wait_for_status("all well", |status| !status.contains("disk_full"));
    scene.end();
}

#[test]
fn a_start_on_a_full_disk_counts_in_memory() {
    let Some((ground, disk)) = place(test_path!("a_start_on_a_full_disk_counts_in_memory")) else {
        return;
    };
    fs::create_dir(disk.queue()).unwrap();
    disk.fill();
    let mut scene = Scene::begin(ground, disk, CONFIG, [10, 13]);
    scene.wait_for_log("the journal cannot be opened");
    assert!(scene.daemon.log().contains("df -h"), "the remedy");
    scene.wait_for_status("counting in memory", |status| {
        status.contains("in memory alone") && status.contains("disk_full")
    });
    scene.wait_until_ready();
    scene.wait_for_more(50);
    scene.disk.free();
    scene.wait_for_log("the journal can be opened again");
    scene.let_the_backlog_drain();
    scene.end();
}

#[test]
fn what_memory_cannot_hold_is_counted() {
    let Some((ground, disk)) = place(test_path!("what_memory_cannot_hold_is_counted")) else {
        return;
    };
    fs::create_dir(disk.queue()).unwrap();
    disk.fill();
    let config = CONFIG.replace("[journal]", "[journal]\nwaiting_pulses_max = 1000");
    let mut scene = Scene::begin(ground, disk, &config, [1, 1]);
    scene.wait_for_log("the journal cannot be opened");
    scene.wait_for_status("a full memory", |status| {
        status.contains(": 1000 pulses wait;")
    });
    // What comes when no more fit: more than the kernel keeps of a line that is not read.
    scene.wait_for_more_of_each(600);
    scene.disk.free();
    scene.wait_for_log("journal open");
    scene.let_the_backlog_drain();
    scene.daemon.wait_for("losses", |daemon| lost(daemon) > 0);
    for (meter, _) in METERS {
        assert!(lost_of(&scene.daemon, meter) > 0, "{meter}");
    }
    let told = scene.daemon.ask(&["losses"]);
    assert!(told.contains("memory_full"), "{told}");
    scene.end();
}

#[test]
fn a_disk_that_turns_read_only_costs_no_pulse() {
    let Some((ground, disk)) = place(test_path!("a_disk_that_turns_read_only_costs_no_pulse"))
    else {
        return;
    };
    let mut scene = Scene::begin(ground, disk, CONFIG, [10, 13]);
    scene.wait_for_backlog();
    scene.disk.make_read_only();
    scene.wait_for_log("remount,rw");
    scene.wait_for_status("the read-only disk", |status| status.contains("read_only"));
    scene.let_it_drain_until_closed();
    scene.wait_for_log("the journal is closed");
    scene.wait_for_log("the journal cannot be opened");
    scene.wait_for_status("counting in memory", |status| {
        status.contains("in memory alone") && status.contains("read_only")
    });
    scene.disk.make_writable();
    scene.wait_for_log("the journal can be opened again");
    scene.wait_for_status("all well", |status| !status.contains("read_only"));
    scene.end();
}

#[test]
fn a_start_on_a_read_only_disk_counts_in_memory() {
    let Some((ground, disk)) = place(test_path!("a_start_on_a_read_only_disk_counts_in_memory"))
    else {
        return;
    };
    fs::create_dir(disk.queue()).unwrap();
    disk.unmount();
    disk.mount("ro");
    let mut scene = Scene::begin(ground, disk, CONFIG, [10, 13]);
    scene.wait_for_log("the journal cannot be opened");
    assert!(scene.daemon.log().contains("remount,rw"), "the remedy");
    scene.wait_for_status("counting in memory", |status| {
        status.contains("in memory alone") && status.contains("read_only")
    });
    scene.wait_until_ready();
    scene.wait_for_more(50);
    scene.disk.make_writable();
    scene.wait_for_log("the journal can be opened again");
    scene.let_the_backlog_drain();
    scene.end();
}

#[test]
fn a_disk_that_fails_is_let_go_and_costs_no_pulse() {
    let Some((ground, disk)) = place(test_path!("a_disk_that_fails_is_let_go_and_costs_no_pulse"))
    else {
        return;
    };
    let mut scene = Scene::begin(ground, disk, CONFIG, [10, 13]);
    scene.wait_for_backlog();
    scene.disk.fail();
    let failed_ns = SystemClock.wall_ns();
    scene.wait_for_log("nothing new is durable");
    scene.let_it_drain_until_closed();
    scene.wait_for_log("the journal cannot be opened");
    let newest = newest_there(&scene.server);
    assert!(
        newest < failed_ns.0,
        "nothing is sent that the disk has not kept"
    );
    assert!(scene.daemon.log().contains("fsck"), "the remedy");
    scene.wait_for_status("counting in memory", |status| {
        status.contains("in memory alone")
    });
    // An ext4 that has given up its journal stays so until it is mounted anew.
    scene.disk.heal();
    scene.disk.unmount();
    scene.wait_for_log("is its disk mounted?");
    scene.disk.check();
    scene.disk.mount("errors=continue");
    scene.wait_for_log("the journal can be opened again");
    scene.end();
}

#[test]
fn writes_that_fail_for_a_while_cost_no_pulse() {
    let Some((ground, disk)) = place(test_path!("writes_that_fail_for_a_while_cost_no_pulse"))
    else {
        return;
    };
    // The file system's own journal is not written meanwhile: it would give up at once.
    disk.unmount();
    disk.mount("errors=continue,commit=300");
    let mut scene = Scene::begin(ground, disk, CONFIG, [20, 30]);
    scene.wait_for_backlog();
    scene.disk.fail_writes();
    let failed_ns = SystemClock.wall_ns();
    scene.wait_for_log("nothing new is durable");
    // Pages of files that were never written out before are lost with the write that fails: then the journal cannot
    // be read until the disk takes it again.
    let cannot_be = ["the journal cannot be read", "the journal cannot be opened"];
    scene.let_it_drain_or(|daemon| {
        let log = daemon.log();
        cannot_be.iter().any(|words| log.contains(words))
    });
    scene.wait_for_more(10);
    let newest = newest_there(&scene.server);
    assert!(
        newest < failed_ns.0,
        "nothing is sent that the disk has not kept"
    );
    scene.disk.heal();
    // Where it could not be read it is opened again. Should the file system have wanted to write its own all the
    // same, it has given up.
    let aborted = "the journal cannot be opened";
    let ended = [
        "the disk takes the journal again",
        "the journal was opened again",
        aborted,
    ];
    scene.daemon.wait_for("the disk", |daemon| {
        let log = daemon.log();
        ended.iter().any(|words| log.contains(words))
    });
    if scene.daemon.log().contains(aborted) {
        let (disk, mended) = (&scene.disk, Cell::new(false));
        scene.daemon.wait_for("an open journal", |daemon| {
            // It may be opened again before the administrator comes.
            let is_open = daemon.log().contains("the journal can be opened again");
            if !is_open && !mended.get() && disk.try_unmount() {
                disk.check();
                disk.mount("errors=continue");
                mended.set(true);
            }
            is_open
        });
    }
    scene.end();
}

#[test]
fn stalls_of_ten_seconds_cost_no_pulse_and_no_sign_of_life() {
    let Some((ground, disk)) = place(test_path!(
        "stalls_of_ten_seconds_cost_no_pulse_and_no_sign_of_life"
    )) else {
        return;
    };
    let mut scene = Scene::begin(ground, disk, CONFIG, [10, 13]);
    scene.wait_for_backlog();
    let began_ns = SystemClock.mono_ns();
    // A card that takes 10 s for each write and each flush. Commits go on for some seconds, then they wait as
    // well (for the file system's own journal, it seems, which ext4 writes every 5 s); capture never does.
    scene.disk.slow_down(SLOW_MS);
    let slow_ns = SystemClock.wall_ns();
    scene.let_the_backlog_drain();
    let slow_pause_ns = scene.longest_pause_ns(8);
    let newest = newest_there(&scene.server);
    // What came since can have been kept only when the disk had the time for it.
    let could_be_kept_ns = SystemClock.wall_ns() - i64::from(SLOW_MS) * NS_PER_MS;
    assert!(
        newest < slow_ns.max(could_be_kept_ns).0,
        "nothing is sent that the disk has not kept"
    );
    let slow_pause_ns = slow_pause_ns.max(scene.longest_pause_ns(4));
    scene.wait_for_a_sign_of_life();
    scene.disk.heal();
    // A card that answers nothing at all for 10 s.
    scene.disk.stall();
    let pause_ns = scene.longest_pause_ns(10);
    scene.wait_for_a_sign_of_life();
    scene.disk.go_on();
    let pauses_ms = [slow_pause_ns, pause_ns].map(|ns| ns / 1_000_000);
    eprintln!("longest pauses between commits (ms): {pauses_ms:?}");
    let silence_ns = scene.notify.longest_silence_ns(began_ns);
    eprintln!(
        "longest silence {} ms, of {} ms that systemd waits",
        silence_ns / NS_PER_MS,
        WATCHDOG.as_millis()
    );
    scene.end();
}

#[test]
fn a_start_on_a_disk_that_does_not_answer_counts_in_memory() {
    let Some((ground, disk)) = place(test_path!(
        "a_start_on_a_disk_that_does_not_answer_counts_in_memory"
    )) else {
        return;
    };
    let mut scene = Scene::begin(ground, disk, CONFIG, [20, 30]);
    scene.wait_for_backlog();
    // What was made so far has an end of its own: the next run requests its lines anew.
    let made = std::mem::replace(&mut scene.toggling, Toggling::none());
    let made: usize = made.stop().iter().map(Vec::len).sum();
    scene.daemon.wait_for_pulses(i64::try_from(made).unwrap());
    scene.daemon.stop();
    scene.disk.unmount();
    scene.disk.mount("errors=continue");
    fs::write("/proc/sys/vm/drop_caches", "3").unwrap();
    scene.disk.stall();
    scene.daemon.start_again();
    scene.daemon.wait_for("lines", |daemon| {
        daemon.log().matches("counting on line").count() >= METERS.len()
    });
    let notify = &scene.notify;
    scene.daemon.wait_for("the stall told", |_| {
        notify.status().contains("the disk does not answer")
    });
    let mut hands: Vec<Hand> = METERS
        .iter()
        .map(|(_, line)| Hand::on(&scene._chip, *line))
        .collect();
    for hand in &mut hands {
        hand.toggles(40, Duration::from_millis(10));
    }
    scene.disk.go_on();
    scene
        .daemon
        .wait_for_pulses(i64::try_from(made + 40).unwrap());
    scene.daemon.stop();
    let kept: usize = pulses(&scene.daemon).values().map(Vec::len).sum();
    assert_eq!(kept, made + 40, "{}", scene.daemon.log());
}
