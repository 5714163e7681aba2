//! The world that the stage is tested in: a clock, a journal that a reboot leaves, and receivers that fail.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use super::super::*;
use crate::alarm::sink::SinkError;
use crate::clock::VirtualClock;
use crate::config::JournalSettings;
use crate::intake::{Intake, PULSES_MAX};
use crate::journal::{Journal, Marks, Reader, Writer};
use crate::live::{JournalPhase, LineLive};
use crate::model::{LineNow, Loss, LossCause, Notice, WallNs};

/// 2026-07-01T12:00:00Z.
pub(super) const NOON: WallNs = WallNs::of_s(1_782_907_200);

/// What receivers were told, and how they behave; it outlives the stages.
#[derive(Debug, Default)]
pub(super) struct Outside {
    /// By receiver: the messages that it took.
    pub(super) told: BTreeMap<String, Vec<AlarmMessage>>,
    /// Receivers that refuse, with the pause that they ask for.
    pub(super) refusing: BTreeMap<String, Option<Duration>>,
    pub(super) tries: usize,
}

pub(super) type Shared = Arc<Mutex<Outside>>;

#[derive(Debug)]
pub(super) struct FakeSink {
    pub(super) name: String,
    pub(super) outside: Shared,
}

impl AlarmSink for FakeSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn send(&mut self, message: &AlarmMessage) -> Result<(), SinkError> {
        let mut outside = self.outside.lock().unwrap();
        outside.tries += 1;
        if let Some(pause) = outside.refusing.get(&self.name) {
            return Err(SinkError {
                why: "refused".to_owned(),
                retry_after: *pause,
            });
        }
        let told = outside.told.entry(self.name.clone()).or_default();
        told.push(message.clone());
        Ok(())
    }
}

/// One run of the daemon, as far as alarms go.
pub(super) struct Run {
    pub(super) board: Arc<Board>,
    pub(super) feed: Arc<AlarmFeed>,
    pub(super) shelf: Arc<AlarmShelf>,
    pub(super) intake: Arc<Intake>,
    pub(super) writer: Option<Writer>,
    pub(super) stage: AlarmStage,
}

pub(super) struct World {
    pub(super) dir: tempfile::TempDir,
    pub(super) clock: VirtualClock,
    pub(super) outside: Shared,
    pub(super) settings: AlarmSettings,
    pub(super) receivers: Vec<&'static str>,
    pub(super) wrong: bool,
    pub(super) lost: u64,
    pub(super) run: Run,
}

pub(super) fn hook(service: &str) -> crate::config::WebhookSettings {
    let text = format!("[[webhook]]\nservice = \"{service}\"\nurl = \"http://127.0.0.1:9\"\n");
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("powerlogger.toml"), text).unwrap();
    let options = crate::config::LoadOptions {
        config_dir: Some(dir.path().to_owned()),
        cwd: dir.path().to_owned(),
        ..crate::config::LoadOptions::default()
    };
    let loaded = crate::config::load(&options).unwrap();
    loaded.settings.alarms.webhooks[0].clone()
}

pub(super) fn settings() -> AlarmSettings {
    AlarmSettings {
        after_s: 60,
        clear_after_s: 300,
        wakes_if_critical: true,
        // It only says that there is somebody to tell: the receivers are fakes.
        webhooks: vec![hook("a")],
        ..AlarmSettings::default()
    }
}

