//! The world of a run: wires, kernel buffers, the stages, a server; and the judgement at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use jiff::tz::TimeZone;
use powerlogger::capture::{Capture, Signal};
use powerlogger::clock::segment::{EARLIEST_WALL_NS, Rules, Trust};
use powerlogger::clock::{Clock, VirtualClock};
use powerlogger::config::{
    DeliverSettings, Downsampling, FilterSettings, JournalSettings, LineName, LineSettings,
    LoadOptions, MeterSettings, load,
};
use powerlogger::deliver::{DeliverStep, Deliverer};
use powerlogger::energy::periods::Calendar;
use powerlogger::intake::{Intake, PULSES_MAX};
use powerlogger::journal::IdRanges;
use powerlogger::journal::Journal;
use powerlogger::journal::Marks;
use powerlogger::journal::Writer;
use powerlogger::journal::{Durable, Flush};
use powerlogger::journal::{JournalError, MeterCount, Reader, StoredPulse};
use powerlogger::live::{Board, ServerPart};
use powerlogger::model::{
    Bias, CountedEdge, DestinationRow, EdgeKind, IdRange, Level, LossCause, MeterRow, NS_PER_MS,
    NS_PER_S, PulseId, QUARTER_S, WallNs,
};

use powerlogger::model::{TASK_OFFSET_S, Tier, View};
use powerlogger::reconcile::{ReconcileStep, Reconciler, Writers};
use powerlogger::server::{Dependencies, Extras, TariffsInUse};

use crate::model::{Op, Run};
use crate::support::fake_influx::lines::Value;
use crate::support::fake_influx::{MemoryServer, MemorySink, Store};
use crate::views::{self, Windows};
use crate::wires::{WireSource, Wires};

pub(crate) const METERS: [&str; 2] = ["Import", "Export"];
/// Before so much time has passed no pulse is older than the raw retention.
const LEAVE_NS: i64 = 29 * 86_400 * NS_PER_S;
const GOOD_WALL_NS: WallNs = WallNs::of_s(EARLIEST_WALL_NS.s() + 200 * 86_400);

/// After so long a plausible time is assumed to be right, as without configuration.
const MAX_WAIT_NS: i64 = 600 * NS_PER_S;

/// What the monotonic clock shows when the program starts after a power cut.
const BOOTING_NS: i64 = NS_PER_S;

const DAY_NS: i64 = 86_400 * NS_PER_S;

/// What is younger than this is in the sweep of each day, with hours by which the clock may have been set: it
/// looks back two days.
const OF_A_DAYS_SWEEP_NS: i64 = 2 * DAY_NS - DAY_NS / 2;

type Checked = Result<(), String>;

/// Stories that were judged, and those of which nothing was left out.
static JUDGED: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];

/// How many stories were judged, and how many in full.
pub(crate) fn judged() -> (u32, u32) {
    let [all, in_full] = &JUDGED;
    (all.load(Ordering::SeqCst), in_full.load(Ordering::SeqCst))
}

/// The program, while it runs.
struct House {
    capture: Capture,
    intake: Arc<Intake>,
    marks: Arc<Marks>,
    writer: Writer,
    durable: Durable,
    deliverer: Deliverer,
    reconciler: Reconciler,
}

/// What can leave the journal.
struct There {
    windows: BTreeSet<(View, i64, MeterRow)>,
    oldest: PulseId,
    delivered: IdRanges,
}

/// A card that does not answer: what was committed before is on its way to it.
struct Stalled {
    flush: Flush,
    files: tempfile::TempDir,
    durable: [i64; 2],
}

struct World {
    dir: tempfile::TempDir,
    lines_max: usize,
    extras: Extras,
    clock: VirtualClock,
    rtc: bool,
    /// True time minus the monotonic clock's.
    true_offset_ns: i64,
    /// True times of the pulses on each wire.
    true_ns: [BTreeSet<WallNs>; 2],
    /// Somebody has set the clock wrong, or nobody can know the time of a boot.
    time_is_wrong: bool,
    /// The server has lost points.
    points_were_lost: bool,
    /// By how much the wall clock is wrong by years, and since when on the monotonic clock.
    years: Option<(i64, i64)>,
    /// What leaves is looked at: the story has a clock that is wrong by years.
    has_years: bool,
    /// Looks at what leaves; opened once a process, because it looks at every step of the writer.
    watcher: Option<Reader>,
    /// Such a time was believed: its pulses are in windows that nobody can compare now.
    years_believed: bool,
    /// The wall clock was days behind once.
    was_behind: bool,
    /// The server's own clock, which is right but for hours.
    server_clock: VirtualClock,
    boot: u32,
    /// The journal's files as they were last durable, and how many pulses of each meter they had.
    on_disk: tempfile::TempDir,
    /// Copies cost time: only where they are needed.
    power_cuts: bool,
    durable: [i64; 2],
    /// A flush that hangs, and the files as they were when it began.
    stalled: Option<Stalled>,
    wires: Arc<Mutex<Wires>>,
    remote: MemorySink,
    server: MemoryServer,
    backup: Option<Store>,
    /// How often the server was spelt in another way.
    spellings: u32,
    /// The journal's row of the server as it is spelt now.
    destination: DestinationRow,
    /// Pulses that another logger has written: meter and stamp.
    others: BTreeSet<(usize, i64)>,
    house: Option<House>,
    disk_full: bool,
    /// Pulses that were in memory only when the process was killed.
    killed: [u64; 2],
    /// Pulses that have left the journal because the server has them: meter's row and stamp.
    left: BTreeSet<(MeterRow, WallNs)>,
    began_ns: i64,
    /// Pulses that are to come back by number.
    owed: u64,
    /// Meters on which contacts have bounced, and whether that was where edges are missing: the number
    /// of pulses is an upper bound then.
    bounced: [bool; 2],
    inexact: [bool; 2],
    poisoned: bool,
}

pub(crate) fn play(run: &Run) -> Checked {
    let mut world = World::new(run);
    for op in &run.ops {
        world.apply(op)?;
    }
    world.heal()?;
    world.judge()
}

impl World {
    fn new(run: &Run) -> World {
        let (dir, on_disk) = (new_dir(), new_dir());
        let clock = VirtualClock::at(if run.rtc { GOOD_WALL_NS } else { WallNs(0) });
        let wires = Arc::new(Mutex::new(Wires::default()));
        let server_clock = VirtualClock::at(clock.wall_ns());
        let remote = remote(&server_clock);
        let server = server(&remote);
        let began_ns = clock.mono_ns();
        let mut world = World {
            dir,
            lines_max: run.lines_max,
            extras: extras(run.ops.len() % 2 == 0),
            rtc: run.rtc,
            true_offset_ns: GOOD_WALL_NS.ahead_of(clock.mono_ns()),
            true_ns: Default::default(),
            time_is_wrong: false,
            points_were_lost: false,
            years: None,
            has_years: run.ops.iter().any(|op| matches!(op, Op::WrongYears { .. })),
            years_believed: false,
            was_behind: false,
            watcher: None,
            server_clock,
            boot: 0,
            on_disk,
            power_cuts: run.ops.iter().any(|op| matches!(op, Op::PowerCut { .. })),
            durable: [0; 2],
            stalled: None,
            clock,
            wires,
            remote,
            server,
            backup: None,
            spellings: 0,
            destination: DestinationRow::default(),
            others: BTreeSet::new(),
            house: None,
            disk_full: false,
            killed: [0; 2],
            left: BTreeSet::new(),
            began_ns,
            owed: 0,
            bounced: [false; 2],
            inexact: [false; 2],
            poisoned: false,
        };
        world.start(false);
        world
    }

    /// Starts the program. `adopting`: the line requests of the last one live on.
    fn start(&mut self, adopting: bool) {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let reader = Reader::open(self.dir.path()).ok();
        let lines = reader
            .as_ref()
            .map_or(Vec::new(), |reader| reader.lines().unwrap());
        let remembered = METERS.map(|name| {
            let request_id = self.wires.lock().unwrap().request_id;
            let ours = lines
                .iter()
                .find(|(of, id, _)| of == name && *id == request_id);
            ours.map(|(.., state)| state.clone())
        });
        let adopting = adopting && remembered.iter().all(Option::is_some);
        if adopting {
            for meter in 0..METERS.len() {
                self.wires
                    .lock()
                    .unwrap()
                    .adopt(meter, self.clock.mono_ns());
            }
        } else {
            self.wires.lock().unwrap().request(self.clock.mono_ns());
        }
        let boot = format!("boot {}", self.boot);
        let confirmed_ns = reader
            .as_ref()
            .and_then(|reader| reader.confirmed_ns().unwrap());
        let rules = Rules {
            earliest_wall_ns: EARLIEST_WALL_NS,
            rtc_from_ns: self.rtc.then(|| confirmed_ns.unwrap_or(EARLIEST_WALL_NS)),
            max_wait_ns: MAX_WAIT_NS,
            assume: false,
        };
        let known = reader.and_then(|reader| reader.clock_of_boot(&boot).unwrap());
        let board = Arc::<Board>::default();
        let intake = Arc::new(Intake::new(PULSES_MAX, Arc::clone(&board)));
        let source = Box::new(WireSource(Arc::clone(&self.wires)));
        let mut capture = Capture::new(
            source,
            Arc::clone(&clock),
            Arc::clone(&intake),
            &meters(),
            (rules, known),
        );
        if adopting {
            capture.remember(remembered);
        }
        let names: Vec<String> = METERS.iter().map(|name| (*name).to_owned()).collect();
        let dir = self.dir.path();
        let journal = Journal::open(dir, &names, &boot, self.clock.wall_ns()).unwrap();
        let row = journal
            .destination(&format!("influx {}", self.spellings))
            .unwrap();
        self.destination = row;
        let marks = Arc::new(Marks::at(journal.newest()).on(Arc::clone(&board)));
        let delivered = Reader::open(dir).unwrap().delivered(row).unwrap();
        let durable = Durable::open(dir, Arc::clone(&marks), Arc::clone(&clock), 1_000).unwrap();
        let settings = JournalSettings {
            dir: dir.to_owned(),
            sync_interval_ms: 1_000,
            max_bytes: 1 << 30,
            raw_retention_d: 30,
        };
        let mut writer = Writer::new(
            journal,
            Arc::clone(&intake),
            Arc::clone(&marks),
            Arc::clone(&clock),
            settings,
            Some((row, delivered)),
        )
        .unwrap();
        writer.count_days_in(&zone()).unwrap();
        let name = format!("influx {}", self.spellings);
        let bounds = board.snapshot().journal.bounds;
        let mut reader = Reader::open(dir).unwrap();
        let (delivery, views) = reader.delivery_live(&name, bounds).unwrap().unwrap();
        let shown_on = ServerPart::begin(&board, delivery, views);
        let dependencies = || Dependencies {
            reader: Reader::open(dir).unwrap(),
            outbox: writer.outbox(),
            shown_on: shown_on.clone(),
            clock: Arc::clone(&clock),
            settings: self.deliver_settings(),
            retention_d: 30,
            measurement: MEASUREMENT.to_owned(),
            extras: self.extras.clone(),
            destination: row,
        };
        let sink = Box::new(self.remote.clone());
        let deliverer = Deliverer::begin(dependencies(), sink).unwrap();
        let server = Box::new(self.server.clone());
        let writers = Writers {
            downsampling: Downsampling::Tasks,
            raw: true,
        };
        let reconciler = Reconciler::begin(dependencies(), server, writers).unwrap();
        self.house = Some(House {
            reconciler,
            capture,
            intake,
            marks,
            writer,
            durable,
            deliverer,
        });
        self.watcher = self
            .has_years
            .then(|| Reader::open(self.dir.path()).unwrap());
        self.set_disk();
        // A journal is made durable when it is opened.
        self.note_durable();
    }