/// A run whose journal is not open.
pub(super) fn begin(
    clock: &VirtualClock,
    outside: &Shared,
    settings: &AlarmSettings,
    receivers: &[&'static str],
) -> Run {
    let board = Arc::new(Board::default());
    let feed = Arc::new(AlarmFeed::new(settings.clone()));
    let intake = Arc::new(Intake::new(PULSES_MAX, Arc::clone(&board)));
    let shelf = Arc::new(AlarmShelf::new(Arc::clone(&intake)));
    let (names, outside) = (receivers.to_vec(), Arc::clone(outside));
    let make = move |_: &AlarmSettings| {
        let sinks = names.iter().map(|name| -> Box<dyn AlarmSink> {
            Box::new(FakeSink {
                name: (*name).to_owned(),
                outside: Arc::clone(&outside),
            })
        });
        sinks.collect()
    };
    let site = AlarmSite {
        name: None,
        zone: TimeZone::UTC,
    };
    let stage = AlarmStage::new(
        Arc::clone(&feed),
        Arc::clone(&shelf),
        Arc::clone(&board),
        Arc::new(clock.clone()),
        site,
        Box::new(make),
    );
    Run {
        board,
        feed,
        shelf,
        intake,
        writer: None,
        stage,
    }
}

impl Run {
    pub(super) fn open(&mut self, dir: &Path, clock: &VirtualClock) {
        let names = ["Import".to_owned()];
        let journal = Journal::open(dir, &names, "boot", clock.wall_ns()).unwrap();
        let marks = Arc::new(Marks::at(journal.newest()));
        let settings = JournalSettings {
            dir: dir.to_owned(),
            sync_interval_ms: 1_000,
            max_bytes: 1 << 30,
            raw_retention_d: 30,
        };
        let intake = Arc::clone(&self.intake);
        let clock: Arc<dyn Clock> = Arc::new(clock.clone());
        let mut writer = Writer::new(journal, intake, marks, clock, settings, None).unwrap();
        writer.keep_alarms_of(Arc::clone(&self.shelf)).unwrap();
        let phase = JournalPhase::Open;
        self.board.publish_journal(|journal| journal.phase = phase);
        self.board.publish_capture(|capture| {
            let is_read = LineNow {
                since_ns: NOON,
                why: None,
            };
            capture.lines = vec![LineLive::new("Import", is_read)];
        });
        self.writer = Some(writer);
    }
}

impl World {
    pub(super) fn new(settings: AlarmSettings, receivers: &[&'static str]) -> World {
        let dir = match tempfile::tempdir_in("/dev/shm") {
            Ok(dir) => dir,
            Err(_) => tempfile::tempdir().unwrap(),
        };
        let (clock, outside) = (VirtualClock::at(NOON), Shared::default());
        let mut run = begin(&clock, &outside, &settings, receivers);
        run.open(dir.path(), &clock);
        World {
            dir,
            clock,
            outside,
            settings,
            receivers: receivers.to_vec(),
            wrong: false,
            lost: 0,
            run,
        }
    }

    /// The board as things are, looked at.
    pub(super) fn look(&mut self) {
        let notice = Notice::PageNotReachable("the port is in use".to_owned());
        let notices = self.wrong.then_some(notice);
        let board = &self.run.board;
        board.set_notices(notices.into_iter().collect());
        let lost = self.lost;
        board.publish_meters(|meters| {
            let losses = &mut meters.entry("Import").losses;
            losses.remove(&LossCause::MemoryFull);
            if lost > 0 {
                losses.insert(LossCause::MemoryFull, Loss::at(lost, NOON));
            }
        });
        let now = (self.clock.mono_ns(), self.clock.wall_ns());
        self.run.feed.look(board, now);
    }

    pub(super) fn step(&mut self) -> Duration {
        self.look();
        self.run.stage.step().1
    }

    /// Everything that is to be done now is done, and kept.
    pub(super) fn settle(&mut self) {
        for _ in 0..50 {
            let wait = self.step();
            if let Some(writer) = &mut self.run.writer {
                writer.step();
            }
            let is_kept = self.run.stage.unkept_ns(self.clock.mono_ns()) == 0;
            if wait > Duration::ZERO && is_kept && self.step() > Duration::ZERO {
                return;
            }
        }
        panic!("it does not settle");
    }

    /// So many seconds pass, looked at as often as the stage asks to, and every five seconds.
    pub(super) fn pass(&mut self, seconds: i64) {
        for _ in 0..seconds / 5 {
            self.clock.advance(5 * NS_PER_S);
            self.settle();
        }
    }

    /// The process dies, and another begins.
    pub(super) fn reboot(&mut self) {
        self.reboot_at(self.clock.wall_ns());
    }

    /// The machine boots, and its clock shows this.
    pub(super) fn reboot_at(&mut self, wall_ns: WallNs) {
        self.unopened(wall_ns);
        self.run.open(self.dir.path(), &self.clock);
    }

    /// The same, and the journal is not opened.
    pub(super) fn unopened(&mut self, wall_ns: WallNs) {
        self.run.writer = None;
        self.clock.boot(wall_ns);
        let (clock, outside) = (&self.clock, &self.outside);
        self.run = begin(clock, outside, &self.settings, &self.receivers);
    }

    /// What a receiver was told: `+` or `-` and the word, in order; messages between bars.
    pub(super) fn told(&self, receiver: &str) -> String {
        let outside = self.outside.lock().unwrap();
        let Some(messages) = outside.told.get(receiver) else {
            return String::new();
        };
        let messages = messages.iter().map(|message| {
            let events = message.events.iter().map(|event| {
                let sign = if event.is_end { "-" } else { "+" };
                format!("{sign}{}", event.alarm.word)
            });
            events.collect::<Vec<_>>().join(" ")
        });
        messages.collect::<Vec<_>>().join(" | ")
    }

    pub(super) fn refuse(&self, receiver: &str, refuses: Option<Option<Duration>>) {
        let mut outside = self.outside.lock().unwrap();
        match refuses {
            Some(pause) => drop(outside.refusing.insert(receiver.to_owned(), pause)),
            None => drop(outside.refusing.remove(receiver)),
        }
    }

    pub(super) fn kept(&self) -> AlarmBook {
        let reader = Reader::open(self.dir.path()).unwrap();
        reader.alarm_book().unwrap()
    }
}