    /// The card hangs in the middle of a flush, unless it does already.
    fn stall(&mut self) {
        if self.stalled.is_some() {
            return;
        }
        let Some(flush) = self.house().durable.begin() else {
            return;
        };
        let files = new_dir();
        if self.power_cuts {
            copy(self.dir.path(), files.path());
        }
        let durable = self.kept();
        self.stalled = Some(Stalled {
            flush,
            files,
            durable,
        });
    }

    /// The card answers again: what was committed before it hung is durable, and no more than that is
    /// said to be. False: it did not hang.
    fn end_stall(&mut self) -> bool {
        let Some(stalled) = self.stalled.take() else {
            return false;
        };
        if self.house().durable.complete(stalled.flush).is_ok() && self.power_cuts {
            copy(stalled.files.path(), self.on_disk.path());
            self.durable = stalled.durable;
        }
        true
    }

    /// A step of the writer. Notes which pulses leave the journal because the server has them.
    fn write(&mut self) -> Checked {
        // Nothing leaves while there is room, before the retention is over; stamps of a wrong year that was believed may be as old as that.
        let is_old = self.years_believed && self.was_behind
            || self.clock.mono_ns() - self.began_ns > LEAVE_NS;
        let full = self.disk_full || is_old;
        let before = if full { self.entries()? } else { Vec::new() };
        let there = if self.has_years {
            Some(self.there()?)
        } else {
            None
        };
        self.house().writer.step();
        if let Some(there) = there {
            self.judge_what_left(&there)?;
        }
        if full {
            let after: BTreeSet<PulseId> = self.entries()?.iter().map(|entry| entry.id).collect();
            let gone = before
                .into_iter()
                .filter(|entry| !after.contains(&entry.id));
            self.left.extend(gone.map(|e| (e.meter, e.wall_ns)));
        }
        Ok(())
    }

    /// All windows and all pulses.
    fn there(&self) -> Result<There, String> {
        let reader = self
            .watcher
            .as_ref()
            .expect("it looks while the program runs");
        let mut windows = BTreeSet::new();
        for view in View::ALL {
            let of_view = reader.windows(view, 0, i64::MAX);
            let of_view = of_view.map_err(|error| error.to_string())?;
            windows.extend(of_view.into_iter().map(|w| (view, w.start_s, w.meter)));
        }
        let (ids, row) = (reader.bounds(), reader.delivered(self.destination));
        Ok(There {
            windows,
            oldest: ids
                .map_err(|error| error.to_string())?
                .map_or(PulseId::default(), |ids| ids.first),
            delivered: row.map_err(|error| error.to_string())?,
        })
    }

    /// Nothing leaves that is younger than its retention in true time, but what makes room on a full disk.
    fn judge_what_left(&self, before: &There) -> Checked {
        let after = self.there()?;
        let true_s = (self.clock.mono_ns() + self.true_offset_ns) / NS_PER_S;
        // Stamps of a wrong year that was believed are as old as they say.
        let judged_s = GOOD_WALL_NS.s() - 2 * 86_400..true_s;
        for window in before.windows.difference(&after.windows) {
            let (view, start_s, _) = window;
            let kept_s = view
                .retention_d()
                .map_or(i64::MAX, |d| i64::from(d) * 86_400);
            // Over a reboot two days are believed.
            if judged_s.contains(start_s) && true_s - start_s < kept_s - 2 * 86_400 {
                return Err(format!("{window:?} has left at {true_s}"));
            }
        }
        let gone = after.oldest - before.oldest;
        let undelivered = before
            .delivered
            .missing(IdRange::new(before.oldest, after.oldest.previous()));
        if gone > 0 && before.oldest >= PulseId::FIRST && undelivered > 0 {
            return Err(format!(
                "{undelivered} of {gone} pulses have left undelivered"
            ));
        }
        Ok(())
    }

    /// The journal's pulses whose time is known.
    fn entries(&self) -> Result<Vec<StoredPulse>, String> {
        let page = Reader::open(self.dir.path())
            .and_then(|mut reader| reader.page(IdRange::ALL, usize::MAX));
        Ok(page.map_err(|error| error.to_string())?.entries)
    }

    /// What is on the disk now survives a power cut.
    fn note_durable(&mut self) {
        if !self.power_cuts {
            return;
        }
        copy(self.dir.path(), self.on_disk.path());
        self.durable = self.kept();
    }

    /// Pulses of each meter in the journal, ever.
    fn kept(&self) -> [i64; 2] {
        let totals = Reader::open(self.dir.path()).and_then(|reader| reader.totals());
        let totals = totals.unwrap();
        METERS.map(|name| {
            totals
                .iter()
                .find(|t| t.name == name)
                .map_or(0, |t| t.pulses)
        })
    }

    fn deliver_settings(&self) -> DeliverSettings {
        DeliverSettings {
            batch_lines_max: self.lines_max,
            flush_ms: 500,
            retries_max: 8,
            replay_interval_ms: 10_000,
        }
    }

    fn house(&mut self) -> &mut House {
        self.house
            .as_mut()
            .expect("it runs but within crash and restart")
    }

    fn set_disk(&mut self) {
        let bytes = if self.disk_full { 1 } else { 1 << 30 };
        self.house().writer.journal().limit(bytes).unwrap();
    }

    fn apply(&mut self, op: &Op) -> Checked {
        match op {
            Op::Advance(ms) => self.clock.advance(i64::from(*ms) * NS_PER_MS),
            Op::AdvanceMinutes(minutes) => {
                self.clock.advance(i64::from(*minutes) * 60 * NS_PER_S);
            }
            Op::Reconcile => {
                self.reconcile()?;
            }
            Op::TaskTick => self.tick(),
            Op::LoseBucket(level) => {
                self.points_were_lost = true;
                self.remote.store().empty_bucket(bucket(*level));
            }
            Op::NewBuckets => {
                self.points_were_lost = true;
                for level in Tier::ALL {
                    self.remote.store().empty_bucket(bucket(level));
                }
            }
            Op::Respell => {
                self.spellings += 1;
                self.restart()?;
            }
            Op::Another { meter, count } => self.another(*meter, *count),
            Op::Backup => self.backup = Some(self.remote.store().clone()),
            Op::Restore => {
                if let Some(backup) = self.backup.clone() {
                    self.points_were_lost = true;
                    *self.remote.store() = backup;
                }
            }
            Op::JumpWall(s) => {
                self.time_is_wrong = true;
                self.clock.jump_wall(i64::from(*s) * NS_PER_S);
                self.clock_was_set();
            }
            Op::WrongYears { days, says } => self.wrong_years(*days, *says)?,
            Op::Ntp => self.ntp(),
            Op::NtpGone => self.clock.synchronise(false),
            Op::Suspend(minutes) => {
                let ns = i64::from(*minutes) * 60 * NS_PER_S;
                self.clock.suspend(ns);
                self.true_offset_ns += ns;
                self.clock_was_set();
            }
            Op::FdStoreRestart => self.fd_store_restart()?,
            Op::PowerCut { minutes, in_1970 } => self.power_cut(*minutes, *in_1970)?,
            Op::Pulses { meter, count } => {
                for _ in 0..*count {
                    self.pulse(*meter, &[0, 50]);
                }
            }
            Op::Bounce { meter } => {
                self.bounced[*meter] = true;
                self.pulse(*meter, &[0, 1, 2, 50, 51, 52]);
            }
            Op::Capture => {
                self.house().capture.step();
            }
            Op::Commit => {
                let settled = self.house().marks.now().segments_settled;
                self.write()?;
                if self.house().marks.now().segments_settled > settled {
                    // Such a commit waits for the disk.
                    self.end_stall();
                    self.note_durable();
                }
            }
            Op::Sync => {
                if !self.end_stall() && self.house().durable.step().is_ok() {
                    self.note_durable();
                }
            }
            Op::DiskStall => self.stall(),
            Op::Deliver => {
                self.deliver()?;
            }
            Op::Server(fault) => {
                self.poisoned |= fault
                    .as_ref()
                    .is_some_and(|f| format!("{f:?}").contains("Poison"));
                self.remote.set_fault(fault.clone());
            }
            Op::DiskFull(full) => {
                self.disk_full = *full;
                self.set_disk();
            }
            Op::Crash => self.crash()?,
            Op::Restart => self.restart()?,
        }
        Ok(())
    }

    /// Another logger's pulses of the last moments, in raw. Its stamps are none of ours.
    fn another(&mut self, meter: usize, count: u8) {
        // Its clock is right, whatever ours says.
        let now_ns = self.clock.mono_ns() + self.true_offset_ns;
        let now_ns = now_ns - now_ns.rem_euclid(1_024);
        for n in 0..i64::from(count) {
            let stamp = now_ns - n * 1_024_000 + 1;
            let line = format!("PowerPulse,PulseType={} Pulse=1i {stamp}", METERS[meter]);
            self.remote.store().insert(BUCKET, line.as_bytes(), now_ns);
            self.others.insert((meter, stamp));
        }
    }

    /// The other logger's pulses in windows, and all that raw holds.
    fn others(&mut self, view: View) -> (Windows, Windows) {
        let (mut theirs, mut raw) = (Windows::new(), Windows::new());
        for (meter, stamp) in &self.others {
            let window = (METERS[*meter].to_owned(), view.start_of(WallNs(*stamp)));
            if self.is_comparable(window.1) {
                *theirs.entry(window).or_default() += 1;
            }
        }
        for (meter, stamp, pulses) in self.server.points(Tier::Raw).unwrap() {
            *raw.entry((meter, view.start_of(WallNs(stamp))))
                .or_default() += pulses;
        }
        (theirs, raw)
    }

    /// One pulse, drawn as the instants of its edges in ms, falling first; then a pause.
    fn pulse(&mut self, meter: usize, edges_ms: &[i64]) {
        let begin = self.clock.mono_ns();
        let mut wires = self.wires.lock().unwrap();
        for (n, ms) in edges_ms.iter().enumerate() {
            let kind = if n % 2 == 0 {
                EdgeKind::Falling
            } else {
                EdgeKind::Rising
            };
            wires.edge(meter, kind, begin + ms * NS_PER_MS);
        }
        wires.pulses[meter] += 1;
        drop(wires);
        let wall_ns = WallNs::of_mono(begin + 50 * NS_PER_MS, self.true_offset_ns);
        self.true_ns[meter].insert(wall_ns);
        self.clock.advance(120 * NS_PER_MS);
    }

    /// The clock jumps by years, and whoever has an eye on it may say that it is right.
    fn wrong_years(&mut self, days: i32, says: bool) -> Checked {
        self.note_years();
        let boot = format!("boot {}", self.boot);
        let known = Reader::open(self.dir.path())
            .and_then(|reader| reader.clock_of_boot(&boot))
            .map_err(|error| error.to_string())?;
        let known = known
            .and_then(|known| known.stood)
            .and_then(|stood| stood.known);
        let by_ns = self.years.map_or(0, |(by_ns, _)| by_ns) + i64::from(days) * DAY_NS;
        // Nothing contradicts the first time of a boot, nor one that is near; an assumed one gives way.
        let believed =
            known.is_none_or(|known| known.trust <= Trust::Assumed) || by_ns.abs() < 3 * DAY_NS;
        self.time_is_wrong |= believed;
        self.years_believed |= believed;
        self.was_behind |= by_ns < 0;
        self.years = Some((by_ns, self.clock.mono_ns()));
        self.clock.jump_wall(i64::from(days) * DAY_NS);
        if says {
            self.clock.synchronise(true);
        }
        self.clock_was_set();
        Ok(())
    }

    /// A wrong year that nobody touches for a day is believed.
    fn note_years(&mut self) {
        let day =
            |(_, since_ns): (i64, i64)| self.clock.mono_ns() - since_ns > 20 * 3_600 * NS_PER_S;
        if self.years.is_some_and(day) {
            self.time_is_wrong = true;
            self.years_believed = true;
        }
    }

    /// The server has a clock of its own.
    fn set_server_clock(&self) {
        let right_ns = self.clock.wall_ns() - self.years.map_or(0, |(by_ns, _)| by_ns);
        let off_ns = right_ns - self.server_clock.wall_ns();
        self.server_clock.jump_wall(off_ns);
    }

    fn deliver(&mut self) -> Result<DeliverStep, String> {
        self.set_server_clock();
        let house = self.house();
        let mark = house.marks.now();
        if mark.durable > mark.committed {
            return Err(format!("durable ahead of committed: {mark:?}"));
        }
        house
            .deliverer
            .step(mark)
            .map_err(|error| error.to_string())
    }

    fn reconcile(&mut self) -> Result<ReconcileStep, String> {
        self.set_server_clock();
        let house = self.house();
        let mark = house.marks.now();
        house
            .reconciler
            .step(mark)
            .map_err(|error| error.to_string())
    }

    /// The last tick of each task, if its time has come.
    fn tick(&mut self) {
        self.set_server_clock();
        let now_s = self.server_clock.wall_ns().s() - TASK_OFFSET_S;
        for view in View::ALL {
            self.server.tick(view, view.floor_s(now_s));
        }
    }

    /// Kills the process: what only memory held is gone, and it must not be more than that.
    fn crash(&mut self) -> Checked {
        self.stalled = None;
        let before = self.unaccounted()?;
        let house = self.house.take().expect("it runs");
        let pending = house.intake.take(true).unwrap_or_default();
        let in_memory = pending.pulses.len() as u64;
        drop(house);
        let wires = self.wires.lock().unwrap();
        let unread: u64 = (0..2).map(|meter| wires.counting_buffered(meter)).sum();
        drop(wires);
        let undecided = METERS.len() as u64;
        let total: u64 = before.iter().sum();
        // The kernel drops the oldest of a full buffer; what it dropped is unread, too.
        let dropped = self.dropped_unread();
        let owed = std::mem::take(&mut self.owed);
        if total > in_memory + unread + undecided + dropped + owed {
            return Err(format!(
                "{total} pulses were only in memory, at most {in_memory} + {unread} + {dropped} + {owed} \
                 expected"
            ));
        }
        for (meter, lost) in before.iter().enumerate() {
            self.killed[meter] += lost;
        }
        self.start(false);
        Ok(())
    }

    /// Kills the process; the next one goes on with the very next edge, and puts back what only memory
    /// held by its number.
    fn fd_store_restart(&mut self) -> Checked {
        self.stalled = None;
        let before = self.unaccounted()?;
        // When in the gap the clock moved is not known if the kill came before the commit that says so.
        let boot = format!("boot {}", self.boot);
        let known = Reader::open(self.dir.path()).and_then(|reader| reader.clock_of_boot(&boot));
        let stood = known
            .map_err(|e| e.to_string())?
            .and_then(|known| known.stood);
        self.time_is_wrong |= match stood {
            Some(stood) => (stood.offset_ns - self.clock.offset_ns()).abs() >= NS_PER_MS,
            None => self.clock.look().slept_ns > 0,
        };
        drop(self.house.take().expect("it runs"));
        let request_id = self.wires.lock().unwrap().request_id;
        self.start(true);
        if self.wires.lock().unwrap().request_id == request_id {
            self.owed = before.iter().sum();
            for meter in 0..METERS.len() {
                self.inexact[meter] |= self.bounced[meter];
            }
        } else {
            // The journal did not know the requests yet: what they held is gone.
            self.owed = 0;
            for (meter, lost) in before.iter().enumerate() {
                self.killed[meter] += lost;
            }
        }
        Ok(())
    }

    /// The power is cut: what was not durable is gone, and not more than that.
    fn power_cut(&mut self, minutes: u16, in_1970: bool) -> Checked {
        self.stalled = None;
        drop((self.house.take().expect("it runs"), self.watcher.take()));
        copy(self.on_disk.path(), self.dir.path());
        let shown_ns = self.clock.wall_ns();
        // The monotonic clock begins with the boot, not before the power was cut.
        let away_ns = i64::from(minutes) * 60 * NS_PER_S + BOOTING_NS;
        let true_ns = self.clock.mono_ns() + self.true_offset_ns + away_ns;
        let wall_ns = match (self.rtc, in_1970) {
            (true, _) => shown_ns + away_ns,
            (false, true) => WallNs(0),
            (false, false) => shown_ns,
        };
        self.note_years();
        if self.rtc && self.years.is_some() {
            // It comes back with the wrong year, and nothing in this boot contradicts that.
            self.time_is_wrong = true;
            self.years_believed = true;
        }
        if !self.rtc {
            self.years = self.years.filter(|_| !in_1970);
        }
        self.clock.boot(wall_ns);
        assert_eq!(self.clock.mono_ns(), BOOTING_NS);
        if let Some((_, since_ns)) = &mut self.years {
            *since_ns = self.clock.mono_ns();
        }
        self.true_offset_ns = true_ns - self.clock.mono_ns();
        self.boot += 1;
        // A boot that ends before its time is known leaves pulses whose time is a guess.
        self.time_is_wrong |= !self.rtc;
        self.owed = 0;
        self.bounced = [false; 2];
        let durable = self.durable;
        self.start(false);
        let kept = self.kept();
        if kept != durable {
            return Err(format!(
                "after a power cut {kept:?} are there, {durable:?} were durable"
            ));
        }
        let lost = self.unaccounted()?;
        for (meter, lost) in lost.iter().enumerate() {
            self.killed[meter] += lost;
        }
        Ok(())
    }

    fn ntp(&mut self) {
        self.note_years();
        self.years = None;
        let wrong_ns =
            self.clock.wall_ns() - WallNs::of_mono(self.clock.mono_ns(), self.true_offset_ns);
        self.clock.jump_wall(-wrong_ns);
        self.clock.synchronise(true);
        self.clock_was_set();
    }

    /// The kernel wakes capture, which looks at the clocks.
    fn clock_was_set(&mut self) {
        self.house().capture.step();
    }

    /// Pulses that the kernel has dropped and capture has not noticed yet.
    fn dropped_unread(&self) -> u64 {
        let wires = self.wires.lock().unwrap();
        (0..2)
            .map(|meter| {
                let first = wires.signals[meter].iter().find_map(|s| match s {
                    Signal::Edge(edge) => Some(edge.line_seqno),
                    _ => None,
                });
                first.map_or(0, |first| u64::from(first / 2))
            })
            .sum()
    }

    fn restart(&mut self) -> Checked {
        self.end_stall();
        let mut house = self.house.take().expect("it runs");
        house.capture.finish();
        let finished = house.writer.finish(&mut house.durable);
        let unaccounted = self.unaccounted()?;
        if finished.is_ok() {
            // What waits for the next edge to be put back by its number waits in vain.
            if unaccounted.iter().sum::<u64>() > self.owed {
                return Err(format!("an orderly end lost {unaccounted:?}"));
            }
        } else if !self.disk_full {
            return Err(format!("an orderly end failed: {finished:?}"));
        }
        for (meter, lost) in unaccounted.iter().enumerate() {
            self.killed[meter] += lost;
        }
        drop(house);
        self.owed = 0;
        self.start(false);
        Ok(())
    }

    /// Pulses of each wire that are neither in the journal nor known to be lost.
    fn unaccounted(&self) -> Result<[u64; 2], String> {
        let reader = Reader::open(self.dir.path()).map_err(|e| e.to_string())?;
        let totals = reader.totals().map_err(|e| e.to_string())?;
        let mut missing = [0; 2];
        for (meter, name) in METERS.iter().enumerate() {
            let kept = totals
                .iter()
                .find(|t| t.name == *name)
                .map_or(0, |t| t.pulses);
            let known = u64::try_from(kept).unwrap() + self.killed[meter];
            let wired = self.wires.lock().unwrap().pulses[meter];
            if self.inexact[meter] {
                continue;
            }
            missing[meter] = wired
                .checked_sub(known)
                .ok_or_else(|| format!("{name}: {wired} on the wire, {known} accounted for"))?;
        }
        Ok(missing)
    }

    /// Makes everything well again and lets it come to rest.
    fn heal(&mut self) -> Checked {
        self.remote.set_fault(None);
        self.end_stall();
        self.disk_full = false;
        self.set_disk();
        self.ntp();
        // The next edge tells how many were missed.
        for meter in 0..METERS.len() {
            self.pulse(meter, &[0, 50]);
        }
        self.clock.advance(NS_PER_S);
        for _ in 0..2 {
            self.house().capture.step();
            self.clock.advance(NS_PER_S);
        }
        self.write()?;
        self.clock.advance(NS_PER_S);
        self.house()
            .durable
            .step()
            .map_err(|error| error.to_string())?;
        self.come_to_rest()?;
        self.settle()?;
        if self.years_believed {
            // The right time was held for a day, because a wrong one had been believed.
            self.come_to_rest()?;
            self.settle()?;
        }
        let house = self.house();
        let finished = house.writer.finish(&mut house.durable);
        finished.map_err(|error| error.to_string())
    }

    /// Delivers all that can be delivered.
    fn come_to_rest(&mut self) -> Checked {
        for _ in 0..100_000 {
            match self.deliver()? {
                DeliverStep::Again => {}
                DeliverStep::Pause(pause) => {
                    self.clock.advance(i64::try_from(pause.as_nanos()).unwrap());
                }
                DeliverStep::Idle => return Ok(()),
            }
        }
        Err("delivery does not come to rest".to_owned())
    }

    /// Lets a day pass without tasks, so that all windows are the daemon's and a sweep is due; a week, where what was
    /// lost may all be older than what the sweep of a day looks at: the one of a week finds that.
    fn settle(&mut self) -> Checked {
        let told_ns = WallNs::of_mono(self.clock.mono_ns(), self.true_offset_ns) - GOOD_WALL_NS;
        let days = if self.points_were_lost && told_ns > OF_A_DAYS_SWEEP_NS {
            7
        } else {
            1
        };
        self.clock.advance(days * DAY_NS + 3_600 * NS_PER_S);
        let mut at_rest = 0;
        for _ in 0..10_000 {
            self.house().capture.step();
            self.write()?;
            self.house()
                .durable
                .step()
                .map_err(|error| error.to_string())?;
            self.write()?;
            match self.reconcile()? {
                ReconcileStep::Again => at_rest = 0,
                ReconcileStep::Pause(_) => at_rest += 1,
            }
            if at_rest > 5 {
                return Ok(());
            }
            self.clock.advance(20 * NS_PER_S);
        }
        Err("the reconciler does not come to rest".to_owned())
    }

    /// Whether what is stamped so is the same on both sides: where a wrong year was believed for a while, its
    /// pulses are beyond the server's retention, or in windows of a time that has not come.
    fn is_comparable(&self, wall_s: i64) -> bool {
        // Points are compared by their number: those of another logger in the same hour stand for what was lost.
        let hour_s = View::Hour.floor_s(wall_s);
        let mut others = self.others.iter();
        if self.points_were_lost && others.any(|(_, at)| View::Hour.start_of(WallNs(*at)) == hour_s)
        {
            return false;
        }
        let now_s = self.clock.wall_ns().s();
        let settled_s = View::Hour.settled_before_s(now_s);
        !self.years_believed || (now_s - 28 * 86_400..settled_s).contains(&wall_s)
    }

    /// Each view holds the journal's windows, and those are the journal's pulses.
    fn judge_views(&mut self, reader: &Reader, all: &BTreeSet<(MeterRow, WallNs)>) -> Checked {
        let names = reader.meter_names().map_err(|e| e.to_string())?;
        for view in View::ALL {
            let mut pulses: BTreeMap<(String, i64), i64> = BTreeMap::new();
            for (meter, wall_ns) in all {
                let window = (names[meter].clone(), view.start_of(*wall_ns));
                if self.is_comparable(window.1) {
                    *pulses.entry(window).or_default() += 1;
                }
            }
            let windows = reader
                .windows(view, 0, i64::MAX)
                .map_err(|e| e.to_string())?;
            let windows: BTreeMap<(String, i64), i64> = windows
                .into_iter()
                .filter(|w| self.is_comparable(w.start_s))
                .map(|w| ((names[&w.meter].clone(), w.start_s), w.pulses))
                .collect();
            if windows != pulses {
                return Err(format!("{view:?}: windows {windows:?}, pulses {pulses:?}"));
            }
            let there = self.server.points(Tier::View(view)).unwrap();
            let there: BTreeMap<(String, i64), i64> = there
                .into_iter()
                .filter(|(_, time_ns, pulses)| {
                    *pulses != 0 && self.is_comparable(time_ns / NS_PER_S)
                })
                .map(|(meter, time_ns, pulses)| ((meter, time_ns / NS_PER_S), pulses))
                .collect();
            let (theirs, raw) = self.others(view);
            views::judge(&windows, &there, &theirs, &raw)
                .map_err(|error| format!("{view:?}: {error}"))?;
        }
        self.judge_quarters(reader, all)
    }

    /// Quarters of an hour and local days are a recount of all pulses.
    fn judge_quarters(&self, reader: &Reader, all: &BTreeSet<(MeterRow, WallNs)>) -> Checked {
        let calendar = Calendar::new(zone());
        let recount = |start_s: &dyn Fn(i64) -> i64| {
            let mut sums: BTreeMap<(i64, MeterRow), i64> = BTreeMap::new();
            for (meter, wall_ns) in all {
                *sums.entry((start_s(wall_ns.s()), *meter)).or_default() += 1;
            }
            sums
        };
        let sums = |found: Vec<MeterCount>| -> BTreeMap<(i64, MeterRow), i64> {
            let found = found.into_iter();
            found
                .map(|at| ((at.start_s, at.meter), at.count.pulses))
                .collect()
        };
        let failed = |error: JournalError| error.to_string();
        let quarters = sums(reader.quarters(i64::MIN, i64::MAX).map_err(failed)?);
        let pulses = recount(&|at_s| at_s - at_s.rem_euclid(QUARTER_S));
        if quarters != pulses {
            return Err(format!("quarters {quarters:?}, pulses {pulses:?}"));
        }
        let filled = reader.filled(&zone()).map_err(failed)?;
        let days = sums(reader.days(filled, i64::MIN, i64::MAX).map_err(failed)?);
        let pulses = recount(&|at_s| calendar.day_start_s(calendar.date_at(at_s)));
        if filled.days_from_s > 0 || days != pulses {
            return Err(format!("days {days:?}, pulses {pulses:?}; {filled:?}"));
        }
        Ok(())
    }

    /// Each stamp that was measured is that of the wire, to the millisecond. False: that could not be told of
    /// all meters.
    fn judge_times(
        &self,
        entries: &[StoredPulse],
        names: &BTreeMap<MeterRow, String>,
    ) -> Result<bool, String> {
        if self.time_is_wrong {
            return Ok(false);
        }
        for entry in entries.iter().filter(|entry| !entry.estimated) {
            let meter = METERS
                .iter()
                .position(|name| *name == names[&entry.meter])
                .unwrap();
            if self.bounced[meter] {
                continue;
            }
            let stamp = entry.wall_ns;
            let near = stamp - NS_PER_MS..=stamp + NS_PER_MS;
            if self.true_ns[meter].range(near).next().is_none() {
                return Err(format!(
                    "{}: nothing was on the wire at {stamp}",
                    METERS[meter]
                ));
            }
        }
        Ok(self.bounced == [false; 2])
    }

    /// Every pulse of ours in raw has its extra field, however often it was sent.
    fn judge_extras(&self) -> Checked {
        let store = self.remote.store();
        if !self.extras.are_on() || !store.has_bucket(BUCKET) {
            return Ok(());
        }
        for ((series, stamp), point) in store.points(BUCKET) {
            let mut others = self.others.iter();
            if others.any(|(_, other)| other == stamp) || point.integer("Pulse").is_none() {
                continue;
            }
            let energy = point.fields.get("energy_wh");
            if energy != Some(&Value::Float(WORTH_WH)) {
                return Err(format!("{series} at {stamp} has {energy:?}"));
            }
        }
        Ok(())
    }

    fn judge(&mut self) -> Checked {
        let missing = self.unaccounted()?;
        if missing != [0; 2] {
            return Err(format!("pulses missing: {missing:?}"));
        }
        let mut reader = Reader::open(self.dir.path()).map_err(|e| e.to_string())?;
        let names = reader.meter_names().map_err(|e| e.to_string())?;
        let page = reader
            .page(IdRange::ALL, usize::MAX)
            .map_err(|e| e.to_string())?;
        if !page.held.is_empty() {
            return Err(format!("held though the clock is known: {:?}", page.held));
        }
        let mut journal: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
        for entry in &page.entries {
            let stamps = journal.entry(names[&entry.meter].as_str()).or_default();
            if !stamps.insert(entry.wall_ns.0) {
                return Err(format!("two pulses at {}", entry.wall_ns));
            }
        }
        let here = page
            .entries
            .iter()
            .map(|entry| (entry.meter, entry.wall_ns));
        let all: BTreeSet<(MeterRow, WallNs)> = here.chain(self.left.iter().copied()).collect();
        self.judge_views(&reader, &all)?;
        self.judge_extras()?;
        let times = self.judge_times(&page.entries, &names)?;
        let refused: u64 = reader
            .ledger()
            .map_err(|e| e.to_string())?
            .iter()
            .filter(|(_, cause, _)| *cause == LossCause::Refused)
            .map(|(_, _, loss)| loss.pulses)
            .sum();
        if refused > 0 && !self.poisoned {
            return Err(format!("{refused} refused though no line was bad"));
        }
        let mut absent = 0;
        for name in METERS {
            let here = journal.remove(name).unwrap_or_default();
            let there = stamps(&self.remote, &format!("PowerPulse,PulseType={name}"));
            let known = |stamp: &i64| {
                all.iter()
                    .any(|(meter, at)| at.0 == *stamp && names[meter] == name)
            };
            let theirs = |stamp: &i64| {
                let mut others = self.others.iter();
                others.any(|(meter, at)| at == stamp && METERS[*meter] == name)
            };
            let strange = |stamp: &&i64| !known(stamp) && !theirs(stamp);
            if let Some(strange) = there.difference(&here).find(strange) {
                return Err(format!(
                    "{name}: the server has a pulse at {strange} that is not here"
                ));
            }
            let absent_here = here.difference(&there);
            absent += absent_here
                .filter(|stamp| self.is_comparable(*stamp / NS_PER_S))
                .count() as u64;
        }
        if absent > refused {
            return Err(format!(
                "{absent} pulses did not arrive, {refused} are in quarantine"
            ));
        }
        JUDGED[0].fetch_add(1, Ordering::SeqCst);
        JUDGED[1].fetch_add(
            u32::from(times && self.inexact == [false; 2]),
            Ordering::SeqCst,
        );
        Ok(())
    }
}

/// Its days begin off the hour.
fn zone() -> TimeZone {
    TimeZone::get("Asia/Kathmandu").unwrap()
}

/// What points have beside the pulses, in every other story.
fn extras(are_on: bool) -> Extras {
    let dir = new_dir();
    let fields = if are_on {
        "[\"energy_wh\", \"power_w\"]"
    } else {
        "[]"
    };
    let mut toml = format!("[influx]\nextra_fields = {fields}\n[web]\nlisten = \"off\"\n");
    for (line, meter) in (20..).zip(METERS) {
        let factor = 1_000.0 / WORTH_WH;
        toml += &format!("[[meter]]\nname = \"{meter}\"\nline = {line}\nimp_per_kwh = {factor}\n");
    }
    fs::write(dir.path().join("powerlogger.toml"), toml).unwrap();
    let dotenv = "INFLUX_HOST=http://db:8086\nINFLUX_ORG=o\nINFLUX_TOKEN=t\n";
    fs::write(dir.path().join(".env"), dotenv).unwrap();
    let options = LoadOptions {
        config_dir: Some(dir.path().to_owned()),
        cwd: dir.path().to_owned(),
        ..LoadOptions::default()
    };
    let settings = load(&options).unwrap().settings;
    Extras::new(&settings, &TariffsInUse::new(&settings.tariffs))
}

/// In memory where there is such a place: the runs are many and the card is not the point.
fn new_dir() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    if shm.is_dir() {
        tempfile::tempdir_in(shm).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// Makes one directory of files like another.
fn copy(from: &Path, to: &Path) {
    for old in fs::read_dir(to).unwrap() {
        fs::remove_file(old.unwrap().path()).unwrap();
    }
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        // The index of the WAL lives in memory; SQLite makes it anew.
        if !file.file_name().to_string_lossy().ends_with("-shm") {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

/// What a pulse is worth, in Wh.
const WORTH_WH: f64 = 2.0;

const BUCKET: &str = "PowerLogger_raw";

const MEASUREMENT: &str = "PowerPulse";

fn bucket(level: Tier) -> &'static str {
    match level {
        Tier::Raw => BUCKET,
        Tier::View(View::Minute) => "PowerLogger_1m",
        Tier::View(View::FiveMinutes) => "PowerLogger_5m",
        Tier::View(View::Hour) => "PowerLogger_1h",
    }
}

/// A server with the four buckets and a token for them.
fn remote(clock: &VirtualClock) -> MemorySink {
    let mut store = Store::new("home");
    let ids = Tier::ALL.map(|level| {
        let retention_d = match level {
            Tier::Raw => Some(30),
            Tier::View(view) => view.retention_d(),
        };
        let retention_ns = i64::from(retention_d.unwrap_or(0)) * 86_400 * NS_PER_S;
        store.create_bucket("home", bucket(level), retention_ns)
    });
    store.add_token("writer", &ids.each_ref().map(String::as_str));
    let store = Arc::new(Mutex::new(store));
    MemorySink::new(store, clock.clone(), "home", BUCKET, Some("writer"))
}

/// The same as the reconciler sees it.
fn server(remote: &MemorySink) -> MemoryServer {
    let sinks = Tier::ALL.map(|level| (level, remote.for_bucket(bucket(level))));
    MemoryServer::new(sinks.to_vec(), MEASUREMENT)
}

/// The stamps of a series at the server.
fn stamps(remote: &MemorySink, series: &str) -> BTreeSet<i64> {
    let store = remote.store();
    let of_series = store
        .points(BUCKET)
        .keys()
        .filter(|(of, _)| &**of == series);
    of_series.map(|(_, time_ns)| *time_ns).collect()
}

fn meters() -> Vec<MeterSettings> {
    let filter = FilterSettings {
        counted: CountedEdge::Rising,
        active: Level::Low,
        bounce_ns: 5 * NS_PER_MS,
        min_width_ns: 0,
        max_width_ns: 0,
        min_interval_ns: 30 * NS_PER_MS,
    };
    METERS
        .iter()
        .zip(20..)
        .map(|(name, number)| MeterSettings {
            name: (*name).to_owned(),
            role: None,
            line: LineSettings {
                chip: None,
                line: LineName::Number(number),
                bias: Bias::Up,
                kernel_debounce_us: 0,
            },
            filter,
            unit: powerlogger::model::Quantity::KilowattHours,
            pulses_per_unit: None,
            factors_since: Vec::new(),
            register_digits: None,
            max_rate: 44_000.0,
        })
        .collect()
}
